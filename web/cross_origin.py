"""Which other sites' scripts may call the API: programs that run in a browser.

They get nothing without a session of their own, so any site may; but none except those of this computer may call a
studio that is open on this computer, for whoever sits at it would not know.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_LOCAL = "localhost", "127.0.0.1", "0.0.0.0"
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


class CrossOrigin:
    """ASGI middleware: the rule that Gradio has for its own addresses, for all of them."""

    def __init__(self, app: ASGIApp) -> None:
        local = "|".join(name.replace(".", r"\.") for name in _LOCAL)
        self._for_local = _allowing(app, rf"https?://(?:{local})(?::\d+)?")
        self._for_others = _allowing(app, r".*")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a question for permission, and add to other answers who may read them."""
        is_local = scope["type"] == "http" and _name(Headers(scope=scope).get("host", "")) in _LOCAL
        await (self._for_local if is_local else self._for_others)(scope, receive, send)


def _allowing(app: ASGIApp, origins: str) -> CORSMiddleware:
    return CORSMiddleware(
        app, allow_origin_regex=origins, allow_methods=_METHODS, allow_headers=["*"], allow_credentials=True
    )


def _name(host: str) -> str:
    return host.lower() if host.startswith("[") else host.rsplit(":", 1)[0].lower()
