"""What somebody waits for goes first; what is made in passing stands still meanwhile, but not for ever."""

from __future__ import annotations

import threading

import pytest

from pipelines.errors import Cancelled
from pipelines.live_pictures import TILE_SIZE
from pipelines.precedence import Precedence
from pipelines.presets.loading import Presets
from pipelines.schema import LoadedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.clock import Clock

NEVER = 1e9


def wanted() -> bool:
    return False


def test_work_in_passing_goes_on_where_nobody_waits() -> None:
    assert Precedence(NEVER).give_way(wanted)


def test_it_stands_still_while_somebody_waits_and_then_goes_on() -> None:
    precedence, asked, said = Precedence(NEVER), threading.Event(), []

    def passing() -> None:
        said.append(precedence.give_way(lambda: asked.set() or False))

    thread = threading.Thread(target=passing)
    with precedence.awaited():
        with precedence.awaited():
            thread.start()
            assert asked.wait(30)
        assert said == [], "one of the two is still awaited"
    thread.join(30)
    assert said == [True]


def test_it_hears_that_nobody_wants_it_while_it_stands_still() -> None:
    precedence, unwanted = Precedence(NEVER), threading.Event()
    said: list[bool] = []
    thread = threading.Thread(target=lambda: said.append(precedence.give_way(unwanted.is_set)))
    with precedence.awaited():
        thread.start()
        unwanted.set()
        thread.join(30)
        assert said == [False]


def test_it_does_not_stand_still_for_ever() -> None:
    clock = Clock()
    precedence = Precedence(2.0, clock)
    asked = 0

    def later() -> bool:
        nonlocal asked
        asked += 1
        clock.now += 1.5
        return False

    with precedence.awaited():
        assert precedence.give_way(later)
    assert asked >= 2, "it was asked while it waited"


def test_what_fails_is_not_waited_for_any_more() -> None:
    precedence = Precedence(NEVER)
    with pytest.raises(ValueError, match="no"), precedence.awaited():
        raise ValueError("no")
    assert precedence.give_way(wanted)


@pytest.fixture
def pipeline(presets: Presets, tmp_path) -> SelfPortraitPipeline:
    return SelfPortraitPipeline(presets, tmp_path)


def test_a_tile_stops_between_two_steps(pipeline: SelfPortraitPipeline, loaded: LoadedPhoto) -> None:
    asked = 0

    def third() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 3

    steps = len(pipeline.presets.style("comic").preview)
    with pytest.raises(Cancelled):
        pipeline.tile(loaded, face_index=0, style_id="comic", unwanted=third)
    assert 3 <= asked <= 4 < steps
    with pytest.raises(Cancelled):
        pipeline.tile(loaded, face_index=0, style_id="comic", unwanted=lambda: True)


def test_a_live_picture_is_not_kept_waiting_by_tiles_and_they_wait_for_it(
    pipeline: SelfPortraitPipeline, loaded: LoadedPhoto
) -> None:
    """A tile stands still for as long as the live picture of anybody is painted, and comes when it is done."""
    pipeline.precedence = Precedence(NEVER)
    begun, go_on, order = threading.Event(), threading.Event(), []
    paint = pipeline._preview.generate

    def slowly(job, on_step):
        if job.photo.image.width > TILE_SIZE * 2:  # the live picture, not the tile
            begun.set()
            assert go_on.wait(30)
        return paint(job, on_step)

    pipeline._preview.generate = slowly  # type: ignore[method-assign]
    live = threading.Thread(target=lambda: order.append(("live", live_picture())))
    tile = threading.Thread(target=lambda: order.append(("tile", one_tile())))

    def live_picture():
        return pipeline.preview(loaded, face_index=0, style_id="comic").size

    def one_tile():
        return pipeline.tile(loaded, face_index=0, style_id="cyanotype", unwanted=waiting).size

    asked = threading.Event()

    def waiting() -> bool:
        asked.set()
        return False

    live.start()
    assert begun.wait(30)
    tile.start()
    assert asked.wait(30)
    go_on.set()
    live.join(30)
    tile.join(30)
    assert order == [("live", (512, 512)), ("tile", (TILE_SIZE, TILE_SIZE))]
