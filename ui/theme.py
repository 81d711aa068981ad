"""Looks: warm paper, deep ink, oxblood; at night a dark wall and terracotta.

Colours are written here once, for Gradio's own controls; ui/static/studio.css has the same as CSS variables for ours.
Fonts are bundled (SIL Open Font License), so that no other host is asked for anything.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.themes.utils import colors, sizes

_STATIC = Path(__file__).parent / "static"
# The Board tab's own are fetched when it is opened, the style editor's after the rest of the page.
_SCRIPTS = sorted(
    path.name for path in _STATIC.glob("*.js") if not path.name.startswith(("board", "style_editor", "style_form"))
)
HEAD = f"""
<meta name="color-scheme" content="light dark">
<link rel="preload" href="studio/static/fonts/fraunces.woff2" as="font" type="font/woff2" crossorigin>
<link rel="stylesheet" href="studio/static/studio.css">
<link rel="stylesheet" href="studio/static/choosing.css">
<link rel="stylesheet" href="studio/static/own_style.css">
<link rel="stylesheet" href="studio/static/kiosk.css">
<link rel="stylesheet" href="studio/static/crop.css">
<link rel="stylesheet" href="studio/static/languages.css">
{"".join(f'<link rel="modulepreload" href="studio/static/{name}">' for name in _SCRIPTS)}
<script type="module" src="studio/static/studio.js"></script>
"""

_OXBLOOD = colors.Color(
    name="oxblood",
    c50="#fbf1ee",
    c100="#f5ddd6",
    c200="#ebbcb0",
    c300="#e0a08f",
    c400="#d98a70",
    c500="#a8493c",
    c600="#8a332c",
    c700="#702722",
    c800="#571d1a",
    c900="#401513",
    c950="#2a0d0c",
)
_PAPER = colors.Color(
    name="paper",
    c50="#fffdf8",
    c100="#f7f2e8",
    c200="#ece3d3",
    c300="#dbcfbb",
    c400="#b7a894",
    c500="#8b7d6c",
    c600="#665a4d",
    c700="#463c33",
    c800="#2b241e",
    c900="#1e1915",
    c950="#15110e",
)


def build_theme() -> gr.themes.Base:
    """The theme for `launch(theme=...)`."""
    return gr.themes.Base(
        primary_hue=_OXBLOOD,
        secondary_hue=_OXBLOOD,
        neutral_hue=_PAPER,
        radius_size=sizes.radius_md,
        spacing_size=sizes.spacing_md,
        text_size=sizes.text_md,
        font=("Instrument Sans", "system-ui", "-apple-system", "Segoe UI", "sans-serif"),
        font_mono=("ui-monospace", "SFMono-Regular", "Consolas", "monospace"),
    ).set(
        body_background_fill="#f4eee2",
        body_background_fill_dark="#16120f",
        body_text_color="#2a211c",
        body_text_color_dark="#f0e7da",
        body_text_color_subdued="#665a4d",
        body_text_color_subdued_dark="#b9ab9a",
        background_fill_primary="#fffdf8",
        background_fill_primary_dark="#1f1a16",
        background_fill_secondary="#f7f2e8",
        background_fill_secondary_dark="#1a1612",
        border_color_primary="#e0d5c3",
        border_color_primary_dark="#3b322a",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_padding="0px",
        block_shadow="none",
        block_label_text_color="*body_text_color_subdued",
        block_title_text_color="#463c33",
        block_title_text_color_dark="#d9ccbb",
        block_title_text_weight="550",
        block_info_text_color="#665a4d",
        block_info_text_color_dark="#b9ab9a",
        input_background_fill="#fffdf8",
        input_background_fill_dark="#221c18",
        input_border_color="#cfc1ab",
        input_border_color_dark="#4a3f35",
        input_border_color_focus="#8a332c",
        input_border_color_focus_dark="#d98a70",
        input_border_width="1px",
        input_placeholder_color="#75685a",
        input_placeholder_color_dark="#a5978a",
        input_shadow="none",
        input_shadow_focus="0 0 0 2px #8a332c33",
        input_shadow_focus_dark="0 0 0 2px #d98a7055",
        checkbox_background_color="#fffdf8",
        checkbox_background_color_dark="#221c18",
        checkbox_background_color_selected="#8a332c",
        checkbox_background_color_selected_dark="#c46a52",
        checkbox_border_color="#8b7d6c",
        checkbox_border_color_dark="#8b7d6c",
        checkbox_border_color_selected="#8a332c",
        checkbox_border_color_selected_dark="#d98a70",
        checkbox_label_background_fill="transparent",
        checkbox_label_background_fill_dark="transparent",
        checkbox_label_background_fill_hover="transparent",
        checkbox_label_background_fill_hover_dark="transparent",
        checkbox_label_border_width="0px",
        checkbox_label_padding="0px",
        slider_color="#8a332c",
        slider_color_dark="#d98a70",
        link_text_color="#7a2b25",
        link_text_color_dark="#e5a48e",
        link_text_color_hover="#571d1a",
        link_text_color_hover_dark="#f3c7b8",
        color_accent="#8a332c",
        button_primary_background_fill="#8a332c",
        button_primary_background_fill_dark="#d98a70",
        button_primary_background_fill_hover="#702722",
        button_primary_background_fill_hover_dark="#e5a48e",
        button_primary_text_color="#fffaf3",
        button_primary_text_color_dark="#1d0f0a",
        button_primary_border_color="#8a332c",
        button_primary_border_color_dark="#d98a70",
        button_secondary_background_fill="#fffdf8",
        button_secondary_background_fill_dark="#2a231d",
        button_secondary_background_fill_hover="#f1e8d9",
        button_secondary_background_fill_hover_dark="#342b24",
        button_secondary_border_color="#cfc1ab",
        button_secondary_border_color_dark="#4a3f35",
        button_secondary_text_color="#2a211c",
        button_secondary_text_color_dark="#f0e7da",
        button_border_width="1px",
        button_transform_active="none",
        button_transform_hover="none",
        button_large_text_weight="600",
        button_medium_text_weight="550",
        button_small_text_weight="500",
        loader_color="#8a332c",
        loader_color_dark="#d98a70",
        error_background_fill="#fbeae5",
        error_background_fill_dark="#3a1b15",
        error_text_color="#702722",
        error_text_color_dark="#f3c7b8",
    )
