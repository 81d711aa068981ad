"""The person taken out of the photo, set before a backdrop and lit by it."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, gray, mix, rgb, smoothstep
from pipelines.engines.filters.operations.tone import s_curve
from pipelines.engines.filters.scenery.relight import Lamp, lit
from pipelines.engines.filters.scenery.variation import graded, mood, stance, wall
from pipelines.schema import Light

_STANCES = {"above": (0.25, -1.0, 0.25), "below": (0.25, 1.0, 0.25), "front": (0.15, -0.2, 1.0)}
_WHITE = np.ones(3, np.float32)


def compose(canvas: Canvas, backdrop: np.ndarray | None, light: Light | None) -> None:
    """Puts the person before the backdrop, in its light and at the seed's hour. Changes image, source and person.

    Args:
        backdrop: (H, W, 3) float32, or None to keep the photo's background.
        light: Key, rim and amount; None leaves the person's own light.
    """
    person = canvas.image
    if backdrop is not None:
        backdrop = graded(backdrop, canvas.seed)
        canvas.person = _tight(canvas.person)
        person = foreground(canvas.image, canvas.person)
    if light is not None:
        person = lit(canvas, person, backdrop, _lamp(canvas, light))
    if backdrop is not None:
        person = _before(canvas, person, backdrop)
        canvas.has_backdrop = True
    canvas.image = np.clip(person, 0, 1).astype(np.float32)
    canvas.source = canvas.image


def vary(canvas: Canvas) -> None:
    """What makes one seed's sitting another: the light on the person, the wall behind them, the scale of the brush.

    Seed 0 is the photo in a calm light. The face keeps its mean lightness, and skin its hue. Where a scene was set,
    its hour and light vary already. Changes image and source of the canvas, and its brush.
    """
    now = mood(canvas.seed)
    canvas.brush = now.brush
    if canvas.has_backdrop:
        return
    x, y, z = stance(canvas)
    if canvas.seed == 0:
        calm = Lamp(_WHITE, _WHITE, (0.6 * x, y, z + 0.5), key=0.09, ambient=0.0, edge=0.0)
        picture = lit(canvas, canvas.image, None, calm)
    else:
        lamp = Lamp(rgb(now.color), rgb(now.rim), (x, y, z), key=now.key, ambient=0.45, edge=0.55)
        behind = wall(canvas)
        canvas.person = _tight(canvas.person)
        person = lit(canvas, foreground(canvas.image, canvas.person), behind, lamp)
        picture = _before(canvas, person, behind)
    canvas.image = np.clip(picture, 0, 1).astype(np.float32)
    canvas.source = canvas.image


def _lamp(canvas: Canvas, light: Light) -> Lamp:
    """A scene's light at this seed's hour. Other seeds than 0 turn it, and make it harder or softer."""
    now = mood(canvas.seed)
    side = canvas.light_side
    across, down, front = _STANCES.get(light.direction, (0.9, -0.35, 0.3))
    color, rim = rgb(light.color), rgb(light.rim)
    key = 0.30 + 0.55 * light.amount
    if canvas.seed:
        _, y, z = stance(canvas)
        down, front = 0.6 * down + 0.4 * y, 0.5 * (front + z)
        color, key = mix(color, rgb(now.hour), 0.5), 0.5 * (key + now.key)
    return Lamp(color, rim, (side * across, down, front), key, 0.35 + 0.6 * light.amount, 0.35 + 0.65 * light.amount)


def _before(canvas: Canvas, person: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """The person laid over a backdrop, whose light bleeds over the silhouette, as it does in a lens."""
    near = canvas.person * (1 - blur(canvas.person, 7 * canvas.unit))
    person = mix(person, blur(backdrop, 16 * canvas.unit), np.clip(near * 0.55, 0, 0.4))
    return mix(backdrop, person, canvas.person)


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


def settle(canvas: Canvas, pieces: bool) -> None:
    """The end of every recipe: gentle brings the photo's own light and dark back, bold drives the style further.

    Args:
        pieces: The picture is made of flat pieces (pixels, paper, facets), which must stay flat.
    """
    if canvas.likeness > 0.5:
        if not pieces:
            share = (canvas.likeness - 0.5) * (0.7 + 0.5 * canvas.face) * canvas.person
            canvas.restore_detail(canvas.face_size * 0.04, share)
        canvas.keep_features(0.8 * (canvas.likeness - 0.5))
    elif canvas.likeness < 0.5:
        bold = 0.5 - canvas.likeness
        image = s_curve(canvas.image, 0.5 * bold, float(np.clip(gray(canvas.image).mean(), 0.3, 0.6)))
        canvas.image = np.clip(mix(gray(image)[..., None], image, 1 + 0.4 * bold), 0, 1)
