"""A device waits neither for what is drawn from a photo beforehand nor for what is done with its pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from pipelines import saving, self_portrait, worker
from pipelines.controls import annotators
from pipelines.easels import FILTERS
from pipelines.engines.base import PREVIEW
from pipelines.errors import Cancelled, EngineUnavailable
from pipelines.photo.opening import open_photo
from pipelines.presets.loading import Presets
from pipelines.results import PortraitSet
from pipelines.safety.review import Safety
from pipelines.schema import AnnotatorName, PortraitRequest, PreparedPhoto, StepCallback
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.fakes import FakeEngine, FakeEngines
from tests.support.machine import TIMEOUT, Machine, Stacks, served_to
from tests.support.site import wait_until


class Desk:
    """Where pictures are finished, one after another wherever somebody says so."""

    def __init__(self, save: Callable[..., Any]) -> None:
        self._save = save
        self.here = 0
        self.most = 0
        self.goes_on = threading.Event()

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.here += 1
        self.most = max(self.most, self.here)
        assert self.goes_on.wait(TIMEOUT)
        self.here -= 1
        return self._save(*arguments, **named)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    slow = Desk(saving.save_portraits)
    monkeypatch.setattr(self_portrait, "save_portraits", slow)
    return slow


@pytest.fixture
def on_one_device(presets: Presets, machine: Machine, tmp_path: Path) -> Callable[[int], SelfPortraitPipeline]:
    def build(cores: int) -> SelfPortraitPipeline:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self_portrait, "cores", lambda: cores)
            return SelfPortraitPipeline(presets, tmp_path, engines={"one": Stacks(machine, "one")}, safety=Safety())

    return build


@pytest.fixture
def paint(machine: Machine) -> threading.Event:
    """Before this is set the device paints nothing."""
    go = threading.Event()

    def held(device: str, on_step: StepCallback) -> None:
        assert go.wait(TIMEOUT)

    machine.fault = held
    return go


def has_a_turn(pipeline: SelfPortraitPipeline) -> None:
    wait_until(lambda: pipeline.line.at_work() == {"one": (1, 1)}, "nobody has a turn")


def test_the_next_portrait_is_painted_while_one_is_finished(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    machine: Machine,
    ask: Callable[..., PortraitRequest],
    desk: Desk,
) -> None:
    pipeline = on_one_device(2)
    with ThreadPoolExecutor(2) as visitors:
        first = visitors.submit(served_to, pipeline, ask("ann-1", seeds=(1,)))
        wait_until(lambda: desk.here == 1, "the first is not finished")
        second = visitors.submit(served_to, pipeline, ask("ben-1", seeds=(2,)))
        wait_until(lambda: desk.here == 2, "the second waits for the first one's file")
        assert [seed for _, _, seed in machine.made] == [1, 2]
        assert pipeline.line.at_work() == {"one": (0, 1)}
        desk.goes_on.set()
        results = [one.result(TIMEOUT) for one in (first, second)]
    assert [result.portraits[0].seed for result in results] == [1, 2], "everybody has their own"


def test_no_more_are_finished_at_a_time_than_there_are_cores(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    machine: Machine,
    ask: Callable[..., PortraitRequest],
    desk: Desk,
) -> None:
    """Else pictures of a fast device would pile up in memory."""
    pipeline = on_one_device(1)
    with ThreadPoolExecutor(3) as visitors:
        asked = [visitors.submit(served_to, pipeline, ask(f"visitor-{n}", seeds=(n,))) for n in range(3)]
        wait_until(lambda: len(machine.made) == 2, "nothing is painted meanwhile")
        time.sleep(0.3)  # in which a third would have been painted
        assert len(machine.made) == 2, "the second one's device waits for a core"
        assert pipeline.line.at_work() == {"one": (1, 1)}
        desk.goes_on.set()
        assert len([one.result(TIMEOUT) for one in asked]) == 3
    assert desk.most == 1


def test_a_filter_keeps_its_core_to_the_end(
    presets: Presets, tmp_path: Path, ask: Callable[..., PortraitRequest], desk: Desk
) -> None:
    pipeline = SelfPortraitPipeline(presets, tmp_path, engines=FakeEngines(), safety=Safety())
    pipeline.add_device(FILTERS, FakeEngines(FakeEngine()), room=1)
    with ThreadPoolExecutor(1) as visitors:
        asked = visitors.submit(served_to, pipeline, ask(model_id=PREVIEW))
        wait_until(lambda: desk.here == 1, "it is not finished")
        assert pipeline.line.at_work()[FILTERS] == (1, 1)
        desk.goes_on.set()
        asked.result(TIMEOUT)


def test_what_guides_a_portrait_is_drawn_while_it_waits(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    machine: Machine,
    paint: threading.Event,
    ask: Callable[..., PortraitRequest],
    face_photo: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline, drawn, draw = on_one_device(2), list[str](), annotators.annotate

    def noted(name: AnnotatorName, photo: PreparedPhoto) -> Image.Image:
        drawn.append(name)
        return draw(name, photo)

    monkeypatch.setattr(annotators, "annotate", noted)
    machine.annotators = ("canny",)
    other = open_photo(ImageOps.mirror(face_photo))
    with ThreadPoolExecutor(2) as visitors:
        asked = [visitors.submit(served_to, pipeline, ask("ann-1", seeds=(1,)))]
        has_a_turn(pipeline)
        asked.append(visitors.submit(served_to, pipeline, ask("ben-1", seeds=(2,), photo=other)))
        wait_until(lambda: drawn == ["canny"], "nothing is drawn while it waits")
        assert machine.made == []
        paint.set()
        assert [one.result(TIMEOUT).portraits[0].seed for one in asked] == [1, 2]
    assert drawn == ["canny"] * 2, "each photo's once"


def test_a_turn_that_comes_meanwhile_waits_for_what_is_drawn_and_draws_nothing_twice(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    machine: Machine,
    paint: threading.Event,
    ask: Callable[..., PortraitRequest],
    face_photo: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline, drawn, draw = on_one_device(2), list[PreparedPhoto](), annotators.annotate
    drawing, draws = threading.Event(), threading.Event()

    def slow(name: AnnotatorName, photo: PreparedPhoto) -> Image.Image:
        drawn.append(photo)
        if len(drawn) > 1:
            drawing.set()
            assert draws.wait(TIMEOUT)
        return draw(name, photo)

    machine.annotators = ("canny",)
    monkeypatch.setattr(annotators, "annotate", slow)
    other = open_photo(ImageOps.mirror(face_photo))
    with ThreadPoolExecutor(2) as visitors:
        first = visitors.submit(served_to, pipeline, ask("ann-1", seeds=(1,)))
        has_a_turn(pipeline)
        paint.set()
        first.result(TIMEOUT)  # drew its own
        paint.clear()
        blocking = visitors.submit(served_to, pipeline, ask("ann-1", seeds=(2,)))
        has_a_turn(pipeline)
        second = visitors.submit(served_to, pipeline, ask("ben-1", seeds=(3,), photo=other))
        assert drawing.wait(TIMEOUT)
        paint.set()
        blocking.result(TIMEOUT)
        has_a_turn(pipeline)
        draws.set()
        second.result(TIMEOUT)
    assert len(drawn) == 2, "each photo's once"


def test_cancel_does_not_wait_for_what_is_being_drawn(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    machine: Machine,
    paint: threading.Event,
    ask: Callable[..., PortraitRequest],
    face_photo: Image.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline, drawing, draws, stop = on_one_device(2), *(threading.Event() for _ in range(3))

    first = worker.run(pipeline, ask("ann-1"))
    with ThreadPoolExecutor(2) as visitors:
        asked = visitors.submit(list, first)
        has_a_turn(pipeline)

        def slow(name: AnnotatorName, photo: PreparedPhoto) -> Image.Image:
            if threading.current_thread().name == "preparing":
                drawing.set()
                assert draws.wait(TIMEOUT)
            return photo.image

        machine.annotators = ("canny",)
        monkeypatch.setattr(annotators, "annotate", slow)
        waiting = worker.run(pipeline, ask("ben-1", photo=open_photo(ImageOps.mirror(face_photo))), stop=stop)
        assert isinstance(next(waiting), worker.WaitEvent)
        second = visitors.submit(list, waiting)
        assert drawing.wait(TIMEOUT)
        paint.set()
        asked.result(TIMEOUT)
        has_a_turn(pipeline)
        stop.set()
        with pytest.raises(Cancelled):
            second.result(TIMEOUT)
        assert not draws.is_set()
        draws.set()


def test_a_machine_without_threads_prepares_nothing_and_goes_on(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    ask: Callable[..., PortraitRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = on_one_device(2)

    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        assert [pipeline.prepare(ask()) for _ in range(3)] == [None] * 3
    preparing = pipeline.prepare(ask())
    assert preparing is not None
    preparing.join(TIMEOUT)


def test_a_photo_that_cannot_be_prepared_waits_all_the_same(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    machine: Machine,
    paint: threading.Event,
    ask: Callable[..., PortraitRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is wrong is said when its turn has come."""
    pipeline = on_one_device(2)

    def fails(*_: object) -> Image.Image:
        raise EngineUnavailable("The softedge weights are not here; choose another style.")

    machine.annotators = ("softedge",)
    with ThreadPoolExecutor(1) as visitors:
        first = visitors.submit(served_to, pipeline, ask("ann-1"))
        has_a_turn(pipeline)
        monkeypatch.setattr(annotators, "annotate", fails)
        waiting = worker.run(pipeline, ask("ben-1"))
        assert isinstance(next(waiting), worker.WaitEvent)
        threading.Timer(0.5, paint.set).start()
        with pytest.raises(EngineUnavailable, match="softedge"):
            list(waiting)
        assert paint.is_set(), "not before its turn"
        with pytest.raises(EngineUnavailable, match="softedge"):
            first.result(TIMEOUT)


def test_waiting_times_are_those_of_the_device(
    on_one_device: Callable[[int], SelfPortraitPipeline],
    paint: threading.Event,
    ask: Callable[..., PortraitRequest],
    desk: Desk,
) -> None:
    """Who is next waits for the device alone; here the pictures cost nothing, and finishing them takes long."""
    pipeline, now = on_one_device(2), [0.0]
    paint.set()
    pipeline.line._clock = lambda: now[0]
    with ThreadPoolExecutor(3) as visitors:
        asked = [visitors.submit(served_to, pipeline, ask("ann-1", seeds=(1,)))]  # loads the stack
        wait_until(lambda: desk.here == 1, "it is not finished")
        asked.append(visitors.submit(served_to, pipeline, ask("ben-1", seeds=(2,))))
        wait_until(lambda: desk.here == 2, "it is not finished")

        paint.clear()
        now[0] += 100.0  # of finishing, which counts for nobody's turn
        desk.goes_on.set()
        asked.append(visitors.submit(served_to, pipeline, ask("cleo-1", seeds=(3,))))
        has_a_turn(pipeline)
        waiting = worker.run(pipeline, ask("dan-1", seeds=(4,)))
        event = next(waiting)
        assert isinstance(event, worker.WaitEvent)
        assert event.place.seconds is not None
        assert event.place.seconds == 0.0
        waiting.close()
        paint.set()
        assert all(isinstance(one.result(TIMEOUT), PortraitSet) for one in asked)
