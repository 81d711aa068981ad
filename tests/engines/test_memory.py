"""Memory decides what runs and how; where it runs out, a portrait is made in smaller parts, once; nothing stays."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel, UNet2DConditionModel

from pipelines.engines import device, parts
from pipelines.engines.base import Engine
from pipelines.engines.device import Device
from pipelines.engines.flow.edit import KleinEngine, QwenEditEngine
from pipelines.engines.flow.z_image import ZImageEngine
from pipelines.engines.parts import PartsLoader
from pipelines.engines.registry import Engines
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.errors import EngineFailed
from pipelines.hub import weights
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.schema import Consent, Job, LoadedPhoto, PreparedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from tests.engines.conftest import Striped, embedded_stack, go_on, same
from tests.support.sweeps import sweep
from tests.tiny_checkpoints import sd15_stack, sdxl_stack
from tests.tiny_flow import klein_stack, qwen_edit_stack, z_image_stack

GIB = 2**30


@pytest.fixture
def job(small_photo: PreparedPhoto, presets: Presets) -> Job:
    style = presets.style("oil-master")
    return Job(photo=small_photo, style=style, scene=presets.scene("none"), seeds=(1, 2))


# --- what the machine has decides ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "gpu", "automatic", "whole", "in_parts"),
    [
        (8, 0, "embedded", {"embedded"}, set()),
        (16, 0, "sd15-lcm", {"embedded", "sd15-lcm"}, set()),
        (8, 4, "embedded", {"embedded"}, set()),
        (16, 6, "sd15-lcm", {"embedded"}, {"sd15-lcm"}),
        (16, 8, "sd15-lcm", {"embedded", "sd15-lcm"}, set()),
        (16, 10, "sdxl-lightning", {"embedded", "sd15-lcm"}, {"sdxl-lightning"}),
        (16, 12, "sdxl-lightning", {"embedded", "sd15-lcm"}, {"sdxl-lightning"}),
        (32, 12, "flux2-klein", {"embedded", "sd15-lcm"}, {"sdxl-lightning", "flux2-klein"}),
        (32, 16, "flux2-klein", {"embedded", "sd15-lcm", "sdxl-lightning"}, {"flux2-klein", "z-image-turbo"}),
        (32, 24, "flux2-klein", {"embedded", "sd15-lcm", "sdxl-lightning", "flux2-klein", "z-image-turbo"}, set()),
        (
            64,
            48,
            "qwen-edit-2511",
            {"embedded", "sd15-lcm", "sdxl-lightning", "flux2-klein", "z-image-turbo"},
            {"qwen-edit-2511", "firered-edit"},
        ),
    ],
)
def test_each_stack_runs_whole_in_parts_or_not_at_all(
    machine: int,
    gpu: int,
    automatic: str,
    whole: set[str],
    in_parts: set[str],
    presets: Presets,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Gibibytes of machines and cards as they are sold; the operating system keeps 4 % of a machine's for itself."""
    here = Device("cuda", gpu * GIB) if gpu else Device("cpu", machine * GIB)
    monkeypatch.setattr(device, "best_device", lambda: here)
    monkeypatch.setattr(device, "machine_memory", lambda: round(machine * GIB * 0.96))
    monkeypatch.setattr(weights, "require", lambda stack: None)
    infos = Engines(presets.models).infos()
    assert next(info.id for info in infos if info.is_automatic) == automatic
    runs = {info.id: presets.models[info.id] for info in infos if info.available and info.id != "preview"}
    offloads = {name for name, stack in runs.items() if PartsLoader(stack, here).offloads}
    assert (set(runs) - offloads, offloads) == (whole, in_parts)
    assert all(info.reason.endswith(".") for info in infos)


def test_what_others_take_of_a_gpu_counts(presets: Presets, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, card = presets.models["sdxl-lightning"], Device("cuda", 24 * GIB)
    assert not PartsLoader(stack, card).offloads
    monkeypatch.setattr(parts, "free_memory", lambda device: 11 * GIB)
    assert PartsLoader(stack, card).offloads


# --- where it runs out -----------------------------------------------------------------------------------------------


class RunsOut:
    """A layer of a network that runs out of memory the first few times."""

    def __init__(self, forward: Callable[..., Any], times: int) -> None:
        self.forward, self.times = forward, times

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        def run(*args: Any, **keys: Any) -> Any:
            if self.times > 0:
                self.times -= 1
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return self.forward(instance, *args, **keys)

        return run


ENGINES: dict[str, tuple[Callable[[Path], Engine], type[torch.nn.Module]]] = {
    "sd15": (lambda root: DiffusionEngine(sd15_stack(root)), UNet2DConditionModel),
    "klein": (lambda root: KleinEngine(klein_stack(root)), Flux2Transformer2DModel),
}


@pytest.mark.parametrize("kind", sweep(ENGINES, 1))
def test_it_steps_down_once_says_so_and_goes_on(
    kind: str, tiny_root: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, network = ENGINES[kind]
    engine = make(tiny_root)
    assert not [note for note in engine.make(job, Striped(job), go_on).notes if "Memory" in note]
    monkeypatch.setattr(network, "forward", RunsOut(network.forward, 1))
    steps: list[int] = []
    made = engine.make(job, Striped(job), lambda step, total, preview: steps.append(step) is None)
    assert len(made.pictures) == 2
    assert [note for note in made.notes if "Memory ran out, so Tiny" in note]
    assert steps[-1] == max(steps)
    assert steps.count(0) >= 3, "it began again"
    assert engine._pipe.vae.use_tiling  # type: ignore[attr-defined]
    again = engine.make(job, Striped(job), go_on)
    assert again.notes == made.notes, "as long as it is slower"
    assert all(same(*pair) for pair in zip(made.pictures, again.pictures, strict=True))
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", sweep(ENGINES, 1))
def test_a_second_time_is_a_sentence_and_the_next_portrait_is_made(
    kind: str, tiny_root: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, network = ENGINES[kind]
    engine = make(tiny_root)
    monkeypatch.setattr(network, "forward", RunsOut(network.forward, 2))
    with pytest.raises(EngineFailed, match="ran out of memory; close other programs"):
        engine.make(job, Striped(job), go_on)
    assert len(engine.make(job, Striped(job), go_on).pictures) == 2
    engine.close()


@pytest.mark.slow
def test_too_large_to_load_at_once_is_loaded_in_parts(
    tiny_root: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moving the last part to the GPU fails; then all parts are hooked instead."""
    times: list[bool] = []
    place = PartsLoader.place

    def full(loader: PartsLoader[Any], pipe: Any) -> None:
        times.append(loader.thrifty)
        if not loader.thrifty:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        place(loader, pipe)

    monkeypatch.setattr(PartsLoader, "place", full)
    engine = KleinEngine(klein_stack(tiny_root))
    assert "Memory ran out" in engine.make(job, Striped(job), go_on).notes[-1]
    assert times == [False, True]
    engine.close()


def test_a_thrifty_gpu_holds_one_part_at_a_time(tiny_root: Path) -> None:
    done: list[str] = []
    vae = SimpleNamespace(enable_tiling=lambda: done.append("tiles"), enable_slicing=lambda: done.append("slices"))
    pipe = SimpleNamespace(
        vae=vae,
        enable_model_cpu_offload=lambda gpu_id: done.append(f"offload {gpu_id}"),
        to=lambda name: done.append(f"to {name}"),
    )
    second = Device("cuda", 80 * GIB, 1)
    PartsLoader(klein_stack(tiny_root), second).place(pipe)
    assert done == ["to cuda:1"]
    done.clear()
    PartsLoader(klein_stack(tiny_root), second, thrifty=True).place(pipe)
    assert done == ["tiles", "slices", "offload 1"]


def test_the_visitor_reads_it_under_the_portrait(
    presets: Presets,
    tiny_root: Path,
    tmp_path: Path,
    loaded: LoadedPhoto,
    consent: Consent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = klein_stack(tiny_root)
    pipeline = SelfPortraitPipeline(replace(presets, models={stack.id: stack}), tmp_path)
    decode = AutoencoderKLFlux2.decode
    monkeypatch.setattr(AutoencoderKLFlux2, "decode", RunsOut(decode, 1))
    made = pipeline(build_request(photo=loaded, style_id="oil-master", seeds=(1,), consent=consent))
    assert len(made.portraits) == 1
    assert [note for note in made.notes if note.startswith("Memory ran out, so Tiny klein")]
    pipeline.close()


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "GET was unable to find an engine to execute this computation",
    ],
)
def test_all_that_say_so_are_understood(words: str) -> None:
    assert device.is_out_of_memory(RuntimeError(words))
    assert not device.is_out_of_memory(RuntimeError("CUDA error: device-side assert triggered"))


# --- what is freed ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_stack_frees_the_one_before(
    presets: Presets, tiny_root: Path, tmp_path: Path, loaded: LoadedPhoto, consent: Consent
) -> None:
    stacks = (sd15_stack(tiny_root), klein_stack(tiny_root), sdxl_stack(tiny_root))
    pipeline = SelfPortraitPipeline(replace(presets, models={stack.id: stack for stack in stacks}), tmp_path)
    before: list[weakref.ref[torch.nn.Module]] = []
    for stack in stacks:
        request = build_request(photo=loaded, style_id="oil-master", seeds=(1,), model_id=stack.id, consent=consent)
        pipeline(request)
        gc.collect()
        assert not [one for one in before if one() is not None], f"{stack.id} beside the one before"
        pipe = pipeline.workshop.easels[""].peek(stack.id).engine._pipe  # type: ignore[attr-defined]
        parts_ = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
        assert len(parts_) >= 3
        before = [weakref.ref(part) for part in parts_]
        del pipe, parts_
    pipeline.close()
    gc.collect()
    assert not [one for one in before if one() is not None]


# --- parts that move -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sweep(["sd15", "klein", "qwen", "z-image"], 1))
def test_parts_that_move_make_the_same_picture(
    kind: str, tiny_root: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real hooks, which are put around every part anew after each seed; "moving" from processor to processor,
    as there is no GPU here."""
    makers: dict[str, Callable[[], Any]] = {
        "sd15": lambda: DiffusionEngine(sd15_stack(tiny_root)),
        "klein": lambda: KleinEngine(klein_stack(tiny_root)),
        "qwen": lambda: QwenEditEngine(qwen_edit_stack(tiny_root)),
        "z-image": lambda: ZImageEngine(z_image_stack(tiny_root)),
    }
    whole = makers[kind]()
    expected = whole.make(job, Striped(job), go_on).pictures
    whole.close()
    monkeypatch.setattr(PartsLoader, "place", lambda loader, pipe: pipe.enable_model_cpu_offload(device="cpu"))
    moving = makers[kind]()
    made = moving.make(job, Striped(job), go_on).pictures
    assert moving._pipe._all_hooks
    assert all(same(*pair) for pair in zip(made, expected, strict=True))
    moving.close()


def test_the_built_in_autoencoder_is_moved_where_it_is_asked(presets: Presets) -> None:
    """The pipelines call its two halves by name, which hooks do not see by themselves."""
    vae = DiffusionEngine(embedded_stack(presets))
    vae.load()
    moved: list[str] = []
    autoencoder = vae._pipe.vae
    autoencoder._hf_hook = SimpleNamespace(pre_forward=lambda module: moved.append("here"))
    latents = autoencoder.encode(torch.zeros(1, 3, 64, 64)).latents
    autoencoder.decode(latents)
    assert moved == ["here", "here"]
    vae.close()


def test_a_transformer_comes_along_with_the_controlnet_that_shares_its_layers(
    tiny_root: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """accelerate looks at the first parameter alone, which the ControlNet has taken to the GPU; here all is one
    processor, so what is asked for counts.
    """
    monkeypatch.setattr(PartsLoader, "place", lambda loader, pipe: pipe.enable_model_cpu_offload(device="cpu"))
    engine = ZImageEngine(z_image_stack(tiny_root))
    engine.load()
    transformer, order = engine._pipe.transformer, list[str]()
    monkeypatch.setattr(transformer, "to", lambda device: order.append("moved"))
    transformer.register_forward_pre_hook(lambda *_: order.append("runs"))
    engine.make(job.model_copy(update={"seeds": (1,)}), Striped(job), go_on)
    steps = order.count("runs")
    assert steps
    assert order == ["moved", "runs", "moved"] * steps, "the second time by its hook, which on a GPU would not"
    engine.close()
