"""Who gets a tile when: in turn over all visits, few of each in line, none for a photo that is not there any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import anyio
import pytest
from PIL import Image

from pipelines.errors import Cancelled, PhotoError, RequestInvalid
from pipelines.presets.loading import Presets
from pipelines.schema import Face, LoadedPhoto, Style
from pipelines.self_portrait import SelfPortraitPipeline
from visits.visit import Look, Visit
from web.tiles import Tiles

PHOTO = LoadedPhoto(image=Image.new("RGB", (64, 64)), faces=(Face(box=(10, 10, 40, 40), score=1.0),))


class Painter:
    """Stands in for the pipeline: paints when it is told to, as slowly as it is told to."""

    def __init__(self, presets: Presets) -> None:
        self.presets = presets
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.go_on = threading.Semaphore(0)
        self.seen = threading.Condition()

    def tile(
        self,
        photo: LoadedPhoto,
        *,
        face_index: int | None,
        style_id: str,
        unwanted: Callable[[], bool],
        own_style: Style | None,
    ) -> Any:
        with self.seen:
            self.begun.append(style_id)
            self.seen.notify_all()
        while not self.go_on.acquire(timeout=0.01):
            if unwanted():
                self.cancelled.append(style_id)
                raise Cancelled("Stopped.")
        if unwanted():
            raise Cancelled("Stopped.")
        return Image.new("RGB", (8, 8))

    def photo_tile(self, photo: LoadedPhoto, face_index: int | None) -> Image.Image:
        return Image.new("RGB", (8, 8))


@pytest.fixture
def painter(presets: Presets) -> Iterator[Painter]:
    one = Painter(presets)
    yield one
    one.go_on.release(1000)


def tiles_of(painter: Painter, at_once: int | None = None) -> Tiles:
    return Tiles(cast(SelfPortraitPipeline, painter), at_once)


def visit_of(session: str) -> Visit:
    visit = Visit(session=session, look=Look("comic"))
    visit.photo, visit.face_index = PHOTO, 0
    return visit


async def stays() -> dict:
    """A page that waits for its answer."""
    await asyncio.Event().wait()
    return {}


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not true():
            await asyncio.sleep(0.005)


STYLES = ("comic", "fauve", "marble", "bronze", "tintype", "mosaic")


def test_two_visitors_get_theirs_in_turn_though_one_asked_for_more(painter: Painter) -> None:
    async def run() -> None:
        tiles, first, second = tiles_of(painter, at_once=1), visit_of("one"), visit_of("two")
        asked = [asyncio.create_task(tiles.tile(first, "styles", name, stays)) for name in STYLES[:2]]
        await until(lambda: painter.begun == ["comic"])
        asked.append(asyncio.create_task(tiles.tile(second, "styles", "marble", stays)))
        await asyncio.sleep(0)
        asked.append(asyncio.create_task(tiles.tile(first, "styles", "bronze", stays)))
        await asyncio.sleep(0.05)
        painter.go_on.release(4)
        assert all(await asyncio.gather(*asked))

    asyncio.run(run())
    assert painter.begun == ["comic", "fauve", "marble", "bronze"]


def test_of_one_visit_few_stand_in_line_and_the_oldest_has_to_go(painter: Painter) -> None:
    async def run() -> list[bytes | None]:
        tiles, greedy, other = tiles_of(painter, at_once=1), visit_of("greedy"), visit_of("other")
        asked = []
        for name in STYLES:
            asked.append(asyncio.create_task(tiles.tile(greedy, "styles", name, stays)))
            await asyncio.sleep(0)  # all stand in line before the first one hears that it has to go
        await until(lambda: painter.cancelled == ["comic"])
        asked.append(asyncio.create_task(tiles.tile(other, "styles", "charcoal", stays)))
        await asyncio.sleep(0.01)
        painter.go_on.release(100)
        return await asyncio.gather(*asked)

    answers = asyncio.run(run())
    assert [answer is None for answer in answers] == [True, True, False, False, False, False, False]
    painted = [name for name in painter.begun if name not in painter.cancelled]
    assert painted == ["marble", "bronze", "tintype", "mosaic", "charcoal"]


@pytest.mark.parametrize(
    "change",
    [
        lambda visit: setattr(visit, "photo", LoadedPhoto(image=PHOTO.image, faces=PHOTO.faces)),
        lambda visit: setattr(visit, "photo", None),
        lambda visit: setattr(visit, "face_index", 1),
        lambda visit: setattr(visit, "asked", visit.asked + 1),
        lambda visit: visit.close(),
        lambda visit: setattr(visit, "away_since", 1.0),
    ],
    ids=["another photo", "removed", "another face", "another one on its way", "withdrawn", "left"],
)
def test_a_tile_that_is_painted_and_those_in_line_are_given_up_at_once(
    painter: Painter, change: Callable[[Visit], None]
) -> None:
    async def run() -> list[bytes | None]:
        tiles, visit = tiles_of(painter, at_once=1), visit_of("one")
        asked = [asyncio.create_task(tiles.tile(visit, "styles", name, stays)) for name in STYLES[:3]]
        await until(lambda: painter.begun == ["comic"])
        change(visit)
        return await asyncio.gather(*asked)

    assert asyncio.run(run()) == [None] * 3


def test_a_page_that_goes_leaves_the_line_and_makes_room(painter: Painter) -> None:
    async def run() -> bytes | None:
        gone = asyncio.Event()

        async def goes() -> dict:
            await gone.wait()
            return {"type": "http.disconnect"}

        tiles, first, second = tiles_of(painter, at_once=1), visit_of("one"), visit_of("two")
        asked = [asyncio.create_task(tiles.tile(first, "styles", name, goes)) for name in STYLES[:2]]
        await until(lambda: painter.begun == ["comic"])
        last = asyncio.create_task(tiles.tile(second, "styles", "marble", stays))
        gone.set()
        assert await asyncio.gather(*asked) == [None, None]
        await until(lambda: painter.begun == ["comic", "marble"])
        painter.go_on.release()
        return await last

    assert asyncio.run(run())
    assert painter.cancelled == ["comic"]


def test_what_has_no_tile(painter: Painter) -> None:
    tiles, visit = tiles_of(painter), visit_of("one")
    for kind, name in (("scenes", "orbit"), ("portraits", "comic")):
        with pytest.raises(RequestInvalid, match="same for everybody"):
            asyncio.run(tiles.tile(visit, kind, name, stays))
    with pytest.raises(RequestInvalid, match="style"):
        asyncio.run(tiles.tile(visit, "styles", "mona-lisa", stays))
    assert asyncio.run(tiles.tile(visit, "scenes", "none", stays)), "the photo itself"
    visit.photo = None
    with pytest.raises(PhotoError):
        asyncio.run(tiles.tile(visit, "styles", "comic", stays))
    visit.photo, visit.face_index = PHOTO.model_copy(update={"faces": PHOTO.faces * 2}), None
    assert asyncio.run(tiles.tile(visit, "styles", "comic", stays)) is None, "it is open whose face is meant"
