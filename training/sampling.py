"""The finished networks as the pipeline that the studio loads."""

from __future__ import annotations

from diffusers import AutoencoderTiny, StableDiffusionControlNetImg2ImgPipeline
from transformers import CLIPTokenizer

from training.models import Networks, build_scheduler


def build_pipeline(
    networks: Networks, autoencoder: AutoencoderTiny, tokenizer: CLIPTokenizer
) -> StableDiffusionControlNetImg2ImgPipeline:
    """Put the parts together, without a progress bar. They are shared, not copied."""
    pipeline = StableDiffusionControlNetImg2ImgPipeline(
        vae=autoencoder,
        text_encoder=networks.text_encoder,
        tokenizer=tokenizer,
        unet=networks.unet,
        controlnet=networks.controlnet,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
