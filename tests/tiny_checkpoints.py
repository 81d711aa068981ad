"""Model stacks of the real diffusers classes at toy size, written to disk as on the hub. Weights are random.

Zero-initialised layers (the ControlNets' outputs, the LoRA's up matrices) are filled, or they would do nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetModel,
    ControlNetUnionModel,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionControlNetImg2ImgPipeline,
    UNet2DConditionModel,
)
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
)

from pipelines.engines.unet.stack import UNetStack
from pipelines.hub.stack import ModelStack
from tests.tiny_extras import build_depth, build_ip_adapter

SIZE = 64
S = TypeVar("S", bound=ModelStack)
_TOKEN_WIDTH = 32
_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def build(root: Path) -> None:
    """Write every tiny repository below `root`, in a few seconds: sd15, sdxl, controlnets, adapters, decoders."""
    _build_sd15(root)
    _build_sdxl(root)
    torch.manual_seed(0)
    _tiny_vae().save_pretrained(root / "taesd")
    build_ip_adapter(root)
    build_depth(root / "depth")


def sd15_stack(root: Path, **changes: Any) -> UNetStack:
    """SD1.5 with two ControlNets, tiny decoder, LCM LoRA and IP-Adapter, from folders below `root`."""
    return _stack(
        root,
        {
            "id": "tiny-sd15",
            "name": "Tiny SD1.5",
            "kind": "sd15",
            "base": "sd15",
            "controlnets": {"canny": "cn-canny", "lineart": "cn-lineart"},
            "lora": ("lora", {"weight_name": "pytorch_lora_weights.safetensors"}),
            "ip_adapter": _adapter(root, "models", "ip-adapter-plus-face_sd15.safetensors"),
            "scheduler": {"name": "LCMScheduler"},
            "guidance_scale": 1.0,
            "max_guidance_scale": 4.0,
        },
        changes,
    )


def sdxl_stack(root: Path, **changes: Any) -> UNetStack:
    """SDXL with one plain ControlNet."""
    return _stack(
        root,
        {
            "id": "tiny-sdxl",
            "name": "Tiny SDXL",
            "kind": "sdxl",
            "base": "sdxl",
            "controlnets": {"canny": "cn-sdxl", "lineart": "cn-sdxl"},
            "scheduler": {"name": "EulerDiscreteScheduler", "config": {"timestep_spacing": "trailing"}},
            "guidance_scale": 0.0,
        },
        changes,
    )


def union_stack(root: Path, **changes: Any) -> UNetStack:
    """SDXL with one union ControlNet for two controls, and an IP-Adapter."""
    return sdxl_stack(
        root,
        **{
            "id": "tiny-union",
            "name": "Tiny SDXL union",
            "kind": "sdxl-union",
            "controlnets": {"canny": ("cn-union", {"control_mode": 3}), "pose": ("cn-union", {"control_mode": 0})},
            "ip_adapter": _adapter(root, "sdxl_models", "ip-adapter-plus-face_sdxl_vit-h.safetensors"),
            **changes,
        },
    )


def style_adapter(root: Path, kind: str) -> dict[str, Any]:
    """The adapter of a style picture, for `sd15_stack` and `union_stack`."""
    if kind == "sd15":
        return _adapter(root, "models", "ip-adapter-plus_sd15.safetensors")
    return _adapter(root, "sdxl_models", "ip-adapter-plus_sdxl_vit-h.safetensors")


def local(root: Path, folder: str, **keys: Any) -> dict[str, Any]:
    """A source that is a folder on disk."""
    return {"path": str(root / folder), "licence": "Apache-2.0", "bytes": 0, **keys}


def on_hub(stack: S, root: Path) -> S:
    """The same stack with every folder below `root` as the repository tiny/<folder> of a hub."""

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            value = {key: moved(item) for key, item in value.items()}
            if value.get("path"):
                folder = Path(value["path"])
                size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                value |= {"path": None, "repo_id": f"tiny/{folder.relative_to(root).as_posix()}", "bytes": size}
        return value

    return type(stack).model_validate(moved(stack.model_dump()))


def _stack(root: Path, settings: dict[str, Any], changes: dict[str, Any]) -> UNetStack:
    settings = {
        "summary": "Random weights for tests.",
        "rank": 1,
        "size": SIZE,
        "tiny_vae": "taesd",
        "num_inference_steps": 4,
        "torch_dtype": "float16",
        "memory_bytes": 1000,
        **settings,
        **changes,
    }

    def source(value: Any) -> Any:
        if isinstance(value, tuple):
            return local(root, value[0], **value[1])
        return local(root, value) if isinstance(value, str) else value

    for key in ("base", "vae", "tiny_vae", "lora"):
        if settings.get(key) is not None:
            settings[key] = source(settings[key])
    settings["controlnets"] = {name: source(value) for name, value in settings["controlnets"].items()}
    return UNetStack.model_validate(settings)


def _adapter(root: Path, subfolder: str, weight_name: str) -> dict[str, Any]:
    encoder = local(root, "ip-adapter", subfolder="models/image_encoder")
    return local(root, "ip-adapter", subfolder=subfolder, weight_name=weight_name, image_encoder=encoder)


# --- SD1.5 -----------------------------------------------------------------------------------------------------------


def _build_sd15(root: Path) -> None:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=_TOKEN_WIDTH,
        norm_num_groups=4,
        attention_head_dim=2,
    )
    tokenizer = _tokenizer()
    base = root / "sd15"
    unet.save_pretrained(base / "unet")
    _vae().save_pretrained(base / "vae")
    CLIPTextModel(_text_config(tokenizer)).save_pretrained(base / "text_encoder")
    tokenizer.save_pretrained(base / "tokenizer")
    LCMScheduler(**_BETAS).save_pretrained(base / "scheduler")
    for seed, name in enumerate(("cn-canny", "cn-lineart"), start=1):
        torch.manual_seed(seed)
        controlnet = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 4, 8, 8))
        _loud(controlnet).save_pretrained(root / name)
    torch.manual_seed(3)
    unet.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=["to_q", "to_k", "to_v"]))
    layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(unet))
    StableDiffusionControlNetImg2ImgPipeline.save_lora_weights(root / "lora", unet_lora_layers=layers)


# --- SDXL ------------------------------------------------------------------------------------------------------------


def _build_sdxl(root: Path) -> None:
    common: dict[str, Any] = {
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "attention_head_dim": (2, 4),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "transformer_layers_per_block": (1, 1),
        "projection_class_embeddings_input_dim": 6 * 8 + _TOKEN_WIDTH,
        "cross_attention_dim": 2 * _TOKEN_WIDTH,
    }
    torch.manual_seed(0)
    unet = UNet2DConditionModel(sample_size=16, up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **common)
    tokenizer = _tokenizer()
    base = root / "sdxl"
    unet.save_pretrained(base / "unet")
    _vae().save_pretrained(base / "vae")
    CLIPTextModel(_text_config(tokenizer)).save_pretrained(base / "text_encoder")
    CLIPTextModelWithProjection(_text_config(tokenizer)).save_pretrained(base / "text_encoder_2")
    tokenizer.save_pretrained(base / "tokenizer")
    tokenizer.save_pretrained(base / "tokenizer_2")
    EulerDiscreteScheduler(**_BETAS, steps_offset=1).save_pretrained(base / "scheduler")
    torch.manual_seed(1)
    _loud(ControlNetModel(conditioning_embedding_out_channels=(8, 8, 16, 16), **common)).save_pretrained(
        root / "cn-sdxl"
    )
    union = ControlNetUnionModel(
        conditioning_embedding_out_channels=(8, 8, 16, 16),
        num_control_type=6,
        num_trans_channel=32,
        num_trans_head=4,
        num_trans_layer=1,
        num_proj_channel=32,
        **common,
    )
    _loud(union).save_pretrained(root / "cn-union")


def _loud(controlnet: Any) -> Any:
    """Fill the zero convolutions, and let the control image through at full strength."""
    for weight in [*controlnet.controlnet_down_blocks.parameters(), *controlnet.controlnet_mid_block.parameters()]:
        torch.nn.init.normal_(weight, std=0.2)
    for name, weight in controlnet.controlnet_cond_embedding.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.kaiming_normal_(weight)
    return controlnet


# --- shared parts ----------------------------------------------------------------------------------------------------


def _tokenizer() -> CLIPTokenizer:
    """One token a byte: 256 bytes, 256 that end a word, begin and end; no merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[], model_max_length=77)


def _text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        hidden_size=_TOKEN_WIDTH,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=2,
        projection_dim=_TOKEN_WIDTH,
        hidden_act="gelu",
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[8] * 4,
        norm_num_groups=2,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=1,
        latent_channels=4,
    )


def _tiny_vae() -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
        latent_channels=4,
    )


def with_old_key_names(path: Path) -> None:
    """Rewrite a text encoder with the key names of transformers 4, which all checkpoints on the hub have."""
    tensors = load_file(path)
    old = {key if key.startswith("text_") else f"text_model.{key}": tensor for key, tensor in tensors.items()}
    save_file(old, path, metadata={"format": "pt"})
