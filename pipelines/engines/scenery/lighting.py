"""The person taken out of the photo, set before a backdrop and lit by it."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.operations.canvas import Canvas, blur, gray, mix, rgb, smoothstep
from pipelines.engines.operations.light import form
from pipelines.engines.operations.tone import s_curve
from pipelines.schema import Light


def compose(canvas: Canvas, backdrop: np.ndarray | None, light: Light | None) -> None:
    """Puts the person before the backdrop, in its light. Changes image, source and person of the canvas.

    Args:
        backdrop: (H, W, 3) float32, or None to keep the photo's background.
        light: Key, rim and amount; None leaves the person's own light.
    """
    person = canvas.image
    if backdrop is not None:
        canvas.person = _tight(canvas.person)
        person = foreground(canvas.image, canvas.person)
    if light is not None:
        person = _relit(canvas, person, backdrop, light)
    if backdrop is not None:
        # Light of the backdrop bleeds over the silhouette, as it does in a lens.
        near = canvas.person * (1 - blur(canvas.person, 7 * canvas.unit))
        person = mix(person, blur(backdrop, 16 * canvas.unit), np.clip(near * 0.55, 0, 0.4))
        person = mix(backdrop, person, canvas.person)
        canvas.has_backdrop = True
    canvas.image = np.clip(person, 0, 1).astype(np.float32)
    canvas.source = canvas.image


def vary(canvas: Canvas) -> None:
    """What makes one seed's sitting another: where the light stands, and the shade of clothes and background.

    The face keeps its middle lightness, and skin its hue. Changes image and source of the canvas.
    """
    rng = np.random.default_rng((canvas.seed, 31))
    nx, ny, _ = form(canvas)
    turn = rng.uniform(0.15, 0.9) * canvas.light_side
    light = 1 + rng.uniform(0.10, 0.22) * (turn * nx - rng.uniform(0.1, 0.6) * ny)
    sideways = np.linspace(-1, 1, canvas.width, dtype=np.float32)[None] * turn
    upright = np.linspace(-1, 1, canvas.height, dtype=np.float32)[:, None]
    away = 1 - canvas.person
    light = light + away * (0.14 * sideways - 0.10 * rng.uniform(-1, 1) * upright)
    warm = rng.uniform(-0.07, 0.07)
    tint = np.array([1 + warm, 1 + rng.uniform(-0.015, 0.015), 1 - warm], np.float32)
    shade = np.clip(1 - 1.4 * blur(canvas.face, 12 * canvas.unit), 0, 1) * (0.35 + 0.65 * away)
    image = canvas.image * light[..., None] * mix(np.ones(3, np.float32), tint, shade[..., None])
    image = image * (_face_luma(canvas, canvas.image) / max(1e-3, _face_luma(canvas, image)))
    canvas.image = np.clip(image, 0, 1).astype(np.float32)
    canvas.source = canvas.image


def _tight(mask: np.ndarray) -> np.ndarray:
    """The segmenter's wide skirt of uncertainty drawn in, so that little of the old background comes along."""
    return smoothstep(0.28, 0.92, mask)


def foreground(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours of the person alone, so that no halo of the old background is left in hair and at edges.

    Blur fusion, two passes (Forte and Pitie, Approximate Fast Foreground Colour Estimation, ICIP 2021).
    """
    height, width = alpha.shape
    half = (max(2, width // 2), max(2, height // 2))
    small, thin = (
        cv2.resize(image, half, interpolation=cv2.INTER_AREA),
        cv2.resize(alpha, half, interpolation=cv2.INTER_AREA),
    )
    scale = max(half) / 512.0
    front, back = small, small
    # Mixed pixels count little in the first, wide pass: their colour is what is being looked for.
    for radius, power in ((60, 4), (6, 1)):
        size = max(3, round(radius * scale))
        front, back = _fuse(small, front, back, thin, size, power)
    # Worked out at half size, it replaces only what is mixed; solid pixels are the photo's own.
    mixed = smoothstep(0.985, 0.9, alpha)
    return np.clip(mix(image, cv2.resize(front, (width, height), interpolation=cv2.INTER_LINEAR), mixed), 0, 1)


def _fuse(
    image: np.ndarray, front: np.ndarray, back: np.ndarray, alpha: np.ndarray, size: int, power: int
) -> tuple[np.ndarray, np.ndarray]:
    a = alpha[..., None]
    inside, outside = a**power, (1 - a) ** power
    front_mean = cv2.blur(front * inside, (size, size)) / (cv2.blur(inside, (size, size))[..., None] + 1e-5)
    back_mean = cv2.blur(back * outside, (size, size)) / (cv2.blur(outside, (size, size))[..., None] + 1e-5)
    return front_mean + a * (image - a * front_mean - (1 - a) * back_mean), back_mean


def _relit(canvas: Canvas, person: np.ndarray, backdrop: np.ndarray | None, light: Light) -> np.ndarray:
    """Ambient tint, key light over the form, rim from behind. The face keeps its lightness in the middle."""
    nx, ny, nz = form(canvas)
    side = canvas.light_side
    toward = {
        "left": side * nx * 0.85 - ny * 0.35,
        "right": side * nx * 0.85 - ny * 0.35,
        "above": -ny * 0.95 + side * nx * 0.2,
        "below": ny * 0.9 + side * nx * 0.2,
        "front": nz * 0.6,
    }[light.direction]
    lit = person
    if backdrop is not None:
        ambient = backdrop.reshape(-1, 3).mean(axis=0)
        ambient = ambient / max(0.05, float(ambient @ (0.3, 0.59, 0.11)))
        lit = lit * mix(np.ones(3, np.float32), np.clip(ambient, 0.4, 1.8), 0.45 * light.amount)
    key = rgb(light.color)
    key = key / max(0.2, float(key @ np.array((0.3, 0.59, 0.11), np.float32)))
    strength = np.clip(toward, -1, 1)[..., None] * light.amount
    lit = lit * (1 + 0.75 * np.clip(strength, 0, 1) * key + 0.55 * np.clip(strength, -1, 0))
    before, after = _face_luma(canvas, person), _face_luma(canvas, lit)
    lit = np.clip(lit * (before / max(1e-3, after)), 0, 1.2)
    # The rim lies where the surface turns away, on the side of the light behind, strongest in the last few pixels.
    turned = np.clip(1.05 - nz, 0, 1) ** 3
    edge = canvas.person * (1 - blur(canvas.person, 4.5 * canvas.unit)) * 2.2
    from_behind = np.clip(0.35 - side * nx * 0.8 - ny * 0.45, 0, 1)
    rim = np.clip(edge * from_behind * (0.35 + 0.65 * turned), 0, 1) * (0.25 + 0.75 * light.amount)
    return 1 - (1 - np.clip(lit, 0, 1)) * (1 - np.clip(rim[..., None] * rgb(light.rim) * 0.9, 0, 1))


def _face_luma(canvas: Canvas, image: np.ndarray) -> float:
    where = canvas.face if canvas.landmarks is not None else canvas.person
    weight = float(where.sum())
    return float((gray(np.clip(image, 0, 1)) * where).sum() / weight) if weight > 1 else 0.5


def settle(canvas: Canvas, pieces: bool) -> None:
    """The end of every recipe: gentle brings the photo's own light and dark back, bold drives the style further.

    Args:
        pieces: The picture is made of flat pieces (pixels, paper, facets), which must stay flat.
    """
    if canvas.likeness > 0.5:
        if not pieces:
            sigma = max(1.0, canvas.face_size * 0.04)
            wanted, there = gray(canvas.source), gray(canvas.image)
            delta = (wanted - blur(wanted, sigma)) - (there - blur(there, sigma))
            share = (canvas.likeness - 0.5) * (0.7 + 0.5 * canvas.face) * canvas.person
            canvas.image = np.clip(canvas.image + (delta * share)[..., None], 0, 1)
        canvas.keep_features(0.8 * (canvas.likeness - 0.5))
    elif canvas.likeness < 0.5:
        bold = 0.5 - canvas.likeness
        image = s_curve(canvas.image, 0.5 * bold, float(np.clip(gray(canvas.image).mean(), 0.3, 0.6)))
        canvas.image = np.clip(mix(gray(image)[..., None], image, 1 + 0.4 * bold), 0, 1)
