"""The step for a picture of the visitor's own that a portrait is painted after: shown while such a style is picked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from languages.saying import say
from pipelines.errors import ConsentMissing, EngineUnavailable, RequestInvalid
from ui import screen, widgets
from ui.answers import Answer, listen, told
from ui.errors import status
from visits.studio import Studio
from visits.visit import Visit
from web import pictures

Restyle = Callable[[str, str, float, gr.Request], Answer]


class OwnStyleStep(NamedTuple):
    """What stands in the card: the widget, and who can paint after a picture."""

    picture: gr.HTML
    painter: gr.HTML


def build_own_style_step() -> OwnStyleStep:
    """Build the card inside the current Blocks. It is seen while `painter` says something (own_style.css): a column
    that Gradio hides is built anew each time, and its widget would forget the tick.
    """
    with gr.Column(elem_id="step-own-style", elem_classes="card"):
        gr.HTML(f'<p class="subtitle">{say("The picture of your style")}</p>', apply_default_css=False)
        picture = widgets.style_picture()
        painter = gr.HTML("", apply_default_css=False, elem_id="own-style-painter")
    return OwnStyleStep(picture, painter)


def style_picture_value(visit: Visit) -> dict[str, Any]:
    """For the widget."""
    given = visit.style_picture
    src = "" if given is None else pictures.data_uri(given.image, longest=360)
    return {"key": visit.key, "number": visit.style_asked, "src": src}


class OwnStyleHandlers:
    """Events of that card, over one studio.

    Args:
        studio: What they work with.
        restyle: The live picture of a look, as the Portrait tab shows it.
    """

    def __init__(self, studio: Studio, restyle: Restyle) -> None:
        self._studio = studio
        self._restyle = restyle

    @told
    def style_arrived(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """A style picture lies in the visit."""
        return self._changed(style, scene, likeness, request)

    @told
    def style_removed(
        self, style: str, scene: str, likeness: float, request: gr.Request, event: gr.EventData
    ) -> Answer:
        """Drop the style picture and any that is on its way."""
        visit, _ = self._studio.visits.require(request.session_hash)
        if not isinstance(event.asked, int) or isinstance(event.asked, bool):
            raise RequestInvalid(say("Press Remove again; that was no number of a request."))
        self._studio.visits.take_style_picture(visit, None, event.asked)
        return self._changed(style, scene, likeness, request)

    def style_chosen(self, style: str, model: str, painter: str, request: gr.Request) -> Answer:
        """A style or an engine was chosen: whether the card is shown, who will paint, and whether a picture is missing.

        Args:
            painter: What the card says now; "" where it is hidden.
        """
        try:
            visit = self._studio.visits.require(request.session_hash)[0]
        except ConsentMissing:
            visit = None
        presets = self._studio.presets if visit is None else visit.own.presets(self._studio.presets)
        known = presets.picture_styles.get(style) if isinstance(style, str) else None
        if known is None and not painter:
            return {"painter": ""}  # as it is; Gradio takes no empty answer for several outputs
        if known is None:
            notice = {} if visit is None or visit.style_picture is not None else {"notice": ""}
            return {"painter": "", **notice}
        try:
            _, notes = self._studio.pipeline.engine_for(known, model if isinstance(model, str) else "")
            words = " ".join(map(str, notes))
        except EngineUnavailable as error:
            words = error.hint
        lacking = visit is not None and visit.photo is not None and visit.style_picture is None
        notice = {"notice": status(screen.GIVE_A_PICTURE)} if lacking else {}
        return {"painter": f'<div class="own">{status(words)}</div>', **notice}

    def _changed(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        visit, _ = self._studio.visits.require(request.session_hash)
        shown = self._restyle(style, scene, likeness, request)
        ready = status(screen.missing(visit) or say("Ready to create."))
        return {"style_picture": style_picture_value(visit), **shown, "notice": ready}


def wire(
    step: OwnStyleStep,
    handlers: OwnStyleHandlers,
    look: list[Any],
    model: gr.Dropdown,
    shows: dict[str, Any],
    **options: Any,
) -> None:
    """Hang the events on.

    Args:
        step: From `build_own_style_step`.
        handlers: What they call.
        look: Style, scene and likeness, as the tab reads them.
        model: The dropdown of engines.
        shows: The components `style_picture`, `stage`, `create` and `notice`.
        options: For each event.
    """
    for event, handler in (
        (step.picture.arrived, handlers.style_arrived),
        (step.picture.removed, handlers.style_removed),
    ):
        listen(event, handler, shows, inputs=look, **options)
    about = {"painter": step.painter, "notice": shows["notice"]}
    chosen = partial(gr.on, [look[0].change, model.change])
    listen(chosen, handlers.style_chosen, about, inputs=[look[0], model, step.painter], **options)
