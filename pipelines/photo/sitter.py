"""Who sits for the portrait, as the shell and programs say it: turned, marked, chosen by number."""

from __future__ import annotations

from typing import NamedTuple

from languages.saying import say, say_many
from pipelines.errors import RequestInvalid
from pipelines.photo import hints as photo_hints
from pipelines.photo import opening as photos
from pipelines.photo.hints import Ways
from pipelines.schema import HandCrop, LoadedPhoto, PhotoHint
from pipelines.seeds import whole


class Sitting(NamedTuple):
    """A photo that a portrait can be made from.

    Attributes:
        photo: Turned and marked as was said.
        face_index: The face in it that was chosen; None for the first, or where there is none.
        hints: What is to be said of it, nothing of which is blocking.
    """

    photo: LoadedPhoto
    face_index: int | None
    hints: tuple[PhotoHint, ...]


def seat(photo: LoadedPhoto, ways: Ways, *, face: object = None, turn: object = 0, mark: str = "") -> Sitting:
    """Turn a photo, then find the sitter in it.

    Args:
        photo: As it was opened.
        ways: Where the visitor is.
        face: Number of the face from 1, in the order of certainty and size; 0 to go on without a face; None to take the
            first, where that is no guess.
        turn: 0, 90, 180 or 270 degrees clockwise.
        mark: "x,y,size" of a face that was not found, in percent of the turned photo; "" for none.

    Raises:
        RequestInvalid: One of these values has no meaning.
        PhotoError: It would be a guess who is meant, or their face is too small; the sentence says what to do.
    """
    degrees, number = whole(turn, "turn"), None if face is None else whole(face, "face")
    if degrees:
        photo = photos.turned(photo, degrees)
    if mark.strip():
        if number is not None:
            raise RequestInvalid(say("Choose a face by its number or mark one, not both."))
        photo = photos.marked(photo, *_place(mark))
        number = len(photo.faces)
    if number == 0:
        photo = photos.faceless(photo)
        return Sitting(photo, None, photo_hints.require(photo, None, ways, faceless=True))
    if number is not None and not 0 < number <= len(photo.faces):
        count = len(photo.faces)
        if not count:
            raise RequestInvalid(say("There is no face {number} in this photo: no face was found.", number=number))
        raise RequestInvalid(
            say_many(
                "There is no face {number} in this photo: there is one face.",
                "There is no face {number} in this photo: there are {count} faces.",
                count,
                number=number,
            )
        )
    index = None if number is None else number - 1
    return Sitting(photo, index, photo_hints.require(photo, index, ways))


def hand_crop(text: str) -> HandCrop | None:
    """A crop that was set by hand.

    Args:
        text: "x,y,width" or "x,y,width,angle", in percent of the turned photo and degrees clockwise; "" for none.

    Raises:
        RequestInvalid: It has no meaning.
    """
    if not text.strip():
        return None
    try:
        x, y, width, *angle = (float(part) for part in text.split(","))
        return HandCrop(x=x, y=y, width=width, angle=angle[0] if angle else 0.0)
    except ValueError as error:
        raise RequestInvalid(
            say("Set a crop by its middle and width, in percent of the photo, and at most 45 degrees: 50,40,60,0.")
        ) from error


def _place(mark: str) -> tuple[float, float, float]:
    try:
        x, y, size = (float(part) for part in mark.split(","))
    except ValueError as error:
        raise RequestInvalid(say("Mark a face by three numbers, its middle and width in percent: 50,40,20.")) from error
    return x, y, size
