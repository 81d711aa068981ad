"""Sample sheets while training: start, target and what the network makes of the start, for some styles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.batches import Batches
from training.models import Networks
from training.pack import Example
from training.sampling import build_pipeline

_STYLES = 10
_STRENGTHS = (0.35, 0.6)


@torch.no_grad()
def draw_sheet(
    networks: Networks, autoencoder: PatchAutoencoder, batches: Batches, path: Path, *, side: int = 512
) -> None:
    """One column a style: start, target, then the answer at each strength, in two real steps.

    Args:
        networks: To sample from.
        autoencoder: The one that they were trained with.
        batches: Where the examples come from.
        path: JPEG to write.
        side: Side of a tile in pixels, cut about the face.
    """
    pipeline = build_pipeline(networks, autoencoder, batches.tokenizer)
    device = next(networks.parameters()).device
    side = min(side, batches.size)
    columns = []
    for example in _chosen(batches):
        top = round(0.42 * batches.size - 0.42 * side)
        left = (batches.size - side) // 2
        seen = {name: _picture(whole) for name, whole in batches.whole(example).items()}
        column = [np.asarray(seen[name]) for name in ("starts", "targets")]
        for strength in _STRENGTHS:
            result = pipeline(
                batches.pack.prompt(example.style, example.scene),
                image=seen["starts"],
                control_image=[seen["tiles"], seen["lineart"].convert("RGB")],
                strength=strength,
                num_inference_steps=round(2 / strength),
                guidance_scale=1.0,
                generator=torch.Generator(device).manual_seed(1),
            )
            column.append(np.asarray(result.images[0]))
        columns.append(np.vstack([picture[top : top + side, left : left + side] for picture in column]))
    Image.fromarray(np.hstack(columns)).save(path, quality=90)


def _picture(pixels: torch.Tensor) -> Image.Image:
    array = (pixels[0] * 255.0).round().byte().permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def _chosen(batches: Batches) -> list[Example]:
    """One example of some styles, the same on every sheet, with different people; those with a brush first."""
    names = [*batches.painted, *batches.drawn[:: max(1, len(batches.drawn) // 5)]][:_STYLES]
    return [batches.styles[name][index * 7 % len(batches.styles[name])] for index, name in enumerate(names)]
