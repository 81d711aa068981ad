"""The training: UNet, ControlNets and text encoder together, on stylised portraits.

The input is the quick recipe's picture, noised, with the photo, its line drawing and the style's words; the answer are
the latents of the slow teacher's picture (x0, `prediction_type="sample"`: Salimans and Ho 2022, arXiv:2202.00512), so
that a few steps of LCMScheduler work without distillation. Steps after the first begin with the network's own answer,
so a part of the examples is noised from the target.

Where the drawing is held back, the answer is a loose underpainting without lines: its conditioning scale is a dial from
loose to exact. The start of styles with natural colour is recoloured a little and the photo is not, so that skin is
looked up in the photo.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from transformers import CLIPTokenizer

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.autoencoder import to_unit
from training.config import TrainConfig
from training.critic import Critic
from training.loop import Batch, Stage
from training.models import CONTROLS, Networks, build_scheduler, tokenize
from training.pack import Example, Pack
from training.sheets import draw_sheet

_LAST_TIMESTEP = 950  # the studio never asks for more than strength 0.95
_SCALES = (0.5, 1.25)  # conditioning scales at which the answer is the finished picture
_LOOSE = 3  # latents across that an underpainting melts into one
_FROM_START = 0.6  # share of the examples that begin as a portrait does; the others as its later steps
_FACE_SHARE = 0.5  # of the cuts, those that hold the face; photos are prepared with it in one place
_FACE_AT = (0.42, 0.5)  # of the picture, from its top and left
_FACE_SPREAD = 0.12


def train_diffusion(
    pack: Pack,
    autoencoder: PatchAutoencoder,
    tokenizer: CLIPTokenizer,
    config: TrainConfig,
    folder: Path,
    *,
    until: int | None = None,
) -> Stage[Networks]:
    """Train, or go on training, and return the stage; its `ema` is the Networks to export."""
    torch.manual_seed(config.seed)
    stage = Stage("diffusion", Networks(config.model, tokenizer), config, config.diffusion, folder)
    batches = Batches(pack, tokenizer, config)
    critic = (
        Critic(config.model.latent_channels, len(batches.styles)).to(stage.device) if config.adversarial > 0 else None
    )
    stage.companion = critic
    stage.resume()
    trainer = _Denoising(stage, autoencoder.to(stage.device).eval().requires_grad_(False), critic, config)

    def sheet(network: Networks, path: Path) -> None:
        draw_sheet(network, trainer.autoencoder, tokenizer, pack, path)

    def draw(step: int, numbers: np.random.Generator) -> Batch:
        return batches.draw(*stage.crop_and_batch(step), numbers)

    stage.run(draw, trainer.loss, sheet=sheet, until=until)
    return stage


class Batches:
    """Cuts, mirrors and words of training examples. Styles come equally often."""

    def __init__(self, pack: Pack, tokenizer: CLIPTokenizer, config: TrainConfig) -> None:
        self.pack, self.tokenizer, self.config = pack, tokenizer, config
        self.by_style: dict[str, list[Example]] = {}
        for example in pack.examples:
            self.by_style.setdefault(example.style, []).append(example)
        self.styles = sorted(self.by_style)
        self.natural = frozenset(pack.natural)
        self._tokens: dict[tuple[str, str], np.ndarray] = {}
        for key in sorted({(example.style, example.scene) for example in pack.examples}):
            self._tokens[key] = tokenize(tokenizer, [pack.prompt(*key)])[0].numpy()

    def draw(self, crop: int, count: int, numbers: np.random.Generator) -> Batch:
        """One batch on the CPU: start, target, tile (N, H, W, 3), lineart (N, H, W), token ids, natural, style."""
        pictures: dict[str, list[np.ndarray]] = {"start": [], "target": [], "tile": [], "lineart": []}
        token_ids: list[np.ndarray] = []
        styles: list[int] = []
        natural: list[bool] = []
        order = numbers.permutation(len(self.styles))
        for index in range(count):
            styles.append(int(order[index % len(order)]))
            style = self.styles[styles[-1]]
            examples = self.by_style[style]
            example = examples[numbers.integers(len(examples))]
            for name, cut in self._cut(example, crop, numbers).items():
                pictures[name].append(cut)
            token_ids.append(self._words(example, numbers))
            natural.append(style in self.natural)
        batch = {name: torch.from_numpy(np.stack(cuts)) for name, cuts in pictures.items()}
        return batch | {
            "token_ids": torch.from_numpy(np.stack(token_ids)),
            "natural": torch.tensor(natural),
            "style": torch.tensor(styles),
        }

    def _cut(self, example: Example, crop: int, numbers: np.random.Generator) -> dict[str, np.ndarray]:
        """The same place of all pictures of an example; every other one about the face, where a mistake shows most."""
        pack, name = self.pack, example.name
        whole = {
            "start": pack.starts[name],
            "target": pack.targets[name],
            "tile": pack.tiles[name],
            "lineart": pack.lineart[name],
        }
        last = np.array(whole["target"].shape[:2]) - crop
        top, left = (int(numbers.integers(0, most + 1)) for most in last)
        if numbers.random() < _FACE_SHARE:
            about = (np.array(_FACE_AT) + numbers.normal(0, _FACE_SPREAD, 2)) * (last + crop) - crop / 2
            top, left = (int(value) for value in np.clip(np.round(about), 0, last))
        flip = -1 if numbers.random() < 0.5 else 1
        return {key: picture[top : top + crop, left : left + crop][:, ::flip] for key, picture in whole.items()}

    def _words(self, example: Example, numbers: np.random.Generator) -> np.ndarray:
        """(77,) token ids with some words left out, so that no single one carries a style."""
        whole = self._tokens[example.style, example.scene]
        end = self.tokenizer.eos_token_id
        words = whole[1 : int(np.argmax(whole == end))]
        kept = words[numbers.random(len(words)) >= self.config.word_dropout]
        dropped = np.full_like(whole, self.tokenizer.pad_token_id)
        dropped[0] = whole[0]
        dropped[1 : 1 + len(kept)] = kept
        dropped[1 + len(kept)] = end
        return dropped


class _Denoising:
    """The loss of one step."""

    def __init__(
        self, stage: Stage[Networks], autoencoder: PatchAutoencoder, critic: Critic | None, config: TrainConfig
    ) -> None:
        self.stage, self.autoencoder, self.critic, self.config = stage, autoencoder, critic, config
        # Whitened, every component would count the same; eyes see the coarse ones more.
        weights = autoencoder.deviations.sqrt()
        self.weights = (weights / weights.mean())[None, :, None, None]
        self.alphas = build_scheduler().alphas_cumprod.to(stage.device)

    def loss(self, batch: Batch, noise: torch.Generator, numbers: np.random.Generator) -> torch.Tensor:
        """Distance between the predicted and the teacher's latents."""
        device, count = self.stage.device, len(batch["target"])
        start = _recolour(to_unit(batch["start"]), batch["natural"], noise)
        controls = {
            "tile": to_unit(batch["tile"]).add(1).div(2),
            "lineart": batch["lineart"][:, None].expand(-1, 3, -1, -1).float().div(255.0),
        }
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            target, begin = (self.autoencoder.encode(pixels).latents for pixels in (to_unit(batch["target"]), start))
        timesteps = (_uniform(count, noise, device) * _LAST_TIMESTEP).long()
        low, high = _SCALES
        on = {name: _uniform(count, noise, device) >= self.config.control_dropout for name in CONTROLS}
        scales = {name: there * (low + (high - low) * _uniform(count, noise, device)) for name, there in on.items()}
        answer = torch.where(on["lineart"][:, None, None, None], target, _smear(target, _LOOSE))
        first = (_uniform(count, noise, device) < _FROM_START)[:, None, None, None]
        origin = torch.where(first, begin, target)
        if numbers.random() < self.config.self_start:
            origin, timesteps = self._own_answer(begin, timesteps, batch["token_ids"], controls, scales, noise)
        noisy = self._add_noise(origin, timesteps, noise)
        predicted = self.stage.network(noisy, timesteps, batch["token_ids"], controls, scales)
        loss = _latent_loss(predicted, answer, self.weights)
        if self.critic is not None and self.stage.step >= self.config.adversarial_from * self.stage.plan.steps:
            made, real = predicted.float() * self.weights, answer * self.weights
            self.critic.learn(real, made, batch["style"])
            loss = loss + self.config.adversarial * self.critic.judge(made, batch["style"])
        return loss

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
        """What the network makes of this input, and a lower noise level to correct it from."""
        noisy = self._add_noise(origin, timesteps, noise)
        answer = self.stage.network(noisy, timesteps, token_ids, controls, scales).float()
        share = 0.15 + 0.7 * _uniform(len(answer), noise, answer.device)
        return answer, (timesteps * share).long()

    def _add_noise(self, latents: torch.Tensor, timesteps: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
        alpha = self.alphas[timesteps][:, None, None, None]
        drawn = torch.randn(latents.shape, generator=noise, device=latents.device)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * drawn


def _latent_loss(predicted: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Absolute difference at three scales: the coarse ones teach colour early."""
    predicted, target = predicted.float() * weights, target.float() * weights
    loss = F.l1_loss(predicted, target)
    for factor in (4, 8):
        loss = loss + 0.5 * F.l1_loss(F.avg_pool2d(predicted, factor), F.avg_pool2d(target, factor))
    return loss


def _smear(latents: torch.Tensor, factor: int) -> torch.Tensor:
    """Latents without the detail that is finer than `factor` of them, and without that inside a patch."""
    coarse = F.avg_pool2d(latents, factor, stride=1, padding=factor // 2, count_include_pad=False)
    return torch.cat([coarse[:, :4], 0.3 * coarse[:, 4:]], dim=1)


def _recolour(start: torch.Tensor, natural: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    """Change the light and skin tones of the start, both ways, where a style keeps natural colour.

    Other styles have palettes of their own that must come out as they are.
    """
    count, device = len(start), start.device
    gamma = torch.exp((_uniform(count, noise, device) - 0.5) * 0.4)[:, None, None, None]
    balance = torch.exp((torch.rand((count, 3, 1, 1), generator=noise, device=device) - 0.5) * 0.12)
    unit = start.add(1).div(2).clamp(1e-4, 1)
    changed = (unit**gamma * balance).clamp(0, 1).mul(2).sub(1)
    return torch.where(natural[:, None, None, None], changed, start)


def _uniform(count: int, noise: torch.Generator, device: torch.device) -> torch.Tensor:
    return torch.rand(count, generator=noise, device=device)
