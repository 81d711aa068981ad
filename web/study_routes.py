"""User studies over HTTP: the participant's pages at /study/<id>, and their calls.

Who it is says a cookie, signed by this server; which tab may answer says the header x-study-tab, a random key that the
tab made and told to `enter`. Order of calls: GET /study/<id>?<parameter>=<code> sets the cookie and takes the code out
of the address; POST enter, consent, photo, portraits, then answer by answer. Each answers with the next screen as JSON
(`study.participation.RunningStudy.screen`), or with {"sentence", "code"}: 409 another tab, 410 closed, 503 not stored.
Simulated people take the same way, with a code from `Identity.marked_code`.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from languages.saying import say, speaking
from pipelines.errors import (
    PhotoUnreadable,
    PortraitError,
    StudyClosed,
    StudyElsewhere,
    StudyError,
    StudyStoreError,
    TooOften,
)
from pipelines.photo import opening as photos
from pipelines.schema import PortraitRequest
from study.identity import PersonKind
from study.participation import RunningStudy, words_in
from study.plan.definition import said
from study.store.rows import Standing
from visits import admission
from visits.sittings import photo_words
from visits.studio import Studio
from web import in_language
from web.addresses import connection_network
from web.calls import NO_STORE, problem, read_body
from web.errors import sentence
from web.in_language import SpokenJSON
from web.study_page import address_of, cookie_name, is_foreign, jpeg, language_of, pixels, read_pass, set_pass, shell

TAB_HEADER = "x-study-tab"
_MAX_JSON = 64 * 1024
_TAB = re.compile(r"[\w-]{16,64}", re.ASCII)
_STATUS: tuple[tuple[type[PortraitError], HTTPStatus], ...] = (
    (StudyElsewhere, HTTPStatus.CONFLICT),
    (StudyClosed, HTTPStatus.GONE),
    (StudyStoreError, HTTPStatus.SERVICE_UNAVAILABLE),
    (TooOften, HTTPStatus.TOO_MANY_REQUESTS),
)
_NO_PASS = say(
    "This page does not know who you are: open the link that you were given once more, and let your browser keep"
    " cookies of this site."
)
_NO_STUDY = say("There is no such study here. Check the link that you were given.")
_NO_ANSWER = say("Reload the page and try again; that was no answer.")


@dataclass(frozen=True)
class _Sender:
    """Who sends a call.

    Attributes:
        tab: The key of their tab; "" where the call needs none.
        submission: Hashed; None where the link had none.
    """

    running: RunningStudy
    participant: str
    kind: PersonKind
    submission: str | None
    tab: str


_Call = Callable[[Request, _Sender], Awaitable[Response]]


def build_study_routes(studio: Studio) -> list[BaseRoute]:
    """The routes; none where no study is open."""
    if studio.studies is None:
        return []
    calls = _StudyCalls(studio)
    of_a_tab = {
        "enter": calls.enter,
        "consent": calls.consent,
        "decline": calls.decline,
        "photo": calls.photo,
        "sitter": calls.sitter,
        "portraits": calls.portraits,
        "answer": calls.answer,
        "event": calls.event,
    }
    return [
        Route("/study/{study}", calls.page),
        Route("/study/{study}/withdraw", calls.withdrawal_page),
        Route("/study/{study}/withdraw", calls.withdraw, methods=["POST"]),
        Route("/study/{study}/progress", calls.guarded(calls.progress)),
        Route("/study/{study}/photo.jpg", calls.guarded(calls.photo_picture, needs_tab=False)),
        Route("/study/{study}/picture/{name}.webp", calls.guarded(calls.picture, needs_tab=False)),
        *(Route(f"/study/{{study}}/{name}", calls.guarded(call), methods=["POST"]) for name, call in of_a_tab.items()),
    ]


class _StudyCalls:
    def __init__(self, studio: Studio) -> None:
        assert studio.studies is not None
        self._studio = studio
        self._studies = studio.studies
        self._sittings = studio.sittings
        self._opening = CapacityLimiter(2)

    # --- pages ---

    async def page(self, request: Request) -> Response:
        """The participant's page. A code in the address goes into the cookie and out of the address."""
        running = self._studies.running.get(request.path_params["study"])
        if running is None:
            return _no_study(request)
        recruiting, asked = running.plan.recruiting, request.query_params
        code = asked.get(recruiting.participant, "")
        known = read_pass(request, running)
        if not code and known is None and recruiting.codes == "none":
            code = secrets.token_hex(16)
        language = language_of(request, running)
        if code:
            try:
                self._limit(request)
                participant, kind = await run_in_threadpool(running.identify, code)
            except PortraitError as error:
                more = {"sentence": sentence(error), "parameter": recruiting.participant}
                return HTMLResponse(shell(request, language, "code", more), _status(error))
            submission = running.store.identity.submission(running.id, asked.get(recruiting.submission or "", ""))
            query = f"?{urlencode({'lang': asked['lang']})}" if "lang" in asked else ""
            response = RedirectResponse(f"{address_of(request)}{query}", HTTPStatus.SEE_OTHER, headers=NO_STORE)
            set_pass(response, request, running, participant, kind, submission, on_space=self._studio.settings.on_space)
            return response
        if known is None:
            more = {"title": said(running.plan.title, language), "parameter": recruiting.participant}
            return HTMLResponse(shell(request, language, "code", more))
        language = await run_in_threadpool(self._agreed_language, running, known[0]) or language
        more = {"title": said(running.plan.title, language), "languages": " ".join(running.plan.languages)}
        more["resume"] = running.plan.resume.policy
        return HTMLResponse(shell(request, language, "take-part", more))

    async def withdrawal_page(self, request: Request) -> Response:
        """Where a participant withdraws later, with the code that they kept."""
        running = self._studies.running.get(request.path_params["study"])
        if running is None:
            return _no_study(request)
        language = language_of(request, running)
        more = {"title": said(running.plan.title, language)}
        return HTMLResponse(shell(request, language, "withdraw", more))

    # --- calls of a tab ---

    async def enter(self, request: Request, who: _Sender) -> Response:
        """Begin or go on. Body: {language}."""
        self._limit(request)
        wanted = str((await _asked(request)).get("language", ""))

        def go() -> Standing:
            return who.running.enter(who.participant, who.kind, who.tab, language=wanted, submission=who.submission)

        return self._screen(who.running, await run_in_threadpool(go))

    async def consent(self, request: Request, who: _Sender) -> Response:
        """Say yes. Body: {purposes: {id: true}, sha256}."""
        self._studio.limits.consented(self._network(request))
        asked = await _asked(request)
        given = who.participant, who.tab, asked.get("purposes"), asked.get("sha256")
        return self._screen(who.running, await run_in_threadpool(who.running.agree, *given))

    async def decline(self, request: Request, who: _Sender) -> Response:
        """Say no: nothing is kept but a count."""
        store = who.running.store
        standing = await run_in_threadpool(store.find, who.participant)
        if standing is not None and standing.consented_at is None:
            await run_in_threadpool(store.erase, who.participant, "no_consent")
        return _json({"return": who.running.plan.recruiting.returns.get("no_consent")})

    async def photo(self, request: Request, who: _Sender) -> Response:
        """Take in a photo: the raw file as the body. Only after the consent."""
        await run_in_threadpool(who.running.store.check_tab, who.participant, who.tab)
        await run_in_threadpool(self._require_consent, who)
        data = await read_body(request, photos.MAX_BYTES, say("This file is too large; choose one under 40 MB."))
        photo = await to_thread.run_sync(photos.open_photo, data, limiter=self._opening)
        await run_in_threadpool(self._require_consent, who)  # withdrawn while it was on its way
        return _json({"photo": photo_words(self._sittings.take(who.participant, photo))})

    async def sitter(self, request: Request, who: _Sender) -> Response:
        """Say who sits: {face} from 0, {turn} in degrees clockwise, or {mark: {x, y, size}}, a face marked by hand:
        its middle and width, in percent of the photo."""
        await run_in_threadpool(who.running.store.check_tab, who.participant, who.tab)
        asked, sittings = await _asked(request), self._sittings
        ways = {"mark": sittings.mark, "turn": sittings.turn, "face": sittings.choose}
        way = next((name for name in ways if name in asked), "face")
        return _json({"photo": photo_words(await run_in_threadpool(ways[way], who.participant, asked.get(way)))})

    async def portraits(self, request: Request, who: _Sender) -> Response:
        """Make the portraits, or with {stop: true} stop making them."""
        store = who.running.store
        await run_in_threadpool(store.check_tab, who.participant, who.tab)
        if (await _asked(request)).get("stop") is True:
            self._sittings.stop(who.participant)
        else:
            network = self._network(request)

            def admit(wanted: PortraitRequest) -> contextlib.AbstractContextManager[None]:
                return admission.counted(self._studio, network, wanted)

            await run_in_threadpool(self._sittings.start, who.running, who.participant, admit)
        return self._screen(who.running, await run_in_threadpool(store.require, who.participant))

    async def progress(self, request: Request, who: _Sender) -> Response:
        """The screen as it is now: how far the portraits are."""
        store = who.running.store
        await run_in_threadpool(store.check_tab, who.participant, who.tab)
        return self._screen(who.running, await run_in_threadpool(store.require, who.participant))

    async def answer(self, request: Request, who: _Sender) -> Response:
        """One answer. It is on the disk when this answers."""
        given = who.participant, who.tab, await _asked(request)
        return self._screen(who.running, await run_in_threadpool(who.running.answer, *given))

    async def event(self, request: Request, who: _Sender) -> Response:
        """Something happened on the page (`study.participation.EVENTS`). Body: {name, page_ms, trial}."""
        await run_in_threadpool(who.running.note, who.participant, who.tab, await _asked(request))
        return _json({"ok": True})

    async def withdraw(self, request: Request) -> Response:
        """Delete everything of whoever sends this, or with {code} of whoever was given that code."""

        async def answer(running: RunningStudy) -> Response:
            if is_foreign(request):
                return problem(HTTPStatus.FORBIDDEN, _NO_PASS)
            code = (await _asked(request)).get("code")
            if not isinstance(code, str):
                known = read_pass(request, running)
                return await self._erased(running, known[0]) if known else problem(HTTPStatus.FORBIDDEN, _NO_PASS)
            self._limit(request)
            found = await run_in_threadpool(running.store.by_withdrawal_code, code)
            if found is None:
                return problem(HTTPStatus.NOT_FOUND, words_in(language_of(request, running))["withdraw-unknown"])
            return await self._erased(running, found)

        return await self._answered(request, answer)

    # --- pictures ---

    async def picture(self, request: Request, who: _Sender) -> Response:
        """A portrait, as pixels alone: a file's own words name its style. The mark in the pixels stays."""
        name, store = request.path_params["name"], who.running.store
        standing = await run_in_threadpool(store.require, who.participant)
        if name not in standing.pictures.values():
            return problem(HTTPStatus.NOT_FOUND, say("This picture is not there any more."))
        file, whole = store.files.path(who.participant, name), "whole" in request.query_params
        data = await run_in_threadpool(lambda: pixels(file.read_bytes(), whole=whole))
        return Response(data, media_type="image/webp", headers=NO_STORE)

    async def photo_picture(self, request: Request, who: _Sender) -> Response:
        """The photo that was just given, for its giver to look at."""
        sitting = self._sittings.find(who.participant)
        photo = sitting.photo if sitting is not None else None
        if photo is None:
            return problem(HTTPStatus.NOT_FOUND, say("There is no photo here."))
        return Response(await run_in_threadpool(jpeg, photo.image), media_type="image/jpeg", headers=NO_STORE)

    # --- inside ---

    def guarded(self, call: _Call, *, needs_tab: bool = True) -> Callable[[Request], Awaitable[Response]]:
        """A call of who has a pass of this server, from our own page."""

        async def whole(request: Request) -> Response:
            async def answer(running: RunningStudy) -> Response:
                known, tab = read_pass(request, running), request.headers.get(TAB_HEADER, "")
                if known is None or is_foreign(request) or (needs_tab and not _TAB.fullmatch(tab)):
                    return problem(HTTPStatus.FORBIDDEN, _NO_PASS)
                return await call(request, _Sender(running, *known, tab))

            return await self._answered(request, answer)

        return whole

    async def _answered(self, request: Request, answer: Callable[[RunningStudy], Awaitable[Response]]) -> Response:
        """In the study's language, and what goes wrong as a sentence."""
        running = self._studies.running.get(request.path_params["study"])
        if running is None:
            return problem(HTTPStatus.NOT_FOUND, _NO_STUDY)
        with speaking(language_of(request, running)):
            try:
                return await answer(running)
            except ClientDisconnect:
                return Response(status_code=HTTPStatus.BAD_REQUEST)
            except PortraitError as error:
                return _refusal(error)
            except Exception as error:
                return problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence(error))

    def _screen(self, running: RunningStudy, standing: Standing) -> Response:
        shown = running.screen(standing)
        if shown["task"] in ("photo", "portraits"):
            sitting = self._sittings.find(standing.id)
            shown["photo"] = photo_words(sitting)
            shown["task"] = "portraits" if sitting is not None and sitting.running else "photo"
            if sitting is not None:
                shown["making"] = {
                    "number": sitting.number,
                    "of": sitting.of,
                    "step": sitting.step,
                    "steps": sitting.steps,
                    "ahead": sitting.ahead,
                    "left": sitting.seconds_left(),
                }
                shown["said"] = sitting.said
        return _json(shown)

    def _agreed_language(self, running: RunningStudy, participant: str) -> str:
        """In which somebody has agreed to take part: the study goes on in it. "" where they have not."""
        try:
            standing = running.store.find(participant)
        except StudyStoreError:
            return ""  # `enter` will say so
        if standing is None or standing.consented_at is None or standing.language not in running.plan.languages:
            return ""
        return standing.language

    def _require_consent(self, who: _Sender) -> None:
        standing = who.running.store.require(who.participant)
        if standing.consented_at is None or standing.status != "active":
            raise StudyError(say("Read and answer the consent first; without it no photo is taken in."))

    async def _erased(self, running: RunningStudy, participant: str) -> Response:
        self._sittings.forget(participant)
        await run_in_threadpool(running.store.erase, participant, "withdrawn")
        response = _json({"withdrawn": True})
        response.delete_cookie(cookie_name(running), path="/")
        return response

    def _limit(self, request: Request) -> None:
        self._studio.limits.study_asked(self._network(request))

    def _network(self, request: Request) -> str:
        return connection_network(request, self._studio.settings.trusted_proxies)


# --- what goes out ---


def _no_study(request: Request) -> Response:
    language = in_language.language_of(request)
    return HTMLResponse(shell(request, language, "closed", {"sentence": _NO_STUDY}), HTTPStatus.NOT_FOUND)


def _json(value: Mapping[str, Any]) -> Response:
    return SpokenJSON(dict(value), headers=NO_STORE)


def _status(error: PortraitError) -> HTTPStatus:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.UNPROCESSABLE_ENTITY)


def _refusal(error: PortraitError) -> Response:
    body = {"sentence": sentence(error), "code": error.code}
    return SpokenJSON(body, status_code=_status(error), headers=NO_STORE)


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        StudyError: It is none.
    """
    try:
        given = json.loads(await read_body(request, _MAX_JSON, _NO_ANSWER))
    except (ValueError, RecursionError, PhotoUnreadable) as error:
        raise StudyError(_NO_ANSWER) from error
    if not isinstance(given, dict):
        raise StudyError(_NO_ANSWER)
    return given
