"""The controls that Gradio does not have, each a gr.HTML with a script of its own in ui/static.

A widget's template never changes, so Gradio leaves its DOM alone; the script draws from `props.value`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.presets.loading import FAMILY_NAMES
from pipelines.schema import Scene, Style

_STATIC = Path(__file__).parent / "static"


def _widget(script: str, elem_id: str, value: Any, **props: Any) -> gr.HTML:
    return gr.HTML(
        value=value,
        html_template="<div></div>",
        js_on_load=(_STATIC / script).read_text("utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="widget",
        **props,
    )


def style_picker(styles: Iterable[Style], chosen: str) -> gr.HTML:
    """Pictures of styles by family. Value: style id. Event: `pick`."""
    items = [_tile("style", s) | {"group": s.family} for s in styles]
    present = {item["group"] for item in items}
    groups = [[family, name] for family, name in FAMILY_NAMES.items() if family in present]
    return _widget("picker.js", "style-picker", chosen, items=items, groups=groups, title="Style")


def scene_picker(scenes: Iterable[Scene], chosen: str) -> gr.HTML:
    """Pictures of scenes. Value: scene id. Event: `pick`."""
    items = [_tile("scene", s) | {"group": ""} for s in scenes]
    return _widget("picker.js", "scene-picker", chosen, items=items, groups=[], title="Scene")


def _tile(kind: str, preset: Style | Scene) -> dict[str, str]:
    thumb = f"studio/thumbnails/{kind}s/{preset.id}.webp"
    return {"id": preset.id, "name": preset.name, "summary": preset.summary, "thumb": thumb}


def photo_booth() -> gr.HTML:
    """Upload and camera. Value: {key, number, photo: None | {src, faces, face, asked, turn, hints, faceless}}.

    Events: `arrived` (a photo lies in the visit), `face` (evt.index was chosen), `turned` (by evt.degrees), `marked` (a
    face at evt.x, evt.y, evt.size wide, in percent), `anyway` (without a face), `removed` (evt.asked is its number).
    """
    return _widget("photo.js", "photo", None)


def receipt() -> gr.HTML:
    """The receipt of a consent, to read and to download. Value: study.consent.Receipt as JSON, or None."""
    return _widget("receipt.js", "receipt", None)


def stage() -> gr.HTML:
    """The large framed picture. Value: {mode, after, before, title, badge, words, step, total}, all optional."""
    return _widget("stage.js", "stage", {})


def results() -> gr.HTML:
    """The two galleries. Value: {portraits: [...], zip}. Event: `reuse` (evt.seed)."""
    return _widget("results.js", "results", {"portraits": []})


def checker() -> gr.HTML:
    """Drop zone and answer of the Check tab. It asks the studio's route by itself; no value, no events."""
    return _widget("check.js", "check", None)
