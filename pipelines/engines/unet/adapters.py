"""What IP-Adapters are given to see: the sitter's face, and the picture to be painted after (Ye et al. 2023)."""

from __future__ import annotations

from typing import Any

from PIL import Image

from pipelines import heavy
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.stack import UNetStack
from pipelines.photo.framing import face_crop


def adapter_embeds(pipe: Any, stack: UNetStack, job: GenerationJob, *, guided: bool) -> list[Any]:
    """Image embeddings for `ip_adapter_image_embeds`, one tensor an adapter, whose scales are set on the way.

    A loaded adapter must be given something; without a picture or a weight it gets nothing to see and the scale 0, at
    which its attention is skipped, so the result is the same as without the adapter.

    Args:
        pipe: The diffusers pipeline, its adapters loaded in the order face, style.
        stack: Which adapters it has.
        job: Its photo's face, and its style picture.
        guided: Whether the batch holds the empty prompt, too.
    """
    face, given = job.photo.face, job.style_picture
    seen: list[tuple[Image.Image | None, float]] = []
    if stack.ip_adapter:
        seen.append((None if face is None else face_crop(job.photo.image, face), job.ip_adapter_scale))
    if stack.style_adapter:
        seen.append((None if given is None else given.image, job.style_adapter_scale))
    scales = [scale if picture is not None else 0.0 for picture, scale in seen]
    pipe.set_ip_adapter_scale(scales)
    if not any(scales):
        return _blank_embeds(pipe, 2 if guided else 1)
    blank = Image.new("RGB", (64, 64))
    # Not cached: what is left of a face in memory ends with the job.
    with heavy.load("torch").no_grad():
        embeds: list[Any] = pipe.prepare_ip_adapter_image_embeds(
            ip_adapter_image=[picture or blank for picture, _ in seen],
            ip_adapter_image_embeds=None,
            device=pipe._execution_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
    return embeds


def _blank_embeds(pipe: Any, batch: int) -> list[Any]:
    """Zeros in the shape that the adapter reads: all tokens of the image encoder, or its one pooled embedding."""
    config = pipe.image_encoder.config
    pooled_class = heavy.load("diffusers.models.embeddings").ImageProjection
    tokens = (config.image_size // config.patch_size) ** 2 + 1
    unet = pipe.unet
    blank: list[Any] = []
    for projection in unet.encoder_hid_proj.image_projection_layers:
        pooled = isinstance(projection, pooled_class)
        shape = (batch, 1, config.projection_dim) if pooled else (batch, 1, tokens, config.hidden_size)
        blank.append(heavy.load("torch").zeros(shape, dtype=unet.dtype, device=pipe._execution_device))
    return blank
