"""The training: UNet, ControlNets and text encoder together, on portraits that filters laid in.

The input is what the filters lay in, noised, with the photo, its line drawing and the style's words. The answer are
the latents of the finished picture (x0, `prediction_type="sample"`: Salimans and Ho 2022, arXiv:2202.00512), so that a
few steps of LCMScheduler work without distillation. Steps after the first begin with the network's own answer, so a
part of the examples is noised from that.

The finished picture is what was laid in, redrawn (training.redraw). Styles that are taught a brush are to have the
brushwork of a painting besides, with the shapes and the broad colour of what was redrawn. Both are judged on pictures,
which are the latents in another basis (patch_autoencoder), by the features of a picture network: a difference of
pixels alone would teach the mean of all strokes that there could be.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from transformers import CLIPTokenizer

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.batches import Batch, Batches
from training.config import TrainConfig
from training.loop import Stage
from training.models import CONTROLS, Networks, build_scheduler
from training.pack import Pack
from training.perceptual import Features, broad, detail, gram, relative
from training.redraw import Redraw
from training.sheets import draw_sheet

_LAST_TIMESTEP = 950  # the studio never asks for more than strength 0.95
_SCALES = (0.5, 1.25)  # conditioning scales that the studio asks for
_BROAD_COLOUR = 12  # pixels of 1024: colour that is wider must be that of what was laid in


def train_diffusion(
    pack: Pack,
    autoencoder: PatchAutoencoder,
    tokenizer: CLIPTokenizer,
    features: Features,
    redraw: Redraw,
    config: TrainConfig,
    folder: Path,
    *,
    until: int | None = None,
) -> Stage[Networks]:
    """Train, or go on training, and return the stage; its `ema` is the Networks to export."""
    torch.manual_seed(config.seed)
    stage = Stage("diffusion", Networks(config.model, tokenizer), config, config.diffusion, folder)
    stage.resume()
    batches = Batches(
        pack,
        tokenizer,
        redraw,
        enlarged=config.enlarged,
        word_dropout=config.word_dropout,
        painted_share=config.painted_share,
        device=stage.device,
    )
    trainer = _Denoising(stage, batches, autoencoder, features, config)

    def sheet(network: Networks, path: Path) -> None:
        draw_sheet(network, trainer.autoencoder, batches, path)

    def draw(step: int, numbers: np.random.Generator) -> Batch:
        return batches.draw(batches.kind(numbers), *stage.crop_and_batch(step), numbers)

    stage.run(draw, trainer.loss, sheet=sheet, until=until)
    return stage


class _Denoising:
    """The loss of one step."""

    def __init__(
        self,
        stage: Stage[Networks],
        batches: Batches,
        autoencoder: PatchAutoencoder,
        features: Features,
        config: TrainConfig,
    ) -> None:
        device = stage.device
        self.stage, self.config = stage, config
        self.autoencoder = autoencoder.to(device).eval().requires_grad_(False)
        self.features = features.to(device).to(memory_format=torch.channels_last)
        self.alphas = build_scheduler().alphas_cumprod.to(device)
        brushes = [teacher.brush for teacher in batches.teachers.values() if teacher.brush is not None]
        self.weights = {
            name: torch.tensor([getattr(brush, name) for brush in brushes], device=device)
            for name in ("weight", "content", "face")
        }
        self.brushwork: list[list[torch.Tensor]] = []  # by scale and layer, (styles, C, C)
        if brushes:
            self.brushwork = self._learn_brushes([batches.pack.paintings[style] for style in batches.painted])

    @torch.no_grad()
    def _learn_brushes(self, paintings: list[np.ndarray]) -> list[list[torch.Tensor]]:
        by_painting = []
        for painting in paintings:
            pixels = torch.from_numpy(painting).to(self.stage.device).permute(2, 0, 1)[None].float() / 255.0
            by_painting.append(self._statistics(pixels))
        return [
            [torch.cat([grams[scale][layer] for grams in by_painting]) for layer in range(len(by_painting[0][0]))]
            for scale in range(len(by_painting[0]))
        ]

    def _statistics(self, pictures: torch.Tensor) -> list[list[torch.Tensor]]:
        """Statistics of the detail at full and at half size, (N, C, C) by layer."""
        return [
            [gram(answer) for answer in self.features(detail(seen))] for seen in (pictures, F.avg_pool2d(pictures, 2))
        ]

    def loss(self, batch: Batch, noise: torch.Generator, numbers: np.random.Generator) -> torch.Tensor:
        """How far the answer is from what the style asks for."""
        device, count = self.stage.device, len(batch["starts"])
        start, tile, target = _recoloured(batch, noise)
        controls = {"tile": tile, "lineart": batch["lineart"].expand(-1, 3, -1, -1)}
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            begin = self.autoencoder.encode(start * 2 - 1).latents
        timesteps = (_uniform(count, noise, device) * _LAST_TIMESTEP).long()
        low, high = _SCALES
        scales = {
            name: (_uniform(count, noise, device) >= self.config.control_dropout)
            * (low + (high - low) * _uniform(count, noise, device))
            for name in CONTROLS
        }
        if numbers.random() < self.config.self_start:
            begin, timesteps = self._own_answer(begin, timesteps, batch["token_ids"], controls, scales, noise)
        noisy = self._add_noise(begin, timesteps, noise)
        latents = self.stage.network(noisy, timesteps, batch["token_ids"], controls, scales)
        with torch.autocast(device.type, enabled=False):
            made = (self.autoencoder.decode(latents.float()).sample + 1) / 2
        if "style" in batch:
            return self._as_painted(made, target, batch["faces"], batch["style"])
        return self._as_drawn(made, target, batch["faces"])

    def _as_painted(
        self, made: torch.Tensor, target: torch.Tensor, faces: torch.Tensor, style: torch.Tensor
    ) -> torch.Tensor:
        """The painter's brushwork, with the shapes and the broad colour of what was redrawn."""
        with torch.no_grad():
            wanted = self.features(target)[2:]
        weights = {name: values[style] for name, values in self.weights.items()}
        brush = torch.zeros(len(made), device=made.device)
        for scale, grams in enumerate(self._statistics(made)):
            for layer, statistics in enumerate(grams):
                brush = brush + self.config.layers[layer] * relative(statistics, self.brushwork[scale][layer][style])
        shapes = torch.zeros_like(brush)
        for found, right in zip(self.features(made)[2:], wanted, strict=True):
            here = 1 + weights["face"][:, None, None, None] * F.interpolate(faces, found.shape[-2:], mode="area")
            shapes = shapes + relative(found * here, right * here)
        colour = (broad(made, _BROAD_COLOUR) - broad(target, _BROAD_COLOUR)).abs().mean((1, 2, 3))
        exact = ((made - target).abs() * faces.square()).mean((1, 2, 3))
        whole = weights["weight"] * brush + weights["content"] * shapes
        return (whole + self.config.colour * (colour + exact)).mean()

    def _as_drawn(self, made: torch.Tensor, target: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """The target's features, their statistics, and its pixels."""
        with torch.no_grad():
            wanted = self.features(target)
        loss = torch.zeros(len(made), device=made.device)
        for layer, (found, right) in enumerate(zip(self.features(made), wanted, strict=True)):
            loss = loss + 2 * relative(found, right)
            loss = loss + self.config.layers[layer] * relative(gram(found), gram(right))
        pixels = ((made - target).abs() * (1 + faces)).mean((1, 2, 3))
        return (loss + self.config.colour * pixels).mean()

    @torch.no_grad()
    def _own_answer(
        self,
        origin: torch.Tensor,
        timesteps: torch.Tensor,
        token_ids: torch.Tensor,
        controls: dict[str, torch.Tensor],
        scales: dict[str, torch.Tensor],
        noise: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the network makes of this input, and a lower noise level to go on from."""
        noisy = self._add_noise(origin, timesteps, noise)
        answer = self.stage.network(noisy, timesteps, token_ids, controls, scales).float()
        share = 0.15 + 0.7 * _uniform(len(answer), noise, answer.device)
        return answer, (timesteps * share).long()

    def _add_noise(self, latents: torch.Tensor, timesteps: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
        alpha = self.alphas[timesteps][:, None, None, None]
        drawn = torch.randn(latents.shape, generator=noise, device=latents.device)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * drawn


def _recoloured(batch: Batch, noise: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Start, tile and target in another light and tint, all alike: sixty people are few, and skin is to be followed."""
    count, device = len(batch["starts"]), batch["starts"].device
    gamma = torch.exp((_uniform(count, noise, device) - 0.5) * 0.6)[:, None, None, None]
    balance = torch.exp((torch.rand((count, 3, 1, 1), generator=noise, device=device) - 0.5) * 0.16)
    start, tile, target = (
        (batch[name].clamp(1e-4, 1) ** gamma * balance).clamp(0, 1) for name in ("starts", "tiles", "targets")
    )
    return start, tile, target


def _uniform(count: int, noise: torch.Generator, device: torch.device) -> torch.Tensor:
    return torch.rand(count, generator=noise, device=device)
