"""From the studio's values to what the widgets show. Pure functions, no Gradio."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from languages.saying import listed, put_together, say, say_many
from pipelines import sizes
from pipelines.engines.base import AUTO, EngineInfo
from pipelines.photo import hints as photo_hints
from pipelines.photo.framing import Frame
from pipelines.schema import Consent, LoadedPhoto, PhotoHint
from pipelines.seeds import following, variations
from pipelines.waiting_line import Place
from pipelines.waiting_times import duration
from study.consent import Receipt
from study.notice import away_words
from ui.prints import zip_address
from visits.visit import Look, Visit
from web import pictures

_READABLE_SEEDS = 1_000_000  # random seeds stay short enough to be read out and typed
AUTOMATIC = say("Automatic: the best that runs here")
ALLOWED = {  # said when an optional purpose is ticked
    "study": say("From now on a copy of each new portrait is kept for the study."),
    "examples": say("From now on a copy of each new portrait is kept as an example."),
    "identity": say("From now on each new portrait is compared with your photo and with other people."),
}
OTHERS_FACES = say("Choose your own face, or one of somebody who has agreed to it.")
GIVE_A_PICTURE = say("Give the picture of your style under step 3, or choose another style.")
EXAMPLE_CREDIT = say("Example sitter: Eileen Collins, NASA, public domain")


def photo_value(visit: Visit | None, cut: Cut | None = None, *, again: bool = False) -> dict[str, Any] | None:
    """For the photo booth. None before consent.

    Args:
        visit: Whose photo it is.
        cut: Where the photo is cut; None where that is open.
        again: The page has the picture, so that it is not sent once more.
    """
    if visit is None:
        return None
    photo = visit.photo
    chosen = None if photo is None else _chosen_photo(photo, visit, cut, again=again)
    return {"key": visit.key, "number": visit.asked, "photo": chosen}


class Cut(NamedTuple):
    """Where a photo is cut.

    Attributes:
        frame: In pixels of the photo.
        loose: There is a scene, for which it is wider.
    """

    frame: Frame
    loose: bool


def _crop_value(photo: LoadedPhoto, visit: Visit, frame: Frame) -> dict[str, Any]:
    """The crop in percent of the photo, its shape, and how large the photo is."""
    (x, y), (width, height) = frame.middle, photo.image.size
    return {
        "x": round(100 * x / width, 3),
        "y": round(100 * y / height, 3),
        "width": round(100 * frame.width / width, 3),
        "angle": frame.angle,
        "ratio": sizes.ratio(visit.shape),
        "of": [width, height],
        "by_hand": visit.crop is not None,
    }


def _chosen_photo(photo: LoadedPhoto, visit: Visit, cut: Cut | None, *, again: bool) -> dict[str, Any]:
    face_index, several = visit.face_index, len(photo.faces) > 1
    width, height = photo.image.size
    boxes = [
        [round(100 * v, 2) for v in (left / width, top / height, (right - left) / width, (bottom - top) / height)]
        for left, top, right, bottom in (face.box for face in photo.faces)
    ]
    said = _hints(visit, photo)
    if cut is not None:
        by_hand = visit.crop is not None
        said += tuple(
            photo_hints.of_the_crop(photo, face_index, cut.frame, visit.shape, by_hand=by_hand, loose=cut.loose)
        )
    hints = [[hint.sentence, hint.blocking] for hint in said]
    if several and face_index is not None:
        hints.insert(0, [say("Face {number} is chosen. Tap another face to change.", number=face_index + 1), False])
    if several:
        hints.append([OTHERS_FACES, False])
    doubtful = all(face.certainty == "doubtful" for face in photo.faces)
    shown = several or photo_hints.is_open(photo) or any(face.certainty == "marked" for face in photo.faces)
    return {
        "src": "" if again else pictures.data_uri(photo.image, longest=900),
        "crop": None if cut is None else _crop_value(photo, visit, cut.frame),
        "faces": boxes if shown else [],
        "face": face_index,
        "asked": len(photo.faces) == 1 and any(hint.kind == "doubtful-face" for hint in said),
        "sits": not visit.must_choose_face,
        "turn": photo.turn,
        "hints": hints,
        "faceless": doubtful and face_index is None and not visit.faceless,
    }


def _hints(visit: Visit, photo: LoadedPhoto) -> tuple[PhotoHint, ...]:
    return photo_hints.hints(photo, visit.face_index, faceless=visit.faceless)


NOT_AGREED: dict[str, Any] = {"key": ""}  # for the widget `agreed`


def agreed_value(visit: Visit, consent: Consent, *, asks: bool = False) -> dict[str, Any]:
    """For the consent that was given; with `asks` it asks before portraits are deleted that were not downloaded."""
    number, board = len(visit.not_downloaded), visit.unsaved_board
    words = say_many(
        "Delete the portrait that you have not downloaded?",
        "Delete {count} portraits that you have not downloaded?",
        number,
    )
    if board:  # what it holds is fetched from its own tab, in the form that is wanted
        words = say("Delete your style board of {board} portraits, which was not handed on?", board=board)
        if number:
            words = say_many(
                "Delete your style board of {board} portraits, which was not handed on, and the portrait that you have "
                "not downloaded?",
                "Delete your style board of {board} portraits, which was not handed on, and {count} portraits that you "
                "have not downloaded?",
                number,
                board=board,
            )
    ask = {"words": words, "all": zip_address(visit) if number else ""} if asks else None
    return {"key": visit.key, "at": consent.granted_at.isoformat(), "ask": ask}


def back_words(visit: Visit) -> str:
    """What a page says that has taken its visit up again."""
    count, has_photo = len(visit.kept), visit.photo is not None
    words: str = say("Welcome back.")
    if has_photo and count:
        words = say_many(
            "Welcome back: your photo and your portrait are still here.",
            "Welcome back: your photo and your {count} portraits are still here.",
            count,
        )
    elif count:
        words = say_many(
            "Welcome back: your portrait is still here.", "Welcome back: your {count} portraits are still here.", count
        )
    elif has_photo:
        words = say("Welcome back: your photo is still here.")
    stopped = say("The portrait that was being made was stopped; press Create again.")
    return put_together(words, stopped if visit.cut_short else "")


def ended_words(away_seconds: int) -> str:
    """What a page says whose visit is not there any more."""
    if away_seconds:
        return say(
            "Your visit has ended, and your photo and portraits were deleted: the page was away for more than {away}, "
            "or the studio was started again. Begin anew in step 1.",
            away=away_words(away_seconds),
        )
    return say(
        "Your visit has ended, and your photo and portraits were deleted: the page was reloaded or lost, or the studio "
        "was started again. Begin anew in step 1."
    )


def receipt_value(receipt: Receipt) -> dict[str, Any]:
    """For the receipt: its JSON."""
    return receipt.model_dump(mode="json")


def deleted_copies(number: int) -> str:
    """How many copies a study has deleted."""
    if number == 0:
        return say("There was no copy.")
    return say_many("{count} copy was deleted.", "{count} copies were deleted.", number)


def progress_words(step: int, total: int, portraits: int) -> str:
    """Which step of which portrait, in words."""
    if step < 1:
        return say("Loading the model")
    each = max(1, total // max(1, portraits))
    words = say("Step {step} of {total}", step=step, total=total)
    if portraits == 1:
        return words
    at = min(portraits, (step - 1) // each + 1)
    return say("{words} - portrait {number} of {portraits}", words=words, number=at, portraits=portraits)


def waiting_words(place: Place) -> str:
    """Where a visitor stands in the line and for about how long: "You are 7th in line, about 12 s"."""
    words = say("You are next in line")
    if place.position > 1:
        # Translators: {ordinal} is an English one, 2nd or 7th; {position} is the number alone. Use either.
        words = say("You are {ordinal} in line", ordinal=_ordinal(place.position), position=place.position)
    return words if place.seconds is None else say("{words}, {duration}", words=words, duration=duration(place.seconds))


def _ordinal(number: int) -> str:
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def missing(visit: Visit | None, look: Look | None = None) -> str:
    """What stands between the visitor and Create, in words; empty when nothing does. `look`: else the visit's."""
    if visit is None:
        return say("Tick the consent box in step 1, then add a photo.")
    if visit.photo is None:
        return say("Add a photo in step 2.")
    blocking = [hint for hint in _hints(visit, visit.photo) if hint.blocking]
    if not blocking:
        return GIVE_A_PICTURE if visit.lacks_picture_for(look or visit.look) else ""
    if blocking[0].kind == "several-faces":
        return say("Tap your face in the photo in step 2.")
    return blocking[0].sentence


def next_seed(used: tuple[int, ...]) -> int:
    """A seed to try after pictures with these were held back."""
    return following(used[-1], 2)[1]


def seeds(first: int | float | None, shuffle: bool, count: int) -> tuple[int, ...]:
    """Seeds of one request: random ones, or `first` and its followers.

    Raises:
        RequestInvalid: Seed or count is no whole number or out of range.
    """
    if shuffle or first is None:
        return tuple(random.SystemRandom().sample(range(_READABLE_SEEDS), variations(count)))
    return following(first, count)


def promise(engines: tuple[EngineInfo, ...]) -> str:
    """What visitors may expect, in one line: who makes portraits where nothing else is chosen; "" where nobody can."""
    for engine in engines:
        if engine.is_automatic and engine.available:
            if engine.is_diffusion:
                return say("Portraits by AI, on this server: {name}, guided by your photo.", name=engine.name)
            return say("Portraits by instant filters, on this server: no AI model is at work.")
    return ""


def engine_choices(engines: tuple[EngineInfo, ...], chosen: object = AUTO) -> list[tuple[str, str]]:
    """For the dropdown: (words, id) of those that can run here.

    Args:
        engines: All of them.
        chosen: Stays in the list also where it cannot run any more, named as such: nothing is chosen in its place.
    """
    automatic = [(AUTOMATIC, AUTO)]
    return automatic + [
        (e.name if e.available else say("{name} (not available here)", name=e.name), e.id)
        for e in engines
        if e.available or e.id == chosen
    ]


def reads_words(engines: tuple[EngineInfo, ...], chosen: object) -> bool:
    """Whether the engine that is chosen, or that "auto" takes, reads the visitor's own words."""
    return any(
        engine.reads_words and engine.available and (engine.id == chosen or (chosen == AUTO and engine.is_automatic))
        for engine in engines
    )


def engine_reasons(engines: tuple[EngineInfo, ...]) -> str:
    """Markdown: what each engine that runs here is good for, and in one sentence what else there could be."""
    lines = [f"- **{e.name}**: {e.reason}" for e in engines if e.available]
    others = [e.name for e in engines if not e.available]
    if others:
        # Translators: names of AI models that are not on the server or cannot run on it
        words = say("With a download or a larger machine, this studio could also have {names}.", names=listed(others))
        lines += ["", f"{words}"]
    return "\n".join(lines)
