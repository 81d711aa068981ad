"""Marks of portraits: what saving writes, and what checking says of any file."""
