"""What the server remembers of visitors while their page is open. Knows no Gradio and no HTTP."""
