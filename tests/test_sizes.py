"""Shapes, sizes and crops: what is asked for, what comes of it, and what is said where the photo has less."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import sizes
from pipelines.errors import RequestInvalid
from pipelines.photo import framing, hints
from pipelines.photo.opening import frame, open_photo, prepare, sitter_after, turned
from pipelines.photo.sitter import hand_crop
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.schema import Consent, HandCrop, LoadedPhoto, PreparedPhoto, Shape
from pipelines.self_portrait import SelfPortraitPipeline
from tests.conftest import difference
from tests.support.fakes import FakeEngine, FakeEngines
from tests.support.sweeps import sweep

SHAPES: list[Shape] = list(sizes.SHAPES)


@pytest.fixture(scope="module")
def wide_photo(face_photo: Image.Image) -> LoadedPhoto:
    """The same woman, small in a large photo: there is room around her."""
    canvas = Image.new("RGB", (1500, 1800), (140, 150, 160))
    canvas.paste(face_photo.crop((60, 0, 400, 512)).resize((510, 768)), (480, 500))
    return open_photo(canvas)


def test_the_sizes_in_pixels() -> None:
    assert [sizes.along(shape, 2048) for shape in SHAPES] == [(2048, 2048), (1638, 2048), (1152, 2048)]
    assert [sizes.along(shape, 1080) for shape in SHAPES] == [(1080, 1080), (864, 1080), (608, 1080)]
    assert sizes.within("4:5", 1024, 64) == (896, 1152), "a shape that SDXL was trained at"
    assert sizes.within("9:16", 1024, 64) == (768, 1344), "and another one"
    assert sizes.within("1:1", 512, 8) == (512, 512)
    assert sizes.detailed("1:1", "print", 1500.7, screen=1080, largest=2048) == (1500, 1500)
    assert sizes.detailed("1:1", "print", 300, screen=1080, largest=2048) == (1080, 1080)
    assert sizes.detailed("9:16", "screen", 5000, screen=1080, largest=2048) == (608, 1080)


def test_the_print_size_in_words() -> None:
    assert sizes.print_words(2048, 2048) == "2048 × 2048 px: prints well up to 17.3 × 17.3 cm (300 dpi)"
    assert sizes.print_words(1181, 2362) == "1181 × 2362 px: prints well up to 10 × 20 cm (300 dpi)"


@pytest.mark.parametrize("loose", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_taller_shape_shows_more_of_the_photo_around_the_face(
    wide_photo: LoadedPhoto, shape: Shape, loose: bool
) -> None:
    ratio = sizes.ratio(shape)
    square, cut = frame(wide_photo, None, 1.0, loose=loose), frame(wide_photo, None, ratio, loose=loose)
    assert cut.width / cut.height == pytest.approx(ratio)
    assert cut.height >= square.height
    assert 0.8 * square.width <= cut.width <= square.width
    if not loose:
        assert _inside(cut, wide_photo.image.size)


def test_where_the_photo_has_no_more_the_crop_is_narrower_and_that_is_said(face_photo: Image.Image) -> None:
    close = open_photo(face_photo.crop((130, 20, 330, 220)).resize((800, 800)))
    size = close.image.size
    for shape in SHAPES:
        cut = frame(close, None, sizes.ratio(shape))
        assert _inside(cut, size)
        said = hints.of_the_crop(close, None, cut, shape, by_hand=False)
        assert bool(said) is (shape != "1:1"), shape
    assert "9:16" in said[0].sentence
    assert not said[0].blocking
    assert "scene" not in hints.of_the_crop(close, None, cut, "9:16", by_hand=False, loose=True)[0].sentence
    everything = frame(close, None, sizes.ratio("9:16"))
    assert everything.height == pytest.approx(size[1]), "all that there is"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("loose", [False, True])
def test_what_is_known_of_the_person_fits_the_crop(loaded: LoadedPhoto, shape: Shape, loose: bool) -> None:
    size = sizes.along(shape, 400)
    photo = prepare(loaded, None, size, loose=loose)
    assert photo.image.size == size
    assert photo.person_mask is not None
    assert photo.person_mask.shape == size[::-1]
    assert photo.face is not None
    assert photo.face.landmarks is not None
    _mesh_lies_in_the_box(photo)


def test_a_crop_by_hand_is_what_was_asked_for(loaded: LoadedPhoto) -> None:
    photo = prepare(loaded, None, 192, crop=HandCrop(x=50, y=25, width=37.5))
    wanted = loaded.image.crop((160, 32, 352, 224))  # of 512 x 512
    assert difference(photo.image, wanted) < 2
    _mesh_lies_in_the_box(photo)


@pytest.mark.parametrize("angle", [-30.0, 12.5, 45.0])
def test_a_turned_crop_turns_the_person_clockwise_and_lies_in_the_photo(loaded: LoadedPhoto, angle: float) -> None:
    crop = HandCrop(x=45, y=25, width=45, angle=angle)
    straight = prepare(loaded, None, 300, crop=crop.model_copy(update={"angle": 0.0}))
    photo = prepare(loaded, None, 300, crop=crop)
    _mesh_lies_in_the_box(photo)
    assert _roll(photo) - _roll(straight) == pytest.approx(angle, abs=4)
    where = framing.by_hand(loaded.image.size, crop, 1.0)
    assert _inside(where, loaded.image.size)
    # The same pixel by another way: the picture turned as a whole, by Pillow.
    width = where.width
    middle = where.middle
    whole = loaded.image.rotate(-angle, Image.Resampling.BICUBIC, center=middle)
    box = (middle[0] - width / 2, middle[1] - width / 2, middle[0] + width / 2, middle[1] + width / 2)
    assert difference(photo.image, whole.resize((300, 300), Image.Resampling.LANCZOS, box=box)) < 3


@pytest.mark.parametrize("x", [0.0, 37.5, 100.0])
@pytest.mark.parametrize("angle", [-45.0, 0.0, 20.0])
@pytest.mark.parametrize("width", [0.01, 30.0, 100.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_crop_by_hand_reaches_past_the_photo(x: float, angle: float, width: float, shape: Shape) -> None:
    for size in ((600, 900), (900, 600)):
        cut = framing.by_hand(size, HandCrop(x=x, y=100 - x, width=width, angle=angle), sizes.ratio(shape))
        assert _inside(cut, size)
        assert min(cut.width, cut.height) > 40
        assert cut.width / cut.height == pytest.approx(sizes.ratio(shape))


def test_a_crop_moved_off_the_face_is_said_and_drawn_without_a_face(loaded: LoadedPhoto) -> None:
    crop = HandCrop(x=90, y=90, width=20)
    cut = frame(loaded, None, 1.0, crop=crop)
    (said,) = hints.of_the_crop(loaded, None, cut, "1:1", by_hand=True)
    assert said.kind == "out-of-crop"
    assert prepare(loaded, None, 128, crop=crop).face is None


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_quarter_turn_keeps_crop_and_chosen_face(loaded: LoadedPhoto, degrees: int) -> None:
    image = Image.new("RGB", (700, 512), (120, 120, 120))
    image.paste(loaded.image, (100, 0))
    photo = open_photo(image)
    crop = HandCrop(x=40, y=35, width=30, angle=5)
    there = turned(photo, degrees)
    moved = framing.turned_crop(crop, degrees, photo.image.size)
    first = prepare(photo.model_copy(update={"faces": ()}), None, 200, crop=crop).image
    second = prepare(there.model_copy(update={"faces": ()}), None, 200, crop=moved).image
    back = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}[degrees]
    assert difference(first, second.transpose(back)) < 3
    chosen = photo.faces[0]
    drawn = Image.new("L", photo.image.size)
    left, top, right, bottom = (round(side) for side in chosen.box)
    drawn.paste(255, (left, top, right, bottom))
    box = drawn.rotate(-degrees, expand=True).getbbox()
    other = chosen.model_copy(update={"box": (0.0, 0.0, 40.0, 40.0)})
    found = there.model_copy(update={"faces": (other, chosen.model_copy(update={"box": box}))})
    assert sitter_after(photo, 0, found, degrees) == 1
    assert sitter_after(photo, 0, there.model_copy(update={"faces": (other,)}), degrees) is None
    assert sitter_after(photo, None, there, degrees) is None


def test_of_a_photo_that_lies_nobody_is_told_to_look_at_the_camera(loaded: LoadedPhoto) -> None:
    """Review A26: "You are looking far to the side" was wrong advice for a photo on its side."""
    for degrees in (90, 180, 270):
        photo = turned(loaded, degrees)
        assert photo.turn == 360 - degrees
        for index in [None, *range(len(photo.faces))]:
            kinds = [hint.kind for hint in hints.hints(photo, index)]
            assert "not-upright" in kinds
            assert "turned" not in kinds


@pytest.mark.parametrize("text", ["1,2", "1,2,x", "50,50,0", "50,50,101", "50,50,50,46", "-1,50,50", "nan,1,1"])
def test_crops_without_a_meaning_are_refused(text: str) -> None:
    with pytest.raises(RequestInvalid, match="50,40,60,0"):
        hand_crop(text)


def test_crops_in_words() -> None:
    assert hand_crop(" ") is None
    assert hand_crop("50, 40, 60") == HandCrop(x=50, y=40, width=60)
    assert hand_crop("50,40,60,-3.5") == HandCrop(x=50, y=40, width=60, angle=-3.5)


def test_a_mask_of_another_size_is_no_photo(prepared: PreparedPhoto) -> None:
    with pytest.raises(ValueError, match="mask"):
        PreparedPhoto(image=prepared.image, person_mask=np.zeros((8, 8), np.float32))


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def pipeline(presets: Presets, tmp_path: Path, fake: FakeEngine) -> SelfPortraitPipeline:
    return SelfPortraitPipeline(presets, tmp_path / "out", engines=FakeEngines(fake))


@pytest.mark.parametrize("shape", sweep(SHAPES, 1))
def test_the_portrait_has_the_shape_and_says_so_in_its_file(
    pipeline: SelfPortraitPipeline, fake: FakeEngine, loaded: LoadedPhoto, consent: Consent, shape: Shape
) -> None:
    crop = HandCrop(x=45, y=30, width=50, angle=4)
    wanted = build_request(
        photo=loaded, style_id="comic", seeds=(1,), consent=consent, shape=shape, size="print", crop=crop
    )
    made = pipeline(wanted)
    (portrait,) = made.portraits
    (job,) = fake.jobs
    assert (job.shape, job.size) == (shape, "print")
    assert (portrait.shape, portrait.size, portrait.crop) == (shape, "print", crop)
    with Image.open(portrait.path) as file:
        assert file.size == (portrait.width, portrait.height) == job.photo.image.size
    detail = int(max(pipeline.frame(loaded, None, shape=shape, crop=crop)[2:4]))
    assert max(file.size) == min(2 * fake.size, max(fake.size, detail))
    report = marking.check(portrait.path)
    assert report.is_ours
    assert (report.facts["Shape"], report.facts["Size"]) == (shape, "print")
    assert any("pixels here" in note for note in made.notes), "the photo is smaller than a print"


@pytest.mark.parametrize("changes", [{"shape": "3:4"}, {"size": "huge"}, {"crop": {"x": 1}}, {"shape": 1}])
def test_no_other_shapes_and_sizes(loaded: LoadedPhoto, consent: Consent, changes: dict[str, object]) -> None:
    values = {"photo": loaded, "style_id": "comic", "seeds": (1,), "consent": consent}
    with pytest.raises(RequestInvalid) as caught:
        build_request(**values, **changes)
    assert next(iter(changes)) in caught.value.hint.lower()


def _inside(cut: framing.Frame, size: tuple[int, int]) -> bool:
    left, top, right, bottom = cut.reaches()
    return min(left, top) > -0.01 and right < size[0] + 0.01 and bottom < size[1] + 0.01


def _mesh_lies_in_the_box(photo: PreparedPhoto) -> None:
    assert photo.face is not None
    assert photo.face.landmarks is not None
    left, top, right, bottom = photo.face.box
    x, y = photo.face.landmarks.mean(axis=0)
    assert left < x < right
    assert top < y < bottom
    wide = float(np.ptp(photo.face.landmarks[:, 0]))
    assert 0.5 * (right - left) < wide < 1.5 * (right - left)


def _roll(photo: PreparedPhoto) -> float:
    assert photo.face is not None
    assert photo.face.landmarks is not None
    (x0, y0), (x1, y1) = photo.face.landmarks[33], photo.face.landmarks[263]
    return math.degrees(math.atan2(y1 - y0, x1 - x0))
