"""What to say of a photo and of the face that was chosen in it: one rule for the page, the shell and programs.

A hint is blocking where a portrait would be a guess, until the visitor answers: several faces on the page, a box that
may be no face, no face at all, a photo that seems to lie on its side or upside down. Choosing a face by its number is
such an answer, whatever it looks like. A face that is too small stays refused.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from languages.saying import Said, put_together, say, say_many
from pipelines.errors import PhotoError
from pipelines.photo import vision
from pipelines.photo.framing import Frame, is_crowded
from pipelines.photo.opening import others_in, shows_face
from pipelines.schema import Face, HintKind, LoadedPhoto, PhotoHint, Shape

_SMALL_FACE = 90
_DARK_HIGH, _DARK_MIDDLE, _BRIGHT = 72, 45, 225  # gray levels of the face's bright parts and middle
_BLURRED = 180.0  # the 70 portraits measured 244 to 2230, and under 70 after a blur of 8 px
_MOVED = say("Part of your face lies outside of the crop; move it back with Adjust.")


class Ways(NamedTuple):
    """How a visitor answers where they are, in the words of that place.

    Attributes:
        takes_first: Of several faces the first is taken, and said so; on the page they are clicked.
        choose: Which of several faces is theirs.
        yes: That a box is a face.
        upright: How to turn the photo by {turn} degrees.
        as_it_is: That the photo is right as it is.
        mark: Where their face is.
        faceless: That they go on without a face.
    """

    takes_first: bool
    choose: str
    yes: str
    upright: str
    as_it_is: str
    mark: str
    faceless: str


PAGE = Ways(
    takes_first=False,
    choose=say("Click the one that is you."),
    yes=say("If it is yours, press “Yes, this is a face”."),
    upright=say("Set it upright with the button."),
    as_it_is=say("If it is right as it is, click your face."),
    # Translators: what to do, in the middle of a sentence: "If not, {mark}."
    mark=say("mark your face by hand"),
    faceless="",
)


def _written(option: str, mark: str) -> Ways:
    """Where answers are written and not clicked.

    Args:
        option: How an answer is given, with places for its name and value.
        mark: How a face is marked.
    """
    face = {number: option.format("face", number) for number in (0, 1, 2)}
    return Ways(
        takes_first=True,
        choose=f"Take another one with {face[2]} and so on.",
        yes=f"If it is yours, say so with {face[1]}.",
        upright=f"Set it upright with {option.format('turn', '{turn}')}.",
        as_it_is=f"If it is right as it is, say so with {face[1]}.",
        mark=f"mark your face with {mark} (its middle and width, in percent of the photo)",
        faceless=f"{face[0]} goes on without a face.",
    )


SHELL = _written("--{} {}", "--mark x,y,size")
API = _written("{}={}", 'mark="x,y,size"')
BOARD = _written("{} = {}", 'mark = "x,y,size"')  # in a style board's file
BOARD_TAB = Ways(
    takes_first=False,
    choose=say("Tap the one that is meant."),
    yes=say("If it is the one that is meant, tap it."),
    upright=say("Set it upright with the button."),
    as_it_is=say("If it is right as it is, tap the face."),
    mark=say("take another photo"),
    faceless="",
)


def hints(
    photo: LoadedPhoto, face_index: int | None = None, ways: Ways = PAGE, *, faceless: bool = False
) -> tuple[PhotoHint, ...]:
    """All that is to be said, what blocks first.

    Args:
        photo: The photo.
        face_index: The chosen face; None as long as none is.
        ways: Where the visitor is.
        faceless: They go on without a face.
    """
    found = list(_questions(photo, ways)) if face_index is None and not faceless else []
    face = _sitter(photo, face_index, ways)
    if face is not None:
        found += _face_hints(np.asarray(photo.image), face)
    if face_index is not None and photo.turn:
        found.append(_hint("not-upright", _upright(photo, ways)))
    if photo.is_incomplete:
        sentence = say("The end of this file is missing, so the photo's last rows may be; send it once more.")
        found.append(_hint("incomplete", sentence))
    return tuple(sorted(found, key=lambda hint: not hint.blocking))


def require(photo: LoadedPhoto, face_index: int | None, ways: Ways, *, faceless: bool = False) -> tuple[PhotoHint, ...]:
    """The hints, none of which is blocking.

    Raises:
        PhotoError: One is. Its sentence says what to do.
    """
    found = hints(photo, face_index, ways, faceless=faceless)
    if found and found[0].blocking:
        raise PhotoError(found[0].sentence)
    return found


def of_the_crop(
    photo: LoadedPhoto, face_index: int | None, frame: Frame, shape: Shape, *, by_hand: bool, loose: bool = False
) -> list[PhotoHint]:
    """What is to be said of where the photo is cut.

    Args:
        photo: The photo.
        face_index: The chosen face.
        frame: What is cut.
        shape: Of the portrait.
        by_hand: The visitor set it.
        loose: There is a scene, which gives more room already.
    """
    others = others_in(photo, face_index, frame)
    beside = [_hint("neighbours", _others(others, loose))] if others else []
    if not shows_face(photo, face_index, frame):
        return [_hint("out-of-crop", _MOVED if by_hand else _cut(shape)), *beside]
    face = photo.faces[face_index or 0] if photo.faces else None
    if not by_hand and shape != "1:1" and is_crowded(frame, face):
        return [_hint("close-cut", _close(shape, loose)), *beside]
    return beside


def _others(count: int, loose: bool) -> str:
    if loose:
        return say_many(
            "Somebody else is in the photo. Only you are painted.",
            "{count} others are in the photo. Only you are painted.",
            count,
        )
    return say_many(
        "Somebody else is in the photo. Only you are painted: they are blurred, and a scene leaves them out.",
        "{count} others are in the photo. Only you are painted: they are blurred, and a scene leaves them out.",
        count,
    )


def _cut(shape: Shape) -> str:
    return say(
        "Your photo shows too little above and below you for {shape}, so that the sides of your face are cut off. Take "
        "another shape, or a photo from further away.",
        shape=shape,
    )


def _close(shape: Shape, loose: bool) -> str:
    why = say(
        "Your photo shows too little above and below you for {shape}, so it is cut close at the sides; nothing is "
        "made up.",
        shape=shape,
    )
    if loose:
        return put_together(why, say("A photo taken from further away gives you more room."))
    return put_together(why, say("A photo taken from further away gives you more room, or a scene does."))


def small_print(frame: Frame, wanted: tuple[int, int]) -> str:
    """That a photo has too few pixels for a large print.

    Args:
        frame: What is cut of the photo.
        wanted: Width and height of such a print.
    """
    there, all_ = (f"{round(width)} × {round(height)}" for width, height in ((frame.width, frame.height), wanted))
    return say(
        "Your photo has {there} pixels here, too few for {wanted}; a larger photo or a wider crop gives more.",
        there=there,
        wanted=all_,
    )


def is_open(photo: LoadedPhoto) -> bool:
    """Whether the visitor must say which face is theirs, or that the only one is."""
    return bool(photo.faces) and any(hint.blocking for hint in _questions(photo, PAGE))


def _sitter(photo: LoadedPhoto, face_index: int | None, ways: Ways) -> Face | None:
    """Whose face is looked at: on the page nobody's, as long as it is open whose it is."""
    if face_index is None and (not photo.faces or (len(photo.faces) > 1 and not ways.takes_first)):
        return None
    return photo.faces[face_index or 0]


def _questions(photo: LoadedPhoto, ways: Ways) -> list[PhotoHint]:
    """What is open as long as no face is chosen."""
    faces, count = photo.faces, len(photo.faces) + photo.left_out
    if photo.turn:
        by_hand = put_together(say("If it is right as it is, {mark}.", mark=ways.mark), ways.faceless)
        answer = ways.as_it_is if faces else by_hand
        return [_hint("not-upright", put_together(_upright(photo, ways), answer), blocking=True)]
    if not faces:
        advice = say(
            "No face was found. Look towards the camera, with light from the front, or {mark}.", mark=ways.mark
        )
        return [_hint("no-face", put_together(advice, ways.faceless), blocking=True)]
    if faces[0].certainty == "doubtful":
        if count == 1:
            words = put_together(
                say("Is this a face? It may be a thing or a drawing."),
                ways.yes,
                say("If not, {mark}.", mark=ways.mark),
                ways.faceless,
            )
        else:
            words = put_together(
                say("Is one of these {number} your face? They may be things or drawings.", number=count), ways.choose
            )
        return [_hint("doubtful-face", words, blocking=True)]
    if count == 1:
        return []
    there = say("There are {number} faces.", number=count)
    if photo.left_out:
        there = say("There are {number} faces; the {some} surest have a number.", number=count, some=len(faces))
    taken = say("The first of the surest and largest is taken.") if ways.takes_first else ""
    words = put_together(there, taken, ways.choose, say("If yours is missing, {mark}.", mark=ways.mark))
    return [_hint("several-faces", words, blocking=not ways.takes_first)]


def _lies(photo: LoadedPhoto) -> str:
    if photo.turn == 180:
        return say("This photo seems to be upside down.")
    return say("This photo seems to lie on its side.")


def _upright(photo: LoadedPhoto, ways: Ways) -> str:
    how = ways.upright if isinstance(ways.upright, Said) else ways.upright.format(turn=photo.turn)
    return put_together(_lies(photo), how)


def _hint(kind: HintKind, sentence: str, *, blocking: bool = False) -> PhotoHint:
    return PhotoHint(kind=kind, sentence=sentence, blocking=blocking)


def _face_hints(rgb: np.ndarray, face: Face) -> list[PhotoHint]:
    found: list[PhotoHint] = []
    left, top, right, bottom = face.box
    height, width = rgb.shape[:2]
    if vision.is_too_small(face):
        sentence = say("Your face is very small here. Come closer or crop the photo.")
        found.append(_hint("too-small", sentence, blocking=True))
    elif min(right - left, bottom - top) < _SMALL_FACE:
        found.append(_hint("too-small", say("Your face is small here; closer would keep more of you.")))
    if left < -0.04 * width or top < -0.04 * height or right > 1.04 * width or bottom > 1.04 * height:
        found.append(_hint("cut-off", say("Your face is cut off at the edge; move to the middle.")))
    crop = rgb[max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)]
    if crop.size:
        found += _light_hints(crop)
        found += _turn_hints(rgb, face)
    return found


def _light_hints(crop: np.ndarray) -> list[PhotoHint]:
    """Light is judged by the bright parts of the face, so that dark skin in good light passes."""
    gray = cv2.cvtColor(cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    found: list[PhotoHint] = []
    if np.percentile(gray, 95) < _DARK_HIGH and np.percentile(gray, 50) < _DARK_MIDDLE:
        found.append(_hint("too-dark", say("There is little light on your face; turn towards a window or a lamp.")))
    elif np.percentile(gray, 50) > _BRIGHT:
        found.append(_hint("too-bright", say("Your face is overexposed; step out of the direct light.")))
    # The variance of the Laplacian falls with contrast, so it is measured on an equalised face.
    sharpness = cv2.Laplacian(cv2.equalizeHist(gray), cv2.CV_64F).var()
    if sharpness < _BLURRED:
        found.append(_hint("blurred", say("The photo is blurred; hold still, wipe the lens, and try again.")))
    return found


def _turn_hints(rgb: np.ndarray, face: Face) -> list[PhotoHint]:
    """A face seen from the side keeps less of the person."""
    points = vision.mesh_of(rgb, face)
    if points is None and face.certainty in ("doubtful", "marked"):
        sentence = say("Eyes, nose and mouth cannot be read here, so how much of you is kept cannot be measured.")
        return [_hint("unmeasured", sentence)]
    if points is None:
        return [_hint("turned", say("Your face is hard to read here; turn towards the camera."))]
    if vision.looks_aside(points):
        return [_hint("turned", say("You are looking far to the side; portraits keep more of you from the front."))]
    return []
