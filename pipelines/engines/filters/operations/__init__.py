"""What each word of a recipe does, by its `op`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.engines.filters.canvas import Canvas
from pipelines.engines.filters.operations import (
    after_picture,
    android,
    features,
    flat,
    glass,
    lamps,
    light,
    line,
    material,
    neon,
    neural,
    paint,
    prints,
    retro,
    screen,
    strokes,
    tiles,
    tone,
)
from pipelines.recipe import RecipeStep

Operation = Callable[[Canvas, Any], None]

OPERATIONS: dict[str, Operation] = {
    "aberration": tone.aberration,
    "after_picture": after_picture.after_picture,
    "android": android.android,
    "backwash": tone.backwash,
    "blinds": lamps.blinds,
    "bloom": tone.bloom,
    "charcoal": line.charcoal,
    "cutout": prints.cutout,
    "flare": tone.flare,
    "features": features.features,
    "flat": flat.flat,
    "flow": paint.flow,
    "glass": glass.glass,
    "grade": tone.grade,
    "grain": tone.grain,
    "halftone": prints.halftone,
    "hatch": line.hatch,
    "hologram": light.hologram,
    "ink": line.ink,
    "key": lamps.key,
    "kuwahara": paint.kuwahara,
    "mosaic": tiles.mosaic,
    "neon": neon.neon,
    "neural": neural.neural,
    "photo_detail": tone.photo_detail,
    "pixels": prints.pixels,
    "plate": material.plate,
    "polygons": tiles.polygons,
    "screenprint": screen.screenprint,
    "sculpt": material.sculpt,
    "split_light": light.split_light,
    "strokes": strokes.strokes,
    "sunset": retro.sunset,
    "surface": tone.surface,
    "tone_map": tone.tone_map,
    "vein": material.vein,
    "vignette": tone.vignette,
    "watercolour": paint.watercolour,
    "weather": light.weather,
}


def apply(canvas: Canvas, step: RecipeStep, index: int) -> None:
    """Run one step of a recipe on the canvas, in place.

    Args:
        index: Its place in the recipe, so that two steps of one kind draw different random numbers.
    """
    canvas.step = index
    OPERATIONS[step.op](canvas, step)
    canvas.image = np.ascontiguousarray(canvas.image, np.float32)
