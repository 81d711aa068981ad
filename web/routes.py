"""The page's own HTTP calls: a photo in, camera frames through, portraits out.

Why not Gradio's: its upload route writes the raw file, with its GPS position, to the disk before any handler can ask
for consent; its camera mirrors the pixels and streams frames through the job queue; its file route serves a picture to
anybody who has the path. Here a photo goes from the request's body to memory, a frame is answered or dropped at once,
and every call with a visitor's face carries the key of a visit whose consent is on record, and comes from the browser
that the visit belongs to.

Programs send their photo to Gradio's upload address; these routes stand before Gradio's, so the same lock is on it.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import threading
import zipfile
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from languages.catalogue import LANGUAGES, for_scripts
from languages.saying import say
from pipelines import heavy
from pipelines.easels import cores
from pipelines.errors import ConsentMissing, PhotoUnreadable, PortraitError, RequestInvalid
from pipelines.photo import opening as photos
from pipelines.presets.loading import THUMBNAILS
from pipelines.provenance import marking
from pipelines.provenance import words as provenance_words
from visits.studio import Studio
from visits.visit import KeptPortrait, Visit
from web import pictures
from web.board_routes import build_board_routes
from web.calls import KEY_HEADER, NO_STORE, Calls, problem, read_body
from web.errors import sentence
from web.gradio_seams import form_in_memory
from web.health import build_health_routes
from web.in_language import SpokenJSON
from web.metrics import build_metrics_routes
from web.models_page import build_models_routes
from web.phone import build_phone_routes
from web.study_routes import build_study_routes
from web.style_routes import build_style_routes
from web.tiles import Tiles

STATIC = Path(__file__).resolve().parents[1] / "ui" / "static"
ASKED_HEADER = "x-studio-asked"
RIGHTS_HEADER = "x-studio-rights"  # "yes": the visitor may use the style picture
SCREEN_SIDES = (1024, 320)  # pixels of the copies of a portrait that the page shows: large, and in the gallery
_PORTRAIT = re.compile(rf"([0-9a-f]+)(?:-({'|'.join(map(str, SCREEN_SIDES))})\.webp|\.png)", re.ASCII)
_DELETED = say("This portrait has been deleted; create it again from its seed.")
_DIGITS = 9  # of a page's count of its photos
_MAX_FRAME_BYTES = 400_000
_CHECKS_AT_ONCE = 2  # each holds a file of 40 MB and a process of its own
_CHECK_SECONDS = 60.0  # for the file to arrive
_MULTIPART_BYTES = 4096  # around one file
# Not left to the machine, which may know them otherwise: a browser runs no module that is sent as plain text.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


def build_routes(studio: Studio) -> list[BaseRoute]:
    """The studio's own routes. They must come before Gradio's, of which they take the upload's place."""
    calls = _Calls(studio)
    more = studio.settings.presets
    operators = () if more is None else (more / "thumbnails",)
    return [
        *(Route(f"/gradio_api/upload{end}", calls.upload, methods=["POST"]) for end in ("", "/")),
        *build_health_routes(studio),
        *build_metrics_routes(studio),
        Route("/studio/photo", calls.photo, methods=["POST"]),
        Route("/studio/style-picture", calls.style_picture, methods=["POST"]),
        Route("/studio/frame", calls.frame, methods=["POST"]),
        *build_phone_routes(studio),
        Route("/studio/check", calls.check, methods=["POST"]),
        Route("/studio/visit", calls.visit),
        Route("/studio/portrait/{key}/{portrait}", calls.portrait),
        Route("/studio/original/{key}/{portrait}/{number:int}.jpg", calls.original),
        Route("/studio/portraits/{key}", calls.portraits),
        *build_board_routes(studio),
        *build_study_routes(studio),
        *_research_routes(studio),
        *build_models_routes(studio),
        *build_style_routes(studio),
        Route("/studio/tile/{key}/{kind}/{preset}.webp", calls.tile),
        Route("/studio/thumbnails/{file:path}", _assets(THUMBNAILS, *operators)),
        Route("/studio/words/{code}.json", _words, middleware=[Middleware(GZipMiddleware)]),
        Route("/studio/static/{file:path}", _assets(STATIC), middleware=[Middleware(GZipMiddleware)]),
    ]


def _research_routes(studio: Studio) -> list[BaseRoute]:
    """Those of web/research.py. Its libraries (statistics, figures) are not loaded where nobody can sign in."""
    if not studio.settings.study_researchers:
        return []
    routes: list[BaseRoute] = heavy.load("web.research").build_research_routes(studio)
    return routes


def _assets(*folders: Path) -> Callable[[Request], Awaitable[Response]]:
    """Files that the browser asks about again (answered by their ETag), so that an update is seen at once. They lie in
    the first of the folders that has them.

    For a Route, not a Mount: a mount takes the address apart by the prefix of a proxy and its own name together, and
    finds nothing where the proxy has stripped the prefix.
    """
    files = StaticFiles(directory=folders[0], check_dir=False)
    files.all_directories += folders[1:]

    async def answer(request: Request) -> Response:
        name = os.path.normpath(request.path_params["file"])
        response = await files.get_response(name, request.scope)
        response.headers["Cache-Control"] = "no-cache"
        if kind := _TYPES.get(Path(name).suffix):
            response.headers["Content-Type"] = kind
        return response

    return answer


async def _words(request: Request) -> Response:
    """What the page's scripts say in a language, by their English."""
    code = request.path_params["code"]
    if code not in LANGUAGES:
        return problem(HTTPStatus.NOT_FOUND, say("The page does not speak this language."))
    data = await run_in_threadpool(for_scripts, code)
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("if-none-match", "").removeprefix("W/") == tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(data, media_type="application/json", headers=headers)


class _Calls(Calls):
    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._opening = CapacityLimiter(2)  # the others wait without a thread: those serve files, too
        self._checking = threading.BoundedSemaphore(_CHECKS_AT_ONCE)
        self._tiles = Tiles(studio.pipeline)
        self._rendering = threading.BoundedSemaphore(max(1, cores() - 1))

    async def photo(self, request: Request) -> Response:
        """Take in a photo: the raw file as the body."""

        async def answer(visit: Visit) -> Response:
            asked = self._studio.visits.ask(visit, _number(request))  # before its body, which may take long to arrive
            data = await read_body(request, photos.MAX_BYTES, say("This file is too large; choose one under 40 MB."))
            if await to_thread.run_sync(self._open, visit, data, asked, limiter=self._opening):
                return JSONResponse({"ok": True}, headers=NO_STORE)
            words = say("Another photo was chosen since, or the photo was removed, so this one was not taken in.")
            return problem(HTTPStatus.CONFLICT, words)

        return await self.guarded(request, request.headers.get(KEY_HEADER, ""), answer)

    async def style_picture(self, request: Request) -> Response:
        """Take in a picture to be painted after: the raw file as the body, as for a photo."""

        async def answer(visit: Visit) -> Response:
            if request.headers.get(RIGHTS_HEADER) != "yes":
                raise RequestInvalid(say("Tick that you may use this picture, then choose it again."))
            asked = self._studio.visits.ask_style(visit, _number(request))
            data = await read_body(request, photos.MAX_BYTES, say("This file is too large; choose one under 40 MB."))
            if await to_thread.run_sync(self._open_style, visit, data, asked, limiter=self._opening):
                return JSONResponse({"ok": True}, headers=NO_STORE)
            words = say("Another picture was chosen since, or it was removed, so this one was not taken in.")
            return problem(HTTPStatus.CONFLICT, words)

        return await self.guarded(request, request.headers.get(KEY_HEADER, ""), answer)

    async def upload(self, request: Request) -> Response:
        """Take in one file of a program, for /portrait; answers as Gradio does, with a list of its path."""

        async def answer(visit: Visit) -> Response:
            large = say("This file is too large; choose one under 40 MB.")
            data, name = await _only_file(request, photos.MAX_BYTES, large)
            path = await run_in_threadpool(self._studio.uploads.take, visit.session, data, name)
            if visit.closed:  # withdrawn while the file was on its way
                self._studio.uploads.remove(path)
                raise ConsentMissing(say("Your consent was taken back, so the file was deleted."))
            return JSONResponse([str(path)], headers=NO_STORE)

        return await self.guarded(request, request.headers.get(KEY_HEADER, ""), answer)

    async def frame(self, request: Request) -> Response:
        """Answer a JPEG camera frame with the same frame in the picked style, or 204 where another one is in work."""

        async def answer(visit: Visit) -> Response:
            data = await read_body(request, _MAX_FRAME_BYTES, say("This camera frame is too large."))
            if visit.lacks_picture_for(visit.look) or not self._rendering.acquire(blocking=False):
                return Response(status_code=HTTPStatus.NO_CONTENT)
            try:
                styled = await run_in_threadpool(self._render, visit, data)
            finally:
                self._rendering.release()
            return Response(styled, media_type="image/jpeg", headers=NO_STORE)

        return await self.guarded(request, request.headers.get(KEY_HEADER, ""), answer)

    async def check(self, request: Request) -> Response:
        """Say what marks a picture carries: the raw file as the body. Needs no consent, for nothing of it is kept."""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                data = await read_body(
                    request, photos.MAX_BYTES, say("This file is too large; choose one under 40 MB.")
                )
            if not self._checking.acquire(blocking=False):  # not while it arrives: a slow sender keeps nobody out
                words = say("Other pictures are being checked just now; try again in a moment.")
                return problem(HTTPStatus.SERVICE_UNAVAILABLE, words, {"Retry-After": "1"})
            try:
                return SpokenJSON(await run_in_threadpool(self._card, data), headers=NO_STORE)
            finally:
                self._checking.release()
        except TimeoutError:
            return problem(HTTPStatus.REQUEST_TIMEOUT, say("The picture took too long to arrive; try again."))
        except PortraitError as error:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence(error))
        except Exception as error:
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence(error))

    async def visit(self, request: Request) -> Response:
        """Whether the visit is still there (refused where not), and whether the page must be told of something."""

        async def answer(visit: Visit) -> Response:
            return JSONResponse({"lost": bool(visit.lost)}, headers=NO_STORE)

        return await self.guarded(request, request.headers.get(KEY_HEADER, ""), answer)

    async def portrait(self, request: Request) -> Response:
        """One portrait: byte for byte as it was written and marked, or a small WebP of it for the screen."""

        async def answer(visit: Visit) -> Response:
            wanted = _PORTRAIT.fullmatch(request.path_params["portrait"])
            kept = visit.portrait(wanted[1] if wanted else "")
            if wanted is None or kept is None or not kept.portrait.path.exists():
                return problem(HTTPStatus.NOT_FOUND, _DELETED)
            if wanted[2]:
                data = await run_in_threadpool(marking.screen_copy, kept.portrait.path, int(wanted[2]))
                return Response(data, media_type="image/webp", headers=NO_STORE)
            kept.downloaded |= _is_download(request)
            return FileResponse(
                kept.portrait.path,
                filename=kept.file_name,
                content_disposition_type="attachment" if _is_download(request) else "inline",
                headers=NO_STORE,
            )

        return await self.guarded(request, request.path_params["key"], answer)

    async def original(self, request: Request) -> Response:
        """The crop that a portrait was made from, number 0, or one of its control images."""

        async def answer(visit: Visit) -> Response:
            kept = visit.portrait(request.path_params["portrait"])
            drawn = [] if kept is None else [kept.original, *(picture for _, picture in kept.controls)]
            number = request.path_params["number"]
            if number >= len(drawn):
                return problem(HTTPStatus.NOT_FOUND, _DELETED)
            return Response(drawn[number], media_type="image/jpeg", headers=NO_STORE)

        return await self.guarded(request, request.path_params["key"], answer)

    async def portraits(self, request: Request) -> Response:
        """All portraits of a visit as a zip, each byte for byte as it was written."""

        async def answer(visit: Visit) -> Response:
            portraits = list(visit.kept)
            data = await run_in_threadpool(_zip, portraits)
            for kept in portraits:
                kept.downloaded |= request.method == "GET"
            name = 'attachment; filename="self-portraits.zip"'
            return Response(data, media_type="application/zip", headers={**NO_STORE, "Content-Disposition": name})

        return await self.guarded(request, request.path_params["key"].removesuffix(".zip"), answer)

    async def tile(self, request: Request) -> Response:
        """The visitor's own face as the tile of a style, or their photo as that of a scene that keeps its background.

        204 where nobody wants it any more: another photo or face came, the visit ended, the page went.
        """

        async def answer(visit: Visit) -> Response:
            kind, preset = request.path_params["kind"], request.path_params["preset"]
            data = await self._tiles.tile(visit, kind, preset, request.receive)
            if data is None:
                return Response(status_code=HTTPStatus.NO_CONTENT, headers=NO_STORE)
            return Response(data, media_type="image/webp", headers=NO_STORE)

        return await self.guarded(request, request.path_params["key"], answer)

    def _card(self, data: bytes) -> dict[str, Any]:
        presets = self._studio.presets
        styles = {style.id: style.name for style in presets.all_styles.values()}
        scenes = {scene.id: scene.name for scene in presets.scenes.values()}
        report = marking.check(data)
        return provenance_words.card(report, styles, scenes)._asdict() | {"report": report.model_dump()}

    def _open(self, visit: Visit, data: bytes, asked: int) -> bool:
        """Whether the photo was taken in. What nobody waits for any more is not even unpacked."""
        with self._studio.pipeline.precedence.awaited():
            return asked >= visit.asked and self._studio.visits.take_photo(visit, photos.open_photo(data), asked)

    def _open_style(self, visit: Visit, data: bytes, asked: int) -> bool:
        """As `_open`. A picture that a reviewer refuses is not taken in, and the one before stays."""
        if asked < visit.style_asked:
            return False
        picture = photos.open_style_picture(data)
        self._studio.pipeline.require_style_picture(picture, visit.session)
        return self._studio.visits.take_style_picture(visit, picture, asked)

    def _render(self, visit: Visit, data: bytes) -> bytes:
        look = visit.look
        styled = self._studio.pipeline.preview_frame(
            pictures.frame(data),
            style_id=look.style_id,
            scene_id=look.scene_id,
            likeness=look.likeness,
            style_picture=visit.style_picture,
            own_style=visit.own.find(look.style_id),
        )
        return pictures.jpeg(Image.fromarray(styled), quality=82)


def _is_download(request: Request) -> bool:
    return request.method == "GET" and "download" in request.query_params


def _number(request: Request) -> int | None:
    """Which of the page's requests about the photo this is; None where the caller does not count.

    Raises:
        RequestInvalid: It is no number.
    """
    text = request.headers.get(ASKED_HEADER)
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise RequestInvalid(
            say("Leave the header {asked_header} out, or count your photos in it: 1, 2, 3.", asked_header=ASKED_HEADER)
        )
    return None if text is None else int(text)


async def _only_file(request: Request, limit: int, too_large: str) -> tuple[bytes, str]:
    """The one file of a multipart body and its name, in memory."""
    body = await read_body(request, limit + _MULTIPART_BYTES, too_large)
    try:
        form = await form_in_memory(request.headers, body, max_files=1, max_fields=4)
    except (MultiPartException, KeyError) as error:
        raise PhotoUnreadable(say("Send one file, as multipart/form-data.")) from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise PhotoUnreadable(say("Send one file, as multipart/form-data."))
    return await files[0].read(), files[0].filename or ""


def _zip(portraits: list[KeptPortrait]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for kept in portraits:
            if kept.portrait.path.exists():
                archive.write(kept.portrait.path, kept.file_name)
    return buffer.getvalue()
