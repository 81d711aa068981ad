"""Stage two: UNet, ControlNet and text encoder together, on stylised portraits.

The input is a stylised picture, noised, with the person's line drawing and the style's words; the answer its finished
latents (x0, `prediction_type="sample"`: Salimans and Ho 2022, arXiv:2202.00512), so that a few steps of LCMScheduler
work without distillation. Image-to-image begins with the preview engine's picture, which is what the network knows.

Where the drawing is held back, the answer is a loose underpainting without lines: the UNet lays in colour, and the
lines are the ControlNet's work, so that its conditioning scale is a dial from loose to exact.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from diffusers import AutoencoderTiny
from transformers import CLIPTokenizer

from training.autoencoder import latent_deviations, picture_loss, to_unit
from training.config import TrainConfig
from training.critic import Critic
from training.loop import Batch, Stage
from training.models import Networks, build_scheduler, tokenize
from training.pack import Pack, Pair
from training.sheets import draw_sheet

_LAST_TIMESTEP = 950  # the studio never asks for more than strength 0.95
_SCALES = (0.5, 1.25)  # conditioning scales at which the answer is the finished picture
_LOOSE = 4  # latents across that an underpainting melts into one
_FACE_SHARE = 0.5  # of the cuts, those that hold the face; photos are prepared with it in one place
_FACE_AT = (0.42, 0.5)  # of the photo, from its top and left
_FACE_SPREAD = 0.1


def train_diffusion(
    pack: Pack,
    autoencoder: AutoencoderTiny,
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
    trainer = _Denoising(stage, autoencoder.to(stage.device).eval().requires_grad_(False), critic, pack, config)

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
        self.by_style: dict[str, list[Pair]] = {}
        for pair in pack.pairs:
            self.by_style.setdefault(pair.style, []).append(pair)
        self.styles = sorted(self.by_style)
        self.natural = frozenset(pack.natural)
        self._tokens: dict[tuple[str, str], np.ndarray] = {}
        for key in sorted({(pair.style, pair.scene) for pair in pack.pairs}):
            self._tokens[key] = tokenize(tokenizer, [pack.prompt(*key)])[0].numpy()

    def draw(self, crop: int, count: int, numbers: np.random.Generator) -> Batch:
        """One batch on the CPU: target (N, H, W, 3), lineart (N, H, W), token ids, natural, style number."""
        target = np.empty((count, crop, crop, 3), np.uint8)
        lineart = np.empty((count, crop, crop), np.uint8)
        token_ids: list[np.ndarray] = []
        styles: list[int] = []
        natural: list[bool] = []
        order = numbers.permutation(len(self.styles))
        for index in range(count):
            styles.append(int(order[index % len(order)]))
            style = self.styles[styles[-1]]
            pairs = self.by_style[style]
            pair = pairs[numbers.integers(len(pairs))]
            target[index], lineart[index] = self._cut(pair, crop, numbers)
            token_ids.append(self._words(pair, numbers))
            natural.append(style in self.natural)
        return {
            "target": torch.from_numpy(target),
            "lineart": torch.from_numpy(lineart),
            "token_ids": torch.from_numpy(np.stack(token_ids)),
            "natural": torch.tensor(natural),
            "style": torch.tensor(styles),
        }

    def _cut(self, pair: Pair, crop: int, numbers: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        target = self.pack.pictures[pair.target]
        top, left = self._corner(pair, target.shape[:2], crop, numbers)
        here = np.s_[top : top + crop, left : left + crop]
        there = np.s_[pair.top + top : pair.top + top + crop, pair.left + left : pair.left + left + crop]
        lineart = self.pack.lineart[pair.person]
        if numbers.random() < 0.5:
            return target[here], lineart[there]
        return target[here][:, ::-1], lineart[there][:, ::-1]

    def _corner(self, pair: Pair, size: tuple[int, ...], crop: int, numbers: np.random.Generator) -> tuple[int, int]:
        """Top and left of a cut within the target: every other one about the face, where a mistake shows most."""
        last = [side - crop for side in size]
        if numbers.random() >= _FACE_SHARE:
            return int(numbers.integers(0, last[0] + 1)), int(numbers.integers(0, last[1] + 1))
        whole = self.pack.photos[pair.person].shape
        about = (np.array(_FACE_AT) + numbers.normal(0, _FACE_SPREAD, 2)) * whole[:2] - crop / 2
        top, left = np.clip(np.round(about - (pair.top, pair.left)), 0, last)
        return int(top), int(left)

    def _words(self, pair: Pair, numbers: np.random.Generator) -> np.ndarray:
        """(77,) token ids with some words left out, so that no single one carries a style."""
        whole = self._tokens[pair.style, pair.scene]
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
        self,
        stage: Stage[Networks],
        autoencoder: AutoencoderTiny,
        critic: Critic | None,
        pack: Pack,
        config: TrainConfig,
    ) -> None:
        self.stage, self.autoencoder, self.critic, self.config = stage, autoencoder, critic, config
        # Detail lives in channels of small variance; without a weight it would be learnt last.
        deviations = latent_deviations(autoencoder, list(pack.pictures.values()))
        self.weights = (deviations.rsqrt() / deviations.rsqrt().mean())[None, :, None, None]
        self.alphas = build_scheduler().alphas_cumprod.to(stage.device)

    def loss(self, batch: Batch, noise: torch.Generator, numbers: np.random.Generator) -> torch.Tensor:
        """Distance between the predicted and the true stylised latents."""
        device = self.stage.device
        target = _recolour(to_unit(batch["target"]), batch["natural"], noise)
        control = batch["lineart"][:, None].expand(-1, 3, -1, -1).float().div(255.0)
        factor = self.autoencoder.config.scaling_factor
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            target_latents = self.autoencoder.encode(target).latents * factor
        count = len(target)
        timesteps = (_uniform(count, noise, device) * _LAST_TIMESTEP).long()
        low, high = _SCALES
        drawn = _uniform(count, noise, device) >= self.config.control_dropout
        scales = drawn * (low + (high - low) * _uniform(count, noise, device))
        answer = torch.where(drawn[:, None, None, None], target_latents, _smear(target_latents, _LOOSE))
        # The later of a few steps see an answer that is not quite sharp.
        blur = (_uniform(count, noise, device) * 1.4 - 0.7).clamp_min(0)[:, None, None, None]
        origin = torch.lerp(target_latents, _smear(target_latents, 2), blur)
        if numbers.random() < self.config.self_start:
            origin, timesteps = self._own_answer(origin, timesteps, batch["token_ids"], control, scales, noise)
        noisy = self._add_noise(origin, timesteps, noise)
        predicted = self.stage.network(noisy, timesteps, batch["token_ids"], control, scales)
        loss = _latent_loss(predicted, answer, self.weights)
        if self.config.pixel_loss > 0:
            decoded = self.autoencoder.decode(predicted / factor).sample
            wanted = self.autoencoder.decode(answer / factor).sample
            loss = loss + self.config.pixel_loss * picture_loss(decoded, wanted)
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
        control: torch.Tensor,
        scales: torch.Tensor,
        noise: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the network makes of this input, and a lower noise level to correct it from."""
        noisy = self._add_noise(origin, timesteps, noise)
        answer = self.stage.network(noisy, timesteps, token_ids, control, scales).float()
        share = 0.15 + 0.7 * _uniform(len(answer), noise, answer.device)
        return answer, (timesteps * share).long()

    def _add_noise(self, latents: torch.Tensor, timesteps: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
        alpha = self.alphas[timesteps][:, None, None, None]
        drawn = torch.randn(latents.shape, generator=noise, device=latents.device)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * drawn


def _latent_loss(predicted: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Absolute difference at three scales: the coarse ones teach colour early."""
    predicted, target = predicted.float(), target.float()
    loss = F.l1_loss(predicted * weights, target * weights)
    for factor in (4, 8):
        loss = loss + 0.5 * F.l1_loss(F.avg_pool2d(predicted, factor), F.avg_pool2d(target, factor))
    return loss


def _smear(latents: torch.Tensor, factor: int) -> torch.Tensor:
    """Latents without the detail that is finer than `factor` of them."""
    return F.interpolate(F.avg_pool2d(latents, factor), scale_factor=factor, mode="bilinear")


def _recolour(target: torch.Tensor, natural: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    """Change the light, and with it skin tones both ways, where a style keeps natural colour.

    Other styles have palettes of their own that must come out as they are.
    """
    count, device = len(target), target.device
    gamma = torch.exp((_uniform(count, noise, device) - 0.5) * 0.9)[:, None, None, None]
    balance = torch.exp((torch.rand((count, 3, 1, 1), generator=noise, device=device) - 0.5) * 0.2)
    saturation = 0.6 + 0.7 * _uniform(count, noise, device)[:, None, None, None]
    unit = target.add(1).div(2).clamp(1e-4, 1)
    unit = (unit**gamma * balance).clamp(0, 1)
    grey = unit.mean(dim=1, keepdim=True)
    changed = torch.lerp(grey.expand_as(unit), unit, saturation).clamp(0, 1).mul(2).sub(1)
    return torch.where(natural[:, None, None, None], changed, target)


def _uniform(count: int, noise: torch.Generator, device: torch.device) -> torch.Tensor:
    return torch.rand(count, generator=noise, device=device)
