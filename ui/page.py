"""The whole page: heading, banner, tabs."""

from __future__ import annotations

import html
from functools import partial
from typing import Any

import gradio as gr

from languages.saying import say
from ui import screen, widgets
from ui.api import build_api
from ui.blocks import StudioBlocks
from ui.board_tab import build_board_tab
from ui.check_tab import build_check_tab
from ui.portrait_tab import build_portrait_tab
from ui.privacy_tab import build_privacy_tab
from visits.studio import Studio

TITLE = "Self-Portrait Studio"
_SUBTITLE = say("Sit for your portrait in another style, another place, another time.")

# Translators: the names of the page's tabs; "Check" is for checking where any picture comes from
_PORTRAIT = say("Portrait")
_BOARD = say("Board")
_CHECK = say("Check")
_PRIVACY = say("Privacy")


def build_page(studio: Studio) -> gr.Blocks:
    """The Blocks to launch."""
    with StudioBlocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        page.build = partial(build_page, studio)
        with gr.Column(elem_id="masthead"):
            gr.HTML(
                f"<header><h1>{TITLE}</h1><p>{_SUBTITLE}</p></header>",
                apply_default_css=False,
            )
            languages = widgets.languages(keeps=studio.visits.away_seconds > 0)
            promise = gr.HTML(f"<p>{_promise(studio)}</p>", apply_default_css=False, elem_id="promise")
            if studio.is_kiosk:
                widgets.kiosk(studio.settings.kiosk)
            banner = gr.HTML(_banner(studio), apply_default_css=False, elem_id="banner")
        clock = gr.Timer(1.0, active=False)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(_PORTRAIT, id="portrait"):
                clearing = build_portrait_tab(page, studio, clock, languages)
            if not studio.is_kiosk:  # what one hands on would stay on the kiosk's disk
                with gr.Tab(_BOARD, id="board"):
                    build_board_tab(studio)
            with gr.Tab(_CHECK, id="check"):
                build_check_tab()
            with gr.Tab(_PRIVACY, id="privacy") as privacy:
                build_privacy_tab(studio, privacy, clearing)
        build_api(studio)

        def look() -> tuple[str, str, dict[str, Any]]:
            warming = bool(studio.pipeline.warming)  # asked first: a tick too many does no harm, one too few does
            return f"<p>{_promise(studio)}</p>", _banner(studio), gr.update(active=warming)

        shown = [promise, banner, clock]
        gr.on([page.load, clock.tick], look, outputs=shown, api_visibility="private", show_progress="hidden")
    return page


def _promise(studio: Studio) -> str:
    """Who makes the portraits here, once that is known: to find out loads torch, and the page does not wait for it."""
    return "" if studio.pipeline.warming else html.escape(screen.promise(studio.pipeline.engines()))


def _banner(studio: Studio) -> str:
    lines = [f"{studio.pipeline.warming} …"] if studio.pipeline.warming else []
    lines += [say("A preset was left out: {problem}", problem=problem.hint) for problem in studio.presets.problems]
    return "".join(f'<p class="banner" role="status">{html.escape(line)}</p>' for line in lines)
