"""What backdrop painters share: skies, ridges, glows, bokeh, soft shapes."""

from __future__ import annotations

import copy

import cv2
import numpy as np

from pipelines.engines.filters.canvas import blur, fractal_noise, grid, ramp_lookup, rgb, smoothstep


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
        self._left = self._top = 0

    def part(self, u0: float, v0: float, u1: float, v1: float) -> Board:
        """The same board, of which only a rectangle in 0..1 is painted on: small things cost little.

        Whatever paints in place works on it; `soften`, `noise` and skylines are for the whole.
        """
        part = copy.copy(self)
        x0, x1 = (int(np.clip(u, 0, 1) * self.width) for u in (u0, u1 + 2 / self.width))
        y0, y1 = (int(np.clip(v, 0, 1) * self.height) for v in (v0, v1 + 2 / self.height))
        box = np.s_[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        for name in ("x", "y", "u", "v", "image"):
            setattr(part, name, getattr(self, name)[box])
        part._left, part._top = x0, y0
        return part

    def sky(self, *colors: str, bottom: float = 1.0) -> None:
        """Vertical gradient from the top to `bottom`."""
        self.image[:] = ramp_lookup(colors, np.clip(self.v / bottom, 0, 1))

    def noise(self, cell: float, octaves: int = 4, stretch: tuple[float, float] = (1, 1)) -> np.ndarray:
        """Fractal noise over the whole board, as `fractal_noise`; cell in pixels of a 512 px picture.

        Each octave is added at its own size and grown together with those before, which is many times quicker.
        """
        wide, high = cell * self.unit * stretch[0], cell * self.unit * stretch[1]
        total, weight, norm = np.zeros((2, 2), np.float32), 1.0, 0.0
        for _ in range(octaves):
            size = (min(self.width, int(self.width / wide) + 3), min(self.height, int(self.height / high) + 3))
            total = cv2.resize(total, size, interpolation=cv2.INTER_CUBIC)
            total += np.float32(weight) * (self.rng.random(size[::-1], np.float32) - 0.5)
            norm += weight * weight
            weight, wide, high = weight * 0.5, max(1.0, wide / 2), max(1.0, high / 2)
        grown = cv2.resize(total, (self.width, self.height), interpolation=cv2.INTER_CUBIC)
        return grown * np.float32(1.3 / np.sqrt(norm))

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
        mask = np.zeros(self.image.shape[:2], np.uint8)
        points = (np.array(corners) * (self.width, self.height) - (self._left, self._top)) * 16
        cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return mask.astype(np.float32) / 255.0

    def fill(self, color: str | np.ndarray, *corners: tuple[float, float], lit: float = 0.0) -> None:
        """Paints inside corners given as (u, v), lighter by `lit` on the side of the light and darker on the other."""
        us, vs = [u for u, _ in corners], [v for _, v in corners]
        part = self.part(min(us), min(vs), max(us), max(vs))
        base = rgb(color) if isinstance(color, str) else color
        if not lit:
            part.lay(part.polygon(*corners), np.asarray(base, np.float32))
            return
        across = (part.u - (min(us) + max(us)) / 2) / max(1e-4, (max(us) - min(us)) / 2)
        part.lay(
            part.polygon(*corners), np.clip(base * (1 + lit * self.side * across)[..., None], 0, 1).astype(np.float32)
        )

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
