"""The Board tab: one photo, or several, in many styles side by side, to show others."""

from __future__ import annotations

import gradio as gr

from languages.saying import say
from ui import widgets
from visits.board import MAX_CELLS
from visits.studio import Studio
from visits.visit import KEEP_MINUTES

_INTRODUCTION = say(
    "See one photo, or up to twelve, in many styles at once, with the same seed and the same drawings, "
    "so that only the style differs. Up to {most} portraits; the board is made in the background and is "
    "deleted with your visit, after {minutes} minutes at most. What you hand on carries the marks of "
    "every portrait.",
    most=MAX_CELLS,
    minutes=KEEP_MINUTES,
)


def build_board_tab(studio: Studio) -> None:
    """Build the tab inside the current Blocks."""
    with gr.Column(elem_id="board-tab", elem_classes="page"):
        gr.Markdown(f"## {say('Style board')}\n\n{_INTRODUCTION}")
        widgets.style_board(studio.presets.styles.values(), studio.presets.scenes.values())
