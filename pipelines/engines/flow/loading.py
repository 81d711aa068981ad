"""From folders on this machine to the pipelines of edit models and Z-Image."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pipelines import heavy
from pipelines.engines.flow.stack import EditStack, FlowStack, ZImageStack
from pipelines.engines.parts import PartsLoader

# What a ControlNet of Z-Image has in common with the transformer that it guides.
_SHARED = (
    "all_patch_size",
    "all_f_patch_size",
    "dim",
    "n_refiner_layers",
    "n_heads",
    "n_kv_heads",
    "norm_eps",
    "qk_norm",
)


def load_klein(loader: PartsLoader[EditStack]) -> Any:
    """Flux2KleinPipeline of a stack, on its device."""
    diffusers, transformers = heavy.load("diffusers"), heavy.load("transformers")
    parts = _parts(
        loader,
        diffusers.Flux2Transformer2DModel,
        transformers.Qwen3ForCausalLM,
        diffusers.AutoencoderKLFlux2,
    )
    with loader.part("base model"):
        pipe = diffusers.Flux2KleinPipeline(**parts, is_distilled=True)
    return _ready(loader, pipe)


def load_qwen_edit(loader: PartsLoader[EditStack]) -> Any:
    """QwenImageEditPlusPipeline of a stack, LoRA fused, on its device."""
    diffusers, transformers = heavy.load("diffusers"), heavy.load("transformers")
    parts = _parts(
        loader,
        diffusers.QwenImageTransformer2DModel,
        transformers.Qwen2_5_VLForConditionalGeneration,
        diffusers.AutoencoderKLQwenImage,
    )
    parts["processor"] = loader.tokenizer(transformers.Qwen2VLProcessor, loader.stack.base, "processor")
    with loader.part("base model"):
        pipe = diffusers.QwenImageEditPlusPipeline(**parts)
    loader.fuse_lora(pipe, loader.stack.lora)
    _tell_pictures_from_words(pipe.text_encoder)
    return _ready(loader, pipe)


def load_z_image(loader: PartsLoader[ZImageStack], around: Callable[[Any, Any], Any]) -> Any:
    """ZImageControlNetPipeline of a stack, on its device.

    Args:
        around: What is to be put around its ControlNet, which guides the transformer.
    """
    diffusers, transformers = heavy.load("diffusers"), heavy.load("transformers")
    parts = _parts(
        loader,
        diffusers.ZImageTransformer2DModel,
        transformers.Qwen3Model,
        diffusers.AutoencoderKL,
    )
    parts["controlnet"] = around(_z_image_controlnet(loader, parts["transformer"].config), parts["transformer"])
    with loader.part("base model"):
        pipe = diffusers.ZImageControlNetPipeline(**parts)
    return _ready(loader, pipe)


def _tell_pictures_from_words(text_encoder: Any) -> None:
    """Let Qwen2.5-VL read pictures as pictures, in rows and columns.

    transformers 5 wants to be told which tokens are of a picture, and reads all as words otherwise; the pipeline does
    not tell it (diffusers issue 14194). To be called before hooks of a device are put around it.
    """
    forward, picture = text_encoder.forward, text_encoder.config.image_token_id

    @functools.wraps(forward)
    def told(*seen: Any, **others: Any) -> Any:
        if others.get("image_grid_thw") is not None and others.get("mm_token_type_ids") is None:
            others["mm_token_type_ids"] = (others["input_ids"] == picture).int()
        return forward(*seen, **others)

    text_encoder.forward = told


def load_tiny_vae(loader: PartsLoader[ZImageStack]) -> Any | None:
    """The small decoder for step previews, on the device, or None where the stack has none."""
    source = loader.stack.tiny_vae
    if source is None:
        return None
    return loader.model(heavy.load("diffusers").AutoencoderTiny, source, "preview decoder").to(loader.device.name)


def _parts(loader: PartsLoader[Any], transformer: Any, text_encoder: Any, vae: Any) -> dict[str, Any]:
    stack: FlowStack = loader.stack
    return {
        "transformer": loader.model(transformer, stack.transformer, "transformer"),
        "text_encoder": loader.model(text_encoder, stack.text_encoder, "text encoder"),
        "tokenizer": loader.tokenizer(heavy.load("transformers").Qwen2Tokenizer, stack.base, "tokenizer"),
        "vae": loader.model(vae, stack.base, "base model", "vae"),
        "scheduler": loader.scheduler(stack.base, stack.scheduler),
    }


def _ready(loader: PartsLoader[Any], pipe: Any) -> Any:
    pipe.set_progress_bar_config(disable=True)
    loader.place(pipe)
    return pipe


def _z_image_controlnet(loader: PartsLoader[ZImageStack], transformer_config: Any) -> Any:
    """diffusers would ask the hub for the config of such a file, and takes the small ("lite") ones for version 1."""
    diffusers, source = heavy.load("diffusers"), loader.stack.controlnet
    with loader.part("ControlNet"):
        config = {name: transformer_config[name] for name in _SHARED} | {
            "control_layers_places": list(source.control_layers_places),
            "control_refiner_layers_places": list(source.control_refiner_layers_places),
            "control_in_dim": source.control_in_dim,
            "add_control_noise_refiner": source.add_control_noise_refiner,
        }
        tensors = heavy.load("safetensors.torch").load_file(loader.root(source, "ControlNet") / source.weight_name)
        controlnet = diffusers.ZImageControlNetModel(**config)
        missing, foreign = controlnet.load_state_dict(tensors, strict=False)
        if source.add_control_noise_refiner == "control_layers":  # such a file has layers that are not used
            foreign = [name for name in foreign if not name.startswith("control_noise_refiner.")]
        if missing or foreign:
            raise ValueError(f"{len(missing)} tensors are missing, {len(foreign)} belong to another version")
    return controlnet.to(loader.dtype).eval()
