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
- **Skin tone**: CIE L*a*b* and the individual typology angle, ITA = atan2(L* - 50, b*) in degrees (Chardon, Cretois and
  Hourseau 1991, Int J Cosmet Sci 13(4):191-208), higher is lighter. It is blind to a*, and near its pole to L*, so all
  three count. Measured on cheeks and forehead, and again with the lower face; the one that changed more is
  told. Each patch is compared with itself and the median patch counts, so that one lock of
  hair or one highlight does not. Patches are laid on the portrait by the alignment of all landmarks, which jitters far
  less than those of one patch. Only for styles that mean to keep natural colour: the others map all lightness anew, and
  nothing in their pictures tells a lighter skin from a lighter picture.
- **Edges kept**: the share of the Canny edges of the photo's face that the portrait has within 2 px at 512 px, less
  what its edges would cover by chance (as in Cohen's kappa), or dense hatching would score highest.

Noise, by `python -m benchmarks.likeness FOLDER --noise`: 68 of the 70 shared portraits (two have no readable face)
against themselves, 512 px, saved as JPEG at quality 80, halved, blurred by 1 px, cut 2 % aside. 99th percentiles of the
change over the 272 pictures: eyes 0.6 %, jaw 0.3 %, nose 0.3 %, height 0.2 %, ITA 2.6 degrees, L* 0.9, Lab 1.6,
drift 7.6 %; none was warned of.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect

import cv2
import numpy as np
from PIL import Image

from languages.saying import listed, put_together, say
from pipelines.faithfulness.shape import align, landmark_drift, shape_changes, turn
from pipelines.photo import vision
from pipelines.results import Faithfulness, RatioChange, SkinShift
from pipelines.schema import PreparedPhoto

log = logging.getLogger(__name__)

# A picture beautifies when it goes past one of these: relative changes in percent, ITA in degrees. All lie above the
# noise of the docstring.
EYES_LARGER = 8.0
JAW_NARROWER = 5.0
NOSE_NARROWER = 8.0
SKIN_LIGHTER = 5.0
# The angle counts only with L* past its noise: alone it calls dark skin "lighter" when it only turns yellower.
LIGHTNESS_NOISE = 1.5
# L* that counts without the angle, which far from L* 50 hardly moves, least where lightening takes colour away.
LIGHTNESS_LIGHTER = 3.0
# Colour difference under which the sentence calls skin tone kept: above the noise, and just noticeable (Mahy et al.
# 1994, Color Res Appl 19(2):105-121).
SKIN_NOISE = 2.3
# Percent from which the sentence speaks of a change.
SHAPE_NOISE = 5.0

# Classes of the angle, lower bounds in degrees (Chardon et al. 1991; Del Bino and Bernerd 2013, Br J Dermatol).
SKIN_GROUPS = (("very light", 55), ("light", 41), ("intermediate", 28), ("tan", 10), ("brown", -30), ("dark", -180))

# Points of the face mesh around both jaws and both lower cheeks.
LOWER_FACE = (
    (192, 214, 210, 169, 135, 138),
    (416, 434, 430, 394, 364, 367),
    (207, 216, 212, 214, 192),
    (427, 436, 432, 434, 416),
)

_SIZE = 512  # pixels; edges are compared at this width
_TOLERANCE = 2
_DENSE = 0.12  # share of the face
_SIDEWAYS = 0.45  # nose tip off the middle of the cheeks, in face widths
_LEAST_YELLOW = 3.0  # b* of skin under which the angle means nothing
_LEAST_PIXELS = 12
_SLIVER = 0.35  # of the largest patch

# Translators: these four are listed in "Not clear enough in this picture to be compared: {listed}."
_NAMES = {
    "eye_size": say("eyes"),
    "jaw_width": say("jaw"),
    "nose_width": say("nose"),
    "face_height": say("length of the face"),
}

_FOLLOWS = say("Skin colour follows the style.")
_NOT_COMPARED = say("Skin tone could not be compared.")
_STEPS = (6.0, 15.0)  # of L*, or of a* and b* together: below the first hardly seen, over the second at a glance
_NO_FACE = say("There is no face in the photo to compare with.")
_UNREADABLE = say("The face in the photo cannot be read well enough to measure how much of it was kept.")
_NOT_FOUND = say(
    "The face cannot be read in this picture, as in most strong abstractions, so its shape was not compared."
)
_TURNED = say("The face is turned to the side, so its widths were not compared.")
_OWN_COLOURS = say("This style has its own colours, so skin tone is not judged.")
_NO_COLOUR = say("There is too little colour in the skin to compare its tone.")
_FAILED = say("The comparison with your photo failed for this picture.")


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
    if photo.face is None:
        return Faithfulness(sentence=_NO_FACE, unmeasured=(_NO_FACE,))
    if photo.face.landmarks is None:
        return Faithfulness(sentence=_UNREADABLE, unmeasured=(_UNREADABLE,))
    before = np.asarray(photo.image.convert("RGB"))
    same_size = portrait.size == photo.image.size
    after = np.asarray((portrait if same_size else portrait.resize(photo.image.size)).convert("RGB"))
    edges = edges_kept(before, after, photo.face.landmarks)
    own = photo.face.landmarks
    other = find_face(after, photo.face.box)
    if other is None:
        return Faithfulness(sentence=_NOT_FOUND, edges_kept=edges, unmeasured=(_NOT_FOUND,))
    unmeasured: list[str] = []
    shape: dict[str, RatioChange] = {}
    if max(turn(own), turn(other)) > _SIDEWAYS:
        unmeasured.append(_TURNED)
    else:
        shape = shape_changes(before, own, after, other)
        lost = [words for name, words in _NAMES.items() if name not in shape]
        if lost:
            unmeasured.append(say("Not clear enough in this picture to be compared: {listed}.", listed=listed(lost)))
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


def skin_shift(
    photo: np.ndarray, photo_points: np.ndarray, portrait: np.ndarray, portrait_points: np.ndarray
) -> SkinShift | None:
    """Skin tone in both pictures, of cheeks and forehead or of these and the lower face together.

    The one that was lightened past the warning, or else the one that changed more. A turned light moves the parts of a
    face against each other, and a beard makes the lower one noisy, so that one never counts alone; as four patches of
    seven it still moves the median where cheeks and forehead stay.

    Args:
        photo: (H, W, 3) uint8.
        photo_points: (478, 2).
        portrait: (H, W, 3) uint8.
        portrait_points: (478, 2).

    Returns:
        None where no patch has enough colour in both pictures for an angle.
    """
    places = align(photo_points, portrait_points)
    parts = ((vision.SKIN_SITES,), (vision.SKIN_SITES, LOWER_FACE))
    shifts = [patch_shift(photo, photo_points, portrait, places, *each) for each in parts]
    found = [shift for shift in shifts if shift is not None]
    return max(found, key=lambda shift: (lightened(shift), shift.distance), default=None)


def patch_shift(
    photo: np.ndarray,
    photo_points: np.ndarray,
    portrait: np.ndarray,
    portrait_points: np.ndarray,
    *parts: tuple[tuple[int, ...], ...],
) -> SkinShift | None:
    """Median change of patches of skin; None where none has enough colour.

    Args:
        photo: (H, W, 3) uint8.
        photo_points: (478, 2).
        portrait: (H, W, 3) uint8.
        portrait_points: (478, 2).
        parts: Parts of the face, of each patch in them the landmarks around it.
    """
    pairs = []
    for indices in (sites for part in parts for sites in _facing(photo_points, part)):
        first, second = _tone(photo, photo_points[list(indices)]), _tone(portrait, portrait_points[list(indices)])
        if first is not None and second is not None:
            pairs.append((first, second))
    if not pairs:
        return None
    before, after = (np.asarray(side, np.float64) for side in zip(*pairs, strict=True))
    (light, _, _, angle), (new_light, _, _, new_angle) = np.median(before, axis=0), np.median(after, axis=0)
    shift = np.median(after - before, axis=0)
    return SkinShift(
        ita_before=float(angle),
        ita_after=float(new_angle),
        ita_shift=float(shift[3]),
        lightness_before=float(light),
        lightness_after=float(new_light),
        lightness_shift=float(shift[0]),
        red_shift=float(shift[1]),
        yellow_shift=float(shift[2]),
    )


def lightened(skin: SkinShift) -> bool:
    """Whether skin became lighter past what a visitor is warned of."""
    past_angle = skin.ita_shift > SKIN_LIGHTER and skin.lightness_shift > LIGHTNESS_NOISE
    return past_angle or skin.lightness_shift > LIGHTNESS_LIGHTER


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


def find_face(rgb: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray | None:
    """(478, 2) of the face where it was in the photo, or else of the largest one; None where no mesh fits.

    Args:
        rgb: (H, W, 3) uint8.
        box: Left, top, right, bottom in its pixels.
    """
    points = vision.face_landmarks(rgb, box)
    if points is None:
        faces = vision.detect_faces(rgb)
        points = vision.face_landmarks(rgb, faces[0].box) if faces else None
    return points


def _facing(points: np.ndarray, part: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    """The patches of a part but those that are turned away."""
    areas = [cv2.contourArea(cv2.convexHull(points[list(indices)].astype(np.float32))) for indices in part]
    return [indices for indices, area in zip(part, areas, strict=True) if area >= _SLIVER * max(areas)]


def _tone(rgb: np.ndarray, outline: np.ndarray) -> tuple[float, float, float, float] | None:
    """L*, a*, b* and ITA of a patch; None where it lies outside, is tiny or has no colour."""
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
    lightness, red, yellow = np.median(lab[(lab[:, 0] >= low) & (lab[:, 0] <= high)], axis=0)
    if yellow < _LEAST_YELLOW:
        return None
    return float(lightness), float(red), float(yellow), float(np.degrees(np.arctan2(lightness - 50.0, yellow)))


def _past(change: RatioChange | None, threshold: float) -> bool:
    """Whether a ratio went past a signed threshold."""
    return change is not None and bool(np.sign(threshold) * change.percent > abs(threshold))


def _warning(shape: dict[str, RatioChange], skin: SkinShift | None) -> str | None:
    # Translators: these four are listed in "This picture made {listed} than in your photo."
    found = [
        words
        for name, threshold, words in (
            ("eye_size", EYES_LARGER, say("your eyes larger")),
            ("jaw_width", -JAW_NARROWER, say("your jaw narrower")),
            ("nose_width", -NOSE_NARROWER, say("your nose narrower")),
        )
        if _past(shape.get(name), threshold)
    ]
    if skin is not None and lightened(skin):
        found.append(say("your skin lighter"))
    return say("This picture made {listed} than in your photo.", listed=listed(found)) if found else None


def _sentence(shape: dict[str, RatioChange], skin: SkinShift | None, natural_colour: bool, *, turned: bool) -> str:
    if skin is not None and skin.distance < SKIN_NOISE and not lightened(skin):
        if shape and not _changed_parts(shape):
            return say("Your face shape and skin tone were kept.")
        return put_together(_shape_words(shape, turned), say("Your skin tone was kept."))
    if skin is not None:
        return put_together(_shape_words(shape, turned), _skin_words(skin))
    return put_together(_shape_words(shape, turned), _NOT_COMPARED if natural_colour else _FOLLOWS)


def _shape_words(shape: dict[str, RatioChange], turned: bool) -> str:
    if not shape:
        if turned:
            return say("Your face is turned to the side, so its shape was not compared.")
        return say("Your face is too abstract here, so its shape was not compared.")
    changes = _changed_parts(shape)
    if not changes:
        return say("Your face shape was kept.")
    return say("Your {changes} than in the photo.", changes=listed(changes))


def _changed_parts(shape: dict[str, RatioChange]) -> list[str]:
    """Of each part that changed visibly, how: "jaw looks 9 % wider"."""
    found: list[str] = []
    for name, (more, less) in _CHANGES.items():
        if (change := shape.get(name)) is not None and abs(change.percent) > SHAPE_NOISE:
            words = more if change.percent > 0 else less
            found.append(words.filled(percent=abs(change.percent)))
    return found


def _skin_words(skin: SkinShift) -> str:
    """What became of skin that did not keep its tone. The numbers stand with the others, under the sentence."""
    lighter, tint = skin.lightness_shift, math.hypot(skin.red_shift, skin.yellow_shift)
    found: list[str] = []
    if abs(lighter) > LIGHTNESS_NOISE:
        found.append((_LIGHTER if lighter > 0 else _DARKER)[bisect(_STEPS, abs(lighter))])
    if tint >= SKIN_NOISE or not found:
        found.append(_TINT[bisect(_STEPS, tint)])
    return say("Your skin {found} than in the photo.", found=listed(found))


# Translators: these are listed in "Your {changes} than in the photo."
_CHANGES = {
    "eye_size": (
        say("eyes look {percent:.0f} % larger", percent=0),
        say("eyes look {percent:.0f} % smaller", percent=0),
    ),
    "jaw_width": (
        say("jaw looks {percent:.0f} % wider", percent=0),
        say("jaw looks {percent:.0f} % narrower", percent=0),
    ),
    "nose_width": (
        say("nose looks {percent:.0f} % wider", percent=0),
        say("nose looks {percent:.0f} % narrower", percent=0),
    ),
    "face_height": (
        say("face looks {percent:.0f} % longer", percent=0),
        say("face looks {percent:.0f} % shorter", percent=0),
    ),
}
# Translators: these nine are listed in "Your skin {found} than in the photo."
_LIGHTER = (say("looks slightly lighter"), say("looks lighter"), say("looks much lighter"))
# Translators: listed in "Your skin {found} than in the photo."
_DARKER = (say("looks slightly darker"), say("looks darker"), say("looks much darker"))
# Translators: listed in "Your skin {found} than in the photo."
_TINT = (say("has a slightly different tint"), say("has a different tint"), say("has a much different tint"))
