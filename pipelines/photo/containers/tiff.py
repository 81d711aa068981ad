"""TIFF (6.0, BigTIFF) and the camera raws that are built like it: directories, cleaned where they lie."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.photo.colour import Profile
from pipelines.photo.containers import jpeg
from pipelines.photo.containers.bare import MISSING_SHARE, Bare, orientation
from pipelines.schema import MAX_UPLOAD_PIXELS

_NEEDED = frozenset(
    (
        *(254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332),
        *(338, 339, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
    )
)
_KIND, _WIDTH, _HEIGHT, _PACKING, _MEANING, _STRIPS, _TURN = 254, 256, 257, 259, 262, 273, 274
_STRIP_BYTES, _TILE_BYTES = 279, 325
_TILES, _CHILDREN, _PROFILE, _XMP, _DNG = 324, 330, 34675, 700, 50706
_SENSOR = (32803, 34892)  # meanings of pixels: colour filter, linear raw
_VENDORS = (262, 32767, 32769, 32770, 34713, 65000, 65535)  # packings of Kodak, Sony, Epson, Samsung, Nikon, Pentax
_SHOWN = (0, 1, 2, 3, 5, 6, 8)
_PACKINGS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 50001)
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_PAGES = 64
_THUMBNAIL = 512  # pixels on the long side
_OTHER_RAWS = re.compile(
    rb"II(?:RO|RS|U\0)|MMOR|FUJIFILMCCD-RAW|\0MRM|FOVb|II\x1a\0\0\0HEAPCCDR|.{4}ftypcrx ", re.DOTALL
)


@dataclass(frozen=True)
class _Directory:
    """One page: where each entry lies, by its tag."""

    place: int
    entries: dict[int, int]
    following: int


class _Reader:
    """Numbers of a file in its own order and width."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = struct.unpack_from(self.order + "H", data, 2)[0] == 43
        self.offset, self.count, self.entry = ("Q", "Q", 20) if self.big else ("I", "H", 12)

    def number(self, code: str, place: int) -> int:
        return int(struct.unpack_from(self.order + code, self.data, place)[0])

    def directory(self, place: int) -> _Directory:
        first = place + struct.calcsize(self.order + self.count)
        count = min(self.number(self.count, place), 4096)
        entries = {self.number("H", at): at for at in range(first, first + count * self.entry, self.entry)}
        end = first + count * self.entry
        room = end + struct.calcsize(self.order + self.offset) <= len(self.data)
        return _Directory(place, entries, self.number(self.offset, end) if room else 0)

    def values(self, page: _Directory, tag: int) -> bytes:
        """The bytes of an entry, nothing where it has none."""
        at = page.entries.get(tag)
        if at is None:
            return b""
        size = _SIZES.get(self.number("H", at + 2), 0) * self.number(self.offset, at + 4)
        inline = at + 4 + struct.calcsize(self.order + self.offset)
        place = inline if size <= self.entry - (inline - at) else self.number(self.offset, inline)
        return self.data[place : place + size]

    def numbers(self, page: _Directory, tag: int) -> list[int]:
        raw = self.values(page, tag)
        kind = self.number("H", page.entries[tag] + 2) if raw else 0
        code = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(kind)
        return [] if code is None else list(struct.unpack(f"{self.order}{len(raw) // _SIZES[kind]}{code}", raw))

    def one(self, page: _Directory, tag: int, default: int = 0) -> int:
        return next(iter(self.numbers(page, tag)), default)

    def pages(self) -> Iterator[_Directory]:
        """All directories and their children, the first one first."""
        waiting, seen = [self.number(self.offset, 8 if self.big else 4)], set[int]()
        while waiting and len(seen) < _PAGES:
            place = waiting.pop(0)
            if place in seen or not 0 < place < len(self.data) - 2:
                continue
            seen.add(place)
            try:
                page = self.directory(place)
                children = self.numbers(page, _CHILDREN)[:_PAGES]
            except struct.error:
                continue
            yield page
            waiting += [*children, page.following]


def starts(data: bytes) -> bool:
    """Whether it begins as a TIFF or a camera raw does."""
    tiff = data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*")
    return tiff or _OTHER_RAWS.match(data) is not None


def bare(data: bytes) -> Bare:
    """The first page without metadata; of camera raws the largest picture that can be shown."""
    if _OTHER_RAWS.match(data):
        return _preview(data, 0, _turn_of_raw(data)) or Bare(data, raw=True)
    reader = _Reader(data)
    pages = list(reader.pages())
    if not pages:
        return Bare(data)
    raw = data[8:10] == b"CR" or any(_is_sensor(reader, page) for page in pages)
    page = max(pages, key=lambda one: _area(reader, one))  # of equals the first
    first = pages[0]
    longest = max(reader.one(first, _WIDTH), reader.one(first, _HEIGHT))
    reduced = bool(reader.one(first, _KIND) & 1)
    if not raw and not reduced and longest > _THUMBNAIL and _area(reader, first):
        page = first
    elif raw or reduced or not _area(reader, page):
        preview = _preview(data, _area(reader, page), reader.one(first, _TURN))
        if preview is not None:
            return preview
        small = max(reader.one(page, _WIDTH), reader.one(page, _HEIGHT)) <= _THUMBNAIL
        if (raw and small) or not _area(reader, page):
            return Bare(data, raw=raw)
    xmp = reader.values(page, _XMP) if _TURN not in page.entries else b""
    turn = reader.one(page, _TURN) or reader.one(first, _TURN) or orientation(b"", xmp)
    profile = reader.values(page, _PROFILE) or reader.values(first, _PROFILE)
    claims = (Profile(profile),) if profile else ()
    missing = _missing(reader, page)
    return Bare(_cleaned(reader, page) + bytes(missing), turn if 1 <= turn <= 8 else 1, claims, incomplete=missing > 0)


def _missing(reader: _Reader, page: _Directory) -> int:
    """Bytes that the page's strips or tiles should reach beyond the file; 0 where that is too much of them."""
    for places, counts in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
        lengths = reader.numbers(page, counts)
        ends = [place + count for place, count in zip(reader.numbers(page, places), lengths, strict=False)]
        if ends:
            missing = max(ends) - len(reader.data)
            return missing if 0 < missing <= MISSING_SHARE * sum(lengths) else 0
    return 0


def _is_sensor(reader: _Reader, page: _Directory) -> bool:
    special = reader.one(page, _MEANING) in _SENSOR or reader.one(page, _PACKING) in _VENDORS
    return special or _DNG in page.entries


def _area(reader: _Reader, page: _Directory) -> int:
    """Pixels of a page that can be shown, else 0."""
    if not (_STRIPS in page.entries or _TILES in page.entries):
        return 0
    if reader.one(page, _MEANING) not in _SHOWN or reader.one(page, _PACKING, 1) not in _PACKINGS:
        return 0
    return reader.one(page, _WIDTH) * reader.one(page, _HEIGHT)


def _preview(data: bytes, least: int, turn: int) -> Bare | None:
    """The largest JPEG in a camera raw, where it has more pixels than `least` and is no mere thumbnail."""
    best, place = max(least, _THUMBNAIL**2 // 2), -1
    for match in re.finditer(rb"\xff\xd8\xff", data):
        area = jpeg.area(data, match.start())
        if best < area <= MAX_UPLOAD_PIXELS:
            best, place = area, match.start()
    if place < 0:
        return None
    found = jpeg.bare(data[place:])
    return Bare(found.data, turn if 1 <= turn <= 8 else found.orientation, found.claims, incomplete=found.incomplete)


def _turn_of_raw(data: bytes) -> int:
    """Orientation of raws that are no TIFF in name, 0 where the preview's own counts."""
    place = data.find(b"CMT1")
    block = data[place + 4 : place + 4 + 65536] if place >= 0 else data[:2] + (b"*\0" if data[:1] == b"I" else b"\0*")
    if place < 0 and data[:2] in (b"II", b"MM"):
        block += data[4:65536]
    turn = orientation(block)
    return turn if turn > 1 else 0


def _cleaned(reader: _Reader, page: _Directory) -> bytes:
    """The file with this page alone, and of its entries those that pixels need."""
    out = bytearray(reader.data)
    kept = [reader.data[at : at + reader.entry] for tag, at in sorted(page.entries.items()) if tag in _NEEDED]
    place = page.place
    struct.pack_into(reader.order + reader.count, out, place, len(kept))
    place += struct.calcsize(reader.order + reader.count)
    for entry in kept:
        out[place : place + reader.entry] = entry
        place += reader.entry
    if place + 8 <= len(out):
        struct.pack_into(reader.order + reader.offset, out, place, 0)
    struct.pack_into(reader.order + reader.offset, out, 8 if reader.big else 4, page.place)
    return bytes(out)
