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
from pipelines.schema import Certainty, Face

# Points of the face mesh around both cheeks and the forehead: where skin tone is measured.
SKIN_SITES = (
    (117, 118, 101, 36, 205, 187, 123),
    (346, 347, 330, 266, 425, 411, 352),
    (9, 108, 69, 151, 299, 337),
)

SURE = 0.8  # score; of 69 people found in the shared portraits 67 have more, upside down 5 %

SMALLEST_FACE = 64  # pixels; MediaPipe's face control refuses smaller ones, and there is little to keep
_SELFIE_SIZE = 256
_PART = 0.25  # of the largest part's area: another one so large is the person's, too
_CERTAIN = 0.9  # of the mask; ghosts beside people had 0.79 at most, hands and hats more
_TILTS = (-35, 35, -70, 70)  # degrees; upright, the mesh bears less
_SIDEWAYS = 0.45  # nose tip off the middle of the cheeks, in face widths
_LIKELY = 0.7  # with a face mesh that fits; of 33 boxes around cups, clocks and paintings 2 have that
_DRAWN = 0.5  # share of a face without any shade; photographed faces measured 0.02 to 0.19, drawn ones 0.85 to 0.89
_RANK = {"sure": 0, "likely": 1, "doubtful": 2, "marked": 3}

Box = tuple[float, float, float, float]  # left, top, right, bottom

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
    """Faces in the order of `surest_first`, without landmarks.

    Args:
        rgb: (H, W, 3) uint8.
    """
    found: list[Face] = []
    for face in _boxes(rgb):
        same = next((other for other in found if same_face(face.box, other.box)), None)
        if same is None:
            found.append(face)
        elif face.score > same.score:  # the models differ in what they see well, and either may be the sure one
            found[found.index(same)] = same.model_copy(update={"score": face.score})
    judged = [(face, _mesh_fits(rgb, face)) if face.score < SURE else (face, True) for face in found]
    faces = [face.model_copy(update={"certainty": _certainty(rgb, face, fits)}) for face, fits in judged]
    if any(face.certainty != "doubtful" for face in faces):
        # Foliage and wallpaper can pass for a face, but no face mesh fits them.
        faces = [face for face, (_, fits) in zip(faces, judged, strict=True) if fits]
    return surest_first(faces)


def surest_first(faces: list[Face]) -> list[Face]:
    """Certainty before size: a large box that may be no face is not taken for the person beside it.

    Of those that may be people, faces too small for a portrait come last.
    """
    return sorted(
        faces,
        key=lambda face: (face.certainty == "doubtful", is_too_small(face), _RANK[face.certainty], -_area(face.box)),
    )


def is_too_small(face: Face) -> bool:
    """Whether there is too little of a face for a portrait."""
    return min(face.box[2] - face.box[0], face.box[3] - face.box[1]) < SMALLEST_FACE


def same_face(box: Box, other: Box) -> bool:
    """Whether two boxes lie around one face."""
    return _overlap(box, other) >= 0.3


def roll(points: np.ndarray) -> float:
    """By how many degrees clockwise the line through the eyes of a face mesh is turned, -180 to 180."""
    across, down = points[[263, 362]].mean(axis=0) - points[[33, 133]].mean(axis=0)
    return float(np.degrees(np.arctan2(down, across)))


def looks_aside(points: np.ndarray) -> bool:
    """Whether a face looks far to the side: the nose tip is off the middle of the cheeks.

    Args:
        points: (478, 2) pixels.
    """
    cheek, other, nose = points[234], points[454], points[1]
    across = other - cheek  # along this line, for a head may be tilted
    width = max(1.0, float(np.linalg.norm(across)))
    return abs(float(np.dot(nose - (cheek + other) / 2, across))) / width**2 > _SIDEWAYS


def _boxes(rgb: np.ndarray) -> Iterator[Face]:
    """What each detector finds, in no order."""
    height, width = rgb.shape[:2]
    for name in ("near", "far"):  # the near model misses small faces, the far model misses very large ones
        with _solution(name) as detector:
            result = detector.process(np.ascontiguousarray(rgb))
        for detection in result.detections or []:
            box = detection.location_data.relative_bounding_box
            left, top = box.xmin * width, box.ymin * height
            yield Face(
                box=(left, top, left + box.width * width, top + box.height * height),
                score=min(1.0, float(detection.score[0])),
            )


def _certainty(rgb: np.ndarray, face: Face, mesh_fits: bool) -> Certainty:
    if _is_drawn(rgb, face):
        return "doubtful"
    if face.score >= SURE:
        return "sure"
    return "likely" if face.score >= _LIKELY and mesh_fits else "doubtful"


def _is_drawn(rgb: np.ndarray, face: Face) -> bool:
    """Whether most of a face is one flat colour, as in a logo or a smiley; skin has shade wherever it is lit."""
    left, top, right, bottom = (max(0, int(side)) for side in face.box)
    part = rgb[top:bottom, left:right]
    if min(part.shape[:2]) < 8:
        return False
    gray = cv2.cvtColor(cv2.resize(part, (160, 160), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    slope = np.abs(cv2.Sobel(gray, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    low, high = np.percentile(gray, (5, 95))  # a dark photo has little slope anywhere
    return bool((slope <= 0.03 * (high - low)).mean() > _DRAWN)


def face_landmarks(rgb: np.ndarray, box: Box) -> np.ndarray | None:
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


def person_mask(rgb: np.ndarray, *, alone: bool = True) -> np.ndarray:
    """Where the person is (selfie segmentation), its edge drawn to the picture by a guided filter.

    Args:
        rgb: (H, W, 3) uint8.
        alone: Whether one person is meant; what hangs apart from them is left out then. False: all people.

    Returns:
        (H, W) float32 in 0..1.
    """
    height, width = rgb.shape[:2]
    small = cv2.resize(rgb, (_SELFIE_SIZE, _SELFIE_SIZE), interpolation=cv2.INTER_AREA)
    with _solution("selfie") as segmenter:
        mask = segmenter.process(small).segmentation_mask.astype(np.float32)
    mask = without_islands(mask) if alone else mask
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


def mesh_within(rgb: np.ndarray, box: Box) -> np.ndarray | None:
    """As `face_landmarks`, but no mesh of a neighbour: its middle lies in the box."""
    points = face_landmarks(rgb, box)
    if points is None:
        return None
    x, y = points.mean(axis=0)
    return points if box[0] < x < box[2] and box[1] < y < box[3] else None


def mesh_of(rgb: np.ndarray, face: Face) -> np.ndarray | None:
    """As `mesh_within`; of a face that was marked by hand also the mesh of a tilted head, which detectors miss."""
    box, points = face.box, mesh_within(rgb, face.box)
    if points is not None or face.certainty != "marked":
        return points
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    side = round(3 * max(box[2] - box[0], box[3] - box[1]))
    for degrees in _TILTS:
        there = cv2.getRotationMatrix2D(middle, degrees, 1.0)
        there[:, 2] += side / 2 - np.array(middle)
        part = cv2.warpAffine(rgb, there, (side, side), flags=cv2.INTER_LINEAR, borderValue=(127, 127, 127))
        points = mesh_within(part, (side / 3, side / 3, side * 2 / 3, side * 2 / 3))
        if points is not None:
            return cv2.transform(points[None], cv2.invertAffineTransform(there))[0].astype(np.float32)
    return None


def _mesh_fits(rgb: np.ndarray, face: Face) -> bool:
    return mesh_within(rgb, face.box) is not None


def without_islands(mask: np.ndarray) -> np.ndarray:
    """The mask without what hangs apart from the person, and without most of the haze around them.

    Of 70 shared portraits ten had such, from flowers to writing on a wall; before a new background they stood beside
    the person like ghosts. A part of which the network is sure, a hand or a hat, stays however loosely it is joined.

    Args:
        mask: (256, 256) float32 in 0..1, as the network says it; 1 where the person is.

    Returns:
        (256, 256) float32 in 0..1.
    """
    _, joined, sizes, _ = cv2.connectedComponentsWithStats((mask > 0.2).astype(np.uint8), connectivity=4)
    count, parts, stats, _ = cv2.connectedComponentsWithStats((mask > 0.5).astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA]
    around = np.array([0, *(sizes[joined[parts == part][0], cv2.CC_STAT_AREA] for part in range(1, count))])
    largest = 1 + areas[1:].argmax()
    kept = [
        part
        for part in range(1, count)
        if around[part] >= _PART * around[largest]
        and (areas[part] >= _PART * areas[largest] or mask[parts == part].max() > _CERTAIN)
    ]
    away = cv2.distanceTransform(1 - np.isin(parts, kept).astype(np.uint8), cv2.DIST_L2, 5)
    mask = np.clip((mask - 0.12) / 0.76, 0.0, 1.0)
    return (mask * np.clip(1.6 - away / (0.03 * _SELFIE_SIZE), 0.0, 1.0)).astype(np.float32)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(1e-6, min(_area(a), _area(b)))
