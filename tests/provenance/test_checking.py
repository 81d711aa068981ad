"""What a file says of itself: the marks show every change, and hostile files get one sentence."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pipelines.errors import PhotoUnreadable
from pipelines.provenance import manifests, marking
from pipelines.provenance import words as provenance_words
from pipelines.provenance.__main__ import main
from tests.conftest import ROOT
from tests.provenance.conftest import FACTS
from tests.support.png_chunks import chunks, rebuilt, replaced
from tests.support.searches import search
from tests.support.sweeps import sweep

# --- what holds, what does not ---


def test_our_own_picture_is_known_as_ours(marked: bytes) -> None:
    report = marking.check(marked)
    assert (report.state, report.is_ours, report.marks) == ("intact", True, ("XMP", "C2PA", "watermark"))
    assert (report.watermark, report.mirrored) == ("ai", False)
    assert (report.format, report.width, report.height) == ("PNG", 512, 512)
    assert report.facts == FACTS
    shown = provenance_words.card(report, {"oil-master": "Old-master oil"})
    assert shown.tone == "good"
    assert dict(shown.rows)["Style"] == "Old-master oil"
    assert dict(shown.rows)["Seed"] == "7"
    assert "Scene" not in dict(shown.rows)


def one_pixel_changed(png: bytes) -> bytes:
    pixels = bytearray(zlib.decompress(b"".join(body for kind, body in chunks(png) if kind == b"IDAT")))
    pixels[5000] ^= 1
    data = iter([zlib.compress(bytes(pixels), 4)])
    return rebuilt(png, lambda kind, body: next(data, b"") if kind == b"IDAT" else body)


@pytest.mark.parametrize(
    "tamper", sweep([one_pixel_changed, lambda png: replaced(png, b"iTXt", b'Seed="7"', b'Seed="8"')], 1)
)
def test_a_changed_pixel_and_a_changed_word_show(marked: bytes, tamper) -> None:
    report = marking.check(tamper(marked))
    assert report.state == "changed"
    assert report.is_ours
    assert report.facts["Seed"] == "7", "as signed"
    assert provenance_words.card(report).tone == "warn"


def test_a_changed_word_in_the_manifest_shows_and_is_not_believed(marked: bytes) -> None:
    report = marking.check(replaced(marked, b"caBX", b"oil-master", b"oil-mister"))
    assert report.state == "changed"
    assert not report.is_ours
    assert "anybody" in provenance_words.card(report).sentence


def test_credentials_that_take_too_long_are_not_called_damaged(marked: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "_SECONDS", 0.0)
    report = marking.check(marked)
    assert (report.state, report.is_ours) == ("unreadable", False)
    assert report.problems == ("Its content credentials could not be read in time; try again later.",)


@pytest.mark.slow
def test_saving_again_removes_the_signature_and_the_answer_says_so(tmp_path: Path, marked: bytes) -> None:
    with Image.open(io.BytesIO(marked)) as picture:
        picture.save(tmp_path / "again.png")
        picture.save(tmp_path / "again.jpg", xmp=picture.info["XML:com.adobe.xmp"].encode())
        picture.save(tmp_path / "again.webp", xmp=picture.info["XML:com.adobe.xmp"].encode())
    bare = marking.check(tmp_path / "again.png")
    assert (bare.marks, bare.state, bare.watermark, bare.is_ours) == (("watermark",), "unsigned", "ai", False)
    assert provenance_words.card(bare).title == "Carries this software's watermark"
    assert "no credentials" in provenance_words.card(bare).sentence
    assert "proves nothing" in provenance_words.card(bare).sentence
    for name in ("again.jpg", "again.webp"):
        report = marking.check(tmp_path / name)
        assert (report.marks, report.state, report.facts["Seed"]) == (("XMP", "watermark"), "unsigned", "7")
        shown = provenance_words.card(report)
        assert "watermark in the pixels is this software's too" in shown.sentence
        assert "without proof" in shown.title
        assert "carries no signature" in shown.sentence


def test_a_manifest_pasted_into_another_picture_does_not_hold(marked: bytes, face_photo: Image.Image) -> None:
    other, buffer = face_photo.rotate(90), io.BytesIO()
    other.save(buffer, "PNG", compress_level=4)
    theft = next(body for kind, body in chunks(marked) if kind == b"caBX")
    pasted = b""
    for kind, body in chunks(buffer.getvalue()):
        block = rebuilt(b"\x89PNG\r\n\x1a\n" + len(body).to_bytes(4, "big") + kind + body + b"\0" * 4, lambda _, b: b)[
            8:
        ]
        pasted += block
        if kind == b"IHDR":
            pasted += len(theft).to_bytes(4, "big") + b"caBX" + theft + zlib.crc32(b"caBX" + theft).to_bytes(4, "big")
    report = marking.check(b"\x89PNG\r\n\x1a\n" + pasted)
    assert (report.state, report.is_ours, report.watermark) == ("changed", True, "none")
    shown = provenance_words.card(report)
    assert shown.title == "Not as this studio signed it"
    assert "moved here from another picture" in shown.sentence
    assert any("watermark that is not in these pixels" in note for note in shown.notes)


def test_somebody_elses_signature_is_not_ours(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("STUDIO_CREDENTIALS_DIR", str(tmp_path / "elsewhere"))
        marking.save(face_photo, tmp_path / "p.png", is_diffusion=True, facts=FACTS)
    report = marking.check(tmp_path / "p.png")
    assert (report.state, report.is_ours, report.signer) == ("untrusted-signer", False, "Self-Portrait Studio")
    assert report.history == ('created with A <model> & "more"', "watermarked with Self-Portrait Studio")
    shown = provenance_words.card(report)
    assert shown.tone == "plain"
    assert shown.title == "Signed by somebody who names Self-Portrait Studio"


@pytest.mark.parametrize("form", sweep(["JPEG", "WEBP", "PNG", "GIF"], 1))
def test_a_plain_picture_says_nothing(face_photo: Image.Image, form: str) -> None:
    buffer = io.BytesIO()
    face_photo.save(buffer, form)
    report = marking.check(buffer.getvalue())
    assert (report.marks, report.state, report.facts, report.format) == ((), "unsigned", {}, form)
    assert report.watermark == "none"


@pytest.mark.slow
def test_xmp_of_other_programs_is_read_as_elements_too(face_photo: Image.Image) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"><i:DigitalSourceType>'
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</i:DigitalSourceType>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    buffer = io.BytesIO()
    face_photo.save(buffer, "JPEG", xmp=packet.encode())
    shown = provenance_words.card(marking.check(buffer.getvalue()))
    assert dict(shown.rows)["What it is"] == "A picture made by AI"
    assert shown.title == "Says how it was made, without proof"


# --- hostile files ---


def test_an_unmarked_picture_says_nothing(tmp_path: Path, face_photo: Image.Image) -> None:
    face_photo.save(tmp_path / "plain.png")
    assert marking.read(tmp_path / "plain.png").marks == ()


@pytest.mark.slow
@pytest.mark.parametrize("packet", sweep(["not xml <", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "<a>" * 5000], 1))
def test_a_hostile_packet_is_no_mark(tmp_path: Path, face_photo: Image.Image, packet: str) -> None:
    face_photo.save(tmp_path / "p.webp", xmp=packet.encode())
    assert marking.read(tmp_path / "p.webp").marks == ()
    assert marking.check(tmp_path / "p.webp").marks == ()


@pytest.mark.slow
def test_words_of_strangers_are_one_short_line(face_photo: Image.Image) -> None:
    info = PngImagePlugin.PngInfo()
    trick = "safe\u202egpj.exe&#10;<script>" + "x" * 3000
    info.add_itxt(
        "XML:com.adobe.xmp",
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{trick.replace("<", "&lt;")}"/></rdf:RDF>',
    )
    buffer = io.BytesIO()
    face_photo.save(buffer, "PNG", pnginfo=info)
    software = marking.check(buffer.getvalue()).software
    assert software.startswith("safegpj.exe <script>")
    assert len(software) <= 160


def png_claiming(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return rebuilt(buffer.getvalue(), lambda kind, body: size + body[8:] if kind == b"IHDR" else body)


@pytest.mark.parametrize(
    ("data", "word"),
    sweep(
        [
            (b"", "empty"),
            (b"hello" * 100, "not a picture"),
            (b"%PDF-1.7 " + b"x" * 500, "not a picture"),
            (b"\xff\xd8\xff\xe0 cut", "damaged"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
            (png_claiming(50_000, 50_000), "megapixels"),
            (b"\x89PNG" + b"\0" * (41 * 2**20), "40 MB"),
        ],
        3,
        several=True,
    ),
)
def test_a_hostile_file_gives_one_sentence(tmp_path: Path, data: bytes, word: str) -> None:
    (tmp_path / "p.png").write_bytes(data)
    for source in (data, tmp_path / "p.png"):
        with pytest.raises(PhotoUnreadable, match=word) as refused:
            marking.check(source)
        assert str(tmp_path) not in refused.value.hint


@pytest.mark.slow
def test_a_file_cut_off_after_its_manifest_is_not_called_intact(marked: bytes) -> None:
    for share in (0.3, 0.6, 0.95):
        report = marking.check(marked[: int(len(marked) * share)])
        assert report.state in ("changed", "unreadable")
        assert provenance_words.card(report).tone == "warn"


@pytest.mark.slow
@search(25, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_bent_bytes_never_pass_as_intact_and_never_crash(marked: bytes, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([b"caBX", b"caBX", b"iTXt", b"IDAT", b"IHDR"]))
    bent = bytearray(next(body for found, body in chunks(marked) if found == kind))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(bent)))
        bent[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    first = iter([bytes(bent)])
    whole = rebuilt(marked, lambda found, body: next(first, body) if found == kind else body)
    if whole == marked:
        return
    try:
        report = marking.check(whole)
    except PhotoUnreadable:
        return
    assert report.state != "intact"
    assert provenance_words.as_text(provenance_words.card(report))


def test_reading_something_else_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_text("no picture")
    with pytest.raises(PhotoUnreadable):
        marking.read(tmp_path / "p.png")
    with pytest.raises(PhotoUnreadable):
        marking.read(tmp_path / "missing.png")


# --- the command ---


@pytest.mark.slow
def test_the_command_tells_and_says_by_its_code_that_a_file_is_no_picture(tmp_path: Path, marked: bytes) -> None:
    (tmp_path / "ours.png").write_bytes(marked)
    (tmp_path / "text.png").write_text("no picture")
    command = [sys.executable, "-m", "pipelines.provenance", str(tmp_path / "ours.png"), str(tmp_path / "text.png")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Made by this studio, unchanged" in result.stdout
    assert "oil-master" in result.stdout
    assert "not a picture" in result.stderr
    assert "Traceback" not in result.stderr
    assert main([]) == 2
    assert main([str(tmp_path / "ours.png")]) == 0
