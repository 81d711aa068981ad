"""Sizes and lengths of a run: `toy` for the tests, `cpu` for a laptop's hour, `gpu` for half an hour of a large GPU.

Channels are counted so that a 512 px portrait takes seconds on two processor cores, and the whole folder stays under
90 MB in float16.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelConfig:
    """Shapes of the networks. Names are those of diffusers and transformers."""

    latent_channels: int = 32
    patch_size: int = 4
    block_out_channels: tuple[int, ...] = (64, 96, 160, 224)
    layers_per_block: int = 1
    norm_num_groups: int = 16
    cross_attention_dim: int = 128
    attention_head_dim: int = 8
    conditioning_embedding_out_channels: tuple[int, ...] = (16, 32, 64)
    text_layers: int = 2
    text_heads: int = 4
    sample_size: int = 512


@dataclass(frozen=True)
class StageConfig:
    """One optimisation.

    Attributes:
        steps: Optimiser steps in all.
        batch_size: Pictures a step.
        crop: Side of the square crops in pixels.
        learning_rate: Peak; warmed up over `warmup` steps, then cosine to a twentieth.
        large_crop: Side of the crops in the last `large_share` of the steps, with the batch made smaller to match.
    """

    steps: int
    batch_size: int
    crop: int
    learning_rate: float
    warmup: int = 50
    large_crop: int = 0
    large_share: float = 0.0


@dataclass(frozen=True)
class TrainConfig:
    """A whole run.

    Attributes:
        ema_decay: Of the averaged weights, which are the ones that are exported.
        control_dropout: Share of the examples that do without a control, for each control. Without the line drawing
            the answer is an underpainting; without the photo it must make do with the start.
        word_dropout: Share of the words that are left out of a prompt.
        self_start: Share of the steps that start from the network's own noised prediction, as sampling does.
        adversarial: Weight of the critic, 0 for none.
        adversarial_from: Share of the steps after which the critic speaks; colours and shapes come first.
        amp: bfloat16 on a GPU.
        threads: Processor threads for torch.
        checkpoint_seconds: Time between checkpoints.
        sheet_seconds: Time between sample sheets.
        minutes: Training stops after this time, to be resumed later; 0 for no limit.
        seed: Every choice follows from it and the step's number, so that a resumed run equals an uninterrupted one.
    """

    name: str
    model: ModelConfig = field(default_factory=ModelConfig)
    diffusion: StageConfig = field(default_factory=lambda: StageConfig(6000, 6, 112, 8e-4))
    ema_decay: float = 0.998
    control_dropout: float = 0.12
    word_dropout: float = 0.1
    self_start: float = 0.1
    adversarial: float = 0.0
    adversarial_from: float = 0.6
    amp: bool = False
    threads: int = 2
    checkpoint_seconds: float = 120.0
    sheet_seconds: float = 600.0
    minutes: float = 0.0
    seed: int = 0


PRESETS: dict[str, TrainConfig] = {
    "toy": TrainConfig(
        "toy",
        model=ModelConfig(
            latent_channels=12,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            cross_attention_dim=16,
            attention_head_dim=4,
            conditioning_embedding_out_channels=(4, 8, 8),
            text_layers=1,
            text_heads=2,
            sample_size=64,
        ),
        diffusion=StageConfig(30, 4, 32, 3e-3, warmup=3),
        ema_decay=0.9,
        self_start=0.3,
        adversarial=0.05,
        threads=1,
    ),
    "cpu": TrainConfig(
        "cpu",
        diffusion=StageConfig(4000, 8, 112, 8e-4, warmup=100, large_crop=224, large_share=0.3),
        adversarial=0.02,
    ),
    "gpu": TrainConfig(
        "gpu",
        model=ModelConfig(block_out_channels=(64, 112, 192, 256)),
        diffusion=StageConfig(20_000, 96, 128, 1e-3, warmup=500, large_crop=256, large_share=0.35),
        ema_decay=0.9995,
        self_start=0.3,
        adversarial=0.05,
        amp=True,
        threads=8,
        checkpoint_seconds=180.0,
        sheet_seconds=300.0,
    ),
}
