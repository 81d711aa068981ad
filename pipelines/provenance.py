"""The only place where a portrait becomes a file: marked, written beside, read back, then renamed into place.

The mark is XMP with IPTC's DigitalSourceType (https://cv.iptc.org/newscodes/digitalsourcetype/) and how the picture was
made. No file name, no free text of the visitor, nothing of the photo goes in.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from xml.sax.saxutils import quoteattr

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from pipelines.errors import PhotoUnreadable, SaveError
from pipelines.schema import ProvenanceSummary

SOFTWARE = "Self-Portrait Studio"
_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# img2img starts from the photo's pixels, so the portrait is a composite; the preview only filters them.
DIFFUSION_SOURCE = _VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
PREVIEW_SOURCE = _VOCABULARY + "algorithmicallyEnhanced"

_XMP_KEY = "XML:com.adobe.xmp"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "portrait": "urn:self-portrait-studio:1.0:",
}


def save(image: Image.Image, path: Path, *, is_diffusion: bool, facts: dict[str, str]) -> ProvenanceSummary:
    """Write one marked PNG.

    Args:
        image: RGB; its own metadata is not written.
        path: Where the finished file appears, ending in .png. The folder is made.
        is_diffusion: Chooses the digital source type.
        facts: How it was made, such as style, scene, seed, model; keys are XML names.

    Returns:
        The marks as read back from the file.

    Raises:
        SaveError: It could not be written or its marks could not be read back; nothing is left behind.
    """
    info = PngImagePlugin.PngInfo()
    info.add_itxt(_XMP_KEY, _xmp(DIFFUSION_SOURCE if is_diffusion else PREVIEW_SOURCE, facts))
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(unfinished, format="PNG", pnginfo=info, compress_level=4)
        summary = read(unfinished)
        if not summary.marks:
            raise SaveError("The portrait could not be marked as AI-made, so it was not kept; try again.")
        unfinished.replace(path)
    except OSError as error:
        raise SaveError(
            "The portrait could not be saved: the disk is full or not writable; free some space and try again.",
            detail=type(error).__name__,
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return summary


def read(path: Path) -> ProvenanceSummary:
    """What a picture says of its origin; empty words and no marks where it says nothing.

    Raises:
        PhotoUnreadable: It is no picture.
    """
    try:
        with Image.open(path) as image:
            packet = image.info.get(_XMP_KEY) or image.info.get("xmp") or ""
    except (UnidentifiedImageError, OSError) as error:
        raise PhotoUnreadable("This file is not a picture that can be read.", detail=type(error).__name__) from error
    if isinstance(packet, bytes):
        packet = packet.decode("utf-8", "replace")
    attributes: dict[str, str] = {}
    if packet:
        try:
            for element in ElementTree.fromstring(packet).iter(f"{_RDF}Description"):
                attributes.update(element.attrib)
        except (ElementTree.ParseError, DefusedXmlException):
            attributes = {}
    source = attributes.get(f"{{{_NAMESPACES['Iptc4xmpExt']}}}DigitalSourceType", "")
    prefix = f"{{{_NAMESPACES['portrait']}}}"
    return ProvenanceSummary(
        digital_source_type=source,
        software=attributes.get(f"{{{_NAMESPACES['xmp']}}}CreatorTool", ""),
        marks=("XMP",) if source else (),
        facts={key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)},
    )


def _xmp(source_type: str, facts: dict[str, str]) -> str:
    attributes = {
        "Iptc4xmpExt:DigitalSourceType": source_type,
        "xmp:CreatorTool": f"{SOFTWARE} (diffusers {version('diffusers')})",
        "xmp:CreateDate": datetime.now(UTC).isoformat(timespec="seconds"),
        **{f"portrait:{key}": value for key, value in facts.items()},
    }
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    values = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF[1:-1]}"><rdf:Description rdf:about="" {names} {values}/></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    )
