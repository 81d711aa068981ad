"""A portrait bent from glowing tubes: the face from its mesh, hair and clothes from their outlines."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import LIPS, OVAL, Canvas, blur, gray, grid, mix, rgb, smoothstep
from pipelines.engines.filters.operations.features import eyes_drawn
from pipelines.engines.filters.operations.head import mirrored, parts, rounded
from pipelines.engines.filters.operations.line import lines
from pipelines.photo.eyes import eyes_facing
from pipelines.recipe import lit as recipe_lit

# Tubes of the right half of the face as mesh points; the left half mirrors them.
_BROW = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
_CREASE = (247, 30, 29, 27, 28, 56)
_WING = (129, 64, 98, 97, 2)
_BRIDGE = (193, 245, 188, 174, 198, 209)
_MOUTH = ((78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308), (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308))
_JAW = OVAL[7:30]
_IRISES = ((468, 469), (473, 474))


def neon(canvas: Canvas, step: recipe_lit.Neon) -> None:
    """recipe_lit.Neon."""
    height, width, unit = canvas.height, canvas.width, canvas.unit
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    colors = [rgb(ramp[min(n, len(ramp) - 1)]) for n in range(3)]
    tube = step.width * (0.7 + 0.3 * canvas.boldness)
    face, figure, cloth = _tubes(canvas, tube)
    lit = sum(layer[..., None] * color for layer, color in zip((face, figure, cloth), colors, strict=True))
    covered = np.clip(face + figure + cloth, 0, 1)
    lit = np.clip(lit, 0, 1)
    glow = blur(lit, 2.6 * unit) * 1.5 + blur(lit, 9 * unit) * 1.2 + blur(lit, 32 * unit) * 1.1
    luma = gray(canvas.image)
    x, y = grid(height, width)
    # What the tubes light: the person, dimly, each part in its own colour; the wall behind in a breath of the second.
    found = parts(canvas)
    shade = found.skin[..., None] * colors[0] + found.hair[..., None] * colors[1] + found.cloth[..., None] * colors[2]
    shade = blur(shade, 8 * unit)
    base = shade * (luma**1.25 * step.base * (0.4 + 1.2 * canvas.likeness))[..., None]
    wall = np.exp(-(((x / width - 0.5) / 0.5) ** 2 + ((y / height - 0.4) / 0.5) ** 2))
    base = base + (0.05 * wall * (1 - canvas.person))[..., None] * (colors[1] + 0.3 * luma[..., None])
    base = base + np.array([0.010, 0.008, 0.028], np.float32)
    picture = 1 - np.exp(-1.5 * (base + glow * step.glow * (0.62 - 0.4 * canvas.likeness) + lit * 0.8))
    core = smoothstep(0.45, 1.0, cv2.GaussianBlur(covered, (0, 0), max(0.5, 0.35 * tube * unit)))
    white = 0.62 + 0.38 * lit / np.maximum(lit.max(axis=2, keepdims=True), 1e-3)
    canvas.image = np.clip(mix(picture, white, (0.85 * core)[..., None]), 0, 1).astype(np.float32)


def _tubes(canvas: Canvas, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tubes of the face, of hair and outline, of clothes: (H, W) float32, 1 on a tube."""
    shape = (canvas.height, canvas.width)
    face, figure, cloth = (np.zeros(shape, np.uint8) for _ in range(3))
    thick = max(1, round(1.5 * width * canvas.unit))
    points, found, hidden = canvas.landmarks, parts(canvas), False
    if points is not None:
        thin = max(1, round(min(1.25 * width * canvas.unit, 0.012 * canvas.face_size)))
        seen = eyes_drawn(canvas)
        hidden = not any(seen)
        _face(canvas, face, points, thin, seen)
        _draw(face, points[list(_JAW)], thick, closed=False)
    # Lines that the photo has and the mesh has not: glasses, beard, strands of hair, collars, folds. Only long ones.
    for layer, mask, size, least in (
        (face, canvas.face * (1 - (0.0 if hidden else 0.9) * canvas.features), 1.4, 30),
        (figure, found.hair * (1 - canvas.face), 2.4, 34),
        (cloth, np.maximum(found.cloth, found.skin * (1 - canvas.face)), 2.2, 50),
    ):
        drawn = lines(canvas, size, 1.0, 0.3) * mask
        layer[:] = np.maximum(layer, (_long(drawn, least * canvas.unit) * 255).astype(np.uint8))
    for mask, layer in ((canvas.person, figure), (found.hair, figure), (found.cloth, cloth)):
        soft = blur(mask, (3.0 if mask is canvas.person else 6.0) * canvas.unit)
        for outline in cv2.findContours((soft > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]:
            if len(outline) < 230 * canvas.unit:
                continue
            line = outline[:: max(1, round(8 * canvas.unit)), 0].astype(np.float32)
            _draw(layer, line, thick, closed=True)
    if points is not None:  # outlines of hair and clothes pass behind the face
        behind = smoothstep(0.75, 0.5, canvas.face)
        figure, cloth = ((layer * behind).astype(np.uint8) for layer in (figure, cloth))
    rim = round(3 * canvas.unit) + 1
    done = []
    for layer in (face, figure, cloth):
        layer[:rim], layer[-rim:], layer[:, :rim], layer[:, -rim:] = 0, 0, 0, 0
        done.append(layer.astype(np.float32) / 255.0)
    return done[0], done[1], done[2]


def _face(canvas: Canvas, layer: np.ndarray, points: np.ndarray, thin: int, seen: tuple[bool, bool]) -> None:
    """The mesh's own tubes. Of the half of a face that is turned away as far as in profile there are none.

    Args:
        seen: Which eyes are; no others are drawn, on dark glasses least of all.
    """
    other = mirrored()
    for half, eye, near in zip((np.arange(468), other), seen, eyes_facing(points), strict=True):
        if not near:
            continue
        _draw(layer, points[half[list(_WING)]], thin, closed=False)
        _draw(layer, points[half[list(_BROW)]], thin, closed=True)
        if not eye:
            continue
        _draw(layer, points[half[list(_UPPER_LID)]], thin, closed=False)
        _draw(layer, points[half[list(_LOWER_LID)]], max(1, round(0.7 * thin)), closed=False)
        _draw(layer, points[half[list(_CREASE)]], max(1, round(0.6 * thin)), closed=False)
    shadow = other if canvas.light_side < 0 else np.arange(468)
    _draw(layer, points[shadow[list(_BRIDGE)]], max(1, round(0.8 * thin)), closed=False)
    _draw(layer, points[list(LIPS)], thin, closed=True)
    for line in _MOUTH:
        _draw(layer, points[list(line)], max(1, round(0.8 * thin)), closed=False)
    eyes = np.zeros_like(layer)
    for half in (np.arange(468), other):
        lids = np.concatenate((points[half[list(_UPPER_LID)]], points[half[list(_LOWER_LID)]][::-1]))
        cv2.fillPoly(eyes, [np.round(lids).astype(np.int32)], 1)
    for (middle, first), eye in zip(_IRISES, seen, strict=True):
        if not eye:
            continue
        radius = float(np.linalg.norm(points[first : first + 4] - points[middle], axis=1).mean())
        iris = np.zeros_like(layer)
        spot = tuple(np.round(points[middle] * 16).astype(int))
        cv2.circle(iris, spot, round(radius * 14), 255, max(1, round(0.7 * thin)), cv2.LINE_AA, 4)
        cv2.circle(iris, spot, round(radius * 4), 255, -1, cv2.LINE_AA, 4)
        np.maximum(layer, iris * eyes, out=layer)


def _draw(layer: np.ndarray, points: np.ndarray, thick: int, closed: bool) -> None:
    line = np.round(rounded(points, closed=closed) * 16).astype(np.int32)
    cv2.polylines(layer, [line], closed, 255, thick, cv2.LINE_AA, 4)


def _long(drawn: np.ndarray, least: float) -> np.ndarray:
    """Lines without their short pieces."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((drawn > 0.35).astype(np.uint8), connectivity=8)
    reach = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) > least
    reach[0] = False
    return np.where(reach[labels], drawn, 0) if count > 1 else np.zeros_like(drawn)
