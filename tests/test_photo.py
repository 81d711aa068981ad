"""Every kind of file that visitors bring."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image

from pipelines.errors import PhotoError, PhotoUnreadable, RequestInvalid
from pipelines.photo import hints as photo_hints
from pipelines.photo.opening import MAX_SIDE, open_photo, prepare
from pipelines.schema import LoadedPhoto
from tests.conftest import difference
from tests.support.searches import search

GPS = 0x8825


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "BMP"])
def test_opens_what_phones_and_browsers_send(face_photo: Image.Image, kind: str) -> None:
    photo = open_photo(encode(face_photo, kind))
    assert photo.image.mode == "RGB"
    assert photo.image.size == face_photo.size
    assert difference(photo.image, face_photo) < 6
    assert len(photo.faces) == 1


@pytest.mark.parametrize(
    ("mode", "most"),
    [("CMYK", 25.0), ("L", 60.0), ("LA", 60.0), ("RGBA", 3.0), ("P", 20.0), ("1", 140.0), ("I;16", 60.0)],
)
def test_every_colour_mode_becomes_rgb(face_photo: Image.Image, mode: str, most: float) -> None:
    if mode == "I;16":
        converted = Image.fromarray(np.asarray(face_photo.convert("L")).astype(np.uint16) * 257)
    else:
        converted = face_photo.convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    photo = open_photo(encode(converted, kind))
    assert photo.image.mode == "RGB"
    assert difference(photo.image, face_photo) < most
    if mode != "1":
        assert len(photo.faces) == 1


def test_transparency_lies_on_white(face_photo: Image.Image) -> None:
    see_through = face_photo.copy()
    see_through.putalpha(Image.new("L", face_photo.size, 0))
    photo = open_photo(encode(see_through, "PNG"))
    assert photo.image.getpixel((5, 5)) == (255, 255, 255)
    assert photo_hints.hints(photo)[0].kind == "no-face"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_phone_orientation_is_respected_and_metadata_left_behind(face_photo: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(GPS)[1] = "N"
    # The inverse of what a viewer does for this orientation.
    undo = {2: [0], 3: [3], 4: [1], 5: [0, 2], 6: [2], 7: [0, 4], 8: [4]}
    stored = face_photo
    for step in undo.get(orientation, []):
        stored = stored.transpose(Image.Transpose(step))
    photo = open_photo(encode(stored, "JPEG", exif=exif, quality=95))
    assert difference(photo.image, face_photo) < 6
    assert not photo.image.getexif()
    assert "exif" not in photo.image.info


def test_animated_file_gives_its_first_frame(face_photo: Image.Image) -> None:
    second = Image.new("RGB", face_photo.size, "red")
    photo = open_photo(encode(face_photo, "WEBP", save_all=True, append_images=[second], lossless=True))
    assert difference(photo.image, face_photo) < 2


def test_camera_array_is_a_photo_too(face_photo: Image.Image) -> None:
    assert len(open_photo(np.asarray(face_photo)).faces) == 1


def test_large_photo_is_kept_at_a_sensible_size(face_photo: Image.Image) -> None:
    photo = open_photo(encode(face_photo.resize((5000, 4000)), "JPEG"))
    assert max(photo.image.size) <= MAX_SIDE
    assert len(photo.faces) == 1


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that claims to be enormous."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 4096))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("empty.jpg", b"", "empty"),
        ("text.jpg", b"this is not a picture at all", "not a picture"),
        ("page.png", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "not a picture"),
        ("archive.webp", b"PK\x03\x04" + b"\0" * 200, "not a picture"),
        ("bomb.png", bomb(30_000, 30_000), "megapixels"),
        ("short.png", bomb(300, 300), "damaged"),
        ("tiny.png", encode(Image.new("RGB", (20, 20)), "PNG"), "smaller"),
        ("strip.png", encode(Image.new("RGB", (2000, 100)), "PNG"), "strip"),
    ],
)
def test_bad_file_gives_one_sentence(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PhotoUnreadable, match=word) as caught:
        open_photo(path)
    assert name not in caught.value.hint
    assert caught.value.hint.endswith(".")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_truncated_file_is_refused(face_photo: Image.Image, kind: str, share: float) -> None:
    whole = encode(face_photo, kind)
    with pytest.raises(PhotoUnreadable):
        open_photo(whole[: int(len(whole) * share)])


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoUnreadable, match="once more"):
        open_photo(tmp_path / "gone.jpg")


def test_sixty_megapixels_pass_and_more_do_not() -> None:
    gray = Image.new("L", (9000, 6600), 127)
    assert max(open_photo(encode(gray, "JPEG")).image.size) <= MAX_SIDE
    with pytest.raises(PhotoUnreadable, match="megapixels"):
        open_photo(encode(Image.new("L", (9000, 9000), 127), "JPEG"))


@search(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_a_photo_or_a_sentence(face_photo: Image.Image, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF"]))
    whole = bytearray(encode(face_photo.resize((96, 96)), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    hint, mode = "", ""
    try:
        mode = open_photo(bytes(whole)).image.mode
    except PhotoError as error:
        hint = error.hint
    assert mode == "RGB" or hint.endswith(".")


def test_no_face_is_a_blocking_hint() -> None:
    photo = open_photo(Image.effect_noise((600, 600), 40).convert("RGB"))
    assert [(hint.kind, hint.blocking) for hint in photo_hints.hints(photo)] == [("no-face", True)]


def test_several_faces_ask_for_a_choice_and_each_can_be_cut(face_photo: Image.Image) -> None:
    group = Image.new("RGB", (1300, 620), (90, 110, 130))
    group.paste(face_photo, (0, 50))
    group.paste(face_photo.resize((400, 400)), (800, 120))
    photo = open_photo(group)
    assert len(photo.faces) == 2
    assert any(hint.kind == "several-faces" and hint.blocking for hint in photo_hints.hints(photo))
    first, second = prepare(photo, 0, 256), prepare(photo, 1, 256)
    assert difference(first.image, second.image) > 2
    assert first.face is not None
    assert second.face is not None
    with pytest.raises(RequestInvalid, match="choose one"):
        prepare(photo, 2, 256)


def kinds(image: Image.Image) -> set[str]:
    return {hint.kind for hint in photo_hints.hints(open_photo(image))}


def test_dark_blurred_small_and_cut_off_are_told(face_photo: Image.Image) -> None:
    assert kinds(face_photo) == set()
    assert "too-dark" in kinds(face_photo.point(lambda value: value // 6))
    blurred = face_photo.resize((64, 64), Image.Resampling.BILINEAR).resize((512, 512), Image.Resampling.BICUBIC)
    assert "blurred" in kinds(blurred)
    far = Image.new("RGB", (900, 900), (200, 190, 170))
    far.paste(face_photo.resize((300, 300)), (300, 500))
    assert "too-small" in kinds(far)
    left, _, right, _ = open_photo(face_photo).faces[0].box
    middle = int((left + right) / 2)
    assert "cut-off" in kinds(face_photo.crop((int(middle - 0.2 * (right - left)), 0, 512, 512)))


def test_crop_keeps_the_face_whole_and_near_the_middle(loaded: LoadedPhoto) -> None:
    crop = prepare(loaded, None, 384)
    assert crop.image.size == (384, 384)
    assert crop.face is not None
    left, top, right, bottom = crop.face.box
    assert left > 0
    assert top > 0
    assert right < 384
    assert bottom < 384
    assert 100 < (left + right) / 2 < 284
    assert crop.face.landmarks is not None
    assert crop.face.landmarks.shape == (478, 2)
    assert crop.person_mask is not None
    inside = crop.person_mask[int(top) : int(bottom), int(left) : int(right)]
    assert inside.mean() > 0.9
    assert crop.person_mask.min() < 0.1


def test_crop_stays_inside_for_a_face_at_the_edge(face_photo: Image.Image) -> None:
    corner = Image.new("RGB", (900, 700), (120, 130, 140))
    corner.paste(face_photo.crop((100, 0, 400, 300)), (0, 0))
    crop = prepare(open_photo(corner), None, 256)
    assert crop.image.size == (256, 256)


def test_without_a_face_the_centre_is_cut() -> None:
    photo = open_photo(Image.radial_gradient("L").resize((800, 400)).convert("RGB"))
    crop = prepare(photo, None, 128)
    assert crop.face is None
    assert crop.image.size == (128, 128)


@pytest.mark.slow
def test_people_of_the_shared_portraits_are_found(portraits_dir: Path) -> None:
    files = sorted(portraits_dir.glob("*.jpg"))
    found = sum(bool(open_photo(path).faces) for path in files)
    assert found >= 0.95 * len(files)


def test_foliage_beside_a_face_is_no_second_face(portraits_dir: Path) -> None:
    assert len(open_photo(portraits_dir / "061.jpg").faces) == 1
