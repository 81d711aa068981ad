"""Operations of line: ink, pen hatching, charcoal."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, along, blur, fractal_noise, gray, grid, mix, rgb, smoothstep
from pipelines.engines.filters.operations.surface import tooth
from pipelines.engines.filters.operations.tone import equalised, levelled
from pipelines.recipe import drawn as recipe


def lines(
    canvas: Canvas, width: float, gain: float, skin: float = 0.55, *, source: np.ndarray | None = None
) -> np.ndarray:
    """Where lines belong: flow-based difference of Gaussians, freed of local contrast.

    Args:
        width: Of a line, in pixels of a 512 px portrait.
        gain: How readily a line appears.
        skin: Factor on the readiness inside the face, away from its features.
        source: Drawn from this picture instead of the canvas's source.

    Returns:
        (H, W) float32 in 0..1, 1 on a line.
    """
    luma = gray(canvas.source if source is None else source)
    sigma = max(0.55, width * canvas.unit)
    wide = blur(luma, 1.6 * sigma)
    response = wide - blur(luma, sigma)
    response = along(response, canvas.tangents(), 6 * sigma)
    # Lines are found in dark and light regions alike: the response is read relative to local brightness and contrast.
    spread = np.sqrt(np.maximum(blur(response * response, 16 * canvas.unit), 0))
    level = 0.006 + 0.9 * spread + 0.012 * wide
    readiness = gain * (1 - (1 - skin) * np.clip(canvas.face - canvas.features, 0, 1)) * (1 + 0.5 * canvas.features)
    return smoothstep(0.35, 1.15, response / level * readiness)


def ink(canvas: Canvas, step: recipe.Ink) -> None:
    """recipe.Ink."""
    drawn = lines(canvas, step.width * (0.6 + 0.4 * canvas.boldness), step.gain, step.skin)
    if step.specks:
        drawn = drawn * _long(drawn, step.specks * canvas.unit, canvas.features)
    if step.rough:
        paper = tooth(canvas.height, canvas.width, canvas.unit, canvas.rng())
        drawn = drawn * mix(1.0, smoothstep(0.1, 0.5, 1.15 - paper), step.rough)
    if step.blacks:
        luma = gray(canvas.source)
        luma = blur(mix(luma, equalised(luma), 0.4), 1.6 * canvas.unit)
        # The limit is a share of this picture's own darks and never reaches into skin away from the features.
        limit = min(0.42, float(np.quantile(luma[::4, ::4], 0.42 * step.blacks)))
        dark = smoothstep(0.46, 0.28, blur(gray(canvas.source), 1.6 * canvas.unit))
        fill = (1 - smoothstep(limit - 0.05, limit + 0.05, luma)) * dark
        calm = np.clip(canvas.face - canvas.features + canvas.lips, 0, 1)
        drawn = np.maximum(drawn, fill * (1 - 0.9 * calm))
    if step.backdrop < 1:
        drawn = drawn * mix(step.backdrop, 1.0, smoothstep(0.1, 0.4, blur(canvas.person, 2 * canvas.unit)))
    canvas.image = mix(canvas.image, np.broadcast_to(rgb(step.color), canvas.image.shape), drawn * step.amount)


def _long(drawn: np.ndarray, least: float, features: np.ndarray) -> np.ndarray:
    """(H, W) float32, 0 on lines whose extent is under `least` pixels, except on the features."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((drawn > 0.25).astype(np.uint8), connectivity=8)
    extent = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    keep = (extent >= least).astype(np.float32)
    keep[0] = 0.0
    return np.maximum(cv2.dilate(keep[labels], np.ones((3, 3), np.uint8)), features)


def hatch(canvas: Canvas, step: recipe.Hatch) -> None:
    """recipe.Hatch."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    x, y = grid(height, width)
    luma = gray(canvas.image)
    tone = 1 - smoothstep(0.02, 0.92, levelled(canvas, mix(luma, equalised(luma), 0.55), 0.6))
    tone = tone * (1 - 0.3 * canvas.lips)
    form = blur(luma, 7 * unit) * 70 * unit * step.follow
    pitch = max(2.6, step.pitch * unit * (0.7 + 0.3 * canvas.boldness))
    cover = np.zeros((height, width), np.float32)
    start = rng.uniform(0.55, 0.95) * canvas.light_side
    for layer in range(step.layers):
        angle = start + (0.0, 0.55, 1.45, -0.5, 1.0, 0.25)[layer] * canvas.light_side
        wander = fractal_noise(height, width, 60 * unit, 2, rng) * 2.2 * unit
        phase = (x * np.cos(angle) + y * np.sin(angle) + form + wander) * (np.pi / pitch)
        stroke = np.abs(np.sin(phase))
        # Layer k begins where the tone passes k / layers; pressure wavers, so strokes start and end by hand.
        begin = (layer + 0.25) / (step.layers + 0.7)
        pressure = fractal_noise(height, width, 26 * unit, 2, rng) * 0.16
        need = np.clip((tone + pressure - begin) * 1.7, 0, 0.85)
        half_pixel = min(0.5, 1.4 / pitch)
        cover = np.maximum(cover, smoothstep(half_pixel, -half_pixel, stroke - need * 0.62) * (need > 0))
    calm = 1 - 0.45 * canvas.features
    cover = np.maximum(cover * calm, smoothstep(0.7, 1.0, tone) * canvas.features * (1 - canvas.lips) * 0.5)
    ink_color, paper = step.sheets[canvas.choice(len(step.sheets))][:2] if step.sheets else (step.color, step.paper)
    color = mix(np.broadcast_to(rgb(ink_color), canvas.image.shape), canvas.image * 0.75, step.keep_color)
    canvas.image = mix(np.broadcast_to(rgb(paper), canvas.image.shape), color, cover)


def charcoal(canvas: Canvas, step: recipe.Charcoal) -> None:
    """recipe.Charcoal."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    luma = gray(canvas.image)
    # Local contrast is spread less over a face: on dark skin, shades in between became stains.
    luma = levelled(canvas, mix(luma, equalised(luma), 0.5 - 0.4 * canvas.face), 0.5)
    tangents = canvas.tangents(0.4)
    rough = tooth(height, width, unit, rng)
    # Strokes of the stick: noise smeared along one slanted hand direction where flat, along the form where not.
    scratch = fractal_noise(height, width, 2.2 * unit + 1, 1, rng)
    scratch = along(scratch, tangents, 22 * unit * canvas.boldness)
    scratch = np.clip(scratch / max(1e-6, float(scratch.std())) * 0.16, -0.4, 0.4)
    soft = mix(luma, blur(luma, step.smudge * unit * canvas.boldness), 0.35 * (1 - canvas.features))
    strength = 1 - 0.6 * canvas.features
    # Eyes in the shade of brows would drown: the paper shines through a little there.
    soft = soft + 0.16 * canvas.features * (1 - canvas.lips) * (1 - soft)
    darkness = np.clip((0.66 - soft) / 0.60, 0, 1) ** 1.15 * (1 - 0.35 * canvas.lips)
    grain = (rough - 0.5) * step.tooth + scratch
    deposit = smoothstep(0.05, 0.95, darkness * 1.12 + grain * strength * (0.25 + darkness) * (1.25 - darkness))
    drawn = lines(canvas, 1.5 * (0.6 + 0.4 * canvas.boldness), 1.0, 0.45)
    drawn = drawn * smoothstep(-0.1, 0.45, 1.0 - rough * step.tooth * 1.2)
    deposit = np.clip(np.maximum(deposit, 0.85 * drawn), 0, 1) * _sheet(canvas, rng)
    light = smoothstep(0.62, 0.98, soft) * step.highlights * canvas.person
    # The flat of the chalk, drawn across: streaks of the hand more than grains of the paper.
    light = light * smoothstep(0.2, 0.95, 0.5 + 0.45 * (rough - 0.5) + 1.5 * scratch + 0.2 * light)
    paper = (
        rgb(step.paper) * (1 + 0.05 * (rough - 0.5) + 0.06 * fractal_noise(height, width, 90 * unit, 3, rng))[..., None]
    )
    picture = mix(paper, np.broadcast_to(rgb(step.color), paper.shape), deposit * 0.96)
    canvas.image = np.clip(mix(picture, np.broadcast_to(rgb(step.chalk), paper.shape), light * (1 - deposit)), 0, 1)


def _sheet(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """How much is drawn: all of the person, less and less of the background towards a ragged rim."""
    x, y = grid(canvas.height, canvas.width)
    nx, ny = np.abs(x / canvas.width - 0.5) * 2, np.abs(y / canvas.height - 0.5) * 2
    wander = fractal_noise(canvas.height, canvas.width, 70 * canvas.unit, 4, rng)
    rim = smoothstep(1.02, 0.72, np.maximum(nx, ny) + 0.16 * wander)
    return mix(rim * 0.75, np.maximum(rim, 0.25) ** 0.5, blur(canvas.person, 3 * canvas.unit))
