"""Marks in a picture of where it came from, written and read."""
