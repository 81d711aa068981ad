"""Where the square is cut from a photo: close around the face, or loose, so that a scene is seen around the person.

A loose frame may reach past the photo above and at the sides, where a scene fills what is not there. It never does so
where the photo cuts the body: a shoulder that ends in mid-air would float.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipelines.photo import vision
from pipelines.schema import Face

_ROOM = 2.8  # side of the close square in face box heights: head, hair, shoulders and some of what is behind
_LOOSE_ROOM = 3.9  # of the loose one
_STEPS = 14
_EYES, _LOOSE_EYES = 0.47, 0.53  # height of the middle of the face in the square
_LOW, _HIGH = 0.66, 0.40  # no lower and no higher than this
_HEAD_MARGIN = 1.5  # side of the square around the head alone, in face boxes
_TOUCH = 0.012  # share of the square's side along which a body must touch the photo's border to be cut by it


class Square(NamedTuple):
    """Left, top and side in pixels of the photo. Left and top may lie outside of it."""

    left: float
    top: float
    side: float


def close(size: tuple[int, int], face: Face | None) -> Square:
    """The square around a face, inside the picture; without a face the centre.

    Args:
        size: Width and height of the photo.
    """
    width, height = size
    if face is None:
        side = float(min(width, height))
        return Square((width - side) / 2, (height - side) / 2, side)
    left, top, right, bottom = face.box
    side = max(64.0, min(float(min(width, height)), _ROOM * max(right - left, bottom - top)))
    x = min(max(0.0, (left + right) / 2 - side / 2), width - side)
    y = min(max(0.0, (top + bottom) / 2 - side * _EYES), height - side)
    return Square(x, y, side)


def loose(rgb: np.ndarray, face: Face | None) -> Square:
    """A wider square than `close`, as wide as the cut edges of the body allow.

    Args:
        rgb: (H, W, 3) uint8, the whole photo.
        face: Without one there is nothing to judge by, and the square is the close one.
    """
    height, width = rgb.shape[:2]
    tight = close((width, height), face)
    if face is None:
        return tight
    x0, y0, x1, y1 = face.box
    x, y, tall = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0)
    wanted = max(tight.side, _LOOSE_ROOM * tall)
    borders = _Borders(rgb, (x, y), wanted)
    best, found = -np.inf, tight
    for side in np.linspace(tight.side, wanted, _STEPS):
        for at in np.linspace(_HIGH, _LOW, _STEPS):
            top = min(y - at * side, height - side)
            left = borders.left(x, top, side)
            if left is None:
                continue
            low, aside = (y - top) / side, abs((x - left) / side - 0.5)
            if low > _LOW + 0.02 or aside > 0.22:
                continue
            value = side / wanted - 0.9 * abs(low - _LOOSE_EYES) - 0.8 * aside
            if value > best:
                best, found = value, Square(float(left), float(top), float(side))
    return found


def face_crop(picture: Image.Image, face: Face) -> Image.Image:
    """A square around the head, a little wider than the detector's box, for models that look at the face.

    It is moved inside the picture where it would reach beyond.

    Args:
        picture: RGB.
        face: In the picture's pixels; its landmarks tell the extent better than the box where they are there.
    """
    left, top, right, bottom = face.box
    if face.landmarks is not None:
        (left, top), (right, bottom) = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
    side = round(max(right - left, bottom - top) * _HEAD_MARGIN)
    side = max(16, min(side, *picture.size))
    x = min(max(0, round((left + right - side) / 2)), picture.width - side)
    y = min(max(0, round((top + bottom - side) / 2)), picture.height - side)
    return picture.crop((x, y, x + side, y + side))


class _Borders:
    """Where the photo cuts the body."""

    def __init__(self, rgb: np.ndarray, middle: tuple[float, float], wanted: float) -> None:
        self.height, self.width = rgb.shape[:2]
        reach = 0.8 * wanted
        x0, y0 = (max(0, int(at - reach)) for at in middle)
        x1, y1 = (
            min(length, int(at + reach) + 1) for at, length in zip(middle, (self.width, self.height), strict=True)
        )
        part = rgb[y0:y1, x0:x1]
        factor = min(1.0, 384 / max(part.shape[:2]))
        small = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        body = vision.person_mask(np.ascontiguousarray(small)) > 0.5
        rim = max(1, body.shape[1] // 100)
        # What lies on the rim of the part, where that is the rim of the photo too; elsewhere the photo goes on.
        self._left = self._rows(body[:, :rim].any(axis=1) & (x0 == 0), y0, y1)
        self._right = self._rows(body[:, -rim:].any(axis=1) & (x1 == self.width), y0, y1)
        self._top = bool(y0 == 0 and body[:rim].any(axis=0).mean() > _TOUCH)

    def _rows(self, touched: np.ndarray, y0: int, y1: int) -> np.ndarray:
        """Count of touched photo rows above each row."""
        rows = np.zeros(self.height + 1)
        at = (np.arange(y0, y1) - y0) * len(touched) // (y1 - y0)
        rows[y0 + 1 : y1 + 1] = touched[at]
        return np.cumsum(rows)

    def left(self, x: float, top: float, side: float) -> float | None:
        """Left edge of a square that leaves no cut edge of the body inside of it, as near to the middle as can be."""
        if self._top and top < 0:
            return None
        first, last = max(0, int(top)), min(self.height, int(top + side))
        least = _TOUCH * side
        bound_left = self._left[last] - self._left[first] > least
        bound_right = self._right[last] - self._right[first] > least
        left = x - side / 2
        if bound_left:
            left = max(left, 0.0)
        if bound_right:
            left = min(left, self.width - side)
            if bound_left and left < -0.5:
                return None
        return left


def filled(rgb: np.ndarray, square: Square, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The square of a photo; beyond the photo its border goes on, ever more blurred.

    Args:
        rgb: (H, W, 3) uint8.
        size: Width and height in pixels of what is wanted.

    Returns:
        (size, size, 3) uint8, and (size, size) float32, 1 where the photo reaches.
    """
    height, width = rgb.shape[:2]
    left, top = (max(0, int(np.floor(-at))) for at in (square.left, square.top))
    right = max(0, int(np.ceil(square.left + square.side)) - width)
    bottom = max(0, int(np.ceil(square.top + square.side)) - height)
    x0, y0 = square.left + left, square.top + top
    padded = cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_REPLICATE)
    scale = size / square.side
    shift = np.array([[scale, 0, (0.5 - x0) * scale - 0.5], [0, scale, (0.5 - y0) * scale - 0.5]], np.float32)
    if scale < 1:  # averaged first, so that nothing flickers
        padded = cv2.GaussianBlur(padded, (0, 0), 0.42 / scale) if scale < 0.8 else padded
    picture = cv2.warpAffine(padded, shift, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = np.zeros((size, size), np.float32)
    edges = ((0 - square.left) * scale, (0 - square.top) * scale)
    ends = ((width - square.left) * scale, (height - square.top) * scale)
    (a, b), (c, d) = (max(0, int(np.ceil(v - 0.01))) for v in edges), (min(size, int(v + 0.01)) for v in ends)
    inside[b:d, a:c] = 1.0
    if inside.min() > 0:
        return picture, inside
    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
    calm = cv2.resize(cv2.GaussianBlur(small, (0, 0), 4.0), (size, size), interpolation=cv2.INTER_CUBIC)
    away = cv2.distanceTransform((inside == 0).astype(np.uint8), cv2.DIST_L2, 3) / (0.06 * size)
    share = np.clip(away, 0, 1)[..., None].astype(np.float32)
    return (picture + (calm - picture.astype(np.float32)) * share + 0.5).clip(0, 255).astype(np.uint8), inside
