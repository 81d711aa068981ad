"""Operations of material and film: sculpture, wet plate."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, fractal_noise, gray, grid, mix, ramp_lookup, rgb, smoothstep
from pipelines.engines.filters.operations.head import parts, planes
from pipelines.engines.filters.operations.light import form
from pipelines.engines.filters.operations.tone import s_curve
from pipelines.recipe import lit as recipe_lit


def sculpt(canvas: Canvas, step: recipe_lit.Sculpt) -> None:
    """recipe_lit.Sculpt. Light falls on the form of the head; the photo gives the carving and no more."""
    unit = canvas.unit
    person = smoothstep(0.15, 0.85, canvas.person)
    carved = _carved(canvas, person)
    nx, ny, nz = form(canvas, detail=0.6)
    side = canvas.light_side
    fine = cv2.GaussianBlur(carved, (0, 0), max(0.6, 1.0 * unit))
    gx, gy = cv2.Sobel(fine, cv2.CV_32F, 1, 0), cv2.Sobel(fine, cv2.CV_32F, 0, 1)
    chisel = np.tanh((side * -gx + gy) * -0.45 * canvas.steepness) * 0.13 * step.relief
    lamp = 0.62 * side * nx - 0.50 * ny + 0.60 * nz
    metal = step.material != "marble"
    tone = (0.08 if metal else 0.10) + 0.62 * np.clip(lamp + (0.12 if metal else 0.04), 0, 1)
    tone = tone + 0.24 * step.relief * carved + chisel
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    if metal:
        share = 0.5 if step.material == "chrome" else 0.28
        tone = mix(tone, _mirrored_room(nx, ny, nz, side) + 0.2 * carved, share * (1 - 0.5 * canvas.features))
        tone = s_curve(np.clip(tone, 0, 1), 0.35, 0.45)
    else:
        tone = s_curve(np.clip(tone, 0, 1), 0.2, 0.55)
    if step.material == "chrome":
        tone = tone * _plates(canvas)
    stone = ramp_lookup(ramp, np.clip(tone, 0, 1))
    half = np.clip(side * nx * 0.55 - ny * 0.45 + nz * 0.70, 0, 1)
    sharp = 34 if metal else 22
    shine = half**sharp * (0.7 + 0.6 * np.clip(0.4 + carved, 0, 1)) + np.clip(chisel * 6 - 0.5, 0, 1)
    light = np.clip(shine * step.gloss, 0, 0.85)[..., None] * rgb(ramp[-1])
    stone = 1 - (1 - stone) * (1 - light)
    # Ambient occlusion where the figure turns away, so that it stands free of the wall.
    stone = np.clip(stone * (0.55 + 0.45 * smoothstep(0.20, 0.70, nz))[..., None], 0, 1)
    back = canvas.image * 0.8 if canvas.has_backdrop else _niche(canvas, rgb(step.background))
    canvas.image = mix(back, stone, person)


def _mirrored_room(nx: np.ndarray, ny: np.ndarray, nz: np.ndarray, side: float) -> np.ndarray:
    """What polished metal shows of a studio: dark floor, bright horizon, dark ceiling, two soft boxes: 0..1."""
    across, up = 2 * nz * nx, -2 * nz * ny
    room = 0.20 + 0.42 * smoothstep(-0.5, 0.15, up) - 0.40 * smoothstep(0.35, 0.65, up)
    room = room - 0.22 * np.exp(-(((up + 0.08) / 0.10) ** 2))
    key = smoothstep(0.30, 0.45, side * across) * smoothstep(0.98, 0.80, side * across)
    strip = smoothstep(0.55, 0.68, -side * across) * smoothstep(0.98, 0.90, -side * across)
    return np.asarray(room + 0.75 * key * smoothstep(-0.35, 0.0, up) + 0.40 * strip, np.float32)


def _plates(canvas: Canvas) -> np.ndarray:
    """How bright each part of a machine is made: a pale mask, darker temples and jaw, dark crown, darker neck."""
    found = parts(canvas)
    shade = 1 - 0.45 * found.hair - 0.50 * found.skin * (1 - canvas.face) - 0.12 * found.cloth
    labels, names = planes(canvas)
    tints = np.ones(len(names) + 1, np.float32)
    for number, name in enumerate(names, 1):
        tints[number] = {"temple": 0.66, "jaw": 0.74, "chin": 0.92, "eye": 0.35, "iris": 0.6, "lip": 0.62}.get(
            name, 1.06
        )
    return np.asarray(shade * cv2.GaussianBlur(tints[labels], (0, 0), max(0.6, 0.7 * canvas.unit)), np.float32)


def _carved(canvas: Canvas, person: np.ndarray) -> np.ndarray:
    """Light and dark that belong to form: (H, W) float32 about -1..1, free of the colour of skin, hair and cloth.

    Logarithmic lightness is split by an edge-preserving filter (Durand and Dorsey 2002); the base, where hair is dark
    and skin light or dark, is pressed flat, the detail stays. So everyone is of the same stone.
    """
    unit = canvas.unit
    luma = gray(canvas.image)
    logarithm = np.log(0.07 + cv2.GaussianBlur(luma, (0, 0), max(0.5, 0.7 * unit)))
    radius = max(2, round(16 * unit))
    base = cv2.ximgproc.guidedFilter(logarithm, logarithm, radius, 0.05)
    detail = logarithm - base
    # A sculptor shows brows and irises by a shallow cut, not by colour.
    labels, names = planes(canvas)
    for name, share in (("iris", 0.35), ("brow", 0.4), ("lip", 0.3)):
        there = np.isin(labels, [n + 1 for n, other in enumerate(names) if other == name]).astype(np.float32)
        soft = cv2.GaussianBlur(there, (0, 0), max(0.6, 1.2 * unit))
        detail = detail * (1 - share * soft)
        base = mix(base, blur(base, 0.12 * canvas.face_size), share * soft)
    middle = float((base * person).sum() / max(1.0, float(person.sum())))
    carved = 1.15 * detail + 0.26 * np.tanh((base - middle) * 1.1)
    # Noise of dark hair and cloth is calmed, eyes and mouth are cut a little deeper.
    calm = smoothstep(-2.5, -1.7, base)
    carved = mix(
        cv2.GaussianBlur(carved, (0, 0), max(0.6, 1.6 * unit)), carved, np.clip(calm + canvas.features, 0.25, 1)
    )
    return np.clip(carved * (1 + 0.35 * canvas.features), -1.1, 1.1)


def vein(canvas: Canvas, step: recipe_lit.Vein) -> None:
    """recipe_lit.Vein."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    stone = canvas.image
    person = smoothstep(0.3, 0.9, canvas.person)
    calm = (1 - 0.6 * canvas.face - 0.3 * canvas.features) * person
    if step.kind == "marble":
        lumps = fractal_noise(height, width, 170 * unit, 6, rng)
        fine = fractal_noise(height, width, 90 * unit, 6, rng)
        veins = np.exp(-np.abs(lumps) * 26) * smoothstep(-0.1, 0.25, fine) + 0.5 * np.exp(-np.abs(fine) * 34)
        cloud = 0.05 * fractal_noise(height, width, 120 * unit, 3, rng) * person
        # Pale stone has grey veins, dark stone pale ones.
        pale = float(gray(stone)[canvas.person > 0.5].mean()) > 0.4 if (canvas.person > 0.5).any() else True
        other = stone * np.array([0.62, 0.64, 0.70], np.float32) if pale else 0.6 * stone + 0.4 * rgb("#efe6d8")
        stone = mix(stone * (1 + cloud[..., None]), other, np.clip(veins, 0, 1) * step.amount * calm)
    else:
        # Verdigris gathers in the hollows.
        luma = gray(stone)
        hollow = luma - blur(luma, 16 * unit) + 0.24 * fractal_noise(height, width, 60 * unit, 5, rng)
        patina = np.array([0.22, 0.47, 0.42], np.float32) * (0.45 + 0.9 * luma)[..., None]
        stone = mix(stone, patina, smoothstep(0.02, -0.18, hollow) * step.amount * calm)
    canvas.image = np.clip(stone, 0, 1)


def _niche(canvas: Canvas, color: np.ndarray) -> np.ndarray:
    """The photo's background, calm and far away, in the colour of a museum wall with a pool of light."""
    x, y = grid(canvas.height, canvas.width)
    pool = np.exp(
        -(((x / canvas.width - 0.5 - 0.12 * canvas.light_side) / 0.5) ** 2 + ((y / canvas.height - 0.35) / 0.55) ** 2)
    )
    wall = color * (0.45 + 0.95 * pool)[..., None]
    far = gray(blur(canvas.image, 14 * canvas.unit))[..., None]
    return np.clip(wall * (0.8 + 0.4 * far), 0, 1)


def plate(canvas: Canvas, step: recipe_lit.Plate) -> None:
    """recipe_lit.Plate."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    x, y = grid(height, width)
    nx, ny = (x / width - 0.5) * 2, (y / height - 0.5) * 2
    radius = np.sqrt(nx * nx + ny * ny)
    image = canvas.image
    if step.blur:
        far = smoothstep(0.55, 1.25, radius) * (1 - 0.8 * canvas.face)
        image = mix(image, blur(image, step.blur * unit), far)
    pour = fractal_noise(height, width, 150 * unit, 4, rng, stretch=(2.2, 0.8))
    specks = _specks(canvas, rng)
    streak = step.streaks * (0.10 * pour + 0.85 * specks) * (1 - 0.6 * canvas.features)
    image = np.clip(image * (1 + streak[..., None]) + 0.10 * streak[..., None], 0, 1)
    wander = fractal_noise(height, width, 120 * unit, 5, rng)
    brushy = fractal_noise(height, width, 14 * unit, 3, rng, stretch=(9.0, 1.0) if step.light else (1.0, 1.0))
    lean_x, lean_y = rng.uniform(-0.05, 0.05, 2)
    rim = np.maximum(np.abs(nx + lean_x), np.abs(ny + lean_y)) ** 6 * 0.9 + 0.14 * radius
    inside = smoothstep(0.06, -0.06, rim + (0.20 * wander + 0.10 * brushy) - 1.02 + 0.12 * step.border)
    outside = mix(np.broadcast_to(rgb(step.color), image.shape), image, 1 - step.border)
    halo = np.exp(-(((inside - 0.5) / 0.25) ** 2)) * 0.18 * step.border * (-1 if step.light else 1)
    canvas.image = np.clip(mix(outside, image, inside) + halo[..., None] * rgb("#d8c8a8"), 0, 1)


def _specks(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Dust, comets and a few scratches: (H, W) float32, above 0 light, below 0 dark."""
    unit = canvas.unit
    layer = np.full((canvas.height, canvas.width), 128, np.uint8)
    for _ in range(70):
        x, y = rng.random(2) * (canvas.width, canvas.height)
        size = max(1, round((0.3 + 1.5 * rng.random() ** 5) * unit * 8))
        cv2.circle(layer, (round(x * 8), round(y * 8)), size, int(rng.choice((30, 225))), -1, cv2.LINE_AA, 3)
    for _ in range(5):
        x, y = rng.random(2) * (canvas.width, canvas.height)
        dx, dy = rng.normal(0, 26 * unit, 2)
        cv2.line(layer, (round(x), round(y)), (round(x + dx), round(y + dy)), 205, 1, cv2.LINE_AA)
    return cv2.GaussianBlur(layer.astype(np.float32) / 255.0 - 128 / 255, (0, 0), 0.5)
