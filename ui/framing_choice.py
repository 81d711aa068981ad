"""Shape and size of the portraits as they are picked on the page, and which event calls which handler."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from languages.saying import say
from pipelines import sizes
from ui.answers import listen
from ui.framing_handlers import FramingHandlers

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_LIVE: dict[str, Any] = {**_PRIVATE, "trigger_mode": "always_last", "concurrency_id": "preview"}


class Framing(NamedTuple):
    """The controls, and the line that says how many pixels come of them."""

    shape: gr.Radio
    size: gr.Radio
    words: gr.HTML


def build_framing() -> Framing:
    """Put them where we are."""
    with gr.Row(elem_id="framing", elem_classes="pair"):
        shape = gr.Radio(
            [(name, shape) for shape, name in sizes.SHAPES.items()],
            value="1:1",
            label=say("Shape"),
            elem_id="shape",
            elem_classes="segments",
            min_width=120,
        )
        size = gr.Radio(
            [(name, size) for size, name in sizes.SIZES.items()],
            value="screen",
            label=say("Size"),
            elem_id="size",
            elem_classes="segments",
            min_width=120,
        )
    words = gr.HTML("", apply_default_css=False, elem_id="size-words")
    return Framing(shape, size, words)


def follow_framing(
    framing: Framing,
    handlers: FramingHandlers,
    inputs: list[Any],
    agreed: Callable[..., Any],
    some: Callable[..., dict[str, Any]],
    cropped: Callable[..., Any],
    scene: Callable[..., Any],
    model: Callable[..., Any],
) -> None:
    """Wire the events.

    Args:
        framing: The controls.
        handlers: What they call.
        inputs: Engine, style, scene, likeness.
        agreed: When consent was just given: what was picked before it is told to the visit.
        some: Components by name.
        cropped: The crop was set by hand.
        scene: Another scene was picked.
        model: Another engine was picked.
    """
    shows = some("photo", "stage", "create", "notice", "size_words")
    picked = partial(gr.on, [framing.shape.change, framing.size.change, model])
    for event in (picked, agreed):
        listen(event, handlers.reshape, shows, inputs=[framing.shape, framing.size, *inputs], **_LIVE)
    listen(cropped, handlers.recrop, shows, inputs=inputs[1:], **_LIVE)
    listen(scene, handlers.rescene, some("photo", "size_words", "notice"), inputs=inputs[1:], **_LIVE)
