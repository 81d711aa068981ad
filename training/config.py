"""Sizes and lengths of a run: `toy` for the tests, `cpu` for a laptop's hour, `gpu` for half an hour of a large GPU.

Channels are counted so that a 512 px portrait takes seconds on two processor cores, and the whole folder stays under
90 MB in float16.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelConfig:
    """Shapes of the networks. Names are those of diffusers and transformers."""

    latent_channels: int = 128
    patch_size: int = 8
    block_out_channels: tuple[int, ...] = (112, 176, 256)
    layers_per_block: int = 1
    norm_num_groups: int = 16
    cross_attention_dim: int = 128
    attention_head_dim: int = 8
    conditioning_embedding_out_channels: tuple[int, ...] = (16, 32, 64, 96)
    text_layers: int = 2
    text_heads: int = 4
    sample_size: int = 1024


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
        control_dropout: Share of the examples that do without a control, for each control.
        word_dropout: Share of the words that are left out of a prompt.
        self_start: Share of the steps that start from the network's own noised prediction, as sampling does.
        painted_share: Of the steps, those for styles that are taught a brush.
        layers: Weight of each layer's statistics, from fine to coarse.
        colour: Weight of differences of colour.
        enlarged: Size of what is diffused over that of the photographs.
        amp: bfloat16 on a GPU.
        threads: Processor threads for torch.
        checkpoint_seconds: Time between checkpoints.
        sheet_seconds: Time between sample sheets.
        minutes: Training stops after this time, to be resumed later; 0 for no limit.
        within: Minutes that the whole plan is to fit into: the learning rate falls by the clock; 0 for no such limit.
        seed: Every choice follows from it and the step's number, so that a resumed run equals an uninterrupted one.
    """

    name: str
    model: ModelConfig = field(default_factory=ModelConfig)
    diffusion: StageConfig = field(default_factory=lambda: StageConfig(4000, 4, 256, 6e-4))
    ema_decay: float = 0.998
    control_dropout: float = 0.12
    word_dropout: float = 0.1
    self_start: float = 0.1
    painted_share: float = 0.4
    layers: tuple[float, ...] = (0.2, 0.5, 1.0, 1.0)
    colour: float = 20.0
    enlarged: float = 4 / 3
    amp: bool = False
    threads: int = 2
    checkpoint_seconds: float = 120.0
    sheet_seconds: float = 600.0
    minutes: float = 0.0
    within: float = 0.0
    seed: int = 0


PRESETS: dict[str, TrainConfig] = {
    "toy": TrainConfig(
        "toy",
        model=ModelConfig(
            latent_channels=32,
            patch_size=4,
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
        enlarged=1.0,
        threads=1,
    ),
    "cpu": TrainConfig("cpu", diffusion=StageConfig(4000, 4, 256, 6e-4, warmup=100)),
    "gpu": TrainConfig(
        "gpu",
        diffusion=StageConfig(12_000, 24, 384, 8e-4, warmup=200),
        ema_decay=0.998,
        self_start=0.3,
        amp=True,
        threads=8,
        checkpoint_seconds=600.0,
        sheet_seconds=300.0,
    ),
}
