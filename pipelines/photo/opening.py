"""A visitor's photo: opened, set upright, stripped of metadata, looked at, cropped. Lives in memory only."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pipelines.errors import PhotoUnreadable, RequestInvalid
from pipelines.photo import decoding, face_finder, framing, vision
from pipelines.photo.decoding import MAX_BYTES, MAX_PIXELS, MAX_SIDE
from pipelines.schema import Face, LoadedPhoto, PreparedPhoto, StylePicture

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "cut",
    "faceless",
    "marked",
    "open_photo",
    "open_style_picture",
    "prepare",
    "turned",
]

log = logging.getLogger(__name__)

STYLE_SIDE = 768  # pixels of a style picture in memory; no engine looks closer

_CLOCKWISE = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def open_photo(source: str | Path | bytes | np.ndarray | Image.Image, *, mirrored: bool = False) -> LoadedPhoto:
    """Open a photo, whatever it is, and look at it.

    Args:
        source: A file, its bytes, (H, W), (H, W, 3) or (H, W, 4) uint8 pixels, or a PIL picture.
        mirrored: True where the camera handed over a mirrored shot; it is turned back.

    Returns:
        RGB in sRGB, turned as the file says, without metadata, at most MAX_SIDE long, with its faces.
        What is to be said of them is asked of `photo_hints`.

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
    return _looked_at(image, incomplete)


def _looked_at(image: Image.Image, incomplete: bool) -> LoadedPhoto:
    faces, left_out, turn = face_finder.look(np.asarray(image))
    return LoadedPhoto(image=image, faces=faces, left_out=left_out, turn=turn, is_incomplete=incomplete)


def open_style_picture(source: str | Path | bytes) -> StylePicture:
    """Open a picture that a portrait is to be painted after: as `open_photo`, but nobody is looked for in it.

    Returns:
        RGB in sRGB, turned as the file says, without metadata, at most STYLE_SIDE long.

    Raises:
        PhotoUnreadable: It is no picture, is damaged, empty or too large, or others were being opened all the time; the
            hint says which.
    """
    try:
        image, incomplete = decoding.decode(source)
    except MemoryError as error:
        raise PhotoUnreadable(
            "There is too little free memory to open this picture; try a smaller one, or this one again in a minute."
        ) from error
    if incomplete:
        raise PhotoUnreadable("The end of this picture is missing; save it again or choose another one.")
    image.thumbnail((STYLE_SIDE, STYLE_SIDE), Image.Resampling.LANCZOS)
    return StylePicture(image=image)


def turned(photo: LoadedPhoto, degrees: object) -> LoadedPhoto:
    """The photo turned clockwise, and looked at again.

    Raises:
        RequestInvalid: It is no quarter turn.
    """
    if not isinstance(degrees, int) or degrees not in _CLOCKWISE:
        raise RequestInvalid("Turn the photo by 90, 180 or 270 degrees.")
    return _looked_at(photo.image.transpose(_CLOCKWISE[degrees]), photo.is_incomplete)


def marked(photo: LoadedPhoto, x: float, y: float, size: float) -> LoadedPhoto:
    """The photo with a face marked by hand as its last one, in the place of an earlier mark and of a face found there.

    Args:
        photo: The photo.
        x: Middle of the face, in percent of the photo's width.
        y: Middle of the face, in percent of the photo's height.
        size: Width of the face, in percent of the photo's width.

    Raises:
        RequestInvalid: There is no such place in the photo.
    """
    if not (0 <= x <= 100 and 0 <= y <= 100 and 0 < size <= 100):
        raise RequestInvalid("Mark your face by its middle and width, each in percent of the photo: 50,40,20.")
    width, height = photo.image.size
    middle, half = (x / 100 * width, y / 100 * height), size / 200 * width
    box = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
    others = (face for face in photo.faces if face.certainty != "marked" and not vision.same_face(face.box, box))
    faces = (*others, Face(box=box, score=1.0, certainty="marked"))
    return photo.model_copy(update={"faces": faces})


def faceless(photo: LoadedPhoto) -> LoadedPhoto:
    """The photo as if no face had been found, for whoever says that there is none or wants none."""
    return photo.model_copy(update={"faces": (), "left_out": 0})


def prepare(photo: LoadedPhoto, face_index: int | None, size: int, *, loose: bool = False) -> PreparedPhoto:
    """Cut the square that engines see: the chosen face with room for hair and shoulders.

    Args:
        photo: From open_photo.
        face_index: Index into photo.faces; None takes the first. Without faces the centre is cut.
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
    face = None if chosen is None else _in_square(photo, chosen, square, rgb)
    return PreparedPhoto(image=image, face=face, person_mask=vision.person_mask(rgb) * inside)


def _in_square(photo: LoadedPhoto, chosen: Face, square: framing.Square, rgb: np.ndarray) -> Face:
    """The chosen face in the pixels of the square, with its mesh."""
    scale, corner = len(rgb) / square.side, np.asarray(square[:2])
    x0, y0, x1, y1 = (float(side) for side in (np.asarray(chosen.box) - np.tile(corner, 2)) * scale)
    if chosen.certainty == "marked":  # the photo's own mesh, so that what was said of it holds
        points = vision.mesh_of(np.asarray(photo.image), chosen)
        points = None if points is None else ((points - corner) * scale).astype(np.float32)
    else:
        points = vision.mesh_within(rgb, (x0, y0, x1, y1))
    return chosen.model_copy(update={"box": (x0, y0, x1, y1), "landmarks": points})


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
