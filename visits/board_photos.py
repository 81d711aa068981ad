"""The photos of a visit's style board: its own, and those that are sent for it."""

from __future__ import annotations

from pydantic import ValidationError

from languages.saying import say
from pipelines.board.definition import BoardPhoto
from pipelines.board.photos import SeatedPhoto, digest, seated
from pipelines.errors import BoardError, PhotoError
from pipelines.photo.hints import BOARD_TAB
from pipelines.schema import LoadedPhoto


def own_photo(photo: LoadedPhoto, face_index: int | None, title: str, consent: str) -> SeatedPhoto:
    """The visit's photo, as it is on the Portrait tab."""
    return SeatedPhoto(title, consent, photo, face_index, digest(photo.image, f"{face_index}"))


def given_photo(data: bytes, title: str, consent: str, face: int | None, turn: int = 0) -> SeatedPhoto:
    """A photo that was sent for the board.

    Args:
        face: Which face, from 1; 0 to go on without one; None for the only one.
        turn: Degrees clockwise by which it is turned first.

    Raises:
        PhotoError: It is no photo, or the face is too small.
        FaceUnclear: It would be a guess who is meant.
        BoardError: Name or statement are too short or too long.
    """
    try:
        entry = BoardPhoto.model_validate(
            {"file": "photo", "name": title, "consent": consent, "face": face, "turn": turn}
        )
    except ValidationError as error:
        if {"face", "turn"} & {str(one["loc"][0]) for one in error.errors() if one["loc"]}:
            raise BoardError(
                say("Choose a face by its number from 1, 0 for none, and a turn of 90, 180 or 270.")
            ) from error
        raise BoardError(
            say("Give the photo a short name, and say in a sentence who is in it and that they agreed.")
        ) from error
    if not title:
        raise PhotoError(say("Give the photo a name, such as the first name of whoever is in it."))
    return seated(data, entry, BOARD_TAB)
