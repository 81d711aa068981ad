"""The page and what it is built from, compressed: 130 kB of text that slow lines wait for.

Not the other answers: pictures and scripts are compressed already, and streams of events must not wait in a buffer.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_PATHS = ("", "/", "/config")


class Compressed:
    """ASGI middleware. It stands outside of those that read the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        await (self._compressing if path in _PATHS else self._app)(scope, receive, send)
