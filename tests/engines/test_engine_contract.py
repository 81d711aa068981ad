"""One contract for every engine: filters, the tests' fake, and a tiny checkpoint of each kind of diffusion stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines import sizes
from pipelines.engines.base import Engine
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.flow.edit import KleinEngine, QwenEditEngine
from pipelines.engines.flow.z_image import ZImageEngine
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.errors import Cancelled
from pipelines.photo.opening import prepare
from pipelines.presets.loading import Presets
from pipelines.schema import AnnotatorName, Job, LoadedPhoto, PreparedPhoto, Shape, Size, StepCallback
from tests.engines.conftest import Striped, embedded_stack, go_on, same
from tests.support.fakes import FakeEngine
from tests.support.sweeps import project_presets, sweep
from tests.tiny_checkpoints import SIZE, sd15_stack, sdxl_stack, union_stack
from tests.tiny_flow import klein_stack, qwen_edit_stack, z_image_stack

ENGINES: dict[str, Callable[[Path], Engine]] = {
    "preview": lambda _: FilterEngine(),
    "fake": lambda _: FakeEngine(),
    "sd15": lambda root: DiffusionEngine(sd15_stack(root)),
    "sdxl": lambda root: DiffusionEngine(sdxl_stack(root)),
    "sdxl-union": lambda root: DiffusionEngine(union_stack(root)),
    "flux2-klein": lambda root: KleinEngine(klein_stack(root)),
    "qwen-edit-plus": lambda root: QwenEditEngine(qwen_edit_stack(root)),
    "z-image": lambda root: ZImageEngine(z_image_stack(root)),
    "embedded": lambda _: DiffusionEngine(
        embedded_stack(project_presets()).model_copy(update={"size": SIZE, "working_size": SIZE})
    ),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.slow if kind.startswith("sdxl") else ()) for kind in ENGINES],
)
def engine(request: pytest.FixtureRequest, tiny_root: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tiny_root)
    yield engine
    engine.close()


@pytest.fixture
def job(small_photo: PreparedPhoto, presets: Presets) -> Job:
    """What a visitor may ask any engine for."""
    style = next(iter(presets.styles.values()))
    return Job(photo=small_photo, style=style, scene=presets.scene("none"), seeds=(7,))


def make(engine: Engine, job: Job, on_step: StepCallback = go_on, **changes: object) -> list[Image.Image]:
    wanted = job.model_copy(update=changes)
    return engine.make(wanted, Striped(wanted), on_step).pictures


class Noting(Striped):
    """What it is asked for."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.asked: list[AnnotatorName] = []

    def control(self, annotator: AnnotatorName) -> Image.Image:
        self.asked.append(annotator)
        return super().control(annotator)


@pytest.mark.parametrize("likeness", sweep([0.9, 0.5, 0.2], 1))
def test_it_asks_for_the_control_images_that_it_announced(engine: Engine, job: Job, likeness: float) -> None:
    wanted = job.model_copy(update={"likeness": likeness})
    studio = Noting(wanted)
    engine.make(wanted, studio, go_on)
    assert sorted(studio.asked) == sorted(engine.annotators(wanted))


def test_names_itself(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.name
    assert engine.is_diffusion is (engine.model_id != "preview")
    assert engine.is_diffusion or "diffusion" not in engine.name.lower()
    assert engine.size % 8 == 0


@pytest.mark.parametrize("shape", sizes.SHAPES)
@pytest.mark.parametrize("size", sizes.SIZES)
def test_every_shape_and_size_has_pixels(engine: Engine, shape: Shape, size: Size) -> None:
    width, height = engine.dimensions(shape, size, 300.0)
    assert width % 2 == height % 2 == 0
    off = 3 / min(width, height) if not engine.is_diffusion else 8 / min(width, height)
    assert width / height == pytest.approx(sizes.ratio(shape), rel=2 * off)
    assert max(width, height) >= engine.size
    assert engine.dimensions("1:1", "screen", 5000.0) == (engine.size, engine.size)
    if engine.is_diffusion:
        assert (width * height) ** 0.5 == pytest.approx(engine.size, rel=0.04), "the area that it was trained at"
        assert engine.dimensions(shape, "print", 5000.0) == (width, height)


@pytest.mark.parametrize("shape", sweep(["4:5", "9:16"], 1))
def test_other_shapes_than_squares(engine: Engine, loaded: LoadedPhoto, job: Job, shape: Shape) -> None:
    size = engine.dimensions(shape, "screen", 300.0) if engine.is_diffusion else sizes.within(shape, SIZE, 8)
    tall = prepare(loaded, None, size)
    (picture,) = make(engine, job, photo=tall, shape=shape)
    assert picture.size == size
    assert same(picture, make(engine, job, photo=tall, shape=shape)[0])


def test_one_rgb_picture_a_seed_of_the_photos_size(engine: Engine, job: Job) -> None:
    pictures = make(engine, job, seeds=(1, 2, 3))
    assert [picture.size for picture in pictures] == [job.photo.image.size] * 3
    assert {picture.mode for picture in pictures} == {"RGB"}
    assert all(np.asarray(picture).std() > 2 for picture in pictures)


def test_same_seed_same_picture(engine: Engine, job: Job) -> None:
    assert same(make(engine, job)[0], make(engine, job)[0])


def test_other_seed_other_picture(engine: Engine, job: Job, presets: Presets) -> None:
    if not engine.is_diffusion:  # its recipes differ by seed where they draw strokes, not where they only grade
        job = job.model_copy(update={"style": presets.style("oil-master")})
    first, second = make(engine, job, seeds=(1, 2))
    assert not same(first, second)


def test_a_picture_does_not_depend_on_its_batch(engine: Engine, job: Job) -> None:
    alone = make(engine, job, seeds=(2**32 - 1,))[0]
    batch = make(engine, job, seeds=(5, 2**32 - 1, 6))
    assert same(alone, batch[1])


def test_steps_count_up_to_the_total_over_all_seeds(engine: Engine, job: Job) -> None:
    calls: list[tuple[int, int]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        assert preview is None or preview.mode == "RGB"
        calls.append((step, total))
        return True

    make(engine, job, on_step, seeds=(1, 2))
    totals = {total for _, total in calls}
    assert len(totals) == 1
    steps = [step for step, _ in calls if step > 0]
    assert steps == list(range(1, totals.pop() + 1))
    assert all(step == 0 for step, _ in calls[: len(calls) - len(steps)]), "step 0 only while waiting"


@pytest.mark.parametrize("stop_at", sweep([2, 1], 1))
def test_cancel_works_within_one_step_and_the_next_job_runs(engine: Engine, job: Job, stop_at: int) -> None:
    before = make(engine, job)[0]
    seen: list[int] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        seen.append(step)
        return step < stop_at

    with pytest.raises(Cancelled):
        make(engine, job, on_step, seeds=(1, 2, 3))
    assert seen[-1] == stop_at
    assert same(make(engine, job)[0], before)


def test_a_broken_callback_does_not_break_the_engine(engine: Engine, job: Job) -> None:
    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        raise Cancelled("the visitor went away")

    with pytest.raises(Cancelled):
        make(engine, job, on_step)
    assert make(engine, job)
