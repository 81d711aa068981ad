"""Where in a picture a marked portrait may lie, and how: views of it in which the mark would be in place.

Portraits are square. A page around one is mostly even, so that the portrait is a piece of unrest with an upright
rectangular outline; what that rectangle was, stretched or not, is laid on a square.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from pipelines.provenance.watermark_pattern import TILE, whitened

_SMALLEST = 96  # pixels: in a smaller one on a page the mark is not looked for
_MOST_STRETCHED = 1.25
_MOST_PIECES, _MOST_OUTLINES = 4, 8
_LINES = 4  # of each side
_WHOLE = 0.97  # of the picture: a box this large is the picture
# Grey levels between neighbours up to which a page is even (as drawn, saved as JPEG, saved badly), and the gaps in
# pixels across which unrest is one piece.
_EVEN = ((1, 1), (6, 3), (14, 5))
_REACH = 22  # pixels from a box's side within which the picture's border is looked for
_TILT, _TILT_STEPS = 5.6, {1: 0.7, 2: 0.4}  # degrees to each side; step for tiles along the portrait


class Box(NamedTuple):
    """Part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int


def squares(grey: np.ndarray, boxes: list[Box], count: int) -> Iterator[np.ndarray]:
    """Each box as the square that it may have been before it was stretched, whitened, `count` tiles wide."""
    for left, top, width, height in boxes:
        yield whitened(grey[top : top + height, left : left + width], (count * TILE, count * TILE))


def boxes_on_page(rgb: np.ndarray) -> list[Box]:
    """Pieces of unrest on an even page that may be portraits: the largest few, each with several outlines."""
    across, down = _changes(rgb)
    pieces: list[Box] = []
    for even, gap in _EVEN:
        for piece in _pieces(across > even, down > even, gap):
            is_part = piece.width * piece.height < _WHOLE * rgb.shape[0] * rgb.shape[1]
            if is_part and _is_likely(piece) and not any(_same(piece, other, _REACH) for other in pieces):
                pieces.append(piece)
    pieces.sort(key=lambda box: -box.width * box.height)
    found: list[Box] = []
    for piece in pieces[:_MOST_PIECES]:
        mine = [piece]
        for box in _outlines(piece, across, down):
            if len(mine) < _MOST_OUTLINES and _is_likely(box) and not any(_same(box, other, 1) for other in mine):
                mine.append(box)
        found += mine
    return found


def _changes(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences of each pixel to the next one on its right and to the one below, of the colour that differs most."""
    return cv2.absdiff(rgb[:, 1:], rgb[:, :-1]).max(2), cv2.absdiff(rgb[1:], rgb[:-1]).max(2)


def _pieces(across: np.ndarray, down: np.ndarray, gap: int) -> Iterator[Box]:
    """Connected pieces of unrest, over gaps of some pixels."""
    unrest = np.zeros((across.shape[0], down.shape[1]), np.uint8)
    for change, first, second in ((across, np.s_[:, :-1], np.s_[:, 1:]), (down, np.s_[:-1], np.s_[1:])):
        unrest[first] |= change
        unrest[second] |= change
    if gap > 1:
        unrest = cv2.morphologyEx(unrest, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(unrest, connectivity=8)
    for left, top, width, height, _ in stats[1:].tolist():
        yield Box(left, top, width, height)


def _outlines(box: Box, across: np.ndarray, down: np.ndarray) -> list[Box]:
    """The box with its sides on lines near them: the losses of a JPEG reach over a picture's border. Squares first,
    then those with the clearest lines."""
    left, top, width, height = box
    rows = np.s_[top + height // 10 : top + height - height // 10]
    columns = np.s_[left + width // 10 : left + width - width // 10]
    upright, level = across[rows], down[:, columns].T
    sides = [_lines(upright, left), _lines(upright, left + width), _lines(level, top), _lines(level, top + height)]
    ranked: list[tuple[bool, float, Box]] = []
    for (x0, a), (x1, b), (y0, c), (y1, d) in itertools.product(*sides):
        outline = Box(x0, y0, x1 - x0, y1 - y0)
        ranked.append((abs(outline.width - outline.height) > 2, -(a + b + c + d), outline))
    return [outline for _, _, outline in sorted(ranked)]


def _lines(change: np.ndarray, near: int) -> list[tuple[int, float]]:
    """First pixels behind the lines that stand out most, close to a position, and by how much. The end of the picture
    is one."""
    last = change.shape[1]
    if near in (0, last + 1):
        return [(near, 0.0)]
    first = max(0, near - 1 - _REACH)
    strength = np.pad(change[:, first : near + _REACH].mean(0), 2, mode="edge")
    clear = strength[2:-2] - (strength[:-4] + strength[4:]) / 2
    return [(first + int(best) + 1, float(clear[best])) for best in np.argsort(-clear)[:_LINES]]


def _is_likely(box: Box) -> bool:
    return min(box[2:]) >= _SMALLEST and max(box[2:]) <= _MOST_STRETCHED * min(box[2:])


def _same(one: Box, other: Box, pixels: int) -> bool:
    """Whether no side is further from the other box's than some pixels."""
    ends = ((b.left, b.top, b.left + b.width, b.top + b.height) for b in (one, other))
    return all(abs(a - b) <= pixels for a, b in zip(*ends, strict=True))


def tilted(picture: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """A whitened picture turned back by small angles, as if it had been turned in its own frame, in a frame that has
    grown around it, or cut so that no corner is empty."""
    side = count * TILE
    height, width = picture.shape
    for degrees in _angles(_TILT_STEPS[count]):
        angle = math.radians(degrees)
        grown = math.cos(angle) + math.sin(abs(angle))
        for scale in (1.0, 1 / grown, grown):
            a, b = math.cos(angle) * scale * width / side, math.sin(angle) * scale * width / side
            shift = ((width - 1) / 2 - (a + b) * (side - 1) / 2, (height - 1) / 2 - (a - b) * (side - 1) / 2)
            matrix = np.array([[a, b, shift[0]], [-b, a, shift[1]]])
            how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            yield cv2.warpAffine(picture, matrix, (side, side), flags=how, borderMode=cv2.BORDER_CONSTANT)


@lru_cache(maxsize=2)
def _angles(step: float) -> tuple[float, ...]:
    """Small ones first."""
    number = int(_TILT / step)
    return tuple(sorted((step * i for i in range(-number, number + 1) if i), key=abs))
