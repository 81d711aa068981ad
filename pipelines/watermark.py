"""The invisible watermark: a faint pattern in the pixels that says which software made a picture.

A mark for finding, no proof. It survives what strips metadata (a screenshot, a messenger, another file format, a
smaller copy, a cut edge), but the pattern is public like this file: anybody can put it into any picture or wash it out.
It holds no number of its own: two portraits carry the same pattern, and none leads to a person. A picture that is
turned by two degrees has lost it.

Additive spread spectrum (Cox, Kilian, Leighton and Shamoon 1997, "Secure spread spectrum watermarking for multimedia")
in a ring of spatial frequencies, as a periodic tile whose size goes with the picture's (Kutter 1998, "Watermarking
resisting to translation, rotation and scaling"), weak in smooth areas and stronger in texture (Podilchuk and Zeng 1998,
"Image-adaptive watermarking using visual models"). It is found again by phase-only matched filtering (Kuglin and Hines
1975), which tries all shifts at once, over a row of scales, as it is and mirrored. Two patterns say two things: made
with a generative model, or with filters.

False alarms. At each shift the score is a sum of cosines of (phase of the picture - phase of the key), one for each
frequency of the ring, over the square root of half their number. The phases of the key are independent and uniform, so
that for any picture made without it P(score > x) <= exp(-x^2 / 2), because I0(t) <= exp(t^2 / 4). Over all shifts,
scales, mirrorings and both patterns this stays below `FALSE_ALARM_BOUND` for each picture.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import cv2
import numpy as np
from PIL import Image

Kind = Literal["ai", "filter"]
KINDS: tuple[Kind, Kind] = ("ai", "filter")
SMALLEST_SIDE = 128  # pixels; what is smaller has too few of them to be marked
SMALLEST_LEFT = 32  # in what is smaller it is not looked for

_TILE = 256  # samples of the tile at which it is looked for
_RING = (14, 68)  # cycles over a tile. At 256 pixels, half of them leaves 64: higher ones would be lost
_KEY = 20_260_730  # version 1 of the pattern; another one would be another key

_FLAT, _TEXTURED, _MOST = 0.6, 0.2, 3.0  # grey levels: in smooth areas, for each grey level of texture, at most
_DARK = 64.0  # grey level below which the mark fades, to half its strength in black
_GAIN_RANGE = (0.6, 1.25)
_WANTED = 11.0  # score after the treatment that `_gain` tries

_THRESHOLD = 8.0
_THRESHOLD_IN_PLACE = 6.0  # neither cut nor shifted: far fewer places to look at, so a lower score is as certain
# Where it is looked for: tiles along the picture; how long the whole was for what is left of it, from and to; step. The
# last two rows are for pictures pasted into larger ones, such as screenshots.
_SCALES = ((1, 1.0, 1.36, 0.008), (2, 1.0, 1.36, 0.005), (2, 1.36, 2.0, 0.01), (2, 0.6, 1.0, 0.01))
FALSE_ALARM_BOUND = 3e-6  # for each picture, see above


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
    tile = _tile(kind, side)
    pattern = np.tile(tile, (-(-height // side), -(-width // side)))[:height, :width]
    pattern = pattern * _visibility(_luma(rgb), side)
    return Image.fromarray(_added(rgb, pattern * _gain(rgb, pattern, kind, count)))


def detect(image: Image.Image, *, in_place_only: bool = False) -> Found | None:
    """Look for the mark: at any size, mirrored too, with up to a quarter of each side cut off, or pasted into a picture
    up to three times as long.

    Args:
        image: Any picture.
        in_place_only: Look only for a picture that was not cut; takes some milliseconds instead of up to a second.
    """
    if min(image.size) < SMALLEST_LEFT:
        return None
    luma = _luma(np.asarray(image.convert("RGB")))
    whitened = {count: _whitened(luma, count) for count in (1, 2)}
    for picture in whitened.values():
        found = _best(_phases(picture, 1.0), in_place=True)
        if found.score >= _THRESHOLD_IN_PLACE:
            return found
    if in_place_only:
        return None
    for count, first, last, step in _SCALES:
        for number in range(int(math.log(last / first) / step) + 1):
            found = _best(_phases(whitened[count], first * math.exp(number * step)), in_place=False)
            if found.score >= _THRESHOLD:
                return found
    return None


def _tiles_along(longest: int) -> int:
    """Tiles along the long side. Two on large pictures, so that the pattern stays fine; never more, so that it is
    found again without trying many scales."""
    return 1 if longest < 768 else 2


@lru_cache(maxsize=2)
def _spectrum(kind: Kind) -> np.ndarray:
    """Fourier coefficients of the pattern, (_TILE, _TILE) complex: random phases in the ring, 0 elsewhere."""
    generator = np.random.Generator(np.random.PCG64([_KEY, KINDS.index(kind)]))
    noise = np.fft.fft2(generator.standard_normal((_TILE, _TILE)))
    return np.where(_ring(), noise / np.abs(noise), 0)


@lru_cache(maxsize=1)
def _ring() -> np.ndarray:
    cycles = np.fft.fftfreq(_TILE, 1 / _TILE)
    radius = np.hypot(cycles[:, None], cycles[None, :])
    return (radius >= _RING[0]) & (radius <= _RING[1])


@lru_cache(maxsize=12)
def _tile(kind: Kind, side: int) -> np.ndarray:
    """The pattern at a size, (side, side) float32, root mean square 1."""
    highest = min(_RING[1], side // 2 - 1)
    keep = np.arange(-highest, highest + 1)
    wide = np.zeros((side, side), np.complex128)
    wide[np.ix_(keep, keep)] = _spectrum(kind)[np.ix_(keep, keep)]
    pattern = np.fft.ifft2(wide).real
    return (pattern / pattern.std()).astype(np.float32)


@lru_cache(maxsize=2)
def _matched(mirrored: bool) -> np.ndarray:
    """Both patterns as one filter, scaled so that the scores have standard deviation 1 on unmarked pictures.

    The real part of the answer belongs to the first pattern, the imaginary one to the second.
    """
    first, second = (np.conj(_spectrum(kind)) for kind in KINDS)
    both = (first + 1j * second) / math.sqrt(np.count_nonzero(first))
    flip = -np.arange(_TILE)
    return (both[:, flip] if mirrored else both).astype(np.complex64)


def _luma(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _visibility(luma: np.ndarray, side: int) -> np.ndarray:
    """Grey levels that the pattern may have at each pixel. A mean of roots, so that one edge in a smooth area counts
    less than texture: noise beside an edge is seen."""
    scale = side / _TILE
    mean = cv2.GaussianBlur(luma, (0, 0), 2.0 * scale)
    texture = cv2.GaussianBlur(np.sqrt(np.abs(luma - mean)), (0, 0), 3.0 * scale) ** 2
    light = 0.5 + 0.5 * np.minimum(mean / _DARK, 1.0)
    return np.minimum(_FLAT + _TEXTURED * texture, _MOST) * light


def _added(rgb: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    change = np.rint(pattern).astype(np.int16)
    return cv2.add(rgb, cv2.merge((change, change, change)), dtype=cv2.CV_8U)


def _gain(rgb: np.ndarray, pattern: np.ndarray, kind: Kind, count: int) -> float:
    """How strong this picture's mark must be: tried on a copy of half the size, saved as JPEG of quality 60."""
    height, width = rgb.shape[:2]
    marked = cv2.cvtColor(_added(rgb, pattern), cv2.COLOR_RGB2GRAY)
    half = cv2.resize(marked, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", half, (cv2.IMWRITE_JPEG_QUALITY, 60))
    tried = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32)
    scores = _in_place(_scores(_phases(_whitened(tried, count), 1.0), mirrored=False))
    score = float(scores[..., KINDS.index(kind)].max())
    return min(max(_WANTED / max(score, 1.0), _GAIN_RANGE[0]), _GAIN_RANGE[1])


def _whitened(luma: np.ndarray, count: int) -> np.ndarray:
    """The picture at `count * _TILE` samples along its long side, its coarse shapes gone, its contrast evened out."""
    factor = count * _TILE / max(luma.shape)
    size = (max(1, round(luma.shape[1] * factor)), max(1, round(luma.shape[0] * factor)))
    picture = cv2.resize(luma, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    detail = picture - cv2.GaussianBlur(picture, (0, 0), 2.0)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2.5))
    return detail / (contrast + 0.7)


def _phases(picture: np.ndarray, cut: float) -> np.ndarray:
    """Fourier coefficients at magnitude 1, (_TILE, _TILE) complex64, where the long side was `cut` times as long."""
    height, width = (max(1, round(side / cut)) for side in picture.shape)
    if cut != 1:
        shift = (1 / cut - 1) / 2
        matrix = np.array([[1 / cut, 0, shift], [0, 1 / cut, shift]])
        how = cv2.INTER_CUBIC if cut > 1 else cv2.INTER_LINEAR
        picture = cv2.warpAffine(picture, matrix, (width, height), flags=how, borderMode=cv2.BORDER_REPLICATE)
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    padded = np.zeros((rows * _TILE, columns * _TILE), np.float32)
    padded[:height, :width] = picture
    folded = padded.reshape(rows, _TILE, columns, _TILE).sum((0, 2))
    spectrum = cv2.dft(folded, flags=cv2.DFT_COMPLEX_OUTPUT).view(np.complex64)[..., 0]
    return spectrum / (np.abs(spectrum) + 1e-6)


def _scores(phases: np.ndarray, mirrored: bool) -> np.ndarray:
    """Scores of both patterns at every shift, (_TILE, _TILE, 2)."""
    filtered = phases * _matched(mirrored)
    return cv2.dft(filtered.view(np.float32).reshape(_TILE, _TILE, 2), flags=cv2.DFT_INVERSE)


def _in_place(scores: np.ndarray) -> np.ndarray:
    """Those of shifts of at most one sample."""
    near = np.array([-1, 0, 1])
    return scores[np.ix_(near, near)]


def _best(phases: np.ndarray, *, in_place: bool) -> Found:
    """The highest score of both patterns, mirrored and not."""
    candidates: list[Found] = []
    for mirrored in (False, True):
        scores = _scores(phases, mirrored)
        planes = cv2.split(_in_place(scores) if in_place else scores)
        candidates += [Found(kind, float(plane.max()), mirrored) for kind, plane in zip(KINDS, planes, strict=True)]
    return max(candidates, key=lambda found: found.score)
