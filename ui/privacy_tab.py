"""The Privacy tab: what is kept of this visit now, and what is kept where and how long by rule.

Every sentence is something the code does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from languages.saying import say
from pipelines.errors import PortraitError, RequestInvalid
from study.archive import KEEPING
from study.notice import after_closing
from ui import screen
from ui.answers import Answer, listen
from ui.errors import alert, status
from ui.portrait_tab import Clearing
from ui.reviewers import build_reviewers
from visits import inventory
from visits.links import LINK_MINUTES
from visits.studio import Studio
from visits.visit import KEEP_MINUTES, MAX_KEPT_PORTRAITS
from web.errors import sentence

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

_KIOSK_ROW = (
    say("One-time links to portraits, for phones"),
    say("In memory: the SHA-256 of a link's secret word, and when it was made."),
    say(
        "Until your visit ends; a link works until its portrait was downloaded, for {link} minutes at most.",
        link=LINK_MINUTES,
    ),
)
_ONLY_HERE = say(
    "**Who can see your pictures.** Only this browser, told by a random cookie, and only with this "
    "page's key, a random one that the page gets with your consent and that ends with it. Another tab "
    "without that key begins anew."
)
_OR_A_PHONE = say(
    "**Who can see your pictures.** At this kiosk, whoever opens a portrait's one-time link sees that "
    "portrait. All else: Only this browser, told by a random cookie, and only with this page's key, a "
    "random one that the page gets with your consent and that ends with it. Another tab without that key "
    "begins anew."
)
_CONSENT_ROW = (
    say(
        "In memory: a random number, this page's session, the time, the version of the text, what you "
        "ticked; style, scene and likeness. No name and no address. Your receipt is your copy of it."
    ),
    say(
        "In memory, and in a database that all machines of this studio share, so that taking it back counts at each of "
        "them: a random number, this page's session, the time, the version of the text, what you ticked, and a hash of "
        "your cookie's random word. No name and no address, nothing of your pictures. Style, scene and likeness are in "
        "memory only. Your receipt is your copy of it."
    ),
)
_COUNTS_ROW = (
    (
        say("In memory: counts under hashes of session and network, whose key is new with each start."),
        say("An hour; what is older goes with the next request."),
    ),
    (
        say(
            "In the database that all machines of this studio share: counts under hashes of session and network, whose "
            "key is not in it."
        ),
        say("An hour."),
    ),
)
_BALANCER = say(
    "**Several machines.** This studio runs on several, and your visit is on one of them: your photo, your portraits "
    "and all that you picked are there and nowhere else. A cookie of whatever stands before them may say which one it "
    "is, and ends with the browser session. If that machine fails, your pictures are gone, your consent goes five "
    "minutes later, and you begin anew on another one."
)
_COOKIES = say(
    "**Cookies.** Two kinds, and none to follow you. Those whose names begin with `studio_visitor` hold a random word, "
    "which scripts cannot read and which ends with the browser session. It tells the server which visit is yours. The "
    "server remembers in memory which page's session goes with which word, after *Delete my data* too, so that nobody "
    "else can take that session over; the list ends with the program, and its oldest lines go sooner. "
    "`studio_language` is there once you have chosen a language on this page, and holds its two letters."
)
_REST = (
    say(
        "**Programs that use the API** send the photo as a file, which is taken in only with the key that "
        "the consent gives them. It lies in the temporary folder under a random name, is deleted as soon as "
        "it has been read, and within a minute if it never is."
    ),
    say(
        "**What your portraits say.** Each file says that this studio made it, in which style and scene, "
        "with which seed and engine, and when, signed with the studio's certificate. It holds nothing of "
        "your photo, no name and no words of yours."
    ),
)
_NOT_COMPARED = say(
    "**What is recognised.** Faces are found so that the picture can be cropped, and points on the face "
    "steer the drawing. Nobody is identified and no face is compared with others."
)
_COMPARED = say(
    "**What is recognised.** Faces are found so that the picture can be cropped, and points on the face "
    "steer the drawing. Nobody is identified. Only while you have ticked that, the face in your photo is compared "
    "with each new portrait and with other people: 128 numbers of each face, which are dropped at once. The sentence "
    "that comes of it stands with the portrait and is in no file."
)


def _where(closing: str, is_shared: bool) -> tuple[tuple[str, ...], ...]:
    """The table: what, where, how long.

    Args:
        closing: When a visit ends whose page has gone, as "5 minutes after you close the page".
        is_shared: Whether several fronts share consents and counts.
    """
    # Translators: the cells of a table on the Privacy tab; {closing} is as "5 minutes after you close the page"
    return (
        (say("What"), say("Where"), say("How long")),
        (
            say("Your photo, without its metadata, with its crops and what the filters found out about its light"),
            say("In this program's memory. The page's upload and camera never make a file of it."),
            say(
                "Until you press *Delete my data*, remove or replace the photo, or until {closing}; {minutes} "
                "minutes at most.",
                closing=closing,
                minutes=KEEP_MINUTES,
            ),
        ),
        (
            say("The picture of a style, if you give one, without its metadata"),
            say("In this program's memory, as your photo."),
            say("As your photo; the portrait's file says that there was one, and holds nothing of it."),
        ),
        (
            say("Camera frames for the live preview"),
            say("In memory while one frame is answered."),
            say("A fraction of a second."),
        ),
        (
            say("Tiles of the styles with your face"),
            say("In memory while one is painted, and then in this page alone."),
            say("On the server a fraction of a second; in the page until the photo is replaced or removed."),
        ),
        (
            say("Your portraits"),
            say(
                "In a temporary folder that only this program's user may read; the crop and the control images "
                "beside them are in memory."
            ),
            say(
                "Until you press *Delete my data*, or until {closing}; {minutes} minutes at most; {most} at most, "
                "your favourites and the newest. Emptied when the program stops, and at its next start if it crashed.",
                closing=closing,
                minutes=KEEP_MINUTES,
                most=MAX_KEPT_PORTRAITS,
            ),
        ),
        (
            say("A picture that you check"),
            say("In memory while its marks are looked for."),
            say("Until the answer, in about a second."),
        ),
        (
            say("Your consent, and what is picked on the page"),
            _CONSENT_ROW[is_shared],
            say("Until you take it back, until {closing}, or until the program stops.", closing=closing),
        ),
        (
            say("A style board: its photos, and its portraits"),
            say(
                "Photos in memory, with the names and sentences of consent that you gave; portraits in the private "
                "temporary folder, each under a number that is made from what it shows."
            ),
            say(
                "Until you take a photo off the board, or until {closing}; {minutes} minutes at most.",
                closing=closing,
                minutes=KEEP_MINUTES,
            ),
        ),
        (
            say("The key of your visit"),
            say(
                "In this browser tab (session storage), so that a reload or a lost connection loses nothing: with it "
                "and your cookie, this tab gets your visit back."
            ),
            say("Until your visit ends; a tab that is closed forgets it."),
        ),
        (
            say("The language that you choose on this page"),
            say("In a cookie of this browser: its two letters."),
            say("A year, or until you delete the cookies of this page; without it, your browser's language is taken."),
        ),
        (
            say("Counters against overuse"),
            *_COUNTS_ROW[is_shared],
        ),
        (
            say("The log"),
            say("An id and the kind of error. No photo, no file name, no words of yours."),
            say("As the operator decides."),
        ),
    )


def build_privacy_tab(studio: Studio, tab: gr.Tab, clearing: Clearing) -> None:
    """Build the tab inside the current Blocks.

    Args:
        studio: What the tab works with.
        tab: The tab itself: when it is opened, the list of what is kept is made anew.
        clearing: How everything is deleted.
    """
    notice, handlers = studio.consents.notice, PrivacyHandlers(studio, clearing)
    with gr.Column(elem_id="privacy", elem_classes="page"):
        gr.Markdown(f"## {say('What we store now')}")
        panel = gr.HTML(inventory.as_html([]), apply_default_css=False, elem_id="kept-now")
        with gr.Row(elem_id="kept-buttons"):
            again = gr.Button(say("Refresh"), size="sm", elem_id="kept-look")
            delete = gr.Button(say("Delete my data"), size="sm", elem_id="kept-delete")
        if studio.archive is not None or studio.consents.is_shared:
            _later(handlers, panel, clearing, studio.archive is None)
        who = say("**Who runs this studio:** {operator}", operator=notice.operator)
        gr.Markdown(f"## {say('What is kept where')}\n\n{who}")
        kiosk = (_KIOSK_ROW,) if studio.is_kiosk else ()
        is_shared = studio.consents.is_shared
        rows = _where(after_closing(studio.visits.away_seconds), is_shared)
        gr.Markdown(_table((*rows, *kiosk, _study_row(studio))), elem_classes="where")
        recognised = _NOT_COMPARED if studio.pipeline.identity is None else _COMPARED
        seen = _OR_A_PHONE if studio.is_kiosk else _ONLY_HERE
        more = (_BALANCER,) if is_shared else ()
        gr.Markdown("\n\n".join(map(str, (_sent_away(notice.authority), *more, _COOKIES, seen, *_REST, recognised))))
        build_reviewers(studio, tab)
        with gr.Accordion(say("The text you agree to"), open=False):
            gr.Markdown(notice.document.replace("\n[ ]", "\n- [ ]"))
            gr.Markdown(str(say("Version {version}, SHA-256 `{digest}`", version=notice.version, digest=notice.sha256)))

    gr.on([tab.select, again.click], handlers.look, outputs=panel, **_PRIVATE)
    deleted = listen(delete.click, clearing.ask, clearing.shows, inputs=clearing.inputs, queue=False, **_PRIVATE)
    for event in (deleted, *clearing.done):
        event.then(handlers.look, outputs=panel, queue=False, **_PRIVATE)


def _later(handlers: PrivacyHandlers, panel: gr.HTML, clearing: Clearing, visit_only: bool) -> None:
    """Withdrawal after the visit, where something is kept after it, or from another machine than that of the visit.

    Args:
        visit_only: There is no study, so that it is for a visit on another machine alone.
    """
    gr.Markdown(
        f"## {say('Withdraw from elsewhere')}\n\n"
        f"{say('The number of your receipt ends your visit, on whichever machine of this studio it is.')}"
        if visit_only
        else f"## {say('Withdraw after your visit')}\n\n"
        f"{say('The number of your receipt finds your copies in the study, and nothing else.')}"
    )
    with gr.Row(elem_id="withdraw", equal_height=True):
        number = gr.Textbox(
            label=say("Number of your receipt"), max_length=64, elem_id="withdraw-number", min_width=260
        )
        button = gr.Button(say("Withdraw and delete"), size="sm", elem_id="withdraw-send", scale=0)
    said = gr.HTML("", apply_default_css=False, elem_id="withdraw-said")
    listen(
        partial(gr.on, [button.click, number.submit]),
        handlers.withdraw,
        {"said": said, "kept": panel, "number": number, **clearing.shows},
        inputs=[number, *clearing.inputs],
        queue=False,
        **_PRIVATE,
    )


class PrivacyHandlers:
    """Events of the Privacy tab, over one studio."""

    def __init__(self, studio: Studio, clearing: Clearing) -> None:
        self._studio = studio
        self._clearing = clearing

    def look(self, request: gr.Request) -> str:
        """What is kept of the page that asks, and of no other. Returns the panel."""
        try:
            return inventory.as_html(inventory.kept_of(self._studio, request.session_hash))
        except PortraitError as error:  # the register of several fronts does not answer
            return alert(sentence(error))

    def withdraw(self, number: str, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """Withdraw by the number of a receipt."""
        try:
            if not isinstance(number, str) or not number.strip():
                raise RequestInvalid(say("Type the number of your receipt; it has 32 digits and letters."))
            before = inventory.kept_of(self._studio, request.session_hash)
            receipt = number.strip().lower()
            known = self._studio.consents.by_number(receipt)
            deleted = self._studio.visits.withdraw(receipt)
            if known is None and deleted == 0:
                raise RequestInvalid(
                    say("Nothing is kept under this number: it was deleted before, or has a typing error.")
                )
        except Exception as error:
            return {"said": alert(sentence(error))}
        words = status(f"{say('Your consent is withdrawn.')} {screen.deleted_copies(deleted)}")
        after = inventory.kept_of(self._studio, request.session_hash)
        said: Answer = {"said": words, "kept": inventory.as_html(after), "number": ""}
        if before and not after:  # it was the receipt of this very page
            return said | self._clearing.handler(style, scene, likeness, request)
        return said


def _sent_away(authority: str) -> str:
    sent: str = say("**The server passes nothing on to anyone else.**")
    if authority:
        sent = say(
            "**For each portrait a hash is sent to {authority}, for a time stamp; nothing else is passed on.**",
            authority=authority,
        )
    rest = say(
        "Photos and portraits stay on the machine that runs this page. The page asks no other host for "
        "anything; there are no analytics, no cookies for tracking, and no history of runs in your browser."
    )
    return f"{sent} {rest}"


def _study_row(studio: Studio) -> tuple[str, ...]:
    if studio.archive is None:
        return (
            say("For a study or as examples"),
            say("Nowhere: no study is running here, so nobody is asked."),
            say("Not at all."),
        )
    if not any(one.id in KEEPING for one in studio.consents.notice.optional):
        until = studio.archive.until.isoformat()
        ended = say("Nowhere: the last day of the study here was {until}, and its copies are deleted.", until=until)
        return (say("For a study or as examples"), ended, say("Not at all."))
    return (
        say("Copies of portraits, only if you ticked that: for the study, or as examples"),
        say(
            "In the folder of the study, each under a random name in a folder with the number of your receipt. "
            "Never the photo. The record of your consent stays in memory beside them, so that *Delete my data* "
            "finds them after a connection that broke."
        ),
        say("Until you take the tick back or withdraw; {until} at the latest.", until=studio.archive.until.isoformat()),
    )


def _table(rows: tuple[tuple[str, ...], ...]) -> str:
    head, *body = (f"| {' | '.join(map(str, row))} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])
