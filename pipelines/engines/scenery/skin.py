"""Skin that a style may brush and draw over, but not lighten, darken or redden.

Contrast and saturation are what moves skin: turned about the middle of a face, they lift what lies above it, cheeks and
forehead, and the more so the more light and shade a face has. So skin is put back place by place, not by one number for
the whole face, which would make the shaded half darker. The correction is found by trying it out: over the whole face
on a small copy, then on cheeks and forehead, where skin tone is measured (`vision.SKIN_SITES`). Each place speaks only
for what is near it: averaged over more, parts of brown and dark faces between those places were left lighter.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines import vision
from pipelines.engines.operations.canvas import Canvas

_WIDTH = 160  # pixels of the small copy
_WINDOW = 5  # pixels of it, of the median; OpenCV is fastest up to 5
_REACH, _SITE = 0.035, 0.12  # face heights: of the median's smoothing, and how far a site speaks
_ROUNDS = 3
_LEAST_PIXELS, _MOST_PIXELS = 12, 900  # of a site; more are thinned out
_SLIVER = 0.35  # of the largest site; smaller ones are turned away
# How far skin is moved at most. A style that goes further than this has colours of its own.
_MOST_LIGHTNESS = 24.0
_MOST_TURN = 0.6  # radians
_LEAST_SCALE, _MOST_SCALE = 0.4, 1.6
_SCENE_TINT = np.array((1.0, 0.4, 0.4), np.float32)  # shares of a scene's light that stay on skin: L*, a*, b*
_MOST_APART = 1.0  # L* that a scene's hard light may take the whole face from its own, for cheeks and forehead
_GREY = 2.0  # chroma under which there is no hue to turn (black-and-white photos, overexposed skin)


@dataclass(frozen=True)
class _Sites:
    """The pixels of cheeks and forehead, as far as they can be seen, at the picture's own size.

    Attributes:
        rows: (n,) of all sites.
        columns: (n,)
        ends: Where each site's pixels end in them.
        wanted: (sites, 3) float32 Lab.
        reach: (sites, h, w) float32 on the small copy, how much each speaks for a pixel; at most 1 together.
    """

    rows: np.ndarray
    columns: np.ndarray
    ends: tuple[int, ...]
    wanted: np.ndarray
    reach: np.ndarray

    def lab(self, image: np.ndarray) -> np.ndarray:
        """(n, 1, 3) of an (H, W, 3) RGB picture."""
        return cv2.cvtColor(image[self.rows, self.columns][:, None], cv2.COLOR_RGB2LAB)

    def medians(self, lab: np.ndarray) -> np.ndarray:
        """(sites, 3), shadows, hairs and highlights left out, as the faithfulness meter does."""
        found = []
        for start, end in zip((0, *self.ends), self.ends, strict=False):
            pixels = lab[start:end, 0]
            pixels = pixels[np.argsort(pixels[:, 0])[round(0.15 * len(pixels)) : round(0.85 * len(pixels)) + 1]]
            found.append(np.sort(pixels, axis=0)[len(pixels) // 2])
        return np.asarray(found, np.float32)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """(h, w) of one value a site."""
        return (values[:, None, None] * self.reach).sum(axis=0)


@dataclass(frozen=True)
class _Skin:
    """Where skin is and what it should look like, on a small copy of (h, w) pixels.

    Attributes:
        weight: (h, w) float32, 1 on the face and on what has its colour (neck, hands), else 0, soft between.
        face: (h, w) float32, the face alone.
        inner: (h, w) bool, its skin, without eyes, brows and mouth.
        known: (h, w, 3) float32, the same, soft, for each channel.
        level: (h, w, 3) float32, a half over the sum of what is known around a pixel.
        features: (h, w) float32, eyes, brows and mouth.
        wanted: (h, w, 3) float32 Lab.
        sites: None where no cheek and no forehead is seen.
        reach: Pixels over which the correction is smoothed.
    """

    weight: np.ndarray
    face: np.ndarray
    inner: np.ndarray
    known: np.ndarray
    level: np.ndarray
    features: np.ndarray
    wanted: np.ndarray
    sites: _Sites | None
    reach: float

    def tone(self, lab: np.ndarray) -> np.ndarray:
        """Lab of the skin around each pixel, without lines, dots and grain: medians, then averaged."""
        zero = (0.0, 128.0, 128.0, 0.0)  # bytes hold twice a value, for a finer median
        median = cv2.medianBlur(cv2.add(2 * lab, zero, dtype=cv2.CV_8U), _WINDOW)
        weighted = cv2.subtract(median, zero, dtype=cv2.CV_32F) * self.known
        tone: np.ndarray = cv2.GaussianBlur(weighted, (0, 0), self.reach) * self.level
        return tone


def keep_skin(canvas: Canvas, pieces: bool) -> None:
    """Moves skin back to the lightness and hue that it had before the recipe. Changes the image of the canvas.

    Of a scene's light the direction stays, and a part of its colour. Nothing happens without face landmarks.

    Args:
        pieces: The picture is made of flat pieces (pixels, paper, facets), which must stay flat.
    """
    skin = _skin(canvas)
    if skin is None:
        return
    fields = cv2.resize(
        _correction(canvas, skin, pieces), (canvas.width, canvas.height), interpolation=cv2.INTER_LINEAR
    )
    where = _frame(skin.weight, canvas)
    lab = cv2.cvtColor(canvas.image[where], cv2.COLOR_RGB2LAB)
    moved = cv2.cvtColor(_moved(lab, fields[where], canvas.features[where], pieces), cv2.COLOR_LAB2RGB)
    canvas.image = canvas.image.copy()
    canvas.image[where] = np.clip(moved, 0, 1)


def _frame(weight: np.ndarray, canvas: Canvas) -> tuple[slice, slice]:
    """Rows and columns of the picture outside of which is no skin."""
    found = []
    for axis, length in ((1, canvas.height), (0, canvas.width)):
        there = np.flatnonzero(weight.max(axis=axis) > 0.01)
        factor = length / weight.shape[1 - axis]
        found.append(slice(max(0, int((there[0] - 1) * factor)), int((there[-1] + 2) * factor)))
    return found[0], found[1]


def _small(image: np.ndarray) -> np.ndarray:
    """Every n-th pixel: medians are taken of it, which averaged lines and dots would darken."""
    height, width = image.shape[:2]
    size = (min(width, _WIDTH), max(1, round(height * min(width, _WIDTH) / width)))
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)


def _skin(canvas: Canvas) -> _Skin | None:
    if canvas.landmarks is None:
        return None
    face, features = _small(canvas.face), _small(canvas.features)
    inner = (face > 0.8) & (features < 0.15)
    if inner.sum() < _LEAST_PIXELS:
        return None
    photo = canvas.source if canvas.photo is None else canvas.photo
    own, lit = (cv2.cvtColor(_small(image), cv2.COLOR_RGB2LAB) for image in (photo, canvas.source))
    # Light comes from where it comes, but leaves the face as light as it was: as a whole, and on cheeks and forehead.
    brighter = float(np.median(lit[inner][:, 0]) - np.median(own[inner][:, 0]))
    sites = _sites(canvas, face.shape)
    if sites is not None:
        before, after = sites.medians(sites.lab(photo)), sites.medians(sites.lab(canvas.source))
        apart = (float(np.median((after - before)[:, 0])) - brighter) / 2
        brighter += float(np.clip(apart, -_MOST_APART, _MOST_APART))
        sites.wanted[:] = before + (after - before) * _SCENE_TINT - (brighter, 0, 0)
    off = cv2.subtract(lit, (*np.median(lit[inner], axis=0).tolist(), 0.0))
    off = sum((off[..., axis] / width) ** 2 for axis, width in enumerate((70, 30, 30)))
    alike = np.maximum(np.exp(-off) * _small(canvas.person), face).astype(np.float32)
    known = cv2.merge([face * (1 - features) ** 2 + np.float32(1e-4)] * 3)
    reach = max(1.0, _REACH * canvas.face_size * face.shape[1] / canvas.width)
    return _Skin(
        weight=cv2.GaussianBlur(alike, (0, 0), 1.2),
        face=face,
        inner=inner,
        known=known,
        level=0.5 / cv2.GaussianBlur(known, (0, 0), reach),
        features=features,
        wanted=own + (lit - own) * _SCENE_TINT - np.array((brighter, 0, 0), np.float32),
        sites=sites,
        reach=reach,
    )


def _sites(canvas: Canvas, small: tuple[int, ...]) -> _Sites | None:
    """Cheeks and forehead that face the camera; what is wanted of them is still 0."""
    assert canvas.landmarks is not None
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for indices in vision.SKIN_SITES:
        outline = cv2.convexHull(canvas.landmarks[list(indices)].round().astype(np.int32))
        left, top, width, height = cv2.boundingRect(outline)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, outline - np.array((left, top), np.int32), 1)
        rows, columns = np.nonzero(mask)
        rows, columns = rows + top, columns + left
        inside = (rows >= 0) & (rows < canvas.height) & (columns >= 0) & (columns < canvas.width)
        found.append((rows[inside], columns[inside], outline.mean(axis=(0, 1))))
    least = max(_LEAST_PIXELS, _SLIVER * max(len(rows) for rows, _, _ in found))
    found = [site for site in found if len(site[0]) >= least]
    if not found:
        return None
    thin = [slice(None, None, 1 + len(rows) // _MOST_PIXELS) for rows, _, _ in found]
    rows, columns = (
        np.concatenate([site[axis][each] for site, each in zip(found, thin, strict=True)]) for axis in (0, 1)
    )
    factor = small[1] / canvas.width
    bells = np.stack([_bell(small, middle * factor, _SITE * canvas.face_size * factor) for _, _, middle in found])
    return _Sites(
        rows=rows,
        columns=columns,
        ends=tuple(np.cumsum([len(site[0][each]) for site, each in zip(found, thin, strict=True)]).tolist()),
        wanted=np.zeros((len(found), 3), np.float32),
        reach=bells / np.maximum(bells.sum(axis=0), 1),
    )


def _bell(shape: tuple[int, ...], middle: np.ndarray, sigma: float) -> np.ndarray:
    """(h, w), 1 at a point, falling to 0."""
    across = np.exp(-(((np.arange(shape[1]) - middle[0]) / sigma) ** 2) / 2)
    down = np.exp(-(((np.arange(shape[0]) - middle[1]) / sigma) ** 2) / 2)
    bell: np.ndarray = np.outer(down, across).astype(np.float32)
    return bell


def _correction(canvas: Canvas, skin: _Skin, pieces: bool) -> np.ndarray:
    """(h, w, 4) float32: what is added to lightness, what a + ib is turned by (less 1), and local lightness before."""
    first = now = cv2.cvtColor(_small(canvas.image), cv2.COLOR_RGB2LAB)
    aim, there = skin.tone(skin.wanted), skin.tone(first)
    before = there[..., 0]
    lighter, turn = np.zeros(before.shape, np.float32), np.ones(before.shape, np.complex64)
    for left in reversed(range(_ROUNDS)):
        lighter, turn = lighter + aim[..., 0] - there[..., 0], _bounded(turn * _turn(there, aim))
        fields = _fields(skin, lighter, turn, before)
        if left:
            now = _moved(first, fields, skin.features, pieces)
            there = skin.tone(now)
    sites = skin.sites
    if sites is None:
        return fields
    height, width = before.shape
    here = sites.rows * height // canvas.height, sites.columns * width // canvas.width
    pixels, features = sites.lab(canvas.image), canvas.features[sites.rows, sites.columns][:, None]
    for _ in range(_ROUNDS):
        found = sites.medians(_moved(pixels, fields[here][:, None], features, pieces))
        lighter = lighter + sites.spread((sites.wanted - found)[:, 0])
        turn = _bounded(turn * (1 + sites.spread(_turn(found, sites.wanted) - 1)))
        fields = _fields(skin, lighter, turn, before)
    return fields


def _fields(skin: _Skin, lighter: np.ndarray, turn: np.ndarray, before: np.ndarray) -> np.ndarray:
    """See _correction. Neck and hands, whose light is another, get the middle of what the face gets."""
    lighter = np.clip(lighter, -_MOST_LIGHTNESS, _MOST_LIGHTNESS)
    fields = []
    for field, weight in ((lighter, skin.weight), (turn.real - 1, skin.weight), (turn.imag, skin.weight), (before, 1)):
        middle = float(np.median(field[skin.inner]))
        fields.append(((middle + skin.face * (field - middle)) * weight).astype(np.float32))
    return cv2.merge(fields)


def _turn(there: np.ndarray, aim: np.ndarray) -> np.ndarray:
    """Complex factors that bring a + ib of (..., 3) Lab to the aim; 1 where either is grey.

    Hue and colourfulness are turned and scaled, not pushed, so that pale highlights do not go blue.
    """
    start, end = there[..., 1] + 1j * there[..., 2], aim[..., 1] + 1j * aim[..., 2]
    colourful = np.clip((np.minimum(np.abs(start), np.abs(end)) - _GREY) / 3, 0, 1)
    turned: np.ndarray = 1 + colourful * (end * start.conj() / np.maximum(np.abs(start) ** 2, 1.0) - 1)
    return turned


def _bounded(factor: np.ndarray) -> np.ndarray:
    scale = np.clip(np.abs(factor), _LEAST_SCALE, _MOST_SCALE)
    angle = np.clip(np.angle(factor), -_MOST_TURN, _MOST_TURN)
    bounded: np.ndarray = scale * (np.cos(angle) + 1j * np.sin(angle))
    return bounded


def _moved(lab: np.ndarray, fields: np.ndarray, features: np.ndarray, pieces: bool) -> np.ndarray:
    """Lab with the correction. Ink and highlights, far from the skin around them, stay; in flat pieces nothing may.

    Lips keep most of what the style made of their colour.
    """
    lightness, red, yellow = cv2.split(lab)
    lighter, real, imaginary, before = cv2.split(fields)
    if not pieces:
        lighter = lighter * cv2.exp(((lightness - before) * (1 / 36)) ** 2 * -1)
    colour = 1 - 0.8 * features
    real, imaginary = real * colour, imaginary * colour
    return cv2.merge(
        (lightness + lighter, red + real * red - imaginary * yellow, yellow + real * yellow + imaginary * red)
    )
