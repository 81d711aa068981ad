"""What picture files say of themselves is told as a claim without proof, and the answer never contradicts itself."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pipelines.provenance import file_parts, marking, said, watermark
from pipelines.provenance import words as provenance_words
from pipelines.schema import ProvenanceReport

pillow_heif.register_heif_opener()

PICTURE = Image.new("RGB", (64, 48), (9, 99, 200))
INFOTEXT = (
    "a cat, masterpiece\nNegative prompt: bad hands\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, "
    "Size: 512x512, Model hash: abc"
)
CODE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
GRAPH = '{"3": {"class_type": "KSampler", "inputs": {"seed": 5}}}'
COMMENT = 0x9286  # EXIF's UserComment


def png(**texts: str) -> bytes:
    info, out = PngImagePlugin.PngInfo(), io.BytesIO()
    for number, (key, text) in enumerate(texts.items()):
        info.add_itxt(key, text) if number % 3 == 1 or not text.isascii() else info.add_text(key, text, zip=number == 2)
    PICTURE.save(out, "PNG", pnginfo=info)
    return out.getvalue()


def file(form: str, tags: dict[int, Any] | None = None, xmp: bytes | None = None) -> bytes:
    exif, options, out = Image.Exif(), dict[str, Any](), io.BytesIO()
    for tag, value in (tags or {}).items():
        (exif.get_ifd(0x8769) if tag == COMMENT else exif)[tag] = value
    if tags:
        options["exif"] = exif.tobytes()
    if xmp is not None:
        options["xmp"] = xmp
    PICTURE.save(out, form, **options)
    return out.getvalue()


def rdf(inside: str, attributes: str = "") -> str:
    spaces = (
        'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:p="http://ns.adobe.com/photoshop/1.0/" '
        'xmlns:t="http://www.tc260.org.cn/ns/AIGC/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    )
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )


def iim(number: int, text: str) -> bytes:
    """A JPEG with one dataset of IPTC's older form."""
    dataset = b"\x1c\x02" + bytes([number]) + len(text).to_bytes(2, "big") + text.encode()
    resource = b"8BIM\x04\x04\0\0" + len(dataset).to_bytes(4, "big") + dataset + bytes(len(dataset) % 2)
    segment = b"Photoshop 3.0\0" + resource
    plain = file("JPEG")
    return plain[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]


TOOLS: dict[str, tuple[bytes, str]] = {
    "ComfyUI": (png(prompt=GRAPH, workflow='{"last_node_id": 9, "nodes": []}'), "ComfyUI"),
    "ComfyUI, prompt alone": (png(prompt=GRAPH), "ComfyUI"),
    "ComfyUI in WebP": (file("WEBP", {0x0110: f"prompt:{GRAPH}", 0x010F: 'workflow:{"nodes": []}'}), "ComfyUI"),
    "web UI": (png(parameters=INFOTEXT), "Stable Diffusion web UI"),
    "Forge": (png(parameters=f"{INFOTEXT}, Version: f2.0.1v1.10.1"), "Forge"),
    "SD.Next": (png(parameters=f"{INFOTEXT}, App: SD.Next"), "SD.Next"),
    "web UI, big end first": (file("JPEG", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-be")}), "Stable Diffusion"),
    "web UI, little end": (file("WEBP", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-le")}), "Stable Diffusion"),
    "web UI, mark first": (file("JPEG", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16")}), "Stable Diffusion"),
    "web UI, ASCII": (file("WEBP", {COMMENT: b"ASCII\0\0\0" + INFOTEXT.encode()}), "Stable Diffusion"),
    "web UI, UTF-8": (file("JPEG", {COMMENT: b"UNICODE\0" + f"猫 {INFOTEXT}".encode()}), "Stable Diffusion"),
    "web UI, no name": (file("JPEG", {COMMENT: bytes(8) + INFOTEXT.encode()}), "Stable Diffusion"),
    "web UI in AVIF": (file("AVIF", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-be")}), "Stable Diffusion"),
    "web UI in HEIC": (file("HEIF", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-be")}), "Stable Diffusion"),
    "web UI in TIFF": (file("TIFF", {0x010E: INFOTEXT}), "Stable Diffusion"),
    "InvokeAI": (png(invokeai_metadata='{"app_version": "3.0"}'), "InvokeAI"),
    "InvokeAI 2": (png(**{"sd-metadata": '{"app_id": "invoke-ai/InvokeAI"}'}), "InvokeAI"),
    "InvokeAI 1": (png(Dream='"a cat" -s 50 -S 12 -W 512 -H 512'), "InvokeAI"),
    "NovelAI": (
        png(Software="NovelAI", Description="girl", Comment='{"prompt": "x", "steps": 28, "uc": "y"}'),
        "NovelAI",
    ),
    "Midjourney": (
        png(Description="a cat --ar 2:3 --v 6.0 Job ID: 0e3f2a1b-1234-4aaa-bbbb-0123456789ab"),
        "Midjourney",
    ),
    "Midjourney XMP": (
        file("JPEG", xmp=rdf("<dc:description>a cat --v 6.0 --ar 3:2</dc:description>").encode()),
        "Midjourney",
    ),
    "Google, IIM": (iim(110, "Made with Google AI"), "Made with Google AI"),
    "Google, XMP": (file("JPEG", xmp=rdf("", 'p:Credit="Made with Google AI"').encode()), "Made with Google AI"),
    "Google, edited": (iim(110, "Edited with Google AI"), "Edited with Google AI"),
    "AIGC, XMP": (file("JPEG", xmp=rdf('<t:AIGC>{"Label":"1"}</t:AIGC>').encode()), "made by AI, by China's"),
    "AIGC, attribute": (
        file("WEBP", xmp=rdf("", 't:AIGC="{&quot;Label&quot;:&quot;2&quot;}"').encode()),
        "perhaps made by AI",
    ),
    "AIGC, parts": (
        file("JPEG", xmp=rdf("<t:AIGC><rdf:Description><t:Label>3</t:Label></rdf:Description></t:AIGC>").encode()),
        "suspected to be made by AI",
    ),
    "AIGC, EXIF": (file("JPEG", {COMMENT: b"ASCII\0\0\0" + b'{"AIGC":{"Label":"1"}}'}), "TC260"),
    "AIGC, PNG": (png(AIGC='{"Label":"1","ContentProducer":"某"}'), "TC260"),
    "Fooocus": (png(parameters='{"base_model": "x", "performance": "Speed"}', fooocus_scheme="fooocus"), "Fooocus"),
    "Fooocus, EXIF": (file("JPEG", {0x0131: "Fooocus v2.5.5", 0x927C: "a1111"}), "Fooocus"),
    "SwarmUI": (png(parameters='{"sui_image_params": {"prompt": "x"}}'), "SwarmUI"),
    "DALL-E": (png(Software="DALL-E 3"), "DALL·E"),
    "DALL·E": (file("JPEG", {0x0131: "OpenAI DALL·E"}), "DALL·E"),
    "Easy Diffusion": (png(prompt="a cat", seed="3", use_stable_diffusion_model="sd"), "Easy Diffusion"),
    "IPTC 2025": (file("JPEG", xmp=rdf("<i:AISystemUsed>Somebody's Painter</i:AISystemUsed>").encode()), "Painter"),
}


def rows(shown: provenance_words.Card) -> dict[str, str]:
    return dict(shown.rows)


@pytest.mark.parametrize("name", TOOLS)
def test_what_a_tool_writes_of_itself_is_read(name: str) -> None:
    data, word = TOOLS[name]
    assert word in "; ".join(said.read(file_parts.parts(data)).claims)


@pytest.mark.parametrize("name", ["ComfyUI", "web UI, big end first", "web UI in HEIC", "AIGC, XMP", "Google, IIM"])
def test_it_is_told_as_a_claim_without_proof(name: str) -> None:
    data, word = TOOLS[name]
    shown = provenance_words.card(marking.check(data))
    assert shown.title == "Says how it was made, without proof"
    assert "It says of itself: " in shown.sentence
    assert "anybody could have written it" in shown.sentence
    assert word in rows(shown)["Says of itself"]


@pytest.mark.parametrize(
    "data",
    [
        png(Software="Adobe Photoshop 25.0", Description="Gemini and Grok, my two cats, in flux"),
        png(Comment="Created with GIMP", Author="Ernie Runway"),
        file(
            "JPEG",
            {0x010F: "Apple", 0x0110: "iPhone 15 Pro", 0x0131: "17.4.1", COMMENT: b"ASCII\0\0\0Steps to the sea"},
        ),
        file("JPEG", {0x010E: "Prompt delivery; seed: 5 apples", 0x013B: "Firefly Jones"}),
        iim(120, "We met at the AI conference and made friends with Aida"),
        png(comment='{"title": "x", "steps": 3}'),
    ],
)
def test_what_says_nothing_of_ai_is_not_called_ai(data: bytes) -> None:
    assert said.read(file_parts.parts(data)).claims == ()


FORMS: dict[str, Callable[[str], str]] = {
    "element": lambda code: rdf(f"<i:DigitalSourceType>{code}</i:DigitalSourceType>"),
    "attribute": lambda code: rdf("", f'i:DigitalSourceType="{code}"'),
    "resource": lambda code: rdf(f'<i:DigitalSourceType rdf:resource="{code}"/>'),
    "list": lambda c: rdf(f"<i:DigitalSourceType><rdf:Bag><rdf:li>{c}</rdf:li></rdf:Bag></i:DigitalSourceType>"),
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize(("form", "encoding"), itertools.product(FORMS, ENCODINGS))
@pytest.mark.parametrize("head", ["", '<?xml version="1.0" encoding="UTF-16"?>', '<?xpacket begin="\ufeff" id="W5"?>'])
def test_the_source_type_is_read_in_every_form_and_encoding(form: str, encoding: str, head: str) -> None:
    assert said.xmp((head + FORMS[form](CODE)).encode(encoding)).source_type == CODE


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "AVIF", "HEIF", "TIFF"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_it_is_read_from_every_kind_of_file(form: str, encoding: str) -> None:
    if form == "PNG":
        data = png(**{"XML:com.adobe.xmp": FORMS["resource"](CODE)})
    elif form == "TIFF":
        data = file("TIFF", {700: FORMS["resource"](CODE).encode(encoding)})
    else:
        data = file(form, xmp=FORMS["resource"](CODE).encode(encoding))
    assert said.read(file_parts.parts(data)).source_type == CODE


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (CODE, "A picture made by AI"),
        ("trainedAlgorithmicMedia", "A picture made by AI"),
        ("digsrctype:trainedAlgorithmicMedia", "A picture made by AI"),
        (f"{CODE}/", "A picture made by AI"),
        ("http://cv.iptc.org/newscodes/digitalsourcetype/softwareImage", "A picture made with software"),
        ("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData", "Data made by AI"),
        ("http://example.org/strange", "Of a kind that this studio does not know (“strange”)"),
    ],
)
def test_a_source_type_is_told_in_words(code: str, words: str) -> None:
    shown = provenance_words.card(marking.check(file("JPEG", xmp=FORMS["element"](code).encode())))
    assert rows(shown)["What it is"] == words
    assert shown.title == "Says how it was made, without proof"


# --- no answer contradicts itself ---


def coherent(shown: provenance_words.Card, report: ProvenanceReport) -> None:
    """Title and rows tell the same story."""
    said_something = {"What it is", "Says of itself", "Made by", "Engine", "Style", "Made on", "Signed by"} & {
        *rows(shown)
    }
    credentials = rows(shown)["Content credentials (C2PA)"]
    if shown.title == "No marks were found":
        assert not said_something
        assert credentials == "none"
        assert not rows(shown)["Watermark in the pixels"].startswith("there")
    if credentials == "none" and said_something:
        assert "without proof" in shown.title or "watermark" in shown.title
    if report.xmp_says:
        assert rows(shown)["Description in the file (XMP)"] != "none"
    assert ("changed" in credentials) == (report.state == "changed")
    assert ("intact" in credentials) == (report.state in ("intact", "untrusted-signer"))
    if shown.tone == "good":
        assert credentials == "there and intact"
    if "watermark" in shown.title:
        assert rows(shown)["Watermark in the pixels"].startswith("there")


PARTS = st.fixed_dictionaries(
    {
        "software": st.sampled_from(["", "Adobe Lightroom", "Self-Portrait Studio 0.1.0"]),
        "source": st.sampled_from(["", CODE, "softwareImage"]),
        "date": st.sampled_from(["", "2026-01-02T03:04:05"]),
        "rating": st.booleans(),
        "remote": st.booleans(),
        "tool": st.sampled_from(["", INFOTEXT, "Adobe Photoshop 25"]),
        "mark": st.booleans(),
        "form": st.sampled_from(["PNG", "JPEG", "HEIF"]),
    }
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(PARTS)
def test_title_and_rows_agree_whatever_the_file_holds(face_photo: Image.Image, held: dict[str, Any]) -> None:
    attributes = " ".join(
        f'{name}="{value}"'
        for name, value in (
            ("xmp:CreatorTool", held["software"]),
            ("i:DigitalSourceType", held["source"]),
            ("xmp:CreateDate", held["date"]),
            ("xmp:Rating", "5" if held["rating"] else ""),
            ("dcterms:provenance", "https://example.org/m.c2pa" if held["remote"] else ""),
        )
        if value
    )
    picture, out = face_photo.resize((256, 256)), io.BytesIO()
    picture = watermark.embed(picture, "ai") if held["mark"] else picture
    if held["form"] == "PNG":
        info = PngImagePlugin.PngInfo()
        if attributes:
            info.add_itxt("XML:com.adobe.xmp", rdf("", attributes))
        if held["tool"]:
            info.add_text("parameters", held["tool"])
        picture.save(out, "PNG", pnginfo=info)
    else:
        exif = Image.Exif()
        exif[0x010E] = held["tool"]
        more = {"xmp": rdf("", attributes).encode()} if attributes else {}
        picture.save(out, held["form"], quality=95, exif=exif.tobytes(), **more)
    report = marking.check(out.getvalue())
    shown = provenance_words.card(report)
    coherent(shown, report)
    assert (shown.title == "No marks were found") == (
        not (held["software"] or held["source"] or held["date"] or held["remote"] or held["mark"])
        and held["tool"] != INFOTEXT
    )
    if held["remote"]:
        assert shown.title == "Its credentials lie on another server"


STATES = ("unsigned", "intact", "changed", "untrusted-signer", "unverified", "unreadable", "remote")


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(STATES),
    st.sets(st.sampled_from(["XMP", "watermark", "words"])),
    st.sampled_from(["", CODE]),
    st.sampled_from(["", "Camera 1", "Self-Portrait Studio 0.1.0"]),
    st.sampled_from(["none", "unknown"]),
    st.booleans(),
)
def test_title_and_rows_agree_for_every_report(state, marks, source, software, other, has_xmp) -> None:
    if (source or software) and state in ("unsigned", "remote") and "words" not in marks:
        marks = marks | {"XMP"}
    if "XMP" in marks and "words" not in marks and state in ("unsigned", "remote") and not source:
        software = software or "Camera 1"
    claims = ("made by AI with ComfyUI; its workflow is in the file",) if "words" in marks else ()
    report = ProvenanceReport(
        digital_source_type=source,
        software=software,
        marks=tuple(sorted(marks | ({"C2PA"} if state not in ("unsigned", "remote") else set()))),
        state=state,
        is_ours=state == "intact",
        claims=claims,
        has_xmp=has_xmp or "XMP" in marks,
        xmp_says="XMP" in marks,
        watermark="ai" if "watermark" in marks else other,
        format="PNG",
        width=9,
        height=9,
    )
    coherent(provenance_words.card(report), report)
