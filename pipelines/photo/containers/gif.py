"""GIF (89a): blocks up to the first picture."""

from __future__ import annotations

import re
import struct

from pipelines.photo.containers.bare import MISSING_SHARE, Bare
from pipelines.schema import MAX_UPLOAD_PIXELS

_CONTROL = 0xF9  # the extension that tells which colour is clear
_PICTURE = re.compile(rb"\x2c.{8}[\x00-\x07\x20-\x27\x40-\x47\x60-\x67\x80-\x87\xa0-\xa7\xc0-\xc7\xe0-\xe7]", re.DOTALL)


def starts(data: bytes) -> bool:
    """Whether it begins as a GIF does."""
    return data[:6] in (b"GIF87a", b"GIF89a")


def bare(data: bytes) -> Bare:
    """Palette and first picture."""
    place = 13 + _palette_bytes(data[10])
    head, control = data[:place], b""
    while data[place] != 0x2C:
        if data[place] != 0x21:
            return _found(data, head, control, place)
        end = _after_blocks(data, place + 2)
        if end is None or data[end : end + 1] not in (b"!", b",", b";"):
            return _found(data, head, control, place + 2)
        if data[place + 1] == _CONTROL and end - place == 8:
            control = data[place:end]
        place = end
    return _with(data, head, control, place)


def _found(data: bytes, head: bytes, control: bytes, place: int) -> Bare:
    """The first picture that fits behind a block with a wrong length."""
    width, height = struct.unpack_from("<HH", data, 6)
    for match in _PICTURE.finditer(data, place):
        left, top, wide, high = struct.unpack_from("<4H", data, match.start() + 1)
        pixels = match.end() + _palette_bytes(data[match.end() - 1])
        fits = wide and high and left + wide <= width and top + high <= height
        if fits and pixels < len(data) and 2 <= data[pixels] <= 8 and _after_blocks(data, pixels + 1) is not None:
            before = data[match.start() - 8 : match.start()]
            return _with(data, head, before if before[:3] == b"\x21\xf9\x04" else control, match.start())
    return Bare(data)


def _with(data: bytes, head: bytes, control: bytes, place: int) -> Bare:
    first = place + 10 + _palette_bytes(data[place + 9]) + 1
    end = _after_blocks(data, first)
    picture = data[place:end]  # to the end of the file where it was cut off
    if end is not None:
        return Bare(head + control + picture + b";")
    width, height = struct.unpack_from("<HH", data, place + 5)
    if width * height > MAX_UPLOAD_PIXELS:
        return Bare(data)
    return Bare(head + control + picture + _rest(data, first, width * height), incomplete=True)


def _rest(data: bytes, place: int, pixels: int) -> bytes:
    """What ends a cut row of blocks: zeros for the last one, and zeros that are pixels of the first colour, for as much
    of the picture as may be missing; codes have up to 12 bits."""
    while place < len(data):
        place += 1 + data[place]
    block = b"\xff" + bytes(255)
    return bytes(place - len(data)) + block * (round(MISSING_SHARE * pixels * 12 / 8 / 255) + 1) + b"\0;"


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int | None:
    """The place behind a row of blocks, None where the file ends before."""
    while place < len(data):
        if data[place] == 0:
            return place + 1
        place += 1 + data[place]
    return None
