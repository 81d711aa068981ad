"""Pictures on their way to the screen, in memory: as a data: URI nothing has to be written to the disk."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from languages.saying import say
from pipelines.errors import PhotoUnreadable
from pipelines.provenance.watermark import SMALLEST_SIDE


def jpeg(image: Image.Image, *, quality: int = 88) -> bytes:
    """RGB picture to JPEG bytes without metadata."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def small_jpeg(image: Image.Image, *, longest: int, quality: int = 88) -> bytes:
    """Picture to JPEG bytes without metadata, at most `longest` pixels on its long side."""
    return jpeg(_small(image, longest), quality=quality)


def light_uri(image: Image.Image, *, longest: int, quality: int) -> str:
    """Picture to a data: URI of WebP, half as heavy as `data_uri`: for those that come many a second."""
    return "data:image/webp;base64," + base64.b64encode(webp(_small(image, longest), quality=quality)).decode()


def webp(image: Image.Image, *, quality: int) -> bytes:
    """Picture to WebP bytes without metadata, quickly."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def webp_uri(data: bytes) -> str:
    """The bytes of a WebP file as a data: URI."""
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def _small(image: Image.Image, longest: int) -> Image.Image:
    if max(image.size) <= longest:
        return image
    shown = image.copy()
    shown.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return shown


def data_uri(image: Image.Image, *, longest: int = 1024, quality: int = 88) -> str:
    """Picture to a data: URI, at most `longest` pixels on its long side."""
    data = small_jpeg(image, longest=longest, quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def frame(data: bytes, *, longest: int = 1280) -> np.ndarray:
    """A webcam frame, JPEG bytes to (H, W, 3) uint8.

    Raises:
        PhotoUnreadable: It is no JPEG, is damaged, larger than `longest` or too small to be watermarked.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if max(image.size) > longest or min(image.size) < SMALLEST_SIDE:
                raise PhotoUnreadable(say("This camera frame has an unusual size."))
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise PhotoUnreadable(say("This camera frame is damaged."), detail=type(error).__name__) from error
