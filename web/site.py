"""The studio's own app: what stands around every answer, and the studio's routes. The page is mounted into it."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from visits.studio import Studio
from web.compressed import Compressed
from web.cross_origin import CrossOrigin
from web.gradio_seams import STARTUP, Page
from web.in_language import InLanguage
from web.isolation import Isolation
from web.open_events import OpenEvents
from web.open_graph import OpenGraph
from web.routes import build_routes
from web.shield import Shield


def build_site(studio: Studio, page: Page) -> FastAPI:
    """The app, without the page that will be mounted at "/".

    The setting `root_path` is the path below which a proxy offers it, or its whole address.
    """
    return FastAPI(
        routes=[*build_routes(studio), Route(STARTUP, _has_started)],
        middleware=[
            Middleware(BelowProxy, studio.settings.root_path),
            Middleware(InLanguage),
            Middleware(Compressed),
            Middleware(Shield, on_space=studio.settings.on_space),
            Middleware(CrossOrigin),
            Middleware(OpenGraph, studio.settings.space_host),
            wall_between_visitors(studio, page),
        ],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )


def wall_between_visitors(studio: Studio, page: Page) -> Middleware:
    """The wall of `web/isolation.py`, for this studio and the page's queue."""
    return Middleware(
        Isolation,
        folder_of=studio.pipeline.folder,
        in_use=studio.visits.is_open,
        events=OpenEvents(page, studio.visits.is_open),
        trusted_proxies=studio.settings.trusted_proxies,
    )


class BelowProxy:
    """ASGI middleware: tells the others of the path that a proxy puts before ours, and may have taken off again.

    The server's own setting takes it that it always was.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if self._path:
            scope["root_path"] = self._path
        await self._app(scope, receive, send)


async def _has_started(_: Request) -> Response:
    """In the place of Gradio's, which would start the queue a second time."""
    return JSONResponse(True)
