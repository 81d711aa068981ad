"""The networks that learn, all plain diffusers and transformers classes.

The style's words steer every residual block: `addition_embed_type="text"` pools the prompt into the time embedding,
and `resnet_time_scale_shift="scale_shift"` turns it into a gain and a shift for each channel. Attention is kept to the
smallest grid, where it is nearly free, so that what patches teach holds for whole pictures.
"""

from __future__ import annotations

import torch
from diffusers import ControlNetModel, LCMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.config import ModelConfig

CONTROLS = ("tile", "lineart")  # the photo in colour, and its line drawing; the order of the pipeline's ControlNets


class Networks(nn.Module):
    """What is trained, together."""

    def __init__(self, config: ModelConfig, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.unet = build_unet(config)
        self.controlnets = nn.ModuleDict({name: build_controlnet(config) for name in CONTROLS})
        self.text_encoder = build_text_encoder(config, tokenizer)

    def forward(
        self,
        noisy: torch.Tensor,
        timesteps: torch.Tensor,
        token_ids: torch.Tensor,
        controls: dict[str, torch.Tensor],
        conditioning_scale: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """Predict the finished latents.

        Args:
            noisy: (N, C, h, w) noised latents.
            timesteps: (N,) int64.
            token_ids: (N, 77) int64 prompts.
            controls: By name, (N, 3, H, W) pictures in 0..1.
            conditioning_scale: By name, (N,) weights of the ControlNets, 0 to drop one.
        """
        states = self.text_encoder(token_ids)[0]
        residuals: list[torch.Tensor] = []
        for name, network in self.controlnets.items():
            down, middle = network(noisy, timesteps, states, controls[name], return_dict=False)
            scale = conditioning_scale[name][:, None, None, None].to(middle.dtype)
            scaled = [residual * scale for residual in (*down, middle)]
            residuals = [one + other for one, other in zip(residuals, scaled, strict=True)] if residuals else scaled
        return self.unet(
            noisy,
            timesteps,
            states,
            down_block_additional_residuals=residuals[:-1],
            mid_block_additional_residual=residuals[-1],
            return_dict=False,
        )[0]


def build_unet(config: ModelConfig) -> UNet2DConditionModel:
    """UNet without attention but in its middle."""
    levels = len(config.block_out_channels)
    return UNet2DConditionModel(
        sample_size=config.sample_size // config.patch_size,
        in_channels=config.latent_channels,
        out_channels=config.latent_channels,
        down_block_types=("DownBlock2D",) * levels,
        up_block_types=("UpBlock2D",) * levels,
        **_shared(config),
    )


def build_controlnet(config: ModelConfig) -> ControlNetModel:
    """The UNet's encoder over again, reading a picture. Trained from the start, so nothing begins at zero."""
    network = ControlNetModel(
        in_channels=config.latent_channels,
        down_block_types=("DownBlock2D",) * len(config.block_out_channels),
        conditioning_embedding_out_channels=config.conditioning_embedding_out_channels,
        **_shared(config),
    )
    for layer in (
        network.controlnet_cond_embedding.conv_out,
        network.controlnet_mid_block,
        *network.controlnet_down_blocks,
    ):
        nn.init.kaiming_uniform_(layer.weight, a=5**0.5)
    return network


def _shared(config: ModelConfig) -> dict[str, object]:
    return {
        "block_out_channels": config.block_out_channels,
        "layers_per_block": config.layers_per_block,
        "norm_num_groups": config.norm_num_groups,
        "cross_attention_dim": config.cross_attention_dim,
        "attention_head_dim": config.attention_head_dim,
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "resnet_time_scale_shift": "scale_shift",
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": config.text_heads,
    }


def build_text_encoder(config: ModelConfig, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """A two-layer CLIP text model over the project's own words."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.cross_attention_dim,
            intermediate_size=2 * config.cross_attention_dim,
            num_hidden_layers=config.text_layers,
            num_attention_heads=config.text_heads,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            initializer_factor=10.0,  # words must differ clearly from the first step on
        )
    )


def build_scheduler() -> LCMScheduler:
    """Few-step sampling. The UNet predicts the finished latents, so every step ends on a picture.

    The noise is mild, since latents have a deviation of 1 in every channel: strength 0.4, 0.6 and 0.8 add 0.45, 0.7
    and 1 times what the picture itself has, so that lines and faces can still be made out.
    """
    return LCMScheduler(
        beta_start=0.0001,
        beta_end=0.0019,
        beta_schedule="linear",
        prediction_type="sample",
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="leading",
    )


def tokenize(tokenizer: CLIPTokenizer, prompts: list[str]) -> torch.Tensor:
    """Token ids as the pipeline makes them: (N, 77) int64, padded and cut."""
    return tokenizer(
        prompts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids
