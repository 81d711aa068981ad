"""Finished portraits: how they are kept for the two galleries, and what is said of them. Pure functions, no Gradio."""

from __future__ import annotations

from typing import Any

from PIL import Image

from languages.saying import listed, put_together, say, say_many
from pipelines import sizes
from pipelines.faithfulness import identity
from pipelines.results import Faithfulness, PortraitSet
from pipelines.schema import MAX_VARIATIONS, Scene, Style
from visits.visit import MAX_KEPT_PORTRAITS, KeptPortrait, Visit
from web import pictures
from web.routes import SCREEN_SIDES

FILTERS_BADGE = say("Instant filters, not diffusion")
SHOWN, TILE = SCREEN_SIDES  # pixels of the portrait on the stage and in the gallery
# Translators: one of the marks of a file, after XMP and C2PA in a list
_MARKS: dict[str, str] = {"watermark": say("watermark")}


def title(style: Style, scene: Scene) -> str:
    """As on the plate under a picture."""
    return style.name if scene.id == "none" else f"{style.name} · {scene.name}"


def badge(engine: str, is_diffusion: bool) -> str:
    """Who made a picture. Instant filters are never called diffusion."""
    return say("Made by: {engine}", engine=engine if is_diffusion else FILTERS_BADGE)


def ratio_of(width: int, height: int) -> float:
    """Width over height, for the page."""
    return round(width / height, 4)


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
        "zip": zip_address(visit),
        "room": room_words(visit),
        "portraits": [_print(visit, one, styles, scenes, controls=controls) for one in visit.kept],
    }


def _print(
    visit: Visit, one: KeptPortrait, styles: dict[str, Style], scenes: dict[str, Scene], *, controls: bool
) -> dict[str, Any]:
    portrait = one.portrait
    name = title(portrait.own_style or styles[portrait.style_id], scenes[portrait.scene_id])
    drawn = [say("The crop"), *(say("Control: {kind}", kind=kind) for kind, _ in one.controls if controls)]
    folder, address = f"studio/original/{visit.key}/{portrait.id}", f"studio/portrait/{visit.key}/{portrait.id}"
    made_by = badge(portrait.engine, portrait.is_diffusion)
    marks = (
        say("Marked in the file: {marks}.", marks=listed([_MARKS.get(one, one) for one in portrait.provenance.marks]))
        if portrait.provenance.marks
        else ""
    )
    facts = say(
        "{made_by}. Seed {seed}, likeness {likeness:.2f}, {seconds:.1f} s.",
        made_by=made_by,
        seed=portrait.seed,
        likeness=portrait.likeness,
        seconds=portrait.seconds,
    )
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
        "caption": say("{number}. {name}, seed {seed}", number=one.number, name=name, seed=portrait.seed),
        "alt": say("Portrait in the style {name}, seed {seed}", name=name, seed=portrait.seed),
        "seed": portrait.seed,
        "badge": made_by,
        "facts": put_together(facts, marks),
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
    # Translators: names of measures: how the portrait differs from the photo
    numbers: list[list[str]] = []
    for label, change in (
        (say("Eye size"), kept.eye_size),
        (say("Jaw width"), kept.jaw_width),
        (say("Nose width"), kept.nose_width),
        (say("Face height"), kept.face_height),
    ):
        if change is not None:
            numbers.append(
                [
                    label,
                    say(
                        "{signed} % ({before:.2f} to {after:.2f})",
                        signed=_signed(change.percent),
                        before=change.before,
                        after=change.after,
                    ),
                ]
            )
    if kept.landmark_drift is not None:
        numbers.append(
            [
                say("Points of the face moved"),
                say("{value:.1f} % of the distance between the eyes", value=100 * kept.landmark_drift),
            ]
        )
    if kept.skin is not None:
        skin = kept.skin
        angle = say(
            "{signed}° from {ita_before:.0f}°; more is lighter",
            signed=_signed(skin.ita_shift),
            ita_before=skin.ita_before,
        )
        numbers.append([say("Skin tone (ITA)"), angle])
        numbers.append([say("Skin lightness (L*)"), say("{signed} of 100", signed=_signed(skin.lightness_shift))])
    if kept.edges_kept is not None:
        numbers.append([say("Lines of the face kept"), say("{value:.0f} %", value=100 * kept.edges_kept)])
    place = identity.words(kept.identity) if kept.identity is not None else ""
    return {
        "sentence": put_together(kept.sentence, place) if place else kept.sentence,
        "warning": kept.warning or "",
        "numbers": numbers,
        "unmeasured": [words for words in kept.unmeasured if words != kept.sentence],
    }


def _signed(number: float) -> str:
    """One decimal with its sign; what rounds to nothing has none."""
    shown = abs(number) >= 0.05
    return say("{value:+.1f}", value=number) if shown else say("{value:.1f}", value=0.0)


def room_words(visit: Visit) -> str:
    """How many portraits more can be made before one is replaced; "" while there is room for more than a Create."""
    count = len(visit.kept)
    if count < MAX_KEPT_PORTRAITS - MAX_VARIATIONS:
        return ""
    spare = min((one.number for one in visit.kept if not one.favourite), default=None)
    kept = say("{number} of {most} kept", number=count, most=MAX_KEPT_PORTRAITS)
    if count < MAX_KEPT_PORTRAITS:
        return say(
            "{kept}; the {next}th replaces the oldest that is not a favourite.", kept=kept, next=MAX_KEPT_PORTRAITS + 1
        )
    if spare is None:
        return say("{kept}, all of them favourites: to make another one, take the star off one.", kept=kept)
    return say(
        "{kept}; the next one replaces portrait {spare}, the oldest that is not a favourite.", kept=kept, spare=spare
    )


def done_words(result: PortraitSet) -> tuple[str, str]:
    """What is said of a finished set, and of the pictures in it that a reviewer held back, "" where there are none."""
    count, held_back = len(result.portraits), result.refused
    if not held_back:
        return say_many("Your portrait is ready.", "Your {count} portraits are ready.", count), ""
    ready = say_many(
        "{count} of {all} portraits is ready.",
        "{count} of {all} portraits are ready.",
        count,
        all=count + len(held_back),
    )
    which = say_many(
        "Seed {numbers} is not shown.",
        "Seeds {numbers} are not shown.",
        len(held_back),
        numbers=", ".join(str(one.seed) for one in held_back),
    )
    return ready, put_together(which, held_back[0].refusal.sentence)


def zip_address(visit: Visit) -> str:
    """Where all portraits of a visit are fetched at once."""
    return f"studio/portraits/{visit.key}.zip"
