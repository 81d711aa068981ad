"""Whose faces are in a photo, and which way up it is.

The detectors see a photo at 128 and 192 pixels. There a person beside a large drawing, the last row of a group and
whoever holds the camera at the edge can be lost, so photos are looked at in parts too, and where nobody was found or
only small faces in smaller parts and with room around. What only a closer look finds counts where a face mesh fits it:
parts of photos hold many things that pass for a face.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from pipelines.photo import vision
from pipelines.schema import Certainty, Face, QuarterTurn

MAX_FACES = 40  # on show; more buttons cannot be told apart
_CROWDED = 0.12  # faces narrower than this share of the photo: there may be more of them
_LOOK = 1024  # pixels of a photo's long side, where that is enough
_PLAIN = 0.88  # upright people score more than this, mostly; nobody upside down did
_GAIN = 0.03  # by which a turned photo's face must be the surer one
_TURNS: tuple[QuarterTurn, ...] = (90, 180, 270)
_TILTED = 45.0  # degrees of the line through the eyes
_PART, _SMALL_PART = 0.65, 0.43  # sides of the squares that are looked at, over the photo's long side
_CLOSE = 192  # pixels; smaller parts show the detectors nothing new
_one_at_a_time = threading.Lock()
_ROOM = 0.3  # of the long side, around a photo whose people may be cut off by its edge


class Look(NamedTuple):
    """What is in a photo.

    Attributes:
        faces: The surest first, of equally sure ones the largest, at most MAX_FACES.
        left_out: How many more were found.
        turn: Degrees clockwise that would set the photo upright.
    """

    faces: tuple[Face, ...]
    left_out: int
    turn: QuarterTurn


def look(rgb: np.ndarray) -> Look:
    """Find faces, and whether the photo should be turned.

    Args:
        rgb: (H, W, 3) uint8.
    """
    longest, shortest = max(rgb.shape[:2]), min(rgb.shape[:2])
    faces = vision.detect_faces(rgb)
    for part, place in _parts(rgb, min(shortest, round(_PART * longest))):
        faces = _with_those_of(part, place, faces, least="sure")
    sure = [face for face in faces if face.certainty != "doubtful"]
    if not sure or any(face.box[2] - face.box[0] < _CROWDED * longest for face in sure):
        faces = _with_closer_looks(rgb, faces)
    faces = vision.surest_first(faces)
    return Look(tuple(faces[:MAX_FACES]), max(0, len(faces) - MAX_FACES), _turn(rgb, faces))


def _with_closer_looks(rgb: np.ndarray, found: list[Face]) -> list[Face]:
    """Where nobody was found, or people so small that there may be more of them."""
    longest, shortest = max(rgb.shape[:2]), min(rgb.shape[:2])
    room = round(_ROOM * longest)
    with _one_at_a_time:  # three times the photo's memory
        wide = cv2.copyMakeBorder(rgb, room, room, room, room, cv2.BORDER_CONSTANT, value=(127, 127, 127))
        found = _with_those_of(wide, (-room, -room), found, least=_least(found))
        del wide
    for part, place in _parts(rgb, min(shortest, round(_SMALL_PART * longest))):
        found = _with_those_of(part, place, found, least=_least(found))
    widths = [face.box[2] - face.box[0] for face in found if face.certainty != "doubtful"]
    if widths and np.median(widths) < _CROWDED * longest:  # squares in which such a face is large
        side = max(5.0 * float(np.median(widths)), longest / 8)
        for part, place in _parts(rgb, min(shortest, round(side))):
            found = _with_those_of(part, place, found, least="likely")
    return found


def _least(found: list[Face]) -> Certainty:
    """How sure a further face must be: among people one is no surprise."""
    return "likely" if any(face.certainty != "doubtful" for face in found) else "sure"


def _with_those_of(part: np.ndarray, place: tuple[int, int], found: list[Face], *, least: Certainty) -> list[Face]:
    """What was found and what a part of the photo shows besides."""
    for face in vision.detect_faces(part):
        left, top, right, bottom = face.box
        box = (left + place[0], top + place[1], right + place[0], bottom + place[1])
        same = [other for other in found if vision.same_face(other.box, box)]
        is_new = face.certainty in ("sure", least) and all(other.certainty == "doubtful" for other in same)
        if is_new and vision.mesh_within(part, face.box) is not None:
            # One that was doubtful from afar and is sure from near by is the same face.
            found = [*(other for other in found if other not in same), face.model_copy(update={"box": box})]
    return found


def _parts(rgb: np.ndarray, side: int) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Overlapping squares that cover a photo, each with its place."""
    if side < _CLOSE:
        return
    for top in _starts(rgb.shape[0], side):
        for left in _starts(rgb.shape[1], side):
            yield np.ascontiguousarray(rgb[top : top + side, left : left + side]), (left, top)


def _starts(length: int, side: int) -> list[int]:
    """Where parts begin that overlap by two fifths or more, from one end to the other."""
    count = 1 + -(-(length - side) * 5 // (side * 3))
    return [round(at) for at in np.linspace(0, length - side, count)]


def _turn(rgb: np.ndarray, faces: list[Face]) -> QuarterTurn:
    """The detectors and the face mesh were taught upright people: turned ones score less, by which they are known."""
    shrink = min(1.0, _LOOK / max(rgb.shape[:2]))
    small = rgb if shrink == 1.0 else cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    here = _upright_score(rgb, faces)
    if here >= _PLAIN:
        return 0
    best = max(here + _GAIN, vision.SURE)
    turn: QuarterTurn = 0
    for degrees in _TURNS:
        turned = np.ascontiguousarray(np.rot90(small, -degrees // 90))
        score = _upright_score(turned, vision.detect_faces(turned))
        if score > best:
            best, turn = score, degrees
    return turn or (0 if here else _by_eyes(rgb, faces))


def _by_eyes(rgb: np.ndarray, faces: list[Face]) -> QuarterTurn:
    """Where nobody is surer in a turned photo, by the line through the first face's eyes."""
    points = vision.mesh_within(rgb, faces[0].box) if faces and faces[0].certainty != "doubtful" else None
    wanted = 0 if points is None else round(-vision.roll(points) / 90) * 90 % 360
    return next((degrees for degrees in _TURNS if degrees == wanted), 0)


def _upright_score(rgb: np.ndarray, faces: list[Face]) -> float:
    """Of the surest face whose eyes stand upright; 0 where there is none."""
    scores = [0.0]
    for face in faces:
        if face.score > max(scores) and face.certainty != "doubtful":
            points = vision.mesh_within(rgb, face.box)
            if points is not None and abs(vision.roll(points)) < _TILTED:
                scores.append(face.score)
    return max(scores)
