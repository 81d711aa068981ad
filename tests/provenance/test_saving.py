"""A portrait becomes a file in one place, marked twice; nothing else is written, and nothing half."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import SaveError
from pipelines.provenance import marking
from pipelines.provenance import words as provenance_words
from tests.conftest import difference
from tests.provenance.conftest import FACTS
from tests.support.png_chunks import chunks, rebuilt
from tests.support.sweeps import sweep


def test_marks_are_in_the_file_and_pixels_hardly_changed(tmp_path: Path, face_photo: Image.Image) -> None:
    path = tmp_path / "new" / "portrait.png"
    summary = marking.save(face_photo, path, is_diffusion=True, facts=FACTS).summary
    assert summary == marking.read(path)
    assert summary.marks == ("XMP", "C2PA", "watermark")
    assert summary.state == "intact"
    assert summary.signer == "Self-Portrait Studio"
    assert summary.digital_source_type.endswith("/compositeWithTrainedAlgorithmicMedia")
    assert summary.software.startswith("Self-Portrait Studio")
    assert summary.facts == FACTS
    assert summary.date.startswith("20")
    with Image.open(path) as written:
        assert 0 < difference(written, face_photo) < 2
        assert written.convert("RGB").tobytes() == marking.picture(path).tobytes()
    assert [file.name for file in path.parent.iterdir()] == ["portrait.png"]


def test_the_preview_is_not_called_ai_media(tmp_path: Path, face_photo: Image.Image) -> None:
    summary = marking.save(face_photo, tmp_path / "p.png", is_diffusion=False, facts={}).summary
    assert summary.digital_source_type.endswith("/algorithmicallyEnhanced")
    assert b"rainedAlgorithmicMedia" not in (tmp_path / "p.png").read_bytes()


def test_both_marks_name_the_same_source_and_the_manifest_names_the_engine(marked: bytes) -> None:
    manifest = next(body for kind, body in chunks(marked) if kind == b"caBX")
    packet = next(body for kind, body in chunks(marked) if kind == b"iTXt")
    for mark in (manifest, packet):
        assert b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in mark
        assert b"oil-master" in mark
    assert b"c2pa.created" in manifest
    assert b'A <model> & "more"' in manifest


def test_marks_are_small_and_hold_no_picture(tmp_path: Path, marked: bytes) -> None:
    written = tmp_path / "marked.png"
    written.write_bytes(marked)
    marking.picture(written).save(tmp_path / "plain.png", compress_level=4)
    assert 0 < len(marked) - (tmp_path / "plain.png").stat().st_size < 8_000
    manifest = next(body for kind, body in chunks(marked) if kind == b"caBX")
    assert not any(word in manifest for word in (b"thumbnail", b"ingredient", b"image/jpeg", b"JFIF", b"IHDR"))


def test_metadata_of_the_picture_is_not_written(tmp_path: Path, face_photo: Image.Image) -> None:
    picture = face_photo.copy()
    picture.info["exif"] = b"Exif\0\0secret place"
    picture.info["comment"] = "secret name"
    picture.filename = "secret-file.jpg"  # type: ignore[attr-defined]
    marking.save(picture, tmp_path / "p.png", is_diffusion=True, facts={})
    assert b"secret" not in (tmp_path / "p.png").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "p.png").read_bytes()


def test_nothing_is_left_behind_when_the_disk_refuses(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SaveError, match="free some space"):
        marking.save(face_photo, tmp_path / "p.png", is_diffusion=True, facts={})
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_when_the_disk_writes_something_else(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(path: Path, data: bytes) -> int:
        with path.open("wb") as stream:
            return stream.write(rebuilt(data, lambda kind, body: body[::-1] if kind == b"tEXt" else body)[:-20])

    monkeypatch.setattr(Path, "write_bytes", forgetful)
    with pytest.raises(SaveError, match="could not be marked"):
        marking.save(face_photo, tmp_path / "p.png", is_diffusion=True, facts={})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, face_photo: Image.Image) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SaveError):
        marking.save(face_photo, tmp_path / "file" / "p.png", is_diffusion=True, facts={})


def test_many_portraits_are_signed_at_once(tmp_path: Path, face_photo: Image.Image) -> None:
    small = face_photo.resize((64, 64))

    def one(number: int) -> str:
        path = tmp_path / f"{number}.png"
        marking.save(small, path, is_diffusion=True, facts={"Seed": str(number)})
        return marking.read(path).facts["Seed"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(24))) == [str(number) for number in range(24)]


def test_the_same_picture_gets_the_same_pixels_and_the_kind_is_in_them(tmp_path: Path, face_photo: Image.Image) -> None:
    for name, is_diffusion in (("a", True), ("b", True), ("c", False)):
        marking.save(face_photo, tmp_path / f"{name}.png", is_diffusion=is_diffusion, facts={})
    first, second, filtered = (marking.picture(tmp_path / f"{name}.png") for name in "abc")
    assert first.tobytes() == second.tobytes() != filtered.tobytes()
    assert marking.check(tmp_path / "c.png").watermark == "filter"


def test_the_watermark_is_an_action_of_the_manifest(tmp_path: Path, marked: bytes, face_photo: Image.Image) -> None:
    assert b"c2pa.watermarked.unbound" in next(body for kind, body in chunks(marked) if kind == b"caBX")
    tiny = marking.save(face_photo.resize((64, 64)), tmp_path / "tiny.png", is_diffusion=True, facts={}).summary
    assert (tiny.marks, tiny.state) == (("XMP", "C2PA"), "intact"), "too small for one, and not called marked"
    assert b"c2pa.watermarked" not in (tmp_path / "tiny.png").read_bytes()


@pytest.mark.parametrize("is_diffusion", sweep([True, False], 1))
def test_the_label_is_drawn_only_where_asked_for(tmp_path: Path, face_photo: Image.Image, is_diffusion: bool) -> None:
    facts: dict[str, str] = {}
    plain, labelled = tmp_path / "plain.png", tmp_path / "labelled.png"
    marking.save(face_photo, plain, is_diffusion=is_diffusion, facts=facts)
    summary = marking.save(face_photo, labelled, is_diffusion=is_diffusion, facts=facts, label=True).summary
    assert summary.marks == marking.MARKS
    corner, rest = (420, 480, 512, 512), (0, 0, 512, 440)
    one, other = marking.picture(plain), marking.picture(labelled)
    assert difference(one.crop(corner), other.crop(corner)) > 8
    assert difference(one.crop(rest), other.crop(rest)) < 1


def test_words_and_pixels_that_disagree_are_told(tmp_path: Path, marked: bytes, face_photo: Image.Image) -> None:
    marking.save(face_photo, tmp_path / "filtered.png", is_diffusion=False, facts={})
    with Image.open(io.BytesIO(marked)) as ai:
        marking.picture(tmp_path / "filtered.png").save(
            tmp_path / "moved.webp", quality=80, xmp=ai.info["XML:com.adobe.xmp"].encode()
        )
    shown = provenance_words.card(marking.check(tmp_path / "moved.webp"))
    assert any("disagree" in note for note in shown.notes)
    assert "without generative AI" in dict(shown.rows)["Watermark in the pixels"]
