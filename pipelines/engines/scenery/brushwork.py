"""What backdrop painters share: skies, ridges, glows, bokeh, soft shapes."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.engines.operations.canvas import blur, fractal_noise, grid, ramp_lookup, rgb, smoothstep


class Board:
    """A backdrop in work.

    Attributes:
        image: (H, W, 3) float32 RGB; may pass 1 in lights until `finish`.
        unit: Pixels for one pixel of a 512 px picture.
        rng: Of this scene and seed.
        side: -1 where the main light comes from the left, 1 from the right.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator, side: float) -> None:
        self.height, self.width, self.rng, self.side = height, width, rng, side
        self.unit = max(height, width) / 512.0
        self.x, self.y = grid(height, width)
        self.u, self.v = self.x / width, self.y / height
        self.image = np.zeros((height, width, 3), np.float32)

    def sky(self, *colors: str, bottom: float = 1.0) -> None:
        """Vertical gradient from the top to `bottom`."""
        self.image[:] = ramp_lookup(colors, np.clip(self.v / bottom, 0, 1))

    def noise(self, cell: float, octaves: int = 4, stretch: tuple[float, float] = (1, 1)) -> np.ndarray:
        """Fractal noise over the whole board; cell in pixels of a 512 px picture."""
        return fractal_noise(self.height, self.width, cell * self.unit, octaves, self.rng, stretch)

    def lay(self, mask: np.ndarray, color: str | np.ndarray) -> None:
        """Paints a colour, or a picture, where mask is 1."""
        left, top, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
        if not width:
            return
        box = np.s_[top : top + height, left : left + width]
        paint = rgb(color) if isinstance(color, str) else color
        paint = paint[box] if paint.ndim == 3 else paint
        self.image[box] += (paint - self.image[box]) * mask[box][..., None]

    def add(self, light: np.ndarray, color: str) -> None:
        """Adds light of a colour."""
        self.image += light[..., None] * rgb(color)

    def soften(self, sigma: float) -> None:
        """Out of focus, so far."""
        self.image = blur(self.image, sigma * self.unit)

    def glow(self, u: float, v: float, radius: float) -> np.ndarray:
        """A soft round light at (u, v) in 0..1; radius as a share of the height."""
        dx, dy = (self.u - u) * (self.width / self.height), self.v - v
        return np.exp(-(dx * dx + dy * dy) / (radius * radius))

    def ridge(self, base: float, amount: float, cell: float, octaves: int = 5) -> np.ndarray:
        """1 below a random skyline around v = base; cell in pixels of a 512 px picture."""
        line = self.line(base, amount, cell, octaves)
        return smoothstep(-0.6, 0.6, self.y - line[None] * self.height)

    def line(self, base: float, amount: float, cell: float, octaves: int = 5) -> np.ndarray:
        """(W,) a random skyline in 0..1 of the height."""
        noise = fractal_noise(4, self.width, cell * self.unit, octaves, self.rng, stretch=(1, 4))[1]
        return base - amount * noise

    def polygon(self, *corners: tuple[float, float]) -> np.ndarray:
        """1 inside corners given as (u, v)."""
        mask = np.zeros((self.height, self.width), np.uint8)
        points = np.round(np.array(corners) * (self.width, self.height) * 16).astype(np.int32)
        cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
        return mask.astype(np.float32) / 255.0

    def bokeh(
        self, count: int, colors: tuple[str, ...], size: tuple[float, float], band: tuple[float, float], strength: float
    ) -> None:
        """Discs of out-of-focus lights, brighter at the rim, between the heights `band`."""
        layer = np.zeros((self.height, self.width, 3), np.float32)
        for _ in range(count):
            radius = self.unit * self.rng.uniform(*size)
            middle = (self.rng.random() * self.width, self.rng.uniform(*band) * self.height)
            color = rgb(colors[int(self.rng.integers(len(colors)))]) * self.rng.uniform(0.3, 1.0) * strength
            self._disc(layer, middle, radius, color)
        self.image = self.image + blur(layer, 0.9 * self.unit)

    def _disc(self, layer: np.ndarray, middle: tuple[float, float], radius: float, color: np.ndarray) -> None:
        x0, x1 = max(0, int(middle[0] - radius - 2)), min(self.width, int(middle[0] + radius + 3))
        y0, y1 = max(0, int(middle[1] - radius - 2)), min(self.height, int(middle[1] + radius + 3))
        if x0 >= x1 or y0 >= y1:
            return
        distance = np.hypot(self.x[y0:y1, x0:x1] - middle[0], self.y[y0:y1, x0:x1] - middle[1])
        disc = smoothstep(radius + 0.8, radius - 0.8, distance) * (0.72 + 0.28 * (distance / radius) ** 4)
        layer[y0:y1, x0:x1] += disc[..., None] * color

    def rays(self, u: float, v: float, spread: float = 60.0) -> np.ndarray:
        """Shafts of light that fan out from (u, v), 0..1."""
        dx, dy = (self.u - u) * (self.width / self.height), self.v - v
        _, angle = cv2.cartToPolar(dx, dy)
        table = fractal_noise(4, 2048, spread, 4, self.rng)[1]
        fan = table[np.clip(angle * (2047 / (2 * np.pi)), 0, 2047).astype(np.int32)]
        return np.clip(0.35 + 1.2 * fan, 0, 1)

    def finish(self, vignette: float = 0.25) -> np.ndarray:
        """The picture, rolled off softly in the lights, with darker corners."""
        dx, dy = self.u - 0.5, self.v - 0.5
        self.image = self.image * (1 - vignette * smoothstep(0.25, 0.75, np.sqrt(dx * dx + dy * dy)))[..., None]
        over = np.maximum(self.image - 0.8, 0)
        rolled = np.minimum(self.image, 0.8) + 0.2 * (1 - np.exp(-over / 0.2))
        return np.clip(rolled, 0, 1).astype(np.float32)
