"""The calls of the style editor: settings of a style, changes to them, and a visit's own styles, in and out as files.

Who may ask, and how refusals look, is as in web/routes.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from languages.saying import say
from pipelines.engines.base import AUTO
from pipelines.errors import PhotoUnreadable, RequestInvalid
from pipelines.presets import own
from pipelines.presets.editing import Group, Setting, changed, form
from pipelines.presets.loading import MAX_FILE_BYTES, Presets, parse_style
from pipelines.presets.writing import as_toml
from pipelines.schema import Style
from visits import admission
from visits.own_styles import MAX_OWN_STYLES
from visits.studio import Studio
from visits.visit import Visit
from web.addresses import connection_network
from web.calls import KEY_HEADER, NO_STORE, Calls, read_body
from web.in_language import SpokenJSON

_MAX_JSON = 64 * 1024
_LARGE = say(
    "This file is larger than {max_file_bytes} kB; a style file is shorter.", max_file_bytes=MAX_FILE_BYTES // 1024
)
_NONE = say("Close the editor and open it again; that was no change of a style.")

_HEADING = (
    "A style of Self-Portrait Studio. Take it in under Edit this style, or put it into a folder of presets.",
    "What each line means: presets/README.md.",
)


def build_style_routes(studio: Studio) -> list[BaseRoute]:
    """The routes below /studio/style."""
    calls = _StyleCalls(studio)
    return [
        Route("/studio/style", calls.look),
        Route("/studio/style/edit", calls.edit, methods=["POST"]),
        Route("/studio/style/back", calls.back, methods=["POST"]),
        Route("/studio/style/keep", calls.keep, methods=["POST"]),
        Route("/studio/style/import", calls.take, methods=["POST"]),
        Route("/studio/style/remove", calls.remove, methods=["POST"]),
        Route("/studio/style/{key}/{preset}.toml", calls.file),
    ]


def own_styles_value(visit: Visit, presets: Presets) -> list[dict[str, Any]]:
    """A visit's own styles for the page's pickers."""
    return [
        {
            "id": style.id,
            "name": style.name,
            "summary": style.summary,
            "words": " ".join(map(str, (style.name, *style.keywords, say("my own style")))),
            "own": not style.needs_picture,
            "picture": style.needs_picture,
            "sign": own.recipe_digest(style)[:16],
            "thumb": f"studio/tile/{visit.key}/styles/{style.id}.webp",
        }
        for style in visit.own.styles.values()
    ]


class _StyleCalls(Calls):
    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)

    async def look(self, request: Request) -> Response:
        """The settings of the style that is named in the query."""

        def act(visit: Visit, asked: dict[str, Any]) -> dict[str, Any]:
            return self._form(visit, request.query_params.get("style", ""))

        return await self._answer(request, act)

    async def edit(self, request: Request) -> Response:
        """Other values for a style, by path, for this visit and for now."""

        def act(visit: Visit, asked: dict[str, Any]) -> dict[str, Any]:
            style, changes = self._style(visit, asked.get("style")), asked.get("changes")
            if not isinstance(changes, dict) or not changes:
                raise RequestInvalid(_NONE)
            now = visit.own.find(style.id) or style
            groups = self._groups(visit, now)
            new = changed(now, changes, groups)
            kinds = {setting.path: setting.kind for group in groups for setting in group.settings}
            if any(kinds[path] == "text" for path in changes):
                self._read(request, visit, own.own_words(new, style))
            visit.own.change(style, new)
            return self._form(visit, style.id)

        return await self._answer(request, act)

    async def back(self, request: Request) -> Response:
        """A style as it was."""

        def act(visit: Visit, asked: dict[str, Any]) -> dict[str, Any]:
            style = self._style(visit, asked.get("style"))
            visit.own.back(style.id)
            return self._form(visit, style.id)

        return await self._answer(request, act)

    async def keep(self, request: Request) -> Response:
        """A style as it is now, under a name, as one of the visit's own."""

        def act(visit: Visit, asked: dict[str, Any]) -> dict[str, Any]:
            style, name = self._style(visit, asked.get("style")), asked.get("name")
            if not isinstance(name, str):
                raise RequestInvalid(say("Give the style a name of 2 to 40 characters."))
            self._read(request, visit, (name[:200],))
            kept = visit.own.keep(style.id, name, self._studio.presets)
            return self._form(visit, kept.id) | {"said": say("Kept as {name}, until your visit ends.", name=kept.name)}

        return await self._answer(request, act)

    async def take(self, request: Request) -> Response:
        """A style from a file, the raw file as the body, as one of the visit's own."""

        async def read(visit: Visit) -> Response:
            data = await read_body(request, MAX_FILE_BYTES, _LARGE)
            return SpokenJSON(await run_in_threadpool(self._take, request, visit, data), headers=NO_STORE)

        return await self.guarded(request, request.headers.get(KEY_HEADER, ""), read)

    async def remove(self, request: Request) -> Response:
        """Forget one of the visit's own styles."""

        def act(visit: Visit, asked: dict[str, Any]) -> dict[str, Any]:
            gone = visit.own.remove(asked.get("style"))
            first = next(iter(self._studio.presets.styles))
            base = gone.based_on if gone.based_on in self._studio.presets.all_styles else first
            return self._form(visit, base or first) | {"said": say("{name} is removed.", name=gone.name)}

        return await self._answer(request, act)

    async def file(self, request: Request) -> Response:
        """A style as it is now, as a file that can be taken in again."""

        async def answer(visit: Visit) -> Response:
            style = self._style(visit, request.path_params["preset"])
            now = visit.own.find(style.id)
            text = as_toml(now or style.model_copy(update={"based_on": style.id}), _HEADING)
            name = f'attachment; filename="{(now or style).id}.toml"'
            return Response(text, media_type="application/toml", headers={**NO_STORE, "Content-Disposition": name})

        return await self.guarded(request, request.path_params["key"], answer)

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _answer(self, request: Request, act: Callable[[Visit, dict[str, Any]], dict[str, Any]]) -> Response:
        """With what `act` says of a visit and of the JSON object that was sent."""

        async def answer(visit: Visit) -> Response:
            asked = await _asked(request) if request.method == "POST" else {}
            return SpokenJSON(await run_in_threadpool(act, visit, asked), headers=NO_STORE)

        return await self.guarded(request, request.headers.get(KEY_HEADER, ""), answer)

    def _take(self, request: Request, visit: Visit, data: bytes) -> dict[str, Any]:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RequestInvalid(say("This file is no text; choose a style file, whose name ends in .toml.")) from error
        presets = self._studio.presets
        style = own.as_own(parse_style(text, "own", say("This file")), presets)
        self._read(request, visit, own.words_of(style, presets))
        kept = visit.own.add(style, presets)
        return self._form(visit, kept.id) | {
            "said": say("{name} is one of your styles now, until your visit ends.", name=kept.name)
        }

    def _read(self, request: Request, visit: Visit, words: tuple[str, ...]) -> None:
        """Let the reviewers read words, as they do a visitor's own words."""
        if words:
            network = connection_network(request, self._studio.settings.trusted_proxies)
            with admission.reading(self._studio, network, visit.session):
                self._studio.pipeline.safety.require_words(", ".join(words), visit.session)

    def _style(self, visit: Visit, style_id: object) -> Style:
        """A style as it is kept: a preset, or one of the visit's own.

        Raises:
            RequestInvalid: There is none.
        """
        return visit.own.presets(self._studio.presets).style(style_id if isinstance(style_id, str) else "")

    def _groups(self, visit: Visit, style: Style) -> tuple[Group, ...]:
        engine = self._engine(visit)
        names = {id: stack.name for id, stack in self._studio.presets.models.items() if id in style.overrides}
        if engine is not None and engine.is_diffusion:
            names |= {engine.id: engine.name}
        return form(style, names, words=engine is not None and engine.reads_words)

    def _engine(self, visit: Visit) -> Any:
        """What makes this visit's portraits."""
        engines = self._studio.pipeline.engines()
        return next((e for e in engines if e.id == visit.model or (visit.model == AUTO and e.is_automatic)), None)

    def _form(self, visit: Visit, style_id: str) -> dict[str, Any]:
        style, engine = self._style(visit, style_id), self._engine(visit)
        now, is_own = visit.own.find(style.id) or style, style.id in visit.own.kept
        reads = engine is not None and engine.reads_words
        return {
            "style": style.id,
            "name": style.name,
            "edited": style.id in visit.own.drafts,
            "own": is_own,
            "groups": [_group(group) for group in self._groups(visit, now)],
            "words": ""
            if reads or engine is None
            else say("{name} reads no words: it knows only its own styles.", name=engine.name),
            "file": f"studio/style/{visit.key}/{style.id}.toml",
            "room": visit.own.room(),
            "full": len(visit.own.kept) >= MAX_OWN_STYLES,
            "kept": own_styles_value(visit, self._studio.presets),
        }


def _group(group: Group) -> dict[str, Any]:
    return {
        "title": group.title,
        "about": group.about,
        "part": group.part,
        "settings": [_setting(setting) for setting in group.settings],
    }


def _setting(setting: Setting) -> dict[str, Any]:
    said: dict[str, Any] = setting._asdict()
    if setting.kind in ("number", "integer") and setting.low is not None and setting.high is not None:
        step = 1.0 if setting.kind == "integer" else _step(setting.high - setting.low)
        said |= {"step": step, "low": setting.low + step if setting.over else setting.low}
    return said


def _step(span: float) -> float:
    """A round number of which about a hundred make up a range."""
    return float(10.0 ** math.floor(math.log10(span / 50.0)))


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON object of a body; an empty one where it is none, which then asks for nothing."""
    try:
        said = json.loads(await read_body(request, _MAX_JSON, _NONE))
    except (ValueError, PhotoUnreadable, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
