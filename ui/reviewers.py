"""Who looks at words and pictures before they are used or shown, for the Privacy tab: the truth of this moment."""

from __future__ import annotations

import html

import gradio as gr

from languages.saying import say
from visits.studio import Studio

# Translators: in "at work, looks at {what}."
_JUDGES = {"words": say("your own words"), "pictures": say("every finished picture")}
_LIMITS = (
    say(
        "The word list knows thirteen languages and looks for nudity, children together with sexual words, "
        "hate, gore and the names of famous people; in other languages it sees little. Words that it refuses "
        "are not used. Nobody guesses your gender, age or origin, and no prompt names them."
    ),
    say(
        "The picture checkers look for nudity and sexual content. They know photographs best, they can be wrong both "
        "ways, and they see nothing of hate or gore. Before a portrait is made, the one that comes with the studio "
        "looks at the part of your photo that is used; then each one at work looks at the portrait. What they refuse "
        "is neither shown nor kept: the page says so, and you can try again. Live pictures, tiles and the camera show "
        "your own photo through a filter, to you alone; nobody looks at those."
    ),
    say(
        "**The log of refusals** notes the time, the kind and the rule, and a number for the visit that "
        "changes with every start. Never words, pictures, file names or addresses. So that one visitor "
        "cannot keep the studio from the others, portraits and refused words are counted for an hour, under "
        "numbers made of the page's session and of the network it came from."
    ),
)


def build_reviewers(studio: Studio, tab: gr.Tab) -> None:
    """Build the section inside the current Blocks; it is made anew when the tab is opened."""
    gr.Markdown(f"## {say('Who looks at words and pictures')}")
    listed = gr.HTML(as_html(studio), apply_default_css=False, elem_id="reviewers")
    gr.Markdown("\n\n".join(map(str, _LIMITS)))
    tab.select(lambda: as_html(studio), outputs=listed, api_visibility="private", show_progress="hidden")


def as_html(studio: Studio) -> str:
    """Each reviewer with what it looks at, and why not where it does not."""
    items: list[str] = []
    for one in studio.pipeline.safety.states():
        words = say("not at work. {reason}", reason=one.reason)
        if one.active:
            words = say("at work, looks at {what}.", what=_JUDGES[one.judges])
        items.append(f"<li><strong>{html.escape(one.name)}</strong>: {html.escape(words)}</li>")
    return f'<ul class="reviewers">{"".join(items)}</ul>'
