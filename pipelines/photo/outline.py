"""The person's outline, better than a segmentation network of 256 pixels sees it, where the face says more.

Two of its faults were plain in portraits with a new background: a lens of sunglasses that mirrors the sky was taken for
a hole, and the wall between tufts and locs for hair, which then came out as white hair.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.photo import vision
from pipelines.photo.blurring import blurred

_SIDE = 384  # pixels of the copy in which gaps are looked for
# Shares of the longer side.
_AROUND = 0.06  # how far "here" reaches where colours of hair and wall are compared
_DEEP = 0.045  # how far inside the outline wall may show through hair; none from twice that
_UNSURE = 0.95  # of the mask; at the very outline only what it half believes goes
_WIDE = 0.07  # of the widest gap
_THIN = 0.012  # of a strand between two gaps, or between a gap and the wall
# In face ovals.
_SHINE = 1.12  # within it what has the wall's colour is shine on skin
_SKIN = 1.3  # within it is skin, not hair, with which the wall is compared
# In grey levels.
_ALIKE = 8.0  # of a colour that is the wall's, and as much again for each standard deviation of the wall
_TOP, _CHIN = 10, 152  # points of the face mesh


def with_face(rgb: np.ndarray, mask: np.ndarray, points: np.ndarray | None) -> np.ndarray:
    """A person mask whose face is whole, unless it looks aside, and whose hair lets the background through.

    The colours of hair and background are compared as in sampling-based matting (Wang and Cohen, "Optimized Color
    Sampling for Robust Matting", 2007), with means in place of samples. Only what has hair around it and the very
    colour of the background goes: a white band in dark hair before a wall of the same white would go, too.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) float32 in 0..1, 1 where the person is.
        points: (468 or more, 2) float32, MediaPipe's face mesh in pixels; without it the mask stays as it is.

    Returns:
        (H, W) float32 in 0..1.
    """
    if points is None:
        return mask
    if not vision.looks_aside(points):  # from the side the mesh's far half lies on the wall
        mask = np.maximum(mask, _filled(mask, _oval(points), 0.96))
    gaps = _gaps(rgb, mask, points)
    if not gaps.any():
        return mask
    radius = max(1, round(max(mask.shape) / 256))
    cut = cv2.ximgproc.guidedFilter(rgb, np.minimum(mask, 1 - gaps), radius, 1e-4 * 255 * 255)
    near = cv2.dilate((gaps > 0).astype(np.float32), np.ones((4 * radius + 1, 4 * radius + 1)))
    return np.where(near > 0, np.clip(cut, 0.0, 1.0), mask).astype(np.float32)


def _gaps(rgb: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """How surely the background shows through hair, (H, W) float32 in 0..1; looked for in a small copy."""
    height, width = mask.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small, its_mask = (cv2.resize(of, size, interpolation=cv2.INTER_AREA) for of in (rgb, mask))
    found = _small_gaps(small.astype(np.float32), its_mask, points * scale)
    return cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)


def _small_gaps(pixels: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    side = max(mask.shape)
    oval = _oval(points)
    face = cv2.GaussianBlur(_filled(mask, oval, _SHINE), (0, 0), side / 150)
    wall = cv2.erode((mask < 0.05).astype(np.float32), np.ones((3, 3)))
    hair = (mask > 0.9) * (1 - _filled(mask, oval, _SKIN))
    if not wall.any() or not hair.any():
        return np.zeros_like(mask)
    there = _above(points, mask) * (1 - face) * (mask > 0.05)
    there *= np.clip(2 - cv2.distanceTransform(1 - wall.astype(np.uint8), cv2.DIST_L2, 5) / (_DEEP * side), 0, 1)
    colour, spread, near = _here(pixels, wall, side)
    away = np.abs(cv2.GaussianBlur(pixels, (0, 0), 0.8) - colour).max(axis=-1)
    alike = np.clip(2 - away / (_ALIKE + spread), 0, 1)
    own, _, has_hair = _here(pixels, hair, side)
    share = blurred((alike * hair).astype(np.float32), _AROUND * side) / np.maximum(has_hair, 1e-3)
    apart = np.sqrt(np.square(own - colour).mean(axis=-1))
    sure = np.clip(apart / (3 * (_ALIKE + spread)) - 1, 0, 1)  # hair and wall differ by far more than the wall itself
    sure *= np.clip(3 - 5 * share, 0, 1)  # where half of the hair has the wall's colour, it is the hair's own
    sure *= np.clip(near / 0.05 - 0.4, 0, 1) * np.clip(has_hair / 0.03 - 0.66, 0, 1)
    found = alike * sure * there
    found = found * _reached(found > 0.25, mask < 0.3, side)
    amid = _amid((mask > 0.9) & (alike < 0.5), side)
    return (found * np.maximum(amid, np.clip((_UNSURE - mask) / 0.1, 0, 1))).astype(np.float32)


def _above(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """1 above the forehead, 0 below, along the face's own axis: a grey shirt before a grey wall is no gap."""
    chin, top = points[_CHIN, :2], points[_TOP, :2]
    up = (top - chin) / max(1.0, float(np.square(top - chin).sum()))
    y, x = np.mgrid[0 : mask.shape[0], 0 : mask.shape[1]].astype(np.float32)
    return np.clip(((x - chin[0]) * up[0] + (y - chin[1]) * up[1] - 0.9) / 0.2, 0, 1)


def _reached(found: np.ndarray, outside: np.ndarray, side: int) -> np.ndarray:
    """What of it touches the outside or is parted from it by strands only: a shine amid a bald head is not."""
    wide = 2 * max(1, round(_THIN * side / 2)) + 1
    grown = cv2.dilate((found | outside).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)))
    _, labels = cv2.connectedComponents(grown)
    return found & np.isin(labels, np.unique(labels[outside]))


def _amid(person: np.ndarray, side: int) -> np.ndarray:
    """1 where there is the person, or a gap in them: not the pompom on a hat, nor the light along an outline."""
    wide = 2 * round(_WIDE * side / 2) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))
    return cv2.morphologyEx(
        person.astype(np.uint8), cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )


def _here(pixels: np.ndarray, weight: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean colour and standard deviation of what has weight, around each pixel, and how much of it is near."""
    weight, sigma = weight.astype(np.float32), _AROUND * side
    near = blurred(weight, sigma)
    least = np.maximum(near, 1e-6)[..., None]
    mean = blurred(pixels * weight[..., None], sigma) / least
    square = blurred(np.square(pixels) * weight[..., None], sigma) / least
    return mean, np.sqrt(np.maximum(square - np.square(mean), 0).mean(axis=-1)), near


def _oval(points: np.ndarray) -> np.ndarray:
    """The mesh's outline, (n, 2) float32."""
    return cv2.convexHull(np.ascontiguousarray(points[:468, :2], np.float32)).reshape(-1, 2)


def _filled(mask: np.ndarray, oval: np.ndarray, times: float) -> np.ndarray:
    """The oval, so many times as wide around its middle, as a mask."""
    middle = oval.mean(axis=0)
    drawn = np.zeros(mask.shape, np.uint8)  # OpenCV draws soft edges in this type only
    cv2.fillConvexPoly(drawn, np.round(middle + (oval - middle) * times).astype(np.int32), 255, lineType=cv2.LINE_AA)
    return drawn.astype(np.float32) / 255
