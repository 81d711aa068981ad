"""The diffusion engine on tiny checkpoints of the real classes, loaded by the code that loads hub stacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from transformers import CLIPTextModel

from pipelines.engines.device import Device
from pipelines.engines.filters.stage import Stage
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.prompts import split_prompt
from pipelines.engines.unet.sampling import img2img_steps
from pipelines.errors import EngineFailed, EngineUnavailable
from pipelines.photo.framing import face_crop
from pipelines.presets.loading import Presets
from pipelines.schema import Face, PreparedPhoto
from tests.conftest import difference
from tests.engines.conftest import STACKS, picture, same
from tests.support.sweeps import sweep
from tests.tiny_checkpoints import sd15_stack, sdxl_stack

# --- seeds, steps, strength ------------------------------------------------------------------------------------------


@given(
    wanted=st.integers(1, 30),
    strength=st.floats(0.001, 1.0),
    limit=st.sampled_from([49, 50, 1000]),
)
def test_as_many_steps_run_as_wanted(wanted: int, strength: float, limit: int) -> None:
    steps = img2img_steps(wanted, strength, limit)
    assert steps.num_inference_steps <= limit
    assert steps.run == int(steps.num_inference_steps * steps.strength) >= 1
    if math.ceil(wanted / strength) < limit:
        assert steps.run == wanted
        assert steps.strength == strength


@pytest.mark.parametrize("strength", [0.001, 0.05, 0.15, 0.3, 1.0])
@pytest.mark.parametrize("kind", sweep(["sd15", "sdxl"], 1))
def test_any_strength_runs(
    kind: str, strength: float, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    steps: list[tuple[int, int]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        steps.append((step, total))
        return True

    engines(kind).generate(job.model_copy(update={"strength": strength}), on_step)
    assert steps[-1][0] == steps[-1][1]
    if strength >= 0.15:
        assert steps[-1][1] == 4


def test_little_strength_keeps_the_photo(sd15: DiffusionEngine, job: GenerationJob) -> None:
    """Measured against what the random decoder makes of the photo with hardly any noise."""
    still = picture(sd15, job, strength=0.02, controls=(), ip_adapter_scale=0.0)
    assert difference(picture(sd15, job, strength=0.1, controls=(), ip_adapter_scale=0.0), still) < difference(
        picture(sd15, job, strength=1.0, controls=(), ip_adapter_scale=0.0), still
    )


@pytest.mark.parametrize("size", [(60, 60), (100, 100)])
def test_a_size_that_is_no_multiple_of_eight_comes_back_as_it_was(
    sd15: DiffusionEngine, job: GenerationJob, size: tuple[int, int]
) -> None:
    photo = PreparedPhoto(image=job.photo.image.resize(size))
    assert picture(sd15, job, photo=photo).size == size


def test_the_global_random_state_is_left_alone(sd15: DiffusionEngine, job: GenerationJob) -> None:
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    picture(sd15, job)
    assert torch.equal(torch.rand(3), expected)


# --- previews, decoding ----------------------------------------------------------------------------------------------


def previews(engine: DiffusionEngine, job: GenerationJob) -> list[Image.Image | None]:
    seen: list[Image.Image | None] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        if step:
            seen.append(preview)
        return True

    engine.generate(job, on_step)
    return seen


def test_previews_come_from_the_tiny_decoder_and_not_at_the_last_step(
    sd15: DiffusionEngine, job: GenerationJob
) -> None:
    first, second, third, last = previews(sd15, job)
    assert last is None
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.size == job.photo.image.size
    assert not same(first, third)


def test_without_a_tiny_decoder_there_are_no_previews(tiny_root: Path, job: GenerationJob) -> None:
    assert previews(DiffusionEngine(sdxl_stack(tiny_root, tiny_vae=None)), job) == [None] * 4


@pytest.mark.parametrize("kind", sweep(STACKS, 1))
def test_the_tiny_decoder_can_make_the_portrait(
    kind: str, tiny_root: Path, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    engine = DiffusionEngine(STACKS[kind](tiny_root, decode_with_tiny_vae=True))
    tiny = picture(engine, job)
    assert tiny.size == job.photo.image.size
    assert not same(tiny, picture(engines(kind), job))
    assert same(picture(engine, job), tiny)


# --- face adapter ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sweep(["sd15", "sdxl-union"], 1))
def test_the_face_adapter_weighs_in(kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob) -> None:
    engine = engines(kind)
    off = picture(engine, job, ip_adapter_scale=0.0)
    assert difference(picture(engine, job, ip_adapter_scale=0.8), off) > 0.3
    assert same(picture(engine, job, ip_adapter_scale=0.0), off), "and can be switched off again"


@pytest.mark.parametrize(
    ("kind", "guidance"), sweep([("sd15", 1.0), ("sd15", 3.0), ("sdxl-union", 0.0)], 1, several=True)
)
def test_no_face_and_no_weight_are_the_same_as_no_adapter(
    kind: str, guidance: float, tiny_root: Path, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    without = DiffusionEngine(STACKS[kind](tiny_root, ip_adapter=None)) if kind == "sd15" else None
    engine = engines(kind)
    job = job.model_copy(update={"guidance_scale": guidance})
    faceless = picture(engine, job, photo=PreparedPhoto(image=job.photo.image))
    assert same(faceless, picture(engine, job, ip_adapter_scale=0.0))
    if without:
        assert same(faceless, picture(without, job))


def test_another_face_makes_another_picture(sd15: DiffusionEngine, job: GenerationJob) -> None:
    elsewhere = job.photo.model_copy(update={"face": Face(box=(0.0, 40.0, 20.0, 60.0), score=1.0)})
    assert not same(picture(sd15, job), picture(sd15, job, photo=elsewhere))


def test_the_face_crop_is_a_square_inside_the_picture_around_the_head() -> None:
    canvas = Image.new("RGB", (200, 200))
    canvas.paste((255, 0, 0), (80, 60, 120, 110))
    crop = face_crop(canvas, Face(box=(80.0, 60.0, 120.0, 110.0), score=1.0))
    assert crop.width == crop.height == 75
    assert np.asarray(crop)[..., 0].max() == 255
    corner = face_crop(canvas, Face(box=(180.0, 180.0, 260.0, 260.0), score=1.0))
    assert corner.width == corner.height == 120
    landmarks = np.array([[10, 10], [30, 50]], np.float32)
    assert face_crop(canvas, Face(box=(0, 0, 200, 200), score=1.0, landmarks=landmarks)).size == (60, 60)


# --- prompts and guidance --------------------------------------------------------------------------------------------


def test_the_negative_prompt_counts_only_with_guidance(sd15: DiffusionEngine, job: GenerationJob) -> None:
    def with_guidance(guidance: float, negative: str) -> Image.Image:
        return picture(sd15, job, guidance_scale=guidance, negative_prompt=negative)

    assert same(with_guidance(1.0, "green"), with_guidance(1.0, "a very long red wall"))
    assert not same(with_guidance(3.0, "green"), with_guidance(3.0, "a very long red wall"))


def test_guidance_is_cut_to_what_the_stack_bears(sd15: DiffusionEngine, job: GenerationJob) -> None:
    assert same(picture(sd15, job, guidance_scale=12.0), picture(sd15, job, guidance_scale=4.0))
    assert same(picture(sd15, job, guidance_scale=None), picture(sd15, job, guidance_scale=1.0))


@pytest.mark.parametrize("kind", sweep(["sd15", "sdxl"], 1))
@pytest.mark.parametrize("guidance", [0.0, 3.0])
def test_the_end_of_a_long_prompt_counts(
    kind: str, guidance: float, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    start = "an oil portrait, thick paint, warm light, a heavy golden frame, a dark room, " * 3
    job = job.model_copy(update={"guidance_scale": guidance})
    red = picture(engines(kind), job, prompt=start + "a red scarf")
    assert not same(red, picture(engines(kind), job, prompt=start + "a blue hat"))


def test_a_prompt_is_cut_at_commas_into_pieces_that_fit(sd15: DiffusionEngine) -> None:
    tokenizer = sd15._pipe.tokenizer
    prompt = ", ".join(f"phrase number {number}" for number in range(20))
    pieces = split_prompt(prompt, tokenizer)
    assert ", ".join(pieces) == prompt
    assert all(len(tokenizer(piece).input_ids) <= 77 for piece in pieces)
    words = "word " * 60
    assert " ".join(split_prompt(words, tokenizer)).split() == words.split()
    assert split_prompt("", tokenizer) == [""]


def test_a_prompt_is_encoded_once(sd15: DiffusionEngine, job: GenerationJob, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(sd15, job, prompt="a prompt of this test")
    encoded: list[int] = []
    original = CLIPTextModel.forward
    monkeypatch.setattr(CLIPTextModel, "forward", lambda *args, **kw: encoded.append(1) or original(*args, **kw))
    picture(sd15, job, prompt="a prompt of this test")
    assert encoded == []
    picture(sd15, job, prompt="another prompt of this test")
    assert encoded == [1]


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    sweep(
        [
            (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "ran out of memory"),
            (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "ran out of memory"),
            (MemoryError(), "ran out of memory"),
            (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "stopped with an error"),
        ],
        2,
        several=True,
    ),
)
def test_an_error_in_the_middle_is_one_sentence_and_the_next_job_runs(
    error: Exception, words: str, tiny_root: Path, job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DiffusionEngine(sd15_stack(tiny_root))

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(UNet2DConditionModel, "forward", fail)
        with pytest.raises(EngineFailed, match=words) as caught:
            picture(engine, job)
    assert not any(word in caught.value.hint for word in ("mat1", "CUDA", "Allocator"))
    assert same(picture(engine, job), picture(engine, job))


def test_broken_numbers_are_not_shown_as_a_picture(
    sd15: DiffusionEngine, job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = sd15._pipe.unet.forward
    monkeypatch.setattr(sd15._pipe.unet, "forward", lambda *args, **kw: (forward(*args, **kw)[0] * float("nan"),))
    with pytest.raises(EngineFailed, match="came out broken"):
        picture(sd15, job)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_numbers_that_break_while_they_are_decoded_are_not_shown_either(
    sd15: DiffusionEngine, job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would come out black."""
    sd15.load()
    decode = sd15._pipe.vae.decode
    monkeypatch.setattr(sd15._pipe.vae, "decode", lambda *args, **kw: (decode(*args, **kw)[0] * float("nan"),))
    with pytest.raises(EngineFailed, match="came out broken"):
        picture(sd15, job)


def test_too_little_memory_while_loading_is_told(
    tiny_root: Path, job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes.")

    monkeypatch.setattr(ControlNetModel, "from_pretrained", fail)
    with pytest.raises(EngineUnavailable, match="does not fit into the memory"):
        picture(DiffusionEngine(sd15_stack(tiny_root)), job)


def test_nothing_of_a_visitor_is_kept(sd15: DiffusionEngine, job: GenerationJob) -> None:
    """Neither their words nor their picture."""
    picture(sd15, job, prompt="words of a visitor")
    kept = [value for name, value in vars(sd15).items() if name not in ("stack", "_pipe", "_loader", "_tiny_vae")]
    assert "visitor" not in repr(kept)
    assert not any(isinstance(value, Image.Image) for value in kept)


def test_a_closed_engine_says_so(tiny_root: Path, job: GenerationJob) -> None:
    engine = DiffusionEngine(sdxl_stack(tiny_root), device=Device("cpu", None))
    assert picture(engine, job)
    engine.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        picture(engine, job)


# --- scenes ----------------------------------------------------------------------------------------------------------


def test_a_scene_stands_behind_the_person_before_diffusion_begins(prepared: PreparedPhoto, presets: Presets) -> None:
    stage = Stage()
    scene = next(scene for scene in presets.scenes.values() if scene.backdrop)
    assert prepared.person_mask is not None
    before, after = np.asarray(prepared.image, np.float32), np.asarray(stage.set(prepared, scene, 1), np.float32)
    change = np.abs(after - before).mean(axis=2)
    assert change[prepared.person_mask < 0.02].mean() > 3 * change[prepared.person_mask > 0.98].mean()
    assert not same(stage.set(prepared, scene, 1), stage.set(prepared, scene, 2))
    assert same(stage.set(prepared, scene, 1), stage.set(prepared, scene, 1))


def test_without_a_scene_or_a_person_the_photo_is_what_diffusion_starts_from(
    prepared: PreparedPhoto, presets: Presets
) -> None:
    scene = next(scene for scene in presets.scenes.values() if scene.backdrop)
    assert Stage().set(prepared, presets.scene("none"), 1) is prepared.image
    bare = PreparedPhoto(image=prepared.image)
    assert Stage().set(bare, scene, 1) is bare.image


def test_the_scene_reaches_the_picture(sd15: DiffusionEngine, job: GenerationJob, presets: Presets) -> None:
    scene = next(scene for scene in presets.scenes.values() if scene.backdrop)
    assert job.photo.person_mask is not None
    assert difference(picture(sd15, job, scene=scene), picture(sd15, job)) > 0.1
