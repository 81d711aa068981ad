"""The meter sees what was done to a face, says nothing where nothing was done, and never makes a number up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from pipelines.faithfulness.meter import edges_kept, measure
from pipelines.faithfulness.shape import align, landmark_drift
from pipelines.faithfulness.words import EYES_LARGER, JAW_NARROWER
from pipelines.photo.opening import open_photo, prepare
from pipelines.results import Faithfulness
from pipelines.schema import Face, PreparedPhoto
from tests.support.retouched import (
    JAWLINE,
    NOSE,
    dark_glasses,
    eyes_by,
    lab_by,
    points_of,
    saved_again,
    sideways_by,
)
from tests.support.sweeps import sweep


def test_the_photo_itself_is_wholly_faithful(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, prepared.image, natural_colour=True)
    assert kept.landmark_drift == pytest.approx(0.0, abs=1e-6)
    assert kept.edges_kept == pytest.approx(1.0)
    for change in (kept.eye_size, kept.jaw_width, kept.nose_width, kept.face_height):
        assert change is not None
        assert change.percent == pytest.approx(0.0, abs=0.1)
        assert change.before > 0
    assert kept.skin is not None
    assert kept.skin.ita_shift == kept.skin.lightness_shift == 0.0
    assert kept.warning is None
    assert kept.unmeasured == ()
    assert kept.sentence == "Face shape and skin tone were kept."


@pytest.mark.parametrize(
    "change",
    [
        saved_again,
        lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
        lambda picture: picture.resize((256, 256)).resize((512, 512)),
        lambda picture: Image.fromarray(np.roll(np.asarray(picture), (10, -8), axis=(0, 1))),
    ],
    ids=["jpeg", "blur", "half", "shifted"],
)
def test_what_happens_to_any_file_is_not_warned_of(
    prepared: PreparedPhoto, change: Callable[[Image.Image], Image.Image]
) -> None:
    kept = measure(prepared, change(prepared.image), natural_colour=True)
    assert kept.warning is None
    assert kept.sentence == "Face shape and skin tone were kept."
    assert kept.landmark_drift is not None
    assert 0 < kept.landmark_drift < 0.03


def test_a_portrait_of_another_size_is_compared_all_the_same(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, prepared.image.resize((768, 768)), natural_colour=True)
    assert kept.warning is None
    assert kept.landmark_drift is not None
    assert kept.landmark_drift < 0.03


@pytest.mark.slow
def test_larger_eyes_are_warned_of(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, eyes_by(prepared, 1.35), natural_colour=True)
    assert kept.eye_size is not None
    assert kept.eye_size.percent > EYES_LARGER
    assert kept.warning == "This picture made the eyes larger than in the photo."
    assert "eyes" in kept.sentence
    assert "larger" in kept.sentence
    assert kept.landmark_drift is not None
    assert kept.landmark_drift > 0.01


def test_smaller_eyes_are_told_but_not_warned_of(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, eyes_by(prepared, 0.75), natural_colour=True)
    assert kept.eye_size is not None
    assert kept.eye_size.percent < 0
    assert kept.warning is None


def test_a_narrower_jaw_is_warned_of(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, sideways_by(prepared, JAWLINE, 0.84), natural_colour=True)
    assert kept.jaw_width is not None
    assert kept.jaw_width.percent < -JAW_NARROWER
    assert kept.warning is not None
    assert "the jaw narrower" in kept.warning
    assert "eyes" not in kept.warning


@pytest.mark.parametrize("factor", sweep([0.8, 0.9, 1.15], 2))
def test_nose_width_is_measured_where_the_face_mesh_is_blind(prepared: PreparedPhoto, factor: float) -> None:
    kept = measure(prepared, sideways_by(prepared, NOSE, factor), natural_colour=True)
    assert kept.nose_width is not None
    assert kept.nose_width.percent == pytest.approx(100 * (factor - 1), abs=7)
    assert (kept.warning == "This picture made the nose narrower than in the photo.") == (factor == 0.8)


def test_one_warning_names_all_that_was_beautified(prepared: PreparedPhoto) -> None:
    both = prepared.model_copy(update={"image": eyes_by(prepared, 1.35)})
    kept = measure(prepared, lab_by(both, 12.0), natural_colour=True)
    assert kept.warning == "This picture made the eyes larger and the skin lighter than in the photo."


def test_of_eyes_behind_dark_glasses_nothing_is_said(prepared: PreparedPhoto) -> None:
    """The mesh guesses them there: somebody in sunglasses was told that a portrait made the eyes 18 % smaller."""
    worn = dark_glasses(np.asarray(prepared.image), points_of(prepared))
    photo = prepared.model_copy(update={"image": Image.fromarray(worn)})
    kept = measure(photo, photo.image, natural_colour=True)
    assert kept.eye_size is None
    assert "The eyes are hidden in the photo, so they were not compared." in kept.unmeasured
    assert not any("Not clear enough" in words and "eyes" in words for words in kept.unmeasured)
    assert measure(prepared, prepared.image, natural_colour=True).eye_size is not None


def test_edges_kept_fall_with_blur_and_hatching_earns_none(prepared: PreparedPhoto) -> None:
    photo, landmarks = np.asarray(prepared.image), points_of(prepared)
    blurred = [cv2.GaussianBlur(photo, (0, 0), sigma) for sigma in (0.5, 2, 4, 8)]
    kept = [found for one in blurred if (found := edges_kept(photo, one, landmarks)) is not None]
    assert len(kept) == len(blurred)
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.85
    assert kept[-1] < 0.3
    noise = np.random.default_rng(0).integers(0, 255, photo.shape, np.uint8)
    for grain in (noise, cv2.GaussianBlur(noise, (0, 0), 2)):
        hatched = edges_kept(photo, grain, landmarks)
        assert hatched is not None
        assert hatched < 0.1
    assert edges_kept(np.full_like(photo, 90), photo, landmarks) is None


def test_no_face_gives_the_reason_and_no_number(prepared: PreparedPhoto) -> None:
    for kept in (
        measure(prepared, Image.new("RGB", (512, 512), "#7a9"), natural_colour=True),
        measure(prepared.model_copy(update={"face": None}), prepared.image, natural_colour=True),
        measure(
            prepared.model_copy(update={"face": Face(box=(9, 9, 200, 200), score=1.0, certainty="marked")}),
            prepared.image,
            natural_colour=True,
        ),
    ):
        assert "face" in kept.sentence
        assert kept.unmeasured == (kept.sentence,)
        assert kept.warning is None
        numbers = kept.landmark_drift, kept.eye_size, kept.jaw_width, kept.nose_width, kept.face_height, kept.skin
        assert numbers == (None,) * 6


def test_a_broken_picture_costs_numbers_not_the_request(prepared: PreparedPhoto) -> None:
    assert prepared.face is not None
    broken = prepared.face.model_copy(update={"landmarks": np.full((3, 2), np.nan, np.float32)})
    kept = measure(prepared.model_copy(update={"face": broken}), prepared.image, natural_colour=True)
    assert isinstance(kept, Faithfulness)
    assert "failed" in kept.sentence
    assert kept.unmeasured


@given(
    right=st.floats(-500, 500),
    down=st.floats(-500, 500),
    scale=st.floats(0.2, 5),
    turn=st.floats(-np.pi, np.pi),
)
def test_drift_ignores_place_size_and_tilt(
    prepared: PreparedPhoto, right: float, down: float, scale: float, turn: float
) -> None:
    points = points_of(prepared)
    changed = points + np.random.default_rng(1).normal(0, 2.0, points.shape)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    elsewhere = scale * changed @ rotation.T + (right, down)
    assert landmark_drift(points, elsewhere) == pytest.approx(landmark_drift(points, changed), abs=1e-5)
    assert landmark_drift(points, scale * points @ rotation.T + (right, down)) < 1e-4


def test_a_mirrored_face_is_not_the_same_face(prepared: PreparedPhoto) -> None:
    points = points_of(prepared)
    assert landmark_drift(points, points * (-1, 1)) > 0.05


def test_alignment_is_the_best_of_all_similarities(prepared: PreparedPhoto) -> None:
    points = points_of(prepared).astype(np.float64)
    source = points + np.random.default_rng(2).normal(0, 3.0, points.shape)
    best = ((align(source, points) - points) ** 2).sum()
    for scale, turn, shift in ((1.01, 0, 0), (0.99, 0, 0), (1, 0.01, 0), (1, -0.01, 0), (1, 0, 0.5)):
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        moved_on = align(source, points)
        middle = moved_on.mean(axis=0)
        assert (((scale * (moved_on - middle) @ rotation.T + middle + shift) - points) ** 2).sum() > best


@pytest.mark.slow
def test_thresholds_lie_above_the_noise_of_people(portraits_dir: Path) -> None:
    """Nobody is told that a file saved again, halved or softened beautifies them."""
    people = sorted(portraits_dir.glob("*.jpg"))[::12]
    assert len(people) >= 5
    for path in people:
        photo = prepare(open_photo(path), None, 512)
        half = photo.image.resize((256, 256)).resize((512, 512))
        for picture in (saved_again(photo.image), half):
            kept = measure(photo, picture, natural_colour=True)
            assert kept.warning is None, path.stem
            assert kept.landmark_drift is None or kept.landmark_drift < 0.08
