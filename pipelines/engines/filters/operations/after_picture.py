"""A picture that the visitor gave, as a style: a network of Google Magenta's reads it as 100 numbers and repaints with
them. One pass of a feed-forward network, a filter and not diffusion.
"""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from PIL import Image, ImageOps

from languages.saying import say
from pipelines import recipe
from pipelines.engines.filters.canvas import Canvas, blur, mix
from pipelines.engines.filters.enlarge import enlarged
from pipelines.engines.filters.operations.neural import head_and_neck, network, recoloured
from pipelines.errors import RequestInvalid
from pipelines.schema import StylePicture

NEEDED = say("This style paints after a picture of your own: give one, or choose another style.")
_SEEN = 256  # pixels of a square in which the style picture is read
_PAINTED = 384  # pixels of the square that the network paints
_MOST_MARK = 13.0  # L* that a mark on the head is lighter or darker than the photo
_VECTOR = "mobilenet_conv/Conv/BiasAdd"  # its other input, (1, 1, 1, 100)

_lock = threading.Lock()
_vectors: WeakKeyDictionary[StylePicture, np.ndarray] = WeakKeyDictionary()  # each goes with its picture


def after_picture(canvas: Canvas, step: recipe.AfterPicture) -> None:
    """recipe.AfterPicture.

    Raises:
        RequestInvalid: The visitor gave no picture.
        EngineUnavailable: The network is not installed.
    """
    if canvas.style_picture is None:
        raise RequestInvalid(NEEDED)
    if step.amount <= 0:
        return
    before = np.clip(canvas.image, 0, 1).astype(np.float32)
    # "More like me" is told to the network, too: it then draws the photo's own marks with the picture's.
    share = step.style * min(1.0, 1.15 - 0.3 * canvas.likeness)
    style = mix(_read(before), style_vector(canvas.style_picture), share).astype(np.float32)
    small = _painted(blur(before, step.soft * canvas.unit), style)
    painted = enlarged(small, before) if max(before.shape[:2]) > _PAINTED else cv2.resize(small, before.shape[1::-1])
    head = head_and_neck(canvas)
    colour = mix(step.colour, step.skin_colour, head)
    painted = recoloured(before, painted, colour, mix(colour, 1.0, step.person_light * canvas.person), canvas.unit)
    painted = _bounded(before, painted, head)
    amount = step.amount * (1 - (1 - step.face) * np.maximum(head, canvas.features))
    canvas.image = mix(before, painted, amount)
    canvas.keep_features(0.6 * step.amount)


def _bounded(before: np.ndarray, painted: np.ndarray, head: np.ndarray) -> np.ndarray:
    """The same with marks on the head that are no stronger than _MOST_MARK: stripes and blots stay marks, and a nose a
    nose.
    """
    old, new = cv2.cvtColor(before, cv2.COLOR_RGB2LAB), cv2.cvtColor(painted.astype(np.float32), cv2.COLOR_RGB2LAB)
    mark = new[..., 0] - old[..., 0]
    soft = old[..., 0] + _MOST_MARK * np.tanh(mark / _MOST_MARK)
    new[..., 0] = np.clip(mix(new[..., 0], soft, head), 0, 100)
    return np.clip(cv2.cvtColor(new, cv2.COLOR_LAB2RGB), 0, 1)


def style_vector(picture: StylePicture) -> np.ndarray:
    """What the network knows of a style, (1, 1, 1, 100) float32; read once from each picture.

    Raises:
        EngineUnavailable: The network is not installed.
    """
    with _lock:
        known = _vectors.get(picture)
    if known is None:
        square = ImageOps.fit(picture.image.convert("RGB"), (_SEEN, _SEEN), Image.Resampling.LANCZOS)
        known = _read(np.asarray(square, np.float32) / 255.0)
        with _lock:
            _vectors[picture] = known
    return known


def _read(image: np.ndarray) -> np.ndarray:
    """The 100 numbers of (H, W, 3) float32 sRGB in 0..1."""
    seen = cv2.resize(image, (_SEEN, _SEEN), interpolation=cv2.INTER_AREA)
    vector: np.ndarray = network("arbitrary_predict").run(None, {"style_image": seen[None]})[0]
    return vector


def _painted(image: np.ndarray, style: np.ndarray) -> np.ndarray:
    """One pass of arbitrary style transfer (Ghiasi, Lee, Kudlur, Dumoulin and Shlens 2017, arXiv:1705.06830).

    Args:
        image: (H, W, 3) float32 sRGB in 0..1, of any size and shape.
        style: From `style_vector`.

    Returns:
        (h, w, 3) float32 in 0..1 of the same shape, 384 on the long side. The same image gives the same bytes.
    """
    height, width = image.shape[:2]
    factor = _PAINTED / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    smaller = factor < 1
    seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    below, right = _PAINTED - size[1], _PAINTED - size[0]
    square = cv2.copyMakeBorder(seen, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    out = network("arbitrary_transform").run(None, {"content_image": square[None], _VECTOR: style})[0][0]
    return np.clip(np.ascontiguousarray(out[: size[1], : size[0]]), 0, 1)
