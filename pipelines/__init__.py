"""From photo to marked portrait. Knows no Gradio."""
