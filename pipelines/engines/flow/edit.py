"""Edit models: FLUX.2 klein, and Qwen-Image-Edit with those trained from it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from pipelines import heavy
from pipelines.engines.base import Studio
from pipelines.engines.device import Device, best_device
from pipelines.engines.flow.engine import FlowEngine, Plan, flow_shift
from pipelines.engines.flow.instruction import Shown, instruction, is_free
from pipelines.engines.flow.loading import load_klein, load_qwen_edit
from pipelines.engines.flow.stack import EditStack
from pipelines.engines.likeness import for_stack
from pipelines.engines.parts import PartsLoader
from pipelines.engines.pipeline_engine import Lately
from pipelines.schema import AnnotatorName, Control, Job

_LEAST_SIDE = 64  # of a picture that such a model looks at
_CACHED_PROMPTS = 16  # 8 MB each


class EditEngine(FlowEngine[EditStack]):
    """Shows the model the photo and what else helps, and tells it what to make of them.

    Likeness: towards 1 the photo shines through the first noise (`least_strength`) and the instruction asks to follow
    it; at a third and below the instruction lets the style bend shapes, and no drawing of the photo is shown. From 0.34
    to 0.5 nothing changes. The weights and windows of a style's controls have no meaning here.
    """

    picture = "image"  # what the model calls those that it is shown

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators: one that the style asks for and the model knows, else the model's first."""
        known = self.stack.controls
        if not known or is_free(job.likeness):
            return ()
        style = for_stack(job.style, self.stack.id)
        return (next((one.annotator for one in style.controls if one.annotator in known), known[0]),)

    def plan(self, job: Job, studio: Studio) -> Plan:
        style = for_stack(job.style, self.stack.id)
        crop, *head = studio.references()
        shown: list[tuple[Shown, Image.Image]] = [("photo", crop), *(("head", one) for one in head)]
        controls = tuple(
            Control(annotator=name, controlnet_conditioning_scale=1.0, image=studio.control(name))
            for name in self.annotators(job)
        )
        shown += [(control.annotator, control.image) for control in controls]
        if job.style_picture is not None and style.needs_picture:
            shown.append(("style picture", job.style_picture.image))
        kinds = [kind for kind, _ in shown]
        return Plan(
            words=instruction(style, job.scene, job.words, job.likeness, kinds, picture=self.picture),
            pictures=tuple(self._visible(picture) for _, picture in shown),
            controls=controls,
            strength=1.0 - (1.0 - self.stack.least_strength) * max(0.0, 2.0 * job.likeness - 1.0),
            negative_prompt=style.negative_prompt,
        )

    def _visible(self, picture: Image.Image) -> Image.Image:
        """In the area that the model knows at most, and not smaller than it can read."""
        width, height = picture.size
        scale = min(1.0, self.stack.size / (width * height) ** 0.5)
        scale = max(scale, _LEAST_SIDE / min(width, height))
        size = (max(_LEAST_SIDE, round(width * scale)), max(_LEAST_SIDE, round(height * scale)))
        return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)

    def _build(self) -> None:
        self._pipe = self._pipeline(PartsLoader(self.stack, self._device or best_device(), thrifty=self._thrifty))

    @abstractmethod
    def _pipeline(self, loader: PartsLoader[EditStack]) -> Any: ...


class KleinEngine(EditEngine):
    """FLUX.2 klein, distilled: four steps, no guidance."""

    def __init__(self, stack: EditStack, *, device: Device | None = None) -> None:
        super().__init__(stack, device=device)
        self._prompts = Lately(_CACHED_PROMPTS)

    def _pipeline(self, loader: PartsLoader[EditStack]) -> Any:
        return load_klein(loader)

    def _forget(self) -> None:
        super()._forget()
        self._prompts.clear()

    def _arguments(self, plan: Plan, size: tuple[int, int]) -> dict[str, Any]:
        with heavy.load("torch").no_grad():
            embeds = self._prompts.read(plan.words, lambda: self._pipe.encode_prompt(plan.words)[0])
        return {"image": list(plan.pictures), "prompt_embeds": embeds, "guidance_scale": 1.0}

    @contextmanager
    def _around(self, plan: Plan) -> Iterator[None]:
        """The pictures that the model looks at are read once for all seeds."""
        pipe, read = self._pipe, self._pipe.prepare_image_latents
        known: list[Any] = []

        def read_once(**asked: Any) -> Any:
            if not known:
                known.append(read(**asked))
            return known[0]

        pipe.prepare_image_latents = read_once
        try:
            yield
        finally:
            del pipe.prepare_image_latents  # an attribute of the instance

    def _shift(self, tokens: int) -> float:
        module = heavy.load("diffusers.pipelines.flux2.pipeline_flux2_klein")
        return float(module.compute_empirical_mu(tokens, self.stack.num_inference_steps))

    def _encoded(self, picture: Any, generator: Any) -> Any:
        return self._pipe._encode_vae_image(picture, generator)

    def _empty(self, size: tuple[int, int]) -> tuple[int, ...]:
        step = self._pipe.vae_scale_factor * 2
        return (1, self._pipe.transformer.config.in_channels, size[1] // step, size[0] // step)


class QwenEditEngine(EditEngine):
    """Qwen-Image-Edit 2509 and 2511, and FireRed-Image-Edit, which has its classes."""

    picture = "Picture"  # the pipeline puts "Picture 1:" before the first

    def _pipeline(self, loader: PartsLoader[EditStack]) -> Any:
        return load_qwen_edit(loader)

    def _arguments(self, plan: Plan, size: tuple[int, int]) -> dict[str, Any]:
        """The words are read once for all seeds, together with the pictures, so they are not kept beyond the job."""
        arguments: dict[str, Any] = {"image": list(plan.pictures), "true_cfg_scale": self.stack.true_cfg_scale}
        arguments |= self._read(plan.words, plan, "prompt_embeds")
        if self.stack.true_cfg_scale > 1.0:
            arguments |= self._read(plan.negative_prompt or " ", plan, "negative_prompt_embeds")
        return arguments

    def _read(self, words: str, plan: Plan, name: str) -> dict[str, Any]:
        module = heavy.load("diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus")
        seen = []
        for picture in plan.pictures:
            width, height = module.calculate_dimensions(module.CONDITION_IMAGE_SIZE, picture.width / picture.height)
            seen.append(self._pipe.image_processor.resize(picture, height, width))
        with heavy.load("torch").no_grad():
            embeds, mask = self._pipe.encode_prompt(image=seen, prompt=words)
        return {name: embeds, f"{name}_mask": mask}

    def _shift(self, tokens: int) -> float:
        return flow_shift(self._pipe.scheduler, tokens)

    def _encoded(self, picture: Any, generator: Any) -> Any:
        return self._pipe._encode_vae_image(picture.unsqueeze(2), generator)

    def _empty(self, size: tuple[int, int]) -> tuple[int, ...]:
        step = self._pipe.vae_scale_factor
        return (1, self._pipe.latent_channels, 1, size[1] // step, size[0] // step)

    def _packed(self, latents: Any) -> Any:
        _, channels, _, height, width = latents.shape
        return self._pipe._pack_latents(latents, 1, channels, height, width)
