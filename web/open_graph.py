"""What a link to the page looks like in a chat or a feed: title, sentence, picture and address (https://ogp.me).

Gradio's page names Gradio there, with a picture from elsewhere and no address. Its tags are taken out of the page's
head, and ours put in.
"""

from __future__ import annotations

import html
import re

from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from languages.saying import ENGLISH, language, say

PICTURE = "studio/static/card.jpg"
PICTURE_SIZE = 1200, 630
_TITLE = "Self-Portrait Studio"
_SENTENCE = say("Your photo as a painting, a print or a hologram: you see where it goes, and each says what made it.")
_ALT = say("One face as an old-master oil, a woodblock print, a watercolour and a hologram")
_LANG = re.compile(rb'(<html\b[^>]*?\blang=)"[^"]*"')
_OTHERS = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


class OpenGraph:
    """ASGI middleware around Gradio's page: its tags for link previews become ours.

    Args:
        host: The Space's; "" elsewhere.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] != "GET" or path not in ("", "/"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body", False):
                return
            if "text/html" in Headers(raw=start["headers"]).get("content-type", ""):
                body = in_language(with_tags(body, page_address(scope, self._host)), language())
                MutableHeaders(scope=start)["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, collect)


def with_tags(page: bytes, address: str) -> bytes:
    """The HTML of the page with our tags in its head, and nobody else's.

    Args:
        address: Of the page, with a slash at its end.
    """
    width, height = PICTURE_SIZE
    tags = {
        "og:title": _TITLE,
        "og:site_name": _TITLE,
        "og:type": "website",
        "og:url": address,
        "og:description": _SENTENCE,
        "og:image": address + PICTURE,
        "og:image:width": str(width),
        "og:image:height": str(height),
        "og:image:alt": _ALT,
    }
    ours = [f'<meta property="{name}" content="{html.escape(value)}">' for name, value in tags.items()]
    ours += [
        '<meta name="twitter:card" content="summary_large_image">',
        f'<meta name="description" content="{html.escape(_SENTENCE)}">',
    ]
    head, tag, rest = _OTHERS.sub(b"", page).partition(b"</head>")
    return head + "".join(ours).encode() + tag + rest if tag else page


def in_language(page: bytes, code: str) -> bytes:
    """The HTML of the page, named after its language: for browsers and for ui/static/phrases.js."""
    own = f'<meta name="studio-language" content="{code}">'
    if code != ENGLISH:
        own += f'<link rel="preload" href="studio/words/{code}.json" as="fetch" crossorigin>'
    head, tag, rest = page.partition(b"</head>")
    return _LANG.sub(rf'\g<1>"{code}"'.encode(), head, count=1) + (own.encode() if tag else b"") + tag + rest


def page_address(scope: Scope, host: str) -> str:
    """The page's address as others reach it, as far as can be known: a Space's host, else what was asked for."""
    root = scope.get("root_path", "").rstrip("/")
    if host:
        return f"https://{host}/"
    if root.startswith(("http://", "https://")):
        return f"{root}/"
    asked = URL(scope=scope)
    encrypted = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip() == "https"
    return f"{'https' if encrypted else asked.scheme}://{asked.netloc}{root}/"
