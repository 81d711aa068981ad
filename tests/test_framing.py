"""The loose crop that a scene asks for: smaller person, nothing that floats, face, landmarks and mask in agreement."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.photo import framing
from pipelines.photo.opening import open_photo, prepare
from pipelines.schema import LoadedPhoto, PreparedPhoto
from tests.conftest import difference


def test_the_person_is_smaller_and_all_that_is_known_of_them_agrees(loaded: LoadedPhoto) -> None:
    close, wide = prepare(loaded, None, 384), prepare(loaded, None, 384, loose=True)
    assert wide.image.size == (384, 384)
    assert wide.face is not None
    assert close.face is not None
    assert _height(wide) < 0.9 * _height(close)
    assert wide.face.landmarks is not None
    left, top, right, bottom = wide.face.box
    inside = (wide.face.landmarks > (left - 20, top - 40)) & (wide.face.landmarks < (right + 20, bottom + 20))
    assert inside.all()
    assert wide.person_mask is not None
    assert wide.person_mask.shape == (384, 384)
    assert wide.person_mask[int(top) : int(bottom), int(left) : int(right)].mean() > 0.9
    assert wide.person_mask[-3:].max() > 0.9, "the body ends on the frame"


def test_beyond_the_photo_there_is_nobody_and_no_line(face_photo: Image.Image) -> None:
    """Eileen Collins with both shoulders whole, so that the photo may end on three sides of her."""
    photo = open_photo(face_photo.crop((60, 0, 420, 360)))
    whole = np.asarray(photo.image)
    square = framing.loose(whole, photo.faces[0])
    picture, inside = framing.filled(whole, square, (256, 256))
    assert picture.shape == (256, 256, 3)
    assert set(np.unique(inside)) <= {0.0, 1.0}
    wide = prepare(photo, None, 256, loose=True)
    assert wide.person_mask is not None
    assert (wide.person_mask[inside == 0] == 0).all()
    assert difference(wide.image, Image.fromarray(picture)) < 1


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_shoulder_that_the_photo_cuts_stays_on_the_frame(face_photo: Image.Image, side: str) -> None:
    box = (150, 0, 512, 512) if side == "left" else (0, 0, 290, 512)
    assert _floating(open_photo(face_photo.crop(box))) < 0.03


@pytest.mark.slow
def test_no_shoulder_floats_in_the_shared_portraits(portraits_dir: Path) -> None:
    looser = 0
    names = ("001", "005", "015", "041", "054", "061", "071", "078", "084", "095")
    for name in names:
        photo = open_photo(portraits_dir / f"{name}.jpg")
        assert _floating(photo) < 0.04, name
        looser += _height(prepare(photo, None, 256, loose=True)) < 0.85 * _height(prepare(photo, None, 256))
    assert looser >= 0.7 * len(names)


@pytest.mark.parametrize("name", ["030", "071"])
def test_nobody_stands_in_a_corner_under_an_empty_sky(portraits_dir: Path, name: str) -> None:
    """Their photos cut the body on one side, so that the frame has room on the other alone."""
    face = prepare(open_photo(portraits_dir / f"{name}.jpg"), None, 256, loose=True).face
    assert face is not None
    left, top, right, bottom = face.box
    aside, under = abs((left + right) / 512 - 0.5), (top + bottom) / 512 - 0.53
    assert aside > 0.05, "the one side is cut"
    assert aside + under < 0.29


def test_without_a_face_the_loose_crop_is_the_close_one() -> None:
    photo = open_photo(Image.radial_gradient("L").resize((500, 400)).convert("RGB"))
    assert difference(prepare(photo, None, 128).image, prepare(photo, None, 128, loose=True).image) == 0


def _height(photo: PreparedPhoto) -> float:
    assert photo.face is not None
    return photo.face.box[3] - photo.face.box[1]


def _floating(photo: LoadedPhoto) -> float:
    """Share of the frame's height along which the photo's border cuts the body inside of the frame."""
    whole = np.asarray(photo.image)
    _, inside = framing.filled(whole, framing.loose(whole, photo.faces[0]), (256, 256))
    mask = prepare(photo, None, 256, loose=True).person_mask
    assert mask is not None
    known = np.zeros((256, 256), np.uint8)
    known[inside > 0] = 1
    rim = (cv2.erode(known, np.ones((5, 5), np.uint8), borderValue=1) == 0) & (known > 0)
    return float((rim & (mask > 0.5)).any(axis=1).mean())
