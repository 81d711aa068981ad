"""The picture that a recipe works on, with what is known of the person in it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, is_dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from pipelines.schema import StylePicture

# MediaPipe face mesh (canonical_face_model): outlines of what makes a face that face.
EYE_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
EYE_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
BROW_LEFT = (276, 283, 282, 295, 285, 336, 296, 334, 293, 300)
BROW_RIGHT = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
NOSE_TIP = (98, 97, 2, 326, 327, 294, 278, 344, 440, 275, 4, 45, 220, 115, 48, 64)
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# What is worked out from source and landmarks alone, which no operation changes.
_OF_THE_SITTING = ("features", "lips", "face", "face_size", "tensor", "light_side")
_FEATURES = (EYE_LEFT, EYE_RIGHT, BROW_LEFT, BROW_RIGHT, LIPS)


@dataclass
class Canvas:
    """A picture in work. Lives in one call on one thread.

    Attributes:
        image: (H, W, 3) float32 sRGB in 0..1, replaced by each operation.
        source: The same before the first operation; features are drawn back from it.
        person: (H, W) float32 in 0..1, 1 on the person.
        landmarks: (478, 2) float32 pixels, or None.
        likeness: 0 bold to 1 gentle.
        seed: Of this variation.
        step: Index of the operation, so that each draws its own random numbers.
        photo: The picture before scene and light; what the person's skin is measured by. None: the source.
        has_backdrop: A scene was drawn behind the person, and operations leave it there.
        brush: Factor on the lengths of brushes, of this seed.
        found: What was found out about this person once and serves several operations.
        shared: Other recipes are painted on the same sitting, so that it pays to keep more.
        style_picture: What the visitor gave to be painted after.
        key_side: Where the scene's light comes from at seed 0: -1 left, 1 right. Other seeds may mirror it.
    """

    image: np.ndarray
    source: np.ndarray
    person: np.ndarray
    landmarks: np.ndarray | None
    likeness: float = 0.5
    seed: int = 0
    step: int = 0
    key_side: float = -1.0
    photo: np.ndarray | None = None
    has_backdrop: bool = False
    brush: float = 1.0
    style_picture: StylePicture | None = None
    found: dict[Any, Any] = field(default_factory=dict, repr=False)
    shared: bool = False

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def unit(self) -> float:
        """Pixels of this picture for one pixel of a 512 px portrait."""
        return float(np.sqrt(self.height * self.width) / 512.0)

    @property
    def steepness(self) -> float:
        """Factor on slopes from pixel to pixel: they are gentler in a picture larger than 1024 px, up to which recipes
        were tuned.
        """
        return max(1.0, self.unit / 2.0)

    @property
    def boldness(self) -> float:
        """Factor on lengths that grow with boldness: 1.5 at likeness 0, 1 at 0.5, 0.62 at 1, times the seed's brush."""
        if self.likeness <= 0.5:
            return self.brush * (1.5 - self.likeness)
        return self.brush * (1.0 - 0.76 * (self.likeness - 0.5))

    @property
    def memory_bytes(self) -> int:
        """Of its pictures, and of what was found out about the person."""
        return sum(
            {id(one): one.nbytes for one in _arrays((*vars(self).values(), *self.found.copy().values()))}.values()
        )

    def again(self) -> Canvas:
        """The same sitting for another recipe. Nothing of it may have been painted on; what is found out is shared.

        The arrays are the same and cannot be written to, so an operation that would spoil them for the next one fails.
        """
        for array in (self.image, self.source, self.person, self.photo):
            if array is not None:
                array.flags.writeable = False
        canvas = replace(self, shared=True)  # with the same dictionary of what was found
        for name in _OF_THE_SITTING:
            canvas.__dict__[name] = getattr(self, name)
        return canvas

    def once(self, key: Hashable, find: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        """What depends on source, person and landmarks alone, found once for all recipes of a shared sitting.

        Args:
            key: What is found, and with which numbers.
            find: Finds it. What it gives cannot be written to where it is kept.
        """
        if not self.shared:
            return find()
        if key not in self.found:
            self.found[key] = find()
            for array in self.found[key]:
                array.flags.writeable = False
        kept: tuple[np.ndarray, ...] = self.found[key]
        return kept

    def rng(self, salt: str = "") -> np.random.Generator:
        """Random numbers of this operation: same seed and step, same numbers."""
        return np.random.default_rng((self.seed, self.step, zlib.crc32(salt.encode())))

    def choice(self, count: int) -> int:
        """Which of `count` palettes this seed uses; seed 0 uses the first, and all palettes of a recipe agree."""
        return self.seed % count

    @cached_property
    def light_side(self) -> float:
        """-1 where the light of this variation comes from the left, 1 from the right."""
        mirrored = self.seed != 0 and np.random.default_rng((self.seed, 77)).random() < 0.5
        return -self.key_side if mirrored else self.key_side

    @cached_property
    def features(self) -> np.ndarray:
        """(H, W) float32, 1 on eyes, brows and mouth, soft around them; 0 without landmarks."""
        mask = np.zeros((self.height, self.width), np.uint8)
        if self.landmarks is None:
            return mask.astype(np.float32)
        reach = self.face_size * 0.035
        for outline in _FEATURES:
            hull = cv2.convexHull(self.landmarks[list(outline)].astype(np.float32)).astype(np.int32)
            cv2.fillConvexPoly(mask, hull, 255)
        nose = cv2.convexHull(self.landmarks[list(NOSE_TIP)].astype(np.float32)).astype(np.int32)
        cv2.fillConvexPoly(mask, nose, 110)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(reach) + 1,) * 2)
        soft = cv2.GaussianBlur(cv2.dilate(mask, kernel), (0, 0), max(0.8, reach * 0.7))
        mask_max = np.maximum(soft, cv2.GaussianBlur(mask, (0, 0), 0.8))
        return mask_max.astype(np.float32) / 255.0

    @cached_property
    def lips(self) -> np.ndarray:
        """(H, W) float32, 1 on the mouth, soft at its rim; 0 without landmarks. Lips are never filled with ink."""
        mask = np.zeros((self.height, self.width), np.uint8)
        if self.landmarks is not None:
            cv2.fillPoly(mask, [cv2.convexHull(self.landmarks[list(LIPS)].astype(np.int32))], 255)
            mask = cv2.GaussianBlur(mask, (0, 0), max(0.8, self.face_size * 0.012))
        return mask.astype(np.float32) / 255.0

    @cached_property
    def face(self) -> np.ndarray:
        """(H, W) float32, 1 inside the oval of the face, soft at its rim; 0 without landmarks."""
        mask = np.zeros((self.height, self.width), np.uint8)
        if self.landmarks is not None:
            cv2.fillPoly(mask, [self.landmarks[list(OVAL)].astype(np.int32)], 255)
            mask = cv2.GaussianBlur(mask, (0, 0), max(1.0, self.face_size * 0.04))
        return mask.astype(np.float32) / 255.0

    @cached_property
    def face_size(self) -> float:
        """Height of the face oval in pixels; a guess without landmarks."""
        if self.landmarks is None:
            return 0.4 * self.height
        return max(8.0, float(np.ptp(self.landmarks[list(OVAL)], axis=0).max()))

    @cached_property
    def tensor(self) -> np.ndarray:
        """(H, W, 3) float32 smoothed structure tensor gx*gx, gy*gy, gx*gy of the source."""
        luma = cv2.GaussianBlur(cv2.cvtColor(self.source, cv2.COLOR_RGB2GRAY), (0, 0), max(0.6, 1.2 * self.unit))
        gx, gy = cv2.Scharr(luma, cv2.CV_32F, 1, 0), cv2.Scharr(luma, cv2.CV_32F, 0, 1)
        return cv2.GaussianBlur(cv2.merge((gx * gx, gy * gy, gx * gy)), (0, 0), max(1.0, 3.2 * self.unit))

    def tangents(self, swirl: float = 0.0) -> np.ndarray:
        """(H, W, 2) float32 unit vectors along edges (sign is arbitrary).

        Args:
            swirl: 0..1, how strongly slow eddies lead where the picture itself is flat.
        """
        if swirl > 0:  # eddies are each operation's own
            return self._tangents(swirl)
        (tangents,) = self.once("tangents", lambda: (self._tangents(0.0),))
        return tangents

    def _tangents(self, swirl: float) -> np.ndarray:
        tensor = self.tensor
        if swirl > 0:
            potential = fractal_noise(self.height, self.width, 120 * self.unit, 2, self.rng("swirl"))
            gx, gy = cv2.Sobel(potential, cv2.CV_32F, 1, 0), cv2.Sobel(potential, cv2.CV_32F, 0, 1)
            eddies = cv2.merge((gx * gx, gy * gy, gx * gy))
            eddies *= swirl * 0.25 * float(tensor[..., :2].mean()) / max(1e-9, float(eddies[..., :2].mean()))
            tensor = tensor + eddies
        xx, yy, xy = cv2.split(tensor)
        _, angle = cv2.cartToPolar(xx - yy, 2.0 * xy)
        angle = angle * 0.5 + np.float32(np.pi / 2)
        x, y = cv2.polarToCart(np.ones_like(angle), angle)
        return cv2.merge((x, y))

    def keep_features(self, amount: float) -> None:
        """Draws eyes, brows and mouth back from the source's light and dark, so that the face stays legible.

        Only the local contrast of lightness is carried over: colours remain those of the style.
        """
        if self.landmarks is None or amount <= 0:
            return
        sigma = max(1.0, self.face_size * 0.05)
        (wanted,) = self.once("detail", lambda: (_finer(self.source, sigma),))
        self._restore(wanted, sigma, self.features * amount)

    def restore_detail(self, sigma: float, share: np.ndarray | float) -> None:
        """Puts the source's light and dark that is finer than `sigma` in the place of the picture's own.

        Args:
            sigma: In pixels; under 1 it is 1.
            share: How far, 0..1, for all or for each pixel, (H, W).
        """
        sigma = max(1.0, sigma)
        self._restore(_finer(self.source, sigma), sigma, share)

    def _restore(self, wanted: np.ndarray, sigma: float, share: np.ndarray | float) -> None:
        there = _finer(self.image, sigma)
        self.image = np.clip(self.image + ((wanted - there) * share)[..., None], 0.0, 1.0)


def _arrays(values: Iterable[Any]) -> Iterator[np.ndarray]:
    """Those among these values, and in what lies in them."""
    for value in values:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, tuple):
            yield from _arrays(value)
        elif is_dataclass(value):
            yield from _arrays(vars(value).values())


def _finer(image: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W) light and dark that is finer than `sigma`."""
    luma = gray(image)
    return np.asarray(luma - blur(luma, sigma))


def rgb(color: str) -> np.ndarray:
    """'#rrggbb' as (3,) float32 in 0..1."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255.0


def mix(a: np.ndarray | float, b: np.ndarray | float, amount: np.ndarray | float) -> np.ndarray:
    """a where amount is 0, b where it is 1. A 2-D amount is spread over the channels."""
    if isinstance(amount, np.ndarray) and amount.ndim == 2 and max(np.ndim(a), np.ndim(b)) == 3:
        amount = amount[..., None]
    return np.asarray(a + (b - a) * amount)


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, an S between them. low may be over high."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def gray(image: np.ndarray) -> np.ndarray:
    """(H, W) float32 luma of an RGB picture."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; wide ones are made on a small copy, which nobody can tell."""
    if sigma < 0.3:
        return image
    if sigma <= 3.5:
        return cv2.GaussianBlur(image, (0, 0), sigma)
    height, width = image.shape[:2]
    factor = sigma / 3.0
    size = (max(2, round(width / factor)), max(2, round(height / factor)))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), sigma * size[0] / width)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def fractal_noise(
    height: int, width: int, cell: float, octaves: int, rng: np.random.Generator, stretch: tuple[float, float] = (1, 1)
) -> np.ndarray:
    """Sum of smoothed random grids, each octave half as large and half as strong.

    Args:
        cell: Size of the largest lumps in pixels.
        stretch: Factors on the lumps' width and height.

    Returns:
        (height, width) float32, mean about 0, standard deviation about 0.3, rarely beyond -1..1.
    """
    total = np.zeros((height, width), np.float32)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        size = max(1.0, cell / 2**octave)
        rows, columns = int(np.ceil(height / (size * stretch[1]))) + 3, int(np.ceil(width / (size * stretch[0]))) + 3
        grid = rng.random((min(rows, height + 3), min(columns, width + 3)), np.float32) - 0.5
        grown_w, grown_h = round(grid.shape[1] * size * stretch[0]), round(grid.shape[0] * size * stretch[1])
        grown = cv2.resize(grid, (max(width, grown_w), max(height, grown_h)), interpolation=cv2.INTER_CUBIC)
        total += weight * grown[:height, :width]
        norm += weight * weight
        weight *= 0.5
    return total * np.float32(1.3 / np.sqrt(norm))


def warp(image: np.ndarray, dx: np.ndarray, dy: np.ndarray, border: int = cv2.BORDER_REFLECT_101) -> np.ndarray:
    """Each pixel taken from (x + dx, y + dy)."""
    x, y = grid(*image.shape[:2])
    return cv2.remap(image, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=border)


def grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) float32 x and y of every pixel."""
    x = np.broadcast_to(np.arange(width, dtype=np.float32), (height, width))
    y = np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width))
    return x, y


def along(image: np.ndarray, tangents: np.ndarray, reach: float) -> np.ndarray:
    """Averages along the flow: binomial steps of 1, 2, 4 ... pixels (a-trous), symmetric, so signs do not matter."""
    x, y = grid(*image.shape[:2])
    tx, ty = cv2.split(tangents)
    step = 1.0
    while step <= max(1.0, reach / 2):
        dx, dy = tx * step, ty * step
        ahead = cv2.remap(image, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        behind = cv2.remap(image, x - dx, y - dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        image = 0.5 * image + 0.25 * (ahead + behind)
        step *= 2.0
    return image


def ramp_lookup(ramp: tuple[str, ...], value: np.ndarray) -> np.ndarray:
    """(H, W, 3) colours of a dark-to-light ramp at value 0..1, blended in Lab so that middles stay clean."""
    colors = np.array([[rgb(color) for color in ramp]], np.float32)
    lab = cv2.cvtColor(colors, cv2.COLOR_RGB2LAB)[0]
    at = np.linspace(0, 1, 256)
    stops = np.linspace(0, 1, len(ramp))
    table = np.stack([np.interp(at, stops, lab[:, i]) for i in range(3)], axis=1).astype(np.float32)
    table = np.clip(cv2.cvtColor(table[None], cv2.COLOR_LAB2RGB)[0], 0, 1)
    return table[np.clip(value * 255.0 + 0.5, 0, 255).astype(np.uint8)]
