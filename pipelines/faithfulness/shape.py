"""The shape of a face in two pictures: how far its landmarks moved, and what became wider or narrower.

Methods and their sources are told in `pipelines.faithfulness.meter`, which makes numbers of these into words.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage.transform import SimilarityTransform

from pipelines.results import RatioChange

# MediaPipe's canonical face mesh. Of each eye: its corners, and pairs of upper and lower lid.
_EYES = (
    ((33, 133), ((160, 144), (159, 145), (158, 153))),
    ((263, 362), ((387, 373), (386, 374), (385, 380))),
)
_JAW = ((172, 397), (136, 365), (58, 288))
_NOSE = ((129, 358), (64, 294), (98, 327))
_FACE_HEIGHT = ((10, 152),)
_PARTS: dict[str, tuple[tuple[int, int], ...]] = {
    "eye_size": tuple(pair for corners, lids in _EYES for pair in (corners, *lids)),
    "jaw_width": _JAW,
    "nose_width": _NOSE,
    "face_height": _FACE_HEIGHT,
}
_FLOW_EYES, _FLOW_SIDE = 72, 245  # pixels between the eyes, and of the square in which the flow is found
_LOST = 0.03  # inter-ocular distances that the way there and back may miss by


def landmark_drift(photo: np.ndarray, portrait: np.ndarray) -> float:
    """Mean distance of corresponding landmarks after alignment, in inter-ocular distances of the photo.

    Moving, turning or scaling either face as a whole changes nothing.

    Args:
        photo: (478, 2).
        portrait: (478, 2).
    """
    distances = np.linalg.norm(align(portrait, photo) - photo, axis=1)
    return float(distances.mean() / max(1e-6, _interocular(photo)))


def align(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Lay points on others by the similarity transform of least squares (Umeyama 1991), never mirrored.

    Args:
        source: (N, 2).
        target: (N, 2), corresponding.

    Returns:
        (N, 2) float64, the moved source; as it is where all its points are one.
    """
    moved = SimilarityTransform.from_estimate(source.astype(np.float64), target.astype(np.float64))
    return np.asarray(moved(source)) if moved else source.astype(np.float64)


def shape_changes(
    photo: np.ndarray, photo_points: np.ndarray, portrait: np.ndarray, portrait_points: np.ndarray
) -> dict[str, RatioChange]:
    """Eye size, jaw width, nose width and face height, before and after.

    Args:
        photo: (H, W, 3) uint8.
        photo_points: (478, 2).
        portrait: (H, W, 3) uint8.
        portrait_points: (478, 2), from which the faces are aligned and no more.

    Returns:
        By name; parts that cannot be followed from one picture to the other are left out.
    """
    middle = photo_points[[1, 2, 4, 6]].mean(axis=0)
    zoom = _FLOW_EYES / max(1e-6, _interocular(photo_points))
    here = zoom * (photo_points - middle) + _FLOW_SIDE / 2
    first, second = _upright(photo, photo_points, here), _upright(portrait, portrait_points, here)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    there = here + _at(flow.calc(first, second, None), here)
    back = there + _at(flow.calc(second, first, None), there)
    missed = np.linalg.norm(back - here, axis=1) / _FLOW_EYES
    before, after = _ratios(here), _ratios(there)
    eyes_lost = np.median(missed[_indices(_PARTS["eye_size"])]) > _LOST  # they are the unit of all others
    return {
        name: RatioChange(
            before=before[name], after=after[name], percent=100 * (after[name] / max(1e-6, before[name]) - 1)
        )
        for name, pairs in _PARTS.items()
        if not eyes_lost and np.median(missed[_indices(pairs)]) <= _LOST
    }


def _upright(rgb: np.ndarray, points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The face with its points laid on the target, (_FLOW_SIDE, _FLOW_SIDE) grey with its contrast evened out."""
    moved = align(points, target)
    matrix = np.linalg.lstsq(np.column_stack([points, np.ones(len(points))]), moved, rcond=None)[0].T
    side = (_FLOW_SIDE, _FLOW_SIDE)
    face = cv2.warpAffine(rgb, matrix, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.createCLAHE(2.0, (4, 4)).apply(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))


def _at(flow: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The flow at points between its pixels, (N, 2)."""
    x, y = (np.ascontiguousarray(points[None, :, axis], np.float32) for axis in (0, 1))
    return cv2.remap(flow, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]


def _indices(pairs: tuple[tuple[int, int], ...]) -> list[int]:
    return [index for pair in pairs for index in pair]


def _ratios(points: np.ndarray) -> dict[str, float]:
    """Lengths over the inter-ocular distance."""
    unit = max(1e-6, _interocular(points))
    eyes = [_length(points, (corners,)) + _length(points, lids) for corners, lids in _EYES]
    return {
        "eye_size": float(np.mean(eyes)) / unit,
        "jaw_width": _length(points, _JAW) / unit,
        "nose_width": _length(points, _NOSE) / unit,
        "face_height": _length(points, _FACE_HEIGHT) / unit,
    }


def _length(points: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> float:
    return float(np.mean([np.linalg.norm(points[first] - points[second]) for first, second in pairs]))


def _interocular(points: np.ndarray) -> float:
    """Between the middles of the corners of each eye, in the unit of the points."""
    first, second = (points[list(corners)].mean(axis=0) for corners, _ in _EYES)
    return float(np.linalg.norm(first - second))
