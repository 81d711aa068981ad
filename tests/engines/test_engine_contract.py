"""One contract for every engine: the preview engine and a tiny checkpoint of each kind of diffusion stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.engines.base import Engine
from pipelines.engines.filters.engine import PreviewEngine
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.errors import Cancelled
from pipelines.presets.loading import Presets, load_presets
from pipelines.schema import GenerationJob
from tests.engines.conftest import control, go_on, same
from tests.tiny_checkpoints import SIZE, sd15_stack, sdxl_stack, union_stack

ENGINES: dict[str, Callable[[Path], Engine]] = {
    "preview": lambda _: PreviewEngine(),
    "sd15": lambda root: DiffusionEngine(sd15_stack(root)),
    "sdxl": lambda root: DiffusionEngine(sdxl_stack(root)),
    "sdxl-union": lambda root: DiffusionEngine(union_stack(root)),
    "embedded": lambda _: DiffusionEngine(
        load_presets().models["embedded"].model_copy(update={"size": SIZE, "working_size": SIZE})
    ),
}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest, tiny_root: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tiny_root)
    yield engine
    engine.close()


@pytest.fixture
def job(job: GenerationJob, engine: Engine) -> GenerationJob:
    """The job with the controls that the engine reads."""
    controls = tuple(control(name) for name in engine.annotators(job.style))
    return job.model_copy(update={"controls": controls})


def test_names_itself(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.name
    assert engine.is_diffusion is (engine.model_id != "preview")
    assert engine.is_diffusion or "diffusion" not in engine.name.lower()
    assert engine.size % 8 == 0


def test_one_rgb_picture_a_seed_of_the_photos_size(engine: Engine, job: GenerationJob) -> None:
    pictures = engine.generate(job.model_copy(update={"seeds": (1, 2, 3)}), go_on)
    assert [picture.size for picture in pictures] == [job.photo.image.size] * 3
    assert {picture.mode for picture in pictures} == {"RGB"}
    assert all(np.asarray(picture).std() > 2 for picture in pictures)


def test_same_seed_same_picture(engine: Engine, job: GenerationJob) -> None:
    assert same(engine.generate(job, go_on)[0], engine.generate(job, go_on)[0])


def test_other_seed_other_picture(engine: Engine, job: GenerationJob, presets: Presets) -> None:
    if not engine.is_diffusion:  # its recipes differ by seed where they draw strokes, not where they only grade
        job = job.model_copy(update={"style": presets.style("oil-master")})
    first, second = engine.generate(job.model_copy(update={"seeds": (1, 2)}), go_on)
    assert not same(first, second)


def test_a_picture_does_not_depend_on_its_batch(engine: Engine, job: GenerationJob) -> None:
    alone = engine.generate(job.model_copy(update={"seeds": (2**32 - 1,)}), go_on)[0]
    batch = engine.generate(job.model_copy(update={"seeds": (5, 2**32 - 1, 6)}), go_on)
    assert same(alone, batch[1])


def test_steps_count_up_to_the_total_over_all_seeds(engine: Engine, job: GenerationJob) -> None:
    calls: list[tuple[int, int]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        assert preview is None or preview.mode == "RGB"
        calls.append((step, total))
        return True

    engine.generate(job.model_copy(update={"seeds": (1, 2)}), on_step)
    totals = {total for _, total in calls}
    assert len(totals) == 1
    steps = [step for step, _ in calls if step > 0]
    assert steps == list(range(1, totals.pop() + 1))
    assert all(step == 0 for step, _ in calls[: len(calls) - len(steps)]), "step 0 only while waiting"


@pytest.mark.parametrize("stop_at", [1, 2])
def test_cancel_works_within_one_step_and_the_next_job_runs(engine: Engine, job: GenerationJob, stop_at: int) -> None:
    before = engine.generate(job, go_on)[0]
    seen: list[int] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        seen.append(step)
        return step < stop_at

    with pytest.raises(Cancelled):
        engine.generate(job.model_copy(update={"seeds": (1, 2, 3)}), on_step)
    assert seen[-1] == stop_at
    assert same(engine.generate(job, go_on)[0], before)


def test_a_broken_callback_does_not_break_the_engine(engine: Engine, job: GenerationJob) -> None:
    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        raise Cancelled("the visitor went away")

    with pytest.raises(Cancelled):
        engine.generate(job, on_step)
    assert engine.generate(job, go_on)
