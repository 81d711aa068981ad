"""Changing a style in the page: the button and panel under step 3, and what the page does when a style was kept."""

from __future__ import annotations

from typing import Any

import gradio as gr

from pipelines.presets.own import recipe_digest
from pipelines.results import Portrait
from pipelines.schema import Style
from ui import widgets
from ui.answers import Answer, listen
from visits.studio import Studio
from visits.visit import Visit
from web.style_routes import own_styles_value


def build_style_editor(studio: Studio) -> gr.HTML | None:
    """Build it inside the current Blocks; None at a kiosk, where no file goes in or out."""
    return None if studio.is_kiosk else widgets.style_editor()


def styles_shown(studio: Studio, visit: Visit | None, style: object) -> Answer:
    """The list of styles, the tile that is chosen, and the editor, as they stand for a visit.

    Args:
        style: What is picked; where it is gone, the first style is picked instead.
    """
    presets = studio.presets if visit is None else visit.own.presets(studio.presets)
    known = presets.all_styles
    chosen = style if isinstance(style, str) and style in known else next(iter(known))
    choices = [(one.name, one.id) for one in known.values()]
    return {
        "style": gr.update(choices=choices, value=chosen),
        "style_pick": chosen,
        **editor_shown(studio, visit),
    }


def editor_shown(studio: Studio, visit: Visit | None) -> Answer:
    """The editor alone; nothing at a kiosk."""
    if studio.is_kiosk:
        return {}
    kept = [] if visit is None else own_styles_value(visit, studio.presets)
    # Each drawn anew: what it shows may have changed without any change here.
    drafts = {} if visit is None else visit.own.drafts
    signs = [f"{id} {recipe_digest(one.style)}" for id, one in drafts.items()]
    return {"editor": {"key": "" if visit is None else visit.key, "kept": kept, "signs": signs}}


def taken_over(studio: Studio, visit: Visit, made: Portrait) -> bool:
    """Set the visit's styles as a portrait was made; False where its style is gone."""
    own: Style | None = made.own_style
    kept = visit.own.styles.get(made.style_id)
    if own is None or (kept is not None and recipe_digest(kept) == recipe_digest(own)):
        visit.own.back(made.style_id)
        return True
    if made.style_id not in visit.own.presets(studio.presets).all_styles:
        return False
    visit.own.put_back(made.style_id, own)
    return True


def wire(
    editor: gr.HTML, restyle: Any, kept: Any, look: list[Any], shows: dict[str, Any], live: dict[str, Any]
) -> None:
    """Hang its events on.

    Args:
        editor: From `build_style_editor`.
        restyle: Paints the live picture.
        kept: Hears that a style was kept, taken in or removed.
        look: Style, scene and likeness.
        shows: The components `style`, `style_pick`, `editor`, `stage`, `create`.
        live: Options of events that paint live pictures.
    """
    some = {name: shows[name] for name in ("stage", "create")}
    listen(editor.edited, restyle, some, inputs=look, **live)
    listen(editor.kept, kept, shows, inputs=look, **live)
