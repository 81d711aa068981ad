"""A visitor's photo: opened, set upright, stripped of metadata, looked at, cropped. Lives in memory only."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from pipelines import decoding, framing, vision
from pipelines.decoding import MAX_BYTES, MAX_PIXELS, MAX_SIDE
from pipelines.errors import PhotoUnreadable, RequestInvalid
from pipelines.schema import Face, LoadedPhoto, PhotoHint, PreparedPhoto

__all__ = ["MAX_BYTES", "MAX_PIXELS", "MAX_SIDE", "cut", "open_photo", "prepare"]

log = logging.getLogger(__name__)

_MIN_FACE = 64  # pixels; MediaPipe's face control refuses smaller ones, and there is little to keep
_SMALL_FACE = 90
_DARK_HIGH, _DARK_MIDDLE, _BRIGHT = 72, 45, 225  # gray levels of the face's bright parts and middle
_BLURRED = 180.0  # the 70 portraits measured 244 to 2230, and under 70 after a blur of 8 px
_SIDEWAYS = 0.45
_INCOMPLETE = PhotoHint(
    kind="incomplete", sentence="The end of this file is missing, so the photo's last rows may be; send it once more."
)


def open_photo(source: str | Path | bytes | np.ndarray | Image.Image, *, mirrored: bool = False) -> LoadedPhoto:
    """Open a photo, whatever it is, and look at it.

    Args:
        source: A file, its bytes, (H, W), (H, W, 3) or (H, W, 4) uint8 pixels, or a PIL picture.
        mirrored: True where the camera handed over a mirrored shot; it is turned back.

    Returns:
        Upright RGB in sRGB without metadata, at most MAX_SIDE long, with faces (largest first) and hints.

    Raises:
        PhotoUnreadable: It is no picture, is damaged, empty or too large, or others were being opened all the time; the
            hint says which.
    """
    try:
        return _open(source, mirrored)
    except MemoryError as error:
        raise PhotoUnreadable(
            "There is too little free memory to open this picture; try a smaller one, or this one again in a minute."
        ) from error


def _open(source: str | Path | bytes | np.ndarray | Image.Image, mirrored: bool) -> LoadedPhoto:
    image = Image.fromarray(source) if isinstance(source, np.ndarray) else source
    incomplete = False
    if isinstance(image, Image.Image):
        image = decoding.pixels_of(image)
    else:
        image, incomplete = decoding.decode(image)
    if mirrored:
        image = ImageOps.mirror(image)
    rgb = np.asarray(image)
    faces = tuple(vision.detect_faces(rgb)[:12])
    hints = (*_hints(rgb, faces), *([_INCOMPLETE] if incomplete else []))
    return LoadedPhoto(image=image, faces=faces, hints=hints)


def prepare(photo: LoadedPhoto, face_index: int | None, size: int, *, loose: bool = False) -> PreparedPhoto:
    """Cut the square that engines see: the chosen face with room for hair and shoulders.

    Args:
        photo: From open_photo.
        face_index: Index into photo.faces; None takes the largest. Without faces the centre is cut.
        size: Width and height in pixels, at least 64.
        loose: For a scene, which is to be seen: the person is smaller in the square, which may reach past the photo
            above and at the sides. There the photo's border goes on, blurred, and the person mask is 0.

    Raises:
        RequestInvalid: There is no face with that index.
    """
    chosen = _chosen(photo, face_index)
    if loose:
        whole = np.asarray(photo.image)
        square = framing.loose(whole, chosen)
    else:
        square = framing.close(photo.image.size, chosen)
    inside: np.ndarray | float = 1.0
    if loose and not _within(square, photo.image.size):
        rgb, inside = framing.filled(whole, square, size)
        image = Image.fromarray(rgb)
    else:
        image = _cut(photo, square, size)
        rgb = np.asarray(image)
    face = None
    if chosen is not None:
        scale, (left, top) = size / square.side, square[:2]
        x0, y0, x1, y1 = ((v - o) * scale for v, o in zip(chosen.box, (left, top, left, top), strict=True))
        face = Face(box=(x0, y0, x1, y1), score=chosen.score, landmarks=vision.face_landmarks(rgb, (x0, y0, x1, y1)))
    return PreparedPhoto(image=image, face=face, person_mask=vision.person_mask(rgb) * inside)


def cut(photo: LoadedPhoto, face_index: int | None, size: int) -> Image.Image:
    """The picture of `prepare`, not loose, without the masks and landmarks that take most of its time.

    Raises:
        RequestInvalid: There is no face with that index.
    """
    return _cut(photo, framing.close(photo.image.size, _chosen(photo, face_index)), size)


def _cut(photo: LoadedPhoto, square: framing.Square, size: int) -> Image.Image:
    box = (square.left, square.top, square.left + square.side, square.top + square.side)
    return photo.image.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _within(square: framing.Square, size: tuple[int, int]) -> bool:
    """Whether a square lies in the photo."""
    first = min(square.left, square.top) >= 0
    return first and square.left + square.side <= size[0] and square.top + square.side <= size[1]


def _chosen(photo: LoadedPhoto, face_index: int | None) -> Face | None:
    """The face that counts."""
    if face_index is not None and face_index >= len(photo.faces):
        raise RequestInvalid("That face is not in the photo; choose one of those that were found.")
    return photo.faces[face_index or 0] if photo.faces else None


def _hints(rgb: np.ndarray, faces: tuple[Face, ...]) -> list[PhotoHint]:
    if not faces:
        return [
            PhotoHint(
                kind="no-face",
                blocking=True,
                sentence="No face was found. Look towards the camera, with light from the front, and try again.",
            )
        ]
    hints: list[PhotoHint] = []
    if len(faces) > 1:
        hints.append(
            PhotoHint(
                kind="several-faces",
                blocking=True,
                sentence=f"There are {len(faces)} faces. Click the one that is you.",
            )
        )
    left, top, right, bottom = faces[0].box
    height, width = rgb.shape[:2]
    if min(right - left, bottom - top) < _MIN_FACE:
        hints.append(
            PhotoHint(
                kind="too-small", sentence="Your face is very small here. Come closer or crop the photo.", blocking=True
            )
        )
    elif min(right - left, bottom - top) < _SMALL_FACE:
        hints.append(PhotoHint(kind="too-small", sentence="Your face is small here; closer would keep more of you."))
    if left < -0.04 * width or top < -0.04 * height or right > 1.04 * width or bottom > 1.04 * height:
        hints.append(PhotoHint(kind="cut-off", sentence="Your face is cut off at the edge; move to the middle."))
    crop = rgb[max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)]
    if crop.size:
        hints += _light_hints(crop)
        hints += _turn_hints(rgb, faces[0])
    return hints


def _light_hints(crop: np.ndarray) -> list[PhotoHint]:
    """Light is judged by the bright parts of the face, so that dark skin in good light passes."""
    gray = cv2.cvtColor(cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    hints: list[PhotoHint] = []
    if np.percentile(gray, 95) < _DARK_HIGH and np.percentile(gray, 50) < _DARK_MIDDLE:
        sentence = "There is little light on your face; turn towards a window or a lamp."
        hints.append(PhotoHint(kind="too-dark", sentence=sentence))
    elif np.percentile(gray, 50) > _BRIGHT:
        hints.append(PhotoHint(kind="too-bright", sentence="Your face is overexposed; step out of the direct light."))
    # The variance of the Laplacian falls with contrast, so it is measured on an equalised face.
    sharpness = cv2.Laplacian(cv2.equalizeHist(gray), cv2.CV_64F).var()
    if sharpness < _BLURRED:
        sentence = "The photo is blurred; hold still, wipe the lens, and try again."
        hints.append(PhotoHint(kind="blurred", sentence=sentence))
    return hints


def _turn_hints(rgb: np.ndarray, face: Face) -> list[PhotoHint]:
    """A face seen from the side keeps less of the person: the nose tip is far off the middle of the cheeks."""
    points = vision.face_landmarks(rgb, face.box)
    if points is None:
        return [PhotoHint(kind="turned", sentence="Your face is hard to read here; turn towards the camera.")]
    cheek_left, cheek_right, nose = points[234][0], points[454][0], points[1][0]
    width = max(1.0, abs(cheek_right - cheek_left))
    if abs((nose - (cheek_left + cheek_right) / 2) / width) > _SIDEWAYS:
        sentence = "You are looking far to the side; portraits keep more of you from the front."
        return [PhotoHint(kind="turned", sentence=sentence)]
    return []
