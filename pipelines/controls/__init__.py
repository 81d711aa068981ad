"""What is drawn from a photo to guide a model."""
