"""What a file is called when it is handed out."""

from __future__ import annotations

from pathlib import Path


def download_name(path: Path) -> str:
    """File name that a visitor gets: the written one, without its random part."""
    return f"self-portrait-{path.stem.rsplit('-', 1)[0]}{path.suffix}"
