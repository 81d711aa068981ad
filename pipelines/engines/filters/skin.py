"""Skin that a style may brush and draw over, but not lighten, darken or redden.

Contrast and saturation are what moves skin. All skin of the person (face, ears, neck, chest, hands) is put back by one
correction, with no border where a face ends and a neck begins: a face put back alone was a mask. First each tone of
the picture's skin gets what the photo has, on average, where that tone is: one curve for the whole person, so flat
tones stay flat and a neck in shadow stays in it. What is left is averaged over a good part of a face and added. No
place counts more than another, and nothing is fitted to where a meter looks.

What diffusion drew is one picture with a light of its own. Small differences stay there, and more of them towards dark
and warm: skin in a painting is seen by the light of the painting (chromatic adaptation; Fairchild 2013, Color
Appearance Models, ch. 8), so put back to the photo's figures it was a pale, lilac mask in a dark and warm one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipelines.engines.filters.canvas import Canvas, blur, smoothstep
from pipelines.engines.filters.operations.zones import skin_distance

_WIDTH = 112  # pixels of the small copy
_WINDOW = 5  # pixels of it, of the median that takes lines, dots and grain out; OpenCV is fastest up to 5
_REACH = 0.13  # face heights, over which what is left is averaged
_WIDE_REACH = 0.13  # likewise, where tones are flat: so slow that none of them shows a slope
_FEATHER = 0.05  # face heights, within which the edge of skin is found
_ROUNDS = 2
_LEAST_PIXELS = 12
# How far skin is moved at most. A style that goes further than this has colours of its own.
_MOST_LIGHTNESS = 24.0
_MOST_TURN = 0.6  # radians
_LEAST_SCALE, _MOST_SCALE = 0.4, 1.6
_LEAST_SLOPE, _MOST_SLOPE = 0.5, 1.3  # of the curve of tones: no tone becomes another
_LIT_SHARES, _MOST_LIT = (0.5, 0.75, 0.9), 2.5  # of the face's pixels, by lightness; L* given up for its lit side
_SCENE_TINT = np.array((0.55, 0.6, 0.6), np.float32)  # shares of a scene's light that stay on skin: L*, a*, b*
_WARMTH = 0.4  # share of the yellow that a picture gave to skin which stays; of the red, none does
_WARM = 4.0  # b* from which on that counts in full
# With a light of its own: what skin may differ by, L*, a*, b*, down and up. Lighter and colder is what it may least be.
_LESS, _MORE = (5.0, 6.0, 1.5), (0.3, 2.0, 16.0)
_MOST_OF_INK = 10.0  # likewise: L*; with more, ink in hair of the skin's colour becomes a grey blot
_GREY = 2.0  # chroma under which there is no hue to turn (black-and-white photos, overexposed skin)
_INK = 36.0  # L* from the usual skin; ink and highlights so far from it are moved a third as much
_OUTLIER = 18.0  # L* from the usual difference: hair, glasses, a cast shadow that the style left out
_TONE = 5.0  # L*, width of a tone on the curve
_RARE = 0.02  # of all skin; tones rarer than this follow the others
_STEPS = 2.55  # entries of the curve for one L*: 256 of them


@dataclass(frozen=True)
class _Skin:
    """Where skin is and what it should look like, on a small copy of (h, w) pixels.

    Attributes:
        weight: (h, w) float32, 1 on skin, 0 off it, soft between: how much of the correction a pixel gets.
        known: (h, w) float32, likewise without eyes, brows and mouth: how much a pixel tells.
        face: (h, w) float32, what is known of the face.
        features: (h, w) float32, eyes, brows and mouth.
        wanted: (h, w, 3) float32 Lab.
        reach: Pixels over which the correction is averaged.
        own_light: Whether the picture has a light of its own, by which its skin is seen.
    """

    weight: np.ndarray
    known: np.ndarray
    face: np.ndarray
    features: np.ndarray
    wanted: np.ndarray
    reach: float
    own_light: bool

    def stays(self, difference: np.ndarray, channel: int) -> np.ndarray:
        """The part of a difference in L* (0), a* (1) or b* (2) that is left: of a small one all."""
        if not self.own_light:
            return np.zeros_like(difference)
        most = np.where(difference < 0, _LESS[channel], _MORE[channel]).astype(np.float32)
        part: np.ndarray = np.tanh(difference / most) * most
        return part


@dataclass(frozen=True)
class _Correction:
    """What is added to lightness and what a + ib is multiplied by.

    Attributes:
        usual: L* of most skin in the picture.
        lighter: (256,) float32, added to lightness, by lightness.
        real: (256,) float32, what a + ib is multiplied by, less 1, by lightness.
        imaginary: (256,) float32.
        left: (h, w, 3) float32, what a place adds to lightness, and what it multiplies a + ib by, less 1.
    """

    usual: float
    lighter: np.ndarray
    real: np.ndarray
    imaginary: np.ndarray
    left: np.ndarray


def keep_skin(canvas: Canvas, flat: bool, *, own_light: bool = False) -> None:
    """Moves skin back to the lightness and hue that it had before the recipe. Changes the image of the canvas.

    Some of the warmth of a warm picture stays: eyes take it for the light, and brown skin without it looks pale and
    pink there. Of a scene's light the direction stays, and a part of its colour. Nothing happens without landmarks.

    Args:
        flat: The picture is made of flat tones or pieces, over which the correction changes more slowly.
        own_light: Diffusion drew it: small differences stay, and most of the warmth.
    """
    if ("skin", flat) not in canvas.found:
        canvas.found["skin", flat] = _skin(canvas, flat)
    found: _Skin | None = canvas.found["skin", flat]
    if found is None:
        return
    skin = replace(found, own_light=own_light)
    small = _lab(canvas.image)
    _move(canvas, skin, _with_field(skin, small, _curve(skin, _tone(small))))


def _move(canvas: Canvas, skin: _Skin, correction: _Correction) -> None:
    where, size = _frame(skin.weight, canvas), (canvas.width, canvas.height)
    weight = cv2.resize(skin.weight, size, interpolation=cv2.INTER_LINEAR)[where]
    correction = replace(correction, left=cv2.resize(correction.left, size, interpolation=cv2.INTER_LINEAR)[where])
    lab = cv2.cvtColor(canvas.image[where], cv2.COLOR_RGB2LAB)
    moved = _moved(lab, correction, weight, canvas.features[where])
    if not skin.own_light:
        warmer = _WARMTH * smoothstep(0.0, _WARM, lab[..., 2] - moved[..., 2])
        moved[..., 2] += warmer * (lab[..., 2] - moved[..., 2])
    canvas.image = canvas.image.copy()
    canvas.image[where] = np.clip(cv2.cvtColor(moved, cv2.COLOR_LAB2RGB), 0, 1)


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


def _tone(lab: np.ndarray) -> np.ndarray:
    """(h, w, 3) Lab without lines, dots and grain."""
    zero = (0.0, 128.0, 128.0, 0.0)  # bytes hold twice a value, for a finer median
    median = cv2.medianBlur(cv2.add(2 * lab, zero, dtype=cv2.CV_8U), _WINDOW)
    return cv2.subtract(median, zero, dtype=cv2.CV_32F) * np.float32(0.5)


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(_small(image), cv2.COLOR_RGB2LAB)


def _skin(canvas: Canvas, flat: bool) -> _Skin | None:
    if canvas.landmarks is None:
        return None
    face, features = _small(canvas.face), _small(canvas.features)
    inner = (face > 0.8) & (features < 0.15)
    if inner.sum() < _LEAST_PIXELS:
        return None
    own, lit = (
        _tone(_lab(image)) for image in (canvas.source if canvas.photo is None else canvas.photo, canvas.source)
    )
    reach = canvas.face_size * face.shape[1] / canvas.width
    person = np.maximum(_small(canvas.person), face)
    weight = smoothstep(3.2, 1.6, skin_distance(own, face, inner)).astype(np.float32) * person
    weight = cv2.ximgproc.guidedFilter(own[..., 0] / 100, weight, max(2, round(_FEATHER * reach)), 1e-3)
    weight = person * smoothstep(0.1, 0.6, cv2.GaussianBlur(weight, (0, 0), max(0.8, 0.25 * _FEATHER * reach)))
    # Light comes from where it comes, but makes neither the face as a whole nor its lit side much lighter.
    tinted = own + (lit - own) * _SCENE_TINT
    more = np.quantile(tinted[inner][:, 0], _LIT_SHARES) - np.quantile(own[inner][:, 0], _LIT_SHARES)
    brighter = float(min(more.max(), more[0] + _MOST_LIT))
    known = (weight * (1 - features) ** 2 + 1e-4 * face).astype(np.float32)
    return _Skin(
        weight=weight.astype(np.float32),
        known=known,
        face=known * face,
        features=features,
        wanted=tinted - np.array((brighter, 0, 0), np.float32),
        reach=max(1.0, (_WIDE_REACH if flat else _REACH) * reach),
        own_light=False,
    )


def _curve(skin: _Skin, there: np.ndarray) -> _Correction:
    """What each tone of the picture's skin needs, so that it is what the photo has where that tone is.

    Averages by lightness (Nadaraya-Watson); tones that skin hardly has get what all skin gets, ink and highlights less.

    Args:
        there: (h, w, 3) float32 Lab of the picture.
    """
    light, missing = there[..., 0], skin.wanted[..., 0] - there[..., 0]
    usual, shift = _middle(light, skin.known), _middle(missing, skin.known)
    weight = skin.known * cv2.exp(((missing - shift) * np.float32(1 / _OUTLIER)) ** 2 * -1)
    at = np.arange(256, dtype=np.float32) / np.float32(_STEPS)
    start, end = ((lab[..., 1] + 1j * lab[..., 2]) for lab in (there, skin.wanted))
    sums = [weight, weight * missing, weight * start.real, weight * start.imag, weight * end.real, weight * end.imag]
    index = np.clip(light * _STEPS, 0, len(at) - 1).astype(np.intp).ravel()
    table = np.stack([np.bincount(index, each.ravel(), len(at)) for each in sums]).astype(np.float32)
    whole = table.sum(axis=1, keepdims=True)
    table = cv2.GaussianBlur(table, (0, 0), sigmaX=_TONE * _STEPS, sigmaY=1e-3, borderType=cv2.BORDER_CONSTANT)
    # A tone as common as it would be, were skin spread evenly over 50 L*, weighs 50 times a rare one's prior.
    table += whole * np.float32(_RARE / (50 * _STEPS))
    near = np.exp(-(((at - usual) / _INK) ** 2))
    common = np.clip(table[0] / (whole[0] * (2 * _RARE / (50 * _STEPS))) - 1, 0, 1)
    lighter = table[1] / table[0]
    lighter = (lighter + skin.stays(-lighter, 0)) * (near + (1 - near) * common)
    most = _MOST_OF_INK if skin.own_light else _MOST_LIGHTNESS
    lighter = _climbing(np.clip(lighter, -most, most), at, usual)
    now, aim = (table[i : i + 2] / table[0] for i in (2, 4))
    aim = [aim[i] + skin.stays(now[i] - aim[i], i + 1) for i in range(2)]
    turn = _bounded(_turn(now[0] + 1j * now[1], aim[0] + 1j * aim[1]))
    light_table, real, imaginary = (each.astype(np.float32) for each in (lighter, turn.real - 1, turn.imag))
    return _Correction(usual, light_table, real, imaginary, np.zeros_like(there))


def _climbing(lighter: np.ndarray, at: np.ndarray, usual: float) -> np.ndarray:
    """A shift by lightness under which no tone overtakes another, right at the usual one."""
    steps = np.clip(np.diff(at + lighter), _LEAST_SLOPE / _STEPS, _MOST_SLOPE / _STEPS)
    climbing = np.concatenate(([0.0], np.cumsum(steps)))
    middle = min(len(at) - 1, round(usual * _STEPS))
    shifted: np.ndarray = climbing - climbing[middle] + at[middle] + lighter[middle] - at
    return shifted


def _with_field(skin: _Skin, small: np.ndarray, correction: _Correction) -> _Correction:
    """The correction with what it leaves, averaged over a part of a face."""
    lighter, turn = np.zeros(small.shape[:2], np.float32), np.ones(small.shape[:2], np.complex64)
    for _ in range(_ROUNDS):
        there = _tone(_moved(small, correction, skin.weight, skin.features))
        missing = skin.wanted[..., 0] - there[..., 0]
        # What a style filled with ink is not made up for by lightening the skin around it.
        off = missing - _middle(missing, skin.known)
        known = skin.known * cv2.exp((off * np.float32(1 / _OUTLIER)) ** 2 * -1)
        here, aim = (_averaged(lab, known, skin.reach) for lab in (there, skin.wanted))
        aim = cv2.merge([aim[..., i] + skin.stays(here[..., i] - aim[..., i], i) for i in range(3)])
        lighter = np.clip(lighter + aim[..., 0] - here[..., 0], -_MOST_LIGHTNESS / 2, _MOST_LIGHTNESS / 2)
        turn = _bounded(turn * _turn(*(lab[..., 1] + 1j * lab[..., 2] for lab in (here, aim))))
        correction = replace(correction, left=cv2.merge([lighter, turn.real - 1, turn.imag]).astype(np.float32))
    # Averages weigh the few dark tones of a style with much contrast against the many light ones: most of the face
    # decides, and all skin goes with it.
    there = _tone(_moved(small, correction, skin.weight, skin.features))
    left = _middle(skin.wanted[..., 0] - there[..., 0], skin.face)
    left += float(skin.stays(np.array(-left), 0))
    return replace(correction, left=cv2.add(correction.left, (left, 0.0, 0.0, 0.0)))


def _middle(values: np.ndarray, weight: np.ndarray) -> float:
    """Weighted median of (h, w)."""
    order = np.argsort(values, axis=None)
    total = np.cumsum(weight.ravel()[order])
    return float(values.ravel()[order[np.searchsorted(total, 0.5 * total[-1])]])


def _averaged(lab: np.ndarray, known: np.ndarray, reach: float) -> np.ndarray:
    """(h, w, 3) of the skin around each pixel; far from skin, of all skin."""
    known = known[..., None]
    whole = (lab * known).sum(axis=(0, 1)) / known.sum()
    around = blur(cv2.merge([(lab - whole) * known, known]), reach)
    averaged: np.ndarray = whole + around[..., :3] / (np.maximum(around[..., 3:], 0) + 0.02)
    return averaged


def _turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Complex factors that bring a + ib from start to end; 1 where either is grey.

    Hue and colourfulness are turned and scaled, not pushed, so that pale highlights do not go blue.
    """
    colourful = np.clip((np.minimum(np.abs(start), np.abs(end)) - _GREY) / 3, 0, 1)
    turned: np.ndarray = 1 + colourful * (end * start.conj() / np.maximum(np.abs(start) ** 2, 1.0) - 1)
    return turned


def _bounded(factor: np.ndarray) -> np.ndarray:
    scale = np.clip(np.abs(factor), _LEAST_SCALE, _MOST_SCALE)
    angle = np.clip(np.angle(factor), -_MOST_TURN, _MOST_TURN)
    bounded: np.ndarray = scale * (np.cos(angle) + 1j * np.sin(angle))
    return bounded


def _moved(lab: np.ndarray, correction: _Correction, weight: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Lab with the correction. Ink and highlights, far from the usual skin, stay.

    Lips keep most of what the style made of their colour.
    """
    lightness, red, yellow = cv2.split(lab)
    entry = cv2.multiply(lightness, _STEPS, dtype=cv2.CV_8U)
    lighter, real, imaginary = (
        cv2.LUT(entry, each) for each in (correction.lighter, correction.real, correction.imaginary)
    )
    more, again_real, again_imaginary = cv2.split(correction.left)
    lighter += more * cv2.exp(((lightness - correction.usual) * np.float32(1 / _INK)) ** 2 * -1)
    real, imaginary = (
        real + again_real + real * again_real - imaginary * again_imaginary,
        imaginary + again_imaginary + real * again_imaginary + imaginary * again_real,
    )
    colour = (1 - 0.8 * features) * weight
    real, imaginary = real * colour, imaginary * colour
    return cv2.merge(
        (lightness + lighter * weight, red + real * red - imaginary * yellow, yellow + real * yellow + imaginary * red)
    )
