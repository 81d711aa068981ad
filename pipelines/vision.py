"""What MediaPipe sees in a picture: faces, face mesh, person mask, body pose. Models ship inside the wheel.

MediaPipe's graphs are not thread-safe, so each solution has one instance and one lock.
Coordinates are pixels of the picture handed in.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from pipelines import heavy
from pipelines.schema import Face

# Points of the face mesh around both cheeks and the forehead: where skin tone is measured.
SKIN_SITES = (
    (117, 118, 101, 36, 205, 187, 123),
    (346, 347, 330, 266, 425, 411, 352),
    (9, 108, 69, 151, 299, 337),
)

_SELFIE_SIZE = 256
_SURE = 0.8

_instances: dict[str, Any] = {}
_locks: dict[str, threading.Lock] = {name: threading.Lock() for name in ("near", "far", "mesh", "selfie", "pose")}


@contextlib.contextmanager
def _solution(name: str) -> Iterator[Any]:
    """The one instance of a MediaPipe solution, for this thread alone while inside."""
    with _locks[name]:
        if name not in _instances:
            solutions = heavy.load("mediapipe").solutions
            makers = {
                "near": lambda: solutions.face_detection.FaceDetection(model_selection=0, min_detection_confidence=0.4),
                "far": lambda: solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.4),
                "mesh": lambda: solutions.face_mesh.FaceMesh(
                    static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
                ),
                "selfie": lambda: solutions.selfie_segmentation.SelfieSegmentation(model_selection=0),
                "pose": lambda: solutions.pose.Pose(static_image_mode=True, model_complexity=1),
            }
            _instances[name] = makers[name]()
        yield _instances[name]


def warm_up() -> None:
    """Start every model once, so that the first visitor does not wait."""
    blank = np.full((_SELFIE_SIZE, _SELFIE_SIZE, 3), 127, np.uint8)
    detect_faces(blank)
    face_landmarks(blank, (64.0, 64.0, 192.0, 192.0))
    person_mask(blank)


def detect_faces(rgb: np.ndarray) -> list[Face]:
    """Faces, largest first, without landmarks.

    Args:
        rgb: (H, W, 3) uint8.
    """
    height, width = rgb.shape[:2]
    found: list[Face] = []
    for name in ("near", "far"):  # the near model misses small faces, the far model misses very large ones
        with _solution(name) as detector:
            result = detector.process(np.ascontiguousarray(rgb))
        for detection in result.detections or []:
            box = detection.location_data.relative_bounding_box
            left, top = box.xmin * width, box.ymin * height
            face = Face(
                box=(left, top, left + box.width * width, top + box.height * height),
                score=min(1.0, float(detection.score[0])),
            )
            if all(_overlap(face.box, other.box) < 0.3 for other in found):
                found.append(face)
    if len(found) > 1:  # foliage and wallpaper can pass for a face, but no face mesh fits them
        found = [face for face in found if face.score >= _SURE or _mesh_fits(rgb, face)] or found
    return sorted(found, key=lambda face: _area(face.box), reverse=True)


def face_landmarks(rgb: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray | None:
    """MediaPipe's 478 face mesh points near a box.

    Returns:
        (478, 2) float32 x, y in pixels of `rgb`, or None where no mesh fits.
    """
    height, width = rgb.shape[:2]
    left, top, right, bottom = box
    margin = 0.6 * max(right - left, bottom - top)
    x0, y0 = max(0, int(left - margin)), max(0, int(top - margin))
    x1, y1 = min(width, int(right + margin)), min(height, int(bottom + margin))
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    with _solution("mesh") as mesh:
        result = mesh.process(np.ascontiguousarray(rgb[y0:y1, x0:x1]))
    if not result.multi_face_landmarks:
        return None
    points = [(p.x * (x1 - x0) + x0, p.y * (y1 - y0) + y0) for p in result.multi_face_landmarks[0].landmark]
    return np.asarray(points, np.float32)


def person_mask(rgb: np.ndarray) -> np.ndarray:
    """Where the person is (selfie segmentation), its edge drawn to the picture by a guided filter.

    Returns:
        (H, W) float32 in 0..1.
    """
    height, width = rgb.shape[:2]
    small = cv2.resize(rgb, (_SELFIE_SIZE, _SELFIE_SIZE), interpolation=cv2.INTER_AREA)
    with _solution("selfie") as segmenter:
        mask = segmenter.process(small).segmentation_mask.astype(np.float32)
    mask = _without_islands(mask)
    mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    radius = max(2, round(max(height, width) / 128))
    mask = cv2.ximgproc.guidedFilter(rgb, mask, radius, 1e-4 * 255 * 255)
    return np.clip(mask, 0.0, 1.0)


def pose_landmarks(rgb: np.ndarray) -> np.ndarray | None:
    """MediaPipe's 33 body points.

    Returns:
        (33, 3) float32 x, y in pixels and visibility in 0..1, or None where no body is seen.
    """
    height, width = rgb.shape[:2]
    with _solution("pose") as pose:
        result = pose.process(np.ascontiguousarray(rgb))
    if not result.pose_landmarks:
        return None
    return np.asarray([(p.x * width, p.y * height, p.visibility) for p in result.pose_landmarks.landmark], np.float32)


def _mesh_fits(rgb: np.ndarray, face: Face) -> bool:
    points = face_landmarks(rgb, face.box)
    if points is None:
        return False
    x, y = points.mean(axis=0)
    return bool(face.box[0] < x < face.box[2] and face.box[1] < y < face.box[3])


def _without_islands(mask: np.ndarray) -> np.ndarray:
    """The mask without patches of background that hang apart from the person."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0.2).astype(np.uint8), connectivity=4)
    if count <= 2:
        return mask
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = [index + 1 for index, area in enumerate(areas) if area >= 0.25 * areas.max()]
    return np.where(np.isin(labels, kept), mask, 0.0).astype(np.float32)


def _area(box: tuple[float, float, float, float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection over the smaller of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(1e-6, min(_area(a), _area(b)))
