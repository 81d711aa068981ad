"""The Portrait tab: which event calls which handler. What stands on its cards: `ui.portrait_steps`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from ui import own_style, style_editor, widgets
from ui.answers import Answer, listen
from ui.framing_choice import follow_framing
from ui.portrait_handlers import PortraitHandlers
from ui.portrait_steps import consent_step, create_step, look_step, photo_step
from visits.studio import Studio

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Past the queue, so that consent can be given and taken back, and work be stopped, however long the queue is.
_AT_ONCE: dict[str, Any] = {**_PRIVATE, "queue": False}
# What the tab knows of a visit that it had before it was reloaded (ui/static/page_key.js).
_RETURNING = (
    '(...look) => import(new URL("studio/static/studio.js", document.baseURI))'
    ".then((studio) => studio.returning())"
    ".then((visit) => [...look.slice(0, -1), visit], () => look)"
)
_LIVE: dict[str, Any] = {**_PRIVATE, "trigger_mode": "always_last", "concurrency_id": "preview", "concurrency_limit": 2}


class Clearing(NamedTuple):
    """How other tabs delete everything: the handler, what it reads and shows, our own events, and what asks first."""

    handler: Callable[..., Answer]
    inputs: list[Any]
    shows: dict[str, Any]
    done: tuple[Any, ...]
    ask: Callable[..., Answer]


def build_portrait_tab(page: gr.Blocks, studio: Studio, clock: gr.Timer, languages: gr.HTML) -> Clearing:
    """Build the tab inside `page`, which is the current Blocks, and wire its events.

    Args:
        page: The Blocks.
        studio: What the tab works with.
        clock: Ticks until everything is warm; with the last tick the example is hung on the wall.
        languages: Knows which language the page is in, and so which consent text is read.

    Returns:
        What the Privacy tab needs to delete everything too.
    """
    return _Tab(studio).wire(page, clock, languages)


class _Tab:
    """What stands on the tab, and which event calls which handler.

    Args:
        studio: What the tab works with.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Row(elem_id="studio", equal_height=False):
            with gr.Column(elem_id="steps", scale=5, min_width=320):
                self._consent = consent_step(studio)
                self._photo = photo_step()
                self._look = look_step(studio)
                self._own = own_style.build_own_style_step()
                self._create = create_step(studio)
            with gr.Column(elem_id="wall", scale=7, min_width=320):
                stage = widgets.stage()
                if studio.is_kiosk:
                    widgets.handover()
                self._results = widgets.results()
        self._handlers = PortraitHandlers(studio)
        self._inputs = [self._look.style, self._look.scene, self._look.likeness]
        self._edits = _given(style=self._look.style, style_pick=self._look.style_pick, editor=self._look.editor)
        self._shows: dict[str, Any] = {
            "photo": self._photo.photo,
            "stage": stage,
            "results": self._results,
            "notice": self._create.notice,
            "create": self._create.create,
            "cancel": self._create.cancel,
            "seed": self._create.seed,
            "shuffle": self._create.shuffle,
            "receipt": self._consent.receipt,
            "style_picture": self._own.picture,
            "size_words": self._look.framing.words,
            **self._edits,
        }

    def wire(self, page: gr.Blocks, clock: gr.Timer, languages: gr.HTML) -> Clearing:
        """Let each event call its handler. See `build_portrait_tab`."""
        handlers, look, cleared = self._handlers, self._inputs, self._cleared()
        self._wire_create()
        agreed, deleted = self._wire_consent(cleared, languages)
        self._wire_photo(agreed)
        self._wire_look()
        consent = self._consent.agreed
        listen(page.load, handlers.enter, cleared | self._picks(), inputs=[*look, consent], js=_RETURNING, **_LIVE)
        live = self._some("stage", "create")
        for events in ([self._look.style.change, self._look.scene.change, self._look.likeness.change], [clock.tick]):
            listen(partial(gr.on, events), handlers.restyle, live, inputs=look, **_LIVE)
        self._wire_results()
        page.unload(handlers.leave)
        return Clearing(handlers.forget, look, cleared, deleted, handlers.withdraw)

    def _some(self, *names: str) -> dict[str, Any]:
        return {name: self._shows[name] for name in names}

    def _cleared(self) -> dict[str, Any]:
        """All that changes when everything is deleted."""
        shown = self._some("photo", "style_picture", "stage", "results", "notice", "create", "receipt")
        return {
            **shown,
            "agree": self._consent.agree,
            "agreed": self._consent.agreed,
            "photo_panel": self._photo.panel,
            "closed_panel": self._photo.closed,
            **_given(extras=self._consent.extras),
            **{str(purpose): tick for purpose, tick in self._consent.ticks.items()},
            **self._edits,
        }

    def _picks(self) -> dict[str, Any]:
        """All that is picked."""
        style, style_pick, scene, scene_pick, likeness, framing, _ = self._look
        picks = {"style": style, "style_pick": style_pick, "scene": scene, "scene_pick": scene_pick}
        return {**picks, "likeness": likeness, "shape": framing.shape, "size": framing.size}

    def _wire_create(self) -> None:
        step, framing = self._create, self._look.framing
        asked = [step.variations, step.model, step.seed, step.shuffle, step.words, step.controls, step.label]
        listen(
            step.create.click,
            self._handlers.create,
            self._some("stage", "results", "notice", "create", "cancel", "seed"),
            inputs=[*self._inputs, *asked, framing.shape, framing.size],
            concurrency_id="engine",
            concurrency_limit=None,  # they wait in the studio's own line, which is bounded and says where one stands
            **_PRIVATE,
        )
        # Not Gradio's `cancels`: it hangs an "Error" on the outputs, and a click on Create soon after it is swallowed.
        listen(step.cancel.click, self._handlers.cancel, self._some("cancel"), **_AT_ONCE)

    def _wire_consent(self, cleared: dict[str, Any], languages: gr.HTML) -> tuple[Any, tuple[Any, ...]]:
        """Returns the event of saying yes, and those that delete everything."""
        consent, handlers, look = self._consent, self._handlers, self._inputs
        yes = [consent.agree, *look, languages]
        agreed = listen(consent.agree.input, handlers.agree, cleared, inputs=yes, **_AT_ONCE)
        deleted = tuple(
            listen(event, handler, cleared, inputs=look, **_AT_ONCE)
            for event, handler in (
                (consent.agreed.withdraw, handlers.withdraw),
                (consent.agreed.sure, handlers.forget),
                (consent.agreed.stale, handlers.catch_up),
            )
        )
        allow = {
            "study": handlers.allow_study,
            "examples": handlers.allow_examples,
            "identity": handlers.allow_identity,
        }
        for purpose, tick in consent.ticks.items():
            told = self._some("receipt", "notice", *(["results"] if purpose == "identity" else []))
            listen(tick.input, allow[purpose], {purpose: tick, **told}, inputs=tick, **_PRIVATE)
        return agreed, deleted

    def _wire_photo(self, agreed: Any) -> None:
        photo, handlers, look = self._photo.photo, self._handlers, self._inputs
        shown = self._some("photo", "stage", "notice", "create", "size_words")
        for event, handler in (
            (photo.arrived, handlers.arrived),
            (photo.face, handlers.face),
            (photo.anyway, handlers.anyway),
            (photo.turned, handlers.turn),
            (photo.marked, handlers.mark),
            (photo.removed, handlers.remove),
        ):
            listen(event, handler, shown, inputs=look, **_PRIVATE)
        model, scene = self._create.model, self._look.scene
        framed = [model, *look]
        follow_framing(
            self._look.framing, handlers, framed, agreed.then, self._some, photo.cropped, scene.change, model.change
        )

    def _wire_look(self) -> None:
        step, handlers, look = self._look, self._handlers, self._inputs
        given = self._some("style_picture", "stage", "create", "notice")
        own = own_style.OwnStyleHandlers(self._studio, handlers.restyle)
        own_style.wire(self._own, own, look, self._create.model, given, **_PRIVATE)
        if step.editor is not None:
            shown = self._some(*self._edits, "stage", "create")
            style_editor.wire(step.editor, handlers.restyle, handlers.style_kept, look, shown, _LIVE)
        # Picture and dropdown follow each other in the browser; the server hears of it once, by the dropdown's change.
        for dropdown, picker in ((step.style, step.style_pick), (step.scene, step.scene_pick)):
            picker.pick(None, inputs=picker, outputs=dropdown, js="(id) => id")
            dropdown.input(None, inputs=dropdown, outputs=picker, js="(id) => id")

    def _wire_results(self) -> None:
        results, handlers, step = self._results, self._handlers, self._create
        controls, shuffle = step.controls, step.shuffle
        listen(controls.input, handlers.redraw, self._some("results", "notice"), inputs=controls, **_PRIVATE)
        further = self._some(*self._edits, "seed", "shuffle", "notice", "photo", "stage", "create", "size_words")
        listen(results.reuse, handlers.reuse, self._picks() | further, **_PRIVATE)
        listen(results.favourite, handlers.favourite, self._some("results", "notice"), inputs=controls, **_PRIVATE)
        shuffle.input(lambda random: gr.update(interactive=not random), inputs=shuffle, outputs=step.seed, **_PRIVATE)


def _given(**components: Any) -> dict[str, Any]:
    """Those that are there, by name: some stand on the tab only where the studio has them."""
    return {name: component for name, component in components.items() if component is not None}
