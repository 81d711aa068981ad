"""The figures that judge a checkpoint must themselves be right."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.portrait_figures import (
    edge_f1,
    face_kept,
    skin_ita,
    style_accuracy,
    style_features,
)
from pipelines.faithfulness.skin import skin_group
from pipelines.schema import PreparedPhoto


@pytest.fixture(scope="module")
def drawing() -> np.ndarray:
    lines = np.zeros((128, 128), np.uint8)
    cv2.circle(lines, (64, 64), 40, 255, 1)
    return lines


@pytest.mark.parametrize(("shift", "low", "high"), [(0, 0.999, 1.0), (2, 0.9, 1.0), (12, 0.0, 0.5)])
def test_edge_f1_forgives_two_pixels_and_no_more(drawing: np.ndarray, shift: int, low: float, high: float) -> None:
    assert low <= edge_f1(drawing, np.roll(drawing, shift, axis=1)) <= high


def test_edge_f1_of_nothing_is_zero(drawing: np.ndarray) -> None:
    assert edge_f1(drawing, np.zeros_like(drawing)) == 0.0


def test_scribbled_over_picture_loses_precision(drawing: np.ndarray) -> None:
    assert edge_f1(drawing, np.full_like(drawing, 255)) < 0.3


def test_face_kept_measures_in_inter_ocular_distances(prepared: PreparedPhoto) -> None:
    assert prepared.face is not None
    assert prepared.face.landmarks is not None
    pixels = np.asarray(prepared.image)
    distance = np.linalg.norm(prepared.face.landmarks[33] - prepared.face.landmarks[263])
    moved = np.roll(pixels, round(0.2 * float(distance)), axis=1)
    assert face_kept(prepared.face.landmarks, pixels).error == pytest.approx(0.0, abs=0.05)
    assert face_kept(prepared.face.landmarks, moved).error == pytest.approx(0.2, abs=0.06)
    assert not face_kept(prepared.face.landmarks, np.full_like(pixels, 127)).found


@pytest.mark.parametrize(
    ("colour", "group"),
    [
        ((252, 226, 208), "very light"),
        ((205, 155, 125), "intermediate"),
        ((130, 88, 64), "brown"),
        ((58, 40, 32), "dark"),
    ],
)
def test_skin_angle_orders_tones(colour: tuple[int, int, int], group: str) -> None:
    landmarks = np.tile(np.asarray([[64.0, 64.0]], np.float32), (478, 1))
    landmarks[33], landmarks[263] = (34, 64), (94, 64)
    angle = skin_ita(np.full((128, 128, 3), colour, np.uint8), landmarks)
    assert angle is not None
    assert skin_group(angle) == group


def test_skin_without_colour_is_not_measured(prepared: PreparedPhoto) -> None:
    grey = np.asarray(prepared.image.convert("L").convert("RGB"))
    assert prepared.face is not None
    assert prepared.face.landmarks is not None
    assert skin_ita(grey, prepared.face.landmarks) is None


def test_classifier_tells_looks_apart_and_fails_on_one_look() -> None:
    generator = np.random.default_rng(0)

    def people(brightness: int, texture: int, count: int) -> np.ndarray:
        made = []
        for _ in range(count):
            noise = generator.integers(-texture, texture + 1, (64, 64, 3))
            made.append(style_features(np.clip(brightness + noise, 0, 255).astype(np.uint8)))
        return np.stack(made)

    looks = {"flat": (120, 4), "rough": (120, 60), "bright": (200, 20)}
    taught = {name: people(*look, 6) for name, look in looks.items()}
    assert style_accuracy(taught, {name: people(*look, 4) for name, look in looks.items()}) == dict.fromkeys(looks, 1.0)
    same = {name: people(120, 20, 6) for name in looks}
    assert np.mean(list(style_accuracy(same, {name: people(120, 20, 8) for name in looks}).values())) < 0.8
