"""From folders on this machine to a diffusers pipeline. Never downloads; what is broken is named by its role."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from languages.saying import say
from pipelines import heavy
from pipelines.engines.device import Device, is_out_of_memory
from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import EngineUnavailable, PortraitError
from pipelines.hub import weights
from pipelines.hub.source import HubSource
from pipelines.schema import AnnotatorName

log = logging.getLogger(__name__)

_PIPELINES = {
    "sd15": "StableDiffusionControlNetImg2ImgPipeline",
    "sdxl": "StableDiffusionXLControlNetImg2ImgPipeline",
    "sdxl-union": "StableDiffusionXLControlNetUnionImg2ImgPipeline",
}


class Loader:
    """Loads the parts of one stack for one device.

    Args:
        stack: Its weights must be on this machine.
        device: Where it will run.
    """

    def __init__(self, stack: UNetStack, device: Device) -> None:
        self.stack = stack
        self.device = device
        torch = heavy.load("torch")
        # Processors are slow at float16 or cannot do it, so float16 files become float32 there.
        for library in ("diffusers", "transformers"):
            heavy.load(library).utils.logging.disable_progress_bar()
        self.dtype = torch.float32 if device.kind == "cpu" else getattr(torch, stack.torch_dtype)

    @property
    def offloads(self) -> bool:
        """Whether parts must move to the GPU only while they are used."""
        memory = self.device.memory_bytes
        return self.device.kind == "cuda" and memory is not None and memory < self.stack.memory_bytes

    def pipeline(self, controlnet: Any) -> Any:
        """The diffusers pipeline of the stack, LoRA fused, face adapter attached, on its device.

        Order matters: the LoRA is fused and unloaded before the IP-Adapter adds attention processors.

        Raises:
            EngineUnavailable: Names the component that is missing or damaged.
        """
        diffusers, transformers = heavy.load("diffusers"), heavy.load("transformers")
        stack, base = self.stack, self.stack.base
        parts: dict[str, Any] = {
            "unet": self._model(diffusers.UNet2DConditionModel, base, "base model", "unet"),
            "text_encoder": self._model(transformers.CLIPTextModel, base, "base model", "text_encoder"),
            "tokenizer": self._tokenizer("tokenizer"),
            "vae": self._vae(),
            "scheduler": self._scheduler(),
            "controlnet": controlnet,
            "image_encoder": None,
            "feature_extractor": None,
        }
        if stack.kind == "sd15":
            parts |= {"safety_checker": None, "requires_safety_checker": False}  # pipelines/safety judges instead
        else:
            encoder = transformers.CLIPTextModelWithProjection
            parts["text_encoder_2"] = self._model(encoder, base, "base model", "text_encoder_2")
            parts["tokenizer_2"] = self._tokenizer("tokenizer_2")
            parts["add_watermarker"] = False  # pipelines/provenance/marking.py marks instead
        if stack.adapters:
            encoder = transformers.CLIPVisionModelWithProjection
            parts["image_encoder"] = self._model(encoder, stack.adapters[0].image_encoder, "image encoder")
        with self._part("base model"):
            pipe = getattr(diffusers, _PIPELINES[stack.kind])(**parts)
        pipe.set_progress_bar_config(disable=True)
        self._fuse_lora(pipe)
        self._attach_ip_adapters(pipe)
        self.place(pipe)
        return pipe

    def place(self, pipe: Any) -> None:
        """Move the pipeline to its device, or hook its parts so that they move there while they are used."""
        if self.offloads:
            pipe.enable_model_cpu_offload(gpu_id=self.device.index)
        else:
            pipe.to(self.device.name)

    def controlnet(self, annotator: AnnotatorName) -> Any:
        """The ControlNet of one annotator, not yet on the device."""
        diffusers = heavy.load("diffusers")
        union = self.stack.kind == "sdxl-union"
        name = "union ControlNet" if union else f"ControlNet for {annotator}"
        model_class = diffusers.ControlNetUnionModel if union else diffusers.ControlNetModel
        return self._model(model_class, self.stack.controlnets[annotator], name)

    def tiny_vae(self) -> Any | None:
        """The small decoder for step previews, on the device, or None where the stack has none."""
        if self.stack.tiny_vae is None:
            return None
        return self._autoencoder(self.stack.tiny_vae, "preview decoder").to(self.device.name)

    def _model(self, model_class: Any, source: HubSource, name: str, folder: str = "") -> Any:
        subfolder = "/".join(part for part in (source.subfolder, folder) if part)
        diffusers_model = hasattr(model_class, "load_config")
        with self._part(name):
            model, report = model_class.from_pretrained(
                weights.resolve(source, name, stack_id=self.stack.id),
                subfolder=subfolder or ("" if not diffusers_model else None),
                variant=source.variant,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                **{"torch_dtype" if diffusers_model else "dtype": self.dtype},
            )
            lacking = report["missing_keys"] or report["mismatched_keys"]
            if lacking:  # would stay random, and the pictures noise
                raise ValueError(f"{len(lacking)} tensors are missing or of another shape")
        return model.eval()

    def _vae(self) -> Any:
        if self.stack.vae:
            return self._autoencoder(self.stack.vae, "VAE")
        return self._autoencoder(self.stack.base, "base model", "vae")

    def _autoencoder(self, source: HubSource, name: str, folder: str = "") -> Any:
        """Of the class that its own config names: AutoencoderKL, AutoencoderTiny, or this project's."""
        diffusers = heavy.load("diffusers")
        with self._part(name):
            root = weights.resolve(source, name, stack_id=self.stack.id) / (source.subfolder or "") / folder
            named = diffusers.AutoencoderTiny.load_config(root, local_files_only=True).get("_class_name")
        if named == "PatchAutoencoder":
            return self._model(
                heavy.load("pipelines.engines.unet.patch_autoencoder").PatchAutoencoder, source, name, folder
            )
        tiny = named == "AutoencoderTiny"
        return self._model(diffusers.AutoencoderTiny if tiny else diffusers.AutoencoderKL, source, name, folder)

    def _tokenizer(self, folder: str) -> Any:
        base = self.stack.base
        with self._part("base model"):
            root = weights.resolve(base, "base model", stack_id=self.stack.id) / (base.subfolder or "")
            return heavy.load("transformers").CLIPTokenizer.from_pretrained(root / folder, local_files_only=True)

    def _scheduler(self) -> Any:
        base, setting = self.stack.base, self.stack.scheduler
        scheduler_class = getattr(heavy.load("diffusers"), setting.name)
        with self._part("base model"):
            root = weights.resolve(base, "base model", stack_id=self.stack.id) / (base.subfolder or "")
            config = scheduler_class.load_config(root / "scheduler", local_files_only=True)
            return scheduler_class.from_config(config, **setting.config)

    def _fuse_lora(self, pipe: Any) -> None:
        lora = self.stack.lora
        if lora is None:
            return
        with self._part("LoRA"):
            folder = weights.resolve(lora, "LoRA", stack_id=self.stack.id) / (lora.subfolder or "")
            name = lora.weight_name or "pytorch_lora_weights.safetensors"
            pipe.load_lora_weights(folder, weight_name=name, local_files_only=True)
            if not pipe.get_list_adapters():
                raise ValueError("no layer of the model took the LoRA")
            pipe.fuse_lora(lora_scale=lora.lora_scale, safe_fusing=True)
            pipe.unload_lora_weights()

    def _attach_ip_adapters(self, pipe: Any) -> None:
        """All in one call: a second one would take the first one's place."""
        adapters = self.stack.adapters
        if not adapters:
            return
        with self._part("IP-Adapter"):
            pipe.load_ip_adapter(
                [str(weights.resolve(adapter, "IP-Adapter", stack_id=self.stack.id)) for adapter in adapters],
                subfolder=[adapter.subfolder or "" for adapter in adapters],
                weight_name=[adapter.weight_name or "" for adapter in adapters],
                image_encoder_folder=None,  # loaded already, from a pinned revision
                local_files_only=True,
            )

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """One at a time in this process; what goes wrong inside becomes one sentence that names this component."""
        try:
            with heavy.loading_weights():
                yield
        except PortraitError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise EngineUnavailable(
                    say(
                        "{name} does not fit into the memory of this machine; choose a smaller model.",
                        name=self.stack.name,
                    ),
                    detail=f"{name}: {error!r}",
                ) from error
            shipped = self.stack.base.path is not None
            cure = "Install the project again." if shipped else f"Run {weights.COMMAND} {self.stack.id} --fresh."
            hint: str = say(
                "The {name} of {stack} cannot be read; choose another engine.", name=name, stack=self.stack.name
            )
            raise EngineUnavailable(hint, detail=f"{name}: {error!r}", cure=cure) from error
