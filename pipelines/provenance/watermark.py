"""The invisible watermark: a faint pattern in the pixels that says which software made a picture.

A mark for finding, no proof. It survives what strips metadata (a screenshot, a messenger, another file format, a
smaller copy, a cut edge), but the pattern is public like this file: anybody can put it into any picture or wash it out.
It holds no number of its own: two portraits carry the same pattern, and none leads to a person.

Additive spread spectrum (Cox, Kilian, Leighton and Shamoon 1997, "Secure spread spectrum watermarking for multimedia")
in a ring of spatial frequencies, as a periodic tile whose size goes with the picture's (Kutter 1998, "Watermarking
resisting to translation, rotation and scaling"), weak in smooth areas and stronger in texture (Podilchuk and Zeng 1998,
"Image-adaptive watermarking using visual models"). It is looked for in the picture as it is; then in the places where
it would lie after a screenshot, stretching or a small turn (`watermark_places`); then at all shifts over a row of
scales, for pictures of which a part is left. Two patterns say two things: made with a generative model, or with
filters.

False alarms. At each look the score is a sum of cosines of (phase of the picture - phase of the key), one for each
frequency of the ring, over the square root of half their number. The phases of the key are independent and uniform, so
that for any picture made without it P(score > x) <= exp(-x^2 / 2), because I0(t) <= exp(t^2 / 4). How many looks there
are decides how high a score must be: some hundred where the picture is as it was (6.0), 70,000 in the places where it
may lie (7.0), 10^8 at all shifts of all scales (8.2). Together this stays below `FALSE_ALARM_BOUND` for each picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipelines.provenance import watermark_places as places
from pipelines.provenance.watermark_pattern import (
    EVERY_POSE,
    KINDS,
    TILE,
    UPRIGHT,
    Kind,
    Match,
    Pose,
    luma,
    matches_anywhere,
    matches_in_place,
    phases,
    tile,
    whitened,
)

__all__ = ["FALSE_ALARM_BOUND", "KINDS", "SMALLEST_LEFT", "SMALLEST_SIDE", "Found", "Kind", "detect", "embed"]

SMALLEST_SIDE = 128  # pixels; what is smaller has too few of them to be marked
SMALLEST_LEFT = 32  # in what is smaller it is not looked for

_FLAT, _TEXTURED, _MOST = 0.6, 0.2, 3.0  # grey levels: in smooth areas, for each grey level of texture, at most
_DARK = 64.0  # grey level below which the mark fades, to half its strength in black
_GAIN_RANGE = (0.6, 1.25)
_WANTED = 11.0  # score after the treatment that `_gain` tries

_THRESHOLD_IN_PLACE, _THRESHOLD_IN_PLACES, _THRESHOLD = 6.0, 7.0, 8.2  # see above
# Where it is looked for at all shifts: tiles along the picture; how long the whole was for what is left of it, from and
# to; step. The last two rows are for pictures pasted into larger ones whose outline is not seen.
_SCALES = ((1, 1.0, 1.36, 0.008), (2, 1.0, 1.36, 0.005), (2, 1.36, 2.0, 0.01), (2, 0.6, 1.0, 0.01))
FALSE_ALARM_BOUND = 1e-5  # for each picture, see above


class Found(NamedTuple):
    """A watermark that was found.

    Attributes:
        kind: What the pattern says.
        score: Standard deviations over chance.
        mirrored: The picture is mirrored since.
    """

    kind: Kind
    score: float
    mirrored: bool


def embed(image: Image.Image, kind: Kind) -> Image.Image:
    """Mark a picture. The same picture always gives the same pixels.

    Args:
        image: At least SMALLEST_SIDE pixels on its short side; smaller ones come back as they are.
        kind: What the mark shall say.

    Returns:
        RGB of the same size, each pixel at most a few grey levels lighter or darker.
    """
    if min(image.size) < SMALLEST_SIDE:
        return image
    rgb = np.asarray(image.convert("RGB"))
    height, width = rgb.shape[:2]
    count = _tiles_along(max(height, width))
    side = round(max(height, width) / count)
    marks = np.tile(tile(kind, side), (-(-height // side), -(-width // side)))[:height, :width]
    marks = marks * _visibility(luma(rgb), side)
    return Image.fromarray(_added(rgb, marks * _gain(rgb, marks, kind, count)))


def detect(image: Image.Image, *, in_place_only: bool = False) -> Found | None:
    """Look for the mark: at any size, mirrored or turned by a quarter, stretched, turned by up to five degrees, with up
    to a quarter of each side cut off, or on a page.

    Args:
        image: Any picture.
        in_place_only: Look only for a picture as it was made; takes some milliseconds instead of up to two seconds.
    """
    if min(image.size) < SMALLEST_LEFT:
        return None
    rgb = np.asarray(image.convert("RGB"))
    grey = luma(rgb)
    whole = {count: _long_side(grey, count) for count in (1, 2)}
    for picture in whole.values():
        if found := _best(matches_in_place(phases(picture), UPRIGHT), _THRESHOLD_IN_PLACE):
            return found
    if in_place_only:
        return None
    for view in _views(rgb, grey, whole):
        if found := _best(matches_in_place(phases(view), EVERY_POSE), _THRESHOLD_IN_PLACES):
            return found
    for count, first, last, step in _SCALES:
        for number in range(int(math.log(last / first) / step) + 1):
            view = _enlarged(whole[count], first * math.exp(number * step))
            if found := _best(matches_anywhere(phases(view), UPRIGHT), _THRESHOLD):
                return found
    return None


def _views(rgb: np.ndarray, grey: np.ndarray, whole: dict[int, np.ndarray]) -> Iterator[np.ndarray]:
    """Where the mark would be in place if this picture were a turned, stretched, tilted or pasted portrait."""
    height, width = grey.shape
    boxes = [places.Box(0, 0, width, height), *places.boxes_on_page(rgb)]
    for count in whole:
        yield from places.squares(grey, boxes, count)
    for count, picture in whole.items():
        yield from places.tilted(picture, count)


def _best(matches: Iterator[Match], threshold: float) -> Found | None:
    best = max(matches)
    return Found(best.kind, best.score, best.mirrored) if best.score >= threshold else None


def _tiles_along(longest: int) -> int:
    """Tiles along the long side. Two on large pictures, so that the pattern stays fine; never more, so that it is
    found again without trying many scales."""
    return 1 if longest < 768 else 2


def _visibility(grey: np.ndarray, side: int) -> np.ndarray:
    """Grey levels that the pattern may have at each pixel. A mean of roots, so that one edge in a smooth area counts
    less than texture: noise beside an edge is seen."""
    scale = side / TILE
    mean = cv2.GaussianBlur(grey, (0, 0), 2.0 * scale)
    texture = cv2.GaussianBlur(np.sqrt(np.abs(grey - mean)), (0, 0), 3.0 * scale) ** 2
    light = 0.5 + 0.5 * np.minimum(mean / _DARK, 1.0)
    return np.minimum(_FLAT + _TEXTURED * texture, _MOST) * light


def _added(rgb: np.ndarray, marks: np.ndarray) -> np.ndarray:
    change = np.rint(marks).astype(np.int16)
    return cv2.add(rgb, cv2.merge((change, change, change)), dtype=cv2.CV_8U)


def _gain(rgb: np.ndarray, marks: np.ndarray, kind: Kind, count: int) -> float:
    """How strong this picture's mark must be: tried on a copy of half the size, saved as JPEG of quality 60."""
    height, width = rgb.shape[:2]
    marked = cv2.cvtColor(_added(rgb, marks), cv2.COLOR_RGB2GRAY)
    half = cv2.resize(marked, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", half, (cv2.IMWRITE_JPEG_QUALITY, 60))
    tried = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32)
    found = matches_in_place(phases(_long_side(tried, count)), (Pose(),))
    score = max(match.score for match in found if match.kind == kind)
    return min(max(_WANTED / max(score, 1.0), _GAIN_RANGE[0]), _GAIN_RANGE[1])


def _long_side(grey: np.ndarray, count: int) -> np.ndarray:
    """Whitened at `count` tiles along its long side."""
    factor = count * TILE / max(grey.shape)
    return whitened(grey, (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor))))


def _enlarged(picture: np.ndarray, cut: float) -> np.ndarray:
    """A whitened picture at the size that it has where the long side was `cut` times as long."""
    height, width = (max(1, round(side / cut)) for side in picture.shape)
    shift = (1 / cut - 1) / 2
    matrix = np.array([[1 / cut, 0, shift], [0, 1 / cut, shift]])
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
