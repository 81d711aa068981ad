"""JPEG (ITU-T T.81): segments up to the first scan."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.photo.colour import Profile
from pipelines.photo.containers.bare import Bare, orientation

_FRAME = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_NEEDED = _FRAME | {0xC4, 0xCC, 0xDB, 0xDD}  # and tables
_SCAN, _QUANTISATION = 0xDA, 0xDB
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xdb\xdd\xe0-\xef\xfe]")
_TRIES = 2000  # places where the picture may go on after a segment with a wrong length
_PROFILE = b"ICC_PROFILE\0"
_PLAIN_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"


@dataclass
class _Head:
    """Segments in a row: (marker, start, end), the start of the first scan, and the place where it broke off."""

    segments: list[tuple[int, int, int]] = field(default_factory=list)
    scan: int = 0
    broken: int = 0
    area: int = 0

    def whole(self, data: bytes) -> bool:
        """Whether frame and scan are there, and all quantisation tables that the frame asks for."""
        if not (self.scan and self.area):
            return False
        wanted, defined = set[int](), set[int]()
        for marker, start, end in self.segments:
            body = data[start + 4 : end]
            if marker in _FRAME:
                wanted = set(body[8 : 6 + 3 * body[5] : 3]) if len(body) > 5 else set()
            elif marker == _QUANTISATION:
                defined.update(_tables(body))
        return bool(defined) and wanted <= defined


def _tables(body: bytes) -> Iterator[int]:
    """Numbers of the quantisation tables in a segment."""
    place = 0
    while place < len(body):
        yield body[place] & 15
        place += 129 if body[place] >> 4 else 65


def starts(data: bytes) -> bool:
    """Whether it begins as a JPEG does."""
    return data[:3] == b"\xff\xd8\xff"


def area(data: bytes, start: int) -> int:
    """Pixels of the JPEG that begins there, 0 where there is none that can be shown."""
    head = _walk(data, start + 2)
    frames = {marker for marker, _, _ in head.segments} & _FRAME
    return head.area if head.whole(data) and frames <= {0xC0, 0xC1, 0xC2} else 0


def bare(data: bytes) -> Bare:
    """Frame, tables, scans, and the two markers that tell which colours the components are."""
    first = _walk(data, 2)
    head = first if first.whole(data) else _recovered(data, first)
    if head is None:
        return Bare(data)
    parts, exif, xmp = [b"\xff\xd8"], b"", b""
    profile: dict[int, bytes] = {}
    for marker, start, end in head.segments:
        body = data[start + 4 : end]
        if marker in _NEEDED:
            parts.append(data[start:end])
        elif marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 14:
            parts.append(_PLAIN_JFIF)
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            parts.append(b"\xff\xee\0\x0e" + body[:12])
        elif marker == 0xE1 and body[:4] == b"Exif":
            exif = exif or body
        elif marker == 0xE1 and b"tiff:Orientation" in body:
            xmp = xmp or body
        elif marker == 0xE2 and body[:12] == _PROFILE and len(body) > 14:
            profile.setdefault(body[12], body[14:])
    rest = data[head.scan :]
    incomplete = b"\xff\xd9" not in rest
    if incomplete:
        rest = rest.rstrip(b"\xff") + b"\xff\xd9"
    parts.append(rest)
    claims = (Profile(b"".join(profile[number] for number in sorted(profile))),) if profile else ()
    return Bare(b"".join(parts), orientation(exif, xmp), claims, incomplete=incomplete)


def _walk(data: bytes, place: int) -> _Head:
    head = _Head()
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in _ALONE:
            place += 2
            continue
        if marker == _SCAN:
            head.scan = place
            return head
        (length,) = struct.unpack_from(">H", data, place + 2)
        end = place + 2 + length
        if marker < 0xC0 or length < 2 or end + 2 > len(data) or data[end] != 0xFF or data[end + 1] in (0, 0xD9):
            break
        if marker in _FRAME and length >= 8:
            height, width = struct.unpack_from(">HH", data, place + 5)
            head.area = max(head.area, height * width)
        head.segments.append((marker, place, end))
        place = end
    head.broken = place
    return head


def _recovered(data: bytes, first: _Head) -> _Head | None:
    """The largest picture that goes on behind a segment with a wrong length."""
    if first.scan:  # it broke nowhere, but a segment that is too long may have swallowed frame or tables
        first.broken = first.segments[0][1] if first.segments else 2
        first.segments.clear()
    while first.segments and first.segments[-1][0] not in _NEEDED and first.broken - first.segments[-1][1] > 4:
        if b"\xff\xdb" not in data[first.segments[-1][1] : first.broken]:
            break
        first.broken = first.segments.pop()[1]  # the last one may have ended at a marker by chance
    best: _Head | None = None
    seen: set[int] = set()
    for number, match in enumerate(_MARKER.finditer(data, first.broken + 2)):
        if number > _TRIES:
            break
        if match.start() in seen:
            continue
        between = data[first.broken : match.start()]
        if between.count(b"\xff\xd8\xff") > between.count(b"\xff\xd9"):  # inside a thumbnail
            continue
        head = _walk(data, match.start())
        seen.update(start for _, start, _ in head.segments)
        joined = _Head(first.segments + head.segments, head.scan, 0, max(head.area, first.area))
        if joined.whole(data) and (best is None or joined.area > best.area):
            best = joined
    return best
