"""A patch discriminator that knows the styles: it gives back the strokes and grain that a mean of many answers loses.

It looks at latents. The encoder is linear and loses next to nothing, so they are the picture in another basis, and no
decoding is paid for.

Hinge loss (Lim and Ye 2017, arXiv:1705.02894), spectral normalisation (Miyato et al. 2018, arXiv:1802.05957), style by
projection (Miyato and Koyama 2018, arXiv:1802.05637). It is thrown away when training ends.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class Critic(nn.Module):
    """Scores patches of latents for a style, and learns to.

    Args:
        channels: Channels of the latents.
        styles: How many styles there are.
        width: Channels of the first layer.
        learning_rate: Of its own optimiser.
    """

    def __init__(self, channels: int, styles: int, *, width: int = 48, learning_rate: float = 2e-4) -> None:
        super().__init__()
        widths = (channels, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for (narrow, wide), stride in zip(pairwise(widths), (1, 2, 2), strict=True):
            layers += [spectral_norm(nn.Conv2d(narrow, wide, 2 + stride, stride, padding=1)), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))
        self.style = nn.Embedding(styles, widths[-1])
        nn.init.normal_(self.style.weight, std=0.05)
        self.optimiser = torch.optim.AdamW(self.parameters(), lr=learning_rate, betas=(0.5, 0.99))

    def forward(self, latents: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
        """(N, C, h, w) and (N,) style numbers to (N, 1, h / 4, w / 4) scores, higher is more like a target."""
        features = self.features(latents)
        projected = (features * self.style(styles)[:, :, None, None]).mean(dim=1, keepdim=True)
        scores: torch.Tensor = self.score(features) + projected
        return scores.float()

    def learn(self, real: torch.Tensor, made: torch.Tensor, styles: torch.Tensor) -> None:
        """One step of its own: targets up, the network's answers down."""
        loss = F.relu(1 - self(real, styles)).mean() + F.relu(1 + self(made.detach(), styles)).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()

    def judge(self, made: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
        """What the network should minimise, with no gradient into the critic itself."""
        self.requires_grad_(False)
        loss = -self(made, styles).mean()
        self.requires_grad_(True)
        return loss

    def checkpoint(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {"network": self.state_dict(), "optimiser": self.optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
