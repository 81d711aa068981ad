"""Other people beside the one who sits: they have not been asked, so they are no part of the portrait.

Their part of the crop is blurred until nobody is known by it, and taken off the mask of the person, so that a scene
leaves them out and without one a soft shape of their colours stays behind the sitter. Whose a pixel of the people is:
of the one whose face, or the line straight down from it, is nearest, measured in widths of that face.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.photo.blurring import blurred

Box = tuple[float, float, float, float]

_REACH = 1.1  # face widths around a neighbour's face that are theirs, whether the mask of people shows them or not
_LEAST = 0.3  # of the sitter's face: smaller ones are prints on a shirt, or far away in a crowd
_BORDER = 0.12  # of a face width: how soft the border between two people is
_VEIL = 0.3  # sigma of the blur, in widths of the neighbour's face


def beside(chosen: Box, others: Sequence[Box], size: tuple[int, int]) -> list[Box]:
    """Those of the other faces that reach into a picture and are large enough to be somebody beside the sitter.

    Args:
        chosen: left, top, right and bottom of the sitter's face, in the picture's pixels; the same for the others.
        size: Width and height of the picture.
    """
    reach = [(box[2] - box[0]) * (_REACH - 0.5) for box in others]
    return [
        box
        for box, wide in zip(others, reach, strict=True)
        if box[2] - box[0] >= _LEAST * (chosen[2] - chosen[0])
        and -wide < box[2]
        and box[0] < size[0] + wide
        and -wide < box[3]
        and box[1] < size[1] + wide
    ]


def left_out(rgb: np.ndarray, people: np.ndarray, chosen: Box, others: Sequence[Box]) -> tuple[np.ndarray, np.ndarray]:
    """A picture with its neighbours veiled, and the mask of the sitter alone.

    Args:
        rgb: (H, W, 3) uint8.
        people: (H, W) float32 in 0..1, where people are.
        chosen: The sitter's face, in pixels.
        others: From `beside`, at least one.

    Returns:
        (H, W, 3) uint8, and (H, W) float32 in 0..1.
    """
    height, width = people.shape
    own = _distance(chosen, height, width)
    nearest = np.full((height, width), np.inf, np.float32)
    theirs = np.zeros((height, width), np.float32)
    for box in others:
        nearest = np.minimum(nearest, _distance(box, height, width))
        theirs = np.maximum(theirs, _around(box, height, width))
    # The border between two people follows what is seen, as the mask's own edge does.
    share = np.clip(0.5 + (nearest - own) / (2 * _BORDER), 0.0, 1.0).astype(np.float32)
    radius = max(2, round((chosen[2] - chosen[0]) * 0.05))
    share = np.clip(cv2.ximgproc.guidedFilter(rgb, share, radius, 1e-4 * 255 * 255), 0.0, 1.0)
    veil = np.maximum(people, theirs) * (1.0 - share)
    sigma = _VEIL * max(box[2] - box[0] for box in others)
    # Blurred without the sitter, whose colours would bleed over their own edge.
    weight = 1.0 - np.minimum(people, share) + 1e-3
    calm = blurred(rgb.astype(np.float32) * weight[..., None], sigma) / blurred(weight, sigma)[..., None]
    veil = np.clip(blurred(np.clip(veil * 2.0, 0, 1), radius) * 1.5, 0, 1) * (1.0 - np.minimum(people, share))
    picture = rgb + (calm - rgb) * veil[..., None]
    return (picture + 0.5).clip(0, 255).astype(np.uint8), _around_face((people * share).astype(np.float32), chosen)


def _distance(box: Box, height: int, width: int) -> np.ndarray:
    """(H, W) float32 from each pixel to the face's middle and the line down from it, in widths of the face."""
    wide, x, y = box[2] - box[0], (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    across = (np.arange(width, dtype=np.float32) + 0.5 - x) / wide
    up = np.maximum(0.0, y - (np.arange(height, dtype=np.float32) + 0.5)) / wide
    return np.sqrt(across[None, :] ** 2 + up[:, None] ** 2)


def _around(box: Box, height: int, width: int) -> np.ndarray:
    """(H, W) float32, 1 in a face and the head around it, falling off softly."""
    wide, tall = (box[2] - box[0]) * _REACH / 2, (box[3] - box[1]) * _REACH / 2
    x = (np.arange(width, dtype=np.float32) + 0.5 - (box[0] + box[2]) / 2) / wide
    y = (np.arange(height, dtype=np.float32) + 0.5 - (box[1] + box[3]) / 2) / tall
    away = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2)
    return np.clip((1.3 - away) / 0.3, 0.0, 1.0)


def _around_face(mask: np.ndarray, face: Box) -> np.ndarray:
    """The mask without what hangs apart from the face: a strand of a neighbour's hair, an elbow."""
    _, labels = cv2.connectedComponents((mask > 0.2).astype(np.uint8), connectivity=4)
    x0, y0, x1, y1 = (max(0, round(at)) for at in face)
    inside = labels[y0:y1, x0:x1]
    found = np.bincount(inside[inside > 0]) if inside.any() else np.zeros(0)
    return np.where(labels == found.argmax(), mask, 0.0).astype(np.float32) if found.size else mask
