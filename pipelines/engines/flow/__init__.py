"""Transformers that were trained by flow matching: edit models, which look at pictures, and Z-Image with ControlNet."""
