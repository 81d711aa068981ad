"""Grounds: paper, canvas, wood, laid paper, plaster, as relief that side light makes visible."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.filters.canvas import fractal_noise, grid


def relief_of(kind: str, height: int, width: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    """(height, width) float32 shading, mean about 0, mostly in -1..1.

    Args:
        kind: paper, canvas, wood, laid or plaster.
        unit: Pixels for one pixel of a 512 px portrait, times the wanted coarseness.
    """
    return _MAKERS[kind](height, width, max(0.5, unit), rng)


def tooth(height: int, width: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    """Height of rough drawing paper, float32 in 0..1 with an even histogram: dry media catch on the hills."""
    fine = fractal_noise(height, width, max(1.6, 2.6 * unit), 2, rng)
    coarse = fractal_noise(height, width, max(3.0, 9.0 * unit), 2, rng)
    value = fine + 0.45 * coarse
    # A logistic of the normalised sum is close to its rank and needs no sort.
    return 1.0 / (1.0 + np.exp(-1.7 * value / max(1e-6, float(value.std()))))


def _lit(heights: np.ndarray) -> np.ndarray:
    """Shading of a relief by light from the upper left."""
    dx = cv2.Sobel(heights, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(heights, cv2.CV_32F, 0, 1, ksize=3)
    shade = dx + dy
    return shade / max(1e-6, 2.2 * float(shade.std()))


def _paper(height: int, width: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    # Fine grain: hills wider than a few pixels would look crumpled, not like paper.
    hills = fractal_noise(height, width, max(1.6, 2.6 * unit), 2, rng)
    return _lit(hills) * 0.7 + 0.25 * fractal_noise(height, width, 60 * unit, 2, rng)


def _canvas(height: int, width: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    x, y = grid(height, width)
    pitch = max(2.6, 3.4 * unit)
    bend = fractal_noise(height, width, 30 * unit, 2, rng) * 1.2
    warp_thread = np.cos((x + bend) * (2 * np.pi / pitch))
    weft_thread = np.cos((y - bend) * (2 * np.pi / pitch))
    over = np.cos((x + bend) * (np.pi / pitch)) * np.cos((y - bend) * (np.pi / pitch))
    weave = np.where(over > 0, warp_thread, weft_thread).astype(np.float32)
    thick = 1.0 + 0.8 * fractal_noise(height, width, 12 * unit, 2, rng)
    return 0.5 * cv2.GaussianBlur(weave, (0, 0), 0.6) * thick


def _wood(height: int, width: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    lines = fractal_noise(height, width, 5.0 * unit, 3, rng, stretch=(26.0, 1.0))
    broad = fractal_noise(height, width, 60.0 * unit, 2, rng, stretch=(5.0, 1.0))
    rings = np.sin(broad * 26.0 + lines * 3.0)
    return (0.55 * rings + 0.9 * lines).astype(np.float32)


def _laid(height: int, width: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    x, y = grid(height, width)
    wires = np.cos(y * (2 * np.pi / max(2.5, 3.2 * unit))) * 0.35
    chains = -np.exp(-(((x / (46 * unit)) % 1.0 - 0.5) ** 2) * 900) * 0.6
    return (wires + chains + 0.5 * _paper(height, width, unit, rng)).astype(np.float32)


def _plaster(height: int, width: int, unit: float, rng: np.random.Generator) -> np.ndarray:
    hills = fractal_noise(height, width, 26 * unit, 4, rng)
    cracks = np.abs(fractal_noise(height, width, 90 * unit, 4, rng))
    return 0.7 * _lit(hills) + 0.4 * hills - 0.9 * np.exp(-cracks * 45)


_MAKERS = {"paper": _paper, "canvas": _canvas, "wood": _wood, "laid": _laid, "plaster": _plaster}
