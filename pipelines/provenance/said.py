"""What a picture file says of itself in words: XMP, EXIF, IPTC, text chunks. Claims without proof, whoever wrote them.

Programs that make pictures with AI write it down in ways of their own; each is told as "made with ..., its ... is in
the file". Pure functions; a stranger's file goes through `pipelines.provenance.file_reader`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from PIL import Image

from pipelines.provenance import tools
from pipelines.provenance.file_parts import Parts, decoded

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_CREATOR_TOOL = "{http://ns.adobe.com/xap/1.0/}CreatorTool"
_CREATE_DATE = "{http://ns.adobe.com/xap/1.0/}CreateDate"
_PROVENANCE = "{http://purl.org/dc/terms/}provenance"
_FACTS = "{urn:self-portrait-studio:1.0:}"
_TC260 = "tc260"
_SOURCE_TYPE = "digitalsourcetype"  # in any namespace: programs mistype it
_LOST_SOURCE = re.compile(r"digitalsourcetype/(\w+)")  # in a packet that is no XML
_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MOST_VALUES = 4000
_LOST_END = 4096  # bytes that a cut file may lack, given back as zeros
_MOST_CHARACTERS = 4 * 2**20

# TIFF and EXIF tags that programs write words into; the same names as XMP's and PNG's keywords for the same thing.
_EXIF_SUB = 0x8769
_TAGS = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
    0x013C: "HostComputer",
    0x8298: "Copyright",
    0x9286: "UserComment",
    0x927C: "MakerNote",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
    0xA430: "CameraOwnerName",
    0xA436: "Title",
    0xA437: "Photographer",
    0xA43A: "CameraFirmware",
    0xA43B: "Software",
    0xA43C: "Software",
}
_TIFF_XMP, _TIFF_IPTC, _TIFF_C2PA = 700, 33723, 0xCD41
_DATASETS = {
    5: "Title",
    40: "Instructions",
    65: "Software",
    80: "By-line",
    110: "Credit",
    115: "Source",
    120: "Caption",
}


@dataclass(frozen=True)
class Xmp:
    """What an XMP packet says of the picture's origin."""

    source_type: str = ""
    software: str = ""
    date: str = ""
    remote: str = ""  # address of a C2PA manifest
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def says_something(self) -> bool:
        """Whether any of it is there."""
        return bool(self.source_type or self.software or self.date or self.facts or self.remote)


class Said(NamedTuple):
    """All that a file says of itself.

    Attributes:
        xmp: Of its XMP packets, the first word on each thing.
        has_xmp: There is a packet, whatever it says.
        xmp_speaks: It says something of the picture's origin.
        source_type: IPTC's digital source type, wherever it stands.
        claims: One for each program or mark that speaks of AI, in words.
        has_manifest: There is a place for a C2PA manifest.
    """

    xmp: Xmp
    has_xmp: bool
    xmp_speaks: bool
    source_type: str
    claims: tuple[str, ...]
    has_manifest: bool


def plain(value: object) -> str:
    """Words from a stranger: one line, no control or direction characters, not endless."""
    if not isinstance(value, str | int | float):
        return ""
    return "".join(char for char in " ".join(str(value)[:4000].split()) if char.isprintable())[:160]


def read(parts: Parts) -> Said:
    """Put together what the parts of a file say.

    Args:
        parts: From `file_parts.parts`.
    """
    packets, iptc, has_manifest = list(parts.xmp), list(parts.iptc), parts.has_manifest
    words: list[tuple[str, str]] = list(parts.texts)
    for stream in parts.exif[:8]:
        tags = _exif(stream)
        words += tags.words
        packets += tags.xmp
        iptc += tags.iptc
        has_manifest = has_manifest or tags.has_manifest
    for datasets in iptc:
        words += _datasets(datasets)
    described, xmp = list[tuple[str, str]](), Xmp()
    for packet in packets:
        found = _properties(packet)
        described += [(_local(name), value) for name, value in found if not _is_special(name)]
        label = "; ".join(f"{_local(name)}: {value}" for name, value in found if _TC260 in name.lower())
        described += [("AIGC", label)] if label else []
        xmp = _joined(xmp, _xmp(found))
    speaks = xmp.says_something or bool(tools.claims(_bounded(described)))
    words = _bounded(described + words)
    outside = next((plain(value) for name, value in words if name.lower().endswith(_SOURCE_TYPE)), "")
    return Said(xmp, bool(packets), speaks, xmp.source_type or outside, tools.claims(words), has_manifest)


def _bounded(words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value[:_MOST_CHARACTERS]) for name, value in words[:_MOST_VALUES] if value.strip()]


def _is_special(name: str) -> bool:
    """Facts of this software are no news beside its name; what China's label says is read as one."""
    return name.startswith(_FACTS) or _TC260 in name.lower()


def _local(name: str) -> str:
    return name.rpartition("}")[2]


# --- XMP ---


def xmp(packet: bytes | str) -> Xmp:
    """What one packet says of the origin; nothing where it is no XML or has entities."""
    return _xmp(_properties(packet.encode() if isinstance(packet, str) else packet))


def _xmp(found: list[tuple[str, str]]) -> Xmp:
    words: dict[str, str] = {}
    for name, value in found:
        words.setdefault(name, plain(value))
    source = next((value for name, value in words.items() if _local(name).lower() == _SOURCE_TYPE), "")
    remote = words.get(_PROVENANCE, "")
    return Xmp(
        source_type=source,
        software=words.get(_CREATOR_TOOL, ""),
        date=words.get(_CREATE_DATE, ""),
        remote=remote if remote.startswith(("http://", "https://")) else "",
        facts={key.removeprefix(_FACTS): value for key, value in words.items() if key.startswith(_FACTS)},
    )


def _joined(first: Xmp, second: Xmp) -> Xmp:
    return Xmp(
        source_type=first.source_type or second.source_type,
        software=first.software or second.software,
        date=first.date or second.date,
        remote=first.remote or second.remote,
        facts={**second.facts, **first.facts},
    )


def _properties(packet: bytes) -> list[tuple[str, str]]:
    """Name and value of every property, written as attribute, as element, as rdf:resource, or in a list."""
    text = _text(packet)
    try:
        root = ElementTree.fromstring(text.strip("\0 \t\r\n"))
    except DefusedXmlException:
        return []
    except (ElementTree.ParseError, ValueError, RecursionError):
        return [(_SOURCE_TYPE, _VOCABULARY + match[1]) for match in list(_LOST_SOURCE.finditer(text))[:1]]
    found: list[tuple[str, str]] = []
    waiting: list[tuple[Any, str]] = [(root, "")]
    while waiting and len(found) < _MOST_VALUES:
        element, owner = waiting.pop()
        name = owner if element.tag.startswith((_RDF, "{adobe:ns:meta/}")) else element.tag
        for key, value in element.attrib.items():
            if key in (f"{_RDF}resource", f"{_RDF}value") and name:
                found.append((name, value))
            elif not key.startswith((_RDF, "{http://www.w3.org/XML/")):
                found.append((key, value))
        if name and element.text and element.text.strip():
            found.append((name, element.text))
        waiting += [(child, name) for child in reversed(element)]
    return found


def _text(packet: bytes) -> str:
    """XMP is UTF-8, UTF-16 or UTF-32, with or without a byte order mark."""
    start = packet.lstrip(b"\n\r\t ") or packet
    marks = (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (b"<\0\0\0", "utf-32-le"),
        (b"\0\0\0<", "utf-32-be"),
        (b"<\0", "utf-16-le"),
        (b"\0<", "utf-16-be"),
    )
    encoding = next((name for mark, name in marks if start.startswith(mark)), "utf-8")
    # A declaration of another encoding than it has now would only mislead the parser.
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", start.decode(encoding, "replace")).lstrip("\ufeff")


# --- EXIF and IPTC ---


class _Tags(NamedTuple):
    words: list[tuple[str, str]]
    xmp: list[bytes]
    iptc: list[bytes]
    has_manifest: bool


def _exif(stream: bytes) -> _Tags:
    """Words of a TIFF stream; what Pillow cannot make out is left away."""
    tags = _Tags([], [], [], False)
    exif = Image.Exif()
    try:
        exif.load(stream + bytes(_LOST_END))
        pairs = list(exif.items())
    except Exception:  # Pillow raises SyntaxError, struct.error, TypeError, KeyError ... at broken ones
        return tags
    try:
        pairs += exif.get_ifd(_EXIF_SUB).items()
    except Exception:  # the main directory is still good
        pairs += []
    for tag, value in pairs:
        if tag == _TIFF_XMP and isinstance(value, bytes):
            tags.xmp.append(value)
        elif tag == _TIFF_IPTC and isinstance(value, bytes):
            tags.iptc.append(value)
        elif tag in _TAGS:
            tags.words.append((_TAGS[tag], _value(tag, value)))
    return tags._replace(has_manifest=any(tag == _TIFF_C2PA for tag, _ in pairs))


def _value(tag: int, value: object) -> str:
    if isinstance(value, tuple) and all(isinstance(one, int) and 0 <= one < 256 for one in value):
        value = bytes(value)
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    if 0x9C9B <= tag <= 0x9C9F:  # Windows' own
        return value.decode("utf-16-le", "replace").rstrip("\0")
    return comment(value) if tag == 0x9286 else decoded(value).rstrip("\0")


def comment(value: bytes) -> str:
    """EXIF's UserComment: eight bytes that name the encoding, not always rightly, then the text."""
    code, rest = value[:8], value[8:]
    if code.startswith(b"JIS"):
        return rest.decode("iso2022_jp", "replace").strip("\0 ")
    if code.startswith(b"UNICODE") or code in (b"\0" * 8, b"ASCII\0\0\0"):
        return _unicode(rest).strip("\0 ")
    return _unicode(value).strip("\0 ")  # no name: the text begins at once


def _unicode(text: bytes) -> str:
    """The byte order is the file's by the standard, and big or little as the program likes it; some write UTF-8."""
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return text.decode("utf-16", "replace")
    sample = text[:512]
    evens, odds = sample[0::2].count(0), sample[1::2].count(0)
    if max(evens, odds) * 8 > len(sample):
        return text.decode("utf-16-be" if evens > odds else "utf-16-le", "replace")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        pass
    # Neither Latin letters in UTF-16 nor UTF-8: Chinese or Japanese, in the order that gives more of its letters.
    big, little = text.decode("utf-16-be", "replace"), text.decode("utf-16-le", "replace")
    return max(big, little, key=lambda one: sum("\u3000" <= char <= "\u9fff" for char in one))


def _datasets(data: bytes) -> Iterator[tuple[str, str]]:
    """Of IPTC's IIM (version 4.2), record 2."""
    place = 0
    while place + 5 <= len(data) and data[place] == 0x1C:
        length = int.from_bytes(data[place + 3 : place + 5], "big")
        if length & 0x8000:
            return
        if data[place + 1] == 2 and data[place + 2] in _DATASETS:
            yield _DATASETS[data[place + 2]], decoded(data[place + 5 : place + 5 + length])
        place += 5 + length
