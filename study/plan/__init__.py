"""What a study asks, of whom, and in which order: its file, its lock, and everybody's schedule."""
