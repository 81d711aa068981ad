"""The pattern of the invisible watermark, and how much of it is in a picture. See `watermark` for what it is for.

A periodic tile with random phases in a ring of spatial frequencies. A picture's phases, folded to one tile, are
compared with the key's by phase-only matched filtering (Kuglin and Hines 1975), for all shifts at once or for those
close to 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np

Kind = Literal["ai", "filter"]
KINDS: tuple[Kind, Kind] = ("ai", "filter")

TILE = 256  # samples of the tile at which it is looked for
RING = (14, 68)  # cycles over a tile. At 256 pixels, half of them leaves 64: higher ones would be lost
NEAR = 2  # samples: a shift up to here is "in place"; a turned key alone shifts by one
_KEY = 20_260_730  # version 1 of the pattern; another one would be another key
_IN_RING = np.arange(-RING[1], RING[1] + 1)


class Pose(NamedTuple):
    """How a picture lies: transposed, then mirrored up and down, then left and right. Eight are all quarter turns and
    mirrorings."""

    transposed: bool = False
    rows_flipped: bool = False
    columns_flipped: bool = False

    @property
    def is_mirrored(self) -> bool:
        """Whether left and right have changed places, whichever way the picture is turned."""
        return self.transposed ^ self.rows_flipped ^ self.columns_flipped


UPRIGHT = (Pose(), Pose(columns_flipped=True))
EVERY_POSE = tuple(Pose(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True))


class Match(NamedTuple):
    """How well a pattern fits: standard deviations over chance."""

    score: float
    kind: Kind
    mirrored: bool


def luma(rgb: np.ndarray) -> np.ndarray:
    """Grey levels, float32."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)


@lru_cache(maxsize=12)
def tile(kind: Kind, side: int) -> np.ndarray:
    """The pattern at a size, (side, side) float32, root mean square 1."""
    highest = min(RING[1], side // 2 - 1)
    keep = np.arange(-highest, highest + 1)
    wide = np.zeros((side, side), np.complex128)
    wide[np.ix_(keep, keep)] = _spectrum(kind)[np.ix_(keep, keep)]
    pattern = np.fft.ifft2(wide).real
    return (pattern / pattern.std()).astype(np.float32)


def whitened(grey: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The picture at a width and height in samples, its coarse shapes gone, its contrast evened out."""
    shrinks = size[0] * size[1] < grey.shape[0] * grey.shape[1]
    picture = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    detail = picture - cv2.GaussianBlur(picture, (0, 0), 2.0)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2.5))
    return detail / (contrast + 0.7)


def phases(picture: np.ndarray) -> np.ndarray:
    """Fourier coefficients at magnitude 1 of a whitened picture, folded to one tile: (TILE, TILE) complex64."""
    height, width = picture.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((rows * TILE, columns * TILE), np.float32)
    padded[:height, :width] = picture
    folded = padded.reshape(rows, TILE, columns, TILE).sum((0, 2))
    spectrum = cv2.dft(folded, flags=cv2.DFT_COMPLEX_OUTPUT).view(np.complex64)[..., 0]
    return spectrum / (np.abs(spectrum) + 1e-6)


def matches_in_place(found: np.ndarray, poses: tuple[Pose, ...]) -> Iterator[Match]:
    """The best match of each pose and kind among shifts of at most NEAR samples."""
    block = found[np.ix_(_IN_RING, _IN_RING)]
    for pose in poses:
        scores = _shifts_near() @ (block * _matched_block(pose)) @ _shifts_near().T
        yield from _both(scores.real, scores.imag, pose)


def matches_anywhere(found: np.ndarray, poses: tuple[Pose, ...]) -> Iterator[Match]:
    """The best match of each pose and kind at any shift."""
    for pose in poses:
        filtered = (found * _matched(pose)).view(np.float32).reshape(TILE, TILE, 2)
        first, second = cv2.split(cv2.dft(filtered, flags=cv2.DFT_INVERSE))
        yield from _both(first, second, pose)


def _both(first: np.ndarray, second: np.ndarray, pose: Pose) -> Iterator[Match]:
    for kind, scores in zip(KINDS, (first, second), strict=True):
        yield Match(float(scores.max()), kind, pose.is_mirrored)


@lru_cache(maxsize=1)
def _shifts_near() -> np.ndarray:
    """Inverse transform along one axis at the shifts that are in place."""
    angles = 2j * np.pi / TILE * np.outer(np.arange(-NEAR, NEAR + 1), _IN_RING)
    return np.exp(angles).astype(np.complex64)


@lru_cache(maxsize=2)
def _spectrum(kind: Kind) -> np.ndarray:
    """Fourier coefficients of the pattern, (TILE, TILE) complex: random phases in the ring, 0 elsewhere."""
    generator = np.random.Generator(np.random.PCG64([_KEY, KINDS.index(kind)]))
    noise = np.fft.fft2(generator.standard_normal((TILE, TILE)))
    return np.where(_ring(), noise / np.abs(noise), 0)


@lru_cache(maxsize=1)
def _ring() -> np.ndarray:
    cycles = np.fft.fftfreq(TILE, 1 / TILE)
    radius = np.hypot(cycles[:, None], cycles[None, :])
    return (radius >= RING[0]) & (radius <= RING[1])


@lru_cache(maxsize=len(EVERY_POSE))
def _matched(pose: Pose) -> np.ndarray:
    """Both patterns as one filter, scaled so that the scores have standard deviation 1 on unmarked pictures.

    The real part of the answer belongs to the first pattern, the imaginary one to the second.
    """
    first, second = (np.conj(_spectrum(kind)) for kind in KINDS)
    both = (first + 1j * second) / math.sqrt(np.count_nonzero(first))
    flip = -np.arange(TILE)
    both = both.T if pose.transposed else both
    both = both[flip] if pose.rows_flipped else both
    return np.ascontiguousarray(both[:, flip] if pose.columns_flipped else both, np.complex64)


@lru_cache(maxsize=len(EVERY_POSE))
def _matched_block(pose: Pose) -> np.ndarray:
    return _matched(pose)[np.ix_(_IN_RING, _IN_RING)]
