"""The Privacy tab: what is kept where and how long. Every sentence is something the code does."""

from __future__ import annotations

import gradio as gr

from ui.studio import KEEP_MINUTES, MAX_KEPT_PORTRAITS, Studio

_WHERE = (
    ("What", "Where", "How long"),
    (
        "Your photo, without its metadata, with its crop",
        "In this program's memory. The page's upload and camera never make a file of it.",
        "Until you press *Delete my data*, remove or replace the photo, or close the page; "
        f"{KEEP_MINUTES} minutes at most.",
    ),
    ("Camera frames for the live preview", "In memory while one frame is answered.", "A fraction of a second."),
    (
        "Your portraits",
        "In a temporary folder that only this program's user may read; the crop and the control images beside them "
        "are in memory.",
        f"Until you press *Delete my data* or close the page; {KEEP_MINUTES} minutes at most; only the last "
        f"{MAX_KEPT_PORTRAITS}. Emptied when the program stops, and at its next start if it crashed.",
    ),
    ("A picture that you check", "In memory while its marks are looked for.", "Until the answer, in about a second."),
    (
        "Your consent",
        "In memory: a random id, this page's session, the time, the version of the text. No name and no address.",
        "Until you take it back, close the page, or the program stops.",
    ),
    ("The log", "An id and the kind of error. No photo, no file name, no words of yours.", "As the operator decides."),
)

_REST = f"""\
**Nothing is sent away.** Photos and portraits stay on the machine that runs this page. The page asks no other host for
anything; there are no analytics, no cookies for tracking, and no history of runs in your browser.

**Who can see your pictures.** Only somebody who has this page's key, a random one that the page gets with your consent
and that ends with it.

**Programs that use the API** send the photo through Gradio, which writes it into the temporary folder. The file is
deleted as soon as it has been read, and after {KEEP_MINUTES} minutes if it never is.

**What your portraits say.** Each file says that this studio made it, in which style and scene, with which seed and
engine, and when, signed with the studio's certificate. It holds nothing of your photo, no name and no words of yours.

**What is recognised.** Faces are found so that the picture can be cropped, and points on the face steer the drawing.
Nobody is identified and no face is compared with others.
"""


def build_privacy_tab(studio: Studio) -> None:
    """Build the tab inside the current Blocks."""
    notice = studio.consents.notice
    with gr.Column(elem_id="privacy", elem_classes="page"):
        gr.Markdown("## What is kept of you")
        gr.Markdown(_table(_WHERE), elem_classes="where")
        gr.Markdown(_REST)
        with gr.Accordion("The text you agree to", open=False):
            gr.Markdown(f"**{notice.summary}**\n\n{notice.text}\n\nVersion {notice.version}, SHA-256 `{notice.sha256}`")


def _table(rows: tuple[tuple[str, ...], ...]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])
