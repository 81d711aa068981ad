"""What picture files say of themselves is told as a claim without proof, and the answer never contradicts itself."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pipelines.provenance import file_parts, marking, said, watermark
from pipelines.provenance import words as provenance_words
from pipelines.results import ProvenanceReport
from tests.support.searches import search
from tests.support.sweeps import sweep
from tests.support.tool_files import CODE, COMMENT, INFOTEXT, TOOLS, file, iim, png, rdf


def rows(shown: provenance_words.Card) -> dict[str, str]:
    return dict(shown.rows)


@pytest.mark.parametrize("name", TOOLS)
def test_what_a_tool_writes_of_itself_is_read(name: str) -> None:
    data, word = TOOLS[name]
    assert word in "; ".join(said.read(file_parts.parts(data)).claims)


@pytest.mark.parametrize(
    "name", sweep(["ComfyUI", "web UI, big end first", "web UI in HEIC", "AIGC, XMP", "Google, IIM"], 1)
)
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
    sweep(
        [
            (CODE, "A picture made by AI"),
            ("trainedAlgorithmicMedia", "A picture made by AI"),
            ("digsrctype:trainedAlgorithmicMedia", "A picture made by AI"),
            (f"{CODE}/", "A picture made by AI"),
            ("http://cv.iptc.org/newscodes/digitalsourcetype/softwareImage", "A picture made with software"),
            ("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData", "Data made by AI"),
            ("http://example.org/strange", "Of a kind that this studio does not know (“strange”)"),
        ],
        1,
        several=True,
    ),
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


@pytest.mark.slow
@search(12, suppress_health_check=list(HealthCheck))
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


@search(400)
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
