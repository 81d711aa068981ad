"""HTTP around the page: walls, limits, routes. Knows no widget."""
