"""Operations of print and paper: halftone, cut paper, pixel art."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, gray, grid, mix, rgb, smoothstep
from pipelines.engines.filters.operations.surface import relief_of
from pipelines.engines.filters.operations.tone import equalised
from pipelines.recipe import drawn as recipe

_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16.0 - 0.47


def halftone(canvas: Canvas, step: recipe.Halftone) -> None:
    """recipe.Halftone."""
    pitch = max(3.0, step.pitch * canvas.unit * (0.6 + 0.4 * canvas.boldness))
    turn = float(canvas.rng().uniform(-0.12, 0.12))
    image = canvas.image
    calm = 1 - 0.8 * canvas.features
    if step.mode == "cmyk":
        done = np.broadcast_to(rgb(step.paper), image.shape).copy()
        for channel, degrees in enumerate((15, 75, 0)):
            dots = dots_of(1 - image[..., channel], pitch, np.deg2rad(degrees) + turn)
            done[..., channel] *= 1 - 0.92 * dots
        canvas.image = mix(image, done, step.amount * calm)
        return
    luma = gray(image)
    if step.mode == "ink":
        dots = dots_of(1 - equalised(luma) * 0.5 - luma * 0.5, pitch, 0.78 + turn)
        done = mix(np.broadcast_to(rgb(step.paper), image.shape), np.broadcast_to(rgb(step.color), image.shape), dots)
        canvas.image = mix(image, done, step.amount * calm)
        return
    span = max(0.05, step.high - step.low)
    tone = np.clip((step.high - luma) / span, 0, 1) * 0.62
    dots = dots_of(tone, pitch, 0.78 + turn) * smoothstep(step.low - 0.06, step.low + 0.04, luma)
    canvas.image = mix(image, image * mix(np.ones(3, np.float32), rgb(step.color), 0.6), dots * step.amount * calm)


def dots_of(tone: np.ndarray, pitch: float, angle: float) -> np.ndarray:
    """Round dots on a turned grid that cover `tone` of the paper, with soft rims one pixel wide."""
    x, y = grid(*tone.shape)
    u = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / pitch)
    v = (y * np.cos(angle) - x * np.sin(angle)) * (2 * np.pi / pitch)
    spot = 0.5 + 0.25 * (np.cos(u) + np.cos(v))
    edge = min(0.45, 1.6 / pitch)
    return smoothstep(-edge, edge, spot - (1 - tone)) * smoothstep(0.02, 0.1, tone)


def cutout(canvas: Canvas, step: recipe.Cutout) -> None:
    """recipe.Cutout."""
    rng = canvas.rng()
    unit = canvas.unit
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    luma = gray(canvas.image)
    luma = mix(luma, equalised(luma), 0.4)
    # The person is lifted apart from the background, so that the silhouette is a cut of its own.
    background = blur(luma, 15 * unit) * 0.8 + 0.12
    rounded = step.rounding * unit * canvas.boldness
    figure = mix(blur(luma, rounded), blur(luma, 0.9 * unit), np.clip(canvas.features * 1.1, 0, 1))
    person = cut(blur(canvas.person, 1.2 * unit) - 0.5)
    paper = relief_of("paper", canvas.height, canvas.width, unit, rng)
    shift = 2.6 * unit
    move = np.array([[1, 0, -canvas.light_side * shift], [0, 1, shift]], np.float32)
    size = (canvas.width, canvas.height)
    picture = np.broadcast_to(rgb(ramp[0]), canvas.image.shape).astype(np.float32)
    layers = len(ramp)
    # Behind the person only the darker papers, in broad pieces, so that the silhouette stands out.
    sheets = [(background, rgb(ramp[1]) * 0.8, 1 / 3, 1 - person), (background, rgb(ramp[1]) * 1.15, 2 / 3, 1 - person)]
    sheets += [(figure, rgb(color), index / layers, person) for index, color in enumerate(ramp)]
    for tone, color, share, where in sheets:
        mask = cut(tone - _limit(tone, where, share)) * where if share else where
        shadow = cv2.GaussianBlur(cv2.warpAffine(mask, move, size, borderMode=cv2.BORDER_REPLICATE), (0, 0), 2.4 * unit)
        picture = picture * (1 - step.shadow * 0.75 * shadow * (1 - mask))[..., None]
        sheet = color * (1 + 0.05 * paper[..., None])
        lit = cv2.GaussianBlur(mask, (0, 0), 0.8 * unit)
        rim = np.clip(mask - np.roll(lit, (1, int(-canvas.light_side)), (0, 1)), 0, 1) * 0.25
        picture = mix(picture, np.clip(sheet + rim[..., None], 0, 1), mask)
    canvas.image = np.clip(picture, 0, 1)


def cut(over: np.ndarray) -> np.ndarray:
    """1 where `over` is above 0, with a border one pixel wide however slowly it rises."""
    gx, gy = cv2.Sobel(over, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(over, cv2.CV_32F, 0, 1, scale=1 / 8)
    cut: np.ndarray = np.clip(over / np.maximum(np.hypot(gx, gy), 1e-5) + 0.5, 0, 1)
    return cut


def _limit(tone: np.ndarray, where: np.ndarray, share: float) -> float:
    """Lightness above which a sheet is left standing: between equal areas, equal steps and the lightness itself.

    The last keeps dark skin in the darker papers.
    """
    inside = tone[::4, ::4][where[::4, ::4] > 0.5]
    if inside.size < 16:
        return share
    low, high = np.quantile(inside, (0.03, 0.97))
    limit = 0.28 * np.quantile(inside, share) + 0.27 * (low + share * (high - low)) + 0.45 * share
    return float(limit)


def pixels(canvas: Canvas, step: recipe.Pixels) -> None:
    """recipe.Pixels."""
    block = max(2.0, step.block * canvas.unit * canvas.boldness)
    columns, rows = max(8, round(canvas.width / block)), max(8, round(canvas.height / block))
    image = canvas.image
    local = image + 0.8 * (image - blur(image, block))  # crisp before shrinking, so that eyes survive
    small = cv2.resize(np.clip(local, 0, 1), (columns, rows), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    # Skin counts more than its area, or a face is left with the palette of the wall.
    face = cv2.resize(canvas.face, (columns, rows), interpolation=cv2.INTER_AREA) > 0.5
    samples = np.concatenate((lab.reshape(-1, 3), np.repeat(lab[face], 3, axis=0)))
    palette = palette_of(samples, step.colors, canvas.seed)
    pattern = np.tile(_BAYER, (rows // 4 + 1, columns // 4 + 1))[:rows, :columns]
    features = cv2.resize(canvas.features, (columns, rows), interpolation=cv2.INTER_AREA)
    lab[..., 0] += pattern * 13.0 * step.dither * (1 - features)
    distance = ((lab[:, :, None, :] - palette) ** 2).sum(axis=3)
    chosen = palette[np.argmin(distance, axis=2)]
    small = np.clip(cv2.cvtColor(chosen.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)
    # An outline of darker pixels around the person, as sprites have.
    person = (cv2.resize(canvas.person, (columns, rows), interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    outline = person - cv2.erode(person, np.ones((2, 2), np.uint8))
    small = mix(small, small * 0.45, outline.astype(np.float32) * 0.8)
    canvas.image = cv2.resize(small, (canvas.width, canvas.height), interpolation=cv2.INTER_NEAREST)


def palette_of(samples: np.ndarray, colors: int, seed: int) -> np.ndarray:
    """(colors, 3) Lab centres by k-means, started from a seeded draw so that threads cannot disturb each other."""
    samples = samples.astype(np.float32)
    rng = np.random.default_rng((seed, 5))
    samples = samples[rng.permutation(len(samples))[:1600]]
    order = np.argsort(samples[:, 0])
    centres = samples[order[np.linspace(0, len(samples) - 1, colors).astype(int)]] + rng.normal(
        0, 2, (colors, 3)
    ).astype(np.float32)
    for _ in range(6):
        nearest = ((samples[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        counts = np.bincount(nearest, minlength=colors)
        for axis in range(3):
            sums = np.bincount(nearest, samples[:, axis], colors)
            centres[:, axis] = np.where(counts > 0, sums / np.maximum(counts, 1), centres[:, axis])
    return centres
