"""Which pixels of a person are skin and which are hair, read from colours around the face mesh."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from pipelines.engines.operations.canvas import Canvas, blur, smoothstep

_SMALL = 320  # pixels of the copy on which zones are found
_LEAST = 40  # pixels to learn a colour from
_REACH = 2.6  # how far from its mean a colour may lie, in deviations
_FLOOR = (9.0, 3.5, 3.5)  # smallest deviations of L*, a*, b* of a zone


class Zones(NamedTuple):
    """(H, W) float32 in 0..1 each, soft by about a pixel at their borders; zeros where there is no face."""

    skin: np.ndarray
    hair: np.ndarray


def zones(canvas: Canvas) -> Zones:
    """Skin has the colours inside the face; hair those of the ring around its upper half that are not skin."""
    height, width = canvas.height, canvas.width
    empty = np.zeros((height, width), np.float32)
    if canvas.landmarks is None:
        return Zones(empty, empty)
    factor = min(1.0, _SMALL / max(height, width))
    size = (max(8, round(width * factor)), max(8, round(height * factor)))

    def small(image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    face, features, person = small(canvas.face), small(canvas.features), small(canvas.person)
    head = canvas.face_size * factor
    lab = cv2.cvtColor(cv2.GaussianBlur(small(canvas.source), (0, 0), 1.0), cv2.COLOR_RGB2LAB)
    inner = (face > 0.85) & (features < 0.12)
    if inner.sum() < _LEAST:
        return Zones(empty, empty)
    off_skin = _distance(lab, inner) - 1.0 * face
    skin = smoothstep(_REACH * 1.25, _REACH * 0.85, off_skin)
    forehead = cv2.dilate(face, np.ones((3, 3), np.uint8), iterations=max(1, round(0.04 * head)))
    fair = float(np.median(lab[inner][:, 0]))
    shine = smoothstep(0.2, 0.7, forehead) * smoothstep(fair - 4, fair + 4, lab[..., 0])
    crown = _crown(canvas, size, factor, head) & (person > 0.6)
    hair = np.zeros_like(skin)
    if crown.sum() >= _LEAST and not _same(lab[crown], lab[inner]):
        rows = np.arange(size[1], dtype=np.float32)[:, None]
        chin = float(canvas.landmarks[152, 1]) * factor
        low = smoothstep(chin - 0.3 * head, chin + 1.0 * head, rows)
        off_hair = _distance(lab, crown) + 3.0 * low + 1.2 * smoothstep(0.5, 1.0, face)
        nearer = smoothstep(-0.4, 0.4, off_skin - off_hair)
        if float(np.median(lab[crown][:, 0])) < fair:  # what shines on a forehead is not dark hair
            nearer = nearer * (1 - shine)
        hair = smoothstep(_REACH * 1.25, _REACH * 0.85, off_hair) * nearer * person
        hair = hair * _touching(hair > 0.4, crown)
        skin = skin * (1 - nearer)
    # Highlights and shadows inside the face are skin, whatever their colour; a beard and a fringe are not.
    skin = np.maximum(skin, shine * (1 - hair))
    skin = np.maximum(skin, smoothstep(0.85, 1.0, face) * (1 - hair) * smoothstep(0.15, 0.35, lab[..., 0] / 100))
    skin = np.maximum(skin * person, features * smoothstep(0.3, 0.8, face))
    skin, hair = (_clean(each, 0.012 * head) for each in (skin, hair))
    grown = [cv2.resize(each, (width, height), interpolation=cv2.INTER_CUBIC) for each in (skin, hair)]
    return Zones(*(smoothstep(0.35, 0.65, each).astype(np.float32) for each in grown))


def _crown(canvas: Canvas, size: tuple[int, int], factor: float, head: float) -> np.ndarray:
    """(h, w) bool: the strip above the forehead and temples where hair grows."""
    assert canvas.landmarks is not None
    top, chin = canvas.landmarks[10] * factor, canvas.landmarks[152] * factor
    down = (chin - top) / max(1.0, float(np.linalg.norm(chin - top)))
    middle = 0.6 * top + 0.4 * chin
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    along = (x - middle[0]) * down[0] + (y - middle[1]) * down[1]
    across = (x - middle[0]) * down[1] - (y - middle[1]) * down[0]
    away = np.hypot(across / (0.46 * head), along / (0.5 * head))
    inside: np.ndarray = (away > 1.0) & (away < 1.32) & (along < -0.08 * head)
    return inside


def _same(some: np.ndarray, other: np.ndarray) -> bool:
    """Whether two sets of (n, 3) Lab pixels are of one colour, as a shaven head is to its face."""
    apart = np.median(some, axis=0) - np.median(other, axis=0)
    return bool(-12 < apart[0] < 30 and np.hypot(apart[1], apart[2]) < 11)  # a bare scalp shines


def _distance(lab: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(h, w) float32: how far a colour is from those at `where`, in their deviations."""
    pixels = lab[where]
    middle = np.median(pixels, axis=0)
    deviation = np.maximum(1.48 * np.median(np.abs(pixels - middle), axis=0), _FLOOR)
    weights = np.array((0.55, 1, 1), np.float32)
    distance: np.ndarray = np.sqrt((((lab - middle) / deviation) ** 2 * weights).sum(axis=2))
    return distance


def _touching(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """(h, w) bool: the connected parts of a mask that reach seeds."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kept = np.unique(labels[seeds & mask])
    return np.isin(labels, kept[kept > 0])


def _clean(mask: np.ndarray, reach: float) -> np.ndarray:
    """Without specks and pinholes."""
    size = 2 * max(1, round(reach)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    opened = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel)
    return blur(opened, 0.8)
