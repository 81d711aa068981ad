"""An autoencoder without learning: patches of pixels in the basis of their principal components, and back exactly.

Diffusion models of pixels need no learned compression where the network predicts the finished picture (Li and He,
"Back to Basics: Let Denoising Generative Models Denoise", 2025, arXiv:2511.13720). The components of real pictures'
patches sort what people see from what they do not, and whitening lets noise drown coarse and fine alike.

Imports torch and diffusers: load it with `heavy.load`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils.accelerate_utils import apply_forward_hook


class Encoded(NamedTuple):
    """What diffusers' pipelines look for in an encoder's answer."""

    latents: torch.Tensor


class Decoded(NamedTuple):
    """What diffusers' pipelines look for in a decoder's answer."""

    sample: torch.Tensor


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Pictures (N, 3, H, W) in -1..1 to latents (N, C, H / patch, W / patch) of mean 0 and deviation 1, and back.

    H and W must be multiples of `patch_size`.

    Args:
        patch_size: Side of a patch in pixels; a power of 2.
        latent_channels: How many components are kept, 3 * patch_size ** 2 for all.
        scaling_factor: For diffusers: latents are whitened already.
        block_out_channels: For diffusers, which counts them to learn the patch size.
    """

    @register_to_config
    def __init__(
        self,
        patch_size: int = 4,
        latent_channels: int = 32,
        scaling_factor: float = 1.0,
        block_out_channels: tuple[int, ...] = (1, 1, 1),
    ) -> None:
        super().__init__()
        if 2 ** (len(block_out_channels) - 1) != patch_size:
            raise ValueError("block_out_channels must have one entry more than patch_size has halvings")
        self.patch_size = patch_size
        size = 3 * patch_size**2
        self.mean = torch.nn.Parameter(torch.zeros(size), requires_grad=False)
        self.components = torch.nn.Parameter(torch.eye(size)[:latent_channels], requires_grad=False)
        self.deviations = torch.nn.Parameter(torch.ones(latent_channels), requires_grad=False)

    @torch.no_grad()
    def fit(self, patches: torch.Tensor) -> None:
        """Learn the components (principal component analysis) from (n, 3, patch, patch) pixels in -1..1."""
        flat = patches.double().flatten(1)
        mean = flat.mean(dim=0)
        variances, vectors = torch.linalg.eigh(torch.cov((flat - mean).T))
        count = len(self.deviations)
        vectors = vectors.flip(1)[:, :count].T
        signs = vectors.sum(dim=1, keepdim=True).sign()
        self.mean.copy_(mean)
        self.components.copy_(vectors * torch.where(signs == 0, 1.0, signs))
        self.deviations.copy_(variances.flip(0)[:count].clamp_min(1e-10).sqrt())

    @apply_forward_hook
    def encode(self, x: torch.Tensor, return_dict: bool = True) -> Any:
        """Latents of pictures."""
        patches = F.pixel_unshuffle(x, self.patch_size) - self.mean[:, None, None]
        latents = F.conv2d(patches, (self.components / self.deviations[:, None])[:, :, None, None])
        return Encoded(latents) if return_dict else (latents,)

    @apply_forward_hook  # or it would not be moved to a GPU that holds one part at a time
    def decode(self, latents: torch.Tensor, return_dict: bool = True, generator: Any = None) -> Any:
        """Pictures of latents. `generator` is part of diffusers' call and not used."""
        patches = F.conv2d(latents, (self.components * self.deviations[:, None]).T[:, :, None, None])
        sample = F.pixel_shuffle(patches + self.mean[:, None, None], self.patch_size)
        return Decoded(sample) if return_dict else (sample,)
