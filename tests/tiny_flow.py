"""Edit models and Z-Image of the real classes at toy size, written to disk as on the hub. Weights are random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    AutoencoderTiny,
    FlowMatchEulerDiscreteScheduler,
    Flux2Transformer2DModel,
    QwenImageEditPlusPipeline,
    QwenImageTransformer2DModel,
    ZImageControlNetModel,
    ZImageTransformer2DModel,
)
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from tokenizers import pre_tokenizers
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen3Config,
    Qwen3ForCausalLM,
    Qwen3Model,
)

from pipelines.engines.flow.stack import EditStack, ZImageStack
from tests.tiny_checkpoints import SIZE, local

_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_MARKS = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
_PLACES: dict[str, Any] = {
    "control_layers_places": [0],
    "control_refiner_layers_places": [0],
    "control_in_dim": 33,
    "add_control_noise_refiner": "control_noise_refiner",
}
# As the schedules of the models are moved; FLUX.2's and Qwen's by the number of tokens.
_DYNAMIC = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 0.9, "max_image_seq_len": 8192}


def build(root: Path) -> None:
    """Write the tiny repositories klein, qwen-edit, qwen-lora, z-image, z-control and taef1 below `root`."""
    _build_klein(root)
    _build_qwen_edit(root)
    _build_z_image(root)


def klein_stack(root: Path, **changes: Any) -> EditStack:
    """FLUX.2 klein; it understands two kinds of control images."""
    return EditStack.model_validate(
        _stack(root, "klein", "Tiny klein", "flux2-klein")
        | {"controls": ["lineart", "canny"], "num_inference_steps": 4}
        | changes
    )


def qwen_edit_stack(root: Path, **changes: Any) -> EditStack:
    """Qwen-Image-Edit 2511 with a few-step LoRA; it is shown no control image."""
    lora = local(root, "qwen-lora", weight_name="few-steps.safetensors")
    return EditStack.model_validate(
        _stack(root, "qwen-edit", "Tiny Qwen edit", "qwen-edit-plus")
        | {"lora": lora, "num_inference_steps": 2, "scheduler": {"config": {"max_shift": 0.5}}}
        | changes
    )


def z_image_stack(root: Path, **changes: Any) -> ZImageStack:
    """Z-Image Turbo with a ControlNet in one file, and a tiny decoder."""
    return ZImageStack.model_validate(
        _stack(root, "z-image", "Tiny Z-Image", "z-image")
        | {
            "controlnet": local(root, "z-control", weight_name="union.safetensors", **_PLACES),
            "controls": ["canny", "pose"],
            "tiny_vae": local(root, "taef1"),
            "num_inference_steps": 4,
        }
        | changes
    )


def _stack(root: Path, folder: str, name: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"tiny-{folder}",
        "name": name,
        "kind": kind,
        "summary": "Random weights for tests.",
        "rank": 1,
        "size": SIZE,
        "torch_dtype": "bfloat16",
        "memory_bytes": 1000,
        "base": local(root, folder),
        "transformer": local(root, folder, subfolder="transformer"),
        "text_encoder": local(root, folder, subfolder="text_encoder"),
    }


def tokenizer() -> Qwen2Tokenizer:
    """One token a byte, and the marks of a chat."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, "<|endoftext|>", *_MARKS]
    made = Qwen2Tokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[], model_max_length=2048)
    made.add_tokens(list(_MARKS), special_tokens=True)
    made.chat_template = _CHAT
    return made


def _build_klein(root: Path) -> None:
    torch.manual_seed(0)
    base, words = root / "klein", tokenizer()
    Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,  # three hidden states of 16 side by side
        timestep_guidance_channels=256,
        axes_dims_rope=[4, 4, 4, 4],
        guidance_embeds=False,
    ).save_pretrained(base / "transformer")
    reader = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(words),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=28,  # the pipeline takes what layers 9, 18 and 27 say
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=2048,
            tie_word_embeddings=True,  # as Qwen3-4B
        )
    )
    reader.save_pretrained(base / "text_encoder", max_shard_size="60KB")
    words.save_pretrained(base / "tokenizer")
    AutoencoderKLFlux2(
        sample_size=32,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=1,
    ).save_pretrained(base / "vae")
    FlowMatchEulerDiscreteScheduler(**_DYNAMIC).save_pretrained(base / "scheduler")


def _build_qwen_edit(root: Path) -> None:
    torch.manual_seed(0)
    base, words = root / "qwen-edit", tokenizer()
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
        guidance_embeds=False,
    )
    transformer.save_pretrained(base / "transformer", max_shard_size="60KB")
    ids = {name: words.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad", "vision_start")}
    reader = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={
                "vocab_size": len(words),
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "max_position_embeddings": 2048,
                "rope_scaling": {"type": "default", "mrope_section": [1, 1, 2], "rope_type": "default"},
            },
            vision_config={
                "depth": 2,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "out_hidden_size": 16,
                "fullatt_block_indexes": [1],
            },
            image_token_id=ids["image_pad"],
            video_token_id=ids["video_pad"],
            vision_start_token_id=ids["vision_start"],
        )
    )
    reader.save_pretrained(base / "text_encoder")
    words.save_pretrained(base / "tokenizer")
    words.save_pretrained(base / "processor")  # as transformers 4 wrote it, and the hub has it
    Qwen2VLImageProcessor().save_pretrained(base / "processor")
    AutoencoderKLQwenImage(
        base_dim=4,
        z_dim=4,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    ).save_pretrained(base / "vae")
    FlowMatchEulerDiscreteScheduler(**_DYNAMIC, shift_terminal=0.02).save_pretrained(base / "scheduler")
    torch.manual_seed(3)
    transformer.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=["to_q", "to_k"]))
    QwenImageEditPlusPipeline.save_lora_weights(
        root / "qwen-lora",
        transformer_lora_layers=get_peft_model_state_dict(transformer),
        weight_name="few-steps.safetensors",
    )


def _build_z_image(root: Path) -> None:
    torch.manual_seed(0)
    base, words = root / "z-image", tokenizer()
    transformer = ZImageTransformer2DModel(
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[2048, 64, 64],
    )
    with torch.no_grad():  # made empty: whatever was in the memory
        transformer.x_pad_token.fill_(1.0)
        transformer.cap_pad_token.fill_(1.0)
    transformer.save_pretrained(base / "transformer")
    Qwen3Model(
        Qwen3Config(
            vocab_size=len(words),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=2048,
        )
    ).save_pretrained(base / "text_encoder")
    words.save_pretrained(base / "tokenizer")
    AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8] * 4,
        norm_num_groups=2,
        layers_per_block=1,
        latent_channels=16,
        scaling_factor=0.3611,
        shift_factor=0.1159,
    ).save_pretrained(base / "vae")
    FlowMatchEulerDiscreteScheduler(shift=3.0).save_pretrained(base / "scheduler")
    controlnet = ZImageControlNetModel(**_PLACES, dim=32, n_refiner_layers=1, n_heads=2, n_kv_heads=2)
    for name, weight in controlnet.named_parameters():
        if "after_proj" in name or "before_proj" in name:  # zero at first: it would say nothing
            torch.nn.init.normal_(weight, std=0.2)
    (root / "z-control").mkdir()
    save_file(controlnet.state_dict(), root / "z-control" / "union.safetensors", metadata={"format": "pt"})
    torch.manual_seed(0)
    AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
        latent_channels=16,
    ).save_pretrained(root / "taef1")
