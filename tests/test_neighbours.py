"""A photo of several people: one sits, and nobody is known who was not asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.photo import hints, opening, vision
from pipelines.photo.opening import open_photo, prepare
from pipelines.schema import LoadedPhoto
from tests.conftest import difference


@pytest.fixture(scope="module")
def pair(face_photo: Image.Image) -> LoadedPhoto:
    """The astronaut twice, once mirrored, their heads a head's width apart."""
    first = face_photo.resize((512, 512))
    second = first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = Image.new("RGB", (600, 512), (150, 170, 160))
    for person, left in ((second, 88), (first, 0)):
        mask = vision.person_mask(np.asarray(person))
        picture.paste(person, (left, 0), Image.fromarray((mask * 255).astype(np.uint8)))
    photo = open_photo(picture)
    assert len(photo.faces) == 2
    return photo


def faces_in(picture: Image.Image) -> list[float]:
    """Where faces are found, as shares of the width."""
    found = vision.detect_faces(np.asarray(picture.resize((768, 768))))
    return [(face.box[0] + face.box[2]) / 2 / 768 for face in found]


@pytest.mark.parametrize("chosen", [0, 1])
def test_only_the_chosen_one_is_known_in_the_crop(pair: LoadedPhoto, chosen: int) -> None:
    alone = pair.model_copy(update={"faces": (pair.faces[chosen],)})
    assert len(faces_in(prepare(alone, 0, 512, loose=True).image)) == 2  # so it was
    crop = prepare(pair, chosen, 512, loose=True)
    (place,) = faces_in(crop.image)
    assert crop.face is not None
    assert crop.face.landmarks is not None
    assert abs(place - crop.face.landmarks[:, 0].mean() / 512) < 0.05


@pytest.mark.parametrize("chosen", [0, 1])
def test_the_mask_is_of_the_sitter_alone(pair: LoadedPhoto, chosen: int) -> None:
    crop = prepare(pair, chosen, 512, loose=True)
    assert crop.person_mask is not None
    assert crop.face is not None
    x0, y0, x1, y1 = (round(at) for at in crop.face.box)
    assert crop.person_mask[y0:y1, x0:x1].mean() > 0.9
    half = (x1 - x0) // 2
    is_right = pair.faces[chosen].box[0] > pair.faces[1 - chosen].box[0]
    beside = crop.person_mask[y0:y1, : x0 - half] if is_right else crop.person_mask[y0:y1, x1 + half :]
    assert beside.size > 0
    assert beside.max() < 0.2


def test_the_sitter_stays_as_in_the_photo(pair: LoadedPhoto) -> None:
    alone = pair.model_copy(update={"faces": (pair.faces[0],)})
    with_, without = prepare(pair, 0, 512).image, prepare(alone, 0, 512).image
    face = prepare(pair, 0, 512).face
    assert face is not None
    left, top, right, bottom = (round(at) for at in face.box)
    box = (left, top, right, bottom)
    assert difference(with_.crop(box), without.crop(box)) < 1.0


def test_a_photo_of_one_is_not_touched(loaded: LoadedPhoto) -> None:
    where = opening.frame(loaded, 0)
    assert np.array_equal(
        np.asarray(prepare(loaded, 0, 256).image), np.asarray(opening.cut(loaded, 0, where, (256, 256)))
    )
    assert opening.others_in(loaded, 0, where) == 0


def test_a_face_that_may_be_none_and_a_print_on_a_shirt_are_left_as_they_are(pair: LoadedPhoto) -> None:
    sure, other = pair.faces
    doubtful = other.model_copy(update={"certainty": "doubtful"})
    small = other.model_copy(update={"box": (300.0, 400.0, 315.0, 415.0)})
    for second in (doubtful, small):
        photo = pair.model_copy(update={"faces": (sure, second)})
        assert opening.others_in(photo, 0, opening.frame(photo, 0)) == 0


def test_the_page_says_so(pair: LoadedPhoto) -> None:
    for loose, word in ((False, "blurred"), (True, "Only you")):
        frame = opening.frame(pair, 0, loose=loose)
        said = hints.of_the_crop(pair, 0, frame, "1:1", by_hand=False, loose=loose)
        assert [hint.kind for hint in said] == ["neighbours"]
        assert word in said[0].sentence
        assert not said[0].blocking


def test_what_is_shown_as_the_used_photo_shows_nobody_else(pair: LoadedPhoto) -> None:
    where = opening.frame(pair, 0)
    assert np.array_equal(
        np.asarray(opening.cut(pair, 0, where, (256, 256))), np.asarray(prepare(pair, 0, 256, where=where).image)
    )


@pytest.fixture
def groups(portraits_dir: Path) -> Iterator[tuple[str, LoadedPhoto]]:
    """People of the shared portraits, one before another's shoulder."""

    def cut_out(name: str, height: int) -> tuple[Image.Image, Image.Image]:
        image = Image.open(portraits_dir / f"{name}.jpg").convert("RGB")
        image = image.resize((round(image.width * height / image.height), height))
        return image, Image.fromarray((vision.person_mask(np.asarray(image)) * 255).astype(np.uint8))

    def make() -> Iterator[tuple[str, LoadedPhoto]]:
        for first, second, apart, high, higher in (
            ("021", "057", 330, 760, 700),
            ("007", "028", 300, 600, 900),
            ("090", "041", 380, 800, 640),
            ("001", "071", 250, 700, 700),
        ):
            picture = Image.new("RGB", (1300, 900), (150, 170, 160))
            for (person, mask), left in ((cut_out(second, higher), 250 + apart), (cut_out(first, high), 100)):
                picture.paste(person, (left, 900 - person.height), mask)
            yield f"{first} and {second}", open_photo(picture)

    return make()


@pytest.mark.slow
def test_people_before_each_other(groups: Iterator[tuple[str, LoadedPhoto]]) -> None:
    for who, photo in groups:
        assert len(photo.faces) == 2, who
        for chosen in (0, 1):
            crop = prepare(photo, chosen, 512)
            assert crop.person_mask is not None
            assert len(faces_in(crop.image)) == 1, (who, chosen)
            x, y = (round(at) for at in (np.mean(crop.face.box[::2]), np.mean(crop.face.box[1::2])))
            assert crop.person_mask[y, x] > 0.9, (who, chosen)
