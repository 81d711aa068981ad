"""What a replica does with a job, without Ray."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from PIL import Image

from pipelines.cluster.painting import Loaded, Painter
from pipelines.cluster.wire import plain_job, read_made
from pipelines.engines.base import Made, Studio
from pipelines.errors import Cancelled, EngineFailed
from pipelines.presets.loading import Presets
from pipelines.schema import Job, PreparedPhoto, StepCallback
from tests.support.fakes import FakeEngine


@pytest.fixture
def job(prepared: PreparedPhoto, presets: Presets) -> Job:
    return Job(photo=prepared, style=presets.style("comic"), scene=presets.scene("none"), seeds=(3,))


async def told_by(painter: Painter, engine: FakeEngine, job: Job, run: str = "run", attempt: int = 1) -> list[dict]:
    return [told async for told in painter.paint(Loaded(engine), run, attempt, plain_job(job))]


def test_steps_come_first_and_then_the_pictures(job: Job) -> None:
    told = asyncio.run(told_by(Painter({}), FakeEngine(), job))
    assert [one["kind"] for one in told] == ["step", "step", "step", "made"]
    assert read_made(told[-1]).pictures[0].size == job.photo.image.size


class Counting(FakeEngine):
    """Takes a thousand steps, each once it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.stopped, self.at_once = 0, False, 0

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        for self.step in range(1, 1001):
            if not on_step(self.step, 1000, Image.new("RGB", (8, 8))):
                self.stopped = True
                raise Cancelled("Stopped; nothing was kept.")
            time.sleep(0.005)
        return Made([job.photo.image])


def test_closing_stops_the_work_and_waits_for_it(job: Job) -> None:
    engine = Counting()

    async def look() -> int:
        stream = Painter({}).paint(Loaded(engine), "run", 1, plain_job(job))
        while (await anext(stream))["step"] < 3:
            pass
        seen = engine.step
        await stream.aclose()
        return seen

    seen = asyncio.run(look())
    assert engine.stopped
    assert engine.step <= seen + 2, "within two steps"
    assert not [thread for thread in threading.enumerate() if thread.name == "painting"]


def test_the_loop_answers_while_an_engine_works(job: Job) -> None:
    """Serve takes a replica for dead whose event loop is silent."""
    may_end, ticks = threading.Event(), 0

    class Blocking(FakeEngine):
        def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
            assert may_end.wait(60)
            return Made([job.photo.image])

    async def look() -> None:
        nonlocal ticks
        work = asyncio.create_task(told_by(Painter({}), Blocking(), job))
        for _ in range(20):
            await asyncio.sleep(0.001)
            ticks += 1
        assert not work.done()
        may_end.set()
        assert [one["kind"] for one in await work] == ["made"]

    asyncio.run(look())
    assert ticks == 20


def test_one_job_at_a_time(job: Job) -> None:
    working, most = 0, 0

    class Watched(FakeEngine):
        def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
            nonlocal working, most
            working += 1
            most = max(most, working)
            time.sleep(0.02)
            working -= 1
            return Made([job.photo.image])

    async def look() -> None:
        painter, engine = Painter({}), Watched()
        await asyncio.gather(*(told_by(painter, engine, job, run=str(number)) for number in range(4)))

    asyncio.run(look())
    assert most == 1


def test_what_is_sent_twice_is_painted_once(job: Job) -> None:
    async def look() -> None:
        painter, engine = Painter({}), FakeEngine()
        first = await told_by(painter, engine, job)
        again = await told_by(painter, engine, job)
        later = await told_by(painter, engine, job, attempt=2)
        assert (first[-1]["kind"], again[-1]["code"], later[-1]["kind"]) == ("made", "cancelled", "made")
        assert len(engine.jobs) == 2

    asyncio.run(look())


def test_a_replica_is_ill_when_job_after_job_fails(job: Job) -> None:
    faults: list[Exception | None] = [
        RuntimeError("CUDA error"),
        None,
        RuntimeError("CUDA error"),
        RuntimeError("CUDA"),
    ]
    faults += [EngineFailed("This style cannot be painted so.")] * 3

    def fault(on_step: StepCallback) -> None:
        error = faults.pop(0)
        if error is not None:
            raise error

    async def look() -> None:
        painter, engine, ill = Painter({}), FakeEngine(fault), []
        for number in range(4):
            await told_by(painter, engine, job, run=str(number))
            ill.append(painter.is_ill)
        assert ill == [False, False, False, True]
        painter = Painter({})
        for number in range(3):
            await told_by(painter, engine, job, run=str(number))
        assert not painter.is_ill, "what the engine has a sentence for is no illness"

    asyncio.run(look())


def test_it_offers_the_stacks_that_are_there(presets: Presets) -> None:
    offers = {offer["id"]: offer for offer in Painter(presets.models).offers()}
    assert set(offers) == set(presets.models)
    assert (offers["embedded"]["available"], offers["embedded"]["without"]) == (True, [])
    assert not offers["sdxl-lightning"]["available"]
    assert offers["sdxl-lightning"]["reason"]["form"]
