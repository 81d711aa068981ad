"""Kiosk mode over HTTP: the QR code of a one-time link for the kiosk's page, and what the phone gets over the link.

The link's word is a secret in the path: `web/isolation.py` asks for no cookie there, `web/shield.py` tells the address
to nobody (no-referrer, no-store), and the server writes no access log. GET and HEAD, which messengers and link checkers
send by themselves, show a page and use up nothing; the file comes with the POST of its button, once.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

import segno
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from languages.saying import language, say
from pipelines.errors import PortraitError, RequestInvalid, TooOften
from pipelines.provenance import marking
from visits.handover import Handover
from visits.links import LINK_MINUTES
from visits.studio import Studio
from visits.visit import KeptPortrait, Visit
from web import pictures
from web.addresses import connection_network
from web.calls import Calls
from web.errors import sentence
from web.shield import PHONE

_SIDE = 640  # pixels of the small copy on the phone's page
_MAX_BASE = 300  # characters of the kiosk's own address
_LOCAL = ("localhost", "127.0.0.1", "[::1]", "::1")
_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow, noarchive"}
_OVER = say(
    "This code does not work any more. It was used, its 10 minutes are over, or the visit was "
    "deleted. At the kiosk, a new one can be made beside the portrait, as long as the portrait "
    "is there."
)
_FORGOTTEN_HERE = say(
    "The studio keeps no list of who fetched what. What you download stays on your phone until you delete it there."
)


def build_phone_routes(studio: Studio) -> list[BaseRoute]:
    """The routes; none where this is no kiosk."""
    if not studio.is_kiosk:
        return []
    calls = _PhoneCalls(studio)
    return [
        Route("/studio/link/{key}/{portrait}", calls.make, methods=["POST"]),
        Route("/studio/link/{key}/{portrait}", calls.state),
        Route("/studio/over/{key}", calls.over, methods=["POST"]),
        Route(PHONE + "{word}", calls.file, methods=["POST"]),
        Route(PHONE + "{word}", calls.page),
    ]


class _PhoneCalls(Calls):
    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._handover = Handover(studio.visits)

    # --- for the kiosk's page ---

    async def make(self, request: Request) -> Response:
        """A new one-time link to a portrait, with its code; the earlier one to it ends. Body: {base}."""

        async def answer(visit: Visit) -> Response:
            base = self._studio.settings.kiosk_address or _base(await request.body())
            word = self._handover.link(visit, request.path_params["portrait"])
            address = f"{base}{PHONE}{word}"
            # A quiet zone of four modules, on white also where the page is dark: that is what readers need.
            code = segno.make(address, error="m", micro=False).svg_data_uri(border=4, dark="#000", light="#fff")
            is_local = (urlsplit(base).hostname or "") in _LOCAL
            said = {"address": address, "code": code, "minutes": LINK_MINUTES, "local": is_local}
            return JSONResponse(said, headers=_HEADERS)

        return await self.guarded(request, request.path_params["key"], answer)

    async def state(self, request: Request) -> Response:
        """Whether the link to a portrait still works: open, used or over; "none" where there is none."""

        async def answer(visit: Visit) -> Response:
            link = visit.links.get(request.path_params["portrait"])
            return JSONResponse({"state": "none" if link is None else link.state()}, headers=_HEADERS)

        return await self.guarded(request, request.path_params["key"], answer)

    async def over(self, request: Request) -> Response:
        """Nobody touched the screen: everything is deleted, as by Withdraw and delete."""

        async def answer(visit: Visit) -> Response:
            await run_in_threadpool(self._studio.visits.forget, visit.page)
            return JSONResponse({"ok": True}, headers=_HEADERS)

        return await self.guarded(request, request.path_params["key"], answer)

    # --- for the phone ---

    async def page(self, request: Request) -> Response:
        """The portrait, small, with a button for the file. Uses up nothing, however often it is asked for."""
        return await self._linked(request, self._shown)

    async def file(self, request: Request) -> Response:
        """The file, byte for byte as it was marked, once."""
        return await self._linked(request, self._handed_out, use=True)

    async def _linked(
        self, request: Request, answer: Callable[[KeptPortrait], Response], *, use: bool = False
    ) -> Response:
        settings = self._studio.settings
        try:
            self._studio.limits.link_asked(connection_network(request, settings.trusted_proxies))
            kept = self._handover.linked(request.path_params["word"], use=use)
            if kept is None:
                return _page(say("Nothing to fetch"), f"<p>{_OVER}</p>", HTTPStatus.NOT_FOUND)
            return await run_in_threadpool(answer, kept)
        except TooOften as error:
            return _page(say("One moment"), f"<p>{html.escape(sentence(error))}</p>", HTTPStatus.TOO_MANY_REQUESTS)
        except (PortraitError, OSError) as error:  # deleted in this very moment
            return _page(say("Nothing to fetch"), f"<p>{html.escape(sentence(error))}</p>", HTTPStatus.NOT_FOUND)

    def _shown(self, kept: KeptPortrait) -> Response:
        portrait, presets = kept.portrait, self._studio.presets
        style, scene = portrait.own_style or presets.style(portrait.style_id), presets.scene(portrait.scene_id).name
        name = style.name
        title = name if portrait.scene_id == "none" else f"{name} · {scene}"
        shown = pictures.webp_uri(marking.screen_copy(portrait.path, _SIDE))
        once = say(
            "This works once, and for {minutes} minutes from when the code was made. Opening this page uses up "
            "nothing.",
            minutes=LINK_MINUTES,
        )
        body = (
            f'<figure><img src="{shown}" alt="{html.escape(say("Your portrait in the style {title}", title=title))}">'
            f"<figcaption>{html.escape(title)}</figcaption></figure>"
            f'<form method="post"><button type="submit">{say("Download")}</button></form>'
            f"<p>{once} {_FORGOTTEN_HERE}</p>"
            f"<h2>{say('How it is marked')}</h2><p>{html.escape(marked_words(kept))}</p>"
        )
        return _page(say("Your portrait"), body)

    def _handed_out(self, kept: KeptPortrait) -> Response:
        # Read whole: the visit, and the file with it, may be deleted while a slow phone fetches it.
        headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="{kept.file_name}"'}
        return Response(kept.portrait.path.read_bytes(), media_type="image/png", headers=headers)


def marked_words(kept: KeptPortrait) -> str:
    """In plain words how a portrait says what it is."""
    portrait = kept.portrait
    made = (
        say("by an AI model")
        if portrait.is_diffusion
        else say("by image filters, not by an AI model that generates pictures")
    )
    return say(
        "It was made by a machine, {made} ({engine}), from your photo, and the file says so: in its description and by "
        "a mark in its pixels that you do not see. It is signed, so that a change can be noticed. It says nothing of "
        "who you are. Some apps take these marks out when a picture is sent; send it as a file to keep them.",
        made=made,
        engine=portrait.engine,
    )


def _base(body: bytes) -> str:
    """The address that the kiosk's browser has opened, for whoever shares its network.

    Raises:
        RequestInvalid: It is none.
    """
    try:
        base = json.loads(body)["base"]
        parts = urlsplit(base)
        if parts.scheme in ("http", "https") and parts.hostname and len(base) <= _MAX_BASE and base.isprintable():
            return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise RequestInvalid(say("Say under which address this page is open, as {{base}}."))


def _page(title: str, body: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """A page without scripts. Styles are addressed from the link's own place, below a proxy's path too."""
    text = (
        '<!doctype html><html lang="' + language() + '"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow"><meta name="color-scheme" content="light dark">'
        f'<title>{title}</title><link rel="stylesheet" href="../static/phone.css"></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(text, status_code=status, headers=_HEADERS)
