"""The Check tab: drop any picture, learn what it says of its origin and whether that can be believed."""

from __future__ import annotations

import gradio as gr

from ui import widgets

_INTRODUCTION = """\
## Check a picture

Every portrait made here carries two marks: a description in the file, and content credentials (C2PA), a signature that
breaks when the picture or the description is changed. Drop a picture to see what it says of itself. Pictures from
elsewhere are read too, as far as they carry such marks.
"""
_KEPT = "The picture is looked at in memory and forgotten with the answer; it is not stored, and no consent is needed."


def build_check_tab() -> None:
    """Build the tab inside the current Blocks."""
    with gr.Column(elem_id="check-tab", elem_classes="page"):
        gr.Markdown(_INTRODUCTION)
        widgets.checker()
        gr.HTML(f'<p class="fine">{_KEPT}</p>', apply_default_css=False)
