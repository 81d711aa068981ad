"""Pages that are not for visitors, as HTML from templates in web/templates; Jinja escapes all that is put into them."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from web.sign_in import Session

PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow, noarchive"}


def page(
    request: Request, name: str, session: Session | None, *, status: HTTPStatus = HTTPStatus.OK, **values: object
) -> Response:
    """A page from its template.

    Args:
        request: Who asks.
        name: Of the template, without its end.
        session: Who is signed in; their notice is shown, once.
        status: Of the answer.
        values: For the template.
    """
    notice = ""
    if session is not None:
        notice, session.notice = session.notice, ""
    return _answer(request, name, status, session=session, notice=notice, **values)


def part(request: Request, name: str, session: Session, **values: object) -> Response:
    """What a script puts into an open page. A notice waits for a whole page: here nobody would see it.

    Args:
        request: Who asks.
        name: Of the template, without its end.
        session: Who is signed in.
        values: For the template.
    """
    return _answer(request, name, HTTPStatus.OK, session=session, **values)


def _answer(request: Request, name: str, status: HTTPStatus, **values: object) -> Response:
    base = request.scope.get("root_path", "")
    text = PAGES.get_template(f"{name}.html").render(base=base, **values)
    return HTMLResponse(text, status_code=status, headers=_HEADERS)
