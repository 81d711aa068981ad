"""How much of the person is left in a portrait, in numbers; `pipelines.faithfulness.words` makes a sentence of them.

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
- **Skin tone**: of cheeks, forehead and lower face, see `pipelines.faithfulness.skin`.
- **Edges kept**: the share of the Canny edges of the photo's face that the portrait has within 2 px at 512 px, less
  what its edges would cover by chance (as in Cohen's kappa), or dense hatching would score highest.

Noise, by `python -m benchmarks.likeness FOLDER --noise`: 68 of the 70 shared portraits (two have no readable face)
against themselves, 512 px, saved as JPEG at quality 80, halved, blurred by 1 px, cut 2 % aside. 99th percentiles of the
change over the 272 pictures: eyes 0.6 %, jaw 0.3 %, nose 0.3 %, height 0.2 %, ITA 2.6 degrees, L* 1.3, Lab 1.4,
drift 7.6 %; none was warned of.
"""

from __future__ import annotations

import logging

import cv2
import numpy as np
from PIL import Image

from languages.saying import listed, say
from pipelines.faithfulness.shape import landmark_drift, shape_changes
from pipelines.faithfulness.skin import skin_shift
from pipelines.faithfulness.words import sentence, warning
from pipelines.photo import vision
from pipelines.photo.eyes import both_seen
from pipelines.results import Faithfulness, RatioChange
from pipelines.schema import PreparedPhoto

log = logging.getLogger(__name__)

_SIZE = 512  # pixels; edges are compared at this width
_TOLERANCE = 2
_DENSE = 0.12  # share of the face
# Translators: these four are listed in "Not clear enough in this picture to be compared: {listed}."
_NAMES = {
    "eye_size": say("eyes"),
    "jaw_width": say("jaw"),
    "nose_width": say("nose"),
    "face_height": say("length of the face"),
}

_NO_FACE = say("There is no face in the photo to compare with.")
_UNREADABLE = say("The face in the photo cannot be read well enough to measure how much of it was kept.")
_NOT_FOUND = say(
    "The face cannot be read in this picture, as in most strong abstractions, so its shape was not compared."
)
_TURNED = say("The face is turned to the side, so its widths were not compared.")
_HIDDEN = say("The eyes are hidden in the photo, so they were not compared.")
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
    if vision.looks_aside(own) or vision.looks_aside(other):
        unmeasured.append(_TURNED)
    else:
        shape = shape_changes(before, own, after, other)
        lost = [words for name, words in _NAMES.items() if name not in shape]
        if "eye_size" in shape and not both_seen(before, own):
            del shape["eye_size"]
            unmeasured.append(_HIDDEN)
        if lost:
            unmeasured.append(say("Not clear enough in this picture to be compared: {listed}.", listed=listed(lost)))
    skin = skin_shift(before, own, after, other) if natural_colour else None
    if skin is None:
        unmeasured.append(_NO_COLOUR if natural_colour else _OWN_COLOURS)
    return Faithfulness(
        sentence=sentence(shape, skin, natural_colour, turned=_TURNED in unmeasured),
        warning=warning(shape, skin),
        landmark_drift=landmark_drift(own, other),
        skin=skin,
        edges_kept=edges,
        unmeasured=tuple(unmeasured),
        **shape,
    )


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
