"""Which eyes a photo shows: none is behind dark glasses, hair or a hand, nor on the far side of a face in profile."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.photo import vision

# MediaPipe face mesh; the eye with point 33 first. Rims of the eyes, lids above them, cheeks under them.
_RIM = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382),
)
_LID = ((226, 247, 30, 29, 27, 28, 56, 190, 243), (446, 467, 260, 259, 257, 258, 286, 414, 463))
_UNDER = ((117, 118, 119, 100, 101, 50), (346, 347, 348, 329, 330, 280))
_MESH = 468  # points before those of the irises

_AWAY = 0.075  # of the face's longer side: an eye narrower than this looks away
_STRANGE = 24.0  # Lab distance from the cheeks at which what lies under an eye is no skin (sunglasses, hair)
_SURE = 0.8  # of an eye's being seen
_HALF = 0.5  # of an eye's being seen: whether its size can be told
_LEAST_PIXELS = 3
_COLOURFUL, _GREY = 4.0, 0.5  # a* of cheeks, and of lids that glass without colour covers


def eyes_facing(landmarks: np.ndarray) -> tuple[bool, bool]:
    """For each eye whether it is on a side that is turned to the camera. The eye with mesh point 33 first.

    In profile the mesh puts the other one into the air before the nose.

    Args:
        landmarks: (478, 2) pixels.
    """
    size = float(np.ptp(landmarks[:_MESH], axis=0).max())
    first, second = (float(np.linalg.norm(np.ptp(landmarks[list(rim)], axis=0))) for rim in _RIM)
    return first > _AWAY * size, second > _AWAY * size


def eyes_seen(photo: np.ndarray, landmarks: np.ndarray) -> tuple[float, float]:
    """For each eye 1 where what lies around it looks like skin, 0 where it is hidden. As for `eyes_facing`.

    Args:
        photo: (H, W, 3) float32 RGB, 0 to 1, as it was taken: another light makes glasses lighter.
        landmarks: (478, 2) pixels.
    """
    cheeks = [_lab(photo, landmarks, site) for site in vision.SKIN_SITES]
    weights = np.array((0.5, 1, 1), np.float32)  # shade in the sockets is no glass
    seen, tinted = [0.0, 0.0], [False, False]
    facing = eyes_facing(landmarks)
    for side, near in enumerate(facing):
        under, lid = _lab(photo, landmarks, _UNDER[side]), _lab(photo, landmarks, _LID[side])
        off = min(float(np.linalg.norm((under - cheek) * weights)) for cheek in cheeks)
        # An S between what is surely skin and what surely is not.
        share = float(np.clip((_STRANGE - off) / (0.3 * _STRANGE), 0, 1))
        seen[side] = share * share * (3 - 2 * share) if near else 0.0
        tinted[side] = bool(lid[1] < _GREY and float(np.median([cheek[1] for cheek in cheeks])) > _COLOURFUL)
    # Where one eye is hidden and the other nearly, both are behind the same glasses.
    glasses = all(tinted) or (all(facing) and min(seen) == 0 and max(seen) < _SURE)
    return (0.0, 0.0) if glasses else (seen[0], seen[1])


def both_seen(photo: np.ndarray, landmarks: np.ndarray) -> bool:
    """Whether neither eye is hidden.

    Args:
        photo: (H, W, 3) uint8 RGB.
        landmarks: (478, 2) pixels.
    """
    return min(eyes_seen(photo.astype(np.float32) / 255, landmarks)) > _HALF


def _lab(photo: np.ndarray, landmarks: np.ndarray, indices: Sequence[int]) -> np.ndarray:
    """(3,) middle colour inside the hull of landmarks, without its darkest pixels and its highlights."""
    height, width = photo.shape[:2]
    hull = cv2.convexHull(landmarks[list(indices)].astype(np.float32))[:, 0]
    left, top = (max(0, int(n)) for n in np.floor(hull.min(axis=0)))
    right, bottom = (max(0, int(n) + 1) for n in np.ceil(hull.max(axis=0)))
    patch = photo[top : min(height, bottom), left : min(width, right)]
    mask = np.zeros(patch.shape[:2], np.uint8)
    if mask.size:
        cv2.fillConvexPoly(mask, np.round((hull - (left, top)) * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    pixels = patch[mask > 0]
    if len(pixels) < _LEAST_PIXELS:  # outside of the picture
        pixels = photo.reshape(-1, 3)
    order = np.argsort(pixels.mean(axis=1))
    kept = order[round(0.3 * len(order)) : max(1, round(0.9 * len(order)))]
    colour = np.median(pixels[kept if len(kept) else order], axis=0).astype(np.float32)
    lab: np.ndarray = cv2.cvtColor(colour[None, None], cv2.COLOR_RGB2LAB)[0, 0]
    return lab
