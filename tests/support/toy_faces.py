"""A describer of faces that needs no network: a small grey picture of the face, as far as it tells one from another."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.faithfulness.identity import NUMBERS, Strangers

_ACROSS, _DOWN = 8, 16


class ToyFaces:
    """Counts whom it was asked of."""

    def __init__(self) -> None:
        self.asked = 0

    def describe(self, rgb: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """See Describer."""
        self.asked += 1
        (left, top), (right, bottom) = np.floor(landmarks.min(axis=0)).astype(int), np.ceil(landmarks.max(axis=0))
        face = rgb[max(0, top) : int(bottom), max(0, left) : int(right)]
        grey = cv2.cvtColor(cv2.resize(face, (_ACROSS, _DOWN), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        numbers = grey.astype(np.float64).ravel()
        return (numbers - numbers.mean()) / (numbers.std() + 1e-6)


def noise(people: int = 40) -> Strangers:
    """People who do not exist: as far from each other and from everybody as random faces of the toy."""
    return Strangers(np.random.default_rng(7).normal(size=(people, NUMBERS)), {"film-noir": (0.5, 1.0)})
