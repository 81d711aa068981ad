"""From the studio's values to what the widgets show. Pure functions, no Gradio."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from PIL import Image

from pipelines import sizes
from pipelines.engines.base import AUTO, EngineInfo
from pipelines.photo import hints as photo_hints
from pipelines.photo.framing import Frame
from pipelines.results import Faithfulness, PortraitSet
from pipelines.schema import MAX_VARIATIONS, Consent, LoadedPhoto, PhotoHint, Scene, Style
from pipelines.seeds import following, variations
from pipelines.waiting_line import Place, duration
from study.consent import Receipt
from study.notice import away_words
from visits.visit import MAX_KEPT_PORTRAITS, KeptPortrait, Look, Visit
from web import pictures
from web.routes import SCREEN_SIDES

FILTERS_BADGE = "Instant filters, not diffusion"
_READABLE_SEEDS = 1_000_000  # random seeds stay short enough to be read out and typed
ALLOWED = {  # said when an optional purpose is ticked
    "study": "From now on a copy of each new portrait is kept for the study.",
    "examples": "From now on a copy of each new portrait is kept as an example.",
}
OTHERS_FACES = "Choose your own face, or one of somebody who has agreed to it."
GIVE_A_PICTURE = "Give the picture of your style under step 3, or choose another style."
SHOWN, TILE = SCREEN_SIDES  # pixels of the portrait on the stage and in the gallery
EXAMPLE_CREDIT = "Example sitter: Eileen Collins, NASA, public domain"


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


def ratio_of(width: int, height: int) -> float:
    """Width over height, for the page."""
    return round(width / height, 4)


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
        hints.insert(0, [f"Face {face_index + 1} is chosen. Tap another face to change.", False])
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
    which = "the portrait" if number == 1 else f"{number} portraits"
    words = f"Delete {which} that you have not downloaded?"
    if board:  # what it holds is fetched from its own tab, in the form that is wanted
        words = f"Delete your style board of {board} portraits, which was not handed on" + (
            f", and {which} that you have not downloaded?" if number else "?"
        )
    ask = {"words": words, "all": _zip_address(visit) if number else ""} if asks else None
    return {"key": visit.key, "at": consent.granted_at.isoformat(), "ask": ask}


def back_words(visit: Visit) -> str:
    """What a page says that has taken its visit up again."""
    count = len(visit.kept)
    portraits = "" if count == 0 else "your portrait" if count == 1 else f"your {count} portraits"
    things = " and ".join(one for one in ("your photo" if visit.photo is not None else "", portraits) if one)
    are = "is" if things in ("your photo", "your portrait") else "are"
    words = f"Welcome back: {things} {are} still here." if things else "Welcome back."
    return f"{words} The portrait that was being made was stopped; press Create again." if visit.cut_short else words


def ended_words(away_seconds: int) -> str:
    """What a page says whose visit is not there any more."""
    long = f"the page was away for more than {away_words(away_seconds)}"
    away = long if away_seconds else "the page was reloaded or lost"
    return (
        f"Your visit has ended, and your photo and portraits were deleted: {away}, or the studio was started again. "
        "Begin anew in step 1."
    )


def room_words(visit: Visit) -> str:
    """How many portraits more can be made before one is replaced; "" while there is room for more than a Create."""
    count = len(visit.kept)
    if count < MAX_KEPT_PORTRAITS - MAX_VARIATIONS:
        return ""
    spare = min((one.number for one in visit.kept if not one.favourite), default=None)
    kept = f"{count} of {MAX_KEPT_PORTRAITS} kept"
    if count < MAX_KEPT_PORTRAITS:
        return f"{kept}; the {MAX_KEPT_PORTRAITS + 1}th replaces the oldest that is not a favourite."
    if spare is None:
        return f"{kept}, all of them favourites: to make another one, take the star off one."
    return f"{kept}; the next one replaces portrait {spare}, the oldest that is not a favourite."


def _zip_address(visit: Visit) -> str:
    return f"studio/portraits/{visit.key}.zip"


def receipt_value(receipt: Receipt) -> dict[str, Any]:
    """For the receipt: its JSON."""
    return receipt.model_dump(mode="json")


def deleted_copies(number: int) -> str:
    """How many copies a study has deleted."""
    return "There was no copy." if number == 0 else f"{number} {'copy was' if number == 1 else 'copies were'} deleted."


def title(style: Style, scene: Scene) -> str:
    """As on the plate under a picture."""
    return style.name if scene.id == "none" else f"{style.name} · {scene.name}"


def badge(engine: str, is_diffusion: bool) -> str:
    """Who made a picture. Instant filters are never called diffusion."""
    return f"Made by: {engine}" if is_diffusion else f"Made by: {FILTERS_BADGE}"


def progress_words(step: int, total: int, portraits: int) -> str:
    """Which step of which portrait, in words."""
    if step < 1:
        return "Loading the model"
    each = max(1, total // max(1, portraits))
    words = f"Step {step} of {total}"
    return f"{words} - portrait {min(portraits, (step - 1) // each + 1)} of {portraits}" if portraits > 1 else words


def waiting_words(place: Place) -> str:
    """Where a visitor stands in the line and for about how long: "You are 7th in line, about 12 s"."""
    words = "You are next in line" if place.position == 1 else f"You are {_ordinal(place.position)} in line"
    return words if place.seconds is None else f"{words}, {duration(place.seconds)}"


def _ordinal(number: int) -> str:
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def kept(result: PortraitSet, visit: Visit | None = None, face_index: int | None = None) -> list[KeptPortrait]:
    """A result as it is kept for the galleries; with a visit, as made from the visit's present photo."""
    photo_at = visit.photo_at if visit is not None else None
    original = pictures.small_jpeg(result.photo.image, longest=768)
    controls = tuple((c.annotator, control_picture(c.image)) for c in result.controls)
    return [KeptPortrait(p, original, controls, result.notes, photo_at, face_index) for p in result.portraits]


def control_picture(image: Image.Image) -> bytes:
    """A control image as it is kept."""
    return pictures.small_jpeg(image, longest=512)


def results_value(
    visit: Visit, styles: dict[str, Style], scenes: dict[str, Scene], *, controls: bool
) -> dict[str, Any]:
    """For the two galleries."""
    return {
        "zip": _zip_address(visit),
        "room": room_words(visit),
        "portraits": [_print(visit, one, styles, scenes, controls=controls) for one in visit.kept],
    }


def _print(
    visit: Visit, one: KeptPortrait, styles: dict[str, Style], scenes: dict[str, Scene], *, controls: bool
) -> dict[str, Any]:
    portrait = one.portrait
    name = title(portrait.own_style or styles[portrait.style_id], scenes[portrait.scene_id])
    drawn = ["The crop", *(f"Control: {kind}" for kind, _ in one.controls if controls)]
    folder, address = f"studio/original/{visit.key}/{portrait.id}", f"studio/portrait/{visit.key}/{portrait.id}"
    made_by = badge(portrait.engine, portrait.is_diffusion)
    marks = f" Marked in the file: {', '.join(portrait.provenance.marks)}." if portrait.provenance.marks else ""
    return {
        "id": portrait.id,
        "file": f"{address}.png",
        "name": one.file_name,
        "shown": f"{address}-{SHOWN}.webp",
        "tile": f"{address}-{TILE}.webp",
        "title": name,
        "number": one.number,
        "favourite": one.favourite,
        "downloaded": one.downloaded,
        "caption": f"{one.number}. {name}, seed {portrait.seed}",
        "alt": f"Portrait in the style {name}, seed {portrait.seed}",
        "seed": portrait.seed,
        "badge": made_by,
        "facts": f"{made_by}. Seed {portrait.seed}, likeness {portrait.likeness:.2f}, {portrait.seconds:.1f} s.{marks}",
        "ratio": ratio_of(portrait.width, portrait.height),
        "print": sizes.print_words(portrait.width, portrait.height),
        "notes": list(one.notes),
        "faithfulness": faithfulness_value(portrait.faithfulness),
        "originals": [{"src": f"{folder}/{number}.jpg", "caption": caption} for number, caption in enumerate(drawn)],
    }


def faithfulness_value(kept: Faithfulness | None) -> dict[str, Any] | None:
    """What is left of the person, for the page: the sentence, the warning or "", and [label, number] pairs."""
    if kept is None:
        return None
    numbers: list[list[str]] = []
    for label, change in (
        ("Eye size", kept.eye_size),
        ("Jaw width", kept.jaw_width),
        ("Nose width", kept.nose_width),
        ("Face height", kept.face_height),
    ):
        if change is not None:
            numbers.append([label, f"{_signed(change.percent)} % ({change.before:.2f} to {change.after:.2f})"])
    if kept.landmark_drift is not None:
        numbers.append(["Landmark drift", f"{100 * kept.landmark_drift:.1f} % of the distance between the eyes"])
    if kept.skin is not None:
        skin = kept.skin
        angle = f"{_signed(skin.ita_shift)}° from {skin.ita_before:.0f}°; more is lighter"
        numbers.append(["Skin tone (ITA)", angle])
        numbers.append(["Skin lightness (L*)", f"{_signed(skin.lightness_shift)} of 100"])
    if kept.edges_kept is not None:
        numbers.append(["Lines of the face kept", f"{100 * kept.edges_kept:.0f} %"])
    return {
        "sentence": kept.sentence,
        "warning": kept.warning or "",
        "numbers": numbers,
        "unmeasured": [words for words in kept.unmeasured if words != kept.sentence],
    }


def _signed(number: float) -> str:
    """One decimal with its sign; what rounds to nothing has none."""
    return f"{number:+.1f}" if abs(number) >= 0.05 else "0.0"


def missing(visit: Visit | None, look: Look | None = None) -> str:
    """What stands between the visitor and Create, in words; empty when nothing does. `look`: else the visit's."""
    if visit is None:
        return "Tick the consent box in step 1, then add a photo."
    if visit.photo is None:
        return "Add a photo in step 2."
    blocking = [hint for hint in _hints(visit, visit.photo) if hint.blocking]
    if not blocking:
        return GIVE_A_PICTURE if visit.lacks_picture_for(look or visit.look) else ""
    if blocking[0].kind == "several-faces":
        return "Tap your face in the photo in step 2."
    return blocking[0].sentence


def done_words(result: PortraitSet) -> tuple[str, str]:
    """What is said of a finished set, and of the pictures in it that a reviewer held back, "" where there are none."""
    count, held_back = len(result.portraits), result.refused
    if not held_back:
        return "Your portrait is ready." if count == 1 else f"Your {count} portraits are ready.", ""
    ready = f"{count} of {count + len(held_back)} portraits {'is' if count == 1 else 'are'} ready."
    numbers = ", ".join(str(one.seed) for one in held_back)
    which = f"Seed {numbers} is" if len(held_back) == 1 else f"Seeds {numbers} are"
    return ready, f"{which} not shown. {held_back[0].refusal.sentence}"


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
                return f"Portraits by AI, on this server: {engine.name}, guided by your photo."
            return "Portraits by instant filters, on this server: no AI model is at work."
    return ""


def engine_choices(engines: tuple[EngineInfo, ...]) -> list[tuple[str, str]]:
    """For the dropdown: (words, id). Those that cannot run here stay in the list, named as such."""
    automatic = [("Automatic: the best that runs here", "auto")]
    return automatic + [(e.name if e.available else f"{e.name} (not available here)", e.id) for e in engines]


def reads_words(engines: tuple[EngineInfo, ...], chosen: object) -> bool:
    """Whether the engine that is chosen, or that "auto" takes, reads the visitor's own words."""
    return any(
        engine.reads_words and engine.available and (engine.id == chosen or (chosen == AUTO and engine.is_automatic))
        for engine in engines
    )


def engine_reasons(engines: tuple[EngineInfo, ...]) -> str:
    """Markdown: what each engine is good for, or why it is not available here."""
    return "\n".join(f"- **{e.name}**{'' if e.available else ' (not available here)'}: {e.reason}" for e in engines)
