"""Prompts of any length for CLIP text encoders, which read 75 tokens at a time."""

from __future__ import annotations

from typing import Any

from pipelines import heavy
from pipelines.engines.device import computes_on


def encode_prompts(pipe: Any, prompt: str, negative_prompt: str | None) -> dict[str, Any]:
    """Prompt embeddings as the keyword arguments of a diffusers pipeline.

    A prompt longer than the encoder's window is cut at commas, each piece is encoded on its own, and the pieces are
    joined along the token axis, which cross-attention takes in any length. diffusers alone would drop the end, where
    the visitor's own words are.

    Args:
        pipe: A Stable Diffusion 1.5 or XL pipeline.
        prompt: What the picture should show.
        negative_prompt: What it should not; None where there is no classifier-free guidance.
    """
    with heavy.load("torch").no_grad():
        pieces = split_prompt(prompt, pipe.tokenizer)
        if negative_prompt is None:
            embeds, pooled = _encode(pipe, pieces, len(pieces))
            return _named(embeds, pooled)
        negative_pieces = split_prompt(negative_prompt, pipe.tokenizer)
        count = max(len(pieces), len(negative_pieces))  # both sides of the guidance need one length
        embeds, pooled = _encode(pipe, pieces, count)
        negative, negative_pooled = _encode(pipe, negative_pieces, count)
        if not negative_prompt and pooled is not None and pipe.config.force_zeros_for_empty_prompt:
            negative, negative_pooled = negative * 0.0, negative_pooled * 0.0  # as SDXL was trained
    return _named(embeds, pooled) | _named(negative, negative_pooled, "negative_")


def split_prompt(prompt: str, tokenizer: Any) -> list[str]:
    """The prompt in pieces that fit the encoder's window, cut at commas where possible, else at spaces.

    A single word longer than the window stays whole; the tokenizer cuts it.
    """
    room = tokenizer.model_max_length - 2  # begin and end
    return _packed(prompt.strip(), (", ", " "), tokenizer, room) or [""]


def _packed(text: str, separators: tuple[str, ...], tokenizer: Any, room: int) -> list[str]:
    if not separators or _tokens(text, tokenizer) <= room:
        return [text] if text else []
    separator, *finer = separators
    pieces: list[str] = []
    for phrase in text.split(separator):
        joined = f"{pieces[-1]}{separator}{phrase}" if pieces else phrase
        if pieces and _tokens(joined, tokenizer) <= room:
            pieces[-1] = joined
        else:
            pieces += _packed(phrase, tuple(finer), tokenizer, room)
    return pieces


def _tokens(text: str, tokenizer: Any) -> int:
    return len(tokenizer(text, add_special_tokens=False).input_ids)


def _encode(pipe: Any, pieces: list[str], count: int) -> tuple[Any, Any]:
    """(1, count * window, features) embeddings, and SDXL's pooled embedding of the first piece, None for 1.5."""
    torch = heavy.load("torch")
    padded = pieces + [""] * (count - len(pieces))
    results = [
        pipe.encode_prompt(
            prompt=piece, device=computes_on(pipe), num_images_per_prompt=1, do_classifier_free_guidance=False
        )
        for piece in padded
    ]
    pooled = results[0][2] if len(results[0]) > 2 else None
    return torch.cat([result[0] for result in results], dim=1), pooled


def _named(embeds: Any, pooled: Any, prefix: str = "") -> dict[str, Any]:
    named = {f"{prefix}prompt_embeds": embeds}
    if pooled is not None:
        named[f"{prefix}pooled_prompt_embeds"] = pooled
    return named
