"""A small painting at the size of the photo that it was painted from."""

from __future__ import annotations

import cv2
import numpy as np


def enlarged(picture: np.ndarray, guide: np.ndarray, *, radius: int = 3, epsilon: float = 4e-4) -> np.ndarray:
    """A small picture at the size of a large one of the same things, whose finest octave comes from the large one.

    Where the small picture follows the large one's light and dark, it goes on to do so at the finer scale; where it is
    flat or differs, nothing is added. Fast guided filter (He and Sun 2015, arXiv:1505.00996) for that octave alone:
    all that is coarser stays as it was painted.

    Args:
        picture: (h, w, 3) float32 in 0..1.
        guide: (H, W, 3) float32 in 0..1, H and W larger than h and w.
        radius: Of the windows, in pixels of the small picture.
        epsilon: Variance of the guide below which it is taken to be flat.

    Returns:
        (H, W, 3) float32 in 0..1.
    """
    small, large = picture.shape[1::-1], guide.shape[1::-1]
    light = cv2.cvtColor(guide, cv2.COLOR_RGB2GRAY)
    coarse = cv2.resize(light, small, interpolation=cv2.INTER_AREA)
    window = (2 * radius + 1,) * 2
    mean, mean_picture = cv2.blur(coarse, window), cv2.blur(picture, window)
    variance = cv2.blur(coarse * coarse, window) - mean * mean
    covariance = cv2.blur(picture * coarse[..., None], window) - mean_picture * mean[..., None]
    slope = cv2.resize(cv2.blur(covariance / (variance + epsilon)[..., None], window), large)
    fine = light - cv2.resize(coarse, large, interpolation=cv2.INTER_CUBIC)
    up = cv2.resize(picture, large, interpolation=cv2.INTER_CUBIC)
    return np.clip(up + np.clip(slope, -1.5, 1.5) * fine[..., None], 0.0, 1.0)
