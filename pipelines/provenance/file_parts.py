"""The words of picture files, read without decoding them; `containers` is for their pixels.

Decoders give up at the first wrong length or check sum; whoever asks what a picture says of itself wants the rest. So
everything here takes what is there. Pure functions on bytes.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_CHUNK_NAME = re.compile(rb"[A-Za-z]{4}")
_NEXT_CHUNK = re.compile(rb"IDAT|IEND|PLTE|tRNS|[tiz][TE]Xt|eXIf|caBX|iCCP|pHYs|gAMA|sRGB|cHRM|tIME|bKGD")
_C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA 2.2, appendix A.5
_TIFF_HEADS = (b"II*\0", b"MM\0*")
_TIFF = re.compile(rb"II\*\0\x08\0\0\0|MM\0\*\0\0\0\x08")
_XMP_HEAD, _XMP_MORE = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_IPTC_RESOURCE = 0x0404  # of Photoshop's image resources
_MOST_TEXT = 4 * 2**20  # bytes of one inflated text; workflows reach hundreds of kilobytes
_MOST_TEXTS = 400


@dataclass
class Parts:
    """What a file holds beside its pixels, as it stands there."""

    texts: list[tuple[str, str]] = field(default_factory=list)  # keyword and text
    xmp: list[bytes] = field(default_factory=list)
    exif: list[bytes] = field(default_factory=list)  # TIFF streams
    iptc: list[bytes] = field(default_factory=list)  # IIM datasets
    has_manifest: bool = False  # a place for a C2PA manifest is there, whatever is in it


def parts(data: bytes) -> Parts:
    """The words of a PNG, JPEG, WebP, GIF, TIFF, AVIF or HEIC file, however broken; empty for anything else."""
    found = Parts()
    with contextlib.suppress(ValueError, IndexError):
        if data.startswith(_PNG):
            _read_png(data, found)
        elif data.startswith(_JPEG):
            _read_jpeg(data, found)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            _read_webp(data, found)
        elif data.startswith(b"GIF8"):
            _read_gif(data, found)
        elif data.startswith(_TIFF_HEADS):
            found.exif.append(data)
        elif data[4:8] == b"ftyp":
            _read_boxes(data, found)
    return found


# --- PNG ---


def png_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk. Where a length is wrong, it goes on at the next name of a chunk that is known."""
    place = len(_PNG)
    while place + 8 <= len(png):
        kind = png[place + 4 : place + 8]
        end = place + 8 + int.from_bytes(png[place : place + 4], "big")
        follows = png[end + 8 : end + 12]
        is_last = kind == b"IEND" or end + 12 > len(png)
        unlikely = not _CHUNK_NAME.fullmatch(kind) or not (_CHUNK_NAME.fullmatch(follows) or is_last)
        if unlikely or (end > len(png) and kind not in _PIXEL_CHUNKS):
            later = _NEXT_CHUNK.search(png, place + 12)
            end = later.start() - 8 if later else len(png)
        yield kind, png[place + 8 : max(end, place + 8)]
        place = max(end, place + 8) + 4


def _read_png(png: bytes, found: Parts) -> None:
    for kind, body in png_chunks(png):
        if kind == b"caBX":
            found.has_manifest = True
        elif kind == b"eXIf":
            found.exif.append(_without_name(body))
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and len(found.texts) < _MOST_TEXTS:
            _read_text(kind, body, found)


def _read_text(kind: bytes, body: bytes, found: Parts) -> None:
    name, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        rest = _inflated(rest[1:])
    elif kind == b"iTXt":
        is_packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        rest = _inflated(rest) if is_packed else rest
    key = decoded(name)
    if key.lower() == "xml:com.adobe.xmp":
        found.xmp.append(rest)
    elif key.lower().startswith("raw profile type "):
        _read_raw_profile(key.lower().rpartition(" ")[2], rest, found)
    else:
        found.texts.append((key, decoded(rest)))


def _read_raw_profile(kind: str, text: bytes, found: Parts) -> None:
    """ImageMagick's way: a line with the name, one with the length, then hexadecimal digits."""
    lines = text.strip().split(b"\n", 2)
    with contextlib.suppress(ValueError):
        body = bytes.fromhex(re.sub(rb"\s", b"", lines[-1]).decode("ascii", "replace"))
        if kind in ("exif", "app1") and body.startswith(_XMP_HEAD):
            found.xmp.append(body.removeprefix(_XMP_HEAD))
        elif kind in ("exif", "app1"):
            found.exif.append(_without_name(body))
        elif kind == "xmp":
            found.xmp.append(body)
        elif kind in ("iptc", "8bim"):
            found.iptc.append(_iptc(body) or body)


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, _MOST_TEXT)
    except zlib.error:
        return b""


def decoded(text: bytes) -> str:
    """Text of a keyword that says nothing of its encoding: UTF-8 where it is, else Latin-1."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _without_name(exif: bytes) -> bytes:
    return exif.removeprefix(b"Exif\0\0")


# --- JPEG ---


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment up to the first scan."""
    place = 2
    while place + 4 <= len(jpeg):
        if jpeg[place] != 0xFF:  # a wrong length; go on at the next marker that can stand here
            later = re.compile(rb"\xff[\xc0-\xc4\xda\xdb\xdd\xe0-\xef\xfe]").search(jpeg, place)
            if later is None:
                return
            place = later.start()
        marker = jpeg[place + 1]
        if marker == 0xDA:
            return
        if marker in (0xFF, 0x00, 0x01, 0xD8) or 0xD0 <= marker <= 0xD7:
            place += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(jpeg[place + 2 : place + 4], "big")
        yield marker, jpeg[place + 4 : place + 2 + length]
        place += 2 + max(length, 2)


def _read_jpeg(jpeg: bytes, found: Parts) -> None:
    resources = b""
    more: dict[bytes, dict[int, bytes]] = {}
    for marker, body in _segments(jpeg):
        if marker == 0xE1 and body.startswith(b"Exif\0"):
            found.exif.append(body[6:])
        elif marker == 0xE1 and body.startswith(_XMP_HEAD):
            found.xmp.append(body[len(_XMP_HEAD) :])
        elif marker == 0xE1 and body.startswith(_XMP_MORE):
            rest = body[len(_XMP_MORE) :]
            more.setdefault(rest[:32], {})[int.from_bytes(rest[36:40], "big")] = rest[40:]
        elif marker == 0xEB and b"c2pa" in body:
            found.has_manifest = True
        elif marker == 0xED and body.startswith(b"Photoshop 3.0\0"):
            resources += body[14:]
        elif marker == 0xFE:
            found.texts.append(("comment", decoded(body)))
    found.xmp += [b"".join(pieces[place] for place in sorted(pieces)) for pieces in more.values()]
    if iptc := _iptc(resources):
        found.iptc.append(iptc)


def _iptc(resources: bytes) -> bytes:
    """The IIM datasets among Photoshop's image resources."""
    place, datasets = 0, b""
    while resources[place : place + 4] == b"8BIM" and place + 12 <= len(resources):
        number = int.from_bytes(resources[place + 4 : place + 6], "big")
        name = 1 + resources[place + 6]
        start = place + 6 + name + name % 2
        length = int.from_bytes(resources[start : start + 4], "big")
        if number == _IPTC_RESOURCE:
            datasets += resources[start + 4 : start + 4 + length]
        place = start + 4 + length + length % 2
    return datasets


# --- WebP, GIF, and what is made of boxes (AVIF, HEIC) ---


def _riff_chunks(webp: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body."""
    place = 12
    while place + 8 <= len(webp):
        length = int.from_bytes(webp[place + 4 : place + 8], "little")
        yield webp[place : place + 4], webp[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _read_webp(webp: bytes, found: Parts) -> None:
    for kind, body in _riff_chunks(webp):
        if kind == b"EXIF":
            found.exif.append(_without_name(body))
        elif kind == b"XMP ":
            found.xmp.append(body)
        elif kind == b"C2PA":
            found.has_manifest = True


def _read_gif(gif: bytes, found: Parts) -> None:
    found.has_manifest = b"C2PA_GIF" in gif
    found.xmp += _packets(gif)
    place = 13 + (3 << (gif[10] & 7) + 1 if gif[10] & 0x80 else 0)
    while place + 2 < len(gif) and gif[place] in (0x21, 0x2C):
        is_comment = gif[place : place + 2] == b"\x21\xfe"
        if gif[place] == 0x21:
            place += 2
        else:
            flags = gif[place + 9]
            place += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        text = b""
        while place < len(gif) and gif[place]:
            text += gif[place + 1 : place + 1 + gif[place]] if is_comment else b""
            place += 1 + gif[place]
        place += 1
        if is_comment and len(found.texts) < _MOST_TEXTS:
            found.texts.append(("comment", decoded(text)))


def _top_boxes(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Place, length and kind of the boxes of ISO/IEC 14496-12 that lie side by side."""
    place = 0
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        length = length or len(data) - place
        if length < 8:
            return
        yield place, length, data[place + 4 : place + 8]
        place += length


def _read_boxes(data: bytes, found: Parts) -> None:
    """EXIF and XMP are items somewhere in the data; both can be told by their beginnings."""
    for place, length, kind in _top_boxes(data):
        body = data[place : place + length]
        if kind == b"uuid" and _C2PA_BOX in body[8:40]:
            found.has_manifest = True
            continue
        found.exif += [body[match.start() :] for match in list(_TIFF.finditer(body))[:4]]
        found.xmp += _packets(body)


def _packets(data: bytes) -> list[bytes]:
    """XMP that stands somewhere in the data, in any encoding that XMP allows but UTF-32."""
    found = []
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        last = "</x:xmpmeta>".encode(encoding)
        start = data.find("<x:xmpmeta".encode(encoding))
        end = data.find(last, start) if start >= 0 else -1
        if end >= 0:
            found.append(data[start : end + len(last)])
    return found
