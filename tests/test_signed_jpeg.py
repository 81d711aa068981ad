"""A portrait as JPEG, for slides and documents, says what the portrait says, and shows every change."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import SaveError
from pipelines.provenance import marking
from tests.conftest import difference
from tests.support.png_chunks import replaced
from tests.support.sweeps import sweep

FACTS = {"Style": "oil-master", "Seed": "7", "Engine": 'A <model> & "more"', "Model": "sd15-lcm"}


@pytest.mark.parametrize(
    ("is_diffusion", "longest"), sweep([(True, None), (True, 300), (False, None), (False, 300)], 2, several=True)
)
def test_a_signed_jpeg_says_what_its_portrait_says(
    tmp_path: Path, face_photo: Image.Image, is_diffusion: bool, longest: int | None
) -> None:
    path = tmp_path / "portrait.png"
    own = marking.save(face_photo, path, is_diffusion=is_diffusion, facts=FACTS).summary
    jpeg = marking.signed_jpeg(path, longest)
    report = marking.check(jpeg)
    assert (report.format, report.state, report.is_ours) == ("JPEG", "intact", True)
    assert report.watermark == ("ai" if is_diffusion else "filter")
    assert (report.facts, report.date) == (FACTS, own.date)
    assert report.digital_source_type == own.digital_source_type
    assert max(report.width, report.height) == (longest or 512)
    with Image.open(io.BytesIO(jpeg)) as opened:
        small = marking.picture(path)
        small.thumbnail(opened.size, Image.Resampling.LANCZOS)
        assert difference(opened, small) < 3
    if longest is None:
        assert difference(Image.open(io.BytesIO(jpeg)), marking.picture(path)) > 0, "it is a JPEG"


@pytest.mark.slow
def test_a_signed_jpeg_that_is_changed_shows_it(tmp_path: Path, face_photo: Image.Image) -> None:
    path = tmp_path / "portrait.png"
    marking.save(face_photo, path, is_diffusion=True, facts=FACTS)
    jpeg = marking.signed_jpeg(path)
    assert marking.check(jpeg[:-40] + bytes([jpeg[-40] ^ 1]) + jpeg[-39:]).state == "changed"
    other = jpeg.replace(b"oil-master", b"oil-mustard", 1)
    assert marking.check(other).state != "intact"


def test_no_jpeg_is_signed_of_a_picture_whose_own_marks_do_not_hold(tmp_path: Path, face_photo: Image.Image) -> None:
    path = tmp_path / "portrait.png"
    marking.save(face_photo, path, is_diffusion=True, facts=FACTS)
    path.write_bytes(replaced(path.read_bytes(), b"iTXt", b"oil-master", b"oil-mister"))
    with pytest.raises(SaveError, match="do not hold"):
        marking.signed_jpeg(path)
    face_photo.save(path)
    with pytest.raises(SaveError, match="do not hold"):
        marking.signed_jpeg(path)
