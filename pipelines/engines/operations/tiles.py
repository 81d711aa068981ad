"""Operations that divide the picture into pieces: low poly, stained glass, mosaic."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines import recipe
from pipelines.engines.operations.canvas import Canvas, blur, fractal_noise, gray, mix, rgb, smoothstep
from pipelines.engines.operations.line import lines


def polygons(canvas: Canvas, step: recipe.Polygons) -> None:
    """recipe.Polygons."""
    rng = canvas.rng()
    height, width = canvas.height, canvas.width
    points = _points(canvas, round(step.points / canvas.boldness**1.6), rng)
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)], np.float32)
    subdivision = cv2.Subdiv2D((-2, -2, width + 4, height + 4))
    subdivision.insert([(float(x), float(y)) for x, y in np.concatenate((points, corners))])
    triangles = np.asarray(subdivision.getTriangleList(), np.float32).reshape(-1, 3, 2)
    inside = ((triangles >= -1) & (triangles <= (width, height))).all(axis=(1, 2))
    triangles = triangles[inside]
    labels = np.zeros((height, width), np.int32)
    fixed = np.round(triangles * 16).astype(np.int32)
    for index, triangle in enumerate(fixed):
        cv2.fillConvexPoly(labels, triangle, index + 1, lineType=cv2.LINE_8, shift=4)
    colors = _means(canvas.image, labels, len(triangles) + 1)
    # Each facet turns towards or away from the light.
    middle = triangles.mean(axis=1)
    luma = gray(blur(canvas.image, 4 * canvas.unit))
    at = np.clip(middle.astype(int), 0, (width - 1, height - 1))
    slope = cv2.Sobel(luma, cv2.CV_32F, 1, 0)[at[:, 1], at[:, 0]] * canvas.light_side
    light = 1 + step.facet * (rng.uniform(-0.22, 0.22, len(triangles)) + np.clip(slope * 3, -0.4, 0.4))
    colors[1:] *= light[:, None]
    picture = np.clip(colors, 0, 1).astype(np.float32)[labels]
    if step.edge:
        seams = np.zeros((height, width), np.uint8)
        cv2.polylines(seams, list(fixed), True, 255, 1, cv2.LINE_AA, 4)
        seam = seams.astype(np.float32) / 255.0 * abs(step.edge) * (1 - 0.6 * canvas.features)
        picture = mix(picture, np.full(3, 1.0 if step.edge > 0 else 0.0, np.float32), seam[..., None])
    canvas.image = picture
    canvas.keep_features(0.25 + 0.3 * canvas.likeness)


def _points(canvas: Canvas, count: int, rng: np.random.Generator) -> np.ndarray:
    """(N, 2) float32 corners: face mesh, then places drawn in proportion to how much happens there."""
    height, width = canvas.height, canvas.width
    luma = gray(canvas.image)
    activity = cv2.magnitude(*_gradient(luma))
    weight = np.sqrt(cv2.GaussianBlur(activity, (0, 0), 1.2 * canvas.unit)) + 0.05
    weight *= 0.45 + 0.55 * canvas.person + 1.2 * canvas.face
    rows, columns = height // 2, width // 2
    weight = cv2.resize(weight, (columns, rows), interpolation=cv2.INTER_AREA).ravel().astype(np.float64)
    total = np.cumsum(weight)
    drawn = np.searchsorted(total, (np.arange(count) + rng.random(count)) / count * total[-1])
    points = np.stack((drawn % columns, drawn // columns), axis=1) * 2.0 + rng.random((count, 2)) * 2
    if canvas.landmarks is not None:
        mesh = canvas.landmarks[: 478 if canvas.likeness >= 0.5 else 468 : 1 if canvas.likeness >= 0.5 else 2]
        points = np.concatenate((mesh, points))
    border = np.linspace(0, 1, 12)
    sides = [np.stack((border * (width - 1), np.full(12, e)), 1) for e in (0, height - 1)]
    sides += [np.stack((np.full(12, e), border * (height - 1)), 1) for e in (0, width - 1)]
    points = np.concatenate((points, *sides))
    return np.clip(points, 0, (width - 1, height - 1)).astype(np.float32)


def _gradient(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)


def glass(canvas: Canvas, step: recipe.Glass) -> None:
    """recipe.Glass."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    labels, distance, count = _cells(canvas, round(step.panes / canvas.boldness**1.6), rng, spacing=0.6)
    lab = cv2.cvtColor(canvas.image, cv2.COLOR_RGB2LAB)
    colors = _means(lab, labels, count)
    colors[:, 0] = np.clip((colors[:, 0] - 50) * 1.15 + 52 + rng.normal(0, 3.0, count), 8, 97)
    # Glass of the background is chosen by a bolder hand than the flesh tints.
    figure = np.bincount(labels.ravel(), canvas.person.ravel(), count) / np.maximum(
        np.bincount(labels.ravel(), minlength=count), 1
    )
    colors[:, 1:] = colors[:, 1:] * (1.9 - 0.65 * figure[:, None]) + rng.normal(0, 15.0, (count, 2)) * (
        1 - figure[:, None]
    )
    hues = np.exp(1j * rng.choice(rng.uniform(0, 2 * np.pi, 4), count))
    pale = np.clip(1 - np.hypot(colors[:, 1], colors[:, 2]) / 24, 0, 1) * (1 - figure)
    colors += (pale * rng.uniform(8, 34, count))[:, None] * np.stack(
        (np.full(count, -0.7), hues.real, hues.imag), axis=1
    )
    panes = np.clip(cv2.cvtColor(colors.astype(np.float32)[labels], cv2.COLOR_LAB2RGB), 0, 1)
    # Light through uneven glass: brighter in the middle of a pane, streaked.
    streaks = fractal_noise(height, width, 26 * unit, 4, rng, stretch=(1.0, 2.2))
    # A face is one pane, painted; the leads run around it.
    one = np.clip(1.25 * canvas.face + canvas.features, 0, 1) if canvas.landmarks is not None else 0.7 * canvas.person
    seen = mix(panes, canvas.image, (0.12 + 0.76 * one)[..., None])
    middle = smoothstep(0.0, 9.0 * unit, distance)
    seen = seen * (0.86 + 0.22 * middle + 0.16 * streaks)[..., None] * (1 + 0.22 * step.glow * (1 - one))[..., None]
    painted = lines(canvas, 1.3, 1.1, 0.4) * np.clip(canvas.person, 0.15, 1)
    seen = mix(seen, seen * np.array([0.22, 0.14, 0.10], np.float32), painted * 0.85)
    silhouette = _seams((canvas.person > 0.5).astype(np.int32), 1.5 * step.lead * unit)
    lead = np.maximum(_seams(labels, step.lead * unit) * (1 - 0.92 * one), silhouette)
    round_lead = 0.05 + 0.22 * np.clip(_bevel(lead, canvas.light_side, unit), 0, 1)
    seen = mix(
        np.clip(seen, 0, 1), np.repeat(round_lead[..., None], 3, axis=2) * np.array([0.95, 1.0, 1.08], np.float32), lead
    )
    glow = blur(seen * smoothstep(0.45, 0.9, gray(seen))[..., None], 12 * unit) * step.glow * 0.7
    canvas.image = np.clip(1 - (1 - seen) * (1 - np.clip(glow, 0, 1)), 0, 1).astype(np.float32)


def mosaic(canvas: Canvas, step: recipe.Mosaic) -> None:
    """recipe.Mosaic."""
    rng = canvas.rng()
    unit = canvas.unit
    size = max(4.5, step.stone * unit * canvas.boldness)
    count = round(canvas.height * canvas.width / (size * size))
    labels, _, count = _cells(canvas, count, rng, spacing=0.82, rows=True)
    lab = cv2.cvtColor(canvas.image, cv2.COLOR_RGB2LAB)
    colors = _means(lab, labels, count)
    colors[:, 0] += rng.normal(0, 6.0 * step.variety, count)
    colors[:, 1:] = colors[:, 1:] * 1.1 + rng.normal(0, 3.0 * step.variety, (count, 2))
    stones = np.clip(cv2.cvtColor(colors.astype(np.float32)[labels], cv2.COLOR_LAB2RGB), 0, 1)
    seam = _seams(labels, 0.13 * size)
    shade = _bevel(1 - seam, canvas.light_side, unit) * 0.22
    rough = fractal_noise(canvas.height, canvas.width, 5 * unit, 2, rng) * 0.10
    stones = np.clip(stones * (1 + shade + rough)[..., None] + 0.06 * smoothstep(0.3, 1.0, shade)[..., None], 0, 1)
    canvas.image = mix(
        stones, np.broadcast_to(rgb(step.mortar), stones.shape), seam * 0.9 * (1 - 0.45 * canvas.features)
    )
    canvas.keep_features(0.35 + 0.3 * canvas.likeness)


def _cells(
    canvas: Canvas, count: int, rng: np.random.Generator, spacing: float, rows: bool = False
) -> tuple[np.ndarray, np.ndarray, int]:
    """Voronoi cells around points that keep their distance; small on features, then on the face, large elsewhere.

    Args:
        spacing: 1 is a strict raster, 0 chance.
        rows: Square stones in rows that bend, as masons set them; otherwise a honeycomb.

    Returns:
        labels (H, W) int32 from 0, distance to the cell's point in pixels, number of labels.
    """
    height, width = canvas.height, canvas.width
    side = float(np.sqrt(height * width / count))
    density = np.clip(0.55 + 0.45 * canvas.person + 0.8 * canvas.face + 2.2 * canvas.features, 0, 4)
    seeds = np.full((height, width), 255, np.uint8)
    tangents = canvas.tangents()
    for level, low, high in ((0.62, 2.4, 9.0), (0.8, 1.25, 2.4), (1.0, 0.0, 1.25)):
        pitch = max(2.0, side * level)
        lines, columns = int(height / pitch) + 6, int(width / pitch) + 6
        jitter = (rng.random((lines, columns, 2)) - 0.5) * (1 - spacing) * 1.6
        brick = 0.5 * (np.arange(lines)[:, None] % 2)
        x = (np.arange(columns)[None] - 2 + brick + jitter[..., 0]) * pitch
        y = (np.arange(lines)[:, None] - 2 + jitter[..., 1]) * pitch
        if rows:
            far = 2 * pitch
            y = y + far * np.sin(x / (17 * pitch) + 2 * level) * np.cos(y / (23 * pitch))
        xi, yi = x.astype(int).ravel(), y.astype(int).ravel()
        ok = (xi >= 0) & (yi >= 0) & (xi < width) & (yi < height)
        xi, yi = xi[ok], yi[ok]
        here = density[yi, xi]
        fits = (here >= low) & (here < high)
        seeds[yi[fits], xi[fits]] = 0
    # Points slide off strong outlines to both sides, so that cells end where things end.
    luma = gray(blur(canvas.source, 1.5 * canvas.unit))
    gx, gy = _gradient(luma)
    strength = cv2.magnitude(gx, gy)
    yi, xi = np.nonzero(seeds == 0)
    on_edge = np.clip(strength[yi, xi] * 4, 0, 1) * side * 0.35
    push = np.where((xi + yi) % 2 == 0, 1.0, -1.0) * on_edge
    nx, ny = -tangents[yi, xi, 1] * push, tangents[yi, xi, 0] * push
    seeds[:] = 255
    seeds[np.clip(yi + ny, 0, height - 1).astype(int), np.clip(xi + nx, 0, width - 1).astype(int)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    return labels - 1, distance, int(labels.max())


def _means(image: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """(count, 3) float64 mean colour of each label."""
    flat = labels.ravel()
    sizes = np.maximum(np.bincount(flat, minlength=count), 1)
    return np.stack([np.bincount(flat, image[..., i].ravel(), count) / sizes for i in range(3)], axis=1)


def _seams(labels: np.ndarray, width: float) -> np.ndarray:
    """(H, W) float32, 1 on the borders between labels, `width` pixels wide."""
    border = np.zeros(labels.shape, np.uint8)
    border[:, 1:] |= (labels[:, 1:] != labels[:, :-1]).astype(np.uint8)
    border[1:] |= (labels[1:] != labels[:-1]).astype(np.uint8)
    away = cv2.distanceTransform(1 - border, cv2.DIST_L2, 3)
    return smoothstep(width / 2 + 0.6, width / 2 - 0.4, away) * min(1.0, 0.35 + 0.4 * width)


def _bevel(solid: np.ndarray, side: float, unit: float) -> np.ndarray:
    """Light on the rims of raised pieces: above 0 towards the light, below 0 away from it."""
    heights = cv2.GaussianBlur(solid, (0, 0), max(0.7, 1.1 * unit))
    gx, gy = cv2.Scharr(heights, cv2.CV_32F, 1, 0) / 8, cv2.Scharr(heights, cv2.CV_32F, 0, 1) / 8
    return (-side * gx + gy) * 1.6
