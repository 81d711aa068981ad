"""PNG (third edition): chunks."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from pipelines.photo.colour import MAX_PROFILE_BYTES, Claim, Codes, Gamma, Profile, Srgb
from pipelines.photo.containers.bare import MISSING_SHARE, Bare, orientation

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KNOWN = re.compile(
    rb"IDAT|IEND|PLTE|tRNS|gAMA|cHRM|sRGB|iCCP|cICP|eXIf|tEXt|zTXt|iTXt|pHYs|bKGD|tIME|sBIT|hIST|sPLT|acTL|fcTL|fdAT"
)
_TEXT_BYTES = 2**20  # of EXIF and XMP in text, unpacked
_RAW_EXIF = b"Raw profile type exif"
_XMP = b"XML:com.adobe.xmp"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((8, 8, 0, 0), (8, 8, 4, 0), (4, 8, 0, 4), (4, 4, 2, 0), (2, 4, 0, 2), (2, 2, 1, 0), (1, 2, 0, 1))
_PIECE = 2**20


def starts(data: bytes) -> bool:
    """Whether it begins as a PNG does."""
    return data[:8] == _SIGNATURE


def bare(data: bytes) -> Bare:
    """Header, palette, transparency and pixels; of each kind of helper the first that is sound."""
    chunks = _chunks(data)
    kind, header, sound = next(chunks, (b"", b"", False))
    if kind != b"IHDR" or not sound or len(header) != 13:
        return Bare(data)
    helpers: dict[bytes, bytes] = {}
    palette = b""
    pixels: list[bytes] = []
    cut = True
    for kind, body, sound in chunks:
        if kind == b"IDAT":
            pixels.append(body)
        elif kind == b"IEND":
            cut = False
            break
        elif kind == b"PLTE" and not palette and not pixels:
            palette = body
        elif sound and kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword = body.split(b"\0", 1)[0]
            if keyword in (_RAW_EXIF, _XMP):
                helpers.setdefault(keyword, _text(kind, body))
        elif sound and (kind == b"eXIf" or not pixels):
            helpers.setdefault(kind, body)
    packed, incomplete = b"".join(pixels), False
    del pixels
    if cut:
        packed, incomplete = _completed(packed, header)
    parts = [_SIGNATURE, _chunk(b"IHDR", header)]
    if header[9] == 3:
        parts.append(_chunk(b"PLTE", palette))
    if _fits(helpers.get(b"tRNS", b""), header[9]):
        parts.append(_chunk(b"tRNS", helpers[b"tRNS"]))
    parts += [_chunk(b"IDAT", packed), _chunk(b"IEND", b"")]
    exif = helpers.get(b"eXIf") or _from_hex(helpers.get(_RAW_EXIF, b""))
    turn = orientation(exif, helpers.get(_XMP, b""))
    return Bare(b"".join(parts), turn, tuple(_claims(helpers)), incomplete=incomplete)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Kind, body and whether the sum is right. After a chunk with a wrong length it goes on where the next one is."""
    place = 8
    while place + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind, end = data[place + 4 : place + 8], place + 12 + length
        body = data[place + 8 : end - 4]
        sound = end <= len(data) and zlib.crc32(kind + body) == int.from_bytes(data[end - 4 : end], "big")
        if not sound and kind != b"IHDR" and not _KNOWN.fullmatch(data, end + 4, end + 8) and end != len(data):
            following = _resumed(data, place + 8)
            if kind == b"IDAT":  # to the next chunk, or to the end of a file that was cut off
                yield kind, body if following is None else data[place + 8 : following - 4], False
            if following is None:
                return
            place = following
            continue
        yield kind, body, sound
        place = end


def _resumed(data: bytes, place: int) -> int | None:
    """Where the next chunk with a right sum begins."""
    for match in _KNOWN.finditer(data, place):
        start = match.start() - 4
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 12 + length
        if place <= start < end <= len(data):
            sum_of_it = int.from_bytes(data[end - 4 : end], "big")
            if zlib.crc32(data[start + 4 : end - 4]) == sum_of_it:
                return start
    return None


def _chunk(kind: bytes, body: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))))


def _fits(transparency: bytes, colour: int) -> bool:
    size = len(transparency)
    return {0: size == 2, 2: size == 6, 3: 0 < size <= 256}.get(colour, False)


def _unpacked(packed: bytes, most: int) -> bytes:
    """Inflated, or nothing where it is broken or larger than `most`."""
    try:
        stream = zlib.decompressobj()
        plain = stream.decompress(packed, most)
        return plain if stream.eof else b""
    except zlib.error:
        return b""


def _text(kind: bytes, body: bytes) -> bytes:
    _, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _unpacked(rest[1:], _TEXT_BYTES)
    packed, words = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    return _unpacked(words, _TEXT_BYTES) if packed else words


def _from_hex(text: bytes) -> bytes:
    """EXIF in the way of ImageMagick: a name, a length, hexadecimal digits."""
    lines = text.split(b"\n", 3)
    try:
        return bytes.fromhex(b"".join(lines[3].split()).decode("ascii")) if len(lines) == 4 else b""
    except ValueError:
        return b""


def _claims(helpers: dict[bytes, bytes]) -> Iterator[Claim]:
    """In the order of the third edition: cICP, iCCP, sRGB, gAMA with cHRM."""
    codes = helpers.get(b"cICP", b"")
    if len(codes) == 4 and codes[2] == 0 and codes[3] in (0, 1):
        yield Codes(codes[0], codes[1], bool(codes[3]))
    if b"iCCP" in helpers:
        profile = _unpacked(helpers[b"iCCP"].partition(b"\0")[2][1:], MAX_PROFILE_BYTES)
        if profile:
            yield Profile(profile)
    if len(helpers.get(b"sRGB", b"")) == 1:
        yield Srgb()
    gamma, white = helpers.get(b"gAMA", b""), helpers.get(b"cHRM", b"")
    exponent = int.from_bytes(gamma, "big") / 100_000 if len(gamma) == 4 else None
    points = tuple(value / 100_000 for value in struct.unpack(">8I", white)) if len(white) == 32 else None
    if points is not None:
        yield Gamma(exponent, points)
    if exponent is not None:  # also where the chromaticities make no sense
        yield Gamma(exponent)


def _completed(packed: bytes, header: bytes) -> tuple[bytes, bool]:
    """Pixels of a file that was cut off, its last row going on to the bottom, and whether any were missing.

    What is too short stays as it is, and the decoder refuses it.
    """
    expected, row = _sizes(header)
    reader, writer = zlib.decompressobj(), zlib.compressobj(1)
    parts: list[bytes] = []
    got = 0
    try:
        for start in range(0, len(packed), _PIECE):
            rest = packed[start : start + _PIECE]
            while rest and got <= expected:
                plain = reader.decompress(rest, _PIECE)
                rest = reader.unconsumed_tail
                got += len(plain)
                parts.append(writer.compress(plain))
    except zlib.error:
        return packed, False
    if reader.eof or not expected * (1 - MISSING_SHARE) <= got <= expected:
        return packed, False
    if row:
        parts.append(writer.compress(b"\0" * (-got % row)))
        for _ in range((expected - got) // row):
            parts.append(writer.compress(b"\2" + b"\0" * (row - 1)))  # filter 2: as the row above
    else:
        parts.append(writer.compress(b"\0" * (expected - got)))
    return b"".join(parts) + writer.flush(), True


def _sizes(header: bytes) -> tuple[int, int]:
    """Bytes of all rows with their filter bytes, and of one row (0 where rows differ)."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS.get(colour, 4)
    row = 1 + (width * bits + 7) // 8
    if not interlaced:
        return row * height, row
    total = 0
    for across, down, left, top in _PASSES:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total, 0
