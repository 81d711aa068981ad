"""Weights as they come: whole, broken, in shards, of other names; each part's fault is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.errors import EngineUnavailable
from tests.conftest import difference
from tests.engines.conftest import picture, same
from tests.tiny_checkpoints import local, sd15_stack, with_old_key_names


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


@pytest.mark.slow
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
    sd15.load()
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


@pytest.mark.slow
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
