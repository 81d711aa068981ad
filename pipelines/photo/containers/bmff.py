"""HEIC and AVIF (ISO/IEC 23008-12): boxes, changed where they lie, since items are found by their place in the file."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.photo.colour import Claim, Codes, Profile
from pipelines.photo.containers.bare import Bare

_NEEDED = (b"ftyp", b"meta", b"mdat", b"moov", b"idat")
_KNOWN = re.compile(rb"meta|mdat|moov|free|skip|uuid")
_NAME = re.compile(rb"[A-Za-z0-9]{3}[A-Za-z0-9 ]")
_METADATA = (b"Exif", b"mime", b"uri ")
_MISSING_BYTES = 128  # or 1 %


@dataclass(frozen=True)
class _Box:
    name: bytes
    start: int
    body: int
    end: int


def starts(data: bytes) -> bool:
    """Whether it begins as HEIC and AVIF do."""
    return data[4:8] == b"ftyp"


def bare(data: bytes) -> Bare:
    """The file with EXIF and XMP unnamed and the lengths of helper boxes mended; colour and size of the picture."""
    out = bytearray(data)
    missing = _mend(out)
    if missing > max(_MISSING_BYTES, len(data) // 100):
        return Bare(data)
    out += b"\0" * missing
    meta = _child(out, 0, len(out), b"meta")
    if meta is None:
        return Bare(bytes(out), incomplete=missing > 0)
    _hide_metadata(out, meta)
    own, every = _properties(out, meta)
    sizes = [struct.unpack_from(">II", out, box.body + 4) for box in every if box.name == b"ispe"]
    claims = _claims(out, own) or _claims(out, every)
    pixels = max((width * height for width, height in sizes), default=0)
    return Bare(bytes(out), claims=claims, pixels=pixels, incomplete=missing > 0)


def _box(data: bytes | bytearray, place: int, end: int) -> _Box | None:
    """The box that begins there; its end may lie behind the file's."""
    if place + 8 > end:
        return None
    size, name = struct.unpack_from(">I4s", data, place)
    body = place + 8
    if size == 1 and place + 16 <= end:
        (size,) = struct.unpack_from(">Q", data, place + 8)
        body += 8
    elif size == 0:
        size = end - place
    return _Box(name, place, body, place + size) if place + size >= body else None


def _boxes(data: bytes | bytearray, place: int, end: int) -> Iterator[_Box]:
    while (box := _box(data, place, end)) is not None and box.end <= end:
        yield box
        place = box.end


def _child(data: bytearray, place: int, end: int, name: bytes) -> _Box | None:
    return next((box for box in _boxes(data, place, end) if box.name == name), None)


def _mend(data: bytearray) -> int:
    """Give helper boxes at the top the lengths that they have; how many bytes of the last one are missing."""
    place = 0
    while place < len(data):
        box = _box(data, place, len(data))
        if box is not None and box.end <= len(data) and (box.end == len(data) or _likely(data, box.end)):
            if box.name in _NEEDED or not _holds_all_pixels(data, box):
                place = box.end
                continue
        elif box is not None and box.name in _NEEDED:
            return max(0, box.end - len(data))
        match = next((found for found in _KNOWN.finditer(data, place + 12) if _right(data, found.start() - 4)), None)
        if place == 0 or len(data) - place < 8:
            del data[max(place, 8) :]
            return 0
        end = len(data) if match is None else match.start() - 4
        struct.pack_into(">I4s", data, place, end - place, b"free")
        place = end
    return 0


def _likely(data: bytearray, place: int) -> bool:
    return _NAME.fullmatch(data, place + 4, place + 8) is not None


def _right(data: bytearray, place: int) -> bool:
    box = _box(data, place, len(data))
    return box is not None and (box.end == len(data) or (box.end < len(data) and _likely(data, box.end)))


def _holds_all_pixels(data: bytearray, box: _Box) -> bool:
    """Whether the only pictures lie inside of what is said to be a helper box."""
    return b"mdat" in data[box.body : box.end] and b"mdat" not in data[: box.start] and b"mdat" not in data[box.end :]


def _hide_metadata(data: bytearray, meta: _Box) -> None:
    items = _child(data, meta.body + 4, meta.end, b"iinf")
    if items is None:
        return
    first = items.body + (6 if data[items.body] == 0 else 8)
    for entry in _boxes(data, first, items.end):
        if entry.name == b"infe" and data[entry.body] >= 2:
            place = entry.body + (8 if data[entry.body] == 2 else 10)
            if data[place : place + 4] in _METADATA and place + 4 <= entry.end:
                data[place : place + 4] = b"none"


def _properties(data: bytearray, meta: _Box) -> tuple[list[_Box], list[_Box]]:
    """Properties of the primary item, and of all items."""
    holder = _child(data, meta.body + 4, meta.end, b"iprp")
    primary = _child(data, meta.body + 4, meta.end, b"pitm")
    if holder is None or primary is None:
        return [], []
    container = _child(data, holder.body, holder.end, b"ipco")
    every = list(_boxes(data, container.body, container.end)) if container else []
    wanted = struct.unpack_from(">H" if data[primary.body] == 0 else ">I", data, primary.body + 4)[0]
    own: list[_Box] = []
    for box in _boxes(data, holder.body, holder.end):
        if box.name == b"ipma":
            own += [every[index - 1] for index in _associated(data, box, wanted) if 0 < index <= len(every)]
    return own, every


def _associated(data: bytearray, box: _Box, wanted: int) -> Iterator[int]:
    version, wide = data[box.body], data[box.body + 3] & 1
    (count,) = struct.unpack_from(">I", data, box.body + 4)
    place = box.body + 8
    for _ in range(count):
        item, number = struct.unpack_from(">HB" if version == 0 else ">IB", data, place)
        place += 3 if version == 0 else 5
        for _ in range(number):
            index = struct.unpack_from(">H", data, place)[0] & 0x7FFF if wide else data[place] & 0x7F
            place += 2 if wide else 1
            if item == wanted:
                yield index


def _claims(data: bytearray, boxes: list[_Box]) -> tuple[Claim, ...]:
    """A profile before code points, as in MIAF. What the codes say of matrix and range is the decoder's affair."""
    profiles: list[Claim] = []
    codes: list[Claim] = []
    for box in boxes:
        kind = bytes(data[box.body : box.body + 4])
        if box.name == b"colr" and kind in (b"prof", b"rICC"):
            profiles.append(Profile(bytes(data[box.body + 4 : box.end])))
        elif box.name == b"colr" and kind == b"nclx" and box.end - box.body >= 8:
            codes.append(Codes(*struct.unpack_from(">HH", data, box.body + 4)))
    return (*profiles[:1], *codes[:1])
