"""What can be measured on a portrait beside its photo: lines kept, face kept, skin tone kept, style told apart.

Plain numpy and OpenCV; every function takes RGB uint8 pictures of one size.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from pipelines.engines.filters.canvas import OVAL
from pipelines.photo import vision
from pipelines.schema import PreparedPhoto

_OUTER_EYES = (33, 263)  # MediaPipe's outer corners of the eyes
_SKIN_POINTS = (50, 280, 151)  # both cheeks and the middle of the forehead
_LINE = 64  # a drawing's lines from here on, of 255
_SLICES, _SEED_SIDE = 24, 96  # directions and pixels of `seed_distance`
_GREY = 3.0  # mean chroma in Lab under which a photo has no colour to measure

# The jaw from ear to ear, in three parts that are measured apart: one cheek, chin, other cheek.
_JAW = ((361, 288, 397, 365, 379), (379, 378, 400, 377, 152, 148, 176, 149, 150), (150, 136, 172, 58, 132))
_NEAR, _FAR = 0.03, 0.13  # face heights: the strips beside the jaw begin and end so far from it
_LEAST_SKIN = 0.15  # of a strip: less is hair, beard or collar, and tells nothing


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


_LIDS = ((159, 145, 33, 133), (386, 374, 263, 362))  # MediaPipe: upper and lower lid, outer and inner corner
_OPEN = (0.6, 1.6)  # times as open as in the photo
_HARDLY_OPEN = 0.12  # of an eye's width; an eye that is shut in the photo may come out shut


def eyes_kept(landmarks: np.ndarray, portrait: np.ndarray) -> bool:
    """Whether both eyes are found in a portrait where they are in the photo, and about as open.

    Args:
        landmarks: (478, 2) of the photo, in pixels.
        portrait: (H, W, 3).
    """
    faces = vision.detect_faces(portrait)
    other = vision.face_landmarks(portrait, faces[0].box) if faces else None
    if other is None:
        return False
    distance = np.linalg.norm(landmarks[_OUTER_EYES[0]] - landmarks[_OUTER_EYES[1]])
    for upper, lower, outer, inner in _LIDS:
        before, after = (
            float(np.linalg.norm(points[upper] - points[lower]))
            / max(1e-6, float(np.linalg.norm(points[outer] - points[inner])))
            for points in (landmarks, other)
        )
        there = np.linalg.norm(landmarks[[upper, lower]].mean(axis=0) - other[[upper, lower]].mean(axis=0))
        if there > 0.1 * distance:
            return False
        if before > _HARDLY_OPEN and not _OPEN[0] <= after / before <= _OPEN[1]:
            return False
    return True


def sharpness(picture: np.ndarray) -> float:
    """Variance of the Laplacian of the luminance of an (H, W, 3) uint8 picture."""
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F).var())


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


def jaw_step(photo: PreparedPhoto, picture: np.ndarray) -> float | None:
    """How much the step in skin tone across the jaw, from face to neck, differs from the photo's.

    A strip of skin on the face's side of the jaw line and one on the neck's side are compared in both pictures; the
    difference of the two differences is given, so that a neck in the photo's own shadow is no fault. The mean of both
    cheeks' and the chin's part, each apart, so that one side cannot make up for the other.

    Args:
        photo: The crop that the picture was made from.
        picture: (H, W, 3) uint8 of the photo's size, with each feature where it is in the photo.

    Returns:
        CIE76, 0 and more. None without face mesh, without colour, or where no skin is seen below the jaw.
    """
    if photo.face is None or photo.face.landmarks is None:
        return None
    before, after = (
        cv2.cvtColor(np.asarray(each, np.float32) / 255.0, cv2.COLOR_RGB2LAB) for each in (photo.image, picture)
    )
    points = photo.face.landmarks
    skin = _skin_alike(before, points)
    if skin is None:
        return None
    if photo.person_mask is not None:
        skin &= photo.person_mask > 0.8
    oval = points[list(OVAL)]
    middle, height = oval.mean(axis=0), float(np.ptp(oval, axis=0).max())
    steps = []
    for part in _JAW:
        line = points[list(part)]
        outward = line - middle
        outward *= height / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
        face, neck = (_strip(line + side * _NEAR * outward, line + side * _FAR * outward, skin) for side in (-1, 1))
        if face is not None and neck is not None:
            own, new = (np.median(lab[neck], axis=0) - np.median(lab[face], axis=0) for lab in (before, after))
            steps.append(float(np.linalg.norm(new - own)))
    return float(np.mean(steps)) if steps else None


def _skin_alike(lab: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """(H, W) bool, what has the colour of most of the face, in light or shade; None without colour.

    Shade scales linear light, and so (L* + 16), a* and b* alike: a* and b* over (L* + 16) are the same in it.
    """
    inner = np.zeros(lab.shape[:2], np.uint8)
    oval = points[list(OVAL)]
    cv2.fillPoly(inner, [(0.7 * oval + 0.3 * oval.mean(axis=0)).round().astype(np.int32)], 1)
    if not inner.any():
        return None
    light, red, yellow = np.median(lab[inner > 0], axis=0)
    chroma = float(np.hypot(red, yellow))
    if chroma < _GREY:
        return None
    level = (lab[..., 0] + 16) / (light + 16)
    off = np.hypot(lab[..., 1] / level - red, lab[..., 2] / level - yellow)
    alike: np.ndarray = (off < max(8.0, 0.45 * chroma)) & (level > 0.5) & (level < 1.45)
    return alike


def _strip(near: np.ndarray, far: np.ndarray, skin: np.ndarray) -> np.ndarray | None:
    """(H, W) bool, the skin between two lines of points, or None where too little of it is."""
    mask = np.zeros(skin.shape, np.uint8)
    cv2.fillPoly(mask, [np.concatenate((near, far[::-1])).round().astype(np.int32)], 1)
    found = (mask > 0) & skin
    enough = found.sum() >= max(12, _LEAST_SKIN * mask.sum())
    return found if enough else None


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
