"""A picture file without its metadata, and the little of it that counts."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.photo.colour import Claim

_XMP_TURN = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>)\s*([1-8])""")
MISSING_SHARE = 0.25  # of a picture's rows; a photo that lost more at its end is no photo any more


@dataclass(frozen=True)
class Bare:
    """A file to decode.

    Attributes:
        data: The file without metadata.
        orientation: EXIF orientation, 1..8.
        claims: About its colours, in order of rank.
        pixels: How many the container promises, 0 where the decoder tells without being asked to unpack.
        incomplete: Its end is missing.
        raw: It is a camera raw without a picture that can be shown.
    """

    data: bytes
    orientation: int = 1
    claims: Sequence[Claim] = ()
    pixels: int = 0
    incomplete: bool = False
    raw: bool = False


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """EXIF orientation of a block of EXIF, else of XMP, else 1, whatever else may be wrong with them."""
    block = exif[6:] if exif[:6] in (b"Exif\0\0", b"Exif\0\xff") else exif
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    try:
        if order is not None:
            (start,) = struct.unpack_from(order + "I", block, 4)
            (count,) = struct.unpack_from(order + "H", block, start)
            for place in range(start + 2, start + 2 + 12 * count, 12):
                tag, kind = struct.unpack_from(order + "HH", block, place)
                if tag == 0x0112:
                    code = {1: "B", 3: "H", 4: "I"}.get(kind)
                    value = struct.unpack_from(order + code, block, place + 8)[0] if code else 1
                    return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    turn = _XMP_TURN.search(xmp)
    return int(turn[1]) if turn else 1
