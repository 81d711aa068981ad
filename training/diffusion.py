"""Stage two: UNet, ControlNet and text encoder together, as a bridge from the photo to the stylised portrait.

Image-to-image sampling begins with the noised *photo*, so that is what most training inputs are: photo latents noised
to some level, with the line drawing and the style's words, and the stylised latents as the answer. The others begin
with the noised target, sometimes blurred, or with the network's own noised answer: what the later of the few sampling
steps see. The network answers with finished latents (x0, `prediction_type="sample"`), so four steps of LCMScheduler
work without distillation. (x0 prediction: Salimans and Ho 2022, arXiv:2202.00512; starting between two pictures:
I2SB, Liu et al. 2023, arXiv:2302.05872.)
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

_LEAST_START = 250  # img2img never starts below this timestep (strength 0.25)
_PLAIN_START = 0.2  # in a scene, the share that starts from the bare photo, so that words alone can bring a setting


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
    critic = Critic(len(batches.styles)).to(stage.device) if config.adversarial > 0 else None
    stage.companion = critic
    stage.resume()
    trainer = _Bridge(stage, autoencoder.to(stage.device).eval().requires_grad_(False), critic, pack, config)

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
        """One batch on the CPU: start and target (N, H, W, 3), lineart (N, H, W), token ids, natural, style number."""
        start = np.empty((count, crop, crop, 3), np.uint8)
        target = np.empty_like(start)
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
            start[index], target[index], lineart[index] = self._cut(pair, crop, numbers)
            token_ids.append(self._words(pair, numbers))
            natural.append(style in self.natural)
        return {
            "start": torch.from_numpy(start),
            "target": torch.from_numpy(target),
            "lineart": torch.from_numpy(lineart),
            "token_ids": torch.from_numpy(np.stack(token_ids)),
            "natural": torch.tensor(natural),
            "style": torch.tensor(styles),
        }

    def _cut(self, pair: Pair, crop: int, numbers: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target = self.pack.pictures[pair.target]
        top, left = (int(numbers.integers(0, size - crop + 1)) for size in target.shape[:2])
        here = np.s_[top : top + crop, left : left + crop]
        there = np.s_[pair.top + top : pair.top + top + crop, pair.left + left : pair.left + left + crop]
        plain = not pair.start or numbers.random() < _PLAIN_START
        start = self.pack.photos[pair.person][there] if plain else self.pack.pictures[pair.start][here]
        pieces = (start, target[here], self.pack.lineart[pair.person][there])
        if numbers.random() < 0.5:
            return pieces
        mirrored = tuple(piece[:, ::-1] for piece in pieces)
        return mirrored[0], mirrored[1], mirrored[2]

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


class _Bridge:
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
        start, target = _recolour(to_unit(batch["start"]), to_unit(batch["target"]), batch["natural"], noise)
        control = batch["lineart"][:, None].expand(-1, 3, -1, -1).float().div(255.0)
        factor = self.autoencoder.config.scaling_factor
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            target_latents = self.autoencoder.encode(target).latents * factor
            photo_latents = self.autoencoder.encode(start).latents * factor
        count = len(target)
        from_photo = _uniform(count, noise, device) < self.config.photo_start
        lowest = torch.where(from_photo, _LEAST_START, 0)
        timesteps = (lowest + _uniform(count, noise, device) * (1000 - lowest)).long()
        kept = (_uniform(count, noise, device) >= self.config.control_dropout).float()
        blur = _uniform(count, noise, device)[:, None, None, None] * 0.7
        smeared = torch.lerp(target_latents, _smear(target_latents), blur)
        origin = torch.where(from_photo[:, None, None, None], photo_latents, smeared)
        if numbers.random() < self.config.self_start:
            origin, timesteps = self._own_answer(origin, timesteps, batch["token_ids"], control, kept, noise)
        noisy = self._add_noise(origin, timesteps, noise)
        predicted = self.stage.network(noisy, timesteps, batch["token_ids"], control, kept)
        loss = _latent_loss(predicted, target_latents, self.weights)
        if self.config.pixel_loss > 0:
            decoded = self.autoencoder.decode(predicted / factor).sample
            loss = loss + self.config.pixel_loss * picture_loss(decoded, target)
            if self.critic is not None and self.stage.step >= self.config.adversarial_from * self.stage.plan.steps:
                self.critic.learn(target, decoded, batch["style"])
                loss = loss + self.config.adversarial * self.critic.judge(decoded, batch["style"])
        return loss

    @torch.no_grad()
    def _own_answer(
        self,
        origin: torch.Tensor,
        timesteps: torch.Tensor,
        token_ids: torch.Tensor,
        control: torch.Tensor,
        kept: torch.Tensor,
        noise: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the network makes of this input, and a lower noise level to correct it from."""
        noisy = self._add_noise(origin, timesteps, noise)
        answer = self.stage.network(noisy, timesteps, token_ids, control, kept).float()
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


def _smear(latents: torch.Tensor) -> torch.Tensor:
    """Latents without their finest detail, as an early answer lacks it."""
    return F.interpolate(F.avg_pool2d(latents, 2), scale_factor=2, mode="bilinear")


def _recolour(
    start: torch.Tensor, target: torch.Tensor, natural: torch.Tensor, noise: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change the light, and with it skin tones both ways.

    Photo and target change together where a style keeps natural colour. Elsewhere only the photo's colourfulness and
    white balance change: the style's own palette must come out all the same.
    """
    count, device = len(start), start.device
    gamma = torch.exp((_uniform(count, noise, device) - 0.5) * 0.9)[:, None, None, None]
    balance = torch.exp((torch.rand((count, 3, 1, 1), generator=noise, device=device) - 0.5) * 0.2)
    saturation = 0.6 + 0.7 * _uniform(count, noise, device)[:, None, None, None]

    def change(pixels: torch.Tensor, bend: torch.Tensor) -> torch.Tensor:
        unit = pixels.add(1).div(2).clamp(1e-4, 1)
        unit = (unit**bend * balance).clamp(0, 1)
        grey = unit.mean(dim=1, keepdim=True)
        return torch.lerp(grey.expand_as(unit), unit, saturation).clamp(0, 1).mul(2).sub(1)

    together = natural[:, None, None, None]
    recoloured = change(start, torch.where(together, gamma, torch.ones_like(gamma)))
    return recoloured, torch.where(together, change(target, gamma), target)


def _uniform(count: int, noise: torch.Generator, device: torch.device) -> torch.Tensor:
    return torch.rand(count, generator=noise, device=device)
