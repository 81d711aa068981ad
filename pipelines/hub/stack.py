"""A set of models that make portraits together, as a file in presets/models says it.

Argument names are those of diffusers wherever diffusers has one, from the preset file to the pipeline call.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines.schema import AnnotatorName, PresetId, Unit, Value


class HubSource(Value):
    """Weights of one component: a repository on the hub, or a folder shipped with this project."""

    repo_id: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="Repository on the hub.")
    path: str | None = Field(None, description="Folder relative to the project instead of a repository.")
    revision: str | None = Field(
        None, pattern=r"^[0-9a-f]{7,40}$|^[\w.-]+$", description="Commit or tag; left out, main."
    )
    variant: str | None = Field(None, pattern=r"^[\w-]+$", description="Weights variant, such as fp16.")
    subfolder: str | None = Field(None, description="Folder inside the repository.")
    weight_name: str | None = Field(None, description="One weights file, for LoRA and IP-Adapter.")
    licence: str = Field(min_length=2, description="Licence of these weights (SPDX id where there is one).")
    bytes: int = Field(ge=0, description="Bytes to download.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.repo_id is None) == (self.path is None):
            raise ValueError("give either repo_id or path")
        return self


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


class LoRASource(HubSource):
    """A LoRA that is fused into the UNet."""

    lora_scale: float = Field(1.0, ge=0.0, le=2.0, description="Weight of the LoRA when fused.")


class SchedulerSetting(Value):
    """A diffusers scheduler by class name, with what is changed in its config."""

    name: Literal[
        "LCMScheduler", "EulerDiscreteScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "TCDScheduler"
    ]
    config: dict[str, str | int | float | bool] = Field(default_factory=dict, description="Passed to from_config.")


class ModelStack(Value):
    """One set of models that make portraits together, from presets/models/<id>.toml."""

    id: PresetId = Field(description="The file name; never written in the file.")
    name: str = Field(min_length=2, max_length=60, description="What visitors read.")
    summary: str = Field(min_length=10, max_length=200, description="What it is good for.")
    kind: Literal["sd15", "sdxl", "sdxl-union"] = Field(description="Which diffusers pipeline runs it.")
    rank: int = Field(
        ge=0, le=1000, description="`auto` takes the highest rank that can run here; 0 is taken only when asked for."
    )
    size: int = Field(ge=64, le=2048, multiple_of=8, description="Width and height of a portrait in pixels.")
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
    scheduler: SchedulerSetting = Field(description="Scheduler.")
    start: Literal["photo", "preview"] = Field(
        "photo", description="What img2img starts from: the photo in its scene, or the preview engine's picture."
    )
    num_inference_steps: int = Field(ge=1, le=100, description="Steps that really run, whatever the strength.")
    strength_factor: float = Field(
        1.0, gt=0.0, le=1.0, description="Times the style's strength, for a model whose start is half finished already."
    )
    guidance_scale: float = Field(ge=0.0, le=15.0, description="Default; few-step LoRAs need 0 or 1.")
    max_guidance_scale: float = Field(15.0, ge=0.0, le=15.0, description="A style's own value is cut to this.")
    torch_dtype: Literal["float32", "float16", "bfloat16"] = Field(
        "float16", description="On a GPU; a CPU uses float32."
    )
    memory_bytes: int = Field(
        ge=0, description="Memory needed on a GPU with all parts there; a CPU (float32) needs twice."
    )
    offload_memory_bytes: int | None = Field(
        None, ge=0, description="Memory needed on a GPU that holds one part at a time; left out, never offloaded."
    )
    needs_gpu: bool = Field(False, description="Too slow to offer without a GPU.")
    needs_checker: bool = Field(
        True,
        description="Its pictures need the picture checker where everybody can ask for them. False only for a stack"
        " that repaints the preview's picture, came with the project and knows no words but its own: a visitor's own"
        " words do not reach it.",
    )

    @property
    def guides_every_style(self) -> bool:
        """Whether it has controls of its own choice, so that a style's others are not missed."""
        return any(source.controlnet_conditioning_scale is not None for source in self.controlnets.values())

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
    def _unchecked_ones_are_our_own(self) -> Self:
        parts = (self.base, *self.controlnets.values(), self.vae, self.tiny_vae, self.lora, self.ip_adapter)
        is_our_own = self.start == "preview" and all(part is None or part.path is not None for part in parts)
        if not self.needs_checker and not is_our_own:
            raise ValueError("only a stack from this project that starts from the preview may go without the checker")
        return self
