"""The instant engine: styles drawn with image filters."""
