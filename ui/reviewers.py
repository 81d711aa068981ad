"""Who looks at words and pictures before they are used or shown, for the Privacy tab: the truth of this moment."""

from __future__ import annotations

import html

import gradio as gr

from visits.studio import Studio

_JUDGES = {"words": "your own words", "pictures": "every finished picture"}
_LIMITS = """\
The word list knows thirteen languages and looks for nudity, children together with sexual words, hate, gore and the
names of famous people; in other languages it sees little. Words that it refuses are not used; a picture that is refused
is neither shown nor kept. It says why, and you can try again. The instant preview and the camera show your own photo
through a filter, to you alone, and are not reviewed. Nobody guesses your gender, age or origin, and no prompt names
them.

**The log of refusals** notes the time, the kind and the rule, and a number for the visit that changes with every start.
Never words, pictures, file names or addresses. So that one visitor cannot keep the studio from the others, portraits
and refused words are counted for an hour, under numbers made of the page's session and of the network it came from.
"""


def build_reviewers(studio: Studio, tab: gr.Tab) -> None:
    """Build the section inside the current Blocks; it is made anew when the tab is opened."""
    gr.Markdown("## Who looks at words and pictures")
    listed = gr.HTML(as_html(studio), apply_default_css=False, elem_id="reviewers")
    gr.Markdown(_LIMITS)
    tab.select(lambda: as_html(studio), outputs=listed, api_visibility="private", show_progress="hidden")


def as_html(studio: Studio) -> str:
    """Each reviewer with what it looks at, and why not where it does not."""
    items: list[str] = []
    for one in studio.pipeline.safety.states():
        words = f"at work, looks at {_JUDGES[one.judges]}." if one.active else f"not at work. {one.reason}"
        items.append(f"<li><strong>{html.escape(one.name)}</strong>: {html.escape(words)}</li>")
    return f'<ul class="reviewers">{"".join(items)}</ul>'
