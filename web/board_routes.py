"""The Board tab's calls: photos in, what is asked for, start and stop, and each cell, as picture, words or style file.

Who may ask, and how refusals look, is as in web/routes.py.
"""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from languages.saying import ENGLISH, say, speaking
from pipelines.board.exports.contents import slug
from pipelines.board.look import as_preset
from pipelines.board.votes import blind_name, blind_order, revealed, voted
from pipelines.errors import BoardError, FaceUnclear, PhotoUnreadable
from pipelines.photo import opening as photos
from pipelines.provenance import marking
from pipelines.schema import PortraitRequest, Shape
from pipelines.sizes import SHAPES
from visits import admission
from visits.board import VisitBoard
from visits.board_photos import given_photo, own_photo
from visits.studio import Studio
from visits.visit import Visit
from web import board_words
from web.addresses import connection_network
from web.calls import KEY_HEADER, NO_STORE, Calls, problem, read_body
from web.errors import sentence
from web.in_language import SpokenJSON

_MAX_JSON = 64 * 1024
_SIDES = {"-320.webp": 320, "-1024.webp": 1024}
_TYPES = {
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "pdf": "application/pdf",
    "png": "image/png",
    "zip": "application/zip",
}
_GONE = say("This portrait is not on the board any more.")
_TOO_LARGE = say("This file is too large; choose one under 40 MB.")
_Answer = Callable[[Visit, VisitBoard], Awaitable[Response]]


def build_board_routes(studio: Studio) -> list[BaseRoute]:
    """The routes below /studio/board."""
    calls = _BoardCalls(studio)
    return [
        Route("/studio/board", calls.look),
        Route("/studio/board/progress", calls.progress),
        Route("/studio/board/photo", calls.add, methods=["POST"]),
        Route("/studio/board/own-photo", calls.add_own, methods=["POST"]),
        Route("/studio/board/remove", calls.remove, methods=["POST"]),
        Route("/studio/board/plan", calls.plan, methods=["POST"]),
        Route("/studio/board/start", calls.start, methods=["POST"]),
        Route("/studio/board/stop", calls.stop, methods=["POST"]),
        Route("/studio/board/star", calls.star, methods=["POST"]),
        Route("/studio/board/vote", calls.vote, methods=["POST"]),
        Route("/studio/board/{key}/photo/{sitter}.jpg", calls.thumb),
        Route("/studio/board/{key}/blind/{name}.webp", calls.blind),
        Route("/studio/board/{key}/cell/{cell}", calls.cell),
        Route("/studio/board/{key}/export.{kind}", calls.export),
    ]


def _own_consent() -> str:
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    return str(say("The visitor, who agreed on this page at {time} UTC.", time=at))


class _BoardCalls(Calls):
    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)

    async def look(self, request: Request) -> Response:
        """The whole board as it stands."""

        return await self._with_board(request, self._all)

    async def progress(self, request: Request) -> Response:
        """Only how far it is."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            return _json(await run_in_threadpool(board_words.progress, board))

        return await self._with_board(request, answer)

    async def add(self, request: Request) -> Response:
        """Take in a photo: the raw file as the body; its name, the consent to it, face and turn in the query.

        Where it would be a guess who is meant, the refusal brings the heads to choose from. Nothing is kept of it then.
        """

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            data = await read_body(request, photos.MAX_BYTES, _TOO_LARGE)
            asked = request.query_params
            face, turn = (int(asked[name]) if asked.get(name, "").isdecimal() else None for name in ("face", "turn"))
            title, consent = (" ".join(unquote(asked.get(name, "")).split()) for name in ("title", "consent"))
            try:
                photo = await run_in_threadpool(given_photo, data, title, consent, face, turn or 0)
            except FaceUnclear as error:
                return _which_face(error)
            await run_in_threadpool(board.add, photo)
            return await self._all(visit, board)

        return await self._with_board(request, answer)

    async def add_own(self, request: Request) -> Response:
        """Take the visit's own photo."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            photo = own_photo(visit.require_photo(), visit.face_index, str(say("My photo")), _own_consent())
            await run_in_threadpool(board.add, photo)
            return await self._all(visit, board)

        return await self._with_board(request, answer)

    async def remove(self, request: Request) -> Response:
        """Take a photo off the board, with its portraits."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            asked = await _asked(request)
            await run_in_threadpool(board.remove, asked.get("id"))
            return await self._all(visit, board)

        return await self._with_board(request, answer)

    async def plan(self, request: Request) -> Response:
        """Check what is asked for, and say what making it would mean. Makes nothing."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            await run_in_threadpool(board.define, await _asked(request))
            return await self._all(visit, board)

        return await self._with_board(request, answer)

    async def start(self, request: Request) -> Response:
        """Make what is missing; with `only`, keys, these alone, and with `again` also those that are there."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            asked = await _asked(request)
            only = asked.get("only")
            if only is not None and not (isinstance(only, list) and all(isinstance(key, str) for key in only)):
                raise BoardError(say("Choose the portraits to make again once more; that was no list of them."))
            consent = await run_in_threadpool(self._studio.consents.require, visit.session)
            network = connection_network(request, self._studio.settings.trusted_proxies)

            def admit(wanted: PortraitRequest) -> Any:
                return admission.counted(self._studio, network, wanted)

            board.start(consent, admit, only=only, again=asked.get("again") is True)
            return await self._all(visit, board)

        return await self._with_board(request, answer)

    async def stop(self, request: Request) -> Response:
        """Stop within one step; what is finished stays."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            board.stop()
            return _json(await run_in_threadpool(board_words.progress, board))

        return await self._with_board(request, answer)

    async def star(self, request: Request) -> Response:
        """Put a star on a cell, or take it off."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            key = (await _asked(request)).get("key")
            if not isinstance(key, str) or board.cell(key) is None:
                raise BoardError(_GONE)
            board.stars = board.stars.toggled(key)
            return _json({"stars": list(board.stars.keys)})

        return await self._with_board(request, answer)

    async def vote(self, request: Request) -> Response:
        """Begin a blind vote, with `each`; choose in it, by names; reveal it, which ends it; or drop it."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            asked = await _asked(request)
            each, choices = asked.get("begin"), asked.get("choices")
            if isinstance(each, int) and not isinstance(each, bool):
                await run_in_threadpool(board.begin_vote, each)
            elif isinstance(choices, list):
                ballot = board.require_ballot()
                keys = {blind_name(place): key for place, key in enumerate(blind_order(ballot))}
                board.ballot = voted(ballot, [keys.get(str(name), "") for name in choices])
            elif asked.get("reveal") is True:
                board.ballot = revealed(board.require_ballot())
            else:
                board.ballot = None
            return _json(await run_in_threadpool(board_words.vote, board))

        return await self._with_board(request, answer)

    async def blind(self, request: Request) -> Response:
        """A portrait of the vote by its name there, so that nothing on the page says which one it is."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            order = blind_order(board.require_ballot())
            key = {blind_name(place): key for place, key in enumerate(order)}.get(request.path_params["name"], "")
            if not key or board.store.paper(key) is None:
                return problem(HTTPStatus.NOT_FOUND, _GONE)
            data = await run_in_threadpool(marking.screen_copy, board.store.picture(key), 1024)
            return Response(data, media_type="image/webp", headers=NO_STORE)

        return await self._with_board(request, answer, request.path_params["key"])

    async def thumb(self, request: Request) -> Response:
        """The small copy of a photo, cut in a shape."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            sitter = board.sitter(request.path_params["sitter"])
            if sitter is None:
                return problem(HTTPStatus.NOT_FOUND, say("That photo is not on the board any more."))
            asked = request.query_params.get("shape")
            shape: Shape = next((one for one in SHAPES if one == asked), "1:1")
            data = await run_in_threadpool(board.thumb, sitter, shape)
            return Response(data, media_type="image/jpeg", headers=NO_STORE)

        return await self._with_board(request, answer, request.path_params["key"])

    async def cell(self, request: Request) -> Response:
        """One cell: its file as it was signed, a small copy for the screen, its settings, or its style as a file."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            key, end = request.path_params["cell"][:64], request.path_params["cell"][64:]
            cell = board.cell(key)
            if cell is None:
                return problem(HTTPStatus.NOT_FOUND, _GONE)
            if end == ".json":
                return _json(await run_in_threadpool(board_words.about, board, cell))
            if end == ".toml":
                name = f'attachment; filename="{cell.style}-copy.toml"'
                text = as_preset(board.require(), cell)
                return Response(text, media_type="application/toml", headers={**NO_STORE, "Content-Disposition": name})
            if board.store.paper(key) is None or (end != ".png" and end not in _SIDES):
                return problem(HTTPStatus.NOT_FOUND, say("This portrait is not made yet."))
            path = board.store.picture(key)
            if end == ".png":
                name = f"self-portrait-{cell.style}-{slug(cell.photo, 'photo')}-{cell.seed}.png"
                kind = "attachment" if "download" in request.query_params else "inline"
                if kind == "attachment":
                    board.hand_on(key)
                return FileResponse(path, filename=name, content_disposition_type=kind, headers=NO_STORE)
            data = await run_in_threadpool(marking.screen_copy, path, _SIDES[end])
            return Response(data, media_type="image/webp", headers={"Cache-Control": "private, max-age=600"})

        return await self._with_board(request, answer, request.path_params["key"])

    async def export(self, request: Request) -> Response:
        """The board as one file; a sheet of several pages comes as a ZIP of them."""

        async def answer(visit: Visit, board: VisitBoard) -> Response:
            kind = request.path_params["kind"]
            name, data = await run_in_threadpool(_exported, board, kind)
            media = _TYPES[name.rsplit(".", 1)[1]]
            disposition = f'attachment; filename="{name}"'
            return Response(data, media_type=media, headers={**NO_STORE, "Content-Disposition": disposition})

        return await self._with_board(request, answer, request.path_params["key"])

    async def _with_board(self, request: Request, answer: _Answer, key: str = "") -> Response:
        async def found(visit: Visit) -> Response:
            return await answer(visit, self._studio.visits.board_of(visit))

        return await self.guarded(request, key or request.headers.get(KEY_HEADER, ""), found)

    async def _all(self, visit: Visit, board: VisitBoard) -> Response:
        engines = await run_in_threadpool(self._studio.pipeline.engines)
        said = await run_in_threadpool(board_words.everything, board, engines, visit.key)
        return _json(said | {"own": visit.photo is not None})


def _exported(board: VisitBoard, kind: str) -> tuple[str, bytes]:
    """In English, whoever asks: it is handed on to others."""
    with speaking(ENGLISH), board.exported(kind) as paths:
        if len(paths) == 1:
            return paths[0].name, paths[0].read_bytes()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for path in paths:
                archive.write(path, path.name)
        return f"{slug(board.require().board.title)}-sheets.zip", buffer.getvalue()


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        BoardError: It is none.
    """
    try:
        said = json.loads(await read_body(request, _MAX_JSON, say("This is too much for one board.")))
    except (ValueError, PhotoUnreadable, RecursionError) as error:
        raise BoardError(say("Reload the page and try again; that was no board.")) from error
    if not isinstance(said, dict):
        raise BoardError(say("Reload the page and try again; that was no board."))
    return said


def _which_face(error: FaceUnclear) -> Response:
    heads = [f"data:image/jpeg;base64,{base64.b64encode(head).decode()}" for head in error.faces]
    said = {"sentence": sentence(error), "faces": heads, "turn": error.turn, "doubtful": error.doubtful}
    return SpokenJSON(said, HTTPStatus.UNPROCESSABLE_ENTITY, headers=NO_STORE)


def _json(value: dict[str, Any]) -> Response:
    return SpokenJSON(value, headers=NO_STORE)
