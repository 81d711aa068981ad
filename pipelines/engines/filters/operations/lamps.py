"""Operations of a lamp on a person: a key light that models the face, and light through a window blind."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, gray, grid, mix, rgb, smoothstep
from pipelines.engines.filters.operations.head import face_normals, parts
from pipelines.engines.filters.operations.light import form
from pipelines.recipe import lit as recipe_lit


def key(canvas: Canvas, step: recipe_lit.Key) -> None:
    """recipe_lit.Key. The source is lit alike, so that what keeps skin and features keeps this light too."""
    lamp, fill = (rgb(color) for color in step.pairs[canvas.choice(len(step.pairs))])
    nx, ny, nz = form(canvas, 0.5)
    side = canvas.light_side
    toward = np.array((side * np.cos(step.front * 1.4), -step.height, np.sin(step.front * 1.4) + 0.12), np.float32)
    toward /= np.linalg.norm(toward)
    facing = nx * toward[0] + ny * toward[1] + nz * toward[2]
    wide = 0.9 - 0.7 * step.hard
    lit = smoothstep(0.22 - wide / 2, 0.30 + wide / 2 + 0.2 * (1 - step.hard), facing)
    # The nose keeps light from the far cheek, the jaw from the neck.
    lit = lit * (1 - 0.35 * step.hard * _under_chin(canvas))
    amount = step.amount * float(np.clip(0.45 + _level(canvas), 0.6, 1.0))  # dark skin has less to give to a shadow
    # White cloth in warm light stays nearly white.
    lamps = mix(lamp, 1.0, (0.55 * gray(canvas.image) * (1 - canvas.face))[..., None])
    light = fill * (1 - lit)[..., None] * step.ambient + lamps * (lit * step.gain)[..., None]
    light = mix(1.0, light, amount * (step.wall + (1 - step.wall) * canvas.person)[..., None])
    rim = _rim(canvas, nx, ny, nz, side) * step.rim
    for name in ("image", "source"):
        picture = getattr(canvas, name)
        # Up along a shoulder: what is lit keeps its drawing.
        shone = picture * light
        shone = np.where(light > 1, 1 - (1 - picture) ** np.maximum(light, 1e-3), shone)
        shone = 1 - (1 - np.clip(shone, 0, 1)) * (
            1 - np.clip(rim[..., None] * lamp * (0.35 + gray(picture))[..., None], 0, 1)
        )
        setattr(canvas, name, np.clip(shone, 0, 1).astype(np.float32))
    canvas.__dict__.pop("tensor", None)


def _level(canvas: Canvas) -> float:
    """Mean lightness of the face, 0..1."""
    where = canvas.face if canvas.landmarks is not None else canvas.person
    return float((gray(canvas.image) * where).sum() / max(1.0, float(where.sum())))


def _under_chin(canvas: Canvas) -> np.ndarray:
    """(H, W) float32, 1 on the neck in the shadow of the jaw."""
    if canvas.landmarks is None:
        return np.zeros_like(canvas.person)
    drop = round(0.22 * canvas.face_size)
    shadow = np.zeros_like(canvas.face)
    shadow[drop:] = canvas.face[:-drop] if drop < canvas.height else 0
    return blur(np.clip(shadow - canvas.face, 0, 1), 0.02 * canvas.face_size) * canvas.person


def _rim(canvas: Canvas, nx: np.ndarray, ny: np.ndarray, nz: np.ndarray, side: float) -> np.ndarray:
    """(H, W) float32, light from behind on hair and shoulders: broken by what is there, strongest at the border."""
    inner = blur(canvas.person, 5 * canvas.unit)
    border = smoothstep(0.97, 0.55, inner) * canvas.person
    back = smoothstep(-0.2, 0.6, side * nx - 0.7 * ny)
    luma = gray(canvas.source)
    strands = np.clip(1 + 6 * (luma - blur(luma, 2.5 * canvas.unit)), 0.2, 2.2)
    wide = np.clip(1 - nz, 0, 1) ** 2 * canvas.person * parts(canvas).hair * 0.5
    return np.clip((0.9 * border * back + wide * back) * strands, 0, 1) * (1 - 0.8 * canvas.face)


def blinds(canvas: Canvas, step: recipe_lit.Blinds) -> None:
    """recipe_lit.Blinds. The slats' shadows bend over the face as it stands out; one bar of light falls on the eyes."""
    rng = canvas.rng()
    x, y = grid(canvas.height, canvas.width)
    unit = canvas.unit
    pitch = step.pitch * unit
    slant = rng.uniform(0.10, 0.30) * canvas.light_side
    place = y + slant * x
    start = rng.random() * pitch
    known = face_normals(canvas, (max(8, canvas.width // 4), max(8, canvas.height // 4)))
    _, ny, _ = form(canvas)
    if canvas.landmarks is not None and known is not None:
        _, where, out = known
        pitch = float(np.clip(pitch, 0.17 * canvas.face_size, 0.30 * canvas.face_size))
        soft = cv2.GaussianBlur(where, (0, 0), 2.0)
        bend = cv2.resize(cv2.GaussianBlur(out * where, (0, 0), 1.5) * soft, (canvas.width, canvas.height)) * 4
        place = place - 0.22 * bend
        eyes = np.round(canvas.landmarks[[33, 133, 263, 362]].mean(axis=0)).astype(int)
        row, column = np.clip(eyes[1], 0, canvas.height - 1), np.clip(eyes[0], 0, canvas.width - 1)
        start = float(place[row, column]) - 0.06 * pitch
    place = place + 14 * unit * ny * canvas.person * (1 - canvas.face)
    wave = np.cos((place - start) / pitch * 2 * np.pi)
    light = smoothstep(-0.65, 0.25, wave)
    fall = smoothstep(-0.15, 0.75, 0.5 + canvas.light_side * (x / canvas.width - 0.5))
    dim = float(np.clip(1.5 - 2.2 * _level(canvas), 0, 1))  # a dark face loses less to a slat's shadow
    amount = step.amount * (0.5 + 0.5 * fall) * (1 - (0.30 + 0.35 * dim) * canvas.face) * (1 - 0.45 * canvas.features)
    shade = 1 - amount * (1 - light) * 0.8
    gain = 1 + amount * light * fall * 0.45
    canvas.image = np.clip(canvas.image * (shade * gain)[..., None], 0, 1)
    lit = (amount * light * fall * 0.09 * (1 - canvas.person))[..., None]
    canvas.image = np.clip(canvas.image + lit, 0, 1)
