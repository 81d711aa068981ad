"""Picture files taken apart: what the pixels need is kept, and what the rest says is read without trusting it.

Decoders refuse a whole photo for a fault in its metadata, which is thrown away anyway. So they get files without any:
each module here walks one kind of container, keeps the parts that hold pixels, and picks out orientation and colour.
What a module does not understand it hands on as it came, and the decoder decides.
"""

from __future__ import annotations

import struct

from pipelines.photo.containers import bmff, bmp, gif, jpeg, png, tiff, webp
from pipelines.photo.containers.bare import Bare

__all__ = ["Bare", "bare"]


def bare(data: bytes) -> Bare:
    """A picture file without metadata; the same bytes where it is of another kind or cannot be followed."""
    for kind in (jpeg, png, webp, tiff, bmff, gif, bmp):  # tiff before bmff: one raw begins as HEIC does
        if kind.starts(data):
            try:
                return kind.bare(data)
            except (struct.error, IndexError, ValueError):
                return Bare(data)
    return Bare(data)
