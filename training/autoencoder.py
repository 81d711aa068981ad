"""Stage one: an autoencoder for photographs, paintings and stylised portraits.

Its encoder is a closed form: the principal components of 4 x 4 pixel blocks, written into AutoencoderTiny's
convolutions. It is exact after one pass over the data, costs next to nothing, and lets diffusion be trained at once.
Only the decoder is learnt. No pretrained perceptual network is used (rights, size); latents at a quarter of the side
lose so little that a loss on pixels and on their differences at three scales is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from diffusers import AutoencoderTiny
from PIL import Image

from training.config import TrainConfig
from training.loop import Batch, Stage
from training.models import build_autoencoder
from training.pack import Pack

_WHITENING = 0.65  # 0 keeps the components' own variances, 1 makes all equal: detail must neither drown nor dominate
_DEVIATION = 1 / 3.5  # of the encoder's own latents: well inside the decoder's soft clamp at 3
# Diffusion sees latents of deviation 2: a quarter of the usual noise for the same strength, so that a small network
# still finds the face under it (input scaling: Chen 2023, arXiv:2301.10972).
_SCALING_FACTOR = 2.0 / _DEVIATION
_DECODER_NOISE = 0.03  # a little noise makes the decoder forgive what the UNet leaves imprecise


def train_autoencoder(
    pack: Pack, config: TrainConfig, folder: Path, *, until: int | None = None
) -> Stage[AutoencoderTiny]:
    """Fit the encoder, then train the decoder, or go on training it; the stage's `ema` is the autoencoder."""
    torch.manual_seed(config.seed)
    network = build_autoencoder(config.model)
    pictures = [*pack.photos.values(), *pack.pictures.values()]
    fit_encoder(network, pictures, seed=config.seed)
    network.encoder.requires_grad_(False)
    stage = Stage("autoencoder", network, config, config.autoencoder, folder)
    stage.resume()
    paintings = list(pack.paintings.values())

    def draw(step: int, numbers: np.random.Generator) -> Batch:
        crop, count = stage.crop_and_batch(step)
        batch = np.empty((count, crop, crop, 3), np.uint8)
        for index in range(count):
            pool = paintings if paintings and numbers.random() < 0.15 else pictures
            picture = pool[numbers.integers(len(pool))]
            top, left = (int(numbers.integers(0, size - crop + 1)) for size in picture.shape[:2])
            cut = picture[top : top + crop, left : left + crop]
            batch[index] = cut[:, ::-1] if numbers.random() < 0.5 else cut
        return {"pixels": torch.from_numpy(batch)}

    def loss_of(batch: Batch, noise: torch.Generator, _numbers: np.random.Generator) -> torch.Tensor:
        pixels = to_unit(batch["pixels"])
        with torch.no_grad(), torch.autocast(pixels.device.type, enabled=False):
            latents = stage.network.encode(pixels).latents
            latents += _DECODER_NOISE * torch.randn(latents.shape, generator=noise, device=latents.device)
        return picture_loss(stage.network.decode(latents).sample, pixels)

    stage.run(draw, loss_of, sheet=lambda network, path: _sheet(network, pictures, path), until=until)
    return stage


@torch.no_grad()
def fit_encoder(
    network: AutoencoderTiny, pictures: Sequence[np.ndarray], *, seed: int = 0, blocks: int = 40_000
) -> None:
    """Write the principal components of the pictures' 4 x 4 blocks into the encoder, and the scale into its config.

    The first convolution copies the colours, each strided one moves 2 x 2 pixels into channels, and the last of those
    projects on the components.

    Raises:
        ValueError: The encoder is not linear, or too narrow.
    """
    first, *strided, last = network.encoder.layers
    if len(strided) != 2 or not all(isinstance(layer, torch.nn.Conv2d) for layer in strided):
        raise ValueError("the encoder must have two strided convolutions and no blocks")
    components, mean = _components(pictures, network.config.latent_channels, seed, blocks)
    for layer in (first, *strided, last):
        layer.weight.zero_()
        if layer.bias is not None:
            layer.bias.zero_()
    for channel in range(3):
        first.weight[channel, channel, 1, 1] = 1.0
    for row in range(2):
        for column in range(2):
            for channel in range(3):
                strided[0].weight[(row * 2 + column) * 3 + channel, channel, row + 1, column + 1] = 1.0
            part = components[:, row * 2 + column].reshape(len(components), 12)
            strided[1].weight[: len(components), :12, row + 1, column + 1] = part
    for index in range(len(components)):
        last.weight[index, index, 1, 1] = 1.0
    last.bias.copy_(-components.flatten(1) @ mean)
    network.register_to_config(scaling_factor=_SCALING_FACTOR)


def _components(
    pictures: Sequence[np.ndarray], count: int, seed: int, blocks: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled components as (count, 4, 12), the four 2 x 2 quarters of a block and their pixels, and the mean (48,)."""
    numbers = np.random.default_rng(seed)
    drawn = np.empty((blocks, 4, 4, 3), np.float64)
    for index in range(blocks):
        picture = pictures[numbers.integers(len(pictures))]
        top, left = (int(numbers.integers(0, size - 3)) for size in picture.shape[:2])
        drawn[index] = picture[top : top + 4, left : left + 4] / 255.0
    quarters = drawn.reshape(blocks, 2, 2, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(blocks, 48)
    mean = quarters.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(quarters - mean, rowvar=False))
    variances, vectors = variances[::-1][:count], vectors[:, ::-1][:, :count]
    signs = np.sign(vectors.sum(axis=0))
    scales = np.where(signs == 0, 1.0, signs) * variances ** (-_WHITENING / 2)
    scales *= _DEVIATION / np.sqrt(np.mean(scales**2 * variances))
    components = (vectors * scales).T.reshape(count, 4, 12)
    return torch.tensor(components.copy(), dtype=torch.float32), torch.tensor(mean, dtype=torch.float32)


def to_unit(pixels: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) in -1..1, channels last."""
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


def picture_loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of pixels, and of neighbours' differences at three scales."""
    first, second = first.float(), second.float()
    loss = F.l1_loss(first, second)
    for _ in range(3):
        for axis in (2, 3):
            loss = loss + 0.5 * F.l1_loss(first.diff(dim=axis), second.diff(dim=axis))
        first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
    return loss


@torch.no_grad()
def latent_deviations(network: AutoencoderTiny, pictures: Sequence[np.ndarray], *, count: int = 48) -> torch.Tensor:
    """Standard deviation of each channel of the scaled latents, (C,), over pictures of one size."""
    device = next(network.parameters()).device
    chosen = [picture for picture in pictures if picture.shape == pictures[0].shape]
    chosen = chosen[:: max(1, len(chosen) // count)]
    latents = [network.encode(to_unit(torch.from_numpy(picture[None])).to(device)).latents for picture in chosen]
    return torch.cat(latents).std(dim=(0, 2, 3)) * network.config.scaling_factor


@torch.no_grad()
def psnr(network: AutoencoderTiny, picture: np.ndarray) -> float:
    """Peak signal-to-noise ratio of one picture through the autoencoder, in dB."""
    device = next(network.parameters()).device
    pixels = to_unit(torch.from_numpy(np.ascontiguousarray(picture[None]))).to(device)
    decoded = network.decode(network.encode(pixels).latents).sample.clamp(-1, 1)
    return float(10 * torch.log10(4.0 / F.mse_loss(decoded, pixels)))


@torch.no_grad()
def _sheet(network: AutoencoderTiny, pictures: list[np.ndarray], path: Path) -> None:
    """Six pictures above what the autoencoder makes of them."""
    device = next(network.parameters()).device
    chosen = pictures[:: max(1, len(pictures) // 6)][:6]
    side = min(256, *(min(picture.shape[:2]) for picture in chosen)) // 8 * 8
    tiles = torch.from_numpy(np.stack([picture[:side, :side] for picture in chosen]))
    decoded = network.decode(network.encode(to_unit(tiles).to(device)).latents).sample
    below = decoded.clamp(-1, 1).add(1).mul(127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    Image.fromarray(np.vstack([np.hstack([*tiles.numpy()]), np.hstack([*below])])).save(path, quality=92)
