"""A small painting made large keeps its colours and gets the photo's edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.portrait_figures import sharpness
from pipelines.engines.filters.enlarge import enlarged

LARGE, SMALL = 512, 256


@pytest.fixture
def photo(face_photo: Image.Image) -> np.ndarray:
    return np.asarray(face_photo.resize((LARGE, LARGE)), np.float32) / 255.0


def smaller(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (SMALL, SMALL), interpolation=cv2.INTER_AREA)


def to_bytes(picture: np.ndarray) -> np.ndarray:
    return (picture * 255).round().astype(np.uint8)


def test_the_photo_itself_comes_back_sharp(photo: np.ndarray) -> None:
    plain = np.clip(cv2.resize(smaller(photo), (LARGE, LARGE), interpolation=cv2.INTER_CUBIC), 0, 1)
    guided = enlarged(smaller(photo), photo)
    assert np.abs(guided - photo).mean() < 0.6 * np.abs(plain - photo).mean()
    assert sharpness(to_bytes(guided)) > 0.7 * sharpness(to_bytes(photo)) > sharpness(to_bytes(plain))


def test_a_painting_keeps_what_was_painted(photo: np.ndarray) -> None:
    """Other colours and reversed light are kept: only the finest octave is added, as the painting turns it."""
    painted = np.clip(0.2 + 0.6 * (1 - smaller(photo)[..., ::-1]), 0, 1)
    large = enlarged(painted, photo)
    assert large.shape == photo.shape
    assert np.abs(smaller(large) - painted).mean() < 0.01
    wanted = np.clip(0.2 + 0.6 * (1 - photo[..., ::-1]), 0, 1)
    plain = cv2.resize(painted, (LARGE, LARGE), interpolation=cv2.INTER_CUBIC)
    assert np.abs(large - wanted).mean() < 0.8 * np.abs(plain - wanted).mean()


def test_flat_paint_stays_flat(photo: np.ndarray) -> None:
    flat = np.full((SMALL, SMALL, 3), (0.3, 0.5, 0.7), np.float32)
    assert np.abs(enlarged(flat, photo) - flat[0, 0]).max() < 1e-3
