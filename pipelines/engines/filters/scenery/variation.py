"""What makes one seed's sitting another: where the light stands and how hard it is, wall, hour of the day, brush."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, fractal_noise, gray, grid, mix, ramp_lookup, rgb, smoothstep

Ramp = tuple[str, str, str]


@dataclass(frozen=True)
class Mood:
    """One sitting.

    Attributes:
        wall: Dark, middle and light of the wall that is painted behind the person where there is no scene.
        bright: 0 to 1, where on that ramp the wall mostly is.
        key: Strength of the key light, see `relight.Lamp`.
        color: Of the key light.
        rim: Of the light from behind.
        hour: What a scene's colours are multiplied by, and lifted to: its time of day.
        mist: 0 to 1, how far a scene is lifted to that colour.
        exposure: Of a scene.
        brush: Factor on the lengths of brushes.
    """

    wall: Ramp
    bright: float
    key: float
    color: str
    rim: str
    hour: str
    mist: float
    exposure: float
    brush: float


_CALM = Mood(("#1c1a18", "#6a635a", "#c8beb0"), 0.5, 0.0, "#ffffff", "#ffffff", "#ffffff", 0.0, 1.0, 1.0)
# Neighbours differ in hue and in lightness: seeds that follow each other are what a visitor sees side by side.
_MOODS = (
    Mood(("#061c22", "#0f4a52", "#3f8f8c"), 0.30, 0.56, "#ffd6a0", "#7fe0d8", "#7fd0c0", 0.14, 0.84, 1.22),
    Mood(("#b98f62", "#efd9ae", "#fff6e2"), 0.78, 0.30, "#fffaf0", "#fff4dc", "#f2ecd8", 0.42, 1.12, 0.84),
    Mood(("#2a0616", "#7a1c34", "#cf5a5a"), 0.42, 0.58, "#ffe2cc", "#ff8a7a", "#ff86c0", 0.22, 0.84, 1.10),
    Mood(("#5a86b4", "#a9cbe6", "#eef7ff"), 0.66, 0.42, "#eef4ff", "#ffffff", "#a9d4ff", 0.30, 1.06, 0.92),
    Mood(("#3c1a08", "#b05a20", "#f2b05a"), 0.50, 0.54, "#ffdca8", "#ffc070", "#ffd24d", 0.16, 1.00, 1.30),
    Mood(("#05081c", "#17245e", "#4a63b8"), 0.26, 0.66, "#e6ecff", "#86a8ff", "#5a78d8", 0.08, 0.66, 0.80),
    Mood(("#3c5230", "#93ad78", "#e6efc8"), 0.58, 0.40, "#fff8e0", "#f0ffc8", "#c8e69a", 0.22, 1.04, 1.14),
)


def mood(seed: int) -> Mood:
    """Of a seed; 0 is the calm default, and the next seven are all different."""
    return _CALM if seed == 0 else _MOODS[(seed - 1) % len(_MOODS)]


def stance(canvas: Canvas) -> tuple[float, float, float]:
    """Where this seed's key light stands: x (right), y (down), z (to the camera)."""
    rng = np.random.default_rng((canvas.seed, 31))
    return (
        canvas.light_side * float(rng.uniform(0.6, 1.0)),
        -float(rng.uniform(0.15, 0.6)),
        float(rng.uniform(0.2, 0.5)),
    )


def graded(backdrop: np.ndarray, seed: int) -> np.ndarray:
    """A scene at this seed's hour of the day.

    Args:
        backdrop: (H, W, 3) float32.
    """
    now = mood(seed)
    if seed == 0:
        return backdrop
    hour = rgb(now.hour)
    tint = hour / max(0.3, float(hour.mean()))
    luma = gray(backdrop)[..., None]
    # Half of the colours go to the hour's own; what is dark takes less of the mist than what is far and light.
    bright = now.exposure**2.2
    toned = (0.5 * backdrop + 0.5 * luma) ** np.float32(1 / bright) * mix(np.ones(3, np.float32), tint, 0.85)
    misty = mix(toned, hour, now.mist * (0.35 + 0.65 * luma))
    return np.asarray(np.clip(misty, 0, 1), np.float32)


def wall(canvas: Canvas) -> np.ndarray:
    """(H, W, 3) the photo's own background as a studio would paint and light it for this seed.

    Its forms stay, tone on tone. Light pools behind the head on the side that the key light leaves dark.
    """
    now = mood(canvas.seed)
    rng = np.random.default_rng((canvas.seed, 41))
    height, width, unit = canvas.height, canvas.width, canvas.unit
    x, y = grid(height, width)
    middle = canvas.landmarks[[234, 454]].mean(axis=0) if canvas.landmarks is not None else (width / 2, 0.42 * height)
    u = (x - middle[0]) / width + canvas.light_side * 0.20
    v = (y - middle[1]) / height + rng.uniform(-0.1, 0.1)
    pool = np.exp(-(u * u + v * v) / (2 * rng.uniform(0.26, 0.40) ** 2))
    cloth = fractal_noise(height, width, 130 * unit, 5, rng, (1.0, 1.6))
    own = gray(canvas.image)
    away = (canvas.person < 0.1).astype(np.float32)
    level = float((own * away).sum() / max(1.0, float(away.sum())))
    # Old background beside the silhouette would be a halo: its forms fade towards the person.
    apart = smoothstep(0.35, 0.05, blur(canvas.person, 9 * unit))
    forms = np.clip(own - level, -0.4, 0.4) * apart
    tone = now.bright + 0.42 * (pool - 0.55) + 0.10 * cloth + 0.38 * forms
    return ramp_lookup(_turned(now.wall, float(rng.uniform(-9, 9))), np.clip(tone, 0, 1))


def _turned(ramp: Ramp, degrees: float) -> tuple[str, ...]:
    """A ramp with its hue turned a little, so that seeds of one mood are not the same wall."""
    turned = []
    for color in ramp:
        lab = cv2.cvtColor(rgb(color)[None, None], cv2.COLOR_RGB2LAB)[0, 0]
        angle = np.radians(degrees)
        a, b = lab[1] * np.cos(angle) - lab[2] * np.sin(angle), lab[1] * np.sin(angle) + lab[2] * np.cos(angle)
        value = cv2.cvtColor(np.array([[[lab[0], a, b]]], np.float32), cv2.COLOR_LAB2RGB)[0, 0]
        turned.append("#" + "".join(f"{round(255 * float(np.clip(part, 0, 1))):02x}" for part in value))
    return tuple(turned)
