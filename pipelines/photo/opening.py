"""A visitor's photo: opened, set upright, stripped of metadata, looked at, cropped. Lives in memory only."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from languages.saying import say
from pipelines.errors import PhotoUnreadable, RequestInvalid
from pipelines.photo import decoding, face_finder, framing, neighbours, outline, vision
from pipelines.photo.decoding import MAX_BYTES, MAX_PIXELS, MAX_SIDE
from pipelines.schema import Face, HandCrop, LoadedPhoto, PreparedPhoto, StylePicture

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "cut",
    "faceless",
    "frame",
    "marked",
    "open_photo",
    "open_style_picture",
    "others_in",
    "prepare",
    "shows_face",
    "sitter_after",
    "turned",
]

log = logging.getLogger(__name__)

_LOOK_SIDE = 2048  # pixels of the copy in which faces are looked for
STYLE_SIDE = 768  # pixels of a style picture in memory; no engine looks closer

_NO_MEMORY = say(
    "There is too little free memory to open this picture; try a smaller one, or this one again in a minute."
)
_CLOCKWISE = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def open_photo(source: str | Path | bytes | np.ndarray | Image.Image) -> LoadedPhoto:
    """Open a photo, whatever it is, and look at it.

    Args:
        source: A file, its bytes, (H, W), (H, W, 3) or (H, W, 4) uint8 pixels, or a PIL picture.

    Returns:
        RGB in sRGB, turned as the file says, without metadata, at most MAX_SIDE long, with its faces.
        What is to be said of them is asked of `photo_hints`.

    Raises:
        PhotoUnreadable: It is no picture, is damaged, empty or too large, or others were being opened all the time; the
            hint says which.
    """
    try:
        return _open(source)
    except MemoryError as error:
        raise PhotoUnreadable(_NO_MEMORY) from error


def _open(source: str | Path | bytes | np.ndarray | Image.Image) -> LoadedPhoto:
    image = Image.fromarray(source) if isinstance(source, np.ndarray) else source
    incomplete = False
    if isinstance(image, Image.Image):
        image = decoding.pixels_of(image)
    else:
        image, incomplete = decoding.decode(image)
    return _looked_at(image, incomplete)


def _looked_at(image: Image.Image, incomplete: bool) -> LoadedPhoto:
    # Who is in a photo is seen as well in a smaller copy, and to look takes several times its memory.
    small = ImageOps.contain(image, (_LOOK_SIDE, _LOOK_SIDE)) if max(image.size) > _LOOK_SIDE else image
    rgb = np.asarray(small)
    del small
    faces, left_out, turn = face_finder.look(rgb)
    if rgb.shape[1::-1] != image.size:
        faces = tuple(_in_the_photo(face, image.width / rgb.shape[1], image.height / rgb.shape[0]) for face in faces)
    return LoadedPhoto(image=image, faces=faces, left_out=left_out, turn=turn, is_incomplete=incomplete)


def _in_the_photo(face: Face, across: float, down: float) -> Face:
    """A face that was found in a smaller copy, which has no mesh yet."""
    left, top, right, bottom = face.box
    return face.model_copy(update={"box": (left * across, top * down, right * across, bottom * down)})


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
        raise PhotoUnreadable(_NO_MEMORY) from error
    if incomplete:
        raise PhotoUnreadable(say("The end of this picture is missing; save it again or choose another one."))
    image.thumbnail((STYLE_SIDE, STYLE_SIDE), Image.Resampling.LANCZOS)
    return StylePicture(image=image)


def turned(photo: LoadedPhoto, degrees: object) -> LoadedPhoto:
    """The photo turned clockwise, and looked at again.

    Raises:
        RequestInvalid: It is no quarter turn.
    """
    if not isinstance(degrees, int) or degrees not in _CLOCKWISE:
        raise RequestInvalid(say("Turn the photo by 90, 180 or 270 degrees."))
    return _looked_at(photo.image.transpose(_CLOCKWISE[degrees]), photo.is_incomplete)


def sitter_after(photo: LoadedPhoto, face_index: int | None, new: LoadedPhoto, degrees: int) -> int | None:
    """Which face of a photo that was turned clockwise is the one that was chosen before; None where it is not found.

    Args:
        photo: The photo before.
        face_index: The face that was chosen in it; None where none was.
        new: The photo now.
        degrees: 90, 180 or 270.
    """
    if face_index is None:
        return None
    width, height = photo.image.size
    left, top, right, bottom = photo.faces[face_index].box
    box = {
        90: (height - bottom, left, height - top, right),
        180: (width - right, height - bottom, width - left, height - top),
        270: (top, width - right, bottom, width - left),
    }[degrees]
    return next((index for index, face in enumerate(new.faces) if vision.same_face(face.box, box)), None)


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
        raise RequestInvalid(say("Mark your face by its middle and width, each in percent of the photo: 50,40,20."))
    width, height = photo.image.size
    middle, half = (x / 100 * width, y / 100 * height), size / 200 * width
    box = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
    others = (face for face in photo.faces if face.certainty != "marked" and not vision.same_face(face.box, box))
    faces = (*others, Face(box=box, score=1.0, certainty="marked"))
    return photo.model_copy(update={"faces": faces})


def faceless(photo: LoadedPhoto) -> LoadedPhoto:
    """The photo as if no face had been found, for whoever says that there is none or wants none."""
    return photo.model_copy(update={"faces": (), "left_out": 0})


def frame(
    photo: LoadedPhoto,
    face_index: int | None,
    ratio: float = 1.0,
    *,
    loose: bool = False,
    crop: HandCrop | None = None,
) -> framing.Frame:
    """Where the crop lies that engines see: the chosen face with room for hair and shoulders.

    Args:
        photo: From open_photo.
        face_index: Index into photo.faces; None takes the first. Without faces the middle is cut.
        ratio: Width over height.
        loose: For a scene, which is to be seen: the person is smaller in the crop, which may reach past the photo above
            and at the sides.
        crop: What the visitor set by hand, which goes before all this.

    Raises:
        RequestInvalid: There is no face with that index.
    """
    chosen = _chosen(photo, face_index)
    if crop is not None:
        return framing.by_hand(photo.image.size, crop, ratio)
    if loose:
        return framing.loose(np.asarray(photo.image), chosen, ratio)
    return framing.close(photo.image.size, chosen, ratio)


def prepare(
    photo: LoadedPhoto,
    face_index: int | None,
    size: int | tuple[int, int],
    *,
    loose: bool = False,
    crop: HandCrop | None = None,
    where: framing.Frame | None = None,
) -> PreparedPhoto:
    """Cut what engines see. Other people in it are blurred and are not in the person mask: `neighbours` says how.

    Args:
        photo: From open_photo.
        face_index: Index into photo.faces; None takes the first.
        size: Width and height in pixels, each at least 64; one number for a square.
        loose: As for `frame`. Where it reaches past the photo, the photo's border goes on, blurred, and the person mask
            is 0.
        crop: As for `frame`.
        where: From `frame`, where it is known already.

    Raises:
        RequestInvalid: There is no face with that index.
    """
    size = (size, size) if isinstance(size, int) else size
    chosen, ratio = _chosen(photo, face_index), size[0] / size[1]
    where = (where or frame(photo, face_index, ratio, loose=loose, crop=crop)).shaped(ratio)
    inside: np.ndarray | float = 1.0
    if where.angle or _within(where, photo.image.size):
        image = _cut(photo, where, size)
        rgb = np.asarray(image)
    else:
        rgb, inside = framing.filled(np.asarray(photo.image), where, size)
        image = Image.fromarray(rgb)
    face = None if chosen is None else _in_frame(photo, chosen, where, rgb)
    others = _neighbours_in(photo, face_index, where, size)
    if others and chosen is not None:
        people = vision.person_mask(rgb, alone=False)
        rgb, mask = neighbours.left_out(rgb, people, _box_in(chosen.box, where, size[0]), others)
        image = Image.fromarray(rgb)
    else:
        mask = vision.person_mask(rgb)
    mask = outline.with_face(rgb, mask, None if face is None else face.landmarks)
    return PreparedPhoto(image=image, face=face, person_mask=mask * inside)


def _neighbours_in(
    photo: LoadedPhoto, face_index: int | None, where: framing.Frame, size: tuple[int, int]
) -> list[neighbours.Box]:
    """The faces of other people in a crop, in its pixels: whom `prepare` leaves out.

    Args:
        photo: From open_photo.
        face_index: As for `prepare`.
        where: From `frame`.
        size: Width and height of the crop in pixels.
    """
    chosen = _chosen(photo, face_index)
    if chosen is None:
        return []
    others = [face for face in photo.faces if face is not chosen and face.certainty in ("sure", "likely")]
    boxes = [_box_in(face.box, where, size[0]) for face in others]
    return neighbours.beside(_box_in(chosen.box, where, size[0]), boxes, size)


def others_in(photo: LoadedPhoto, face_index: int | None, where: framing.Frame) -> int:
    """How many people beside the sitter `prepare` leaves out of a crop."""
    size = (512, max(1, round(512 * where.height / where.width)))
    return len(_neighbours_in(photo, face_index, where, size))


def _in_frame(photo: LoadedPhoto, chosen: Face, where: framing.Frame, rgb: np.ndarray) -> Face | None:
    """The chosen face in the pixels of the crop, with its mesh; None where the crop was moved off it."""
    height, width = rgb.shape[:2]
    there, box = where.to_picture(width), _box_in(chosen.box, where, width)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if not (0 <= x <= width and 0 <= y <= height):
        return None
    if chosen.certainty == "marked":  # the photo's own mesh, so that what was said of it holds
        points = vision.mesh_of(np.asarray(photo.image), chosen)
        points = None if points is None else cv2.transform(points[None].astype(np.float64), there)[0].astype(np.float32)
    else:
        points = vision.mesh_within(rgb, box)
    return chosen.model_copy(update={"box": box, "landmarks": points})


def _box_in(box: neighbours.Box, where: framing.Frame, width: int) -> neighbours.Box:
    """A box of the photo in the pixels of a crop that is so wide; upright, also where the crop is turned."""
    x0, y0, x1, y1 = box
    x, y = where.to_picture(width) @ ((x0 + x1) / 2, (y0 + y1) / 2, 1.0)
    half, tall = (x1 - x0) / 2 * width / where.width, (y1 - y0) / 2 * width / where.width
    return float(x - half), float(y - tall), float(x + half), float(y + tall)


def shows_face(photo: LoadedPhoto, face_index: int | None, where: framing.Frame) -> bool:
    """Whether a frame shows all of the chosen face; where there is none, there is nothing to be missed."""
    chosen = _chosen(photo, face_index)
    if chosen is None:
        return True
    x0, y0, x1, y1 = chosen.box
    inset_x, inset_y = 0.1 * (x1 - x0), 0.1 * (y1 - y0)  # the box is wider than the face
    corners = [(x, y, 1.0) for x in (x0 + inset_x, x1 - inset_x) for y in (y0 + inset_y, y1 - inset_y)]
    across, down = where.to_picture(1) @ np.array(corners).T
    return bool(min(across.min(), down.min()) >= 0 and across.max() <= 1 and down.max() <= where.height / where.width)


def cut(photo: LoadedPhoto, face_index: int | None, where: framing.Frame, size: tuple[int, int]) -> Image.Image:
    """The picture of `prepare`, where nobody else is in it without the masks and landmarks that take most of its time.

    Args:
        photo: From open_photo.
        face_index: As for `prepare`.
        where: From `frame`, inside the photo.
        size: Width and height in pixels.
    """
    where = where.shaped(size[0] / size[1])
    if _neighbours_in(photo, face_index, where, size):
        return prepare(photo, face_index, size, where=where).image
    return _cut(photo, where, size)


def _cut(photo: LoadedPhoto, where: framing.Frame, size: tuple[int, int]) -> Image.Image:
    if where.angle:
        return framing.turned(photo.image, where, size)
    left, top, right, bottom = where.reaches()
    box = (max(0.0, left), max(0.0, top), min(float(photo.image.width), right), min(float(photo.image.height), bottom))
    return photo.image.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _within(where: framing.Frame, size: tuple[int, int]) -> bool:
    """Whether a frame lies in the photo, but for what is lost in rounding."""
    left, top, right, bottom = where.reaches()
    return min(left, top) >= -1e-6 and right <= size[0] + 1e-6 and bottom <= size[1] + 1e-6


def _chosen(photo: LoadedPhoto, face_index: int | None) -> Face | None:
    """The face that counts."""
    if face_index is not None and face_index >= len(photo.faces):
        raise RequestInvalid(say("That face is not in the photo; choose one of those that were found."))
    return photo.faces[face_index or 0] if photo.faces else None
