"""Operations of material and film: sculpture, android, wet plate."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines import recipe
from pipelines.engines.operations.canvas import (
    Canvas,
    blur,
    fractal_noise,
    gray,
    grid,
    mix,
    ramp_lookup,
    rgb,
    smoothstep,
)
from pipelines.engines.operations.light import form
from pipelines.engines.operations.tone import s_curve

# Panel seams of a machine's face as chains of face-mesh points: jaw, cheek plate, cheekbone. The left side mirrors
# the right. None crosses eyes, nose or mouth, so the person stays the person.
_SEAMS_RIGHT = (
    (93, 132, 58, 172, 136, 150, 149, 176, 148, 152),
    (127, 34, 143, 111, 117, 118, 101, 36, 205, 187, 147, 177, 132),
    (36, 206, 216, 212, 202, 204),
)
_SEAMS_LEFT = (
    (323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    (356, 264, 372, 340, 346, 347, 330, 266, 425, 411, 376, 401, 361),
    (266, 426, 436, 432, 422, 424),
)
_LIT_RIGHT = ((117, 118, 101, 36), (147, 187, 205), (234, 93, 132))  # which of them carry light, by seed
_LIT_LEFT = ((346, 347, 330, 266), (376, 411, 425), (454, 323, 361))
_TEMPLE = (71, 301)
_EDGES, _NOSE = (234, 454), 1
_IRIS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))


def sculpt(canvas: Canvas, step: recipe.Sculpt) -> None:
    """recipe.Sculpt."""
    rng = canvas.rng()
    unit = canvas.unit
    person = smoothstep(0.15, 0.85, canvas.person)
    carved = _carved(canvas, person)
    nx, ny, nz = form(canvas, detail=0.4)
    side = canvas.light_side
    fine = cv2.GaussianBlur(carved, (0, 0), max(0.6, 1.0 * unit))
    gx, gy = cv2.Sobel(fine, cv2.CV_32F, 1, 0), cv2.Sobel(fine, cv2.CV_32F, 0, 1)
    chisel = np.tanh((side * -gx + gy) * -0.45) * 0.16 * step.relief
    tone = 0.50 + 0.26 * (side * nx - 0.55 * ny) + 0.42 * step.relief * carved + chisel
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    if step.material == "chrome":
        # Polished metal mirrors a bright sky and a dark floor: tone runs through the ramp more than once.
        soft = cv2.GaussianBlur(tone, (0, 0), max(0.8, 2.4 * unit))
        bands = 0.5 + 0.5 * np.sin((soft * 2.6 - ny * 0.9 + 0.2 * side * nx + 0.25) * np.pi * 1.2)
        tone = mix(
            s_curve(tone, 0.5, 0.5),
            smoothstep(0.1, 0.9, bands),
            0.42 * (1 - 0.65 * np.maximum(canvas.face, canvas.features)),
        )
    stone = ramp_lookup(ramp, np.clip(tone, 0, 1))
    stone = _veined(canvas, step.material, stone, carved, rng)
    half = np.clip(side * nx * 0.6 - ny * 0.5 + nz * 0.55 + 0.30 * carved, 0, 1)
    shine = half ** (18 if step.material == "marble" else 11) + np.clip(chisel * 7 - 0.45, 0, 1) * (
        0.3 + carved.clip(0, 1)
    )
    light = np.clip(shine * step.gloss, 0, 0.8)[..., None] * rgb(ramp[-1])
    stone = 1 - (1 - stone) * (1 - light)
    # Ambient occlusion where the figure turns away, so that it stands free of the wall.
    stone = np.clip(stone * (0.62 + 0.38 * smoothstep(0.30, 0.75, nz))[..., None], 0, 1)
    back = canvas.image * 0.8 if canvas.has_backdrop else _niche(canvas, rgb(step.background))
    canvas.image = mix(back, stone, person)


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
    middle = float((base * person).sum() / max(1.0, float(person.sum())))
    carved = 1.15 * detail + 0.34 * np.tanh((base - middle) * 1.1)
    # Noise of dark hair and cloth is calmed, eyes and mouth are cut a little deeper.
    calm = smoothstep(-2.5, -1.7, base)
    carved = mix(
        cv2.GaussianBlur(carved, (0, 0), max(0.6, 1.6 * unit)), carved, np.clip(calm + canvas.features, 0.25, 1)
    )
    return np.clip(carved * (1 + 0.35 * canvas.features), -1.1, 1.1)


def _veined(
    canvas: Canvas, material: str, stone: np.ndarray, carved: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    height, width, unit = canvas.height, canvas.width, canvas.unit
    calm = 1 - 0.6 * canvas.face - 0.3 * canvas.features
    if material == "marble":
        lumps = fractal_noise(height, width, 170 * unit, 6, rng)
        fine = fractal_noise(height, width, 90 * unit, 6, rng)
        vein = np.exp(-np.abs(lumps) * 26) * smoothstep(-0.1, 0.25, fine) + 0.5 * np.exp(-np.abs(fine) * 34)
        cloud = 0.05 * fractal_noise(height, width, 120 * unit, 3, rng)
        tint = np.array([0.62, 0.64, 0.70], np.float32)
        return np.clip(mix(stone * (1 + cloud[..., None]), stone * tint, np.clip(vein, 0, 1) * 0.62 * calm), 0, 1)
    if material == "bronze":
        # Verdigris gathers in the hollows.
        hollow = smoothstep(0.02, -0.40, carved + 0.55 * fractal_noise(height, width, 60 * unit, 5, rng))
        patina = np.array([0.22, 0.47, 0.42], np.float32) * (0.45 + 0.9 * gray(stone))[..., None]
        return mix(stone, patina, hollow * 0.55 * calm)
    return stone


def _niche(canvas: Canvas, color: np.ndarray) -> np.ndarray:
    """The photo's background, calm and far away, in the colour of a museum wall with a pool of light."""
    x, y = grid(canvas.height, canvas.width)
    pool = np.exp(
        -(((x / canvas.width - 0.5 - 0.12 * canvas.light_side) / 0.5) ** 2 + ((y / canvas.height - 0.35) / 0.55) ** 2)
    )
    wall = color * (0.45 + 0.95 * pool)[..., None]
    far = gray(blur(canvas.image, 14 * canvas.unit))[..., None]
    return np.clip(wall * (0.8 + 0.4 * far), 0, 1)


def android(canvas: Canvas, step: recipe.Android) -> None:
    """recipe.Android. The half of the face that is turned away is left plain: there the mesh is a guess."""
    points = canvas.landmarks
    if points is None:
        return
    unit = canvas.unit * max(0.5, canvas.face_size / (230 * canvas.unit))
    pick = int(canvas.rng().integers(0, len(_LIT_RIGHT)))
    shape = (canvas.height, canvas.width)
    seams, lit = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    width = max(1, round(0.9 * unit))
    reach = [float(np.linalg.norm(points[edge] - points[_NOSE])) for edge in _EDGES]
    shown = [length > 0.55 * max(reach) for length in reach]
    for half, lights, temple, seen in zip(
        (_SEAMS_RIGHT, _SEAMS_LEFT), (_LIT_RIGHT, _LIT_LEFT), _TEMPLE, shown, strict=True
    ):
        if not seen:
            continue
        for chain in half:
            cv2.polylines(seams, [_curve(points[list(chain)])], False, 255, width, cv2.LINE_AA, 4)
        cv2.polylines(lit, [_curve(points[list(lights[pick])])], False, 255, width, cv2.LINE_AA, 4)
        x, y = points[temple] * 16
        cv2.circle(seams, (round(x), round(y)), round(6.0 * unit * 16), 255, width, cv2.LINE_AA, 4)
        cv2.circle(lit, (round(x), round(y)), round(4.2 * unit * 16), 255, width, cv2.LINE_AA, 4)
    groove = cv2.GaussianBlur(seams.astype(np.float32) / 255.0, (0, 0), max(0.5, 0.45 * unit))
    side = canvas.light_side
    bevel = np.roll(groove, (1, -int(side)), (0, 1)) - np.roll(groove, (-1, int(side)), (0, 1))
    image = (
        canvas.image * (1 - 0.72 * step.amount * groove)[..., None]
        + (0.30 * step.amount * np.clip(-bevel, 0, 1))[..., None]
    )
    color = rgb(step.colors[canvas.choice(len(step.colors))])
    light = lit.astype(np.float32) / 255.0 + _irises(points, shape, unit, shown)
    glow = light * 0.9 + blur(light, 3.2 * unit) * 1.1 + blur(light, 12 * unit) * 0.9
    canvas.image = np.clip(
        1 - (1 - np.clip(image, 0, 1)) * (1 - np.clip(glow[..., None] * color * step.amount, 0, 1)), 0, 1
    )


def _curve(points: np.ndarray) -> np.ndarray:
    """A chain of points as a smooth line in 1/16 pixels (Chaikin's corner cutting, twice)."""
    for _ in range(2):
        a, b = points[:-1], points[1:]
        cut = np.stack((0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b), axis=1).reshape(-1, 2)
        points = np.concatenate((points[:1], cut, points[-1:]))
    return np.round(points * 16).astype(np.int32)


def _irises(points: np.ndarray, shape: tuple[int, int], unit: float, shown: list[bool]) -> np.ndarray:
    rings = np.zeros(shape, np.uint8)
    for iris, seen in zip(_IRIS, shown, strict=True):
        if not seen:
            continue
        middle = points[iris[0]]
        radius = float(np.linalg.norm(points[list(iris[1:])] - middle, axis=1).mean())
        cv2.circle(
            rings,
            tuple(np.round(middle * 16).astype(int)),
            round(radius * 0.72 * 16),
            150,
            max(1, round(unit)),
            cv2.LINE_AA,
            4,
        )
    return rings.astype(np.float32) / 255.0


def plate(canvas: Canvas, step: recipe.Plate) -> None:
    """recipe.Plate."""
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
