"""Model stacks at their full size with random weights, written to disk as on the hub, in float16.

Configs are those of the published models. Weights that are zero at first (a ControlNet's outputs) are filled, or they
would do nothing.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines import heavy
from pipelines.engines.unet.stack import UNetStack

_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
_SD15: dict[str, Any] = {
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
}
_SDXL: dict[str, Any] = {
    "cross_attention_dim": 2048,
    "attention_head_dim": (5, 10, 20),
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
_UP = {
    "sd15": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "sdxl": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
}
_TOWERS: dict[str, dict[str, Any]] = {  # text encoders: CLIP ViT-L, OpenCLIP bigG
    "text_encoder": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "projection_dim": 768,
    },
    "text_encoder_2": {
        "hidden_size": 1280,
        "intermediate_size": 5120,
        "num_hidden_layers": 32,
        "num_attention_heads": 20,
        "projection_dim": 1280,
        "hidden_act": "gelu",
    },
}


def build(folder: Path, kind: str) -> None:
    """Write a base model, ControlNets and a face adapter below a folder: 5 GB for sd15, 13 GB for sdxl.

    Args:
        folder: Made where it is missing.
        kind: sd15 or sdxl.
    """
    torch, diffusers, transformers = (heavy.load(name) for name in ("torch", "diffusers", "transformers"))
    torch.manual_seed(0)
    base, config = folder / "base", _SD15 if kind == "sd15" else _SDXL
    tokenizer = _tokenizer(transformers)
    _write(lambda: diffusers.UNet2DConditionModel(up_block_types=_UP[kind], **config), base / "unet")
    _write(lambda: _vae(diffusers, kind), base / "vae")
    towers = ("text_encoder",) if kind == "sd15" else ("text_encoder", "text_encoder_2")
    for tower in towers:
        reader = transformers.CLIPTextModelWithProjection if tower.endswith("2") else transformers.CLIPTextModel
        ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        _write(lambda: reader(transformers.CLIPTextConfig(**_TOWERS[tower], **ids)), base / tower)  # noqa: B023
        tokenizer.save_pretrained(base / tower.replace("text_encoder", "tokenizer"))
    scheduler = "LCMScheduler" if kind == "sd15" else "EulerDiscreteScheduler"
    spacing = (
        {} if kind == "sd15" else {"timestep_spacing": "trailing"}
    )  # as `stack_of` asks, and plain diffusers reads
    getattr(diffusers, scheduler)(**_BETAS, **spacing, steps_offset=1).save_pretrained(base / "scheduler")
    write_index(base, kind, towers, scheduler)
    if kind == "sd15":
        for name in ("lineart", "canny"):
            _write(lambda: _loud(diffusers.ControlNetModel(**config)), folder / name)
    else:
        union = {"num_control_type": 8}
        _write(lambda: _loud(diffusers.ControlNetUnionModel(**config, **union)), folder / "union")
    vision = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16}
    vision_config = transformers.CLIPVisionConfig(**vision, patch_size=14, projection_dim=1024, hidden_act="gelu")
    _write(lambda: transformers.CLIPVisionModelWithProjection(vision_config), folder / "adapter" / "image_encoder")
    with torch.device("meta"):
        processors = diffusers.UNet2DConditionModel(up_block_types=_UP[kind], **config).attn_processors
    adapter = _plus_adapter(list(processors), config)
    heavy.load("safetensors.torch").save_file(adapter, folder / "adapter" / "plus-face.safetensors")


def stack_of(folder: Path, kind: str, size: int) -> UNetStack:
    """The stack of what `build` wrote, with the steps of the stacks that ship."""

    def local(name: str, **more: Any) -> dict[str, Any]:
        return {"path": str((folder / name).absolute()), "licence": "CC0-1.0", "bytes": 0, **more}

    controlnets = {name: local(name) for name in ("lineart", "canny")}
    if kind == "sdxl":
        controlnets = {name: local("union", control_mode=3) for name in ("lineart", "canny")}
    encoder = local("adapter", subfolder="image_encoder")
    return UNetStack.model_validate(
        {
            "id": f"random-{kind}",
            "name": f"Random {kind}",
            "summary": "Random weights at full size.",
            "kind": "sd15" if kind == "sd15" else "sdxl-union",
            "rank": 0,
            "size": size,
            "memory_bytes": 6_900_000_000 if kind == "sd15" else 14_000_000_000,
            "base": local("base"),
            "controlnets": controlnets,
            "ip_adapter": local("adapter", weight_name="plus-face.safetensors", image_encoder=encoder),
            "scheduler": {"name": "LCMScheduler"}
            if kind == "sd15"
            else {"name": "EulerDiscreteScheduler", "config": {"timestep_spacing": "trailing"}},
            "num_inference_steps": 4,
            "guidance_scale": 1.0 if kind == "sd15" else 0.0,
        }
    )


def _write(make: Callable[[], Any], folder: Path) -> None:
    make().half().save_pretrained(folder)
    gc.collect()  # the next one is made in the same memory


def _vae(diffusers: Any, kind: str) -> Any:
    channels = (128, 256, 512, 512)
    return diffusers.AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        force_upcast=kind == "sd15",  # SDXL's stack has one that works in float16
        sample_size=512,
    )


def _loud(controlnet: Any) -> Any:
    normal = heavy.load("torch").nn.init.normal_
    for weight in [*controlnet.controlnet_down_blocks.parameters(), *controlnet.controlnet_mid_block.parameters()]:
        normal(weight, std=0.01)
    normal(controlnet.controlnet_cond_embedding.conv_out.weight, std=0.05)
    return controlnet


def _tokenizer(transformers: Any) -> Any:
    """One token a byte: words are read as letters, which costs the same as words do."""
    letters = sorted(heavy.load("tokenizers").pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    ids = {word: index for index, word in enumerate(words)}
    return transformers.CLIPTokenizer(vocab=ids, merges=[], model_max_length=77)


def write_index(base: Path, kind: str, towers: tuple[str, ...], scheduler: str) -> None:
    """What `from_pretrained` of a pipeline reads first."""
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionPipeline" if kind == "sd15" else "StableDiffusionXLPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", scheduler],
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
    }
    for tower in towers:
        second = tower.endswith("2")
        index[tower] = ["transformers", "CLIPTextModelWithProjection" if second else "CLIPTextModel"]
        index[tower.replace("text_encoder", "tokenizer")] = ["transformers", "CLIPTokenizer"]
    if kind == "sd15":
        index |= {"safety_checker": [None, None], "requires_safety_checker": False}
    (base / "model_index.json").write_text(json.dumps(index, indent=1), "utf-8")


def _plus_adapter(processors: list[str], config: dict[str, Any]) -> dict[str, Any]:
    """A "plus" adapter in the names of the original repository: four layers that look at the encoder's tokens."""
    torch = heavy.load("torch")
    channels: int = config["cross_attention_dim"]
    width, seen = (768, 1280) if channels == 768 else (1280, 1280)

    def random(*shape: int) -> Any:
        return torch.randn(*shape).mul_(shape[-1] ** -0.5).half()

    ones, zeros = (lambda count: torch.ones(count).half()), (lambda count: torch.zeros(count).half())
    tensors = {
        "image_proj.latents": random(1, 16, width),
        "image_proj.proj_in.weight": random(width, seen),
        "image_proj.proj_in.bias": zeros(width),
        "image_proj.proj_out.weight": random(channels, width),
        "image_proj.proj_out.bias": zeros(channels),
        "image_proj.norm_out.weight": ones(channels),
        "image_proj.norm_out.bias": zeros(channels),
    }
    for layer in range(4):
        prefix = f"image_proj.layers.{layer}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            tensors |= {f"{prefix}.{norm}.weight": ones(width), f"{prefix}.{norm}.bias": zeros(width)}
        tensors |= {
            f"{prefix}.0.to_q.weight": random(width, width),
            f"{prefix}.0.to_kv.weight": random(2 * width, width),
            f"{prefix}.0.to_out.weight": random(width, width),
            f"{prefix}.1.1.weight": random(4 * width, width),
            f"{prefix}.1.3.weight": random(width, 4 * width),
        }
    blocks, key = config["block_out_channels"], 1
    for name in processors:
        if name.endswith("attn1.processor"):
            continue
        order = blocks if name.startswith("down_blocks") else blocks[::-1]
        hidden = blocks[-1] if name.startswith("mid_block") else order[int(name.split(".")[1])]
        for matrix in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{key}.{matrix}.weight"] = random(hidden, channels)
        key += 2
    return tensors
