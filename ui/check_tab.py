"""The Check tab: drop any picture, learn what it says of its origin and whether that can be believed."""

from __future__ import annotations

import gradio as gr

from languages.saying import say
from ui import widgets

_TITLE = say("Check a picture")
_INTRODUCTION = (
    say(
        "Every portrait made here carries three marks: a description in the file; content credentials "
        "(C2PA), a signature that breaks when the picture or the description is changed; and an invisible "
        "watermark in the pixels, which stays where the other two are lost: in most screenshots, a smaller "
        "copy, a JPEG, a picture with a cut edge, on its side, or a little tilted or stretched. Drop a "
        "picture to see what it says of itself. Pictures from elsewhere are read too, as far as they carry "
        "such marks."
    ),
    say(
        "The signature proves; the watermark only helps to find. Its pattern is public, so that anybody "
        "could add or remove it, and it holds no number: it says which software made a picture, never who."
    ),
)
_KEPT = say(
    "The picture is looked at in memory and forgotten with the answer; it is not stored, and no consent is needed."
)


def build_check_tab() -> None:
    """Build the tab inside the current Blocks."""
    with gr.Column(elem_id="check-tab", elem_classes="page"):
        gr.Markdown("\n\n".join([f"## {_TITLE}", *map(str, _INTRODUCTION)]))
        widgets.checker()
        gr.HTML(f'<p class="fine">{_KEPT}</p>', apply_default_css=False)
