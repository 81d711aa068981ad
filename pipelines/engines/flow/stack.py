"""The files of presets/models for edit models and Z-Image: one set of models that work together.

Argument names are those of diffusers wherever diffusers has one, from the preset file to the pipeline call.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines.hub.components import ANNOTATOR_WEIGHTS, Component, Part, annotator_component, each_once, weights_file
from pipelines.hub.source import HubSource, LoRASource
from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName, Unit, Value


class FlowScheduler(Value):
    """What is changed in the config of the base's scheduler."""

    name: Literal["FlowMatchEulerDiscreteScheduler"] = "FlowMatchEulerDiscreteScheduler"
    config: dict[str, str | int | float | bool] = Field(default_factory=dict, description="Passed to from_config.")


class FlowStack(ModelStack):
    """A transformer with the language model that reads for it, and a VAE."""

    base: HubSource = Field(description="Pipeline folder: VAE, tokenizer, scheduler.")
    transformer: HubSource = Field(description="The network that paints.")
    text_encoder: HubSource = Field(description="The language model that reads the words.")
    scheduler: FlowScheduler = Field(default_factory=FlowScheduler, description="Scheduler.")
    num_inference_steps: int = Field(ge=1, le=100, description="Steps that really run, whatever the strength.")

    def components(self) -> tuple[Component, ...]:
        """Everything that it loads, each download once."""
        root = f"{self.base.subfolder}/" if self.base.subfolder else ""
        base = (
            Part("model", f"{root}vae"),
            Part("tokenizer", f"{root}tokenizer"),
            *self._more_of_the_base(root),
            Part("file", f"{root}scheduler", "scheduler_config.json"),
        )
        return each_once(
            [
                Component("base model", self.base, base),
                Component("transformer", self.transformer, (Part("model", self.transformer.subfolder or ""),)),
                Component("text encoder", self.text_encoder, (Part("encoder", self.text_encoder.subfolder or ""),)),
                *self._more_components(),
            ]
        )

    def _more_of_the_base(self, root: str) -> tuple[Part, ...]:
        return ()

    def _more_components(self) -> tuple[Component, ...]:
        return ()


class EditStack(FlowStack):
    """An edit model: it looks at pictures of the sitter and is told what to make of them."""

    kind: Literal["flux2-klein", "qwen-edit-plus"] = Field(description="Which diffusers pipeline runs it.")
    lora: LoRASource | None = Field(None, description="Few-step LoRA, fused.")
    controls: tuple[AnnotatorName, ...] = Field(
        (),
        description="Control images that it understands. One is shown to it beside the photo: that of the style where"
        " it is among them, else the first. It is a picture to look at, no ControlNet.",
    )
    true_cfg_scale: float = Field(
        1.0, ge=1.0, le=15.0, description="Guidance of `qwen-edit-plus`; over 1 a step takes twice as long."
    )
    least_strength: Unit = Field(
        0.5,
        gt=0.0,
        description="Strength at likeness 1, where the photo shines through the first noise; from likeness 0.5 down it"
        " is 1, and all begins with noise.",
    )

    @property
    def reads_style_picture(self) -> bool:
        """It is shown the picture; only where its own are looked at."""
        return self.needs_checker

    @model_validator(mode="after")
    def _klein_has_no_guidance(self) -> Self:
        if self.kind == "flux2-klein" and self.true_cfg_scale != 1.0:
            raise ValueError("true_cfg_scale belongs to kind qwen-edit-plus only")
        return self

    def _more_of_the_base(self, root: str) -> tuple[Part, ...]:
        if self.kind == "flux2-klein":
            return ()
        return (Part("file", f"{root}processor", "preprocessor_config.json"), Part("tokenizer", f"{root}processor"))

    def _more_components(self) -> tuple[Component, ...]:
        found = [annotator_component(name) for name in self.controls if name in ANNOTATOR_WEIGHTS]
        if self.lora:
            found.append(Component("LoRA", self.lora, (weights_file(self.lora, "pytorch_lora_weights.safetensors"),)))
        return tuple(found)


class ZImageControlNetSource(HubSource):
    """A ControlNet for Z-Image in one file. It has no config beside it, so what the file does not say stands here."""

    weight_name: str = Field(description="The file.")
    control_layers_places: tuple[int, ...] = Field(
        min_length=1, description="Layers of the transformer that it guides."
    )
    control_refiner_layers_places: tuple[int, ...] = Field((), description="Refining layers that it guides.")
    control_in_dim: int = Field(33, ge=1, description="Channels that it reads: 33 since version 2.0, 16 before.")
    add_control_noise_refiner: Literal["control_layers", "control_noise_refiner"] | None = Field(
        None, description="Where its refining layers come from, by version."
    )


class ZImageStack(FlowStack):
    """Z-Image with a ControlNet, run as img2img."""

    kind: Literal["z-image"] = Field(description="Which diffusers pipeline runs it.")
    controlnet: ZImageControlNetSource = Field(description="One ControlNet for every control.")
    controls: tuple[AnnotatorName, ...] = Field(
        min_length=1,
        description="Controls that it was trained with. One guides a portrait: the style's where it is among them, else"
        " the first.",
    )
    tiny_vae: HubSource | None = Field(None, description="AutoencoderTiny for step previews.")

    def _more_components(self) -> tuple[Component, ...]:
        found = [Component("ControlNet", self.controlnet, (weights_file(self.controlnet, ""),))]
        if self.tiny_vae:
            found.append(Component("preview decoder", self.tiny_vae, (Part("model", self.tiny_vae.subfolder or ""),)))
        found += [annotator_component(name) for name in self.controls if name in ANNOTATOR_WEIGHTS]
        return tuple(found)
