"""Sample sheets while training: photo, preview picture and what the network makes of it, for a few styles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from transformers import CLIPTokenizer

from training.models import Networks
from training.pack import Pack, Pair
from training.sampling import build_pipeline

_STYLES = 8
_STRENGTHS = (0.45, 0.65, 0.85)


@torch.no_grad()
def draw_sheet(
    networks: Networks,
    autoencoder: AutoencoderTiny,
    tokenizer: CLIPTokenizer,
    pack: Pack,
    path: Path,
    *,
    side: int = 256,
) -> None:
    """One column a style: photo, preview picture, then the answer at each strength, in two real steps.

    Args:
        networks: To sample from.
        autoencoder: With its scaling factor set.
        tokenizer: The project's.
        pack: Where the examples come from.
        path: JPEG to write.
        side: Side of a tile in pixels.
    """
    pipeline = build_pipeline(networks, autoencoder, tokenizer)
    device = next(networks.parameters()).device
    columns = []
    for pair in _chosen(pack):
        photo, target, lineart = _tiles(pack, pair, side)
        column = [photo, target]
        for strength in _STRENGTHS:
            result = pipeline(
                pack.prompt(pair.style, pair.scene),
                image=Image.fromarray(target),
                control_image=Image.fromarray(lineart).convert("RGB"),
                strength=strength,
                num_inference_steps=round(2 / strength),
                guidance_scale=1.0,
                generator=torch.Generator(device).manual_seed(1),
            )
            column.append(np.asarray(result.images[0]))
        columns.append(np.vstack(column))
    Image.fromarray(np.hstack(columns)).save(path, quality=92)


def _chosen(pack: Pack) -> list[Pair]:
    """One example of some styles, the same on every sheet, with different people."""
    styles: dict[str, list[Pair]] = {}
    for pair in pack.pairs:
        styles.setdefault(pair.style, []).append(pair)
    names = sorted(styles)
    names = names[:: max(1, len(names) // _STYLES)][:_STYLES]
    return [styles[name][index * 7 % len(styles[name])] for index, name in enumerate(names)]


def _tiles(pack: Pack, pair: Pair, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The middle of photo, target and line drawing, a multiple of 32 pixels wide."""
    target = pack.pictures[pair.target]
    size = min(side, *target.shape[:2]) // 32 * 32
    middle = (target.shape[0] - size) // 2
    here = np.s_[middle : middle + size, middle : middle + size]
    there = np.s_[pair.top + middle : pair.top + middle + size, pair.left + middle : pair.left + middle + size]
    return pack.photos[pair.person][there], target[here], pack.lineart[pair.person][there]
