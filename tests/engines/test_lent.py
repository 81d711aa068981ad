"""An engine whose jobs are done with a lent GPU, here without the fork: ui/test_zero_gpu.py has that."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipelines.engines import lent
from pipelines.engines.base import Engine, Made, Studio
from pipelines.engines.device import Device
from pipelines.engines.filters.stage import Stage
from pipelines.engines.flow.edit import KleinEngine
from pipelines.engines.lent import Drawn, Durations, Failure, LentEngine, Told
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.errors import Cancelled, EngineFailed, EngineUnavailable, PortraitError, SaveError
from pipelines.job_studio import JobStudio
from pipelines.presets.loading import Presets
from pipelines.schema import Job, PreparedPhoto, StepCallback
from tests.engines.conftest import go_on, same
from tests.support.fakes import FakeEngine
from tests.tiny_checkpoints import sd15_stack
from tests.tiny_flow import klein_stack


@pytest.fixture(scope="module")
def painter(tiny_root: Path) -> Iterator[DiffusionEngine]:
    engine = DiffusionEngine(sd15_stack(tiny_root), device=Device("cpu", None))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture
def job(small_photo: PreparedPhoto, presets: Presets) -> Job:
    return Job(photo=small_photo, style=presets.style("comic"), scene=presets.scene("orbit"), seeds=(3, 4))


@pytest.fixture
def studio(job: Job) -> JobStudio:
    return JobStudio(job, {}, Stage())


class Breaking(FakeEngine):
    """Raises what it is given."""

    model_id = "tiny-sd15"

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        raise self.error


def lend_to(engine: Engine, flags: Path) -> tuple[LentEngine, Durations]:
    """As on a Space, and what goes over the border is pickled."""
    paint, durations = lent.worker({engine.model_id: engine}), Durations({})

    def borrow(model_id: str, job: Job, drawn: Drawn, flag: str) -> Generator[Told, None, None]:
        sent = pickle.loads(pickle.dumps((model_id, job, drawn, flag)))
        for one in paint(*sent):
            yield pickle.loads(pickle.dumps(one))

    return LentEngine(engine, borrow, durations, flags), durations


def test_it_makes_the_pictures_that_the_engine_makes_here(
    painter: DiffusionEngine, job: Job, studio: JobStudio, tiny_root: Path, tmp_path: Path
) -> None:
    engine, durations = lend_to(painter, tmp_path)
    assert durations("tiny-sd15", job) == 61, "before anything was measured"
    steps: list[tuple[int, int, Image.Image | None]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        steps.append((step, total, preview))
        return True

    made, here = engine.make(job, studio, on_step), painter.make(job, studio, go_on)
    assert all(same(one, other) for one, other in zip(made.pictures, here.pictures, strict=True))
    assert [control.annotator for control in made.controls] == [control.annotator for control in here.controls]
    assert steps[-1][0] == steps[-1][1]
    assert any(preview is not None for _, _, preview in steps)
    assert 6 <= durations("tiny-sd15", job) < 61
    assert list(tmp_path.iterdir()) == []


def test_an_edit_model_is_shown_the_drawing_that_it_asks_for(
    job: Job, studio: JobStudio, tiny_root: Path, tmp_path: Path
) -> None:
    here = KleinEngine(klein_stack(tiny_root), device=Device("cpu", None))
    here.load()
    engine, _ = lend_to(here, tmp_path)
    made, expected = engine.make(job, studio, go_on), here.make(job, studio, go_on)
    assert [control.annotator for control in made.controls] == ["lineart"]
    assert all(same(*pair) for pair in zip(made.pictures, expected.pictures, strict=True))
    here.close()


class Slow(FakeEngine):
    """Takes a thousand steps of ten milliseconds, and counts them."""

    model_id = "tiny-sd15"
    step = 0

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        for self.step in range(1, 1001):
            if not on_step(self.step, 1000, None):
                raise Cancelled("Stopped; nothing was kept.")
            time.sleep(0.01)
        return Made([job.photo.image])


def test_a_stop_reaches_the_work_and_leaves_no_flag(
    job: Job, studio: JobStudio, tiny_root: Path, tmp_path: Path
) -> None:
    slow = Slow()
    engine, durations = lend_to(slow, tmp_path)
    with pytest.raises(Cancelled):
        engine.make(job, studio, lambda step, total, preview: step < 2)
    assert 2 <= slow.step < 500, "it had a thousand to go"
    assert list(tmp_path.iterdir()) == []
    assert durations("tiny-sd15", job) == 61, "what was cut off measures nothing"


def test_work_whose_stream_is_closed_ends(job: Job, studio: JobStudio, tmp_path: Path) -> None:
    slow = Slow()
    told = lent.worker({slow.model_id: slow})(slow.model_id, job, Drawn({}, {}, ()), str(tmp_path / "flag"))
    next(told)
    told.close()
    assert slow.step < 500
    assert not [thread for thread in threading.enumerate() if thread.name == "lent"]


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (EngineUnavailable("Not here."), EngineUnavailable, "Not here."),
        (EngineFailed("Broken picture."), EngineFailed, "Broken picture."),
        (Cancelled("Stopped."), Cancelled, "Stopped."),
        (SaveError("Disk full."), EngineFailed, "Disk full."),
        (RuntimeError("CUDA out of memory. Tried to allocate"), EngineFailed, "out of memory on the lent GPU"),
        (RuntimeError("a prompt: my secret garden"), EngineFailed, "stopped with an error on the lent GPU"),
    ],
)
def test_errors_come_back_as_ours_and_quote_nobody(
    error: Exception,
    kind: type[PortraitError],
    words: str,
    job: Job,
    studio: JobStudio,
    tiny_root: Path,
    tmp_path: Path,
) -> None:
    engine, _ = lend_to(Breaking(error), tmp_path)
    with pytest.raises(kind, match=words) as caught:
        engine.make(job, studio, go_on)
    assert "secret" not in str(caught.value)


def test_a_copy_that_ends_without_a_word_is_told(
    painter: DiffusionEngine, job: Job, studio: JobStudio, tiny_root: Path, tmp_path: Path
) -> None:
    def borrow(*_: object) -> Generator[Told, None, None]:
        yield lent.Step(1, 4, None)

    engine = LentEngine(painter, borrow, Durations({}), tmp_path)
    with pytest.raises(EngineFailed, match="taken away"):
        engine.make(job, studio, go_on)


def test_seconds_follow_the_longest_that_was_measured(job: Job) -> None:
    durations = Durations({})
    one = job.model_copy(update={"seeds": (1,)})
    assert durations("large", one, Drawn({}, {}, ()), "flag") == 33
    durations.measured("large", 12.0, pictures=2)
    durations.measured("large", 8.0, pictures=1)
    durations.measured("large", 6.0, pictures=1)
    assert durations("large", one) == 17, "1.4 times 8 s, and 5 s to move the weights"
    assert durations("large", job) == 28
    heavy = Durations({"large": 13_000_000_000})
    heavy.measured("large", 8.0, pictures=1)
    assert heavy("large", one) == 30, "and 13 s for so many bytes"
    durations.measured("large", 500.0, pictures=1)
    assert durations("large", job) == 80, "more would be refused"


def test_what_was_not_drawn_is_one_sentence() -> None:
    with pytest.raises(EngineUnavailable, match="choose another style"):
        Drawn({}, {}, ()).control("canny")
    assert Failure.of(KeyboardInterrupt(), "SDXL").error().code == "engine-failed"
