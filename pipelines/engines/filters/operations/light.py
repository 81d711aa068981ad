"""Operations of light: split light, hologram, weather; and the form that light falls on."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, gray, grid, mix, ramp_lookup, rgb, smoothstep
from pipelines.engines.filters.operations.head import face_normals
from pipelines.engines.filters.operations.line import lines
from pipelines.engines.filters.operations.tone import equalised, levelled
from pipelines.recipe import lit as recipe_lit


def split_light(canvas: Canvas, step: recipe_lit.SplitLight) -> None:
    """recipe_lit.SplitLight."""
    first, second = step.pairs[canvas.choice(len(step.pairs))]
    nx, ny, nz = form(canvas)
    side = canvas.light_side
    key = np.clip(side * nx * 0.95 - ny * 0.25 + nz * 0.10, 0, 1)
    fill = np.clip(-side * nx * 0.95 - ny * 0.20 + nz * 0.06, 0, 1)
    edge = np.clip(1.15 - nz, 0, 1) ** 2
    luma = gray(canvas.image)
    # The light is added in proportion to what reflects it, with a floor so that dark hair gets its rim.
    albedo = 0.16 + 0.84 * luma
    where = 0.10 + 0.90 * canvas.person
    light = (key * (0.55 + 1.3 * edge))[..., None] * rgb(first) + (fill * (0.55 + 1.3 * edge))[..., None] * rgb(second)
    # What is far from the lamps sinks into the blue of the night.
    night = mix(np.array([0.42, 0.40, 0.66], np.float32), np.ones(3, np.float32), canvas.person[..., None])
    base = canvas.image * night * step.ambient
    picture = base + light * (albedo * where * step.amount)[..., None]
    canvas.image = np.clip(1 - np.exp(-1.35 * picture) * 1.0, 0, 1) ** np.float32(1.12)


def form(canvas: Canvas, detail: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Surface normals: the silhouette inflated like a balloon, the face by its mesh, detail by shading.

    Worked out on a small copy, so that wide blurs are cheap and leave no pattern of their own.

    Args:
        detail: Weight of what the photo's own light and dark say.

    Returns:
        x (right), y (down), z (towards the camera), each (H, W) float32, about unit length.
    """
    x, y, z = canvas.once(("form", detail), lambda: _form(canvas, detail))
    return x, y, z


def _form(canvas: Canvas, detail: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = canvas.height, canvas.width
    factor = max(1.0, 2.6 * canvas.unit)
    size = (max(8, round(width / factor)), max(8, round(height / factor)))
    unit = canvas.unit * size[0] / width
    person, face, luma = (
        cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        for image in (canvas.person, canvas.face, gray(canvas.source))
    )
    balloon = sum(
        weight * cv2.GaussianBlur(person, (0, 0), sigma * unit) for sigma, weight in ((8, 1.0), (24, 1.0), (58, 1.7))
    )
    if canvas.landmarks is not None:
        head = canvas.face_size * size[0] / width
        balloon = balloon + 0.9 * cv2.GaussianBlur(face, (0, 0), max(1.0, 0.16 * head))
    shading = cv2.GaussianBlur(luma, (0, 0), max(0.6, 3.0 * unit))
    heights = balloon * np.float32(26.0 * unit) + shading * np.float32(9.0 * unit * detail)
    gx, gy = cv2.Sobel(heights, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(heights, cv2.CV_32F, 0, 1) / 8
    length = np.sqrt(gx * gx + gy * gy + 0.30)
    normals = cv2.merge((-gx / length, -gy / length, np.float32(np.sqrt(0.30)) / length))
    known = face_normals(canvas, size)
    if known is not None:
        mesh, where, _ = known
        head = canvas.face_size * size[0] / width
        soft = cv2.GaussianBlur(cv2.erode(where, None, iterations=max(1, round(0.03 * head))), (0, 0), 0.04 * head)
        lumps = 9.0 * unit * detail / 8
        mesh[..., 0] -= lumps * cv2.Sobel(shading, cv2.CV_32F, 1, 0)
        mesh[..., 1] -= lumps * cv2.Sobel(shading, cv2.CV_32F, 0, 1)
        normals = mix(normals, mesh, soft)
        normals /= np.linalg.norm(normals, axis=2, keepdims=True) + 1e-6
    x, y, z = cv2.split(cv2.resize(normals, (width, height), interpolation=cv2.INTER_CUBIC))
    return x, y, z


def hologram(canvas: Canvas, step: recipe_lit.Hologram) -> None:
    """recipe_lit.Hologram."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    luma = gray(canvas.image)
    luma = levelled(canvas, mix(luma, equalised(luma), 0.6), 0.6)
    _, _, nz = form(canvas)
    rim = np.clip(1.1 - nz, 0, 1) ** 2 * canvas.person
    drawn = lines(canvas, 1.0, 0.9, 0.4)
    light = 0.58 * luma + 0.70 * rim + 0.40 * drawn * luma
    inside = mix(0.7 if canvas.has_backdrop else 0.07, 1.0, smoothstep(0.2, 0.8, canvas.person))
    y = np.arange(height, dtype=np.float32)[:, None]
    # The projector stands below: the figure thins out towards the bottom.
    fade = 1 - 0.75 * smoothstep(0.82, 1.04, y / height)
    light = light * inside * fade
    light = _slip(light, step.glitch, unit, rng)
    pitch = max(2.5, step.pitch * unit)
    scan = 0.72 + 0.28 * np.cos(y * (2 * np.pi / pitch))
    band = np.exp(-(((y / height - rng.uniform(0.1, 0.7)) / 0.035) ** 2))
    sweep = 1 + 0.35 * band * (1 - 0.8 * canvas.face)  # over a mouth or eyes it would burn them out
    noise = rng.random((height, width), np.float32) * 0.10 - 0.05
    x, _ = grid(height, width)
    spread = 0.16 + 0.50 * (1 - y / height)
    cone = smoothstep(1.0, 0.55, np.abs(x / width - 0.5) / spread) * (0.25 + 0.75 * (y / height) ** 2)
    beam = 0.04 + 0.05 * smoothstep(-0.2, 1.2, y / height) + 0.16 * cone
    tone = np.clip(
        (light * 1.12 + beam) * mix(1.0, scan, 0.8 * (1 - 0.35 * canvas.features)) * sweep + noise * light, 0, 1
    )
    picture = ramp_lookup(ramp, tone)
    glow = blur(picture * smoothstep(0.35, 0.9, tone)[..., None], 9 * unit)
    canvas.image = np.clip(1 - (1 - picture) * (1 - 0.55 * np.clip(glow, 0, 1)), 0, 1)


def _slip(light: np.ndarray, amount: float, unit: float, rng: np.random.Generator) -> np.ndarray:
    """A few bands of rows pushed sideways."""
    height = light.shape[0]
    done = light.copy()
    for _ in range(round(2 + 7 * amount)):
        top = int(rng.integers(0, height))
        band = int(rng.integers(2, 3 + max(1, round(13 * unit))))
        push = round(float(rng.normal(0, 9 * amount * unit)))
        done[top : top + band] = np.roll(light[top : top + band], push, axis=1)
    return done


def weather(canvas: Canvas, step: recipe_lit.Weather) -> None:
    """recipe_lit.Weather."""
    rng = canvas.rng()
    height, width, unit = canvas.height, canvas.width, canvas.unit
    layer = np.zeros((height, width), np.uint8)
    count = round((260 if step.kind == "rain" else 90) * step.amount)
    places = rng.random((count, 2)) * (width * 1.2, height * 1.1) - (0.1 * width, 0.05 * height)
    sizes = rng.random(count)
    if step.kind == "bokeh":
        canvas.image = _bokeh(canvas, step, rng)
        return
    if step.kind == "rain":
        lean = rng.uniform(0.08, 0.22) * canvas.light_side
        for (x, y), size in zip(places, sizes, strict=True):
            long = (10 + 34 * size) * unit
            end = (round((x + lean * long) * 8), round((y + long) * 8))
            cv2.line(
                layer, (round(x * 8), round(y * 8)), end, round(60 + 130 * size), max(1, round(unit)), cv2.LINE_AA, 3
            )
        light = layer.astype(np.float32) / 255.0
    else:
        reach = 1.6 if step.kind == "sparks" else 3.2
        for (x, y), size in zip(places, sizes, strict=True):
            radius = max(1, round((0.4 + reach * size**3) * unit * 8))
            cv2.circle(layer, (round(x * 8), round(y * 8)), radius, round(90 + 165 * size), -1, cv2.LINE_AA, 3)
        light = layer.astype(np.float32) / 255.0
        light = cv2.GaussianBlur(light, (0, 0), 0.8 * unit) + 1.6 * blur(light, 7 * unit)
    light = np.clip(light, 0, 1) * (1 - 0.85 * np.clip(1.4 * blur(canvas.face, 8 * unit), 0, 1))
    canvas.image = 1 - (1 - canvas.image) * (1 - light[..., None] * rgb(step.color) * 0.6)


def _bokeh(canvas: Canvas, step: recipe_lit.Weather, rng: np.random.Generator) -> np.ndarray:
    """Far lights out of focus, behind the person: soft discs with a brighter rim."""
    unit = canvas.unit
    light = np.zeros((canvas.height, canvas.width), np.float32)
    for _ in range(round(46 * step.amount)):
        x, y, size = rng.random(3) * (canvas.width, canvas.height, 1)
        radius = (7 + 20 * size) * unit
        half = int(radius + 2 * unit) + 2
        disc = np.zeros((2 * half + 1, 2 * half + 1), np.uint8)
        cv2.circle(disc, (half * 16, half * 16), round(radius * 16), 150, -1, cv2.LINE_AA, 4)
        cv2.circle(disc, (half * 16, half * 16), round(radius * 16), 225, max(1, round(1.4 * unit)), cv2.LINE_AA, 4)
        top, left = int(y) - half, int(x) - half
        there = light[max(0, top) : top + len(disc), max(0, left) : left + len(disc)]
        part = disc[max(0, -top) :, max(0, -left) :][: there.shape[0], : there.shape[1]]
        there += part.astype(np.float32) * np.float32(rng.uniform(0.25, 0.8) / 255)
    light = np.clip(blur(light, 0.9 * unit), 0, 1.2) * (1 - smoothstep(0.1, 0.6, blur(canvas.person, 1.5 * unit)))
    return np.asarray(1 - (1 - canvas.image) * (1 - np.clip(light[..., None] * rgb(step.color) * 0.6, 0, 1)))
