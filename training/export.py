"""The finished folder: float16 safetensors in small shards, a folder a part, with a model card."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import CLIPTokenizer

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.card import render_card
from training.models import Networks, build_scheduler

MAX_SHARD_SIZE = "9MB"  # every file stays under 10 MB, so that the folder lives in plain git
MAX_BYTES = 90_000_000


def export(
    networks: Networks, autoencoder: PatchAutoencoder, tokenizer: CLIPTokenizer, folder: Path, facts: dict[str, Any]
) -> int:
    """Write the folder that the stack of training/embedded.toml loads; an old one is replaced.

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
    saved = {"unet": small.unet} | {f"controlnets/{name}": network for name, network in small.controlnets.items()}
    for name, network in saved.items():
        network.save_pretrained(fresh / name, safe_serialization=True, max_shard_size=MAX_SHARD_SIZE)
    autoencoder.save_pretrained(fresh / "vae", safe_serialization=True)  # in float32: it must be exact
    small.text_encoder.save_pretrained(fresh / "text_encoder", safe_serialization=True)
    tokenizer.save_pretrained(fresh / "tokenizer")
    build_scheduler().save_pretrained(fresh / "scheduler")
    for path in fresh.rglob("config.json"):
        _forget_where_from(path)
    (fresh / "training.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    (fresh / "README.md").write_text(render_card(facts), "utf-8")
    size = sum(path.stat().st_size for path in fresh.rglob("*") if path.is_file())
    if size > MAX_BYTES:
        raise ValueError(f"{size} bytes are more than {MAX_BYTES}: choose fewer channels")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)
    return size


def _forget_where_from(path: Path) -> None:
    """diffusers notes the folder that a part was loaded from, which is nobody's business elsewhere."""
    config = json.loads(path.read_text("utf-8"))
    if config.pop("_name_or_path", None) is not None:
        path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def _half(network: Any) -> Any:
    return copy.deepcopy(network).cpu().to(torch.float16).to(memory_format=torch.contiguous_format)
