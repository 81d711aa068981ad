"""The presets folder as values."""
