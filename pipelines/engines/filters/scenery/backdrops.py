"""Painters of backdrops, one a scene: gradients, noise, shapes and light, different with every seed.

Each is clear enough to be seen as a place, with depth; the horizon is near the height of the eyes.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable

import cv2
import numpy as np

from pipelines.engines.filters.scenery import indoors, nature, places
from pipelines.engines.filters.scenery.brushwork import Board

Painter = Callable[[Board], np.ndarray]

PAINTERS: dict[str, Painter] = {
    "alpine_lake": nature.alpine_lake,
    "blossom_garden": nature.blossom_garden,
    "desert_dusk": nature.desert_dusk,
    "enchanted_forest": nature.enchanted_forest,
    "library": indoors.old_library,
    "neon_city": places.neon_city,
    "orbit": places.orbit,
    "renaissance_hall": indoors.renaissance_hall,
    "storybook_village": places.storybook_village,
    "studio": indoors.studio,
    "theatre": indoors.theatre,
    "underwater": nature.underwater,
}


_PAINTED_AT = 768  # pixels; larger ones are grown from it


class Backdrops:
    """Painted backdrops, the last few kept: a webcam asks for the same one many times a second."""

    def __init__(self, limit: int = 24) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[str, int, int, int, float], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, painter: str, seed: int, height: int, width: int, side: float) -> np.ndarray:
        """(height, width, 3) float32 RGB in 0..1, read-only.

        Args:
            painter: A key of PAINTERS.
            side: -1 where the light comes from the left, 1 from the right.
        """
        factor = min(1.0, _PAINTED_AT / max(height, width))
        picture = self._painted(painter, seed, max(8, round(height * factor)), max(8, round(width * factor)), side)
        if factor < 1:  # grown anew each time: one for a print weighs 50 MB
            picture = np.clip(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
            picture.flags.writeable = False
        return picture

    def _painted(self, painter: str, seed: int, height: int, width: int, side: float) -> np.ndarray:
        key = (painter, seed, height, width, side)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        rng = np.random.default_rng((seed, zlib.crc32(painter.encode())))
        picture = PAINTERS[painter](Board(height, width, rng, side))
        picture.flags.writeable = False
        with self._lock:
            self._kept[key] = picture
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return picture

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
