"""The visitor's own picture as a style: the arbitrary network as an operation of recipes."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from PIL import Image

from pipelines import recipe
from pipelines.engines.filters import operations
from pipelines.engines.filters.canvas import Canvas
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.operations import after_picture, neural
from pipelines.errors import EngineUnavailable, RequestInvalid
from pipelines.faithfulness import meter
from pipelines.photo.opening import prepare
from pipelines.presets.loading import Presets
from pipelines.schema import LoadedPhoto, PreparedPhoto, StylePicture
from tests.conftest import difference


def stripes(first: str, second: str, width: int = 12) -> StylePicture:
    """A picture of two colours in slanting stripes."""
    rows, columns = np.mgrid[:200, :260]
    mask = Image.fromarray((((rows + columns) // width % 2) * 255).astype(np.uint8))
    return StylePicture(
        image=Image.composite(Image.new("RGB", (260, 200), first), Image.new("RGB", (260, 200), second), mask)
    )


@pytest.fixture(scope="module")
def sea() -> StylePicture:
    return stripes("#123a6b", "#e8f0f4")


@pytest.fixture(scope="module")
def fire() -> StylePicture:
    return stripes("#e4481c", "#2a0d08", 30)


@pytest.fixture(scope="module")
def sitter(loaded: LoadedPhoto) -> PreparedPhoto:
    return prepare(loaded, 0, 384)


def painted(
    presets: Presets, sitter: PreparedPhoto, picture: StylePicture | None, *, likeness: float = 0.5
) -> Image.Image:
    style, scene = presets.style("own-picture"), presets.scene("none")
    return FilterEngine().render(sitter, style, scene, style_picture=picture, likeness=likeness)


def wall(picture: Image.Image) -> np.ndarray:
    """Mean colour of the upper corners, where nobody is."""
    pixels = np.asarray(picture, np.float32)
    side = len(pixels) // 8
    return np.concatenate([pixels[:side, :side], pixels[:side, -side:]]).mean(axis=(0, 1))


@pytest.mark.slow
def test_two_pictures_make_two_styles_and_each_its_own_again(presets, sitter, sea, fire):
    blue, red = painted(presets, sitter, sea), painted(presets, sitter, fire)
    assert np.array_equal(np.asarray(blue), np.asarray(painted(presets, sitter, sea)))
    assert difference(blue, red) > 4
    assert wall(red)[0] - wall(red)[2] > wall(blue)[0] - wall(blue)[2] + 15, "the wall takes the picture's colours"


@pytest.mark.slow
def test_the_same_on_any_thread(presets, sitter, sea):
    found: list[np.ndarray] = []
    first = np.asarray(painted(presets, sitter, sea))
    threads = [threading.Thread(target=lambda: found.append(np.asarray(painted(presets, sitter, sea)))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert all(np.array_equal(first, other) for other in found)


@pytest.mark.parametrize("shade", [pytest.param(1.0, marks=pytest.mark.slow), 0.45])
def test_skin_is_not_lightened_and_the_face_stays_where_it_is(presets, loaded, sea, fire, shade):
    darker = Image.fromarray((np.asarray(loaded.image) * shade).astype(np.uint8))
    sitter = prepare(loaded.model_copy(update={"image": darker}), 0, 384)
    for picture in (sea, fire):
        kept = meter.measure(sitter, painted(presets, sitter, picture), natural_colour=True)
        assert kept is not None
        assert kept.skin is not None
        assert kept.skin.lightness_shift < 3
        assert kept.landmark_drift is not None
        assert kept.landmark_drift < 0.06  # of one dim picture, machines read 0.049 to 0.053


def test_more_like_me_is_nearer_to_the_photo(presets, sitter, fire):
    art, me = (painted(presets, sitter, fire, likeness=likeness) for likeness in (0.0, 1.0))
    assert difference(me, sitter.image) < difference(art, sitter.image)


def test_without_a_picture_it_says_what_is_missing(presets, sitter):
    with pytest.raises(RequestInvalid) as caught:
        painted(presets, sitter, None)
    assert "give one" in caught.value.hint


@pytest.mark.parametrize(("width", "height"), [(161, 97), (33, 250), (20, 20), (520, 400)])
def test_any_size(sea, width, height):
    pixels = np.random.default_rng(3).random((height, width, 3)).astype(np.float32)
    canvas = Canvas(pixels, pixels, np.zeros((height, width), np.float32), None, style_picture=sea)
    operations.apply(canvas, recipe.AfterPicture(), 0)
    assert canvas.image.shape == (height, width, 3)
    assert np.isfinite(canvas.image).all()
    assert canvas.image.min() >= 0
    assert canvas.image.max() <= 1


def test_live_frames(presets, face_photo, sea):
    frame = np.asarray(face_photo.resize((241, 163)))
    style, scene = presets.style("own-picture"), presets.scene("none")
    done = FilterEngine().render_frame(frame, style, scene, style_picture=sea)
    assert done.shape == frame.shape
    assert np.abs(done.astype(float) - frame).mean() > 5


def test_a_picture_is_read_once_and_what_was_read_goes_with_it(presets, sitter, monkeypatch):
    asked: list[str] = []
    network = neural.network
    monkeypatch.setattr(after_picture, "network", lambda name: (asked.append(name), network(name))[1])
    picture = stripes("#227744", "#ffffff")
    for _ in range(2):
        painted(presets, sitter, picture)
    assert asked.count("arbitrary_predict") == 3, "the picture once, the photo each time"
    gone = weakref.ref(picture)
    del picture
    gc.collect()
    assert gone() is None


def test_a_missing_network_is_told_in_plain_words(monkeypatch, presets, sitter):
    monkeypatch.setattr(neural, "_sessions", {})
    monkeypatch.setattr(neural, "_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(EngineUnavailable) as caught:
        painted(presets, sitter, stripes("#000000", "#ffffff"))
    assert caught.value.hint.endswith("run the installation again.")
