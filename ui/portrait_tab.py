"""The Portrait tab: what is where, and which event calls which handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from languages.saying import say
from pipelines.engines.base import EngineInfo
from pipelines.schema import MAX_PROMPT_CHARACTERS, MAX_VARIATIONS, Purpose, Scene, Style
from pipelines.seeds import MAX_SEED
from study.notice import PurposeText
from ui import own_style, screen, style_editor, widgets
from ui.answers import Answer, listen
from ui.framing_choice import Framing, build_framing, follow_framing
from ui.portrait_handlers import PortraitHandlers
from ui.visit_handlers import CREATE
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


class _ConsentStep(NamedTuple):
    agree: gr.Checkbox
    agreed: gr.HTML
    extras: gr.Column | None
    ticks: dict[Purpose, gr.Checkbox]
    receipt: gr.HTML


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
    with gr.Row(elem_id="studio", equal_height=False):
        with gr.Column(elem_id="steps", scale=5, min_width=320):
            consent = _consent_step(studio)
            photo_panel, photo, closed_panel = _photo_step()
            style, style_pick, scene, scene_pick, likeness, framing, editor = _look_step(studio)
            own = own_style.build_own_style_step()
            variations, model, seed, shuffle, words, controls, label, notice, create, cancel = _create_step(studio)
        with gr.Column(elem_id="wall", scale=7, min_width=320):
            stage = widgets.stage()
            if studio.is_kiosk:
                widgets.handover()
            results = widgets.results()

    handlers = PortraitHandlers(studio)
    look = [style, scene, likeness]
    shows: dict[str, Any] = {
        "photo": photo,
        "stage": stage,
        "results": results,
        "notice": notice,
        "create": create,
        "cancel": cancel,
        "seed": seed,
        "shuffle": shuffle,
        "receipt": consent.receipt,
        "style_picture": own.picture,
        "size_words": framing.words,
    }
    cleared: dict[str, Any] = {
        **{name: shows[name] for name in ("photo", "style_picture", "stage", "results", "notice", "create", "receipt")},
        "agree": consent.agree,
        "agreed": consent.agreed,
        "photo_panel": photo_panel,
        "closed_panel": closed_panel,
        **_optional(consent),
    }
    edits = {"style": style, "style_pick": style_pick, **({} if editor is None else {"editor": editor})}
    shows |= edits
    cleared |= edits
    picks = {"style": style, "style_pick": style_pick, "scene": scene, "scene_pick": scene_pick, "likeness": likeness}
    picks |= {"shape": framing.shape, "size": framing.size}

    def some(*names: str) -> dict[str, Any]:
        return {name: shows[name] for name in names}

    listen(
        create.click,
        handlers.create,
        some("stage", "results", "notice", "create", "cancel", "seed"),
        inputs=[*look, variations, model, seed, shuffle, words, controls, label, framing.shape, framing.size],
        concurrency_id="engine",
        concurrency_limit=None,  # they wait in the studio's own line, which is bounded and says where one stands
        **_PRIVATE,
    )
    # Not Gradio's `cancels`: it hangs an "Error" on the outputs, and a click on Create soon after it is swallowed.
    listen(cancel.click, handlers.cancel, some("cancel"), **_AT_ONCE)
    agreed = listen(consent.agree.input, handlers.agree, cleared, inputs=[consent.agree, *look, languages], **_AT_ONCE)
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
        told = some("receipt", "notice", *(["results"] if purpose == "identity" else []))
        listen(tick.input, allow[purpose], {purpose: tick, **told}, inputs=tick, **_PRIVATE)

    for event, handler in (
        (photo.arrived, handlers.arrived),
        (photo.face, handlers.face),
        (photo.anyway, handlers.anyway),
        (photo.turned, handlers.turn),
        (photo.marked, handlers.mark),
        (photo.removed, handlers.remove),
    ):
        listen(event, handler, some("photo", "stage", "notice", "create", "size_words"), inputs=look, **_PRIVATE)
    follow_framing(framing, handlers, [model, *look], agreed.then, some, photo.cropped, scene.change, model.change)

    given = some("style_picture", "stage", "create", "notice")
    own_style.wire(own, own_style.OwnStyleHandlers(studio, handlers.restyle), look, model, given, **_PRIVATE)

    if editor is not None:
        shown = some(*edits, "stage", "create")
        style_editor.wire(editor, handlers.restyle, handlers.style_kept, look, shown, _LIVE)

    # Picture and dropdown follow each other in the browser; the server hears of it once, from the dropdown's change.
    for dropdown, picker in ((style, style_pick), (scene, scene_pick)):
        picker.pick(None, inputs=picker, outputs=dropdown, js="(id) => id")
        dropdown.input(None, inputs=dropdown, outputs=picker, js="(id) => id")
    listen(page.load, handlers.enter, cleared | picks, inputs=[*look, consent.agreed], js=_RETURNING, **_LIVE)
    for events in ([style.change, scene.change, likeness.change], [clock.tick]):
        listen(partial(gr.on, events), handlers.restyle, some("stage", "create"), inputs=look, **_LIVE)

    listen(controls.input, handlers.redraw, some("results", "notice"), inputs=controls, **_PRIVATE)
    reused = picks | edits | some("seed", "shuffle", "notice", "photo", "stage", "create", "size_words")
    listen(results.reuse, handlers.reuse, reused, **_PRIVATE)
    listen(results.favourite, handlers.favourite, some("results", "notice"), inputs=controls, **_PRIVATE)
    shuffle.input(lambda random: gr.update(interactive=not random), inputs=shuffle, outputs=seed, **_PRIVATE)
    page.unload(handlers.leave)
    return Clearing(handlers.forget, look, cleared, deleted, handlers.withdraw)


def _optional(consent: _ConsentStep) -> dict[str, Any]:
    """What is asked for besides, by name; nothing where nothing is."""
    if consent.extras is None:
        return {}
    return {"extras": consent.extras} | {str(purpose): tick for purpose, tick in consent.ticks.items()}


def _step(number: int, title: str) -> None:
    gr.HTML(f'<h2 class="step"><span>{number}</span>{title}</h2>', apply_default_css=False)


def _consent_step(studio: Studio) -> _ConsentStep:
    notice = studio.consents.notice
    with gr.Column(elem_id="step-consent", elem_classes="card"):
        _step(1, say("Your consent"))
        agree = gr.Checkbox(value=False, label=notice.summary, elem_id="consent", container=False)
        agreed = widgets.agreed(asks_more=bool(notice.optional))
        extras, ticks = _optional_ticks(notice.optional)
        with gr.Accordion(say("What happens to my photo"), open=False, elem_id="consent-text"):
            gr.Markdown(notice.text)
        receipt = widgets.receipt()
    return _ConsentStep(agree, agreed, extras, ticks, receipt)


def _optional_ticks(optional: tuple[PurposeText, ...]) -> tuple[gr.Column | None, dict[Purpose, gr.Checkbox]]:
    """What is asked for besides, once the needed tick is there. None of them is ticked beforehand."""
    if not optional:
        return None, {}
    with gr.Column(visible=False, elem_id="consent-more") as extras:
        words = say("Only if you like; your portraits do not depend on it:")
        gr.HTML(f'<p class="fine">{words}</p>', apply_default_css=False)
        ticks = {
            one.id: gr.Checkbox(value=False, label=one.label, elem_id=f"consent-{one.id}", container=False)
            for one in optional
        }
    return extras, ticks


def _photo_step() -> tuple[gr.Column, gr.HTML, gr.Column]:
    with gr.Column(visible=False, elem_id="step-photo", elem_classes="card") as panel:
        _step(2, say("Your photo"))
        photo = widgets.photo_booth()
    with gr.Column(elem_id="step-photo-closed", elem_classes="card") as closed:
        _step(2, say("Your photo"))
        words = say("Tick step 1 first. Until then no photo is uploaded.")
        gr.HTML(f'<p class="fine">{words}</p>', apply_default_css=False)
    return panel, photo, closed


def _look_step(
    studio: Studio,
) -> tuple[gr.Dropdown, gr.HTML, gr.Dropdown, gr.HTML, gr.Slider, Framing, gr.HTML | None]:
    styles, scenes = studio.presets.all_styles, studio.presets.scenes
    first_style, first_scene = next(iter(styles)), "none" if "none" in scenes else next(iter(scenes))
    with gr.Column(elem_id="step-look", elem_classes="card"):
        _step(3, say("Style and scene"))
        style = _dropdown("style", say("Style"), styles, first_style, say("Search: van gogh, pencil"))
        style_pick = widgets.style_picker(styles.values(), first_style)
        scene = _dropdown("scene", say("Scene"), scenes, first_scene, say("Search: space, night"))
        scene_pick = widgets.scene_picker(scenes.values(), first_scene)
        framing = build_framing()
        likeness = gr.Slider(0.0, 1.0, 0.5, step=0.05, label=say("Likeness"), elem_id="likeness", buttons=[])
        gr.HTML(
            f'<div class="ends" aria-hidden="true"><span>{say("more artistic")}</span>'
            f"<span>{say('more like me')}</span></div>",
            apply_default_css=False,
        )
        editor = style_editor.build_style_editor(studio)
    return style, style_pick, scene, scene_pick, likeness, framing, editor


def _dropdown(kind: str, title: str, presets: Mapping[str, Style | Scene], chosen: str, hint: str) -> gr.Dropdown:
    """The heading of a picker, which is a list of its names, and beside it the field that searches it."""
    with gr.Row(elem_classes="finding"):
        # Not filterable: Gradio's own filter knows names only, and what is typed is appended to the name that is there.
        dropdown = gr.Dropdown(
            [(preset.name, preset.id) for preset in presets.values()],
            value=chosen,
            label=title,
            elem_id=kind,
            filterable=False,
            min_width=120,
        )
        widgets.search(kind, hint)
    return dropdown


def _engines(studio: Studio, chosen: str) -> tuple[Any, str, Any]:
    engines = studio.pipeline.engines()
    listed = gr.update(choices=screen.engine_choices(engines, chosen), value=chosen)
    return listed, screen.engine_reasons(engines), _words_of(engines, chosen)


def _words(studio: Studio, chosen: str) -> Any:
    return _words_of(studio.pipeline.engines(), chosen)


def _words_of(engines: tuple[EngineInfo, ...], chosen: str) -> Any:
    """The field of own words, shown only where they are read; elsewhere it is emptied, for nobody would see why not."""
    return gr.update(visible=True) if screen.reads_words(engines, chosen) else gr.update(visible="hidden", value="")


def _create_step(studio: Studio) -> tuple[Any, ...]:
    # Which engines can run here is found out when somebody looks: it may load torch, and the page must not wait for it.
    known = [(screen.AUTOMATIC, "auto")]
    with gr.Column(elem_id="step-create", elem_classes="card"):
        # Translators: the title of the last step: making the portrait
        _step(4, say("Create"))
        variations = gr.Radio(
            list(range(1, MAX_VARIATIONS + 1)),
            value=1,
            label=say("How many"),
            elem_id="variations",
            elem_classes="segments",
        )
        with gr.Accordion(say("Advanced"), open=False, elem_id="advanced") as advanced:
            model = gr.Dropdown(known, value="auto", label=say("Made by"), elem_id="model")
            reasons = gr.Markdown(elem_id="model-reasons")
            shuffle = gr.Checkbox(True, label=say("Different result each time"), elem_id="seed-random")
            seed = gr.Number(
                value=0,
                precision=0,
                minimum=0,
                maximum=MAX_SEED,
                label=say("Seed"),
                info=say(
                    "The same seed and settings give the same picture. After Create, this is the one that was used; "
                    "further pictures took the seeds that follow (after {largest} comes 0).",
                    largest=MAX_SEED,
                ),
                interactive=False,
                elem_id="seed",
            )
            words = gr.Textbox(
                label=say("Your own words"),
                info=say(
                    "Up to {characters} characters. They are added to the words of the style. Not for nudity, cruelty, "
                    "hate or famous people: a word list checks.",
                    characters=MAX_PROMPT_CHARACTERS,
                ),
                max_length=MAX_PROMPT_CHARACTERS,
                lines=2,
                elem_id="words",
                visible="hidden",
            )
            advanced.expand(partial(_engines, studio), inputs=model, outputs=[model, reasons, words], **_PRIVATE)
            model.input(partial(_words, studio), inputs=model, outputs=words, **_PRIVATE)
            controls = gr.Checkbox(False, label=say("Show the drawings that guide diffusion"), elem_id="show-controls")
            label = gr.Checkbox(
                False,
                label=say("Draw a small label into the corner"),
                info=say("“AI portrait”, or “Filtered portrait” from filters. The invisible marks are always there."),
                elem_id="visible-label",
            )
    with gr.Column(elem_id="create-bar"):  # beside the cards, so that it can stay in sight
        notice = gr.HTML("", apply_default_css=False, elem_id="notice")
        with gr.Row():
            widgets.done()
            create = gr.Button(CREATE, variant="primary", size="lg", elem_id="create")
            cancel = gr.Button(say("Cancel"), size="lg", visible=False, elem_id="cancel", min_width=110, scale=0)
    return variations, model, seed, shuffle, words, controls, label, notice, create, cancel
