"""The files of presets/models for Stable Diffusion 1.5, XL and our own UNet: one set of models that work together.

Argument names are those of diffusers wherever diffusers has one, from the preset file to the pipeline call.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines.hub.components import (
    ANNOTATOR_WEIGHTS,
    Component,
    Part,
    annotator_component,
    annotator_name,
    each_once,
    weights_file,
)
from pipelines.hub.source import HubSource, LoRASource
from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName, Unit, Value

_PREVIEWS, _FACES, _STYLES, _ENCODER = "preview decoder", "IP-Adapter", "style adapter", "image encoder"


class ControlNetSource(HubSource):
    """A ControlNet, with the mode number it takes where one network serves several controls (union)."""

    control_mode: int | None = Field(None, ge=0, le=7, description="Mode of a union ControlNet.")
    control_guidance_end: Unit | None = Field(
        None, description="Replaces the styles' own, for a UNet that leaves the picture unfinished without it."
    )
    controlnet_conditioning_scale: float | None = Field(
        None, ge=0.0, le=2.0, description="It guides every style with this weight, whether asked for or not."
    )


class IPAdapterSource(HubSource):
    """An IP-Adapter and the image encoder that it reads."""

    image_encoder: HubSource = Field(description="CLIP vision model with projection.")


class StyleAdapterSource(IPAdapterSource):
    """An IP-Adapter, no face adapter, that reads the picture of a style."""

    scale: Unit = Field(0.6, description="Its weight at likeness 0.5.")


class SchedulerSetting(Value):
    """A diffusers scheduler by class name, with what is changed in its config."""

    name: Literal[
        "LCMScheduler", "EulerDiscreteScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "TCDScheduler"
    ]
    config: dict[str, str | int | float | bool] = Field(default_factory=dict, description="Passed to from_config.")


class UNetStack(ModelStack):
    """A UNet with ControlNets, run as img2img by diffusers."""

    kind: Literal["sd15", "sdxl", "sdxl-union"] = Field(description="Which diffusers pipeline runs it.")
    working_size: int | None = Field(
        None,
        ge=64,
        le=2048,
        multiple_of=8,
        description="Width and height at which it diffuses, where that is less than `size`: the photo's detail and the"
        ' style\'s finish are laid on at full size. Only with `start = "preview"`.',
    )
    base: HubSource = Field(description="Pipeline folder: UNet, text encoders, VAE, scheduler.")
    controlnets: dict[AnnotatorName, ControlNetSource] = Field(min_length=1, description="ControlNet by annotator.")
    vae: HubSource | None = Field(None, description="Replaces the VAE of the base.")
    tiny_vae: HubSource | None = Field(None, description="AutoencoderTiny for step previews.")
    decode_with_tiny_vae: bool = Field(False, description="Use the tiny autoencoder for the portrait as well.")
    lora: LoRASource | None = Field(None, description="Few-step LoRA, fused.")
    ip_adapter: IPAdapterSource | None = Field(None, description="Face adapter.")
    style_adapter: StyleAdapterSource | None = Field(
        None,
        description="Adapter, no face adapter, that paints after a picture which the visitor gives. It reads the image"
        " encoder of `ip_adapter`, where there is one.",
    )
    scheduler: SchedulerSetting = Field(description="Scheduler.")
    start: Literal["photo", "preview"] = Field(
        "photo", description="What img2img starts from: the photo in its scene, or the filters' picture."
    )
    num_inference_steps: int = Field(ge=1, le=100, description="Steps that really run, whatever the strength.")
    strength_factor: float = Field(
        1.0, gt=0.0, le=1.0, description="Times the style's strength, for a model whose start is half finished already."
    )
    guidance_scale: float = Field(ge=0.0, le=15.0, description="Default; few-step LoRAs need 0 or 1.")
    max_guidance_scale: float = Field(15.0, ge=0.0, le=15.0, description="A style's own value is cut to this.")

    @property
    def guides_every_style(self) -> bool:
        """Whether it has controls of its own choice, so that a style's others are not missed."""
        return any(source.controlnet_conditioning_scale is not None for source in self.controlnets.values())

    @property
    def reads_style_picture(self) -> bool:
        """Only where its pictures are looked at: a stranger's picture is as free as a stranger's words."""
        return self.style_adapter is not None and self.needs_checker

    @property
    def adapters(self) -> tuple[IPAdapterSource, ...]:
        """The face adapter, then the style adapter, as far as they are there."""
        return tuple(adapter for adapter in (self.ip_adapter, self.style_adapter) if adapter is not None)

    @model_validator(mode="after")
    def _adapters_share_an_encoder(self) -> Self:
        encoders = {adapter.image_encoder for adapter in self.adapters}
        if len(encoders) > 1:
            raise ValueError("ip_adapter and style_adapter must read the same image_encoder")
        return self

    @model_validator(mode="after")
    def _union_has_modes(self) -> Self:
        modes = [source.control_mode is not None for source in self.controlnets.values()]
        if self.kind == "sdxl-union" and not all(modes):
            raise ValueError("every ControlNet of a union needs its control_mode")
        if self.kind != "sdxl-union" and any(modes):
            raise ValueError("control_mode belongs to kind sdxl-union only")
        return self

    @model_validator(mode="after")
    def _only_the_preview_is_finished(self) -> Self:
        if self.working_size is not None and (self.start != "preview" or self.working_size > self.size):
            raise ValueError('working_size belongs to start = "preview" and is at most size')
        return self

    @model_validator(mode="after")
    def _unchecked_ones_repaint(self) -> Self:
        if not self.needs_checker and self.start != "preview":
            raise ValueError("only a stack that starts from the filters' picture may go without the checker")
        return self

    def without(self, names: frozenset[str]) -> Self | None:
        """It can do without controls while one is left, without previews, and without adapters, as far as they come
        from the hub: what ships with the project is damaged where it is missing.
        """
        if any(component.name in names and component.source.path for component in self.components()):
            return None
        controlnets = {
            annotator: source
            for annotator, source in self.controlnets.items()
            if not names & {self._controlnet_name(annotator), annotator_name(annotator)}
        }
        droppable = {_PREVIEWS, _FACES, _STYLES, _ENCODER}
        for annotator, source in self.controlnets.items():
            if source.controlnet_conditioning_scale is None:  # else it guides every style
                droppable |= {self._controlnet_name(annotator), annotator_name(annotator)}
        if not names <= droppable or not controlnets:
            return None
        if not names:
            return self
        gone = {
            "tiny_vae": _PREVIEWS in names,
            "ip_adapter": bool(names & {_FACES, _ENCODER}),
            "style_adapter": bool(names & {_STYLES, _ENCODER}),
        }
        values = self.model_dump() | {"controlnets": {name: one.model_dump() for name, one in controlnets.items()}}
        return type(self).model_validate(values | {key: None for key, is_gone in gone.items() if is_gone})

    def components(self) -> tuple[Component, ...]:
        """Everything that it loads, each download once, with the weights that its annotators read."""
        found = [self._base_component()]
        for annotator, source in self.controlnets.items():
            found.append(Component(self._controlnet_name(annotator), source, (Part("model", source.subfolder or ""),)))
        if self.vae:
            found.append(Component("VAE", self.vae, (Part("model", self.vae.subfolder or ""),)))
        if self.tiny_vae:
            found.append(Component(_PREVIEWS, self.tiny_vae, (Part("model", self.tiny_vae.subfolder or ""),)))
        if self.lora:
            found.append(Component("LoRA", self.lora, (weights_file(self.lora, "pytorch_lora_weights.safetensors"),)))
        for adapter in self.adapters:
            name = _FACES if adapter is self.ip_adapter else _STYLES
            found.append(Component(name, adapter, (weights_file(adapter, ""),)))
            encoder = adapter.image_encoder
            found.append(Component(_ENCODER, encoder, (Part("encoder", encoder.subfolder or ""),)))
        found += [annotator_component(name) for name in self.controlnets if name in ANNOTATOR_WEIGHTS]
        return each_once(found)

    def _controlnet_name(self, annotator: AnnotatorName) -> str:
        return "union ControlNet" if self.kind == "sdxl-union" else f"ControlNet for {annotator}"

    def _base_component(self) -> Component:
        root = f"{self.base.subfolder}/" if self.base.subfolder else ""
        parts = [
            Part("file", f"{root}scheduler", "scheduler_config.json"),
            Part("model", f"{root}unet"),
            Part("encoder", f"{root}text_encoder"),
            Part("tokenizer", f"{root}tokenizer"),
        ]
        if self.kind != "sd15":
            parts += [Part("encoder", f"{root}text_encoder_2"), Part("tokenizer", f"{root}tokenizer_2")]
        if self.vae is None:
            parts.append(Part("model", f"{root}vae"))
        return Component("base model", self.base, tuple(parts))
