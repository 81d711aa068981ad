"""Several devices in one machine: each has engines of its own, and one portrait at a time is made on each.

The engines cost nothing; engines/test_twins.py holds the real one to the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from pipelines import worker
from pipelines.engines.base import AUTO
from pipelines.errors import Cancelled, EngineFailed, EngineUnavailable, PortraitError
from pipelines.presets.loading import Presets
from pipelines.results import PortraitSet
from pipelines.schema import PortraitRequest, StepCallback
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.machine import LARGE, SMALL, TIMEOUT, Machine, Stacks, served_to
from tests.support.site import wait_until


def test_as_many_are_made_at_a_time_as_there_are_devices(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    both, at_work, most = threading.Barrier(2, timeout=TIMEOUT), [0], [0]

    def fault(device: str, on_step: StepCallback) -> None:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        both.wait()  # passed only where two are at work
        at_work[0] -= 1

    machine.fault = fault
    with ThreadPoolExecutor(6) as visitors:
        results = list(visitors.map(lambda n: served_to(pipeline, ask(f"visitor-{n}", seeds=(n,))), range(6)))
    assert most == [2]
    assert sorted(seed for _, _, seed in machine.made) == list(range(6)), "each once"
    assert [device for device, _, _ in machine.made].count("one") == 3
    assert [result.portraits[0].seed for result in results] == list(range(6)), "everybody has their own"


def test_a_visitor_with_many_requests_does_not_keep_another_waiting(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    go, begun = threading.Semaphore(0), threading.Semaphore(0)

    def fault(device: str, on_step: StepCallback) -> None:
        begun.release()
        assert go.acquire(timeout=TIMEOUT)

    def waits(others: int) -> bool:
        return len(pipeline.line) == others

    machine.fault = fault
    with ThreadPoolExecutor(8) as visitors:
        asked = []
        for number, (session, seed) in enumerate([*(("ann-1", seed) for seed in range(4)), ("ben-1", 100)]):
            asked.append(visitors.submit(served_to, pipeline, ask(session, seeds=(seed,))))
            if number < 2:
                assert begun.acquire(timeout=TIMEOUT)
            else:
                wait_until(partial(waits, number - 1), "it does not join the line")
        go.release(len(asked))
        for one in asked:
            one.result(TIMEOUT)
    order = [seed for _, _, seed in machine.made]
    assert set(order) == {0, 1, 2, 3, 100}
    assert 100 in order[:4], "before the last of those that ann asked for earlier"


def test_each_stack_is_loaded_once_and_stays_where_it_is(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    for number in range(8):
        served_to(pipeline, ask(model_id=(LARGE, SMALL)[number % 2], seeds=(number,)))
    assert sorted(model for _, model in machine.loaded) == [LARGE, SMALL]
    assert len({device for device, _ in machine.loaded}) == 2, "neither had to go for the other"


def test_auto_and_its_own_name_are_one_engine(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    for model_id in (AUTO, LARGE, AUTO):
        served_to(pipeline, ask(model_id=model_id))
    assert len(machine.loaded) == 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RuntimeError("CUDA error: device-side assert triggered"), id="driver"),
        pytest.param(MemoryError(), id="memory", marks=pytest.mark.slow),
        pytest.param(EngineFailed("It ran out of memory."), id="told", marks=pytest.mark.slow),
        pytest.param(EngineUnavailable("It does not fit."), id="while loading"),
    ],
)
def test_a_dying_device_gets_no_more_work_and_its_portrait_is_made_elsewhere_once(
    pipeline: SelfPortraitPipeline,
    machine: Machine,
    ask: Callable[..., PortraitRequest],
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dying = "one"

    def fault(device: str, on_step: StepCallback) -> None:
        if device == dying:
            if isinstance(error, PortraitError):
                raise error from RuntimeError("CUDA out of memory")
            raise error

    machine.fault = fault
    request = ask()
    with caplog.at_level(logging.ERROR):
        events = list(worker.run(pipeline, request))
    assert [type(event) for event in events].count(PortraitSet) == 1
    assert machine.made == [("two", "comic", 7)]
    assert len(list(pipeline.folder("ann-1").iterdir())) == 1
    assert "device one failed" in caplog.text
    for seed in (8, 9, 10):
        served_to(pipeline, ask("ben-1", seeds=(seed,)))
    assert [device for device, _, _ in machine.made] == ["two"] * 4
    assert caplog.text.count("failed (") == 1


def test_what_fails_everywhere_is_told_once_and_no_device_is_out(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    tried = []

    def fault(device: str, on_step: StepCallback) -> None:
        tried.append(device)
        raise EngineFailed("It stopped with an error; try again.") from RuntimeError("nonsense in this photo")

    machine.fault = fault
    with pytest.raises(EngineFailed, match="stopped with an error"):
        served_to(pipeline, ask())
    assert sorted(tried) == ["one", "two"], "not more often"
    assert not pipeline.folder("ann-1").exists() or not list(pipeline.folder("ann-1").iterdir())
    machine.fault = lambda device, on_step: None
    for model in (LARGE, SMALL, LARGE, SMALL):
        served_to(pipeline, ask(model_id=model))
    assert {device for device, _, _ in machine.made} == {"one", "two"}


def test_what_an_engine_says_of_one_picture_is_no_devices_fault(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    tried = []

    def fault(device: str, on_step: StepCallback) -> None:
        tried.append(device)
        raise EngineFailed("This picture came out broken; use another seed.")

    machine.fault = fault
    with pytest.raises(EngineFailed, match="another seed"):
        served_to(pipeline, ask())
    assert len(tried) == 1


def test_cancel_reaches_a_request_that_was_moved(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    inside, leave, stop = threading.Event(), threading.Event(), threading.Event()

    def fault(device: str, on_step: StepCallback) -> None:
        if device == "one":
            raise RuntimeError("CUDA error")
        inside.set()
        assert leave.wait(TIMEOUT)

    machine.fault = fault
    with ThreadPoolExecutor(2) as visitors:
        ann = visitors.submit(served_to, pipeline, ask("ann-1"))
        assert inside.wait(TIMEOUT)
        ben = worker.run(pipeline, ask("ben-1"), stop=stop)
        while True:  # on to the wait for the device that ann's is made on
            event = next(ben)
            if isinstance(event, worker.WaitEvent) or len(pipeline.line):
                break
        stop.set()
        with pytest.raises(Cancelled):
            list(ben)
        assert len(pipeline.line) == 0
        leave.set()
        ann.result(TIMEOUT)
    assert [seed for _, _, seed in machine.made] == [7], "ann's alone"


def test_live_steps_and_cancel_are_those_of_ones_own_device(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    both = threading.Barrier(2, timeout=TIMEOUT)

    def meet(device: str, on_step: StepCallback) -> None:
        both.wait()

    machine.fault = meet
    streams = [worker.run(pipeline, ask(session, seeds=(seed,))) for session, seed in (("ann-1", 1), ("ben-1", 2))]
    with ThreadPoolExecutor(2) as visitors:
        first = list(visitors.map(next, streams))
        streams[0].close()
        rest = list(streams[1])
    assert all(isinstance(event, worker.StepEvent) and event.preview is not None for event in first)
    assert isinstance(rest[-1], PortraitSet)
    assert rest[-1].portraits[0].seed == 2
    machine.fault = lambda device, on_step: None
    assert served_to(pipeline, ask("ann-1")).portraits, "both devices are free again"


@pytest.mark.parametrize("error", [RuntimeError("x"), MemoryError()])
def test_a_single_device_is_never_out(
    presets: Presets, machine: Machine, tmp_path: Path, ask: Callable[..., PortraitRequest], error: Exception
) -> None:
    studio = SelfPortraitPipeline(presets, tmp_path, engines=Stacks(machine, "one"))

    def fault(device: str, on_step: StepCallback) -> None:
        raise error

    machine.fault = fault
    with pytest.raises((EngineFailed, RuntimeError)):
        served_to(studio, ask())
    machine.fault = lambda device, on_step: None
    assert served_to(studio, ask()).portraits
    studio.close()


def test_pictures_are_those_of_the_job_whatever_device_made_them(
    pipeline: SelfPortraitPipeline, ask: Callable[..., PortraitRequest]
) -> None:
    with ThreadPoolExecutor(4) as visitors:
        sets = list(visitors.map(lambda seed: served_to(pipeline, ask(f"visitor-{seed}", seeds=(seed % 2,))), range(4)))
    pixels = []
    for made in sets:
        with Image.open(made.portraits[0].path) as picture:
            pixels.append(picture.tobytes())
    assert pixels[0] == pixels[2] != pixels[1] == pixels[3]
