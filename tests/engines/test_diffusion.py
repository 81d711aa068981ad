"""The diffusion engine on tiny checkpoints of the real classes, loaded by the code that loads hub stacks."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, MultiControlNetModel
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from pipelines.engines.diffusion import DiffusionEngine, face_crop
from pipelines.engines.loading import Device
from pipelines.engines.prompts import split_prompt
from pipelines.engines.sampling import control_images_read_once, img2img_steps, skip_when_off
from pipelines.engines.stage import Stage
from pipelines.errors import EngineFailed, EngineUnavailable
from pipelines.model_stack import ModelStack
from pipelines.presets import Presets
from pipelines.schema import Face, GenerationJob, PreparedPhoto
from tests.conftest import difference
from tests.engines.conftest import control, go_on, same
from tests.tiny_checkpoints import local, sd15_stack, sdxl_stack, union_stack, with_old_key_names

StackMaker = Callable[..., ModelStack]
STACKS: dict[str, StackMaker] = {"sd15": sd15_stack, "sdxl": sdxl_stack, "sdxl-union": union_stack}


@pytest.fixture(scope="module")
def engines(tiny_root: Path) -> Iterator[Callable[[str], DiffusionEngine]]:
    """Loaded engines by kind."""
    made: dict[str, DiffusionEngine] = {}

    def get(kind: str) -> DiffusionEngine:
        if kind not in made:
            made[kind] = DiffusionEngine(STACKS[kind](tiny_root))
        return made[kind]

    yield get
    for engine in made.values():
        engine.close()


@pytest.fixture
def sd15(engines: Callable[[str], DiffusionEngine]) -> DiffusionEngine:
    return engines("sd15")


def picture(engine: DiffusionEngine, job: GenerationJob, **changes: Any) -> Image.Image:
    return engine.generate(job.model_copy(update=changes), go_on)[0]


# --- controls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STACKS)
def test_the_control_image_changes_the_picture(
    kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    engine = engines(kind)
    wide = picture(engine, job, controls=(control("canny", stripe=16),))
    narrow = picture(engine, job, controls=(control("canny", stripe=4),))
    assert difference(wide, narrow) > 0.3


@pytest.mark.parametrize("kind", STACKS)
def test_scale_zero_is_no_control(kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob) -> None:
    engine = engines(kind)
    none = picture(engine, job, controls=())
    assert same(picture(engine, job, controls=(control("canny", scale=0.0),)), none)
    assert difference(picture(engine, job), none) > 0.3


@pytest.mark.parametrize(("kind", "second"), [("sd15", "lineart"), ("sdxl", "lineart"), ("sdxl-union", "pose")])
def test_several_controls_work_together(
    kind: str, second: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    engine = engines(kind)
    first = control("canny")
    both = picture(engine, job, controls=(first, control(second, stripe=4)))
    assert difference(both, picture(engine, job, controls=(first,))) > 0.1
    assert difference(both, picture(engine, job, controls=(control(second, stripe=4),))) > 0.1
    silent = control(second, stripe=4, scale=0.0)
    assert same(picture(engine, job, controls=(first, silent)), picture(engine, job, controls=(first,)))


def test_a_control_of_an_annotator_without_controlnet_is_refused(sd15: DiffusionEngine, job: GenerationJob) -> None:
    with pytest.raises(EngineFailed, match="no control for depth"):
        picture(sd15, job, controls=(control("depth"),))


def test_annotators_follow_the_style_and_fall_back_to_the_first_controlnet(
    sd15: DiffusionEngine, presets: Presets
) -> None:
    style = next(iter(presets.styles.values()))

    def with_controls(*names: str) -> Any:
        settings = tuple(control(name).model_copy() for name in names)
        return style.model_copy(update={"controls": settings})

    assert sd15.annotators(with_controls("lineart", "depth", "canny")) == ("lineart", "canny")
    assert sd15.annotators(with_controls("depth")) == ("canny",)
    sources = {name: source.model_copy() for name, source in sd15.stack.controlnets.items()}
    sources["canny"] = sources["canny"].model_copy(update={"controlnet_conditioning_scale": 1.0})
    always = DiffusionEngine(sd15.stack.model_copy(update={"controlnets": sources}))
    assert always.annotators(with_controls("lineart", "depth")) == ("canny", "lineart")


class TestSkipping:
    """A ControlNet whose scale is 0 is not run, and the picture is the same to the last bit."""

    @pytest.fixture
    def nets(self, tiny_root: Path) -> list[Any]:
        return [ControlNetModel.from_pretrained(tiny_root / name).eval() for name in ("cn-canny", "cn-lineart")]

    def call(self, controlnet: Any, scales: list[float]) -> tuple[Any, Any]:
        torch.manual_seed(0)
        with torch.no_grad():
            return controlnet(
                torch.randn(1, 4, 8, 8),
                torch.tensor(500),
                encoder_hidden_states=torch.randn(1, 77, 32),
                controlnet_cond=[torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)],
                conditioning_scale=scales,
                guess_mode=False,
                return_dict=False,
            )

    @pytest.mark.parametrize("scales", [[0.7, 0.4], [0.7, 0.0], [0.0, 0.4]])
    def test_what_is_left_says_the_same(self, nets: list[Any], scales: list[float]) -> None:
        down, middle = self.call(MultiControlNetModel(nets), scales)
        skipped_down, skipped_middle = self.call(skip_when_off(MultiControlNetModel(nets)), scales)
        assert torch.equal(middle, skipped_middle)
        assert all(torch.equal(first, second) for first, second in zip(down, skipped_down, strict=True))

    def test_nothing_is_said_when_all_are_off(self, nets: list[Any]) -> None:
        assert self.call(skip_when_off(MultiControlNetModel(nets)), [0.0, 0.0]) == (None, None)

    def test_a_control_image_is_read_once_and_means_the_same(self, nets: list[Any]) -> None:
        read: list[Any] = []
        for net in nets:
            net.controlnet_cond_embedding.conv_in.register_forward_hook(lambda *_: read.append(1))
        images = [torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)]

        def steps(controlnet: Any) -> list[Any]:
            torch.manual_seed(0)
            sample, states = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 32)
            with torch.no_grad():
                return [
                    controlnet(sample, torch.tensor(time), states, images, [0.7, 0.4], return_dict=False)[1]
                    for time in (900, 500, 100)
                ]

        plain = steps(MultiControlNetModel(nets))
        assert len(read) == 6
        with control_images_read_once(nets):
            once = steps(MultiControlNetModel(nets))
        assert len(read) == 8
        assert all(torch.equal(one, other) for one, other in zip(plain, once, strict=True))
        images[0] = torch.rand(1, 3, 64, 64)
        assert not torch.equal(steps(MultiControlNetModel(nets))[0], plain[0]), "nothing is kept afterwards"

    @pytest.mark.parametrize("kind", STACKS)
    def test_the_picture_is_diffusers_own(
        self, kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Against the unwrapped ControlNet, with a control that ends half way."""
        engine = engines(kind)
        controls = (control("canny", control_guidance_start=0.25, control_guidance_end=0.6),)
        calls: list[int] = []
        wrapped = picture(engine, job, controls=controls)
        controlnet = engine._pipe.controlnet

        def counted(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            return type(controlnet).forward(controlnet, *args, **kwargs)

        monkeypatch.setattr(controlnet, "forward", counted)
        assert same(picture(engine, job, controls=controls), wrapped)
        assert len(calls) == 4, "diffusers runs it at every step"


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
@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
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


@pytest.mark.parametrize("kind", STACKS)
def test_the_tiny_decoder_can_make_the_portrait(
    kind: str, tiny_root: Path, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    engine = DiffusionEngine(STACKS[kind](tiny_root, decode_with_tiny_vae=True))
    tiny = picture(engine, job)
    assert tiny.size == job.photo.image.size
    assert not same(tiny, picture(engines(kind), job))
    assert same(picture(engine, job), tiny)


# --- face adapter ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sd15", "sdxl-union"])
def test_the_face_adapter_weighs_in(kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob) -> None:
    engine = engines(kind)
    off = picture(engine, job, ip_adapter_scale=0.0)
    assert difference(picture(engine, job, ip_adapter_scale=0.8), off) > 0.3
    assert same(picture(engine, job, ip_adapter_scale=0.0), off), "and can be switched off again"


@pytest.mark.parametrize(("kind", "guidance"), [("sd15", 1.0), ("sd15", 3.0), ("sdxl-union", 0.0)])
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


@pytest.mark.parametrize("kind", ["sd15", "sdxl"])
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


# --- loading ---------------------------------------------------------------------------------------------------------


def test_float16_weights_become_float32_on_a_processor(sd15: DiffusionEngine, job: GenerationJob) -> None:
    picture(sd15, job)
    assert sd15.stack.torch_dtype == "float16"
    assert {part.dtype for part in (sd15._pipe.unet, sd15._pipe.vae, sd15._pipe.text_encoder)} == {torch.float32}


def test_a_lora_is_fused_into_the_unet(tiny_root: Path, sd15: DiffusionEngine, job: GenerationJob) -> None:
    plain = DiffusionEngine(sd15_stack(tiny_root, lora=None))
    none = DiffusionEngine(
        sd15_stack(
            tiny_root, lora=local(tiny_root, "lora", lora_scale=0.0, weight_name="pytorch_lora_weights.safetensors")
        )
    )
    assert not same(picture(sd15, job), picture(plain, job))
    assert difference(picture(none, job), picture(plain, job)) < 0.01
    assert not any("lora" in name for name, _ in sd15._pipe.unet.named_modules()), "unloaded after fusing"


@pytest.fixture
def copy(tiny_root: Path, tmp_path: Path) -> Path:
    """The tiny repositories, to be broken."""
    return Path(shutil.copytree(tiny_root, tmp_path / "copy"))


BREAKAGES: dict[str, tuple[str, str]] = {
    "no unet": ("sd15/unet/diffusion_pytorch_model.safetensors", "base model"),
    "no unet config": ("sd15/unet/config.json", "base model"),
    "no tokenizer": ("sd15/tokenizer/tokenizer.json", "base model"),
    "no scheduler": ("sd15/scheduler/scheduler_config.json", "base model"),
    "no vae": ("sd15/vae/diffusion_pytorch_model.safetensors", "base model"),
    "no controlnet": ("cn-lineart/diffusion_pytorch_model.safetensors", "ControlNet for lineart"),
    "no lora": ("lora/pytorch_lora_weights.safetensors", "LoRA"),
    "no adapter": ("ip-adapter/models/ip-adapter-plus-face_sd15.safetensors", "IP-Adapter"),
    "no image encoder": ("ip-adapter/models/image_encoder/model.safetensors", "image encoder"),
    "no decoder": ("taesd/config.json", "preview decoder"),
}


@pytest.mark.parametrize(
    ("case", "how"),
    [
        *((case, how) for case in BREAKAGES for how in ("missing", "cut short")),
        *((case, how) for case in ("no unet", "no unet config") for how in ("empty", "garbage")),
    ],
)
def test_what_is_broken_is_named(case: str, how: str, copy: Path, job: GenerationJob) -> None:
    name, component = BREAKAGES[case]
    path = copy / name
    if how == "missing":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes({"cut short": content[: len(content) * 2 // 3], "empty": b"", "garbage": b"\xff" * 99}[how])
    engine = DiffusionEngine(sd15_stack(copy))
    with pytest.raises(EngineUnavailable) as caught:
        picture(engine, job)
    assert component in caught.value.hint
    assert str(copy) not in caught.value.hint
    assert not any(word in caught.value.hint for word in ("safetensors", "json", "/"))


def test_a_mended_folder_loads_without_a_restart(copy: Path, job: GenerationJob) -> None:
    path = copy / "cn-canny" / "diffusion_pytorch_model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    engine = DiffusionEngine(sd15_stack(copy))
    with pytest.raises(EngineUnavailable):
        picture(engine, job)
    path.write_bytes(content)
    assert picture(engine, job)


@pytest.mark.parametrize("folder", ["sd15/unet", "cn-canny", "taesd"])
def test_weights_with_tensors_missing_are_refused(folder: str, copy: Path, job: GenerationJob) -> None:
    """diffusers alone would fill them with random numbers and go on."""
    path = copy / folder / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    tensors.pop(sorted(tensors)[len(tensors) // 2])
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        picture(DiffusionEngine(sd15_stack(copy)), job)


def test_a_lora_for_another_model_is_refused(copy: Path, job: GenerationJob) -> None:
    path = copy / "lora" / "pytorch_lora_weights.safetensors"
    save_file({"unet.nowhere.lora_A.weight": torch.zeros(2, 2), "unet.nowhere.lora_B.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(EngineUnavailable, match="LoRA"):
        picture(DiffusionEngine(sd15_stack(copy)), job)


def test_shards_load_and_a_missing_shard_is_named(copy: Path, sd15: DiffusionEngine, job: GenerationJob) -> None:
    """The embedded checkpoint comes in shards."""
    for folder in ("sd15/unet", "cn-canny"):
        (copy / folder / "diffusion_pytorch_model.safetensors").unlink()
    (copy / "sd15/text_encoder/model.safetensors").unlink()
    load = DiffusionEngine(sd15_stack(copy, base=local(copy, "sharded"), controlnets={"canny": "sharded-canny"}))
    shutil.copytree(copy / "sd15", copy / "sharded")
    source = sd15.stack.base.path
    assert source is not None
    unet = type(sd15._pipe.unet).from_pretrained(Path(source) / "unet")
    unet.save_pretrained(copy / "sharded" / "unet", max_shard_size="50KB")
    text_encoder = CLIPTextModel.from_pretrained(Path(source) / "text_encoder")
    text_encoder.save_pretrained(copy / "sharded" / "text_encoder", max_shard_size="30KB")
    first = ControlNetModel.from_pretrained(Path(source).parent / "cn-canny")
    first.save_pretrained(copy / "sharded-canny", max_shard_size="50KB")
    shards = sorted((copy / "sharded" / "unet").glob("*-of-*.safetensors"))
    assert len(shards) > 1
    assert same(picture(load, job), picture(sd15, job))
    shards[-1].unlink()
    with pytest.raises(EngineUnavailable, match="base model"):
        picture(DiffusionEngine(load.stack), job)


def test_text_encoders_saved_by_transformers_4_load(copy: Path, sd15: DiffusionEngine, job: GenerationJob) -> None:
    with_old_key_names(copy / "sd15/text_encoder/model.safetensors")
    assert same(picture(DiffusionEngine(sd15_stack(copy)), job), picture(sd15, job))


def test_a_variant_is_loaded_by_its_name(copy: Path, sd15: DiffusionEngine, job: GenerationJob) -> None:
    for path in [*copy.glob("sd15/*/*.safetensors"), copy / "cn-canny/diffusion_pytorch_model.safetensors"]:
        half = {name: tensor.half() for name, tensor in load_file(path).items()}
        save_file(
            half, path.with_name(path.name.replace(".safetensors", ".fp16.safetensors")), metadata={"format": "pt"}
        )
        path.unlink()
    stack = sd15_stack(
        copy, base=local(copy, "sd15", variant="fp16"), controlnets={"canny": ("cn-canny", {"variant": "fp16"})}
    )
    assert difference(picture(DiffusionEngine(stack), job), picture(sd15, job)) < 2.0


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "ran out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "ran out of memory"),
        (MemoryError(), "ran out of memory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "stopped with an error"),
    ],
)
def test_an_error_in_the_middle_is_one_sentence_and_the_next_job_runs(
    error: Exception, words: str, sd15: DiffusionEngine, job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = picture(sd15, job)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(sd15._pipe.unet, "forward", fail)
        with pytest.raises(EngineFailed, match=words) as caught:
            picture(sd15, job)
    assert not any(word in caught.value.hint for word in ("mat1", "CUDA", "Allocator"))
    assert same(picture(sd15, job), before)


def test_broken_numbers_are_not_shown_as_a_picture(
    sd15: DiffusionEngine, job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = sd15._pipe.unet.forward
    monkeypatch.setattr(sd15._pipe.unet, "forward", lambda *args, **kw: (forward(*args, **kw)[0] * float("nan"),))
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
