"""Seams, vents and lights of a machine, laid along the face mesh on polished metal."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import OVAL, Canvas, blur, mix, rgb, smoothstep
from pipelines.engines.filters.operations.head import mirrored, parts, planes, rounded
from pipelines.recipe import lit as recipe_lit

# Seams as chains of mesh points on the right half of the face, mirrored to the left. None crosses an eye or the mouth,
# so the person stays the person.
_SEAMS = (
    (93, 132, 58, 172, 136, 150, 149, 176, 148, 152),  # jaw
    (54, 68, 63, 70, 156, 143, 116, 123, 147, 132),  # temple plate
    (147, 207, 216, 212, 204, 149),  # jaw plate
    (103, 104, 105),  # brow plate
    (36, 206, 216),  # beside the nose
)
_MIDDLE = ((10, 151, 9), (54, 68, 104, 69, 108, 151, 337, 299, 333, 298, 284), (18, 200, 199, 175, 152))
_LIT = ((116, 123, 147, 132), (117, 118, 101, 36), (68, 63, 70, 156))  # which of them carry light, by seed
_TEMPLE, _EDGES, _NOSE = (71, 301), (234, 454), 1
_IRIS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))


def android(canvas: Canvas, step: recipe_lit.Android) -> None:
    """recipe_lit.Android. The half of the face that is turned away is left plain: there the mesh is a guess."""
    points = canvas.landmarks
    if points is None:
        return
    unit = canvas.unit * max(0.5, canvas.face_size / (230 * canvas.unit))
    shape = (canvas.height, canvas.width)
    seams, lit = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    width = max(1, round(1.5 * unit))
    reach = [float(np.linalg.norm(points[edge] - points[_NOSE])) for edge in _EDGES]
    shown = [length > 0.55 * max(reach) for length in reach]
    pick = canvas.seed % len(_LIT)
    for half, temple, seen in zip((np.arange(468), mirrored()), _TEMPLE, shown, strict=True):
        if not seen:
            continue
        for chain in _SEAMS:
            _line(seams, points[half[list(chain)]], width)
        _line(lit, points[half[list(_LIT[pick])]], max(1, round(1.2 * unit)))
        spot = tuple(np.round(points[temple] * 16).astype(int))
        cv2.circle(seams, spot, round(8.5 * unit * 16), 255, width, cv2.LINE_AA, 4)
        cv2.circle(lit, spot, round(5.6 * unit * 16), 255, max(1, round(1.3 * unit)), cv2.LINE_AA, 4)
        cv2.circle(lit, spot, round(1.8 * unit * 16), 255, -1, cv2.LINE_AA, 4)
    for middle in _MIDDLE:
        _line(seams, points[list(middle)], width)
    _rim(canvas, seams, width)
    _neck(canvas, seams, lit, unit)
    lip = np.isin(*_named(canvas, "lip"))
    groove = cv2.GaussianBlur(seams.astype(np.float32) / 255.0, (0, 0), max(0.5, 0.4 * unit)) * (1 - lip)
    side = canvas.light_side
    bevel = np.roll(groove, (1, -int(side)), (0, 1)) - np.roll(groove, (-1, int(side)), (0, 1))
    image = canvas.image * (1 - 0.85 * step.amount * groove)[..., None]
    image = np.clip(image + (0.45 * step.amount * np.clip(-bevel, 0, 1))[..., None], 0, 1)
    color = rgb(step.colors[canvas.choice(len(step.colors))])
    open_eyes = [length > 0.3 * max(reach) for length in reach]
    image = _eyes(canvas, image, points, color, open_eyes)
    light = lit.astype(np.float32) / 255.0
    glow = light * 0.9 + blur(light, 3.0 * unit) * 1.3 + blur(light, 13 * unit) * 1.3
    image = 1 - (1 - image) * (1 - np.clip(glow[..., None] * color * step.amount, 0, 1))
    canvas.image = np.clip(mix(image, np.ones(3, np.float32), (0.75 * light**2)[..., None]), 0, 1)


def _line(layer: np.ndarray, points: np.ndarray, width: int) -> None:
    cv2.polylines(layer, [np.round(rounded(points, closed=False) * 16).astype(np.int32)], False, 255, width, 16, 4)


def _named(canvas: Canvas, *wanted: str) -> tuple[np.ndarray, list[int]]:
    labels, names = planes(canvas)
    return labels, [n + 1 for n, name in enumerate(names) if name in wanted]


def _rim(canvas: Canvas, seams: np.ndarray, width: int) -> None:
    """The seam between the mask and the crown: the upper oval of the face."""
    assert canvas.landmarks is not None
    upper = [*OVAL[-8:], *OVAL[:8]]
    _line(seams, canvas.landmarks[upper], width)


def _neck(canvas: Canvas, seams: np.ndarray, lit: np.ndarray, unit: float) -> None:
    """Ribs around the neck, one of them lit."""
    assert canvas.landmarks is not None
    jaw = canvas.landmarks[[172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397]]
    down = canvas.landmarks[152] - canvas.landmarks[10]
    down = down / max(1e-6, float(np.linalg.norm(down)))
    skin = parts(canvas).skin * (1 - canvas.face)
    where = (smoothstep(0.4, 0.8, skin) * 255).astype(np.uint8)
    ribs, light = np.zeros_like(seams), np.zeros_like(seams)
    for row in range(1, 12):
        arc = jaw + down * (row * 0.042 * canvas.face_size) - (jaw - jaw[6]) * (0, 0.04 * min(row, 10))
        _line(ribs, arc.astype(np.float32), max(1, round(1.7 * unit)))
        if row == 4:
            _line(light, (arc + down * 0.021 * canvas.face_size).astype(np.float32), max(1, round(1.1 * unit)))
    for layer, drawn in ((seams, ribs), (lit, light)):
        np.maximum(layer, cv2.multiply(drawn, where, scale=1 / 255), out=layer)


def _eyes(canvas: Canvas, image: np.ndarray, points: np.ndarray, color: np.ndarray, shown: list[bool]) -> np.ndarray:
    """Irises that shine: a ring of light around a dark pupil, in the opening of the lids."""
    inside = np.isin(*_named(canvas, "eye", "iris")).astype(np.float32)
    for iris, seen in zip(_IRIS, shown, strict=True):
        if not seen:
            continue
        middle = points[iris[0]]
        radius = float(np.linalg.norm(points[list(iris[1:])] - middle, axis=1).mean())
        x, y = np.arange(canvas.width) - middle[0], np.arange(canvas.height)[:, None] - middle[1]
        away = (np.sqrt(x * x + y * y) / max(1.0, radius)).astype(np.float32)
        ring = smoothstep(1.02, 0.86, away) * inside
        shine = ring * (0.35 + 0.75 * np.exp(-(((away - 0.72) / 0.22) ** 2))) * smoothstep(0.22, 0.42, away)
        image = mix(image, shine[..., None] * color + 0.25 * (shine**3)[..., None], ring)
        halo = blur(shine, 0.5 * radius) * 0.8 + blur(shine, 1.8 * radius) * 0.6
        image = 1 - (1 - image) * (1 - np.clip(halo[..., None] * color, 0, 1))
    return np.asarray(image, np.float32)
