"""Cells that are made at the same time: by filters on several cores, and by a model whose device goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipelines.board import runner
from pipelines.board.runner import Progress, added, make
from pipelines.board.store import Store
from pipelines.easels import FILTERS
from pipelines.errors import EngineFailed, TooOften
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.schema import PortraitRequest, StepCallback
from pipelines.self_portrait import SelfPortraitPipeline
from tests.board.conftest import Bench
from tests.support.fakes import FakeEngines
from tests.support.machine import LARGE, Machine, Stacks


@pytest.fixture
def pair(bench: Bench) -> Bench:
    """Two places for the filters."""
    bench.pipeline.add_device(FILTERS, FakeEngines(bench.engine), room=2)
    return bench


def test_filters_paint_as_many_at_a_time_as_they_have_places(pair: Bench) -> None:
    both = threading.Barrier(2, timeout=30)

    def meet(on_step: StepCallback) -> None:
        both.wait()  # raises where another one does not come

    pair.engine._fault = meet
    told: list[Progress] = []
    board = pair.board(likeness=[0.2, 0.8], styles=["comic", "film-noir"])
    outcome = pair.make(board, tell=told.append)
    assert (outcome.made, outcome.failed, outcome.left) == (4, 0, 0)
    assert [one.number for one in told if one.state == "done"] == [1, 2, 3, 4]
    assert [pair.store.state(cell.key) for cell in pair.cells(board)] == ["done"] * 4


@pytest.fixture
def model(bench: Bench, presets: Presets, tmp_path: Path) -> Bench:
    """A model on one device, which goes on while pictures are finished."""
    machine = Machine()
    bench.pipeline = SelfPortraitPipeline(presets, tmp_path / "one", engines={"one": Stacks(machine, "one")})
    bench.machine = machine
    return bench


def test_a_model_paints_the_next_one_while_one_is_finished(model: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    save, painted = marking.save, [threading.Event() for _ in range(3)]
    saved: list[int] = []

    def held(*arguments: Any, **named: Any) -> Any:
        saved.append(len(saved))
        assert painted[min(saved[-1] + 1, 2)].wait(60), "the device waits for a file"
        return save(*arguments, **named)

    def begins(device: str, on_step: StepCallback) -> None:
        painted[len(model.machine.made)].set()

    monkeypatch.setattr(marking, "save", held)
    model.machine.fault = begins
    told: list[Progress] = []
    board = model.board(engines=[LARGE])
    outcome = model.make(board, tell=told.append)
    assert (outcome.made, outcome.failed, outcome.left) == (3, 0, 0)
    assert [seed for _, _, seed in model.machine.made] == [0, 0, 0]
    assert {one.state for one in told} == {"working", "done"}, "none of them waits for anybody else"
    assert [one.number for one in told if one.state == "done"] == [1, 2, 3]


def test_at_a_limit_one_cell_asks_for_all_and_nobody_hears_of_waiting_while_one_is_painted(
    model: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_BUSY_SECONDS", 0.02)
    paint, free = threading.Event(), threading.Event()
    asked: list[int] = []
    told: list[Progress] = []

    @contextmanager
    def admit(request: PortraitRequest) -> Iterator[None]:
        asked.append(threading.get_ident())
        if len(asked) > 1 and not free.is_set():
            if len(asked) > 20:
                free.set()
            raise TooOften("So many portraits an hour; wait.", seconds=60.0, rule="portraits")
        yield

    def painted(device: str, on_step: StepCallback) -> None:
        on_step(0, 3, None)
        assert paint.wait(60)

    model.machine.fault = painted
    board = model.board(engines=[LARGE])
    run = threading.Thread(target=lambda: model.make(board, tell=told.append, admit=admit), daemon=True)
    run.start()
    assert free.wait(60)
    paint.set()
    run.join(60)
    assert [model.store.state(cell.key) for cell in model.cells(board)] == ["done"] * 3
    first_of_each = {asked.index(one) for one in set(asked)}
    again = [one for place, one in enumerate(asked[:20]) if place not in first_of_each]
    assert len(set(again)) == 1
    begun = next(place for place, one in enumerate(told) if one.state == "working")
    assert not [one for one in told[begun:] if one.state == "waiting"]


@pytest.mark.parametrize(
    ("seconds", "painted", "beside", "places", "adds"),
    [
        pytest.param(4.4, 4.0, 2, 1, 4.0, id="the device is the slowest"),
        pytest.param(0.6, 0.15, 3, 1, 0.2, id="finishing is"),
        pytest.param(2.0, 1.8, 2, 2, 1.0, id="filters on two cores"),
        pytest.param(3.0, 2.5, 1, 1, 3.0, id="alone"),
    ],
)
def test_what_a_portrait_adds_to_a_board(seconds: float, painted: float, beside: int, places: int, adds: float) -> None:
    assert added(seconds, painted, beside, places) == pytest.approx(adds)


@pytest.mark.slow
def test_their_files_are_the_same_as_one_after_the_other(pair: Bench, tmp_path: Path) -> None:
    """Likeness is not in a file's name: two of one style would lie in each other's place."""

    def pixels(store: Store) -> list[bytes]:
        pictures = []
        for cell in pair.cells(board):
            with Image.open(store.picture(cell.key)) as picture:
                pictures.append(picture.tobytes())
        return pictures

    board = pair.board(likeness=[0.1, 0.5, 0.9], styles=["comic"])
    pair.make(board)
    at_once = pixels(pair.store)
    single = SelfPortraitPipeline(pair.pipeline.presets, tmp_path / "single", engines=FakeEngines())
    other = Store(tmp_path / "one-by-one")
    make(single, board, pair.photos(board), other, pair.consent)
    assert at_once == pixels(other)
    assert len(set(at_once)) == 3


def test_stop_ends_all_that_are_in_the_making(pair: Bench) -> None:
    both, stop = threading.Barrier(2, timeout=30, action=lambda: stop.set()), threading.Event()

    def meet(on_step: StepCallback) -> None:
        both.wait()

    pair.engine._fault = meet
    outcome = pair.make(pair.board(seeds=[1, 2]), stop=stop)
    assert (outcome.made, outcome.failed) == (0, 0)
    assert outcome.left == 6
    assert len(pair.made()) == 2


def test_one_that_fails_harms_none_beside_it(pair: Bench, failing_once) -> None:
    failing_once(0, EngineFailed("This picture came out broken; use another seed."))
    outcome = pair.make(pair.board())
    assert (outcome.made, outcome.failed) == (2, 1)
