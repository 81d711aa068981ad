"""Operations of the screen printer: pop art."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, gray, mix, rgb, smoothstep
from pipelines.engines.filters.operations.flat import skin_middle
from pipelines.engines.filters.operations.prints import cut, dots_of
from pipelines.engines.filters.operations.zones import zones
from pipelines.recipe import drawn as recipe

_LEAST_CHROMA, _MOST_RICH = 26.0, 5.0  # of printed skin, also where the photo's is nearly grey
_GREY = 3.0
_COLORS = 5  # of a palette: wall, its dots, hair, dark and light clothes


def screenprint(canvas: Canvas, step: recipe.Screenprint) -> None:
    """recipe.Screenprint.

    The screen's dots grow with darkness against each zone's own middle, so dark skin is not all ink and fair hair not
    bare; the skin's flat colour is the sitter's own, richer, never lighter.
    """
    rng = canvas.rng()
    unit = canvas.unit
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    wall, spots, hair, dark, light = (rgb(ramp[min(index, len(ramp) - 1)]) for index in range(_COLORS))
    found = zones(canvas)
    person = smoothstep(0.35, 0.65, blur(canvas.person, 1.2 * unit))
    luma = gray(canvas.image)
    soft = blur(luma, 2.0 * unit)
    pitch = max(3.0, step.pitch * unit * (0.6 + 0.4 * canvas.boldness))
    turn = float(rng.uniform(-0.1, 0.1))

    rest = person * (1 - np.clip(found.skin + found.hair, 0, 1))
    middle = _quantile(soft, rest, 0.55)
    clothes = mix(dark, light, cut(blur(soft, 2.5 * unit) - middle)[..., None])
    y = np.linspace(0, 1, canvas.height, dtype=np.float32)[:, None]
    ground = dots_of(np.broadcast_to(0.06 + 0.42 * y**1.3, luma.shape).astype(np.float32), 2.2 * pitch, 0.78 + turn)
    colors = mix(wall, spots, ground[..., None])
    if canvas.has_backdrop:
        colors = mix(colors, canvas.image, 0.7)
    colors = mix(colors, clothes, person)
    colors = mix(colors, hair, found.hair)
    colors = mix(colors, _skin(canvas, found.skin, step.skin), found.skin)
    angle = rng.uniform(0, 2 * np.pi)
    shift = step.misregister * unit
    move = np.array([[1, 0, shift * np.cos(angle)], [0, 1, shift * np.sin(angle)]], np.float32)
    colors = cv2.warpAffine(colors, move, (canvas.width, canvas.height), borderMode=cv2.BORDER_REPLICATE)

    tone = np.zeros_like(luma)
    for zone, full, bare in ((found.skin, 0.01, 0.55), (found.hair, 0.15, 0.9), (rest, 0.05, 0.7)):
        low, high = _quantile(luma, zone, full), _quantile(luma, zone, bare)
        tone += zone * np.clip((high - luma) / max(0.12, high - low), 0, 1) ** 1.1
    screen = dots_of(np.clip(tone, 0, 1) * 0.8, pitch, 0.78 + turn)
    solid = smoothstep(0.86, 0.94, tone) * (1 - 0.6 * canvas.lips)
    canvas.image = np.clip(mix(colors, rgb(step.key), np.maximum(screen * (1 - 0.75 * canvas.features), solid)), 0, 1)


def _skin(canvas: Canvas, zone: np.ndarray, richness: float) -> np.ndarray:
    """(3,) the face's own colour, as rich as printer's ink."""
    where = (zone * canvas.face > 0.6) & (canvas.features < 0.2)
    if where.sum() < 16:
        return np.full(3, 0.6, np.float32)
    lab = skin_middle(cv2.cvtColor(canvas.source[where][None], cv2.COLOR_RGB2LAB)[0])[None, None]
    if float(np.hypot(*lab[0, 0, 1:])) < _GREY:  # a black-and-white photo
        lab[..., 1:] = (3.2, 3.8)
    chroma = float(np.hypot(*lab[0, 0, 1:]))
    lab[..., 1:] *= max(richness, min(_LEAST_CHROMA / max(chroma, 1.0), _MOST_RICH))
    color: np.ndarray = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)[0, 0], 0, 1)
    return color


def _quantile(values: np.ndarray, zone: np.ndarray, share: float) -> float:
    inside = values[::3, ::3][zone[::3, ::3] > 0.5]
    return float(np.quantile(inside, share)) if inside.size > 16 else share
