"""The check on files that are cut off, bent or hostile."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines.errors import PhotoUnreadable
from pipelines.photo import containers
from pipelines.provenance import file_parts, marking, said, watermark, watermark_reader
from tests.support.png_chunks import rebuilt
from tests.support.searches import search
from tests.support.sweeps import sweep
from tests.support.tool_files import INFOTEXT, TOOLS, file, png


def saved(picture: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **({"quality": 92} if form != "PNG" else {}))
    return out.getvalue()


@pytest.mark.parametrize("form", sweep(["PNG", "JPEG", "WEBP", "AVIF", "HEIF"], 1))
@pytest.mark.parametrize("cut", sweep([40, 0, 2], 1))
def test_a_lost_end_does_not_get_rid_of_the_watermark(face_photo: Image.Image, form: str, cut: int) -> None:
    data = saved(watermark.embed(face_photo, "ai"), form)
    report = marking.check(data[: len(data) - cut])
    assert report.watermark == "ai"
    assert (report.width, report.height) == face_photo.size
    assert report.format == {"HEIF": "HEIC"}.get(form, form)


def broken_helper(data: bytes) -> bytes:
    """A chunk with a wrong check sum before the pixels."""
    head, rest = data[:33], data[33:]
    return head + (5).to_bytes(4, "big") + b"tEXta\0bcd" + b"oops" + rest


def wrong_length(data: bytes) -> bytes:
    head, rest = data[:33], data[33:]
    return head + (5_000_000).to_bytes(4, "big") + b"tEXta\0bcd" + b"oops" + rest


@pytest.mark.slow
@pytest.mark.parametrize("spoil", sweep([broken_helper, wrong_length], 1))
def test_a_broken_helper_chunk_hides_nothing(face_photo: Image.Image, spoil: Callable[[bytes], bytes]) -> None:
    data = saved(watermark.embed(face_photo, "filter"), "PNG")
    report = marking.check(spoil(data))
    assert report.watermark == "filter"


def test_what_was_lost_is_not_called_unmarked(face_photo: Image.Image) -> None:
    data = saved(face_photo, "PNG")
    report = marking.check(data[: len(data) // 2])
    assert report.watermark == "unknown"
    assert any("could not be looked for" in problem for problem in report.problems)


@search(150)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]), st.data())
def test_the_bare_picture_has_the_same_pixels(form: str, data: st.DataObject) -> None:
    noise = data.draw(st.binary(min_size=192, max_size=192))
    out = io.BytesIO()
    Image.frombytes("RGB", (8, 8), noise).save(out, form)
    whole = out.getvalue()
    with Image.open(io.BytesIO(whole)) as one, Image.open(io.BytesIO(containers.bare(whole).data)) as other:
        assert one.convert("RGB").tobytes() == other.convert("RGB").tobytes()


@search(300)
@given(st.sampled_from(sorted(TOOLS)), st.data())
def test_bent_words_never_crash(name: str, data: st.DataObject) -> None:
    bent = bytearray(TOOLS[name][0])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(bent) - 1))
        bent[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    found = said.read(file_parts.parts(bytes(bent)))
    assert json.dumps(found.claims)
    assert all(claim.isprintable() and len(claim) < 200 for claim in found.claims)
    assert isinstance(containers.bare(bytes(bent)).data, bytes)


@given(st.binary(max_size=300))
def test_a_users_comment_may_be_anything(value: bytes) -> None:
    assert isinstance(said.comment(value), str)


def test_nothing_is_inflated_without_end() -> None:
    bomb = png(parameters=INFOTEXT)
    packed = b"workflow\0\0" + zlib.compress(bytes(200 * 2**20), 9)
    data = rebuilt(bomb, lambda kind, body: packed if kind == b"tEXt" else body)
    data = data.replace(b"tEXtworkflow", b"zTXtworkflow")
    texts = file_parts.parts(data).texts
    assert max((len(text) for _, text in texts), default=0) <= 4 * 2**20


def test_the_reader_in_its_own_process_tells_the_same(face_photo: Image.Image) -> None:
    data = saved(watermark.embed(face_photo, "ai"), "JPEG")
    assert watermark_reader.read_foreign(data[:-2]) == watermark_reader.read_any(data[:-2])


def test_a_reader_without_time_is_not_told_as_a_damaged_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.provenance.file_reader._SECONDS", 0.0)
    with pytest.raises(PhotoUnreadable, match="in time"):
        marking.check(file("PNG"))
