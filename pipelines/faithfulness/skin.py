"""How a portrait changed the tone of skin.

CIE L*a*b* and the individual typology angle, ITA = atan2(L* - 50, b*) in degrees (Chardon, Cretois and Hourseau 1991,
Int J Cosmet Sci 13(4):191-208), higher is lighter. It is blind to a*, and near its pole to L*, so all three count.
Measured on cheeks and forehead, and again with the lower face; the one that changed more is told. Each patch is
compared with itself and the median patch counts, so that one lock of hair or one highlight does not. Patches are laid
on the portrait by the alignment of all landmarks, which jitters far less than those of one patch. Only for styles that
mean to keep natural colour: the others map all lightness anew, and nothing in their pictures tells a lighter skin from
a lighter picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.faithfulness.shape import align
from pipelines.photo import vision
from pipelines.results import SkinShift

# Skin was lightened when it goes past one of these. They lie above the noise in `pipelines.faithfulness.meter`.
# Of the angle, in degrees.
SKIN_LIGHTER = 5.0
# The angle counts only with L* past its noise: alone it calls dark skin "lighter" when it only turns yellower.
LIGHTNESS_NOISE = 1.5
# L* that counts without the angle, which far from L* 50 hardly moves, least where lightening takes colour away.
LIGHTNESS_LIGHTER = 3.0

# Classes of the angle, lower bounds in degrees (Chardon et al. 1991; Del Bino and Bernerd 2013, Br J Dermatol).
SKIN_GROUPS = (("very light", 55), ("light", 41), ("intermediate", 28), ("tan", 10), ("brown", -30), ("dark", -180))

# Points of the face mesh around both jaws and both lower cheeks.
LOWER_FACE = (
    (192, 214, 210, 169, 135, 138),
    (416, 434, 430, 394, 364, 367),
    (207, 216, 212, 214, 192),
    (427, 436, 432, 434, 416),
)

_LEAST_YELLOW = 3.0  # b* of skin under which the angle means nothing
_LEAST_PIXELS = 12
_SLIVER = 0.35  # of the largest patch


def skin_shift(
    photo: np.ndarray, photo_points: np.ndarray, portrait: np.ndarray, portrait_points: np.ndarray
) -> SkinShift | None:
    """Skin tone in both pictures, of cheeks and forehead or of these and the lower face together.

    The one that was lightened past the warning, or else the one that changed more. A turned light moves the parts of a
    face against each other, and a beard makes the lower one noisy, so that one never counts alone; as four patches of
    seven it still moves the median where cheeks and forehead stay.

    Args:
        photo: (H, W, 3) uint8.
        photo_points: (478, 2).
        portrait: (H, W, 3) uint8.
        portrait_points: (478, 2).

    Returns:
        None where no patch has enough colour in both pictures for an angle.
    """
    places = align(photo_points, portrait_points)
    parts = ((vision.SKIN_SITES,), (vision.SKIN_SITES, LOWER_FACE))
    shifts = [patch_shift(photo, photo_points, portrait, places, *each) for each in parts]
    found = [shift for shift in shifts if shift is not None]
    return max(found, key=lambda shift: (lightened(shift), shift.distance), default=None)


def patch_shift(
    photo: np.ndarray,
    photo_points: np.ndarray,
    portrait: np.ndarray,
    portrait_points: np.ndarray,
    *parts: tuple[tuple[int, ...], ...],
) -> SkinShift | None:
    """Median change of patches of skin; None where none has enough colour.

    Args:
        photo: (H, W, 3) uint8.
        photo_points: (478, 2).
        portrait: (H, W, 3) uint8.
        portrait_points: (478, 2).
        parts: Parts of the face, of each patch in them the landmarks around it.
    """
    pairs = []
    for indices in (sites for part in parts for sites in _facing(photo_points, part)):
        first, second = _tone(photo, photo_points[list(indices)]), _tone(portrait, portrait_points[list(indices)])
        if first is not None and second is not None:
            pairs.append((first, second))
    if not pairs:
        return None
    before, after = (np.asarray(side, np.float64) for side in zip(*pairs, strict=True))
    (light, _, _, angle), (new_light, _, _, new_angle) = np.median(before, axis=0), np.median(after, axis=0)
    shift = np.median(after - before, axis=0)
    return SkinShift(
        ita_before=float(angle),
        ita_after=float(new_angle),
        ita_shift=float(shift[3]),
        lightness_before=float(light),
        lightness_after=float(new_light),
        lightness_shift=float(shift[0]),
        red_shift=float(shift[1]),
        yellow_shift=float(shift[2]),
    )


def lightened(skin: SkinShift) -> bool:
    """Whether skin became lighter past what a visitor is warned of."""
    past_angle = skin.ita_shift > SKIN_LIGHTER and skin.lightness_shift > LIGHTNESS_NOISE
    return past_angle or skin.lightness_shift > LIGHTNESS_LIGHTER


def skin_group(ita: float) -> str:
    """Name of the class that a typology angle in degrees falls into. For benchmarks: no visitor is sorted."""
    return next(name for name, bound in SKIN_GROUPS if ita > bound)


def _facing(points: np.ndarray, part: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    """The patches of a part but those that are turned away."""
    areas = [cv2.contourArea(cv2.convexHull(points[list(indices)].astype(np.float32))) for indices in part]
    return [indices for indices, area in zip(part, areas, strict=True) if area >= _SLIVER * max(areas)]


def _tone(rgb: np.ndarray, outline: np.ndarray) -> tuple[float, float, float, float] | None:
    """L*, a*, b* and ITA of a patch; None where it lies outside, is tiny or has no colour."""
    height, width = rgb.shape[:2]
    corners = cv2.convexHull(outline.round().astype(np.int32))
    left, top, across, down = cv2.boundingRect(corners)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + across), min(height, top + down)
    if x1 <= x0 or y1 <= y0:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(mask, corners - np.array([x0, y0], np.int32), 1)
    pixels = rgb[y0:y1, x0:x1][mask > 0]
    if len(pixels) < _LEAST_PIXELS:
        return None
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)[0]
    low, high = np.percentile(lab[:, 0], (15, 85))  # shadows, hair; highlights
    # Their mean: a median of few flat tones jumps from one to the next where a hair's breadth more of it is seen.
    lightness, red, yellow = lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)].mean(axis=0, dtype=np.float64)
    if yellow < _LEAST_YELLOW:
        return None
    return float(lightness), float(red), float(yellow), float(np.degrees(np.arctan2(lightness - 50.0, yellow)))
