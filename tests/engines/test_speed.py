"""What makes a portrait faster changes no picture: measured against a plain diffusers call, as model cards show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.fullsize import difference, painted, plain_call, plain_pipeline
from benchmarks.random_weights import write_index
from pipelines.engines import device
from pipelines.engines.device import Device
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.loading import Loader
from pipelines.presets.loading import Presets
from pipelines.schema import Control, StylePicture
from tests.engines.conftest import control
from tests.tiny_checkpoints import sd15_stack, style_adapter, union_stack

CPU = Device("cpu", None)


@pytest.fixture
def two_controls(job: GenerationJob) -> GenerationJob:
    """Two ControlNets in the window that styles have, and the face."""
    controls = (control("canny", control_guidance_end=0.85), control("lineart", stripe=16, control_guidance_end=0.85))
    return job.model_copy(update={"controls": controls, "ip_adapter_scale": 0.65, "in_series": True})


@contextmanager
def counting(pipe: Any) -> Iterator[Counter[str]]:
    """How often each network of a pipeline runs, and the largest batch of the UNet."""
    runs: Counter[str] = Counter()
    nets = getattr(pipe.controlnet, "nets", [pipe.controlnet])
    named = [("unet", pipe.unet), ("looks", pipe.image_encoder), ("reads", pipe.text_encoder)]
    named += [("controlnet", net.conv_in) for net in nets]  # a union's own forward is not called as a module
    named += [("control image", net.controlnet_cond_embedding.conv_in) for net in nets]

    def count(name: str) -> Any:
        def hook(_: Any, seen: Any) -> None:
            runs[name] += 1
            if name == "unet":
                runs["batch"] = max(runs["batch"], len(seen[0]))

        return hook

    hooks = [network.register_forward_pre_hook(count(name)) for name, network in named]
    try:
        yield runs
    finally:
        for hook in hooks:
            hook.remove()


def test_the_same_picture_for_less_work(tiny_root: Path, two_controls: GenerationJob) -> None:
    stack = sd15_stack(tiny_root, lora=None)
    write_index(tiny_root / "sd15", "sd15", ("text_encoder",), "LCMScheduler")
    pipe = plain_pipeline(stack, CPU)
    with counting(pipe) as plain:
        expected = plain_call(pipe, stack, two_controls)
    engine = DiffusionEngine(stack, device=CPU)
    engine.load()
    made = painted(engine, two_controls)  # loads the second ControlNet
    assert difference(made, expected) < 0.05
    other = two_controls.model_copy(update={"prompt": "another style"})
    with counting(engine._pipe) as next_in_series:
        painted(engine, other)
    with counting(engine._pipe) as ours:
        painted(engine, two_controls.model_copy(update={"in_series": False}))
    with counting(engine._pipe) as alone:
        painted(engine, other.model_copy(update={"in_series": False}))
    assert (plain["unet"], ours["unet"], ours["batch"]) == (4, 4, 1)
    assert (plain["controlnet"], ours["controlnet"]) == (8, 6), "not run outside of its window"
    assert (plain["control image"], alone["control image"], next_in_series["control image"]) == (8, 2, 0)
    assert (plain["looks"], alone["looks"], next_in_series["looks"]) == (2, 1, 0)
    assert (plain["reads"], next_in_series["reads"], ours["reads"]) == (1, 1, 0), "words are read once"
    engine.close()


@pytest.mark.parametrize("guidance", [pytest.param(0.0, marks=pytest.mark.slow), 1.0])
@pytest.mark.parametrize("kind", ["sd15", pytest.param("sdxl-union", marks=pytest.mark.slow)])
def test_guidance_of_nought_or_one_runs_no_empty_prompt(
    kind: str, guidance: float, tiny_root: Path, job: GenerationJob
) -> None:
    engine = DiffusionEngine((sd15_stack if kind == "sd15" else union_stack)(tiny_root), device=CPU)
    engine.load()
    with counting(engine._pipe) as runs:
        painted(engine, job.model_copy(update={"guidance_scale": guidance}))
    assert (runs["unet"], runs["batch"], runs["looks"]) == (4, 1, 1)
    engine.close()


@pytest.mark.parametrize("guidance", [pytest.param(1.0, marks=pytest.mark.slow), 3.0])
def test_an_adapter_with_nothing_to_see_is_not_looked_with(
    guidance: float, tiny_root: Path, job: GenerationJob, presets: Presets
) -> None:
    """As diffusers' own embeddings, to the last bit, for those that see something."""
    engine = DiffusionEngine(sd15_stack(tiny_root, style_adapter=style_adapter(tiny_root, "sd15")), device=CPU)
    engine.load()
    wanted = job.model_copy(update={"guidance_scale": guidance})
    with counting(engine._pipe) as runs:
        painted(engine, wanted)
    assert runs["looks"] == (2 if guidance > 1.0 else 1)
    given = StylePicture(image=job.photo.image.rotate(90))
    both = wanted.model_copy(update={"style_picture": given, "style_adapter_scale": 0.6})
    with counting(engine._pipe) as runs:
        painted(engine, both)
    assert runs["looks"] == (3 if guidance > 1.0 else 2), "the empty prompt's is looked at once for both"
    assert len(engine._readings) == 0, "nothing of a photo stays"
    engine.close()


@pytest.mark.slow
def test_a_large_model_is_bfloat16_on_a_processor_that_multiplies_it(
    tiny_root: Path, two_controls: GenerationJob, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "cpuinfo"
    monkeypatch.setattr(device, "_CPU_INFO", info)
    pictures = {}
    for flags, size, dtype in (
        ("fpu avx2 avx512f", 4_000_000_000, torch.float32),
        ("fpu avx2 avx512_bf16", 4_000_000_000, torch.bfloat16),
        ("fpu avx2 avx512_bf16", 1_000_000_000, torch.float32),
    ):
        info.write_text(f"flags\t\t: {flags}\n", "utf-8")
        device.multiplies_bfloat16.cache_clear()
        engine = DiffusionEngine(sd15_stack(tiny_root, memory_bytes=size), device=CPU)
        engine.load()
        assert {engine._pipe.unet.dtype, engine._pipe.vae.dtype} == {dtype}
        pictures[dtype] = painted(engine, two_controls)
        engine.close()
    device.multiplies_bfloat16.cache_clear()
    assert 0.0 < difference(pictures[torch.float32], pictures[torch.bfloat16]) < 2.0


@pytest.mark.parametrize(
    ("device", "dtype"), [(Device("cuda", 10**10), torch.float16), (CPU, torch.float32)], ids=["cuda", "cpu"]
)
def test_convolutions_have_their_channels_last(tiny_root: Path, device: Device, dtype: torch.dtype) -> None:
    """For the GPU loaded in parts, so that it stays on the processor until it is asked for."""
    net = Loader(sd15_stack(tiny_root), device, thrifty=device.kind == "cuda").controlnet("canny")
    assert net.down_blocks[0].resnets[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert net.dtype == dtype


def test_controls_without_weight_cost_nothing(tiny_root: Path, job: GenerationJob) -> None:
    engine = DiffusionEngine(sd15_stack(tiny_root), device=CPU)
    engine.load()
    off = Control(annotator="canny", controlnet_conditioning_scale=0.0, image=job.photo.image)
    with counting(engine._pipe) as runs:
        painted(engine, job.model_copy(update={"controls": (off,)}))
    assert (runs["unet"], runs["controlnet"], runs["control image"]) == (4, 0, 0)
    engine.close()
