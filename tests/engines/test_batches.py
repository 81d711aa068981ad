"""Several seeds at once, where a GPU has room for them: the same pictures, in fewer runs of the networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from pipelines.engines.device import CudaMemory, Device
from pipelines.engines.filters.stage import Stage
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.errors import Cancelled, EngineFailed
from pipelines.job_studio import JobStudio
from pipelines.presets.loading import Presets
from pipelines.schema import Job, PreparedPhoto
from tests.conftest import difference
from tests.engines.conftest import STACKS, Striped, control, embedded_stack, go_on
from tests.support.sweeps import sweep
from tests.tiny_checkpoints import SIZE

SEEDS = (3, 5, 7, 11)
CPU = Device("cpu", None)


class Card:
    """The memory of a GPU on which a picture takes 100 bytes, and some are free."""

    def __init__(self, free: int) -> None:
        self.bytes = free
        self.pictures = 1

    def free(self) -> int:
        return self.bytes

    def mark(self) -> None:
        """Nothing to note."""

    def peak(self) -> int:
        return 100 * self.pictures


@contextmanager
def batches(engine: DiffusionEngine, card: Card) -> Iterator[list[int]]:
    """How many pictures each run of the UNet has, once a picture, in their order."""
    engine.load()
    seen: list[int] = []

    def count(_: Any, given: Any) -> None:
        card.pictures = len(given[0])
        if not seen or seen[-1] != len(given[0]):
            seen.append(len(given[0]))

    hook = engine._pipe.unet.register_forward_pre_hook(count)
    yield seen
    hook.remove()


@pytest.mark.parametrize("kind", sweep(["sd15", "sdxl", "sdxl-union"], 1))
def test_pictures_are_the_same_but_for_rounding(kind: str, tiny_root: Path, job: GenerationJob) -> None:
    wanted = job.model_copy(update={"seeds": SEEDS, "ip_adapter_scale": 0.6})
    alone = DiffusionEngine(STACKS[kind](tiny_root), device=CPU)
    expected = alone.generate(wanted, go_on)
    alone.close()
    card = Card(10_000)
    engine = DiffusionEngine(STACKS[kind](tiny_root), device=CPU, memory=card)
    with batches(engine, card) as seen:
        first, again = engine.generate(wanted, go_on), engine.generate(wanted, go_on)
    assert seen == [1, 3, 4], "one is measured, then all at once"
    for pictures in (first, again):
        assert max(difference(*pair) for pair in zip(pictures, expected, strict=True)) < 0.1
    assert difference(again[0], again[1]) > 1, "each seed has its own noise"
    engine.close()


@pytest.mark.slow
def test_with_guidance_and_several_controls(tiny_root: Path, job: GenerationJob) -> None:
    several = (control("canny", control_guidance_end=0.6), control("lineart", stripe=16))
    wanted = job.model_copy(
        update={"seeds": SEEDS[:3], "ip_adapter_scale": 0.6, "guidance_scale": 3.0, "controls": several}
    )
    alone = DiffusionEngine(STACKS["sd15"](tiny_root), device=CPU)
    expected = alone.generate(wanted, go_on)
    alone.close()
    engine = DiffusionEngine(STACKS["sd15"](tiny_root), device=CPU, memory=Card(10_000))
    engine.generate(wanted, go_on)
    made = engine.generate(wanted, go_on)
    assert max(difference(*pair) for pair in zip(made, expected, strict=True)) < 0.1
    engine.close()


def test_the_built_in_model_has_a_start_and_a_control_of_each_seed(
    presets: Presets, small_photo: PreparedPhoto
) -> None:
    stack = embedded_stack(presets).model_copy(update={"size": SIZE, "working_size": SIZE // 2})
    wanted = Job(photo=small_photo, style=presets.style("comic"), scene=presets.scene("none"), seeds=SEEDS[:3])
    pictures = []
    for memory in (None, Card(10_000)):  # of those with a memory the first is made alone, and two together
        engine = DiffusionEngine(stack, device=CPU, memory=memory)
        pictures.append(engine.make(wanted, JobStudio(wanted, {}, Stage()), go_on).pictures)
        engine.close()
    assert max(difference(*pair) for pair in zip(*pictures, strict=True)) < 0.1


@pytest.mark.parametrize(("free", "most"), sweep([(350, 2), (10_000, 4), (50, 1)], 1, several=True))
def test_as_many_as_fit(free: int, most: int, tiny_root: Path, job: GenerationJob) -> None:
    card = Card(free)
    engine = DiffusionEngine(STACKS["sd15"](tiny_root), device=CPU, memory=card)
    wanted = job.model_copy(update={"seeds": SEEDS})
    engine.generate(wanted, go_on)
    with batches(engine, card) as seen:
        assert len(engine.generate(wanted, go_on)) == 4
    assert seen == [most]
    engine.close()


def test_steps_are_counted_as_if_they_came_one_after_the_other(tiny_root: Path, job: GenerationJob) -> None:
    engine = DiffusionEngine(STACKS["sd15"](tiny_root), device=CPU, memory=Card(10_000))
    wanted = job.model_copy(update={"seeds": SEEDS[:3]})
    told: list[tuple[int, int, Image.Image | None]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        told.append((step, total, preview))
        return True

    engine.generate(wanted, on_step)
    assert [step for step, _, _ in told] == [0, 0, 1, 2, 3, 4, 6, 8, 10, 12]
    assert {total for _, total, _ in told} == {12}
    assert [preview is not None for _, _, preview in told] == [False] * 2 + [True] * 3 + [False] + [True] * 3 + [False]

    def stop(step: int, total: int, preview: Image.Image | None) -> bool:
        return step < 3

    with pytest.raises(Cancelled):
        engine.generate(wanted, stop)
    engine.close()


class RunsOut:
    """A layer of a network that runs out of memory with more than so many pictures."""

    def __init__(self, forward: Any, most: int) -> None:
        self.forward, self.most = forward, most

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        def run(sample: torch.Tensor, *args: Any, **keys: Any) -> Any:
            if len(sample) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return self.forward(instance, sample, *args, **keys)

        return run


def test_where_they_do_not_fit_after_all_each_is_made_by_itself_and_the_visitor_reads_it(
    tiny_root: Path, small_photo: PreparedPhoto, presets: Presets, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DiffusionEngine(STACKS["sd15"](tiny_root), device=CPU, memory=Card(10_000))
    style = presets.style("oil-master")
    wanted = Job(photo=small_photo, style=style, scene=presets.scene("none"), seeds=SEEDS)
    single = wanted.model_copy(update={"seeds": SEEDS[:1]})

    def notes(job: Job) -> str:
        made = engine.make(job, Striped(job), go_on)
        assert len(made.pictures) == len(job.seeds)
        return " ".join(made.notes)

    assert "Memory" not in notes(wanted)
    pipe = engine._pipe
    monkeypatch.setattr(UNet2DConditionModel, "forward", RunsOut(UNet2DConditionModel.forward, 1))
    assert "makes one variation after the other" in notes(wanted)
    assert engine._pipe is pipe, "nothing is loaded anew"
    assert "Memory" not in notes(single), "it has no other"
    monkeypatch.setattr(UNet2DConditionModel, "forward", RunsOut(UNet2DConditionModel.forward, 0))
    with pytest.raises(EngineFailed, match="ran out of memory; close other programs"):
        notes(wanted)
    monkeypatch.undo()
    assert "works in smaller parts" in notes(single), "the next step down"
    engine.close()


def test_what_torch_holds_without_using_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"memory_reserved": 700, "memory_allocated": 500, "max_memory_allocated": 650, "mem_get_info": (1000, 9000)}
    for name, value in said.items():
        monkeypatch.setattr(torch.cuda, name, lambda index, value=value: value)
    marked: list[int | None] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", marked.append)
    memory = CudaMemory(Device("cuda", 9000, 1))
    memory.mark()
    assert (memory.free(), memory.peak(), marked) == (1200, 150, [1])
