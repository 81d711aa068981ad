"""The sky of a synthwave record sleeve: a banded sun behind the head over a grid that runs to the horizon."""

from __future__ import annotations

import numpy as np

from pipelines.engines.filters.canvas import OVAL, Canvas, blur, gray, grid, mix, ramp_lookup, rgb, smoothstep
from pipelines.recipe import lit as recipe_lit


def sunset(canvas: Canvas, step: recipe_lit.Sunset) -> None:
    """recipe_lit.Sunset. A scene's backdrop stays; the person gets the sun's light on their rim either way."""
    height, width, unit = canvas.height, canvas.width, canvas.unit
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    x, y = grid(height, width)
    if canvas.landmarks is not None:
        middle = canvas.landmarks[list(OVAL)].mean(axis=0)
        center = np.array((middle[0], middle[1] - 0.10 * canvas.face_size))
    else:
        center = np.array((0.5 * width, 0.42 * height))
    radius = float(np.clip(1.15 * canvas.face_size, 0.30 * width, 0.46 * width))
    horizon = min(0.80 * height, center[1] + 0.85 * radius)
    sky = ramp_lookup(ramp[:4], np.clip(y / horizon, 0, 1) ** 1.3)
    away = np.hypot(x - center[0], y - center[1])
    sun = ramp_lookup(ramp[-3:], np.clip(0.5 - (y - center[1]) / (2 * radius), 0, 1))
    # Bands grow wider downwards, as on every such sun.
    depth = np.clip((y - center[1] + 0.1 * radius) / (1.1 * radius), 0, 1)
    band = np.cos((y - center[1]) / radius * 2 * np.pi * 5.5)
    cut = smoothstep(-0.08, 0.08, band - 1.02 + 1.35 * depth) * (depth > 0)
    disc = smoothstep(radius + unit, radius - unit, away) * (1 - cut)
    halo = np.exp(-((np.maximum(away - radius, 0) / (0.5 * radius)) ** 2)) * 0.45
    sky = 1 - (1 - sky) * (1 - halo[..., None] * rgb(ramp[2]))
    sky = mix(sky, sun, disc)
    below = np.maximum(y - horizon, 0.5)
    floor = np.broadcast_to(rgb(ramp[0]) * 0.8, sky.shape)
    rows = np.abs(((0.35 * height / below) % 1.0) - 0.5) * 2
    columns = np.abs((((x - center[0]) / below * 0.55 + 0.5) % 1.0) - 0.5) * 2
    sharp_rows = smoothstep(1 - np.clip(2.8 * unit * 0.35 * height / below**2, 0.01, 1), 1.0, rows)
    sharp_columns = smoothstep(1 - np.clip(2.2 * unit * 0.55 / below * 2, 0.01, 1), 1.0, columns)
    lines = np.maximum(sharp_rows, sharp_columns) * smoothstep(0.0, 0.04 * height, y - horizon)
    floor = mix(floor, np.broadcast_to(rgb(ramp[3]), sky.shape), (0.85 * lines)[..., None])
    wall = mix(sky, floor, smoothstep(-unit, unit, y - horizon))
    person = smoothstep(0.25, 0.85, canvas.person)
    if not canvas.has_backdrop:
        canvas.image = mix(wall, canvas.image, person)
    inner = blur(canvas.person, 4 * unit)
    rim = smoothstep(0.97, 0.5, inner) * person * (0.35 + gray(canvas.image))
    canvas.image = 1 - (1 - canvas.image) * (1 - np.clip(step.rim * rim[..., None] * rgb(ramp[-2]), 0, 1))
