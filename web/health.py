"""Whether the studio lives, and whether it is ready: for whoever starts and watches it. Says nothing of visitors."""

from __future__ import annotations

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from visits.studio import Studio
from web.calls import NO_STORE

ADDRESSES = ("/healthz", "/readyz")


def build_health_routes(studio: Studio) -> list[Route]:
    """GET /healthz: 200 as long as requests are answered. GET /readyz: 200 once models are loaded, else 503."""

    async def lives(_: Request) -> Response:
        return JSONResponse({"ok": True}, headers=NO_STORE)

    async def ready(_: Request) -> Response:
        is_ready = not studio.pipeline.warming  # else what it is at, or why it cannot work
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ok": is_ready}, status, headers=NO_STORE)

    return [Route(address, answer) for address, answer in zip(ADDRESSES, (lives, ready), strict=True)]
