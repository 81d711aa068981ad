"""What makes portraits: image filters, and models."""
