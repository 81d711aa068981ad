"""The cards of the Portrait tab: what stands on each; what happens there is told by `ui.portrait_tab`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from languages.saying import say
from pipelines.engines.base import EngineInfo
from pipelines.schema import MAX_PROMPT_CHARACTERS, MAX_VARIATIONS, Pickable, Purpose
from pipelines.seeds import MAX_SEED
from study.notice import PurposeText
from ui import screen, style_editor, widgets
from ui.framing_choice import Framing, build_framing
from ui.visit_handlers import CREATE
from visits.studio import Studio

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class ConsentStep(NamedTuple):
    """What is asked, and what was said to it."""

    agree: gr.Checkbox
    agreed: gr.HTML
    extras: gr.Column | None
    ticks: dict[Purpose, gr.Checkbox]
    receipt: gr.HTML


class PhotoStep(NamedTuple):
    """Where the photo is given; `closed` stands in its place before the consent."""

    panel: gr.Column
    photo: gr.HTML
    closed: gr.Column


class LookStep(NamedTuple):
    """What is picked; each picker is a dropdown and its pictures."""

    style: gr.Dropdown
    style_pick: gr.HTML
    scene: gr.Dropdown
    scene_pick: gr.HTML
    likeness: gr.Slider
    framing: Framing
    editor: gr.HTML | None


class CreateStep(NamedTuple):
    """What is asked for, the sentence on it, and the buttons."""

    variations: gr.Radio
    model: gr.Dropdown
    seed: gr.Number
    shuffle: gr.Checkbox
    words: gr.Textbox
    controls: gr.Checkbox
    label: gr.Checkbox
    notice: gr.HTML
    create: gr.Button
    cancel: gr.Button


def _step(number: int, title: str) -> None:
    gr.HTML(f'<h2 class="step"><span>{number}</span>{title}</h2>', apply_default_css=False)


def consent_step(studio: Studio) -> ConsentStep:
    """The first card."""
    notice = studio.consents.notice
    with gr.Column(elem_id="step-consent", elem_classes="card"):
        _step(1, say("Your consent"))
        agree = gr.Checkbox(value=False, label=notice.summary, elem_id="consent", container=False)
        agreed = widgets.agreed(asks_more=bool(notice.optional))
        extras, ticks = _optional_ticks(notice.optional)
        with gr.Accordion(say("What happens to my photo"), open=False, elem_id="consent-text"):
            gr.Markdown(notice.text)
        receipt = widgets.receipt()
    return ConsentStep(agree, agreed, extras, ticks, receipt)


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


def photo_step() -> PhotoStep:
    """The second card, and what stands there before the consent."""
    with gr.Column(visible=False, elem_id="step-photo", elem_classes="card") as panel:
        _step(2, say("Your photo"))
        photo = widgets.photo_booth()
    with gr.Column(elem_id="step-photo-closed", elem_classes="card") as closed:
        _step(2, say("Your photo"))
        words = say("Tick step 1 first. Until then no photo is uploaded.")
        gr.HTML(f'<p class="fine">{words}</p>', apply_default_css=False)
    return PhotoStep(panel, photo, closed)


def look_step(studio: Studio) -> LookStep:
    """The third card."""
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
    return LookStep(style, style_pick, scene, scene_pick, likeness, framing, editor)


def _dropdown(kind: str, title: str, presets: Mapping[str, Pickable], chosen: str, hint: str) -> gr.Dropdown:
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


def create_step(studio: Studio) -> CreateStep:
    """The last card, and the bar that stays in sight."""
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
        model, seed, shuffle, words, controls, label = _advanced(studio)
    with gr.Column(elem_id="create-bar"):  # beside the cards, so that it can stay in sight
        notice = gr.HTML("", apply_default_css=False, elem_id="notice")
        with gr.Row():
            widgets.done()
            create = gr.Button(CREATE, variant="primary", size="lg", elem_id="create")
            cancel = gr.Button(say("Cancel"), size="lg", visible=False, elem_id="cancel", min_width=110, scale=0)
    return CreateStep(variations, model, seed, shuffle, words, controls, label, notice, create, cancel)


def _advanced(studio: Studio) -> tuple[gr.Dropdown, gr.Number, gr.Checkbox, gr.Textbox, gr.Checkbox, gr.Checkbox]:
    # Which engines can run here is found out when somebody looks: it may load torch, and the page must not wait for it.
    known = [(screen.AUTOMATIC, "auto")]
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
    return model, seed, shuffle, words, controls, label
