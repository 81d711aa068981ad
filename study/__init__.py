"""People's data, auditable in one folder. Knows no Gradio, no torch."""
