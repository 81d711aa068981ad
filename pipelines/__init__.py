"""From photo to marked portrait. Knows no Gradio."""

VERSION = "0.1.0"  # as in pyproject.toml; written into every portrait
