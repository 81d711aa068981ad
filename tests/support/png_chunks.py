"""Takes PNG files apart and puts them together again with right check sums, as somebody who tampers would."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk."""
    position = len(SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        position += 12 + length


def rebuilt(png: bytes, change: Callable[[bytes, bytes], bytes]) -> bytes:
    """The same PNG with `change(kind, body)` as the body of each chunk."""
    parts = [SIGNATURE]
    for kind, body in chunks(png):
        new = change(kind, body)
        parts += [struct.pack(">I", len(new)), kind, new, struct.pack(">I", zlib.crc32(kind + new))]
    return b"".join(parts)


def replaced(png: bytes, kind: bytes, old: bytes, new: bytes) -> bytes:
    """The same PNG with `old` replaced in chunks of one kind, where it must occur."""
    assert any(old in body for found, body in chunks(png) if found == kind)
    return rebuilt(png, lambda found, body: body.replace(old, new) if found == kind else body)
