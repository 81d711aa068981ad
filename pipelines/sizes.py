"""Shapes and sizes of portraits in pixels: the one place that turns what a visitor asks for into a width and a height.

An engine says by `Engine.dimensions` what it makes of them; the crop of the photo then has exactly that shape.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from languages.saying import number, say
from pipelines.schema import Shape, Size

# Width to height, and what visitors read.
# Translators: the shape of a portrait, 1:1
SHAPES: dict[Shape, str] = {"1:1": say("Square"), "4:5": "4:5", "9:16": "9:16"}
# Translators: the size of a portrait: large enough for a screen
_SCREEN = say("Screen")
# Translators: the size of a portrait: large enough to be printed on paper (a noun)
_PRINT = say("Print")
SIZES: dict[Size, str] = {"screen": _SCREEN, "print": _PRINT}
LONGEST: dict[Size, int] = {"screen": 1080, "print": 2048}  # pixels of the long side, of engines that follow it
DPI = 300  # of a good print
_CM_PER_INCH = 2.54


class Pixels(NamedTuple):
    """Width and height of a picture."""

    width: int
    height: int


def ratio(shape: Shape) -> float:
    """Width over height."""
    width, height = shape.split(":")
    return int(width) / int(height)


def along(shape: Shape, longest: int) -> Pixels:
    """A shape with a long side of so many pixels, the other one to the nearest even number."""
    other = 2 * round(longest * min(ratio(shape), 1 / ratio(shape)) / 2)
    return Pixels(other, longest) if ratio(shape) < 1 else Pixels(longest, other)


def within(shape: Shape, side: int, multiple: int = 1) -> Pixels:
    """A shape in the area of a square, for models that were trained at one: the nearest whole multiples.

    Args:
        shape: Of the picture.
        side: Of the square, in pixels.
        multiple: What width and height are to be divisible by; `side` is.
    """
    width = side * math.sqrt(ratio(shape))
    height = side * side / width
    near = product(_around(width, multiple), _around(height, multiple))
    return Pixels(*min(near, key=lambda one: (_off(one, (width, height)), one)))


def _around(length: float, multiple: int) -> Iterable[int]:
    below = max(1, int(length / multiple))
    return below * multiple, (below + 1) * multiple


def _off(one: tuple[int, int], wanted: tuple[float, float]) -> float:
    """How far a size is from the wanted shape, which counts twice, and area."""
    across, down = (math.log(is_ / should) for is_, should in zip(one, wanted, strict=True))
    return round(2 * abs(across - down) + abs(across + down), 9)


def detailed(shape: Shape, size: Size, detail: float, *, screen: int, largest: int) -> Pixels:
    """As large as was asked for, as far as the photo has pixels for it; never below the size for screens.

    Args:
        shape: Of the picture.
        size: What was asked for.
        detail: Pixels of the photo along the long side of the crop.
        screen: Pixels of the long side for a screen, whatever the photo.
        largest: For a print.
    """
    longest = screen if size == "screen" else max(screen, min(largest, int(detail)))
    return along(shape, longest)


def print_words(width: int, height: int) -> str:
    """How large a picture can be printed well: "2048 × 2048 px: 17.3 × 17.3 cm at 300 dpi"."""
    across, down = (number(round(pixels / DPI * _CM_PER_INCH, 1), ".4g") for pixels in (width, height))
    return say(
        "{width} × {height} px: prints well up to {across} × {down} cm ({dpi} dpi)",
        width=width,
        height=height,
        across=across,
        down=down,
        dpi=DPI,
    )
