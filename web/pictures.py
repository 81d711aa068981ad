"""Pictures on their way to the screen, in memory: as a data: URI nothing has to be written to the disk."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from pipelines.errors import PhotoUnreadable
from pipelines.provenance.watermark import SMALLEST_SIDE


def jpeg(image: Image.Image, *, quality: int = 88) -> bytes:
    """RGB picture to JPEG bytes without metadata."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def data_uri(image: Image.Image, *, longest: int = 1024, quality: int = 88) -> str:
    """Picture to a data: URI, at most `longest` pixels on its long side."""
    shown = image
    if max(image.size) > longest:
        shown = image.copy()
        shown.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(shown, quality=quality)).decode()


def frame(data: bytes, *, longest: int = 1280) -> np.ndarray:
    """A webcam frame, JPEG bytes to (H, W, 3) uint8.

    Raises:
        PhotoUnreadable: It is no JPEG, is damaged, larger than `longest` or too small to be watermarked.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if max(image.size) > longest or min(image.size) < SMALLEST_SIDE:
                raise PhotoUnreadable("This camera frame has an unusual size.")
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise PhotoUnreadable("This camera frame is damaged.", detail=type(error).__name__) from error
