"""What can be measured on a portrait beside its photo: lines kept, face kept, skin tone kept, style told apart.

Plain numpy and OpenCV; every function takes RGB uint8 pictures of one size.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from pipelines import vision

_OUTER_EYES = (33, 263)  # MediaPipe's outer corners of the eyes
_SKIN_POINTS = (50, 280, 151)  # both cheeks and the middle of the forehead
_LINE = 64  # a drawing's lines from here on, of 255
_SLICES, _SEED_SIDE = 24, 96  # directions and pixels of `seed_distance`
_GREY = 3.0  # mean chroma in Lab under which a photo has no colour to measure

# Chardon et al. 1991, Int J Cosmet Sci 13: lower bound of each group in degrees.
SKIN_GROUPS = (("very light", 55), ("light", 41), ("intermediate", 28), ("tan", 10), ("brown", -30), ("dark", -91))


def edge_f1(control: np.ndarray, drawing: np.ndarray, *, tolerance: int = 2) -> float:
    """F1 of the lines of two drawings, white on black, with a tolerance in pixels.

    Args:
        control: (H, W) or (H, W, 3) uint8, what was asked for.
        drawing: The same annotator's drawing of the portrait.
    """
    wanted, found = _lines(control), _lines(drawing)
    if not wanted.any() or not found.any():
        return 0.0
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * tolerance + 1,) * 2)
    near_wanted = cv2.dilate(wanted.astype(np.uint8), kernel) > 0
    near_found = cv2.dilate(found.astype(np.uint8), kernel) > 0
    precision = float(near_wanted[found].mean())
    recall = float(near_found[wanted].mean())
    return 2 * precision * recall / max(1e-9, precision + recall)


def _lines(drawing: np.ndarray) -> np.ndarray:
    grey = drawing.max(axis=2) if drawing.ndim == 3 else drawing
    return grey >= _LINE


class FaceKept(NamedTuple):
    """Whether a face is there, and how far its landmarks moved in inter-ocular distances (None where there is none)."""

    found: bool
    error: float | None


def face_kept(landmarks: np.ndarray, portrait: np.ndarray) -> FaceKept:
    """Compare the portrait's face with the photo's.

    Args:
        landmarks: (478, 2) of the photo, in pixels.
        portrait: (H, W, 3).
    """
    faces = vision.detect_faces(portrait)
    if not faces:
        return FaceKept(False, None)
    other = vision.face_landmarks(portrait, faces[0].box)
    if other is None:
        return FaceKept(True, None)
    distance = np.linalg.norm(landmarks[_OUTER_EYES[0]] - landmarks[_OUTER_EYES[1]])
    return FaceKept(True, float(np.linalg.norm(landmarks - other, axis=1).mean() / max(1e-6, distance)))


def skin_ita(picture: np.ndarray, landmarks: np.ndarray) -> float | None:
    """Individual typology angle of cheeks and forehead in degrees, higher is lighter; None without colour.

    Args:
        picture: (H, W, 3).
        landmarks: (478, 2) of the photo: the same places are measured on both pictures.
    """
    lab = cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    if float(np.hypot(lab[..., 1], lab[..., 2]).mean()) < _GREY:
        return None
    radius = 0.1 * float(np.linalg.norm(landmarks[_OUTER_EYES[0]] - landmarks[_OUTER_EYES[1]]))
    mask = np.zeros(lab.shape[:2], np.uint8)
    for index in _SKIN_POINTS:
        cv2.circle(mask, tuple(int(v) for v in landmarks[index]), max(2, round(radius)), 1, thickness=-1)
    lightness, _, yellow = np.median(lab[mask > 0], axis=0)
    return float(np.degrees(np.arctan2(lightness - 50.0, max(1e-6, yellow))))


def skin_group(ita: float) -> str:
    """Name of the group that an angle falls into."""
    return next(name for name, bound in SKIN_GROUPS if ita > bound)


def style_features(picture: np.ndarray) -> np.ndarray:
    """Colour and texture statistics: Lab moments and histograms, energy of detail at four scales, edge directions."""
    small = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    features: list[float] = []
    for channel, (low, high) in enumerate(((0, 100), (-60, 60), (-60, 60))):
        values = lab[..., channel]
        features += [float(values.mean()) / 50, float(values.std()) / 25]
        features += list(np.histogram(values, 8, (low, high))[0] / values.size)
    lightness = lab[..., 0]
    for _ in range(4):
        smooth = cv2.GaussianBlur(lightness, (0, 0), 1.2)
        detail = lightness - smooth
        features += [float(np.log1p(np.abs(detail).mean())), float(np.log1p(detail.std()))]
        across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        weights = np.hypot(across, down)
        directions = np.histogram(np.arctan2(down, across) % np.pi, 6, (0, np.pi), weights=weights)[0]
        features += list(directions / max(1e-6, directions.sum()))
        lightness = cv2.resize(smooth, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(features, np.float64)


def style_accuracy(teachers: dict[str, np.ndarray], held_out: dict[str, np.ndarray]) -> dict[str, float]:
    """How often a linear discriminant, taught on some people's portraits, names the style of other people's.

    Args:
        teachers: (people, features) by style.
        held_out: Likewise, of other people.

    Returns:
        Share of right names by style.
    """
    names = list(teachers)
    means = np.stack([teachers[name].mean(axis=0) for name in names])
    scatter = np.concatenate([teachers[name] - teachers[name].mean(axis=0) for name in names])
    covariance = np.cov(scatter, rowvar=False)
    covariance += 0.1 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    inverse = np.linalg.inv(covariance)
    accuracy: dict[str, float] = {}
    for name, features in held_out.items():
        offsets = features[:, None, :] - means[None]
        distances = np.einsum("psf,fg,psg->ps", offsets, inverse, offsets)
        accuracy[name] = float(np.mean([names[index] == name for index in distances.argmin(axis=1)]))
    return accuracy


def seed_distance(one: np.ndarray, two: np.ndarray) -> float:
    """How far the colours of two pictures lie apart, wherever they stand, in units of CIE L*a*b*.

    The earth mover's distance of the two clouds of colours, sliced: the mean over fixed directions of the distance
    between the sorted projections (Rabin et al. 2011, SSVM, LNCS 6667). Unlike distances of histograms bin by bin it
    does not saturate: it says how far colours moved, not only that they did.

    Args:
        one: (H, W, 3) RGB uint8.
        two: (H, W, 3) RGB uint8, of any size.
    """
    index = np.arange(_SLICES) + 0.5  # directions spread evenly over the half sphere
    turn, height = np.pi * (1 + np.sqrt(5)) * index, index / _SLICES
    across = np.sqrt(1 - height**2)
    directions = np.stack((height, across * np.cos(turn), across * np.sin(turn)))
    first, second = (np.sort(_colours(picture) @ directions, axis=0) for picture in (one, two))
    return float(np.abs(first - second).mean())


def _colours(picture: np.ndarray) -> np.ndarray:
    """(n, 3) Lab of a small copy."""
    small = cv2.resize(picture, (_SEED_SIDE, _SEED_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    return cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)
