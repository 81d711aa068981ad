"""A portrait becomes a file in one place, marked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipelines import provenance
from pipelines.errors import PhotoUnreadable, SaveError
from tests.conftest import difference

FACTS = {"Style": "oil-master", "Seed": "7", "Engine": 'A <model> & "more"'}


def test_marks_are_in_the_file_and_pixels_unchanged(tmp_path: Path, face_photo: Image.Image) -> None:
    path = tmp_path / "new" / "portrait.png"
    summary = provenance.save(face_photo, path, is_diffusion=True, facts=FACTS)
    assert summary == provenance.read(path)
    assert summary.marks == ("XMP",)
    assert summary.digital_source_type.endswith("/compositeWithTrainedAlgorithmicMedia")
    assert summary.software.startswith("Self-Portrait Studio")
    assert summary.facts == FACTS
    with Image.open(path) as written:
        assert difference(written, face_photo) == 0


def test_the_preview_is_not_called_ai_media(tmp_path: Path, face_photo: Image.Image) -> None:
    summary = provenance.save(face_photo, tmp_path / "p.png", is_diffusion=False, facts={})
    assert summary.digital_source_type.endswith("/algorithmicallyEnhanced")


def test_metadata_of_the_picture_is_not_written(tmp_path: Path, face_photo: Image.Image) -> None:
    picture = face_photo.copy()
    picture.info["exif"] = b"Exif\0\0secret place"
    picture.info["comment"] = "secret name"
    provenance.save(picture, tmp_path / "p.png", is_diffusion=True, facts={})
    assert b"secret" not in (tmp_path / "p.png").read_bytes()


def test_nothing_is_left_behind_when_the_disk_refuses(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SaveError, match="free some space"):
        provenance.save(face_photo, tmp_path / "p.png", is_diffusion=True, facts={})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, face_photo: Image.Image) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SaveError):
        provenance.save(face_photo, tmp_path / "file" / "p.png", is_diffusion=True, facts={})


def test_an_unmarked_picture_says_nothing(tmp_path: Path, face_photo: Image.Image) -> None:
    face_photo.save(tmp_path / "plain.png")
    assert provenance.read(tmp_path / "plain.png").marks == ()


@pytest.mark.parametrize("packet", ["not xml <", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'])
def test_a_hostile_packet_is_no_mark(tmp_path: Path, face_photo: Image.Image, packet: str) -> None:
    face_photo.save(tmp_path / "p.webp", xmp=packet.encode())
    assert provenance.read(tmp_path / "p.webp").marks == ()


def test_reading_something_else_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_text("no picture")
    with pytest.raises(PhotoUnreadable):
        provenance.read(tmp_path / "p.png")
