"""What IP-Adapters are given to see: the sitter's face, and the picture to be painted after (Ye et al. 2023)."""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from typing import Any

from PIL import Image

from pipelines import heavy
from pipelines.engines.device import computes_on
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.stack import UNetStack
from pipelines.photo.framing import face_crop

# What the image encoder said of a picture, by the adapter's kind and the picture's digest.
Seen = MutableMapping[tuple[bool, bytes], Any]


def adapter_embeds(pipe: Any, stack: UNetStack, job: GenerationJob, seen: Seen, *, guided: bool) -> list[Any]:
    """Image embeddings for `ip_adapter_image_embeds`, one tensor an adapter, whose scales are set on the way.

    A loaded adapter must be given something; without a picture or a weight it gets nothing to see and the scale 0, at
    which its attention is skipped, so the result is the same as without the adapter. diffusers alone would look at a
    blank picture for it, and a second time for the empty prompt where there is no guidance.

    Args:
        pipe: The diffusers pipeline, its adapters loaded in the order face, style.
        stack: Which adapters it has.
        job: Its photo's face, and its style picture.
        seen: What was seen before; added to. It is made from the photo, and the caller's to drop.
        guided: Whether the batch holds the empty prompt, too.
    """
    face, given = job.photo.face, job.style_picture
    pictures: list[tuple[Image.Image | None, float]] = []
    if stack.ip_adapter:
        pictures.append((None if face is None else face_crop(job.photo.image, face), job.ip_adapter_scale))
    if stack.style_adapter:
        pictures.append((None if given is None else given.image, job.style_adapter_scale))
    scales = [scale if picture is not None else 0.0 for picture, scale in pictures]
    pipe.set_ip_adapter_scale(scales)
    pooled_class = heavy.load("diffusers.models.embeddings").ImageProjection
    embeds: list[Any] = []
    for (picture, _), scale, projection in zip(
        pictures, scales, pipe.unet.encoder_hid_proj.image_projection_layers, strict=True
    ):
        pooled = isinstance(projection, pooled_class)
        if picture is None or not scale:
            embeds.append(_blank_embeds(pipe, pooled, 2 if guided else 1))
            continue
        shown = _look(pipe, picture, pooled, seen)
        if guided:
            empty = _blank_embeds(pipe, pooled, 1) if pooled else _look(pipe, None, pooled, seen)
            shown = heavy.load("torch").cat([empty, shown])
        embeds.append(shown)
    return embeds


def _look(pipe: Any, picture: Image.Image | None, pooled: bool, seen: Seen) -> Any:
    """What the adapter reads of a picture, as the pipelines' `encode_image` works it out; of None, what goes with the
    empty prompt.

    Returns:
        (1, 1, features) for an adapter that reads one pooled embedding, else (1, 1, tokens, features).
    """
    torch, encoder = heavy.load("torch"), pipe.image_encoder
    key = (pooled, b"" if picture is None else hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).digest())
    if key not in seen:
        pixels = pipe.feature_extractor(picture or Image.new("RGB", (64, 64)), return_tensors="pt").pixel_values
        pixels = pixels.to(computes_on(pipe), encoder.dtype)
        if picture is None:
            pixels = torch.zeros_like(pixels)
        with torch.no_grad():
            said = encoder(pixels, output_hidden_states=True)
        seen[key] = (said.image_embeds if pooled else said.hidden_states[-2])[None]
    return seen[key]


def _blank_embeds(pipe: Any, pooled: bool, batch: int) -> Any:
    """Zeros in the shape that the adapter reads: all tokens of the image encoder, or its one pooled embedding."""
    config = pipe.image_encoder.config
    tokens = (config.image_size // config.patch_size) ** 2 + 1
    shape = (batch, 1, config.projection_dim) if pooled else (batch, 1, tokens, config.hidden_size)
    return heavy.load("torch").zeros(shape, dtype=pipe.unet.dtype, device=computes_on(pipe))
