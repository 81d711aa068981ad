"""Stained glass: panes cut along the parts of a person, a nimbus and rays behind them, lead between, paint on top."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines import recipe
from pipelines.engines.filters.canvas import OVAL, Canvas, blur, fractal_noise, gray, grid, mix, rgb, smoothstep
from pipelines.engines.filters.operations.head import parts, planes
from pipelines.engines.filters.operations.light import form
from pipelines.engines.filters.operations.line import lines
from pipelines.engines.filters.operations.tiles import bevel, means, seams

_LIT = 4.0  # L* that the light in a pane adds
_LARGEST_HOLE = 0.01  # of the picture
_HIDDEN = ("brow", "eye", "iris", "lip")  # painted and leaded finely


def glass(canvas: Canvas, step: recipe.Glass) -> None:
    """recipe.Glass."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    labels, wall, face, cloth, fine = _panes(canvas, step, rng)
    count = int(labels.max()) + 1
    lab = cv2.cvtColor(canvas.image, cv2.COLOR_RGB2LAB)
    colors = means(lab, labels, count)
    nx, ny, nz = form(canvas, 0.3)
    lamp = canvas.light_side * nx * 0.8 - 0.4 * ny + 0.3 * nz - 0.2
    turned = means(np.repeat(lamp[..., None], 3, axis=2), labels, count)[:, 0]
    colors[:, 0] = (colors[:, 0] - 46) + 47 + 12 * turned
    colors[:, 0] = np.clip(np.where(colors[:, 0] > 70, 70 + 0.5 * (colors[:, 0] - 70), colors[:, 0]), 14, 90)
    hair = np.array([n for n in range(count) if n not in face and n not in wall and n not in cloth], int)
    _keep_tone(canvas, colors, labels, face, hair)
    chroma = np.hypot(colors[:, 1], colors[:, 2])
    # Glass has colour of its own: grey cloth and hair lean to the colour they have most of.
    lift = np.where(np.isin(np.arange(count), face), 1.12, 1.8 * np.clip(1 + (14 - chroma) / 30, 1, 1.5))
    colors[:, 1:] *= lift[:, None]
    colors[:, 2] += np.where(np.isin(np.arange(count), face), 5, 0)
    plain = hair[chroma[hair] < 10]  # grey hair and the shine of a scalp
    colors[plain, 1:] = np.array((6.0, 12.0)) * np.clip(colors[plain, :1] / 45, 0.5, 1.2)
    colors[plain, 0] = np.minimum(colors[plain, 0], 62)
    own = np.array([n for n in cloth if chroma[n] < 12], int)
    palette = cv2.cvtColor(
        np.array([[rgb(color) for color in step.palettes[canvas.choice(len(step.palettes))]]], np.float32),
        cv2.COLOR_RGB2LAB,
    )[0]
    if len(own):
        colors[own, 1:] = 0.6 * palette[own % len(palette), 1:] * np.clip(colors[own, :1] / 60, 0.4, 1.1)
    if not canvas.has_backdrop:
        for order, pane in enumerate(wall):
            colors[pane] = palette[order % len(palette)] + rng.normal(0, (4.0, 3.0, 3.0))
    panes = np.clip(cv2.cvtColor(colors.astype(np.float32)[labels], cv2.COLOR_LAB2RGB), 0, 1)
    # Paint on the glass: the photo's light and dark inside a pane, strongest on the features.
    luma = gray(canvas.image)
    middle = cv2.GaussianBlur(gray(panes), (0, 0), 1.5 * unit)
    base = blur(luma, 0.16 * canvas.face_size)
    paint = np.clip((luma - base) * 1.5, -0.5, 0.35)
    amount = np.clip(0.30 * canvas.person + 0.30 * canvas.face + 0.5 * canvas.features, 0.0, 1.0)
    panes = panes * (1 + paint * amount * np.clip(1.4 - 0.5 * middle, 0.6, 1.4))[..., None]
    drawn = lines(canvas, 1.2, 1.0, 0.3) * (canvas.person * (0.45 + 0.5 * canvas.features))
    panes = mix(panes, panes * np.array([0.22, 0.14, 0.10], np.float32), drawn * 0.8)
    streaks = fractal_noise(height, width, 30 * unit, 4, rng, stretch=(1.0, 2.2))
    seeds = fractal_noise(height, width, 5 * unit, 2, rng)
    calm = 1 - 0.5 * canvas.face
    lead = np.maximum(seams(labels, step.lead * unit) * (1 - fine), seams(labels, 0.42 * step.lead * unit))
    inside = cv2.distanceTransform((lead < 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    lit = 0.90 + 0.16 * smoothstep(0.0, 10.0 * unit, inside) + (0.13 * streaks + 0.05 * seeds) * calm
    seen = np.clip(panes * lit[..., None], 0, 1)
    came = 0.06 + 0.24 * np.clip(bevel(lead, canvas.light_side, unit), 0, 1)
    came = came[..., None] * np.array([0.95, 1.0, 1.08], np.float32)
    seen = mix(seen, came, lead)
    glow = blur(seen * smoothstep(0.4, 0.9, gray(seen))[..., None], 12 * unit) * step.glow * 0.55
    glow = glow * (1 - 0.7 * np.clip(canvas.face, 0, 1))[..., None]
    canvas.image = np.clip(1 - (1 - seen) * (1 - np.clip(glow, 0, 1)), 0, 1).astype(np.float32)


def _keep_tone(canvas: Canvas, colors: np.ndarray, labels: np.ndarray, face: list[int], hair: np.ndarray) -> None:
    """No pane of skin lighter than the sitter's own, in place: light cheeks on dark skin would be somebody else's.

    Args:
        colors: (N, 3) L*a*b* of the panes.
        labels: (H, W) int32.
        face: Panes of skin.
        hair: Panes of hair; a highlight of the forehead may lie among them.
    """
    lightness = cv2.cvtColor(canvas.source, cv2.COLOR_RGB2LAB)[..., 0]
    own = means(np.repeat(lightness[..., None], 3, axis=2), labels, len(colors))[:, 0]
    of_face = lightness[canvas.face > 0.7]
    if not of_face.size:
        return
    light = float(np.quantile(of_face, 0.7))
    colors[face, 0] = np.minimum(colors[face, 0], np.minimum(own[face], light) - _LIT)
    if len(hair):
        colors[hair, 0] = np.minimum(colors[hair, 0], max(light, float(np.median(own[hair])) + 10) - _LIT)


def _panes(
    canvas: Canvas, step: recipe.Glass, rng: np.random.Generator
) -> tuple[np.ndarray, list[int], list[int], list[int], np.ndarray]:
    """How the window is cut.

    Returns:
        labels (H, W) int32, the labels of the wall, of skin and of clothes, and (H, W) float32, 1 where lead is fine.
    """
    height, width = canvas.height, canvas.width
    scale = step.panes / 100 / canvas.boldness
    labels = _wall(canvas, rng)
    wall = [int(n) for n in np.unique(labels)]
    found = parts(canvas)
    kinds = np.stack((1 - canvas.person, found.hair, found.skin, found.cloth), axis=2)
    kind = _without_holes(cv2.medianBlur(kinds.argmax(axis=2).astype(np.uint8), 5))
    lab = cv2.cvtColor(canvas.source, cv2.COLOR_RGB2LAB)
    start = int(labels.max()) + 1
    for number, many in ((1, 12), (2, 4), (3, 16)):
        start = _cut(labels, kind == number, lab, max(2, round(many * scale)), start, canvas)
    face: list[int] = []
    fine = np.zeros((height, width), np.float32)
    if canvas.landmarks is not None:
        plane, names = planes(canvas)
        where = (plane > 0) & (canvas.person > 0.3)
        labels[where] = plane[where].astype(np.int32) + start
        face = [start + n + 1 for n in range(len(names))]
        small = [n + 1 for n, name in enumerate(names) if name in _HIDDEN]
        inner = cv2.dilate(np.isin(plane, small).astype(np.uint8), None, iterations=max(1, round(1.5 * canvas.unit)))
        fine = np.maximum(inner.astype(np.float32), 0.75 * canvas.face)
    skin, cloth = ([int(n) for n in np.unique(labels[kind == number])] for number in (2, 3))
    numbers = np.unique(labels)
    order = np.searchsorted(numbers, np.arange(int(numbers.max()) + 1)).clip(0, len(numbers) - 1)
    known = set(numbers.tolist())
    taken = {*face, *skin}
    groups = (wall, taken, set(cloth) - taken - set(wall))
    place = [[int(order[n]) for n in sorted(group) if n in known] for group in groups]
    return order[labels].astype(np.int32), place[0], place[1], place[2], fine


def _wall(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Panes behind the figure: a nimbus around the head, rays, and rings that widen: (H, W) int32 from 0."""
    height, width = canvas.height, canvas.width
    x, y = grid(height, width)
    if canvas.landmarks is not None:
        middle = canvas.landmarks[list(OVAL)].mean(axis=0) - (0, 0.12 * canvas.face_size)
    else:
        middle = np.array((0.5 * width, 0.4 * height))
    radius = np.hypot(x - middle[0], y - middle[1]) / canvas.face_size
    turn = (np.arctan2(y - middle[1], x - middle[0]) / (2 * np.pi) + rng.random()) % 1.0
    rings = np.digitize(radius, np.cumsum((0.98, 0.16, 0.5, 0.62, 0.8, 1.0)))
    count = 14 + 2 * int(rng.integers(0, 3))
    offset = 0.5 * (rings % 2)
    # The nimbus has a broad inner ring of few panes and a narrow one of beads.
    rays = np.where(rings == 1, np.floor(turn * 2 * count), np.floor((turn * count + offset) % count))
    return (rings * 64 + rays).astype(np.int32)


def _cut(labels: np.ndarray, zone: np.ndarray, lab: np.ndarray, many: int, start: int, canvas: Canvas) -> int:
    """Cuts a zone into panes of like colour (k-means on place and colour), in place; the next free label."""
    height, width = zone.shape
    factor = min(1.0, 150 / max(height, width))
    size = (max(4, round(width * factor)), max(4, round(height * factor)))
    small = cv2.resize(zone.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if small.sum() < 12:
        return start
    color = cv2.resize(blur(lab, 3 * canvas.unit), size, interpolation=cv2.INTER_AREA)
    y, x = np.nonzero(small)
    weight = 110.0 / max(size)
    points = np.column_stack((x * weight, y * weight, color[y, x] * (0.9, 0.7, 0.7)))
    # Begin with points far from each other: the same for the same photo.
    centres = points[[len(points) // 2]]
    away = ((points - centres[0]) ** 2).sum(axis=1)
    for _ in range(many - 1):
        centres = np.concatenate((centres, points[[int(away.argmax())]]))
        away = np.minimum(away, ((points - centres[-1]) ** 2).sum(axis=1))
    for _ in range(6):
        nearest = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        sizes = np.bincount(nearest, minlength=len(centres))
        sums = np.stack([np.bincount(nearest, points[:, n], len(centres)) for n in range(5)], axis=1)
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    shares = np.zeros((size[1], size[0], len(centres)), np.float32)
    shares[y, x, nearest] = 1
    half = ((width + 1) // 2, (height + 1) // 2)
    grown = [
        cv2.resize(cv2.GaussianBlur(shares[..., n], (0, 0), 2.2), half, interpolation=cv2.INTER_CUBIC)
        for n in range(len(centres))
    ]
    nearest = cv2.resize(np.stack(grown, axis=2).argmax(axis=2).astype(np.uint8), (width, height), interpolation=0)
    labels[zone] = start + _without_holes(cv2.medianBlur(nearest, 5))[zone]
    return start + len(centres)


def _without_holes(panes: np.ndarray) -> np.ndarray:
    """(H, W) uint8 panes of which no small one lies wholly inside another: no glazier could set it.

    On the crown of a head it looks like an eye.
    """
    done = panes.copy()
    ring = np.ones((3, 3), np.uint8)
    for number in np.unique(panes):
        count, pieces, box, _ = cv2.connectedComponentsWithStats((panes == number).astype(np.uint8))
        for piece in range(1, count):
            left, top, wide, high, area = (int(value) for value in box[piece])
            if area > _LARGEST_HOLE * panes.size:
                continue
            where = np.s_[max(0, top - 1) : top + high + 1, max(0, left - 1) : left + wide + 1]
            own = (pieces[where] == piece).astype(np.uint8)
            others = np.unique(panes[where][(cv2.dilate(own, ring) > 0) & (own == 0)])
            if len(others) == 1:
                done[where][own > 0] = others[0]
    return done
