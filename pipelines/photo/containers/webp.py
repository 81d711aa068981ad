"""WebP (RFC 9649): chunks of a RIFF file."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from pipelines.photo.colour import Profile
from pipelines.photo.containers.bare import Bare, orientation

_PICTURE = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_KNOWN = re.compile(rb"VP8 (?=.{7}\x9d\x01\x2a)|VP8L(?=.{4}\x2f)|ALPH|ANIM|ANMF|EXIF|XMP |ICCP", re.DOTALL)
_SHOWN = re.compile(rb"VP8 .{7}\x9d\x01\x2a|VP8L.{4}\x2f|ANMF", re.DOTALL)
_NAME = re.compile(rb"[A-Za-z0-9]{2}[A-Za-z0-9 ]{2}")
_KEPT_FLAGS = 0x12  # transparency and animation; not profile, EXIF, XMP
_MISSING_BYTES = 128  # or 2 %; the decoder shows what it has


def starts(data: bytes) -> bool:
    """Whether it begins as a WebP does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def bare(data: bytes) -> Bare:
    """The chunks that hold pixels, with the right lengths."""
    parts: list[bytes] = []
    found: dict[bytes, bytes] = {}
    shown = incomplete = False
    for name, size, body in _chunks(data):
        if name == b"VP8X" and not parts and len(body) >= 10:
            parts.append(_chunk(name, bytes([body[0] & _KEPT_FLAGS]) + body[1:10]))
        elif name in _PICTURE and not (shown and name in (b"VP8 ", b"VP8L", b"ALPH")):
            missing = size - len(body)
            if missing > max(_MISSING_BYTES, size // 50):
                return Bare(data)
            incomplete = incomplete or missing > 0
            parts.append(_chunk(name, body + b"\0" * missing))
            shown = shown or name not in (b"ALPH", b"ANIM")
        else:
            found.setdefault(name, body)
    if not shown:
        return Bare(data)
    content = b"WEBP" + b"".join(parts)
    profile = found.get(b"ICCP")
    claims = (Profile(profile),) if profile else ()
    turn = orientation(found.get(b"EXIF", b""), found.get(b"XMP ", b""))
    return Bare(b"RIFF" + struct.pack("<I", len(content)) + content, turn, claims, incomplete=incomplete)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Name, size and body. After a helper with a wrong length it goes on where the next known chunk is."""
    place = 12
    while place + 8 <= len(data):
        name = data[place : place + 4]
        (size,) = struct.unpack_from("<I", data, place + 4)
        end = place + 8 + size
        following = end + size % 2
        if name not in _PICTURE and name != b"VP8X":
            right = len(data) in (end, following) or _NAME.fullmatch(data, following, following + 4)
            if not right or _swallows_the_picture(data, place + 8, following):
                match = _KNOWN.search(data, place + 8)
                if match is None:
                    return
                place = match.start()
                continue
        yield name, size, data[place + 8 : end]
        place = following


def _swallows_the_picture(data: bytes, start: int, end: int) -> bool:
    """Whether the only picture lies inside of what is said to be a helper chunk."""
    inside = _SHOWN.search(data, start, end)
    return inside is not None and not _SHOWN.search(data, 12, start) and not _SHOWN.search(data, end)
