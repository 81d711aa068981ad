"""What visitors see: Gradio, and nothing else in this project knows Gradio."""
