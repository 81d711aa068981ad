"""Where the crop is cut from a photo: close around the face, loose, so that a scene is seen around the person, or as
the visitor set it by hand.

A loose frame may reach past the photo above and at the sides, where a scene fills what is not there. It never does so
where the photo cuts the body: a shoulder that ends in mid-air would float. All others lie inside the photo.

Shapes are width over height. One that is taller than a square is a little narrower and shows more of the body below.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipelines.photo import vision
from pipelines.schema import Face, HandCrop

_ROOM = 2.8  # side of the close square in face box heights: head, hair, shoulders and some of what is behind
_LOOSE_ROOM = 3.9  # of the loose one
_NARROWER, _HIGHER = 0.25, 0.4  # powers of the shape: narrower, and the face higher up, in tall ones
_LEAST = 64.0  # pixels of the photo along the short side
_CROWDED = 0.55  # share of the width that a face takes at most without being a close one; around it, it takes 0.36
_STEPS = 14
_EYES, _LOOSE_EYES = 0.47, 0.53  # height of the middle of the face in the square
_LOW, _HIGH = 0.66, 0.40  # no lower and no higher than this
_CORNER = 0.28  # how far a face may be low and aside in all, in sides of the loose square
_HEAD_MARGIN = 1.5  # side of the square around the head alone, in face boxes
_TOUCH = 0.012  # share of the square's side along which a body must touch the photo's border to be cut by it


class Frame(NamedTuple):
    """What is cut: left, top, width and height in pixels of the photo. Left and top may lie outside of it.

    With an angle, the photo is turned clockwise by so many degrees around the middle of the frame.
    """

    left: float
    top: float
    width: float
    height: float
    angle: float = 0.0

    @property
    def middle(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2

    def shaped(self, ratio: float) -> Frame:
        """The same with exactly this shape, for the part of a pixel that a rounded size is off."""
        x, y = self.middle
        width, height = min(self.width, self.height * ratio), min(self.height, self.width / ratio)
        return _around(x, y, width, height, self.angle)

    def to_picture(self, width: int) -> np.ndarray:
        """(2, 3) float64: from the photo's coordinates, whose pixels begin at whole numbers, to those of the picture.

        Args:
            width: Of the picture, in pixels.
        """
        scale, turn = width / self.width, math.radians(self.angle)
        across, down = scale * math.cos(turn), scale * math.sin(turn)
        x, y = self.middle
        there = np.array([[across, -down, 0.0], [down, across, 0.0]])
        there[:, 2] = np.array([self.width, self.height]) * scale / 2 - there[:, :2] @ (x, y)
        return there

    def reaches(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the upright box around it."""
        x, y = self.middle
        turn = math.radians(self.angle)
        wide = (self.width * abs(math.cos(turn)) + self.height * abs(math.sin(turn))) / 2
        high = (self.width * abs(math.sin(turn)) + self.height * abs(math.cos(turn))) / 2
        return x - wide, y - high, x + wide, y + high


def _around(x: float, y: float, width: float, height: float, angle: float = 0.0) -> Frame:
    return Frame(x - width / 2, y - height / 2, width, height, angle)


def close(size: tuple[int, int], face: Face | None, ratio: float = 1.0) -> Frame:
    """The frame around a face, inside the picture; without a face the middle.

    Args:
        size: Width and height of the photo.
        face: In the photo.
        ratio: Width over height of the frame.
    """
    width, height = size
    largest = min(float(width), height * ratio)
    if face is None:
        return _around(width / 2, height / 2, largest, largest / ratio)
    left, top, right, bottom = face.box
    wide = max(_LEAST, min(largest, _room(face, ratio)))
    high = wide / ratio
    x = min(max(0.0, (left + right) / 2 - wide / 2), width - wide)
    y = min(max(0.0, (top + bottom) / 2 - high * _EYES * min(1.0, ratio) ** _HIGHER), height - high)
    return Frame(x, y, wide, high)


def _room(face: Face, ratio: float, room: float = _ROOM) -> float:
    """Width of a frame around a face where nothing is in its way."""
    left, top, right, bottom = face.box
    return float(room * max(right - left, bottom - top) * min(1.0, ratio) ** _NARROWER)


def is_crowded(frame: Frame, face: Face | None) -> bool:
    """Whether a face has so little room at its sides that hair or ears may be cut."""
    return face is not None and face.box[2] - face.box[0] > _CROWDED * frame.width


def by_hand(size: tuple[int, int], crop: HandCrop, ratio: float) -> Frame:
    """The frame that a visitor set, moved and made smaller until it lies inside the photo.

    Args:
        size: Width and height of the photo.
        crop: What was set.
        ratio: Width over height of the frame.
    """
    width, height = size
    least = _LEAST * max(1.0, ratio)
    wide = max(least, crop.width / 100 * width)
    x, y = crop.x / 100 * width, crop.y / 100 * height
    left, top, right, bottom = _around(x, y, wide, wide / ratio, crop.angle).reaches()
    wide *= min(1.0, width / (right - left), height / (bottom - top))
    frame = _around(x, y, wide, wide / ratio, crop.angle)
    left, top, right, bottom = frame.reaches()
    x += max(0.0, -left) - max(0.0, right - width)
    y += max(0.0, -top) - max(0.0, bottom - height)
    return _around(x, y, wide, wide / ratio, crop.angle)


def turned_crop(crop: HandCrop, degrees: int, size: tuple[int, int]) -> HandCrop:
    """The same crop of a photo that was turned clockwise.

    Args:
        crop: Of the photo before.
        degrees: 90, 180 or 270.
        size: Width and height of the photo before.
    """
    x, y = {90: (100 - crop.y, crop.x), 180: (100 - crop.x, 100 - crop.y), 270: (crop.y, 100 - crop.x)}[degrees]
    wide = crop.width if degrees == 180 else min(100.0, crop.width * size[0] / size[1])
    return crop.model_copy(update={"x": x, "y": y, "width": wide})


def loose(rgb: np.ndarray, face: Face | None, ratio: float = 1.0) -> Frame:
    """A wider frame than `close`, as wide as the cut edges of the body allow.

    Args:
        rgb: (H, W, 3) uint8, the whole photo.
        face: Without one there is nothing to judge by, and the frame is the close one.
        ratio: Width over height of the frame.
    """
    height, width = rgb.shape[:2]
    tight = close((width, height), face, ratio)
    if face is None:
        return tight
    x0, y0, x1, y1 = face.box
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    wanted = max(tight.width, _room(face, ratio, _LOOSE_ROOM))
    higher = min(1.0, ratio) ** _HIGHER
    lowest = _LOW * math.sqrt(higher)
    borders = _Borders(rgb, (x, y), max(wanted, wanted / ratio))
    best, found = -np.inf, tight
    for wide in np.linspace(tight.width, wanted, _STEPS):
        high = wide / ratio
        for at in np.linspace(_HIGH * higher, lowest, _STEPS):
            top = min(y - at * high, height - high)
            left = borders.left(x, top, wide, high)
            if left is None:
                continue
            low, aside = (y - top) / high, abs((x - left) / wide - 0.5)
            under = low - _LOOSE_EYES * higher
            # Low a person stands, at a side they look somewhere; low at a side they are lost under an empty sky.
            if low > lowest + 0.02 or aside > 0.22 or aside + max(0.0, under) > _CORNER:
                continue
            value = wide / wanted - 0.9 * abs(under) - 0.8 * aside
            if value > best:
                best, found = value, Frame(float(left), float(top), float(wide), float(high))
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

    def left(self, x: float, top: float, wide: float, high: float) -> float | None:
        """Left edge of a frame that leaves no cut edge of the body inside of it, as near to the middle as can be."""
        if self._top and top < 0:
            return None
        first, last = max(0, int(top)), min(self.height, int(top + high))
        least = _TOUCH * high
        bound_left = self._left[last] - self._left[first] > least
        bound_right = self._right[last] - self._right[first] > least
        left = x - wide / 2
        if bound_left:
            left = max(left, 0.0)
        if bound_right:
            left = min(left, self.width - wide)
            if bound_left and left < -0.5:
                return None
        return left


def filled(rgb: np.ndarray, frame: Frame, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """What a frame shows of a photo; beyond the photo its border goes on, ever more blurred.

    Args:
        rgb: (H, W, 3) uint8.
        frame: Not turned.
        size: Width and height in pixels of what is wanted, of the frame's shape.

    Returns:
        (height, width, 3) uint8, and (height, width) float32, 1 where the photo reaches.
    """
    height, width = rgb.shape[:2]
    left, top = (max(0, int(np.floor(-at))) for at in (frame.left, frame.top))
    right = max(0, int(np.ceil(frame.left + frame.width)) - width)
    bottom = max(0, int(np.ceil(frame.top + frame.height)) - height)
    x0, y0 = frame.left + left, frame.top + top
    padded = cv2.copyMakeBorder(rgb, top, bottom, left, right, cv2.BORDER_REPLICATE)
    scale = size[0] / frame.width
    shift = np.array([[scale, 0, (0.5 - x0) * scale - 0.5], [0, scale, (0.5 - y0) * scale - 0.5]], np.float32)
    if scale < 1:  # averaged first, so that nothing flickers
        padded = cv2.GaussianBlur(padded, (0, 0), 0.42 / scale) if scale < 0.8 else padded
    picture = cv2.warpAffine(padded, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = np.zeros(size[::-1], np.float32)
    edges = ((0 - frame.left) * scale, (0 - frame.top) * scale)
    ends = ((width - frame.left) * scale, (height - frame.top) * scale)
    (a, b) = (max(0, int(np.ceil(v - 0.01))) for v in edges)
    (c, d) = (min(length, int(v + 0.01)) for v, length in zip(ends, size, strict=True))
    inside[b:d, a:c] = 1.0
    if inside.min() > 0:
        return picture, inside
    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
    calm = cv2.resize(cv2.GaussianBlur(small, (0, 0), 4.0), size, interpolation=cv2.INTER_CUBIC)
    away = cv2.distanceTransform((inside == 0).astype(np.uint8), cv2.DIST_L2, 3) / (0.06 * min(size))
    share = np.clip(away, 0, 1)[..., None].astype(np.float32)
    return (picture + (calm - picture.astype(np.float32)) * share + 0.5).clip(0, 255).astype(np.uint8), inside


def turned(photo: Image.Image, frame: Frame, size: tuple[int, int]) -> Image.Image:
    """What a turned frame shows of a photo.

    Args:
        photo: RGB.
        frame: Inside the photo.
        size: Width and height in pixels of what is wanted, of the frame's shape.
    """
    left, top, right, bottom = frame.reaches()
    box = (max(0.0, left), max(0.0, top), min(float(photo.width), right), min(float(photo.height), bottom))
    scale = size[0] / frame.width
    near = (max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale)))
    # Made as large as it will be first, so that turning takes no more than each pixel's neighbours.
    part = photo.resize(near, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    back = np.array([[(box[2] - box[0]) / near[0], 0, box[0]], [0, (box[3] - box[1]) / near[1], box[1]], [0, 0, 1]])
    there = frame.to_picture(size[0]) @ back
    there[:, 2] += there[:, :2] @ (0.5, 0.5) - 0.5  # from pixels' corners to their middles, as OpenCV counts
    picture = cv2.warpAffine(np.asarray(part), there, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Image.fromarray(picture)
