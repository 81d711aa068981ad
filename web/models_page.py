"""The operator's page at /models: model stacks are downloaded, watched and deleted here.

For whoever sits at this machine (`web/local_machine.py`) where no proxy stands in front, and for whoever has the token.
Plain pages and forms; a small script follows a download, and without it the page is read again by a link. Every form
carries the session's token, and what another origin's page asks is refused, reading included.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from languages.saying import ENGLISH, speaking
from pipelines.errors import PortraitError, RequestInvalid, TooOften
from pipelines.hub import cache
from pipelines.hub.jobs import Downloads
from pipelines.hub.weights import readable_size
from pipelines.safety.review import Safety
from pipelines.settings import Settings
from visits.studio import Studio
from web.addresses import connection_network
from web.errors import sentence
from web.local_machine import is_at_this_machine
from web.models_words import cards
from web.plain_pages import page, part
from web.sign_in import Gate, Session, is_foreign, proves

log = logging.getLogger(__name__)

_OPERATOR = "the operator"
_HERE = ""  # the name of a session that needs no token: there is nothing to sign out of
_WRONG = "This is not the token."
_STALE = "This form is from an earlier sign-in. Open the page once more, then try again."
_FOREIGN = "This was asked by a page of another site."
_Answer = Callable[[Request, Session], Awaitable[Response]]


class OperatorToken:
    """The one who may come in, by a token.

    Args:
        token: 16 characters or more.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def knows(self, name: str, password: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(password.encode(), self._token)


def build_models_routes(studio: Studio) -> list[BaseRoute]:
    """The routes; none where the page is off (STUDIO_OPERATOR_TOKEN, and on a Space that has none)."""
    if studio.downloads is None or not studio.operator_token:
        return []
    settings = studio.settings
    return models_routes(
        studio.downloads,
        studio.pipeline.safety,
        Gate(OperatorToken(studio.operator_token), cookie="studio_operator"),
        trusted_proxies=settings.trusted_proxies,
        trusts_this_machine=trusts_this_machine(settings),
    )


def trusts_this_machine(settings: Settings) -> bool:
    """Whether the page opens without the token to whoever sits at this machine: not where a proxy is known of."""
    is_behind = settings.trusted_proxies > 0 or settings.root_path != ""
    return not is_behind and not settings.on_space


def how_models_open(studio: Studio, url: str) -> str:
    """What the operator is told at the start: where the page is, and how it opens.

    Args:
        studio: One that has such a page.
        url: Of the studio, with a slash at its end.
    """
    settings = studio.settings
    token = "STUDIO_OPERATOR_TOKEN" if settings.operator_token else f"the token {studio.operator_token}"
    alone = "for who sits at this machine, and " if trusts_this_machine(settings) else ""
    return f"Models are at {url}models, {alone}with {token}"


def models_routes(
    downloads: Downloads, safety: Safety, gate: Gate, *, trusted_proxies: int = 0, trusts_this_machine: bool = False
) -> list[BaseRoute]:
    """The routes.

    Args:
        downloads: What there is, and what is on its way.
        safety: Who says which stacks may be used here.
        gate: Who has signed in.
        trusted_proxies: How many proxies of the operator's own stand in front, for the limit on wrong tries.
        trusts_this_machine: Whether whoever sits at this machine needs no token.
    """
    calls = _Models(downloads, safety, gate, trusted_proxies, trusts_this_machine)
    return [
        Route("/models", calls.reading(calls.everything)),
        Route("/models/cards", calls.reading(calls.only_cards)),
        Route("/models/login", calls.login, methods=["POST"]),
        Route("/models/logout", calls.logout, methods=["POST"]),
        Route("/models/{offer}/{action}", calls.change, methods=["POST"]),
    ]


class _Models:
    def __init__(
        self, downloads: Downloads, safety: Safety, gate: Gate, trusted_proxies: int, trusts_this_machine: bool
    ) -> None:
        self._downloads, self._safety, self._gate = downloads, safety, gate
        self._trusted_proxies, self._trusts_this_machine = trusted_proxies, trusts_this_machine

    # --- around every answer ---

    def reading(self, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        """For who may be here; others get the sign-in."""

        async def guarded(request: Request) -> Response:
            if is_foreign(request):
                return page(request, "models_trouble", None, status=HTTPStatus.FORBIDDEN, trouble=_FOREIGN)
            session, is_local = self._session(request), self._is_local(request)
            if session is None and is_local:
                word, session = self._gate.admit(_HERE)
                return self._gate.set_cookie(await answer(request, session), request, word)
            if session is None:
                return page(request, "models_login", None, status=HTTPStatus.FORBIDDEN, trouble="")
            return await answer(request, session)

        return guarded

    def _session(self, request: Request) -> Session | None:
        session = self._gate.session(request)
        if session is not None and session.name == _HERE and not self._is_local(request):
            return None
        return session

    def _is_local(self, request: Request) -> bool:
        return self._trusts_this_machine and is_at_this_machine(request)

    # --- sign-in ---

    async def login(self, request: Request) -> Response:
        form = await _form(request)

        def refused(words: str, status: HTTPStatus) -> Response:
            return page(request, "models_login", None, status=status, trouble=words)

        if is_foreign(request):
            return refused(_FOREIGN, HTTPStatus.FORBIDDEN)
        network = connection_network(request, self._trusted_proxies)
        try:
            word = await run_in_threadpool(self._gate.sign_in, _OPERATOR, str(form.get("password", "")), network)
        except TooOften as error:
            return refused(sentence(error), HTTPStatus.TOO_MANY_REQUESTS)
        if word is None:
            log.warning("a sign-in of the operator failed")
            return refused(_WRONG, HTTPStatus.FORBIDDEN)
        return self._gate.set_cookie(_to_page(request), request, word)

    async def logout(self, request: Request) -> Response:
        session = self._session(request)
        form = await _form(request)
        if session is None or is_foreign(request) or not proves(session, form.get("token")):
            return page(request, "models_trouble", session, status=HTTPStatus.FORBIDDEN, trouble=_STALE)
        self._gate.sign_out(request)
        return self._gate.drop_cookie(_to_page(request), request)

    # --- pages ---

    async def everything(self, request: Request, session: Session) -> Response:
        """The whole page."""
        found, around = await run_in_threadpool(lambda: (cards(self._downloads, self._safety), cache.surroundings()))
        free = readable_size(around.free_bytes)
        return page(request, "models", session, cards=found, around=around, free=free)

    async def only_cards(self, request: Request, session: Session) -> Response:
        """What changes on it, for the script."""
        found = await run_in_threadpool(cards, self._downloads, self._safety)
        return part(request, "models_cards", session, cards=found)

    # --- changes ---

    async def change(self, request: Request) -> Response:
        """Start, pause, cancel or delete."""
        session = self._session(request)
        form = await _form(request)
        if session is None or is_foreign(request) or not proves(session, form.get("token")):
            return page(request, "models_trouble", session, status=HTTPStatus.FORBIDDEN, trouble=_STALE)
        offer, action = request.path_params["offer"], request.path_params["action"]
        try:
            with speaking(ENGLISH):
                session.notice = await run_in_threadpool(self._do, offer, action, form.get("sure") == "yes")
        except PortraitError as error:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return page(request, "models_trouble", session, status=status, trouble=sentence(error))
        return _to_page(request, offer)

    def _do(self, offer: str, action: str, is_sure: bool) -> str:
        """Returns what is to be said of it on the next page."""
        if action == "start":
            self._downloads.start(offer)
        elif action == "pause":
            self._downloads.pause(offer)
        elif action == "cancel":
            self._downloads.cancel(offer)
        elif action == "delete":
            if not is_sure:
                raise RequestInvalid("Tick that you are sure.")
            freed = self._downloads.delete(offer)
            log.warning("the operator deleted the files of %s", offer)
            return f"{readable_size(freed)} are free now."
        else:
            raise RequestInvalid("There is no such action.")
        return ""


async def _form(request: Request) -> FormData:
    """The fields of a form; none of what is no form, or has files in it."""
    try:
        return await request.form(max_files=0, max_fields=10)
    except (HTTPException, MultiPartException):
        return FormData()


def _to_page(request: Request, offer: str = "") -> Response:
    place = f"#{offer}" if offer else ""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/models{place}", HTTPStatus.SEE_OTHER)
