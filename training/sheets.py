"""Sample sheets while training: photo, start, target and what the network makes of the start, for some styles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPTokenizer

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.models import Networks
from training.pack import Example, Pack
from training.sampling import build_pipeline

_STYLES = 8
_STRENGTHS = (0.4, 0.6, 0.8)


@torch.no_grad()
def draw_sheet(
    networks: Networks,
    autoencoder: PatchAutoencoder,
    tokenizer: CLIPTokenizer,
    pack: Pack,
    path: Path,
    *,
    side: int = 320,
) -> None:
    """One column a style: photo, start, target, then the answer at each strength, in two real steps.

    Args:
        networks: To sample from.
        autoencoder: The one that they were trained with.
        tokenizer: The project's.
        pack: Where the examples come from.
        path: JPEG to write.
        side: Side of a tile in pixels.
    """
    pipeline = build_pipeline(networks, autoencoder, tokenizer)
    device = next(networks.parameters()).device
    columns = []
    for example in _chosen(pack):
        size = min(side, *pack.targets[example.name].shape[:2]) // 32 * 32
        tile, start, target, lineart = (
            pictures[example.name][:size, :size] for pictures in (pack.tiles, pack.starts, pack.targets, pack.lineart)
        )
        column = [tile, start, target]
        for strength in _STRENGTHS:
            result = pipeline(
                pack.prompt(example.style, example.scene),
                image=Image.fromarray(start),
                control_image=[Image.fromarray(tile), Image.fromarray(lineart).convert("RGB")],
                strength=strength,
                num_inference_steps=round(2 / strength),
                guidance_scale=1.0,
                generator=torch.Generator(device).manual_seed(1),
            )
            column.append(np.asarray(result.images[0]))
        columns.append(np.vstack(column))
    Image.fromarray(np.hstack(columns)).save(path, quality=92)


def _chosen(pack: Pack) -> list[Example]:
    """One example of some styles, the same on every sheet, with different people."""
    styles: dict[str, list[Example]] = {}
    for example in pack.examples:
        styles.setdefault(example.style, []).append(example)
    names = sorted(styles)
    names = names[:: max(1, len(names) // _STYLES)][:_STYLES]
    return [styles[name][index * 7 % len(styles[name])] for index, name in enumerate(names)]
