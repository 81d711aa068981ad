"""The finished folder: float16 safetensors in small shards, laid out as a diffusers pipeline, with a model card."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny
from transformers import CLIPTokenizer

from training.card import render_card
from training.models import Networks
from training.sampling import build_pipeline

MAX_SHARD_SIZE = "9MB"  # every file stays under 10 MB, so that the folder lives in plain git
MAX_BYTES = 90_000_000


def export(
    networks: Networks, autoencoder: AutoencoderTiny, tokenizer: CLIPTokenizer, folder: Path, facts: dict[str, Any]
) -> int:
    """Write the folder that `StableDiffusionControlNetImg2ImgPipeline.from_pretrained` loads; an old one is replaced.

    Args:
        networks: The averaged weights. Left as they are.
        autoencoder: Likewise.
        tokenizer: The project's.
        folder: Where to. Its README.md is the model card, its training.json the facts.
        facts: What the card tells of the training.

    Returns:
        Size of the folder in bytes.

    Raises:
        ValueError: It is larger than MAX_BYTES.
    """
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    small = _half(networks)
    small.text_encoder.float()  # transformers loads what is written: all parts must agree without a torch_dtype
    pipeline = build_pipeline(small, _half(autoencoder), tokenizer)
    pipeline.save_pretrained(fresh, safe_serialization=True, max_shard_size=MAX_SHARD_SIZE)
    (fresh / "training.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    (fresh / "README.md").write_text(render_card(facts), "utf-8")
    size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise ValueError(f"{size} bytes are more than {MAX_BYTES}: choose fewer channels")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)
    return size


def _half(network: Any) -> Any:
    return copy.deepcopy(network).cpu().to(torch.float16).to(memory_format=torch.contiguous_format)
