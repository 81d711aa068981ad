"""How a visit begins, goes on and ends on the Portrait tab. Each public method is one Gradio event."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from languages.saying import ENGLISH, put_together, say, speaking
from pipelines.errors import ConsentMissing, RegisterAway, RequestInvalid
from pipelines.schema import Consent, Purpose
from study.archive import KEEPING
from ui import prints, screen
from ui.answers import Answer, told
from ui.callers import network_of, owns, words_of
from ui.errors import alert, status
from ui.own_style import style_picture_value
from ui.stage import Stage
from ui.style_editor import editor_shown, styles_shown
from visits import admission
from visits.studio import Studio
from visits.visit import Look, Visit
from web.errors import sentence

CREATE = say("Create my portrait")


class VisitHandlers:
    """Consent, its way back, and a page that comes back, over one studio. Each answers by the names of what
    `portrait_tab` shows.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._stage = Stage(studio)

    def enter(self, style: str, scene: str, likeness: float, returning: object, request: gr.Request) -> Answer:
        """The page was opened: it goes on with the visit that its tab had before, or shows the example.

        Args:
            returning: From page_key.js: {key, look} of a visit, or {elsewhere: true} where another tab has it open.
        """
        before = returning if isinstance(returning, dict) else {}
        key = before.get("key")
        if not isinstance(key, str) or not key:
            words = (
                say("Your visit goes on in the other tab; here you begin anew.")
                if before.get("elsewhere") is True
                else ""
            )
            return {**self.restyle(style, scene, likeness, request), **({"notice": status(words)} if words else {})}
        try:
            visit, consent = self._studio.visits.take_up(key, request.session_hash, partial(owns, request))
        except RegisterAway as error:  # the visit is there, and the tab keeps its key: the next reload finds it
            return {**self.restyle(style, scene, likeness, request), "notice": alert(sentence(error))}
        except Exception as error:
            return self._ended(error, style, scene, likeness, request)
        words, visit.cut_short = screen.back_words(visit), False
        look = self._look_before(before.get("look"), visit)
        shown = styles_shown(self._studio, visit, look.style_id)
        if not visit.own.styles:  # a page lists those of everybody from the start
            shown["style"] = look.style_id
        return {
            **self._opened(visit, consent),
            **self._all_of(visit, look.style_id, look.scene_id, look.likeness, request),
            **shown,
            "scene": look.scene_id,
            "scene_pick": look.scene_id,
            "likeness": look.likeness,
            "shape": visit.shape,
            "size": visit.size,
            "notice": self._lost(visit) + status(words) + alert(screen.missing(visit)),
        }

    @told
    def catch_up(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """Something was deleted that the page still shows: say what, and why."""
        try:
            visit, consent = self._studio.visits.require(request.session_hash)
        except ConsentMissing as error:
            return self._ended(error, style, scene, likeness, request)
        notice = {"notice": self._lost(visit) or self._ready(visit)}
        return {**self._opened(visit, consent), **self._all_of(visit, style, scene, likeness, request), **notice}

    def agree(
        self, agreed: object, style: str, scene: str, likeness: float, request: gr.Request, read: str = ENGLISH
    ) -> Answer:
        """Consent given. Never taken back here: a tap on the sentence deletes nothing.

        Args:
            read: The language in which the text was read.
        """
        try:
            before = self._visit(request)
            if agreed is not True and before is not None:
                agreed = True  # it was given, and a second tap came before the page could say so
            with speaking(read):  # the receipt has the text that was read, whatever another tab has chosen since
                admission.open_visit(
                    self._studio,
                    request.session_hash,
                    network_of(self._studio, request),
                    agreed,
                    self._stage.look(style, scene, likeness, before),
                    returns=True,
                    words=words_of(request),
                )
            visit, consent = self._studio.visits.require(request.session_hash)
        except Exception as error:
            return {**self._closed(style), "notice": alert(sentence(error)), "receipt": None}
        return {**self._opened(visit, consent), "notice": self._ready(visit)}

    def allow_study(self, agreed: object, request: gr.Request) -> Answer:
        """Keeping copies for the study: ticked, or taken back."""
        return self._allow("study", agreed, request)

    def allow_examples(self, agreed: object, request: gr.Request) -> Answer:
        """Showing portraits as examples: ticked, or taken back."""
        return self._allow("examples", agreed, request)

    def allow_identity(self, agreed: object, request: gr.Request) -> Answer:
        """Placing portraits among strangers: ticked, or taken back, which also takes the places off those there are."""
        answer = self._allow("identity", agreed, request)
        try:
            visit, _ = self._studio.visits.require(request.session_hash)
        except Exception:  # the answer says so
            return answer
        return answer if answer["identity"] else {**answer, "results": self._results(visit, False)}

    def _allow(self, purpose: Purpose, agreed: object, request: gr.Request) -> Answer:
        try:
            consent, deleted = self._studio.visits.allow(request.session_hash, purpose, agreed)
        except Exception as error:
            return {purpose: False, "notice": alert(sentence(error))}
        ticked = purpose in consent.purposes
        if ticked:
            words = screen.ALLOWED[purpose]
        elif purpose in KEEPING:
            words = put_together(say("Taken back."), screen.deleted_copies(deleted))
        else:
            words = say("Taken back.")
        receipt = screen.receipt_value(self._studio.consents.receipt(consent))
        return {purpose: ticked, "receipt": receipt, "notice": status(words)}

    def withdraw(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """Delete everything, but ask first where portraits have not been downloaded."""
        try:
            visit, consent = self._studio.visits.require(request.session_hash)
        except Exception:
            return self.forget(style, scene, likeness, request)
        if visit.not_downloaded or visit.unsaved_board:
            return {"agreed": screen.agreed_value(visit, consent, asks=True)}
        return self.forget(style, scene, likeness, request)

    def forget(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """Delete everything; the receipt says when consent was withdrawn."""
        said, receipt = "", None
        try:
            withdrawn = self._studio.visits.forget(request.session_hash, words_of(request))
            if withdrawn is not None:
                said = status(say("Your photo, your portraits and your consent are deleted."))
                receipt = screen.receipt_value(withdrawn)
        except Exception as error:
            said = alert(sentence(error))
        return {
            **self._closed(style),
            **self.restyle(self._known(style), scene, likeness, request),
            "results": {"portraits": []},
            "notice": said,
            "receipt": receipt,
        }

    def leave(self, request: gr.Request) -> None:
        """The page was closed or reloaded, or has lost its connection: its visit waits for it."""
        self._studio.visits.step_out(request.session_hash)

    def restyle(self, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """Style, scene or likeness changed: the live picture."""
        try:
            while True:
                visit = self._visit(request)
                look = self._stage.look(style, scene, likeness, visit)
                photo = visit and visit.photo
                # Looking through the styles before consent is no mistake.
                shown = self._stage.example(look) if visit is None else self._stage.live(visit, look)
                visit = self._visit(request)
                if (visit and visit.photo) is photo:
                    return before_create(shown)
                # A photo arrived or went meanwhile: what was drawn would hang over it.
        except Exception as error:
            gr.Warning(sentence(error))
            return {}

    def _look_before(self, picks: object, visit: Visit) -> Look:
        """What the tab had picked; the server has not heard of a tap without a connection."""
        last, picked = visit.look, picks if isinstance(picks, dict) else {}
        try:
            style, scene = picked.get("style", last.style_id), picked.get("scene", last.scene_id)
            return self._stage.look(style, scene, last.likeness, visit)
        except (RequestInvalid, TypeError):
            return last

    def _opened(self, visit: Visit, consent: Consent) -> Answer:
        """The steps as they stand with a consent."""
        return {
            **_panels(True),
            "agree": gr.update(value=True, visible="hidden"),
            "agreed": screen.agreed_value(visit, consent),
            "photo": self._photo_value(visit),
            "style_picture": style_picture_value(visit),
            "receipt": screen.receipt_value(self._studio.consents.receipt(consent)),
            **editor_shown(self._studio, visit),
            **self._extras(consent),
        }

    def _photo_value(self, visit: Visit) -> dict[str, Any] | None:
        """The photo as the booth shows it."""
        return screen.photo_value(visit)

    def _known(self, style: str) -> str:
        """A style that is there without a visit: that one, or the first."""
        known = self._studio.presets.all_styles
        return style if style in known else next(iter(known))

    def _closed(self, style: str) -> Answer:
        """The steps as they stand without one, with what was picked."""
        return {
            **_panels(False),
            **styles_shown(self._studio, None, style),  # those of the visit's own are gone from the lists
            "agree": gr.update(value=False, visible=True),
            "agreed": screen.NOT_AGREED,
            "photo": None,
            "style_picture": None,
            **self._extras(None),
        }

    def _all_of(self, visit: Visit, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """The pictures of a visit."""
        results = self._results(visit, False)
        return {**self.restyle(style, scene, likeness, request), "results": results}

    def _ended(self, error: Exception, style: str, scene: str, likeness: float, request: gr.Request) -> Answer:
        """The page of a visit that is not there any more."""
        ended = isinstance(error, ConsentMissing)
        words = screen.ended_words(self._studio.visits.away_seconds) if ended else sentence(error)
        pictures_gone = {**self.restyle(self._known(style), scene, likeness, request), "results": {"portraits": []}}
        return {**self._closed(style), **pictures_gone, "receipt": None, "notice": alert(words)}

    def _extras(self, consent: Consent | None) -> Answer:
        """The panel of the optional ticks and each of them; nothing where none is offered."""
        optional = self._studio.consents.notice.optional
        ticks: Answer = {
            one.id: gr.update(value=consent is not None and one.id in consent.purposes) for one in optional
        }
        return {"extras": gr.update(visible=consent is not None), **ticks} if optional else {}

    def _results(self, visit: Visit, controls: bool) -> dict[str, Any]:
        presets = self._studio.presets
        if controls is True:
            self._draw_controls(visit)
        return prints.results_value(visit, presets.all_styles, presets.scenes, controls=controls is True)

    def _draw_controls(self, visit: Visit) -> None:
        """What would guide a diffusion model, for portraits made without one, as long as their photo is here."""
        photo = visit.photo
        if photo is None:
            return
        for kept in visit.kept:
            if not kept.controls and kept.photo_at == visit.photo_at:
                drawn = self._studio.pipeline.control_images(
                    photo,
                    face_index=kept.face_index,
                    style_id=kept.portrait.style_id,
                    own_style=kept.portrait.own_style,
                    shape=kept.portrait.shape,
                    crop=kept.portrait.crop,
                )
                kept.controls = tuple(
                    (say("{name}, for diffusion", name=name), prints.control_picture(i)) for name, i in drawn.items()
                )

    def _visit(self, request: gr.Request) -> Visit | None:
        try:
            return self._studio.visits.require(request.session_hash)[0]
        except ConsentMissing:
            return None

    def _lost(self, visit: Visit) -> str:
        return alert(visit.take_lost())

    def _ready(self, visit: Visit) -> str:
        return status(screen.missing(visit) or say("Ready to create."))


def before_create(stage: dict[str, Any]) -> Answer:
    """The stage before a portrait is made of what it shows."""
    return {"stage": stage, "create": gr.update(value=CREATE)}


def _panels(open_: bool) -> Answer:
    """The photo step, and what stands in its place without consent."""
    return {"photo_panel": gr.update(visible=open_), "closed_panel": gr.update(visible=not open_)}
