"""The only place where a portrait becomes a file: marked, written beside, read back, then renamed into place.

Three marks, in this order: an invisible watermark in the pixels, which is left where a file's words are lost; XMP with
IPTC's DigitalSourceType (https://cv.iptc.org/newscodes/digitalsourcetype/) and how the picture was made; then a signed
C2PA manifest with the same, which covers all before, so that a later change of either the pixels or the words shows. A
label that can be seen is drawn first, where it is asked for. No file name, no free text of the visitor, nothing of the
photo goes in.
"""

from __future__ import annotations

import contextlib
import io
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from PIL import Image, PngImagePlugin

from languages.saying import say
from pipelines import VERSION
from pipelines.errors import CredentialsError, PhotoUnreadable, SaveError
from pipelines.provenance import (
    credentials,
    file_reader,
    manifests,
    visible_label,
    watermark,
    watermark_reader,
)
from pipelines.provenance.manifests import SOFTWARE
from pipelines.provenance.said import Said
from pipelines.results import ProvenanceReport, ProvenanceSummary
from pipelines.schema import MAX_UPLOAD_BYTES, MAX_UPLOAD_PIXELS

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# img2img starts from the photo's pixels and edit models are shown them, so the portrait is a composite; filters only
# change them.
DIFFUSION_SOURCE = _VOCABULARY + "compositeWithTrainedAlgorithmicMedia"
PREVIEW_SOURCE = _VOCABULARY + "algorithmicallyEnhanced"
MARKS = ("XMP", "C2PA", "watermark")

JPEG_QUALITY = 92
_SCREEN_QUALITY = 85  # of WebP; at 80 the watermark of a portrait of 320 px is found, too
_XMP_KEY = "XML:com.adobe.xmp"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "portrait": "urn:self-portrait-studio:1.0:",
}
_NOT_MARKED = say("The portrait could not be marked as AI-made, so it was not kept; try again.")


def prepare() -> None:
    """Load or make the certificate and try it on a tiny picture, so that trouble shows at the start.

    Raises:
        CredentialsError: Portraits cannot be signed; the hint says which setting is wrong.
    """
    held, buffer = credentials.load(), io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    signed = manifests.sign(
        buffer.getvalue(), held, source_type=PREVIEW_SOURCE, facts={}, is_diffusion=False, when=datetime.now(UTC)
    )
    tried = manifests.read(signed, "image/png", held)
    if tried.state != "intact" or tried.findings:
        raise CredentialsError(
            "Signatures of STUDIO_C2PA_CERTIFICATE do not verify; put its issuers behind it, the last one at the end, "
            "and use a certificate for C2PA signing."
        )


def finish(image: Image.Image, *, is_diffusion: bool, label: bool = False) -> Image.Image:
    """The picture as it leaves: labelled where that is asked for, and watermarked. For those that become no file too.

    Args:
        image: RGB. Below `watermark.SMALLEST_SIDE` pixels it has too few of them for a watermark and gets none.
        is_diffusion: Chooses what label and watermark say.
        label: Draw the visible label.
    """
    shown = visible_label.draw(image, visible_label.words(is_diffusion=is_diffusion)) if label else image
    return watermark.embed(shown, "ai" if is_diffusion else "filter")


class Saved(NamedTuple):
    """A portrait's file as it was read back: what it says of itself, and its pixels, RGB."""

    summary: ProvenanceSummary
    picture: Image.Image


def save(image: Image.Image, path: Path, *, is_diffusion: bool, facts: dict[str, str], label: bool = False) -> Saved:
    """Write one marked PNG. The same picture always gets the same pixels.

    Args:
        image: RGB, not finished yet; its own metadata is not written.
        path: Where the finished file appears, ending in .png. The folder is made.
        is_diffusion: Chooses the digital source type.
        facts: How it was made, such as style, scene, seed, model; keys are XML names.
        label: Draw the visible label.

    Returns:
        What was read back from the file: its marks, all of them there and intact, and its pixels.

    Raises:
        CredentialsError: The certificate cannot sign.
        SaveError: It could not be written or its marks could not be read back; nothing is left behind.
    """
    held, now = credentials.load(), datetime.now(UTC)
    credentials.require_in_time(held, now)
    source_type = DIFFUSION_SOURCE if is_diffusion else PREVIEW_SOURCE
    info = PngImagePlugin.PngInfo()
    info.add_itxt(_XMP_KEY, _packet(source_type, facts, now))
    buffer = io.BytesIO()
    finished = finish(image, is_diffusion=is_diffusion, label=label)
    is_watermarked = min(image.size) >= watermark.SMALLEST_SIDE
    finished.save(buffer, format="PNG", pnginfo=info, compress_level=4)
    marked = manifests.sign(
        buffer.getvalue(),
        held,
        source_type=source_type,
        facts=facts,
        is_diffusion=is_diffusion,
        when=now,
        is_watermarked=is_watermarked,
    )
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(marked)
        saved = _read_back(_bytes(unfinished))
        if saved.summary.marks != (MARKS if is_watermarked else MARKS[:2]) or saved.summary.state != "intact":
            raise SaveError(_NOT_MARKED)
        unfinished.replace(path)
    except PhotoUnreadable as error:
        raise SaveError(_NOT_MARKED, detail="not readable after writing") from error
    except OSError as error:
        raise SaveError(
            say("The portrait could not be saved: the disk is full or not writable; free some space and try again."),
            detail=type(error).__name__,
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return saved


def signed_jpeg(path: Path, longest: int | None = None, quality: int = JPEG_QUALITY) -> bytes:
    """A portrait of ours as a JPEG with all its marks, for documents that embed a JPEG byte for byte.

    Its watermark is the portrait's own, which outlives that; words and manifest say what the portrait's say.

    Args:
        path: Of a file that this studio wrote.
        longest: Pixels of its longer side; a smaller portrait is not enlarged. Left out, the size is kept.
        quality: Of the JPEG, 1 to 95.

    Raises:
        CredentialsError: The certificate cannot sign.
        PhotoUnreadable: It is no picture.
        SaveError: The portrait's own marks do not hold, or those of the JPEG could not be read back.
    """
    held, now = credentials.load(), datetime.now(UTC)
    credentials.require_in_time(held, now)
    said, image = _read_back(_bytes(path))
    if said.state != "intact" or "XMP" not in said.marks:
        raise SaveError(say("This portrait's marks do not hold any more, so no copy of it is made; make it again."))
    if longest is not None:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    is_watermarked = "watermark" in said.marks and watermark.detect(image, in_place_only=True) is not None
    is_diffusion = said.digital_source_type == DIFFUSION_SOURCE
    buffer = io.BytesIO()
    packet = _packet(said.digital_source_type, said.facts, datetime.fromisoformat(said.date))
    # 4:4:4, so that fine lines and the watermark stay; without info, for a PNG's own would go along.
    Image.frombytes("RGB", image.size, image.tobytes()).save(
        buffer, "JPEG", quality=quality, subsampling=0, optimize=True, xmp=packet.encode()
    )
    signed = manifests.sign(
        buffer.getvalue(),
        held,
        source_type=said.digital_source_type,
        facts=said.facts,
        is_diffusion=is_diffusion,
        when=datetime.fromisoformat(said.date),
        is_watermarked=is_watermarked,
        mime="image/jpeg",
    )
    again = _read_back(signed).summary
    if again.marks != (MARKS if is_watermarked else MARKS[:2]) or again.state != "intact":
        raise SaveError(_NOT_MARKED)
    return signed


def read(path: Path) -> ProvenanceSummary:
    """What a picture of ours says of its origin; empty words and no marks where it says nothing.

    For files that this studio wrote. A stranger's goes through `check`.

    Raises:
        PhotoUnreadable: It is no picture.
    """
    return _read_back(_bytes(path)).summary


def _read_back(data: bytes) -> Saved:
    answer = file_reader.read(data, MAX_UPLOAD_PIXELS)
    if isinstance(answer, str):
        raise file_reader.refusal(answer, MAX_UPLOAD_PIXELS)
    manifest, pixels = manifests.read(data, _mime(answer.format), credentials.load()), _pixels(data)
    is_watermarked = watermark.detect(pixels, in_place_only=True) is not None
    return Saved(ProvenanceSummary(**_summary(answer.said, manifest, is_watermarked)), pixels)


def picture(path: Path) -> Image.Image:
    """The pixels of a file that this studio wrote, RGB.

    Raises:
        PhotoUnreadable: It is no picture.
    """
    return _pixels(_bytes(path))


def screen_copy(path: Path, longest: int) -> bytes:
    """A portrait of ours as a small WebP for the screen. Its watermark outlives that, and its words go along.

    It is not signed: the signature is over the file that a visitor downloads.

    Args:
        path: Of a file that this studio wrote.
        longest: Pixels of its longer side; a smaller portrait is not enlarged.

    Raises:
        PhotoUnreadable: It is no picture.
    """
    small = picture(path)
    words = str(small.info.get(_XMP_KEY, ""))
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_SCREEN_QUALITY, xmp=words.encode())
    return buffer.getvalue()


def check(source: Path | str | bytes) -> ProvenanceReport:
    """What any picture says of its origin, ours or not, and how far that can be believed.

    The words are read, the manifest is parsed and the pixels are decoded, each in a process of its own: the file may be
    hostile.

    Args:
        source: A file or its bytes: PNG, JPEG, WebP, HEIC, AVIF, GIF or TIFF of at most 40 MB and 64 megapixels.

    Raises:
        PhotoUnreadable: It is no such picture; the hint says why.
        CredentialsError: This studio's own certificate cannot be used.
    """
    data = source if isinstance(source, bytes) else _bytes(Path(source))
    if not data:
        raise PhotoUnreadable(say("This file is empty; choose another one."))
    if len(data) > MAX_UPLOAD_BYTES:
        raise PhotoUnreadable(
            say(
                "This file is larger than {max_upload_bytes} MB; choose a smaller one.",
                max_upload_bytes=MAX_UPLOAD_BYTES // 2**20,
            )
        )
    answer = file_reader.read_foreign(data, MAX_UPLOAD_PIXELS)
    said = answer.said
    manifest = manifests.read_foreign(data, _mime(answer.format), credentials.load())
    problems: list[str] = []
    if manifest.is_too_slow:
        problems.append(say("Its content credentials could not be read in time; try again later."))
    elif manifest.state == "unsigned" and said.has_manifest:  # the library takes an empty place for none
        manifest = manifests.Manifest(state="unreadable")
    elif manifest.state == "unsigned" and said.xmp.remote:
        manifest = manifests.Manifest(state="remote")
    elif manifest.state == "unreadable" and not said.has_manifest:
        problems.append(say("The file is damaged or was cut off on its way."))
        manifest = manifests.Manifest()
    is_tiny = min(answer.size) < watermark.SMALLEST_LEFT
    could_look, found = (True, None) if is_tiny else watermark_reader.read_foreign(data)
    if not could_look:
        problems.append(say("Not all of its pixels can be read, so that the watermark could not be looked for."))
    return ProvenanceReport(
        **_summary(said, manifest, found is not None),
        watermark=found.kind if found else "none" if could_look else "unknown",
        mirrored=found is not None and found.mirrored,
        format="HEIC" if answer.format == "HEIF" else answer.format,
        width=answer.size[0],
        height=answer.size[1],
        is_ours=manifest.is_ours,
        history=manifest.history,
        findings=manifest.findings,
        is_too_slow=manifest.is_too_slow,
        claims=said.claims,
        has_xmp=said.has_xmp,
        xmp_says=said.xmp_speaks,
        problems=tuple(problems),
    )


def _mime(form: str) -> str:
    return "image/heic" if form == "HEIF" else Image.MIME[form]


def _summary(said: Said, manifest: manifests.Manifest, is_watermarked: bool) -> dict[str, object]:
    """All marks as one. What is signed goes before what is not."""
    xmp = said.xmp
    present = {
        "XMP": said.xmp_speaks,
        "C2PA": manifest.state not in ("unsigned", "remote"),
        "watermark": is_watermarked,
        "words": bool(said.claims) or said.source_type != xmp.source_type,
    }
    return {
        "digital_source_type": manifest.source_type or said.source_type,
        "software": manifest.software or xmp.software,
        "marks": tuple(mark for mark, there in present.items() if there),
        "facts": dict(manifest.facts) or xmp.facts,
        "state": manifest.state,
        "signer": manifest.signer,
        "date": manifest.date or xmp.date,
    }


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_UPLOAD_BYTES:
            raise PhotoUnreadable(
                say(
                    "This file is larger than {max_upload_bytes} MB; choose a smaller one.",
                    max_upload_bytes=MAX_UPLOAD_BYTES // 2**20,
                )
            )
        return path.read_bytes()
    except OSError as error:
        raise PhotoUnreadable(say("This file cannot be opened."), detail=type(error).__name__) from error


def _pixels(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=file_reader.FORMATS) as image:
            return image.convert("RGB")
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError ...
        raise PhotoUnreadable(file_reader.DAMAGED, detail=type(error).__name__) from error


def _packet(source_type: str, facts: dict[str, str], when: datetime) -> str:
    library = f" (diffusers {version('diffusers')})" if source_type == DIFFUSION_SOURCE else ""
    attributes = {
        "Iptc4xmpExt:DigitalSourceType": source_type,
        "xmp:CreatorTool": f"{SOFTWARE} {VERSION}{library}",
        "xmp:CreateDate": when.isoformat(timespec="seconds"),
        **{f"portrait:{key}": value for key, value in facts.items()},
    }
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())
    values = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF[1:-1]}"><rdf:Description rdf:about="" {names} {values}/></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    )
