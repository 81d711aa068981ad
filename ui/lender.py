"""What the package that lends GPUs is to know before it is imported; so nothing heavy is imported here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_PATTERN = "ZEROGPU_MMAP_AUTOPRUNE_PATTERN"
_NONE = "/nowhere/*"


def keep_weights(home: Path | None = None) -> None:
    """Keep the hub's files of weights where the disk holds them twice.

    The lender writes the weights into a file of its own and deletes the hub's, by default. Then the page would say that
    the model is only partly here, and could not load it anew where memory ran out.

    Args:
        home: The hub's cache; left out, where the lender looks for it.
    """
    home = home or Path.home() / ".cache" / "huggingface"
    blobs = [path for path in home.glob("hub/models--*/blobs/*") if path.is_file()]
    there = sum(path.stat().st_size for path in blobs)
    if there < shutil.disk_usage(home if home.exists() else Path.home()).free:
        os.environ.setdefault(_PATTERN, _NONE)
