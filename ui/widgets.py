"""The controls that Gradio does not have, each a gr.HTML that hands over to a function of ui/static/studio.js.

A widget's template never changes, so Gradio leaves its DOM alone; the function draws from `props.value`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import gradio as gr

from languages.catalogue import LANGUAGES
from languages.saying import language, named, say
from pipelines.presets.loading import FAMILY_NAMES, MAX_FILE_BYTES
from pipelines.schema import MAX_UPLOAD_BYTES, Pickable, Scene, Style
from ui.prints import FILTERS_BADGE
from ui.screen import EXAMPLE_CREDIT

# Addressed as the page is, which may lie below a proxy's path; a plain path would be taken from Gradio's own script.
# The comment is for Gradio: an event is one whose name stands there in quotes.
_HAND_OVER = (
    'import(new URL("studio/static/studio.js", document.baseURI)).then('
    "(studio) => studio.{name}({{ element, props, trigger, watch }}), "
    "() => {{ element.textContent = {failed}; }}); // {events}"
)

_SOFT_HYPHEN = "\u00ad"  # where a long name may break on a tile
_FAILED = say("This part of the page did not arrive; reload the page.")

EXAMPLE_TILES = say("Tiles: the built-in AI model. {credit}.", credit=EXAMPLE_CREDIT)
OWN_TILES = say("Tiles: instant filters of your photo.")


def _widget(name: str, elem_id: str, value: Any, events: Iterable[str] = (), **props: Any) -> gr.HTML:
    return gr.HTML(
        value=value,
        html_template="<div></div>",
        js_on_load=_HAND_OVER.format(
            name=name, failed=json.dumps(str(_FAILED)), events=", ".join(f'"{event}"' for event in events)
        ),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="widget",
        **props,
    )


def style_picker(styles: Iterable[Style], chosen: str) -> gr.HTML:
    """Pictures of styles by family. Value: style id. Event: `pick`."""
    items = [
        _tile("style", s) | {"group": s.family, "words": _words(s, FAMILY_NAMES[s.family]), "own": not s.needs_picture}
        for s in styles
    ]
    present = {item["group"] for item in items}
    groups = [[family, name] for family, name in FAMILY_NAMES.items() if family in present]
    said = {"before": EXAMPLE_TILES, "after": OWN_TILES, "examples": say("pencil, cartoon or van gogh")}
    return _widget(
        "picker", "style-picker", chosen, ["pick"], items=items, groups=groups, kind="style", title=say("Style"), **said
    )


def scene_picker(scenes: Iterable[Scene], chosen: str) -> gr.HTML:
    """Pictures of scenes. Value: scene id. Event: `pick`."""
    items = [_tile("scene", s) | {"group": "", "words": _words(s), "own": s.backdrop is None} for s in scenes]
    said = {"before": "", "after": "", "examples": say("space, night or garden")}
    return _widget(
        "picker", "scene-picker", chosen, ["pick"], items=items, groups=[], kind="scene", title=say("Scene"), **said
    )


def search(kind: str, hint: str) -> gr.HTML:
    """A field that searches a picker while one types.

    Args:
        kind: "style" or "scene".
        hint: What stands in the empty field.
    """
    return _widget("search", f"search-{kind}", None, kind=kind, hint=hint)


def _tile(kind: str, preset: Pickable) -> dict[str, Any]:
    thumb = f"studio/thumbnails/{kind}s/{preset.id}.webp"
    if isinstance(preset, Style) and preset.needs_picture:
        thumb = "studio/static/own-picture.svg"
    return {"id": preset.id, "name": preset.name, "summary": preset.summary, "thumb": thumb}


def _words(preset: Pickable, *more: str) -> str:
    """By what it is found."""
    said = (preset.name, *more, named(", ".join(preset.keywords)))
    # In English too, in which styles are known everywhere.
    return " ".join(dict.fromkeys([*map(str.__str__, said), *map(str, said)])).replace(_SOFT_HYPHEN, "")


def photo_booth() -> gr.HTML:
    """Upload and camera. Value: {key, number, photo: None | {src, crop, faces, face, asked, sits, turn, hints,
    faceless}}. With an empty src the picture is the one that is there already.

    Events: `arrived` (a photo lies in the visit), `face` (evt.index was chosen), `turned` (by evt.degrees), `marked` (a
    face at evt.x, evt.y, evt.size wide, in percent), `cropped` (to evt.x, evt.y, evt.width, evt.angle, or evt.reset),
    `anyway` (without a face), `removed` (evt.asked is its number).
    """
    events = ["arrived", "face", "turned", "marked", "cropped", "anyway", "removed"]
    return _widget("photo", "photo", None, events, limit=MAX_UPLOAD_BYTES)


def style_picture() -> gr.HTML:
    """Upload of a picture to be painted after. Value: {key, number, src}, src "" without one; None before consent.

    Events: `arrived` (a picture lies in the visit), `removed` (evt.asked is its number).
    """
    return _widget("stylePicture", "style-picture", None, ["arrived", "removed"], limit=MAX_UPLOAD_BYTES)


def style_editor() -> gr.HTML:
    """Changes the style that is picked; it asks the studio's routes by itself. Value: {key, kept, signs}.

    Events: `edited` (the live picture is another one), `kept` (evt.id is to be picked now).
    """
    return _widget("styleEditor", "style-editor", None, ["edited", "kept"], limit=MAX_FILE_BYTES)


def agreed(asks_more: bool = False) -> gr.HTML:
    """The consent once it is given: since when, and the way back. It keeps the visit's key for the tab's next page.

    With `asks_more` there are ticks beside it, and its step stays open until the visitor has gone on to the photo.

    Value: None until the server has spoken, {key: ""} without a visit, else {key, at (ISO), ask: None | {words, all}}:
    with `ask` it asks whether portraits that were not downloaded may be deleted.

    Events: `withdraw`, `sure` (asked, and yes), `stale` (something was deleted that the page still shows).
    """
    return _widget("agreed", "agreed", None, ["withdraw", "sure", "stale"], asks_more=asks_more)


def receipt() -> gr.HTML:
    """The receipt of a consent, to read and to download. Value: study.consent.Receipt as JSON, or None."""
    return _widget("receipt", "receipt", None)


def stage() -> gr.HTML:
    """The large framed picture. Value: {mode, after, before, title, badge, words, step, total}, all optional."""
    return _widget("stage", "stage", {}, live_badge=FILTERS_BADGE)


def results() -> gr.HTML:
    """The two galleries. Value: {portraits: [...], zip, room}.

    Events: `reuse` (evt.id: take over its settings), `favourite` (evt.id, evt.on).
    """
    return _widget("results", "results", {"portraits": []}, ["reuse", "favourite"])


def done() -> gr.HTML:
    """What one does with the portrait on the stage: download, share. It listens to the page; no value, no events."""
    return _widget("done", "done", None)


def kiosk(seconds: int) -> gr.HTML:
    """Deletes the visit after `seconds` without a touch, and asks before; full screen. No value, no events."""
    return _widget("kiosk", "kiosk", None, seconds=seconds)


def handover() -> gr.HTML:
    """The code by which a phone fetches the portrait that is chosen. It listens to the page; no value, no events."""
    return _widget("handover", "handover", None)


def checker() -> gr.HTML:
    """Drop zone and answer of the Check tab. It asks the studio's route by itself; no value, no events."""
    return _widget("check", "check", None, limit=MAX_UPLOAD_BYTES)


def style_board(styles: Iterable[Style], scenes: Iterable[Scene]) -> gr.HTML:
    """The Board tab. It asks the studio's routes by itself; no value, no events."""
    groups = [[family, name] for family, name in FAMILY_NAMES.items()]
    return _widget(
        "board",
        "board",
        None,
        limit=MAX_UPLOAD_BYTES,
        groups=groups,
        styles=[_tile("style", one) | {"group": one.family} for one in styles],
        scenes=[{"id": one.id, "name": one.name, "summary": one.summary} for one in scenes],
    )


def languages(*, keeps: bool) -> gr.HTML:
    """The choice of the page's language, which reloads the page by itself.

    Value: the code of the language that the page is in. No events.

    Args:
        keeps: The visit outlives that.
    """
    names = [[code, name] for code, name in LANGUAGES.items()]
    return _widget("languages", "languages", language(), names=names, label=say("Language"), keeps=keeps)
