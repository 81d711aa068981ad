"""Operations of wet paint: smoothing, flow, watercolour."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines import recipe
from pipelines.engines.filters.canvas import Canvas, along, blur, fractal_noise, gray, grid, mix, smoothstep, warp
from pipelines.engines.filters.operations.surface import tooth

_SECTORS = 8


def kuwahara(canvas: Canvas, step: recipe.Kuwahara) -> None:
    """recipe.Kuwahara."""
    radius = step.radius * canvas.unit * canvas.boldness
    canvas.image = flat_patches(canvas.image, radius, step.sharpness)
    canvas.keep_features(0.75)


def flat_patches(image: np.ndarray, radius: float, sharpness: float) -> np.ndarray:
    """Generalised Kuwahara filter: eight Gaussian sectors, weighted by how flat each is.

    A sector is the Gaussian mean around a point `radius` / 2 away, so one blur serves all eight.
    """
    sigma = max(0.7, radius * 0.42)
    luma = gray(image)
    mean, mean_luma = cv2.GaussianBlur(image, (0, 0), sigma), cv2.GaussianBlur(luma, (0, 0), sigma)
    variance = np.maximum(cv2.GaussianBlur(luma * luma, (0, 0), sigma) - mean_luma * mean_luma, 0)
    weight = (1.0 + 255.0 * np.sqrt(variance)) ** np.float32(-sharpness)
    weighted = cv2.merge((*cv2.split(mean * weight[..., None]), weight))
    height, width = luma.shape
    pad = int(np.ceil(radius)) + 1
    padded = cv2.copyMakeBorder(weighted, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    total = np.zeros((height, width, 4), np.float32)
    for sector in range(_SECTORS):
        angle = 2 * np.pi * (sector + 0.5) / _SECTORS
        dx, dy = round(np.cos(angle) * radius * 0.62), round(np.sin(angle) * radius * 0.62)
        total += padded[pad + dy : pad + dy + height, pad + dx : pad + dx + width]
    return total[..., :3] / np.maximum(total[..., 3:], 1e-30)


def flow(canvas: Canvas, step: recipe.Flow) -> None:
    """recipe.Flow."""
    smeared = along(canvas.image, canvas.tangents(), step.length * canvas.unit * canvas.boldness)
    if step.sharpen:
        smeared = np.clip(
            smeared + step.sharpen * 1.5 * (smeared - cv2.GaussianBlur(smeared, (0, 0), 2.0 * canvas.unit)), 0, 1
        )
    canvas.image = mix(smeared, canvas.image, 0.6 * canvas.features)


def watercolour(canvas: Canvas, step: recipe.Watercolour) -> None:
    """recipe.Watercolour."""
    height, width, unit = canvas.height, canvas.width, canvas.unit
    rng = canvas.rng()
    calm = 1 - 0.85 * np.clip(canvas.features + 0.6 * canvas.face, 0, 1)
    reach = step.wobble * unit * canvas.boldness * calm
    dx = fractal_noise(height, width, 34 * unit, 3, rng) * reach * 2.4
    dy = fractal_noise(height, width, 34 * unit, 3, rng) * reach * 2.4
    wash = warp(canvas.image, dx, dy)

    # Density 1 leaves a colour as it is; more is darker and richer, less shows the paper (Bousseau 2006, eq. 1).
    luma = gray(wash)
    slope = blur(luma, 1.2 * unit) - blur(luma, 4.5 * unit)
    rim = (
        np.clip(slope * slope * 160.0, 0, 1)
        * np.where(slope < 0, np.float32(1.0), np.float32(0.25))
        * (1 - 0.3 * canvas.features)
    )
    paper = tooth(height, width, unit, rng) - 0.5
    blotch = fractal_noise(height, width, 130 * unit, 5, rng)
    density = 1.0 + step.edge * rim + step.turbulence * 0.75 * blotch * calm
    density += step.granulation * paper * (0.25 + 1.1 * (1 - luma) * smoothstep(0.02, 0.4, luma)) * (0.35 + 0.65 * calm)
    density *= 1 - 0.42 * smoothstep(0.7, 0.2, blur(canvas.person, 5 * unit))
    density *= _margin(canvas, step.margin, rng)
    density = np.maximum(density, 0)[..., None]
    # C - (C - C^2)(d - 1), written as a power, which agrees near d = 1 and cannot leave 0..1.
    color = np.clip(wash, 1e-3, 1.0) ** density
    sheet = np.array([0.985, 0.975, 0.95], np.float32) * (1 + 0.05 * paper[..., None])
    canvas.image = np.clip(color * sheet, 0, 1).astype(np.float32)
    canvas.keep_features(0.85)


def _margin(canvas: Canvas, amount: float, rng: np.random.Generator) -> np.ndarray:
    """1 where the wash reaches, 0 on bare paper; the rim wanders and dries darker. The person is spared longest."""
    if amount <= 0:
        return np.ones((canvas.height, canvas.width), np.float32)
    x, y = grid(canvas.height, canvas.width)
    nx, ny = np.abs(x / canvas.width - 0.5) * 2, np.abs(y / canvas.height - 0.5) * 2
    distance = np.maximum(nx, ny) * 0.6 + 0.4 * np.sqrt(nx * nx + ny * ny)
    wander = fractal_noise(canvas.height, canvas.width, 110 * canvas.unit, 5, rng)
    depth = 1.02 - 0.16 * amount - distance + 0.22 * wander * amount + 0.10 * blur(canvas.person, 20 * canvas.unit)
    inside = smoothstep(-0.03, 0.012, depth)
    dried = 0.35 * np.exp(-((depth - 0.012) ** 2) / 0.00025) * inside
    return inside + dried
