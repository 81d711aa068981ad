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
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

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
from web.addresses import connection_network
from web.calls import NO_STORE, problem, read_body
from web.errors import sentence
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
_NO_PASS = (
    "This page does not know who you are: open the link that you were given once more, and let your browser keep"
    " cookies of this site."
)
_NO_STUDY = "There is no such study here. Check the link that you were given."
_Answer = Callable[[RunningStudy, str, PersonKind, str], Awaitable[Response]]


def build_study_routes(studio: Studio) -> list[BaseRoute]:
    """The routes; none where no study is open."""
    if studio.studies is None:
        return []
    calls = _StudyCalls(studio)
    posts = {
        "enter": calls.enter,
        "consent": calls.consent,
        "decline": calls.decline,
        "photo": calls.photo,
        "sitter": calls.sitter,
        "portraits": calls.portraits,
        "answer": calls.answer,
        "event": calls.event,
        "withdraw": calls.withdraw,
    }
    return [
        Route("/study/{study}", calls.page),
        Route("/study/{study}/withdraw", calls.withdrawal_page),
        Route("/study/{study}/progress", calls.progress),
        Route("/study/{study}/photo.jpg", calls.photo_picture),
        Route("/study/{study}/picture/{name}.webp", calls.picture),
        *(Route(f"/study/{{study}}/{name}", call, methods=["POST"]) for name, call in posts.items()),
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
            return HTMLResponse(shell(request, "", "closed", {"sentence": _NO_STUDY}), HTTPStatus.NOT_FOUND)
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
            set_pass(response, request, running, participant, kind, submission)
            return response
        if known is None:
            more = {"title": said(running.plan.title, language), "parameter": recruiting.participant}
            return HTMLResponse(shell(request, language, "code", more))
        more = {"title": said(running.plan.title, language), "languages": " ".join(running.plan.languages)}
        return HTMLResponse(shell(request, language, "take-part", more))

    async def withdrawal_page(self, request: Request) -> Response:
        """Where a participant withdraws later, with the code that they kept."""
        running = self._studies.running.get(request.path_params["study"])
        if running is None:
            return HTMLResponse(shell(request, "", "closed", {"sentence": _NO_STUDY}), HTTPStatus.NOT_FOUND)
        language = language_of(request, running)
        more = {"title": said(running.plan.title, language)}
        return HTMLResponse(shell(request, language, "withdraw", more))

    # --- calls of a tab ---

    async def enter(self, request: Request) -> Response:
        """Begin or go on. Body: {language}."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            self._limit(request)
            asked = await _asked(request)
            language = str(asked.get("language", ""))[:2]
            known = read_pass(request, running)
            submission = known[2] if known is not None else None

            def go() -> Standing:
                return running.enter(participant, kind, tab, language=language, submission=submission)

            return self._screen(running, await run_in_threadpool(go))

        return await self._guarded(request, answer)

    async def consent(self, request: Request) -> Response:
        """Say yes. Body: {purposes: {id: true}, sha256}."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            self._studio.limits.consented(self._network(request))
            asked = await _asked(request)
            ticked, sha256 = asked.get("purposes"), asked.get("sha256")
            return self._screen(running, await run_in_threadpool(running.agree, participant, tab, ticked, sha256))

        return await self._guarded(request, answer)

    async def decline(self, request: Request) -> Response:
        """Say no: nothing is kept but a count."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            standing = await run_in_threadpool(running.store.find, participant)
            if standing is not None and standing.consented_at is None:
                await run_in_threadpool(running.store.erase, participant, "no_consent")
            return _json({"return": running.plan.recruiting.returns.get("no_consent")})

        return await self._guarded(request, answer)

    async def photo(self, request: Request) -> Response:
        """Take in a photo: the raw file as the body. Only after the consent."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            await run_in_threadpool(running.store.check_tab, participant, tab)
            await run_in_threadpool(self._require_consent, running, participant)
            data = await read_body(request, photos.MAX_BYTES, "This file is too large; choose one under 40 MB.")
            photo = await to_thread.run_sync(photos.open_photo, data, limiter=self._opening)
            await run_in_threadpool(self._require_consent, running, participant)  # withdrawn while it was on its way
            return _json({"photo": photo_words(self._sittings.take(participant, photo))})

        return await self._guarded(request, answer)

    async def sitter(self, request: Request) -> Response:
        """Choose a face, or turn the photo. Body: {face} from 0, or {turn} in degrees clockwise."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            asked = await _asked(request)
            face, turn = asked.get("face"), asked.get("turn")
            face = face if isinstance(face, int) and not isinstance(face, bool) else None
            degrees = turn if turn in (90, 180, 270) else 0
            sitting = await run_in_threadpool(self._sittings.choose, participant, face, degrees)
            return _json({"photo": photo_words(sitting)})

        return await self._guarded(request, answer)

    async def portraits(self, request: Request) -> Response:
        """Make the portraits, or with {stop: true} stop making them."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            await run_in_threadpool(running.store.check_tab, participant, tab)
            asked = await _asked(request)
            if asked.get("stop") is True:
                self._sittings.stop(participant)
            else:
                network = self._network(request)

                def admit(wanted: PortraitRequest) -> contextlib.AbstractContextManager[None]:
                    return admission.counted(self._studio, network, wanted)

                await run_in_threadpool(self._sittings.start, running, participant, admit)
            return self._screen(running, await run_in_threadpool(self._standing, running, participant))

        return await self._guarded(request, answer)

    async def progress(self, request: Request) -> Response:
        """The screen as it is now: how far the portraits are."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            await run_in_threadpool(running.store.check_tab, participant, tab)
            return self._screen(running, await run_in_threadpool(self._standing, running, participant))

        return await self._guarded(request, answer)

    async def answer(self, request: Request) -> Response:
        """One answer. It is on the disk when this answers."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            asked = await _asked(request)
            return self._screen(running, await run_in_threadpool(running.answer, participant, tab, asked))

        return await self._guarded(request, answer)

    async def event(self, request: Request) -> Response:
        """The page was hidden or shown. Body: {name, page_ms, trial}."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            await run_in_threadpool(running.note, participant, tab, await _asked(request))
            return _json({"ok": True})

        return await self._guarded(request, answer)

    async def withdraw(self, request: Request) -> Response:
        """Delete everything of whoever sends this, or with {code} of whoever was given that code."""

        async def by_code(running: RunningStudy, code: str) -> Response:
            self._limit(request)
            found = await run_in_threadpool(running.store.by_withdrawal_code, code)
            if found is None:
                words = words_in(language_of(request, running))["withdraw-unknown"]
                return problem(HTTPStatus.NOT_FOUND, words)
            return await self._erased(running, found)

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            return await self._erased(running, participant)

        running = self._studies.running.get(request.path_params["study"])
        if running is not None and not is_foreign(request):
            try:
                code = (await _asked(request)).get("code")
                if isinstance(code, str):
                    return await by_code(running, code)
            except PortraitError as error:
                return _refusal(error)
        return await self._guarded(request, answer, needs_tab=False)

    # --- pictures ---

    async def picture(self, request: Request) -> Response:
        """A portrait, as pixels alone: a file's own words name its style. The mark in the pixels stays."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            name = request.path_params["name"]
            standing = await run_in_threadpool(self._standing, running, participant)
            if name not in standing.pictures.values():
                return problem(HTTPStatus.NOT_FOUND, "This picture is not there any more.")
            data = await run_in_threadpool(pixels, running.store.files.path(participant, name).read_bytes())
            return Response(data, media_type="image/webp", headers=NO_STORE)

        return await self._guarded(request, answer, needs_tab=False)

    async def photo_picture(self, request: Request) -> Response:
        """The photo that was just given, for its giver to look at."""

        async def answer(running: RunningStudy, participant: str, kind: PersonKind, tab: str) -> Response:
            sitting = self._sittings.find(participant)
            photo = sitting.photo if sitting is not None else None
            if photo is None:
                return problem(HTTPStatus.NOT_FOUND, "There is no photo here.")
            return Response(await run_in_threadpool(jpeg, photo.image), media_type="image/jpeg", headers=NO_STORE)

        return await self._guarded(request, answer, needs_tab=False)

    # --- inside ---

    async def _guarded(self, request: Request, answer: _Answer, *, needs_tab: bool = True) -> Response:
        try:
            running = self._studies.running.get(request.path_params["study"])
            if running is None:
                return problem(HTTPStatus.NOT_FOUND, _NO_STUDY)
            known, tab = read_pass(request, running), request.headers.get(TAB_HEADER, "")
            if known is None or is_foreign(request) or (needs_tab and not _TAB.fullmatch(tab)):
                return problem(HTTPStatus.FORBIDDEN, _NO_PASS)
            return await answer(running, known[0], known[1], tab)
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
                }
                shown["said"] = sitting.said
        return _json(shown)

    def _standing(self, running: RunningStudy, participant: str) -> Standing:
        standing = running.store.find(participant)
        if standing is None:
            raise StudyClosed("Nothing of you is stored here any more. To take part, open your link again.")
        return standing

    def _require_consent(self, running: RunningStudy, participant: str) -> None:
        standing = self._standing(running, participant)
        if standing.consented_at is None or standing.status != "active":
            raise StudyError("Read and answer the consent first; without it no photo is taken in.")

    async def _erased(self, running: RunningStudy, participant: str) -> Response:
        self._sittings.forget(participant)
        await run_in_threadpool(running.store.erase, participant, "withdrawn")
        response = _json({"withdrawn": True})
        response.delete_cookie(cookie_name(running), path="/")
        return response

    def _limit(self, request: Request) -> None:
        self._studio.limits.study_asked(self._network(request))

    def _network(self, request: Request) -> str:
        return connection_network(request, self._studio.limits.settings.trusted_proxies)


# --- what goes out ---


def _json(value: Mapping[str, Any]) -> Response:
    return JSONResponse(dict(value), headers=NO_STORE)


def _status(error: PortraitError) -> HTTPStatus:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.UNPROCESSABLE_ENTITY)


def _refusal(error: PortraitError) -> Response:
    body = {"sentence": sentence(error), "code": error.code}
    return JSONResponse(body, status_code=_status(error), headers=NO_STORE)


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        StudyError: It is none.
    """
    try:
        said_ = json.loads(await read_body(request, _MAX_JSON, "This is too much for one answer."))
    except (ValueError, RecursionError, PhotoUnreadable) as error:
        raise StudyError("Reload the page and try again; that was no answer.") from error
    if not isinstance(said_, dict):
        raise StudyError("Reload the page and try again; that was no answer.")
    return said_
