"""What stands around a participant's calls: whose cookie it is, the shell of the page, and pictures as pixels alone."""

from __future__ import annotations

import html
import io
import json
import re
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from languages.saying import speaking, spoken
from study.identity import PersonKind
from study.participation import RunningStudy, words_in
from web.addresses import is_secure
from web.in_language import PAGE_LANGUAGE

_SIDE = 1024  # pixels of a picture on the screen
_PHOTO_SIDE = 800
_HASH = re.compile(r"[0-9a-f]{20}", re.ASCII)


def cookie_name(running: RunningStudy) -> str:
    return f"study_{running.id}"


def read_pass(request: Request, running: RunningStudy) -> tuple[str, PersonKind, str | None] | None:
    """Participant, kind and hashed submission of a request's cookie; None where there is none of ours."""
    text, _, submission = request.cookies.get(cookie_name(running), "").partition("|")
    known = running.store.identity.read_pass(running.id, text)
    return None if known is None else (*known, submission if _HASH.fullmatch(submission) else None)


def set_pass(
    response: Response,
    request: Request,
    running: RunningStudy,
    participant: str,
    kind: PersonKind,
    submission: str | None,
    *,
    on_space: bool,
) -> None:
    """Give the browser the cookie that says who it is.

    Args:
        on_space: Whether this is a Space.
    """
    value = running.store.identity.pass_for(running.id, participant, kind) + (f"|{submission}" if submission else "")
    secure = is_secure(request)
    # Inside Hugging Face's frame a browser sends only a cookie that is marked so; elsewhere no other site may use it.
    rule = "SameSite=None; Secure; Partitioned" if secure and on_space else "SameSite=Lax"
    rule += "; Secure" if secure and "Secure" not in rule else ""
    seconds = int(running.plan.resume.hours * 3600)
    cookie = f"{cookie_name(running)}={value}; Path=/; HttpOnly; Max-Age={seconds}; {rule}"
    response.headers.append("Set-Cookie", cookie)


def is_foreign(request: Request) -> bool:
    """Whether another site's page asks, which could do so in the participant's name."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def language_of(request: Request, running: RunningStudy) -> str:
    """One of the study's languages: that of the page that asks, or else as the address says, or else the first of the
    browser's that the study has."""
    wanted = [request.headers.get(PAGE_LANGUAGE, ""), request.query_params.get("lang", "")]
    wanted += [part.strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")]
    return next((one for one in wanted if one in running.plan.languages), running.plan.languages[0])


def address_of(request: Request) -> str:
    """Of the study's page, below a proxy's path too."""
    return f"{request.scope.get('root_path', '')}/study/{request.path_params['study']}"


def pixels(data: bytes, *, whole: bool = False) -> bytes:
    """A picture for the screen as WebP without a word in it, at most 1024 pixels; whole ones for who looks closely."""
    with Image.open(io.BytesIO(data)) as picture:
        plain = picture.convert("RGB")
    if not whole:
        plain.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    plain.save(buffer, "WEBP", quality=90)
    return buffer.getvalue()


def jpeg(picture: Image.Image) -> bytes:
    """A participant's photo for the screen, at most 800 pixels."""
    small = picture.convert("RGB").copy()
    small.thumbnail((_PHOTO_SIDE, _PHOTO_SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def shell(request: Request, language: str, page: str, more: dict[str, Any]) -> str:
    """The page, to be filled by ui/static/study/main.js, with what that needs to begin as data.

    Args:
        language: What it is written in: the study's, which need not be one of LANGUAGES.
    """
    words = words_in(language)
    up = "../../" if request.url.path.rstrip("/").endswith("/withdraw") else "../"
    start = {
        "page": page,
        "language": language,
        "words": words,
        "base": address_of(request),
        **more,
    }
    with speaking(language):
        start = spoken(start)
    data = json.dumps(start, ensure_ascii=False).replace("<", "\\u003c")
    title = html.escape(more.get("title", words["closed-title"]))
    return (
        f'<!doctype html><html lang="{html.escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="studio-language" content="{html.escape(language)}">'
        '<meta name="robots" content="noindex, nofollow"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title>"
        f'<link rel="icon" href="{up}studio/static/favicon.svg">'
        f'<link rel="stylesheet" href="{up}studio/static/study/colours.css">'
        f'<link rel="stylesheet" href="{up}studio/static/study/study.css">'
        f'<script type="module" src="{up}studio/static/study/main.js"></script></head>'
        f'<body><script type="application/json" id="start">{data}</script>'
        f'<div id="study"><noscript><main><p>{html.escape(words["no-script"])}</p></main></noscript></div>'
        "</body></html>"
    )
