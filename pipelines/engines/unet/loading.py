"""From folders on this machine to a pipeline of Stable Diffusion. Never downloads; what is broken is named by its
role.
"""

from __future__ import annotations

from typing import Any

from pipelines import heavy
from pipelines.engines.parts import PartsLoader
from pipelines.engines.unet.stack import UNetStack
from pipelines.hub import weights
from pipelines.hub.source import HubSource
from pipelines.schema import AnnotatorName

_PIPELINES = {
    "sd15": "StableDiffusionControlNetImg2ImgPipeline",
    "sdxl": "StableDiffusionXLControlNetImg2ImgPipeline",
    "sdxl-union": "StableDiffusionXLControlNetUnionImg2ImgPipeline",
}


class Loader(PartsLoader[UNetStack]):
    """Loads the parts of one stack for one device."""

    def pipeline(self, controlnet: Any) -> Any:
        """The diffusers pipeline of the stack, LoRA fused, face adapter attached, on its device.

        Order matters: the LoRA is fused and unloaded before the IP-Adapter adds attention processors.

        Raises:
            EngineUnavailable: Names the component that is missing or damaged.
        """
        diffusers, transformers = heavy.load("diffusers"), heavy.load("transformers")
        stack, base = self.stack, self.stack.base
        parts: dict[str, Any] = {
            "unet": self.model(diffusers.UNet2DConditionModel, base, "base model", "unet"),
            "text_encoder": self.model(transformers.CLIPTextModel, base, "base model", "text_encoder"),
            "tokenizer": self.tokenizer(transformers.CLIPTokenizer, base, "tokenizer"),
            "vae": self._vae(),
            "scheduler": self.scheduler(base, stack.scheduler),
            "controlnet": controlnet,
            "image_encoder": None,
            "feature_extractor": None,
        }
        if stack.kind == "sd15":
            parts |= {"safety_checker": None, "requires_safety_checker": False}  # pipelines/safety judges instead
        else:
            encoder = transformers.CLIPTextModelWithProjection
            parts["text_encoder_2"] = self.model(encoder, base, "base model", "text_encoder_2")
            parts["tokenizer_2"] = self.tokenizer(transformers.CLIPTokenizer, base, "tokenizer_2")
            parts["add_watermarker"] = False  # pipelines/provenance/marking.py marks instead
        if stack.adapters:
            encoder = transformers.CLIPVisionModelWithProjection
            parts["image_encoder"] = self.model(encoder, stack.adapters[0].image_encoder, "image encoder")
        for name in ("unet", "vae"):
            self._by_channels(parts[name])
        with self.part("base model"):
            pipe = getattr(diffusers, _PIPELINES[stack.kind])(**parts)
        pipe.set_progress_bar_config(disable=True)
        self.fuse_lora(pipe, stack.lora)
        self._attach_ip_adapters(pipe)
        self.place(pipe)
        return pipe

    def controlnet(self, annotator: AnnotatorName) -> Any:
        """The ControlNet of one annotator; see `model`."""
        diffusers = heavy.load("diffusers")
        union = self.stack.kind == "sdxl-union"
        name = "union ControlNet" if union else f"ControlNet for {annotator}"
        model_class = diffusers.ControlNetUnionModel if union else diffusers.ControlNetModel
        return self._by_channels(self.model(model_class, self.stack.controlnets[annotator], name))

    def _by_channels(self, model: Any) -> Any:
        """The same network with its weights in the order in which convolutions are faster, on a processor too.

        What is computed is the same.
        """
        if self.device.kind not in ("cuda", "cpu"):
            return model
        return model.to(memory_format=heavy.load("torch").channels_last)

    def tiny_vae(self) -> Any | None:
        """The small decoder for step previews, on the device, or None where the stack has none."""
        if self.stack.tiny_vae is None:
            return None
        return self._autoencoder(self.stack.tiny_vae, "preview decoder").to(self.device.name)

    def _vae(self) -> Any:
        if self.stack.vae:
            return self._autoencoder(self.stack.vae, "VAE")
        return self._autoencoder(self.stack.base, "base model", "vae")

    def _autoencoder(self, source: HubSource, name: str, folder: str = "") -> Any:
        """Of the class that its own config names: AutoencoderKL, AutoencoderTiny, or this project's."""
        diffusers = heavy.load("diffusers")
        with self.part(name):
            root = weights.resolve(source, name, stack_id=self.stack.id) / (source.subfolder or "") / folder
            named = diffusers.AutoencoderTiny.load_config(root, local_files_only=True).get("_class_name")
        if named == "PatchAutoencoder":
            return self.model(
                heavy.load("pipelines.engines.unet.patch_autoencoder").PatchAutoencoder, source, name, folder
            )
        tiny = named == "AutoencoderTiny"
        return self.model(diffusers.AutoencoderTiny if tiny else diffusers.AutoencoderKL, source, name, folder)

    def _attach_ip_adapters(self, pipe: Any) -> None:
        """All in one call: a second one would take the first one's place."""
        adapters = self.stack.adapters
        if not adapters:
            return
        with self.part("IP-Adapter"):
            pipe.load_ip_adapter(
                [str(weights.resolve(adapter, "IP-Adapter", stack_id=self.stack.id)) for adapter in adapters],
                subfolder=[adapter.subfolder or "" for adapter in adapters],
                weight_name=[adapter.weight_name or "" for adapter in adapters],
                image_encoder_folder=None,  # loaded already, from a pinned revision
                local_files_only=True,
            )
