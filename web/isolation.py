"""A wall between visitors, in front of Gradio.

Gradio takes a session's id as the proof that a request comes from that session: whoever reads the id in a proxy's log
can listen to its events and ask for them. Its file route hands every file of the cache to everybody who has the path.
Here the browser that speaks first in a session's name gets to keep it: it is told by a random cookie, and what it owns
(sessions, events, uploads, files) opens to it alone. Programs, which keep no cookies, are told by their session's id,
which gradio_client makes of 122 random bits. Gradio's addresses that the page and the client do not use are closed.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from languages.saying import say
from study.consent import NOT_YOURS
from web import gradio_seams as seams
from web.addresses import connection_network
from web.in_language import SpokenJSON
from web.open_events import Crowded, OpenEvents
from web.owners import Owners, Sender

COOKIE = "studio_visitor"
OWNS = "studio.owns"  # in a request's scope: says whether a session is the sender's
WORDS = "studio.words"  # there too: the random words in the sender's cookies; one empty word for programs
_FOR = "studio.session"  # there too: the session that the request is for
MAX_JSON_BYTES = 256 * 1024  # events carry choices and words; photos have a route of their own
_OURS = re.compile(r"/(studio|study)/.+|/(research|models)(/.+)?|/(healthz|readyz)")
_WORD = re.compile(r"[\w-]{32}", re.ASCII)
_MAX_WORDS = 8
_SESSION = re.compile(r"[\w-]{1,128}", re.ASCII)
_ASSETS = ("/studio/static/", "/studio/thumbnails/", "/studio/words/", *seams.ASSETS)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


_CLOSED = say("This address is closed here.")


class Isolation:
    """ASGI middleware.

    Args:
        app: What stands behind the wall.
        folder_of: Session to the folder of its portraits; only what lies in such a folder is served as a file.
        in_use: Whether there is a consent for a session: its owner is never forgotten.
        events: Bounds on what may be asked for at a time.
        trusted_proxies: How many proxies of the operator's own stand in front.
    """

    def __init__(
        self,
        app: ASGIApp,
        folder_of: Callable[[str], Path],
        in_use: Callable[[str], bool],
        events: OpenEvents,
        trusted_proxies: int = 0,
    ) -> None:
        self._app = app
        self._folder_of = folder_of
        self._owners = Owners(in_use)
        self._events = events
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # no address here speaks WebSocket
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        sender = Sender(_words(scope), connection_network(HTTPConnection(scope), self._trusted_proxies))
        sent = _with_headers(send, scope, path, sender)
        scope[OWNS] = partial(self._owns, scope, sender)
        scope[WORDS] = sender.words
        try:
            receive, sent = await self._admit(scope, path, sender, receive, sent)
            if seams.JOIN.fullmatch(path):
                with self._events.joining(scope, sender, scope.get(_FOR, "")):
                    await self._app(scope, receive, sent)
            elif seams.CALL.fullmatch(path):
                await self._events.call(self._app, scope, receive, sent, sender)
            else:
                await self._app(scope, receive, sent)
        except _Refused as refused:
            await SpokenJSON({"detail": refused.words}, refused.status)(scope, receive, sent)
        except Crowded as crowded:
            await SpokenJSON({"detail": str(crowded)}, HTTPStatus.SERVICE_UNAVAILABLE)(scope, receive, sent)

    async def _admit(
        self, scope: Scope, path: str, sender: Sender, receive: Receive, send: Send
    ) -> tuple[Receive, Send]:
        """Let a request through, or raise."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if seams.is_side_door(path, query):
            raise _Refused(HTTPStatus.NOT_FOUND, _CLOSED)
        if match := seams.STREAM.fullmatch(path):
            if match["event"]:
                self._mine(f"event {match['event']}", sender)
            else:  # only where Gradio uses the name: whoever claims many makes others forgotten
                self._session(scope, match["session"] or _one(query.get(seams.SESSION, [])), sender)
        elif match := seams.FILE.fullmatch(path):
            self._file(match["path"], sender)
        elif seams.EVENT.fullmatch(path):
            body, receive = await _json_body(receive)
            self._event(scope, body, sender)
            return receive, self._noting(send, scope, sender)
        elif seams.UPLOAD.fullmatch(path):
            return receive, self._noting(send, scope, sender)
        elif not seams.OPEN.fullmatch(path) and not _OURS.fullmatch(path):
            raise _Refused(HTTPStatus.NOT_FOUND, _CLOSED)
        return receive, send

    def _session(self, scope: Scope, session: str, sender: Sender) -> None:
        if not _SESSION.fullmatch(session):
            raise _Refused(HTTPStatus.BAD_REQUEST, "This is no session.")
        if not self._owns(scope, sender, session):
            raise _Refused(HTTPStatus.FORBIDDEN, NOT_YOURS)
        self._owners.give(session, f"folder {self._folder_of(session).absolute()}")

    def _owns(self, scope: Scope, sender: Sender, session: str) -> bool:
        scope[_FOR] = session
        return self._owners.claim(session, sender)

    def _mine(self, thing: str, sender: Sender) -> None:
        if not self._owners.owns(thing, sender):
            raise _Refused(HTTPStatus.FORBIDDEN, NOT_YOURS)

    def _event(self, scope: Scope, body: dict[str, Any], sender: Sender) -> None:
        """Names a session, perhaps an event, and files: all must be the sender's."""
        session, event = seams.names_in(body)
        if not isinstance(session, str | None) or not isinstance(event, str | None):
            raise _Refused(HTTPStatus.BAD_REQUEST, "A session and an event are named by text.")
        if session is not None:
            self._session(scope, session, sender)
        if event is not None:
            self._mine(f"event {event}", sender)
        for path in seams.files_in(body.get("data")):
            self._mine(f"upload {path}", sender)

    def _file(self, name: str, sender: Sender) -> None:
        """A portrait of one of the sender's own sessions. The name must be the plain one that was handed out."""
        self._mine(f"folder {Path(name).parent}", sender)

    def _noting(self, send: Send, scope: Scope, sender: Sender) -> Send:
        """A `send` that notes which event or upload is told to whom."""
        body = bytearray()
        ok = False

        async def noting(message: Message) -> None:
            nonlocal ok
            if message["type"] == "http.response.start":
                ok = message["status"] == HTTPStatus.OK
            elif ok and len(body) < MAX_JSON_BYTES:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    for thing, name in seams.handed_out(bytes(body)):
                        session = scope.get(_FOR) or name  # Gradio names a session after an event that came without
                        self._owners.claim(session, sender)
                        self._owners.give(session, thing)
            await send(message)

        return noting


def _one(sessions: list[str]) -> str:
    if len(sessions) > 1:
        raise _Refused(HTTPStatus.FORBIDDEN, "Name one session.")
    return sessions[0] if sessions else ""


def _is_secure(scope: Scope) -> bool:
    return scope["scheme"] == "https" or Headers(scope=scope).get("x-forwarded-proto", "").startswith("https")


def _cookie_name(scope: Scope) -> str:
    """How the names of our cookies begin. What begins with __Host- no neighbouring site can set for this one."""
    return f"__Host-{COOKIE}_" if _is_secure(scope) else f"{COOKIE}_"


def _words(scope: Scope) -> tuple[str, ...]:
    """The random words in the visitor's cookies; one empty word for programs."""
    ours, cookies = _cookie_name(scope), HTTPConnection(scope).cookies
    words = [word for name, word in cookies.items() if name.startswith(ours) and _WORD.fullmatch(word)]
    return tuple(words[:_MAX_WORDS]) or ("",)


def _with_headers(send: Send, scope: Scope, path: str, sender: Sender) -> Send:
    """A `send` that hands out the cookie with the page, and lets browsers keep nothing but the page's assets.

    Each cookie has a name of its own: where two pages are asked for in the same moment, before the browser has any, the
    later answer must not take away what the earlier page already lives by.
    """
    # Inside another site's frame, as on Hugging Face, a browser sends only a cookie that is marked so.
    # Strict would not be sent by whoever follows a link to here while another tab is at work.
    rule = "SameSite=None; Secure; Partitioned" if _is_secure(scope) else "SameSite=Lax"
    name = f"{_cookie_name(scope)}{secrets.token_hex(8)}"

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if not path.startswith(_ASSETS):
                headers["Cache-Control"] = "no-store"
            if path == "/" and not sender.words[0]:
                word = secrets.token_urlsafe(24)
                headers.append("Set-Cookie", f"{name}={word}; Path=/; HttpOnly; {rule}")
        await send(message)

    return with_headers


async def _json_body(receive: Receive) -> tuple[dict[str, Any], Receive]:
    """The body of an event, and a `receive` that gives exactly what was understood of it."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refused(HTTPStatus.BAD_REQUEST, "The request was cut off.")
        body.extend(message.get("body", b""))
        more = message.get("more_body", False)
        if len(body) > MAX_JSON_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Send photos to the upload address.")
    try:
        value = json.loads(bytes(body))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _Refused(HTTPStatus.BAD_REQUEST, "This is no event.")
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": json.dumps(value).encode(), "more_body": False}

    return value, again
