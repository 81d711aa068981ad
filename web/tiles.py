"""Tiles with the visitor's own face, made one after the other, in passing, for whoever is there. None of them is kept.

The line is first come, first served, over all visits, and of each only a few tiles stand in it: the page asks for the
next one when one has come. So two visitors get theirs in turn, and none waits for the whole shelf of another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.types import Receive

from languages.saying import say
from pipelines.easels import cores
from pipelines.errors import Cancelled, RequestInvalid
from pipelines.photo import memory
from pipelines.schema import LoadedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from visits.visit import Visit
from web import pictures

_EACH = 4  # in line for one visit: the page asks for two at a time, and two may have been given up just now
_QUALITY = 72  # 29 tiles weigh about 100 kB


@dataclass(eq=False)
class _Asked:
    """A tile that is being waited for."""

    scope: CancelScope = field(default_factory=CancelScope)
    is_dropped: bool = False

    def drop(self) -> None:
        """Nobody wants it: it leaves the line now, or its painting stops after the step that it is in."""
        self.is_dropped = True
        self.scope.cancel()


class Tiles:
    """Over one pipeline, for all visits. To be used on one event loop.

    Args:
        pipeline: Paints them.
        at_once: How many are painted at a time; left out, half as many as there are cores.
    """

    def __init__(self, pipeline: SelfPortraitPipeline, at_once: int | None = None) -> None:
        self._pipeline = pipeline
        self._painting = CapacityLimiter(at_once or max(1, cores() // 2))  # waiting takes no thread
        self._asked: dict[str, deque[_Asked]] = {}  # by the visit's key

    async def tile(self, visit: Visit, kind: str, preset_id: str, receive: Receive) -> bytes | None:
        """One tile as WebP.

        Args:
            visit: Whose face it shows.
            kind: "styles", or "scenes" for one that keeps the photo's background: its tile is the photo.
            preset_id: Which of them.
            receive: Of the request, which tells when nobody waits for the answer any more.

        Returns:
            None where it is not wanted any more: the photo or the face is another one, the visit is over, its page has
            gone, or so many were asked for since that this one had to go.

        Raises:
            RequestInvalid: There is no such tile.
            PhotoError: There is no photo.
        """
        paint = self._painter(visit, kind, preset_id)
        if visit.must_choose_face:
            return None
        waiting = self._asked.setdefault(visit.key, deque())
        asked = _Asked()
        waiting.append(asked)
        if len(waiting) > _EACH:
            waiting.popleft().drop()
        data: bytes | None = None
        try:
            with asked.scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(_hear, receive, asked)
                    data = await to_thread.run_sync(paint, lambda: asked.is_dropped, limiter=self._painting)
                    group.cancel_scope.cancel()
        finally:
            if asked in waiting:
                waiting.remove(asked)
            if not waiting:
                self._asked.pop(visit.key, None)
        return data

    def _painter(self, visit: Visit, kind: str, preset_id: str) -> Callable[[Callable[[], bool]], bytes | None]:
        """What paints the tile of the visit's present photo, in a thread."""
        presets, photo, face, asked = self._pipeline.presets, visit.require_photo(), visit.face_index, visit.asked

        def is_another() -> bool:
            gone = visit.closed or visit.away_since is not None
            return gone or visit.photo is not photo or visit.face_index != face or visit.asked != asked

        if kind == "scenes" and presets.scene(preset_id).backdrop is None:
            return lambda dropped: None if dropped() or is_another() else _webp_of_photo(self._pipeline, photo, face)
        if kind != "styles":
            raise RequestInvalid(say("There is no such tile; those of scenes are the same for everybody."))
        style_id, own = visit.own.presets(presets).style(preset_id).id, visit.own.styles.get(preset_id)

        def paint(dropped: Callable[[], bool]) -> bytes | None:
            try:
                picture = self._pipeline.tile(
                    photo,
                    face_index=face,
                    style_id=style_id,
                    unwanted=lambda: dropped() or is_another(),
                    own_style=own,
                )
            except Cancelled:
                memory.give_back()  # of a photo that may have been deleted just now
                return None
            return pictures.webp(picture, quality=_QUALITY)

        return paint


def _webp_of_photo(pipeline: SelfPortraitPipeline, photo: LoadedPhoto, face: int | None) -> bytes:
    return pictures.webp(pipeline.photo_tile(photo, face), quality=_QUALITY)


async def _hear(receive: Receive, asked: _Asked) -> None:
    """Whoever asked has gone, or asks for another photo's."""
    while (await receive())["type"] != "http.disconnect":
        pass
    asked.drop()
