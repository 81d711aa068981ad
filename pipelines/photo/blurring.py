"""A wide Gaussian blur at the price of a small one."""

from __future__ import annotations

import cv2
import numpy as np


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """A picture or a plane, (H, W) or (H, W, channels), blurred by sigma in pixels; by a wide one on a small copy."""
    if sigma < 4:
        return cv2.GaussianBlur(image, (0, 0), max(0.5, sigma))
    height, width = image.shape[:2]
    small = (max(8, round(width * 3 / sigma)), max(8, round(height * 3 / sigma)))
    shrunk = cv2.GaussianBlur(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (0, 0), 3.0)
    return cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR)
