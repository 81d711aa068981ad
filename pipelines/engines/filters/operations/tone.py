"""Operations on tone and colour."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines import recipe
from pipelines.engines.filters.canvas import (
    Canvas,
    blur,
    fractal_noise,
    gray,
    grid,
    mix,
    ramp_lookup,
    rgb,
    smoothstep,
    warp,
)
from pipelines.engines.filters.operations.surface import relief_of
from pipelines.recipe import lit as recipe_lit


def grade(canvas: Canvas, step: recipe.Grade) -> None:
    """recipe.Grade."""
    image = canvas.image
    if step.clarity:
        luma = gray(image)
        image = image + (step.clarity * (luma - blur(luma, 12 * canvas.unit)))[..., None]
    if step.exposure:
        # Up along a shoulder, so that bright skin keeps its drawing; down as a shutter does.
        gain = np.float32(2.0**step.exposure)
        image = 1 - (1 - np.clip(image, 0, 1)) ** gain if gain > 1 else image * gain
    if step.contrast:
        image = s_curve(image, step.contrast, 0.45)
    if step.temperature:
        shift = np.float32(step.temperature * 0.25)
        image = image * np.array([1 + shift, 1 + 0.12 * shift, 1 - shift], np.float32)
    luma = gray(np.clip(image, 0, 1))
    if step.saturation != 1.0:
        image = mix(np.repeat(luma[..., None], 3, axis=2), image, step.saturation)
    if step.shadows != "#808080" or step.highlights != "#808080":
        dark, light = (rgb(step.shadows) - 0.5) * 0.5, (rgb(step.highlights) - 0.5) * 0.5
        image = image + ((1 - luma) ** 2)[..., None] * dark + (luma**2)[..., None] * light
    if step.fade:
        image = 0.25 * step.fade + image * (1 - 0.25 * step.fade)
    canvas.image = np.clip(image, 0, 1)


def photo_detail(canvas: Canvas, step: recipe.PhotoDetail) -> None:
    """recipe.PhotoDetail."""
    share: np.ndarray | float = step.amount
    if step.person:  # not at the outline, whose light and dark came from the photo's own wall
        share = share * smoothstep(0.55, 0.95, blur(canvas.person, 2.5 * canvas.unit))
    canvas.restore_detail(step.reach * canvas.unit, share)


def tone_map(canvas: Canvas, step: recipe.ToneMap) -> None:
    """recipe.ToneMap."""
    weights = np.array(step.balance, np.float32)
    luma = np.clip(canvas.image @ (weights / weights.sum()), 0, 1)
    if step.equalise:
        luma = levelled(canvas, mix(luma, equalised(luma), step.equalise), step.equalise)
    if step.contrast:
        luma = s_curve(luma, step.contrast, float(np.clip(np.median(luma), 0.35, 0.6)))
    mapped = ramp_lookup(step.ramps[canvas.choice(len(step.ramps))], luma)
    canvas.image = mix(canvas.image, mapped, step.amount)


def backwash(canvas: Canvas, step: recipe.Backwash) -> None:
    """recipe.Backwash."""
    ramp = step.ramps[canvas.choice(len(step.ramps))]
    wander = 0.05 * fractal_noise(canvas.height, canvas.width, 160 * canvas.unit, 3, canvas.rng())
    _, y = grid(canvas.height, canvas.width)
    wash = ramp_lookup(ramp, np.clip(y / canvas.height + wander, 0, 1))
    luma = gray(canvas.image)
    away = smoothstep(0.75, 0.25, canvas.person)
    middle = float((luma * away).sum() / max(1.0, float(away.sum())))
    shade = np.clip(1 + (luma - middle) * (1 - step.flatten) * 1.2, 0.3, 1.5)
    amount = step.amount * (0.2 if canvas.has_backdrop else 1.0)  # a scene stays the scene, in the print's colours
    canvas.image = mix(canvas.image, np.clip(wash * shade[..., None], 0, 1), away * amount)


def vignette(canvas: Canvas, step: recipe.Vignette) -> None:
    """recipe.Vignette."""
    rng = canvas.rng()
    x, y = grid(canvas.height, canvas.width)
    dx = x / canvas.width - 0.5 + rng.uniform(-0.06, 0.06)
    dy = y / canvas.height - 0.5 + rng.uniform(-0.05, 0.05)
    distance = np.sqrt(dx * dx + dy * dy) / 0.7071
    amount = step.amount * smoothstep(step.reach - 0.35, step.reach + 0.45, distance)
    canvas.image = mix(
        canvas.image,
        canvas.image * rgb(step.color)
        if step.color == "#000000"
        else mix(canvas.image, np.broadcast_to(rgb(step.color), canvas.image.shape), 0.85),
        amount,
    )


def bloom(canvas: Canvas, step: recipe.Bloom) -> None:
    """recipe.Bloom."""
    bright = canvas.image * smoothstep(step.threshold, min(1.0, step.threshold + 0.35), gray(canvas.image))[..., None]
    glow = blur(bright, step.radius * canvas.unit) + 0.5 * blur(bright, 3.0 * step.radius * canvas.unit)
    glow = np.clip(glow * (step.amount * 0.7) * rgb(step.color), 0, 1)
    canvas.image = 1.0 - (1.0 - canvas.image) * (1.0 - glow)


def grain(canvas: Canvas, step: recipe.Grain) -> None:
    """recipe.Grain."""
    rng = canvas.rng()
    size = max(1.0, step.size * canvas.unit)
    shape = (round(canvas.height / size) + 1, round(canvas.width / size) + 1)
    noise = rng.standard_normal((*shape, 3 if step.colour else 1), np.float32)
    if step.colour:
        noise = mix(noise.mean(axis=2, keepdims=True) * 1.7, noise, step.colour)
    noise = cv2.resize(noise, (canvas.width, canvas.height), interpolation=cv2.INTER_LINEAR).reshape(
        canvas.height, canvas.width, -1
    )
    luma = gray(canvas.image)
    strength = step.amount * (0.35 + 2.6 * luma * (1 - luma)) * (1 - 0.55 * canvas.features)
    canvas.image = np.clip(canvas.image + noise * strength[..., None], 0, 1)


def surface(canvas: Canvas, step: recipe.Surface) -> None:
    """recipe.Surface. The relief is lit from the side; its valleys hold a little less light."""
    relief = relief_of(step.kind, canvas.height, canvas.width, step.size * canvas.unit, canvas.rng())
    keep = 1 - 0.5 * canvas.features
    shade = 1.0 + step.amount * relief * keep
    canvas.image = np.clip(canvas.image * rgb(step.tint) * shade[..., None], 0, 1)


def aberration(canvas: Canvas, step: recipe_lit.Aberration) -> None:
    """recipe_lit.Aberration."""
    x, y = grid(canvas.height, canvas.width)
    dx, dy = (x / canvas.width - 0.5) * 2, (y / canvas.height - 0.5) * 2
    reach = step.shift * canvas.unit * np.sqrt(dx * dx + dy * dy) * (1 - 0.8 * blur(canvas.face, 10 * canvas.unit))
    red, green, blue = cv2.split(canvas.image)
    canvas.image = cv2.merge((warp(red, dx * reach, dy * reach), green, warp(blue, -dx * reach, -dy * reach)))


def flare(canvas: Canvas, step: recipe_lit.Flare) -> None:
    """recipe_lit.Flare."""
    rng = canvas.rng()
    x, y = grid(canvas.height, canvas.width)
    side = canvas.light_side
    sun_x = canvas.width * (0.5 + side * rng.uniform(0.42, 0.58))
    sun_y = canvas.height * rng.uniform(-0.02, 0.22)
    size = max(canvas.height, canvas.width)
    dx, dy = x - sun_x, y - sun_y
    distance = np.sqrt(dx * dx + dy * dy) / size
    _, angle = cv2.cartToPolar(dx, dy)
    table = fractal_noise(1, 1024, 60, 4, rng)[0]
    table = np.roll(np.concatenate((table[:512], table[:512][::-1])), 7)
    rays = 1.0 + 0.9 * table[np.clip(angle * (1023 / (2 * np.pi)), 0, 1023).astype(np.int32)] * smoothstep(
        0.05, 0.5, distance
    )
    light = (0.95 * np.exp(-distance * 6.0) + 0.40 * np.exp(-distance * 1.9) * rays) * step.amount
    # Face and neck alike: a veil that ends at the jaw makes the face a mask.
    light = light * (1 - 0.7 * blur(np.maximum(canvas.face, canvas.person), 12 * canvas.unit))
    color = rgb(step.color)
    glow = light[..., None] * color + (np.exp(-distance * 14.0) * step.amount)[..., None] * (1 - color) * 0.9
    canvas.image = 1.0 - (1.0 - canvas.image) * (1.0 - np.clip(glow, 0, 1))


def s_curve(value: np.ndarray, amount: float, middle: float) -> np.ndarray:
    """Contrast around a middle; ends stay where they are, so nothing clips."""
    value = np.clip(value, 0, 1)
    power = 1.0 + abs(amount) * 1.2
    if amount < 0:
        power = 1.0 / power
    low = middle * (value / middle) ** power
    high = 1 - (1 - middle) * ((1 - value) / (1 - middle)) ** power
    return np.where(value < middle, low, high).astype(np.float32)


def levelled(canvas: Canvas, luma: np.ndarray, amount: float) -> np.ndarray:
    """Lightness stretched to the range that the person covers, so that dark photos print as well as bright ones."""
    inside = luma[::4, ::4][canvas.person[::4, ::4] > 0.5]
    if inside.size < 64:
        return luma
    low, high = np.quantile(inside, (0.03, 0.97))
    stretched = 0.04 + 0.92 * (luma - low) / max(0.15, float(high - low))
    return np.clip(mix(luma, stretched, amount), 0, 1)


def equalised(luma: np.ndarray) -> np.ndarray:
    """Local contrast spread (CLAHE, Zuiderveld 1994)."""
    clahe = cv2.createCLAHE(clipLimit=2.2, tileGridSize=(6, 6))
    return clahe.apply((luma * 255).astype(np.uint8)).astype(np.float32) / 255.0
