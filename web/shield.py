"""What stands around every answer of the server: security headers, and a limit on what a request may send.

The headers follow the OWASP Secure Headers Project (https://owasp.org/www-project-secure-headers/). Two concessions are
Gradio's, see `_PAGE_POLICY`. Inline scripts run by their hash only, and only those of Gradio's own page: they are read
from its file at start, with holes where each answer has JSON.

It is the outermost middleware of the studio's own app, and so around all of Gradio's, which answer some requests
themselves.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import re
from html.parser import HTMLParser
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from languages.saying import say
from pipelines.schema import MAX_UPLOAD_BYTES
from web.gradio_seams import page_template

log = logging.getLogger("studio")

_ENVELOPE = 64 * 1024  # a form around a file
_TAKES_PICTURES = (
    "/studio/photo", "/studio/board/photo", "/studio/style-picture", "/studio/check", "/gradio_api/upload",
)  # fmt: skip
_MAX_PICTURE_BODY = MAX_UPLOAD_BYTES + _ENVELOPE
_MAX_BODY = 1024 * 1024  # the page's events are a few hundred bytes
_MAX_IN_FLIGHT = 512 * 1024 * 1024
_BODY_SECONDS = 180.0  # for a whole body; a slow phone needs its time, a stalled sender must not hold memory for ever

# Who may show a page in a frame where its policy says nothing of it. A Space is shown in one of Hugging Face's own
# page; other Spaces are strangers: anybody can have one.
_EMBEDDERS, _EMBEDDERS_ON_SPACE = "'self'", "'self' https://huggingface.co"
_PAGE_POLICY = {
    "default-src": "'none'",
    # Gradio makes functions of text: of each gr.HTML's template, of the line that hands it over to our modules, and of
    # `js=` of an event. Our own scripts need none of it.
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",  # Gradio writes style attributes
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
PHONE = "/studio/phone/"  # where one-time links lead (web/phone.py)
# Seen by whoever was given a link, in no other page's frame; its address is a secret and told to nobody.
_PHONE_POLICY = (
    "default-src 'none'; img-src data:; style-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
STUDY = "/study/"  # the pages of participants (web/study_routes.py): our own scripts, nothing inline
_STUDY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:;"
    " font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'"
)
RESEARCH = "/research"  # the pages of researchers (web/research.py): no scripts, in no other page's frame
_RESEARCH_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
MODELS = "/models"  # the operator's page (web/models_page.py): one script of ours, in no other page's frame
_MODELS_POLICY = f"{_RESEARCH_POLICY}; script-src 'self'; connect-src 'self'"
_STUDY_PHOTO = re.compile(r"/study/[a-z0-9-]{1,40}/photo", re.ASCII)
_OTHER_POLICY = "default-src 'none'"
_NOT_USED = "accelerometer display-capture geolocation gyroscope hid magnetometer microphone midi payment serial usb"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(["camera=(self)", *(f"{name}=()" for name in _NOT_USED.split())]),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
}

_TOO_LARGE = say("This is too large; photos may have up to 40 MB.")
_TOO_SLOW = say("The upload took too long; try again with a better connection or a smaller photo.")
_TOO_MUCH = say("Too many uploads are on their way just now; try again in a moment.")
_HOLE = re.compile(r"\{\{.*?\}\}")

_FAILED = say("Something went wrong on our side. Please try again.")


class Shield:
    """ASGI middleware.

    Args:
        app: What it protects.
        in_flight: Bytes of request bodies that may be held at the same time.
        body_seconds: How long a request body may take to arrive.
        page: The template of the page, whose inline scripts may run; None is Gradio's. {{ }} stands for JSON.
        on_space: Whether this is a Space.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        in_flight: int = _MAX_IN_FLIGHT,
        body_seconds: float = _BODY_SECONDS,
        page: str | None = None,
        on_space: bool = False,
    ) -> None:
        self._app = app
        self._scripts = known_scripts(page_template() if page is None else page)
        self._embedders = _EMBEDDERS_ON_SPACE if on_space else _EMBEDDERS
        self._room = in_flight
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        places = {
            STUDY: _STUDY_POLICY,
            PHONE: _PHONE_POLICY,
            RESEARCH: _RESEARCH_POLICY,
            MODELS: _MODELS_POLICY,
        }
        own = next((policy for start, policy in places.items() if path.startswith(start)), "")
        scripts = self._scripts if path == "/" else None
        answer = _Answer(send, scripts, self._embedders, is_secret=path.startswith(PHONE), policy=own)
        takes_pictures = path.rstrip("/") in _TAKES_PICTURES or _STUDY_PHOTO.fullmatch(path) is not None
        limit = _MAX_PICTURE_BODY if takes_pictures else _MAX_BODY
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            await answer.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
            return
        held = 0
        until = asyncio.get_running_loop().time() + self._body_seconds
        complete = False

        async def limited() -> Message:
            nonlocal held, complete
            if complete:
                return await receive()  # waits for the visitor to go away, as long as it takes
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise answer.refusal(HTTPStatus.REQUEST_TIMEOUT, _TOO_SLOW) from None
            size = len(message.get("body", b""))
            held += size
            self._room -= size
            complete = not message.get("more_body", False)
            if held > limit:
                raise answer.refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
            if self._room < 0:
                raise answer.refusal(HTTPStatus.SERVICE_UNAVAILABLE, _TOO_MUCH)
            return message

        try:
            await self._app(scope, limited, answer.send)
            await answer.finish()
        except Exception as error:
            if answer.started:
                raise
            if answer.refused is None:
                log.error("a request failed, unexpected", exc_info=error)
            await answer.finish()
        finally:
            self._room += held


class _Answer:
    """One answer on its way out. The page itself is held back until its inline scripts are known.

    Args:
        send: Sends it.
        scripts: What may run in the page; None where this is not the page.
        embedders: Who may show it in a frame, where its policy says nothing of that.
        is_secret: Its address must not be told to anybody.
        policy: The Content Security Policy of a page of its own kind.
    """

    def __init__(
        self,
        send: Send,
        scripts: tuple[re.Pattern[str], ...] | None,
        embedders: str,
        *,
        is_secret: bool = False,
        policy: str = "",
    ) -> None:
        self._embedders = embedders
        self._is_secret = is_secret
        self._policy = policy
        self._send = send
        self._is_page = scripts is not None
        self._scripts = scripts or ()
        self._start: Message | None = None
        self._body: list[bytes] = []
        self.started = False
        self.refused: tuple[HTTPStatus, str] | None = None

    def refusal(self, status: HTTPStatus, words: str) -> HTTPException:
        """Note that the request is refused, whatever the application makes of the error that is returned."""
        self.refused = (status, words)
        return HTTPException(status, words)

    async def send(self, message: Message) -> None:
        if self.refused is not None and not self.started:
            return  # `finish` says it better
        if message["type"] == "http.response.start":
            self._start = message
            headers = Headers(raw=message["headers"])
            is_html = headers.get("content-type", "").startswith("text/html")
            self._is_page = self._is_page and is_html and "content-encoding" not in headers
            if not self._is_page:
                await self._begin(_OTHER_POLICY)
            return
        if not self._is_page:
            await self._send(message)
            return
        self._body.append(message.get("body", b""))
        if not message.get("more_body", False):
            html = b"".join(self._body)
            await self._begin(page_policy(html.decode("utf-8", "replace"), self._scripts))
            await self._send({"type": "http.response.body", "body": html})

    async def finish(self) -> None:
        """Say what the application did not."""
        if not self.started:
            await self.refuse(*(self.refused or (HTTPStatus.INTERNAL_SERVER_ERROR, _FAILED)))

    async def refuse(self, status: HTTPStatus, words: str) -> None:
        """Answer in place of the application."""
        body = json.dumps({"sentence": str(words), "detail": str(words)}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),  # whoever still sends may read no more than one packet
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        self._start = {"type": "http.response.start", "status": status.value, "headers": headers}
        await self._begin(_OTHER_POLICY)
        await self._send({"type": "http.response.body", "body": body})

    async def _begin(self, policy: str) -> None:
        assert self._start is not None
        self.started = True
        headers = MutableHeaders(scope=self._start)
        for name, value in HEADERS.items():
            headers[name] = value
        policy = self._policy or policy
        framed = "" if "frame-ancestors" in policy else f"; frame-ancestors {self._embedders}"
        headers["Content-Security-Policy"] = policy + framed
        if self._is_secret:
            headers["Referrer-Policy"] = "no-referrer"
        await self._send(self._start)


def known_scripts(template: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of a page's inline scripts, with a group for each hole that an answer fills with JSON."""
    return tuple(
        re.compile("(.+)".join(re.escape(piece) for piece in _HOLE.split(text)), re.DOTALL)
        for text in _inline_scripts(template)
    )


def page_policy(html: str, known: tuple[re.Pattern[str], ...]) -> str:
    """The Content Security Policy of a page in which the known inline scripts may run, and no others; not of frames.

    A script that is there twice may not run at all: the second one was put there by somebody else, or the first.
    """
    found = _inline_scripts(html)
    matching = ([text for text in found if _fills(pattern, text)] for pattern in known)
    allowed = [texts[0] for texts in matching if len(texts) == 1]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in allowed]
    sources = " ".join([_PAGE_POLICY["script-src"], *(f"'sha256-{digest}'" for digest in hashes)])
    return "; ".join(f"{name} {value}" for name, value in {**_PAGE_POLICY, "script-src": sources}.items())


def _fills(pattern: re.Pattern[str], text: str) -> bool:
    """Whether it is this script, with nothing but JSON in its holes."""
    match = pattern.fullmatch(text)
    if match is None:
        return False
    try:
        for value in match.groups():
            json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True


def _inline_scripts(html: str) -> list[str]:
    scripts = _InlineScripts()
    scripts.feed(html)
    return scripts.found


class _InlineScripts(HTMLParser):
    """Collects the text of script elements without a src."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and "src" not in dict(attrs):
            self._inside = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data
