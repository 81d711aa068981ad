"""Researchers' pages at /research: sign-in, progress, results, people, files; previews and simulations.

Pages are plain HTML without scripts. Everything but the sign-in needs a session (`web/sign_in.py`); every form
carries the session's token, and what another origin's page asks is refused, reading included.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pipelines.errors import PortraitError, RequestInvalid, StudyError, StudyStoreError, TooOften
from study.analysis.flow import flow_of
from study.analysis.results import Results
from study.dataset import Dataset
from study.opening import open_store, studies_folder
from study.participation import RunningStudy
from study.plan.definition import said
from study.report.blocks import Block, Document, Heading, Picture
from study.report.content import drawings, outcomes
from study.report.figures import PAGE_THEMES
from study.report.sample import completeness, summary
from study.report.writing import with_words
from study.researchers import Researchers
from visits.studio import Studio
from web.addresses import connection_network
from web.errors import sentence
from web.research_data import KINDS, Desk
from web.research_links import links_of, own_site, returns_of
from web.research_pages import page
from web.research_simulations import Simulations, own_address
from web.research_tables import progress_tables, tiles
from web.sign_in import Gate, Session, is_foreign, proves

log = logging.getLogger(__name__)
_MOST_SIMULATED = 200
_Answer = Callable[[Request, Session], Awaitable[Response]]
_Change = Callable[[Request, Session, FormData], Awaitable[Response]]
_WRONG = "Name or password is wrong."
_STALE = "This form is from an earlier sign-in. Open the page once more, then try again."
_FOREIGN = "This was asked by a page of another site."


def build_research_routes(studio: Studio) -> list[BaseRoute]:
    """The routes; none where no researcher has an account (STUDY_RESEARCHERS).

    Raises:
        SettingsError: The setting is wrong.
        StudyError: The store of the studies cannot be used.
    """
    settings = studio.settings
    researchers = Researchers(settings.study_researchers)
    if not researchers:
        return []
    store = studio.studies.store if studio.studies is not None else open_store(settings)
    running = studio.studies.running if studio.studies is not None else {}
    desk = Desk(store, studies_folder(settings))
    return research_routes(desk, Gate(researchers), running, trusted_proxies=settings.trusted_proxies)


def research_routes(
    desk: Desk, gate: Gate, running: Mapping[str, RunningStudy], *, trusted_proxies: int = 0
) -> list[BaseRoute]:
    """The routes.

    Args:
        running: Studies that are open here, by id.
        trusted_proxies: How many proxies of the operator's own stand in front, for the limit on wrong tries.
    """
    calls = _Research(desk, gate, running, trusted_proxies)
    study = "/research/{sha256:str}"
    return [
        Route("/research", calls.reading(calls.studies)),
        Route("/research/login", calls.login_page),
        Route("/research/login", calls.login, methods=["POST"]),
        Route("/research/logout", calls.changing(calls.logout), methods=["POST"]),
        Route(study, calls.reading(calls.progress)),
        Route(f"{study}/results", calls.reading(calls.results)),
        Route(f"{study}/figure/{{name}}.svg", calls.reading(calls.figure)),
        Route(f"{study}/people", calls.reading(calls.people)),
        Route(f"{study}/files", calls.reading(calls.files)),
        Route(f"{study}/export.zip", calls.reading(calls.export)),
        Route(f"{study}/report.zip", calls.reading(calls.report)),
        Route(f"{study}/ethics.zip", calls.reading(calls.ethics)),
        Route(f"{study}/delete", calls.changing(calls.delete), methods=["POST"]),
        Route(f"{study}/delete-old", calls.changing(calls.delete_old), methods=["POST"]),
        Route(f"{study}/reveal", calls.changing(calls.reveal), methods=["POST"]),
        Route(f"{study}/preview", calls.changing(calls.preview), methods=["POST"]),
        Route(f"{study}/simulate", calls.changing(calls.simulate), methods=["POST"]),
    ]


class _Research:
    def __init__(self, desk: Desk, gate: Gate, running: Mapping[str, RunningStudy], trusted_proxies: int) -> None:
        self._desk, self._gate, self._running = desk, gate, running
        self._trusted_proxies = trusted_proxies
        self._simulations = Simulations()

    # --- around every answer ---

    def reading(self, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        """For who is signed in; others get the sign-in, and come here afterwards."""

        async def guarded(request: Request) -> Response:
            session = self._gate.session(request)
            if is_foreign(request):
                return page(request, "research_trouble", None, status=HTTPStatus.FORBIDDEN, trouble=_FOREIGN)
            if session is None:
                return page(request, "research_login", None, trouble="", next=_way(request))
            return await self._reporting(request, session, answer(request, session))

        return guarded

    def changing(self, change: _Change) -> Callable[[Request], Awaitable[Response]]:
        """For a form of who is signed in."""

        async def guarded(request: Request) -> Response:
            session = self._gate.session(request)
            form = await request.form(max_files=0, max_fields=20)
            if session is None or is_foreign(request) or not proves(session, form.get("token")):
                return page(request, "research_trouble", session, status=HTTPStatus.FORBIDDEN, trouble=_STALE)
            return await self._reporting(request, session, change(request, session, form))

        return guarded

    async def _reporting(self, request: Request, session: Session, answer: Awaitable[Response]) -> Response:
        try:
            return await answer
        except PortraitError as error:
            is_away = isinstance(error, StudyStoreError)
            status = HTTPStatus.SERVICE_UNAVAILABLE if is_away else HTTPStatus.UNPROCESSABLE_ENTITY
            return page(request, "research_trouble", session, status=status, trouble=sentence(error))

    # --- sign-in ---

    async def login_page(self, request: Request) -> Response:
        return page(request, "research_login", self._gate.session(request), trouble="", next="")

    async def login(self, request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=20)
        way = _safe(str(form.get("next", "")))

        def refused(words: str, status: HTTPStatus) -> Response:
            return page(request, "research_login", None, status=status, trouble=words, next=way)

        if is_foreign(request):
            return refused(_FOREIGN, HTTPStatus.FORBIDDEN)
        network = connection_network(request, self._trusted_proxies)
        try:
            name, password = str(form.get("name", "")), str(form.get("password", ""))
            word = await run_in_threadpool(self._gate.sign_in, name, password, network)
        except TooOften as error:
            return refused(sentence(error), HTTPStatus.TOO_MANY_REQUESTS)
        if word is None:
            log.warning("a sign-in of a researcher failed")
            return refused(_WRONG, HTTPStatus.FORBIDDEN)
        return self._gate.set_cookie(_to(request, way or "/research"), request, word)

    async def logout(self, request: Request, session: Session, form: FormData) -> Response:
        self._gate.sign_out(request)
        return self._gate.drop_cookie(_to(request, "/research"), request)

    # --- pages ---

    async def studies(self, request: Request, session: Session) -> Response:
        found = await run_in_threadpool(self._desk.studies)
        return page(request, "research_studies", session, studies=found, running=self._open())

    async def progress(self, request: Request, session: Session) -> Response:
        data, common = await self._data(request)
        shown = self._desk.shown(data)
        plan, address = data.plan, own_site(request)
        return page(
            request,
            "research_progress",
            session,
            here="",
            tiles=tiles(shown),
            tables=progress_tables(shown),
            flow=flow_of(shown),
            places=plan.places if data.kind == "participant" else 0,
            links=links_of(plan, address),
            returns=returns_of(plan),
            simulation=self._simulations.of(data.sha256),
            read_at=data.read_at,
            **common,
        )

    async def results(self, request: Request, session: Session) -> Response:
        data, common = await self._data(request)
        found = await run_in_threadpool(self._desk.results, data)
        content = await run_in_threadpool(_with_pictures, found)
        return page(
            request,
            "research_results",
            session,
            here="/results",
            content=content,
            draws=found.settings.draws,
            underway=found.flow.underway if data.kind == "participant" else 0,
            **common,
        )

    async def figure(self, request: Request, session: Session) -> Response:
        data, _ = await self._data(request)
        asked = request.query_params.get("theme", "light")
        theme = next((one for one in PAGE_THEMES if one == asked), PAGE_THEMES[0])
        found = await run_in_threadpool(self._desk.figure, data, request.path_params["name"], theme)
        if found is None:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        return Response(found, media_type="image/svg+xml")

    async def people(self, request: Request, session: Session) -> Response:
        data, common = await self._data(request)
        return page(request, "research_people", session, here="/people", people=data.people[::-1], **common)

    async def files(self, request: Request, session: Session) -> Response:
        _, common = await self._data(request)
        return page(request, "research_files", session, here="/files", **common)

    # --- downloads ---

    async def export(self, request: Request, session: Session) -> Response:
        data, _ = await self._data(request)
        exclude = request.query_params.get("exclude") == "1"
        found = await run_in_threadpool(lambda: self._desk.export_archive(data, exclude=exclude))
        return _download(data, "main-data" if exclude else "data", found)

    async def report(self, request: Request, session: Session) -> Response:
        data, _ = await self._data(request)
        return _download(data, "report", await run_in_threadpool(self._desk.report_archive, data))

    async def ethics(self, request: Request, session: Session) -> Response:
        data, _ = await self._data(request)
        return _download(data, "ethics", await run_in_threadpool(self._desk.ethics_archive, data))

    # --- changes ---

    async def delete(self, request: Request, session: Session, form: FormData) -> Response:
        data, _ = await self._data(request)
        participant = str(form.get("participant", ""))
        _sure(form)
        if participant not in {one.id for one in data.people}:
            raise StudyError("There is nobody with this number.")
        await run_in_threadpool(self._desk.store.erase, participant, "deleted_by_researcher")
        log.warning("a researcher deleted a participant")
        session.notice = "Everything of this person is deleted."
        return self._back(request, "/people")

    async def delete_old(self, request: Request, session: Session, form: FormData) -> Response:
        data, _ = await self._data(request)
        _sure(form)
        before = datetime.now(UTC) - timedelta(days=_whole(form, "days", 0, 3650))
        going = [one.id for one in data.people if one.arrived_at < before]

        def erase() -> None:
            for participant in going:
                self._desk.store.erase(participant, "deleted_by_researcher")

        await run_in_threadpool(erase)
        session.notice = f"Everything of {len(going)} people is deleted."
        return self._back(request, "/people")

    async def reveal(self, request: Request, session: Session, form: FormData) -> Response:
        _sure(form)
        data, _ = await self._data(request)
        await run_in_threadpool(self._desk.reveal, data.sha256, session.name)
        session.notice = "The conditions are revealed."
        return self._back(request, "/files")

    async def preview(self, request: Request, session: Session, form: FormData) -> Response:
        study = await self._open_study(request)
        code = study.store.identity.marked_code("preview", secrets.token_hex(6))
        return _to(request, f"/study/{study.id}?{urlencode({study.plan.recruiting.participant: code})}")

    async def simulate(self, request: Request, session: Session, form: FormData) -> Response:
        study = await self._open_study(request)
        wanted = _whole(form, "count", 1, _MOST_SIMULATED)
        await run_in_threadpool(self._simulations.start, study, own_address(request), wanted)
        return self._back(request, "", "simulated")

    # --- inside ---

    def _open(self) -> set[str]:
        return {one.frozen.sha256 for one in self._running.values()}

    async def _open_study(self, request: Request) -> RunningStudy:
        for one in self._running.values():
            if one.frozen.sha256 == request.path_params["sha256"]:
                return one
        raise StudyError("This version of the study is not open here.")

    async def _data(self, request: Request) -> tuple[Dataset, dict[str, Any]]:
        """The dataset that the address names, and what the templates of a study's pages have in common."""
        sha256, kind = request.path_params["sha256"], request.query_params.get("kind", "participant")
        if kind not in KINDS:
            raise RequestInvalid("Choose participants, simulated or previews.")
        study = await run_in_threadpool(self._desk.study, sha256)
        data = await run_in_threadpool(self._desk.data, sha256, kind)
        title = said(data.plan.title, data.plan.languages[0])
        is_open = sha256 in self._open()
        blind = await run_in_threadpool(self._desk.is_blind, data)
        return data, {"study": study, "kind": kind, "title": title, "is_open": is_open, "is_blind": blind}

    def _back(self, request: Request, path: str, kind: str = "") -> Response:
        kind = kind or request.query_params.get("kind", "participant")
        kind = kind if kind in KINDS else "participant"
        return _to(request, f"/research/{request.path_params['sha256']}{path}?kind={kind}")


def _with_pictures(found: Results) -> tuple[Block, ...]:
    """What was found, with the figures' words; a figure that was not drawn is left out."""
    drawn = {one.name: one for one in drawings(found, "light")}
    times = [Picture(f"times-{one.task}", "", "") for one in found.times]
    head = [Heading("Response times")] if times else []
    blocks = (*summary(found), *completeness(found), *outcomes(found), *head, *times)
    return with_words(Document("", "", blocks), drawn).blocks


def _to(request: Request, path: str) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}{path}", HTTPStatus.SEE_OTHER)


def _way(request: Request) -> str:
    """Where somebody wanted to go, below our own address."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    query = f"?{request.url.query}" if request.url.query else ""
    return _safe(f"{path}{query}")


def _safe(way: str) -> str:
    """Only a page of ours: nobody is sent elsewhere by a form that was filled in before."""
    is_ours = way == "/research" or way.startswith("/research/")
    return way if is_ours and way.isascii() and way.isprintable() and "\\" not in way and len(way) < 300 else ""


def _sure(form: FormData) -> None:
    if form.get("sure") != "yes":
        raise RequestInvalid("Tick that you are sure.")


def _whole(form: FormData, name: str, least: int, most: int) -> int:
    text = str(form.get(name, ""))
    if not text.isdecimal() or not least <= int(text[:9]) <= most:
        raise RequestInvalid(f"Enter a whole number from {least} to {most}.")
    return int(text)


def _download(data: Dataset, what: str, content: bytes) -> Response:
    kind = "" if data.kind == "participant" else f"-{data.kind}"
    name = f"{data.plan.id}-v{data.plan.version}{kind}-{what}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/zip", headers=headers)
