"""Photo -> control images, one function an annotator.

Lines and depth are kept to the person where a person mask is there: the person is what must stay recognisable, and the
shapes of the room would stand in the way of the style's and the scene's own background.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image

from pipelines import heavy
from pipelines.controls.depth import estimate_depth
from pipelines.errors import EngineUnavailable
from pipelines.hub import weights
from pipelines.hub.components import ANNOTATOR_WEIGHTS
from pipelines.photo import vision
from pipelines.schema import AnnotatorName, PreparedPhoto

Annotator = Callable[[PreparedPhoto], np.ndarray]
"""Photo -> (height, width, 3) uint8 RGB, the same size as the photo."""

# Below this share of the picture, a person mask has missed the person.
_LEAST_PERSON = 0.04
# Side in pixels at which the widths of drawn limbs were chosen when the ControlNets were trained.
_REFERENCE_SIZE = 512
_LEAST_VISIBILITY = 0.3
# Levels between the 1st and 99th percentile of an ordinary photo; beyond a gain of 6 it is noise that is amplified.
_ORDINARY_CONTRAST, _MOST_GAIN = 160.0, 6.0

# MediaPipe's index for each of OpenPose's 18 points; the neck (1) is made of the shoulders.
_OPENPOSE_FROM_MEDIAPIPE = (0, -1, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
_NECK, _RIGHT_SHOULDER, _LEFT_SHOULDER = 1, 2, 5
# Limbs in the order of OpenPose, which is also the order of their colours.
_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
_COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)  # fmt: skip

_detectors: dict[str, Any] = {}
_lock = threading.Lock()
_drawing, _drawn_now = threading.Condition(), set[tuple[int, AnnotatorName]]()


def annotate(name: AnnotatorName, photo: PreparedPhoto) -> Image.Image:
    """Draw a control image.

    Returns:
        RGB, the same size as the photo. Black where the annotator finds nothing (no face, no body).

    Raises:
        EngineUnavailable: Its weights or its library are not on this machine; says how to get them.
    """
    return Image.fromarray(ANNOTATORS[name](photo))


def drawn_once(name: AnnotatorName, photo: PreparedPhoto, drawn: dict[AnnotatorName, Image.Image]) -> Image.Image:
    """The control image out of those that are drawn already, or else drawn now and put there; by one thread for all.

    Raises:
        EngineUnavailable: As `annotate`.
    """
    key = (id(drawn), name)
    with _drawing:
        _drawing.wait_for(lambda: key not in _drawn_now)
        if name in drawn:
            return drawn[name]
        _drawn_now.add(key)
    try:
        drawn[name] = annotate(name, photo)
    finally:
        with _drawing:
            _drawn_now.discard(key)
            _drawing.notify_all()
    return drawn[name]


def missing(name: AnnotatorName) -> str | None:
    """The sentence that says why an annotator cannot draw here, or None where it can."""
    if name not in ANNOTATOR_WEIGHTS:
        return None
    try:
        weights.require_annotator(name)
    except EngineUnavailable as error:
        return error.hint
    return None


def _canny(photo: PreparedPhoto) -> np.ndarray:
    """Canny edges with thresholds from the picture itself, so that dark and flat photos get edges too.

    The ControlNet was trained on random thresholds; what matters is a useful density. The upper threshold is the
    gradient that the strongest 12 % of the person's pixels reach, the lower one 0.4 of it (Canny advised 2:1 to 3:1).
    """
    rgb = np.asarray(photo.image)
    grey = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1.0 * _scale(rgb))
    gradient = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    mask = _usable_mask(photo)
    high = float(np.clip(np.percentile(gradient if mask is None else gradient[mask > 0.5], 88), 24, 220))
    detector = _detector("CannyDetector")
    edges = detector(
        cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB),
        0.4 * high,
        high,
        detect_resolution=min(rgb.shape[:2]),  # of the short side, as in all of controlnet-aux
        image_resolution=min(rgb.shape[:2]),
    )
    return _person_only(_fitted(edges, rgb), photo)


def _lineart(photo: PreparedPhoto) -> np.ndarray:
    """Difference-of-Gaussians line drawing, white on black (LineartStandard of controlnet-aux)."""
    rgb = _levelled(np.asarray(photo.image))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a picture without any line: the median of nothing
        drawing = _detector("LineartStandardDetector")(
            rgb,
            guassian_sigma=6.0 * _scale(rgb),
            intensity_threshold=8,
            detect_resolution=min(rgb.shape[:2]),
            output_type="np",
        )
    return _person_only(_fitted(drawing, rgb), photo)


def _softedge(photo: PreparedPhoto) -> np.ndarray:
    """HED soft edges (Xie and Tu 2015, arXiv:1504.06375), weights by the author of ControlNet."""
    folder = weights.require_annotator("softedge")
    rgb = np.asarray(photo.image)
    with _lock:
        if "hed" not in _detectors:
            with heavy.loading_weights():
                _detectors["hed"] = heavy.load("controlnet_aux").HEDdetector.from_pretrained(str(folder))
    side = min(rgb.shape[:2])
    edges = _detectors["hed"](
        rgb, detect_resolution=min(_REFERENCE_SIZE, side), image_resolution=side, output_type="np"
    )
    return _person_only(_fitted(edges, rgb), photo)


def _mediapipe_face(photo: PreparedPhoto) -> np.ndarray:
    """Face mesh contours in the colours that ControlNetMediaPipeFace was trained on.

    Drawn from the landmarks that are known already; controlnet-aux's own detector misses faces that ours finds.
    """
    rgb = np.asarray(photo.image)
    height, width = rgb.shape[:2]
    landmarks = photo.face.landmarks if photo.face else None
    if landmarks is None:
        return _fitted(
            _detector("MediapipeFaceDetector")(
                rgb, detect_resolution=min(height, width), image_resolution=min(height, width), output_type="np"
            ),
            rgb,
        )
    common = heavy.load("controlnet_aux.mediapipe_face.mediapipe_face_common")
    protocol = heavy.load("mediapipe.framework.formats.landmark_pb2")
    points = protocol.NormalizedLandmarkList(
        landmark=[protocol.NormalizedLandmark(x=float(x) / width, y=float(y) / height, z=0.0) for x, y in landmarks]
    )
    canvas = np.zeros_like(rgb)
    common.mp_drawing.draw_landmarks(
        canvas,
        points,
        connections=list(common.face_connection_spec),
        landmark_drawing_spec=None,
        connection_drawing_spec=common.face_connection_spec,
    )
    common.draw_pupils(canvas, points, common.iris_landmark_spec, 2)
    return np.ascontiguousarray(canvas[:, :, ::-1])  # drawn as BGR


def _pose(photo: PreparedPhoto) -> np.ndarray:
    """OpenPose's 18-point skeleton drawn from MediaPipe's body pose; OpenPose's own weights are non-commercial."""
    rgb = np.asarray(photo.image)
    body = vision.pose_landmarks(rgb)
    return np.zeros_like(rgb) if body is None else draw_openpose(openpose_keypoints(body), photo.image.size)


def _depth(photo: PreparedPhoto) -> np.ndarray:
    """Relative depth by Depth Anything V2 Small, near is white, behind the person all is far."""
    depth = estimate_depth(photo.image)
    low, high = np.percentile(depth, (0.5, 99.5))
    grey = np.clip((depth - low) / max(1e-6, high - low), 0.0, 1.0)
    return _person_only(cv2.cvtColor((grey * 255).round().astype(np.uint8), cv2.COLOR_GRAY2RGB), photo)


def _tile(photo: PreparedPhoto) -> np.ndarray:
    """The photo itself, in colour, as ControlNets of the "tile" kind read it."""
    return np.asarray(photo.image.convert("RGB"))


ANNOTATORS: dict[AnnotatorName, Annotator] = {
    "canny": _canny,
    "lineart": _lineart,
    "softedge": _softedge,
    "mediapipe_face": _mediapipe_face,
    "pose": _pose,
    "depth": _depth,
    "tile": _tile,
}


def openpose_keypoints(body: np.ndarray) -> np.ndarray:
    """MediaPipe's 33 body points as OpenPose's 18.

    Args:
        body: (33, 3) x, y in pixels and visibility in 0..1. Left and right are the person's own, as in OpenPose.

    Returns:
        (18, 3) in the same units: nose, neck (midway between the shoulders), right arm, left arm, right leg, left leg,
        right eye, left eye, right ear, left ear.
    """
    points = body[np.asarray(_OPENPOSE_FROM_MEDIAPIPE)].astype(np.float32)
    shoulders = points[[_RIGHT_SHOULDER, _LEFT_SHOULDER]]
    points[_NECK] = (*shoulders[:, :2].mean(axis=0), shoulders[:, 2].min())
    return points


def draw_openpose(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The skeleton as ControlNet's OpenPose preprocessor draws it: limbs at 0.6 of their colour, joints at full colour.

    Args:
        points: (18, 3) x, y in pixels and visibility. Points hardly visible, or outside the picture, are left out.
        size: Width and height of the picture; limbs are 4 px (half-axis) wide in the area of 512 px squared.

    Returns:
        (height, width, 3) uint8 RGB on black.
    """
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    width = max(1, round(4 * math.sqrt(size[0] * size[1]) / _REFERENCE_SIZE))
    inside = (points[:, :2] >= 0).all(axis=1) & (points[:, :2] < size).all(axis=1)
    shown = inside & (points[:, 2] >= _LEAST_VISIBILITY)
    for (first, second), colour in zip(_LIMBS, _COLOURS, strict=False):
        if not (shown[first] and shown[second]):
            continue
        (x0, y0), (x1, y1) = points[first, :2], points[second, :2]
        length = math.hypot(x0 - x1, y0 - y1)
        angle = math.degrees(math.atan2(y0 - y1, x0 - x1))
        centre = (int((x0 + x1) / 2), int((y0 + y1) / 2))
        polygon = cv2.ellipse2Poly(centre, (int(length / 2), width), int(angle), 0, 360, 1)
        cv2.fillConvexPoly(canvas, polygon, [int(channel * 0.6) for channel in colour])
    for point, colour, visible in zip(points, _COLOURS, shown, strict=True):
        if visible:
            cv2.circle(canvas, (int(point[0]), int(point[1])), width, colour, thickness=-1)
    return canvas


def _detector(name: str) -> Any:
    """A weight-free detector of controlnet-aux, made once."""
    with _lock:
        if name not in _detectors:
            _detectors[name] = getattr(heavy.load("controlnet_aux"), name)()
    return _detectors[name]


def _scale(rgb: np.ndarray) -> float:
    return math.sqrt(rgb.shape[0] * rgb.shape[1]) / _REFERENCE_SIZE


def _levelled(rgb: np.ndarray) -> np.ndarray:
    """Dark and flat photos stretched to the contrast of ordinary ones, since the line drawing knows absolute steps."""
    low, high = np.percentile(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (1, 99))
    gain = min(_ORDINARY_CONTRAST / max(1.0, high - low), _MOST_GAIN)
    return rgb if gain <= 1.0 else np.clip((rgb - low) * gain, 0, 255).astype(np.uint8)


def _fitted(drawing: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """The drawing at the photo's size; controlnet-aux rounds sizes to multiples of 64."""
    if drawing.shape[:2] == rgb.shape[:2]:
        return drawing
    return cv2.resize(drawing, rgb.shape[1::-1], interpolation=cv2.INTER_AREA)


def _usable_mask(photo: PreparedPhoto) -> np.ndarray | None:
    mask = photo.person_mask
    return mask if mask is not None and float(mask.mean()) >= _LEAST_PERSON else None


def _person_only(drawing: np.ndarray, photo: PreparedPhoto) -> np.ndarray:
    """The drawing faded out beyond the person, with a margin that keeps the outline itself and loose hair."""
    mask = _usable_mask(photo)
    if mask is None:
        return drawing
    margin = max(3, round(0.025 * drawing.shape[0])) | 1
    kept = cv2.dilate(mask.astype(np.float32), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin)))
    kept = np.clip(cv2.GaussianBlur(kept, (0, 0), margin / 4) * 1.25, 0.0, 1.0)
    return (drawing * kept[..., None]).round().astype(np.uint8)
