"""The autoencoder is a closed form (see engines.unet.patch_autoencoder): one look at the pictures, and done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.config import ModelConfig

_PATCHES = 40_000


def fit_autoencoder(config: ModelConfig, pictures: Sequence[np.ndarray], *, seed: int = 0) -> PatchAutoencoder:
    """The autoencoder whose components are those of the pictures' patches, taken at random places.

    Args:
        pictures: (H, W, 3) uint8 each.
    """
    numbers = np.random.default_rng(seed)
    side = config.patch_size
    patches = np.empty((_PATCHES, side, side, 3), np.uint8)
    for index in range(_PATCHES):
        picture = pictures[numbers.integers(len(pictures))]
        top, left = (int(numbers.integers(0, size - side + 1)) for size in picture.shape[:2])
        patches[index] = picture[top : top + side, left : left + side]
    network = PatchAutoencoder(
        patch_size=side,
        latent_channels=config.latent_channels,
        block_out_channels=(1,) * (side.bit_length()),
    )
    network.fit(to_unit(torch.from_numpy(patches)))
    return network.eval()


def to_unit(pixels: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 to (N, 3, H, W) in -1..1, channels last."""
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def psnr(network: PatchAutoencoder, picture: np.ndarray) -> float:
    """Peak signal-to-noise ratio of one (H, W, 3) uint8 picture through the autoencoder, in dB."""
    pixels = to_unit(torch.from_numpy(np.ascontiguousarray(picture[None])))
    decoded = network.decode(network.encode(pixels).latents).sample.clamp(-1, 1)
    return float(10 * torch.log10(4.0 / F.mse_loss(decoded, pixels)))
