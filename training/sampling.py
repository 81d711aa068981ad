"""The networks as the pipeline that the studio runs."""

from __future__ import annotations

from diffusers import MultiControlNetModel, StableDiffusionControlNetImg2ImgPipeline
from transformers import CLIPTokenizer

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.models import CONTROLS, Networks, build_scheduler


def build_pipeline(
    networks: Networks, autoencoder: PatchAutoencoder, tokenizer: CLIPTokenizer
) -> StableDiffusionControlNetImg2ImgPipeline:
    """Put the parts together, ControlNets in the order of CONTROLS. They are shared, not copied."""
    pipeline = StableDiffusionControlNetImg2ImgPipeline(
        vae=autoencoder,
        text_encoder=networks.text_encoder,
        tokenizer=tokenizer,
        unet=networks.unet,
        controlnet=MultiControlNetModel([networks.controlnets[name] for name in CONTROLS]),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
