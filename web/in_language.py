"""Each answer in the language of whoever asked: for the page, the studio's routes and the events of Gradio's queue."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from languages.catalogue import LANGUAGES
from languages.choice import COOKIE, DEFAULT, chosen
from languages.saying import speaking, spoken

PAGE_LANGUAGE = "x-page-language"  # a study's page says in it what it is written in: the study decides, not the browser


def language_of(connection: HTTPConnection) -> str:
    """What the page is written in where it says so; else the language that was chosen there, or the browser's."""
    if said := connection.headers.get(PAGE_LANGUAGE):
        return said if said in LANGUAGES else DEFAULT
    return chosen(connection.cookies.get(COOKIE), connection.headers.get("accept-language"))


class InLanguage:
    """ASGI middleware around all the others, for their refusals are read, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with speaking(language_of(HTTPConnection(scope))):
            await self._app(scope, receive, send)


class SpokenJSON(JSONResponse):
    """JSON whose sentences are in the language of the request."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return super().render(spoken(content))
