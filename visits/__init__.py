"""What the server remembers of visitors while their page is open and shortly after. Knows no Gradio and no HTTP."""
