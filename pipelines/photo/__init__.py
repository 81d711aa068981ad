"""A photo: opened, looked at, cut."""
