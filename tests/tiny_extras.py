"""What toy stacks have besides UNet and ControlNets: face adapter, depth estimator, picture checker."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTImageProcessor,
)

from pipelines.hub.components import SAFETY_CHECKER, Component
from pipelines.safety.checker import HubChecker


def build_ip_adapter(root: Path) -> None:
    """A folder shaped like h94/IP-Adapter: models/, sdxl_models/, models/image_encoder/."""
    torch.manual_seed(0)
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=32,
            projection_dim=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=32,
            patch_size=4,
            intermediate_size=37,
        )
    )
    folder = root / "ip-adapter"
    encoder.save_pretrained(folder / "models" / "image_encoder")
    for base, subfolder, name in (
        ("sd15", "models", "ip-adapter-plus-face_sd15.safetensors"),
        ("sdxl", "sdxl_models", "ip-adapter-plus-face_sdxl_vit-h.safetensors"),
    ):
        unet = UNet2DConditionModel.from_pretrained(root / base / "unet")
        (folder / subfolder).mkdir(parents=True, exist_ok=True)
        save_file(_plus_adapter(unet, width=32), folder / subfolder / name)
        torch.manual_seed(1)
        save_file(_plus_adapter(unet, width=32), folder / subfolder / name.replace("-face", ""))
        torch.manual_seed(0)


def _plus_adapter(unet: UNet2DConditionModel, width: int) -> dict[str, torch.Tensor]:
    """The tensors of a "plus" adapter in the names of the original repository. Four resampler layers are expected."""
    channels: int = unet.config.cross_attention_dim
    inner = 2 * 64  # diffusers infers the heads from this and a head width of 64

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape) * 0.1

    tensors = {
        "image_proj.latents": torch.randn(1, 4, width),
        "image_proj.proj_in.weight": random(width, width),
        "image_proj.proj_in.bias": torch.zeros(width),
        "image_proj.proj_out.weight": random(channels, width),
        "image_proj.proj_out.bias": torch.zeros(channels),
        "image_proj.norm_out.weight": torch.ones(channels),
        "image_proj.norm_out.bias": torch.zeros(channels),
    }
    for layer in range(4):
        prefix = f"image_proj.layers.{layer}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            tensors[f"{prefix}.{norm}.weight"] = torch.ones(width)
            tensors[f"{prefix}.{norm}.bias"] = torch.zeros(width)
        tensors[f"{prefix}.0.to_q.weight"] = random(inner, width)
        tensors[f"{prefix}.0.to_kv.weight"] = random(2 * inner, width)
        tensors[f"{prefix}.0.to_out.weight"] = random(width, inner)
        tensors[f"{prefix}.1.1.weight"] = random(4 * width, width)
        tensors[f"{prefix}.1.3.weight"] = random(width, 4 * width)
    blocks = unet.config.block_out_channels
    key = 1
    for name in unet.attn_processors:
        if name.endswith("attn1.processor"):
            continue
        if name.startswith("mid_block"):
            hidden = blocks[-1]
        else:
            order = blocks if name.startswith("down_blocks") else blocks[::-1]
            hidden = order[int(name.split(".")[1])]
        for matrix in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{key}.{matrix}.weight"] = torch.randn(hidden, channels)
        key += 2
    return tensors


def build_depth(folder: Path) -> None:
    """Depth Anything with one real backbone layer a stage."""
    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    DPTImageProcessor(size={"height": 56, "width": 56}, ensure_multiple_of=14, keep_aspect_ratio=True).save_pretrained(
        folder
    )


def build_safety_checker(root: Path) -> Component:
    """The picture checker at toy size, as in the SD1.5 repository: safety_checker/ (fp16 file), feature_extractor/."""
    torch.manual_seed(0)
    tower = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config=tower,
        vision_config={**tower, "image_size": 32, "patch_size": 8, "projection_dim": 16},
        projection_dim=16,
    )
    model = StableDiffusionSafetyChecker(config)
    for weight in [*model.vision_model.parameters(), *model.visual_projection.parameters()]:
        if weight.dim() > 1:  # as initialised, every picture has nearly one embedding
            torch.nn.init.normal_(weight, std=0.3)
    torch.nn.init.normal_(model.concept_embeds)
    torch.nn.init.normal_(model.special_care_embeds)
    for thresholds in (model.concept_embeds_weights, model.special_care_embeds_weights):
        torch.nn.init.constant_(thresholds, 1.1)  # a cosine is never so large: nothing is refused
    model.save_pretrained(root / "safety_checker", variant="fp16")
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(
        root / "feature_extractor"
    )
    source = SAFETY_CHECKER.source.model_copy(update={"repo_id": None, "path": str(root)})
    return Component(SAFETY_CHECKER.name, source, SAFETY_CHECKER.parts)


def checker(root: Path, *, refuses: bool) -> HubChecker:
    """A picture checker with weights of its own below `root`, which refuses every picture or none."""
    component = build_safety_checker(root)
    path = root / "safety_checker" / "model.fp16.safetensors"
    tensors = load_file(path)
    tensors["concept_embeds_weights"] = torch.full_like(tensors["concept_embeds_weights"], -1.1 if refuses else 1.1)
    save_file(tensors, path, metadata={"format": "pt"})
    return HubChecker(component)
