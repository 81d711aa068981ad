"""How much of the person is left in a portrait, in numbers and in one plain sentence.

`measure` compares the photo's crop with the portrait made from it, face against face. Every number is measured on
these two pictures, or it is None and a reason says why.

- **Landmark drift**: MediaPipe's 478 points are found again in the portrait, laid on the photo's by the similarity
  transform of least squares (Procrustes; Umeyama 1991, IEEE PAMI 13(4):376-380, without reflection), and the mean
  distance left is given in inter-ocular distances (between the centres of the eyes, which larger eyes do not move).
- **Face shape**: eye size, jaw width, nose width and face height over the inter-ocular distance. The face mesh is a
  model of usual faces and hardly follows an edited one (a nose narrowed by 20 % is read as 1 %), so the photo's points
  are carried into the portrait by dense optical flow between the aligned faces (DIS; Kroeger et al. 2016,
  arXiv:1603.03590), and a part counts only where the flow back returns to where it came from (Kalal et al. 2010, ICPR).
  These are distances in the picture, which a turn of the head changes too, so faces seen from the side are not judged.
- **Skin tone**: the individual typology angle, ITA = atan2(L* - 50, b*) in degrees (Chardon, Cretois and Hourseau 1991,
  Int J Cosmet Sci 13(4):191-208), higher is lighter, and L* itself, on both cheeks and the forehead. Each patch is
  compared with itself and the median patch counts, so that one lock of hair or one highlight does not. Only for styles
  that mean to keep natural colour.
- **Edges kept**: the share of the Canny edges of the photo's face that the portrait has within 2 px at 512 px, less
  what its edges would cover by chance (as in Cohen's kappa), or dense hatching would score highest.

Noise, by `python -m benchmarks.likeness FOLDER --noise`: 68 of the 70 shared portraits (two have no readable face)
against themselves, 512 px, saved as JPEG at quality 80, halved, blurred by 1 px, cut 2 % aside. 99th percentiles of the
change over the 272 pictures: eyes 0.6 %, jaw 0.3 %, nose 0.3 %, height 0.2 %, ITA 3.1 degrees, L* 1.0, drift 7.6 %;
none was warned of.
"""

from __future__ import annotations

import logging

import cv2
import numpy as np
from PIL import Image

from pipelines import vision
from pipelines.schema import Faithfulness, PreparedPhoto, RatioChange, SkinShift

log = logging.getLogger(__name__)

# A picture beautifies when it goes past one of these: relative changes in percent, ITA in degrees. All lie above the
# noise of the docstring.
EYES_LARGER = 8.0
JAW_NARROWER = 5.0
NOSE_NARROWER = 8.0
SKIN_LIGHTER = 5.0
# ITA alone calls dark skin "lighter" when it only turns yellower, and near L* 50 it turns by 3 degrees for each unit of
# L*, in very light skin by 1. So lighter also means this much more L*, or brown skin would be warned of for nothing.
SKIN_LIGHTER_L = 2.5
# Below either of these the sentence calls skin tone kept. L* decides: its noise is a third of the angle's.
LIGHTNESS_NOISE = 1.5
ITA_NOISE = 2.0
# Percent from which the sentence speaks of a change.
SHAPE_NOISE = 5.0

# Classes of the angle, lower bounds in degrees (Chardon et al. 1991; Del Bino and Bernerd 2013, Br J Dermatol).
SKIN_GROUPS = (("very light", 55), ("light", 41), ("intermediate", 28), ("tan", 10), ("brown", -30), ("dark", -180))

_SIZE = 512  # pixels; edges are compared at this width
_TOLERANCE = 2
_DENSE = 0.12  # share of the face
_SIDEWAYS = 0.45  # nose tip off the middle of the cheeks, in face widths
_LEAST_YELLOW = 3.0  # b* of skin under which the angle means nothing
_LEAST_PIXELS = 12
_SLIVER = 0.35  # of the largest patch

# MediaPipe's canonical face mesh. Of each eye: its corners, and pairs of upper and lower lid.
_EYES = (
    ((33, 133), ((160, 144), (159, 145), (158, 153))),
    ((263, 362), ((387, 373), (386, 374), (385, 380))),
)
_JAW = ((172, 397), (136, 365), (58, 288))
_NOSE = ((129, 358), (64, 294), (98, 327))
_FACE_HEIGHT = ((10, 152),)
_SKIN = (  # both cheeks, forehead
    (117, 118, 101, 36, 205, 187, 123),
    (346, 347, 330, 266, 425, 411, 352),
    (9, 108, 69, 151, 299, 337),
)
_PARTS: dict[str, tuple[tuple[int, int], ...]] = {
    "eye_size": tuple(pair for corners, lids in _EYES for pair in (corners, *lids)),
    "jaw_width": _JAW,
    "nose_width": _NOSE,
    "face_height": _FACE_HEIGHT,
}
_NAMES = {"eye_size": "eyes", "jaw_width": "jaw", "nose_width": "nose", "face_height": "length of the face"}
_FLOW_EYES, _FLOW_SIDE = 72, 245  # pixels between the eyes, and of the square in which the flow is found
_LOST = 0.03  # inter-ocular distances that the way there and back may miss by

_SHAPE_KEPT = "Kept your face shape"
_NO_FACE = "There is no face in the photo to compare with."
_NOT_FOUND = "The face cannot be read in this picture, as in most strong abstractions, so its shape was not compared."
_TURNED = "The face is turned to the side, so its widths were not compared."
_OWN_COLOURS = "This style has its own colours, so skin tone is not judged."
_NO_COLOUR = "There is too little colour in the skin to compare its tone."
_FAILED = "The comparison with your photo failed for this picture."


def measure(photo: PreparedPhoto, portrait: Image.Image, *, natural_colour: bool) -> Faithfulness:
    """Compare a portrait with the photo that it was made from. Never raises: what fails says so in the value.

    Args:
        photo: The crop that the engine saw, with its face.
        portrait: RGB, the same square; another size is brought to the photo's.
        natural_colour: Whether the style means skin to keep its own colour.
    """
    try:
        return _measure(photo, portrait, natural_colour)
    except Exception as error:  # a number less must not cost the visitor the portrait
        log.error("faithfulness was not measured", exc_info=error)
        return Faithfulness(sentence=_FAILED, unmeasured=(_FAILED,))


def _measure(photo: PreparedPhoto, portrait: Image.Image, natural_colour: bool) -> Faithfulness:
    if photo.face is None or photo.face.landmarks is None:
        return Faithfulness(sentence=_NO_FACE, unmeasured=(_NO_FACE,))
    before = np.asarray(photo.image.convert("RGB"))
    same_size = portrait.size == photo.image.size
    after = np.asarray((portrait if same_size else portrait.resize(photo.image.size)).convert("RGB"))
    edges = edges_kept(before, after, photo.face.landmarks)
    own = photo.face.landmarks
    other = _find(after, photo.face.box)
    if other is None:
        return Faithfulness(sentence=_NOT_FOUND, edges_kept=edges, unmeasured=(_NOT_FOUND,))
    unmeasured: list[str] = []
    shape: dict[str, RatioChange] = {}
    if max(_turn(own), _turn(other)) > _SIDEWAYS:
        unmeasured.append(_TURNED)
    else:
        shape = shape_changes(before, own, after, other)
        lost = [words for name, words in _NAMES.items() if name not in shape]
        if lost:
            unmeasured.append(f"Not clear enough in this picture to be compared: {_listed(lost)}.")
    skin = skin_shift(before, own, after, other) if natural_colour else None
    if skin is None:
        unmeasured.append(_NO_COLOUR if natural_colour else _OWN_COLOURS)
    return Faithfulness(
        sentence=_sentence(shape, skin, natural_colour, turned=_TURNED in unmeasured),
        warning=_warning(shape, skin),
        landmark_drift=landmark_drift(own, other),
        skin=skin,
        edges_kept=edges,
        unmeasured=tuple(unmeasured),
        **shape,
    )


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
        (N, 2) float64, the moved source.
    """
    first, second = source.astype(np.float64), target.astype(np.float64)
    first, middle = first - first.mean(axis=0), second.mean(axis=0)
    u, values, vt = np.linalg.svd((second - middle).T @ first)
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    scale = float((values * signs).sum() / max(1e-12, (first**2).sum()))
    return scale * first @ (u * signs @ vt).T + middle


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


def skin_shift(
    photo: np.ndarray, photo_points: np.ndarray, portrait: np.ndarray, portrait_points: np.ndarray
) -> SkinShift | None:
    """Skin tone of cheeks and forehead in both pictures.

    Args:
        photo: (H, W, 3) uint8.
        photo_points: (478, 2).
        portrait: (H, W, 3) uint8.
        portrait_points: (478, 2).

    Returns:
        None where no patch has enough colour in both pictures for an angle.
    """
    areas = [cv2.contourArea(cv2.convexHull(photo_points[list(indices)].astype(np.float32))) for indices in _SKIN]
    pairs = []
    for indices, area in zip(_SKIN, areas, strict=True):
        if area < _SLIVER * max(areas):  # a cheek that is turned away
            continue
        first, second = _tone(photo, photo_points[list(indices)]), _tone(portrait, portrait_points[list(indices)])
        if first is not None and second is not None:
            pairs.append((*first, *second))
    if not pairs:
        return None
    light, angle, new_light, new_angle = np.asarray(pairs, np.float64).T
    return SkinShift(
        ita_before=float(np.median(angle)),
        ita_after=float(np.median(new_angle)),
        ita_shift=float(np.median(new_angle - angle)),
        lightness_before=float(np.median(light)),
        lightness_after=float(np.median(new_light)),
        lightness_shift=float(np.median(new_light - light)),
    )


def skin_group(ita: float) -> str:
    """Name of the class that a typology angle in degrees falls into. For benchmarks: no visitor is sorted."""
    return next(name for name, bound in SKIN_GROUPS if ita > bound)


def edges_kept(photo: np.ndarray, portrait: np.ndarray, landmarks: np.ndarray) -> float | None:
    """Share of the photo's face edges that the portrait has in the same place, above chance: 0 to 1.

    Args:
        photo: (H, W, 3) uint8.
        portrait: (H, W, 3) uint8.
        landmarks: (478, 2) of the photo.

    Returns:
        None where the photo's face has no edge.
    """
    factor = _SIZE / photo.shape[1]
    size = (_SIZE, max(1, round(photo.shape[0] * factor)))
    face = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull((landmarks * factor).round().astype(np.int32)), 1)
    inside = face > 0
    if not inside.any():
        return None
    wanted = _edges(photo, size, inside) & inside
    if not wanted.any():
        return None
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _TOLERANCE + 1,) * 2)
    near = cv2.dilate(_edges(portrait, size, inside).astype(np.uint8), kernel) > 0
    found, chance = float(near[wanted].mean()), float(near[inside].mean())
    return max(0.0, (found - chance) / max(1e-6, 1.0 - chance))


def _edges(rgb: np.ndarray, size: tuple[int, int], inside: np.ndarray) -> np.ndarray:
    """(H, W) bool, thresholds from the face itself: a style may flatten or raise contrast and still keep the lines.

    Where hatching or grain fills the face with edges, only the strongest count.
    """
    grey = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    grey = cv2.GaussianBlur(grey, (0, 0), 1.0)
    gradient = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    edges = np.zeros(size[::-1], bool)
    for high in np.percentile(gradient[inside], (88, 94, 97, 99)):
        edges = cv2.Canny(grey, 0.4 * max(24.0, high), max(24.0, high)) > 0
        if edges[inside].mean() <= _DENSE:
            break
    return edges


def _find(rgb: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray | None:
    """(478, 2) of the face where it was in the photo, or else of the largest one."""
    points = vision.face_landmarks(rgb, box)
    if points is None:
        faces = vision.detect_faces(rgb)
        points = vision.face_landmarks(rgb, faces[0].box) if faces else None
    return points


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


def _turn(points: np.ndarray) -> float:
    """How far the nose tip is off the middle of the cheeks, in face widths; 0 from the front."""
    cheek, other, nose = points[234][0], points[454][0], points[1][0]
    return float(abs(nose - (cheek + other) / 2) / max(1.0, abs(other - cheek)))


def _tone(rgb: np.ndarray, outline: np.ndarray) -> tuple[float, float] | None:
    """L* and ITA of a patch; None where it lies outside, is tiny or has no colour."""
    height, width = rgb.shape[:2]
    corners = cv2.convexHull(outline.round().astype(np.int32))
    left, top, across, down = cv2.boundingRect(corners)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + across), min(height, top + down)
    if x1 <= x0 or y1 <= y0:
        return None
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(mask, corners - np.array([x0, y0], np.int32), 1)
    pixels = rgb[y0:y1, x0:x1][mask > 0]
    if len(pixels) < _LEAST_PIXELS:
        return None
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)[0]
    low, high = np.percentile(lab[:, 0], (15, 85))  # shadows, hair; highlights
    lightness, _, yellow = np.median(lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)], axis=0)
    if yellow < _LEAST_YELLOW:
        return None
    return float(lightness), float(np.degrees(np.arctan2(lightness - 50.0, yellow)))


def _past(change: RatioChange | None, threshold: float) -> bool:
    """Whether a ratio went past a signed threshold."""
    return change is not None and bool(np.sign(threshold) * change.percent > abs(threshold))


def _warning(shape: dict[str, RatioChange], skin: SkinShift | None) -> str | None:
    found = [
        words
        for name, threshold, words in (
            ("eye_size", EYES_LARGER, "your eyes larger"),
            ("jaw_width", -JAW_NARROWER, "your jaw narrower"),
            ("nose_width", -NOSE_NARROWER, "your nose narrower"),
        )
        if _past(shape.get(name), threshold)
    ]
    if skin is not None and skin.ita_shift > SKIN_LIGHTER and skin.lightness_shift > SKIN_LIGHTER_L:
        found.append("your skin lighter")
    return f"This picture made {_listed(found)} than in your photo." if found else None


def _sentence(shape: dict[str, RatioChange], skin: SkinShift | None, natural_colour: bool, *, turned: bool) -> str:
    words = {
        "eye_size": ("eyes", "larger", "smaller"),
        "jaw_width": ("jaw", "wider", "narrower"),
        "nose_width": ("nose", "wider", "narrower"),
        "face_height": ("face", "longer", "shorter"),
    }
    changes = [
        f"{part} {abs(change.percent):.0f} % {more if change.percent > 0 else less}"
        for name, (part, more, less) in words.items()
        if (change := shape.get(name)) is not None and abs(change.percent) > SHAPE_NOISE
    ]
    first = _SHAPE_KEPT if not changes else f"Changed your face shape: {_listed(changes)}"
    if not shape:
        why = "Your face is turned to the side" if turned else "Your face is too abstract here"
        first = f"{why}, so its shape was not compared"
    if skin is None:
        return f"{first}; skin tone {'could not be compared' if natural_colour else 'is not judged in this style'}."
    degrees = abs(skin.ita_shift)
    if degrees < ITA_NOISE or abs(skin.lightness_shift) < LIGHTNESS_NOISE:
        return f"{first} and skin tone." if first == _SHAPE_KEPT else f"{first}; kept your skin tone."
    if skin.ita_shift * skin.lightness_shift < 0:  # the angle turned with the colour, against the lightness
        return f"{first}; skin of another tint."
    return f"{first}; skin {degrees:.0f} degrees {'lighter' if skin.ita_shift > 0 else 'darker'}."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
