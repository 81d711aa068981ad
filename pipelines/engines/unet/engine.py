"""ControlNet img2img with diffusers, for every UNet model stack, the embedded one among them."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from languages.saying import say
from pipelines import heavy
from pipelines.engines.base import Made, Studio
from pipelines.engines.device import CudaMemory, Device, best_device
from pipelines.engines.filters.kept import Kept
from pipelines.engines.filters.stage import Stage
from pipelines.engines.likeness import for_stack
from pipelines.engines.pipeline_engine import Lately, PipelineEngine, Report, require_finite, require_picture, resized
from pipelines.engines.unet.adapters import adapter_embeds
from pipelines.engines.unet.batches import Batches, Memory, for_several, stacked
from pipelines.engines.unet.job import GenerationJob, annotators_of, resolve
from pipelines.engines.unet.loading import Loader
from pipelines.engines.unet.prompts import encode_prompts
from pipelines.engines.unet.sampling import (
    Steps,
    control_images_read_once,
    img2img_steps,
    record_denoised,
    skip_when_off,
)
from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import EngineFailed
from pipelines.schema import AnnotatorName, Control, Job, StepCallback

log = logging.getLogger(__name__)

_CACHED_PROMPTS = 64
# As many as a style may ask for at once; each weighs 0.7 GB in float16.
_LOADED_CONTROLNETS = 3
_READINGS = 4  # control images of a series that are kept as the networks have read them


@dataclass
class _Readings:
    """What the networks have read of one photo, for the next portrait in a series.

    Attributes:
        controls: Control images as each ControlNet read them, by network, size and digest.
        seen: What the image encoder said of the face; see `adapters.Seen`.
    """

    controls: OrderedDict[tuple[int, tuple[int, int], bytes], Any] = field(default_factory=OrderedDict)
    seen: dict[tuple[bool, bytes], Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    """What all seeds of a job share.

    Attributes:
        size: That it is diffused at.
        images: Control images of that size, in the order of the networks: one for all seeds, or one a seed.
        arguments: Of the pipeline call.
    """

    job: GenerationJob
    size: tuple[int, int]
    images: Mapping[AnnotatorName, list[Image.Image]]
    arguments: dict[str, Any]
    report: Report


class DiffusionEngine(PipelineEngine[UNetStack]):
    """Makes portraits with one model stack; see `PipelineEngine`.

    Args:
        memory: Of the device, by which several seeds are made at once; left out, that of a GPU of CUDA.
    """

    def __init__(self, stack: UNetStack, *, device: Device | None = None, memory: Memory | None = None) -> None:
        super().__init__(stack, device=device)
        self._memory = memory
        self._batches = Batches(None)
        self._loader: Loader | None = None
        self._first: AnnotatorName | None = None
        self._tiny_vae: Any = None
        self._controlnets: OrderedDict[str, Any] = OrderedDict()
        self._attached: tuple[str, ...] = ()
        self._prompts = Lately(_CACHED_PROMPTS)
        self._stage = Stage()
        self._readings: Kept[_Readings] = Kept()  # they go with the photo at the latest

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators."""
        return annotators_of(self.stack, for_stack(job.style, self.stack.id))

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make."""
        resolved, notes = resolve(job, self.stack, studio)
        pictures = self.generate(resolved, on_step)
        notes += self._memory_notes
        if self._batches.gave_up and len(job.seeds) > 1:
            notes += (say("Memory ran out, so {name} now makes one variation after the other.", name=self.name),)
        return Made(pictures, resolved.controls, notes)

    def generate(self, job: GenerationJob, on_step: StepCallback) -> list[Image.Image]:
        """One picture a seed. They are made one after the other, but on a GPU with room for several; there a seed's
        picture depends on the others by what rounding makes of it, less than a grey level on average.

        `on_step` is called with step 0 before the weights are loaded and again before the first step, then after each
        step with a preview of what the model thinks the picture will be, where the stack has a tiny autoencoder.

        Raises:
            Cancelled: on_step answered False.
            EngineFailed: Out of memory, or another error in the middle; the next call starts afresh.
            EngineUnavailable: The weights are not on this machine.
        """
        return self._attempt(lambda: self._generate(job, on_step))

    # --- one portrait ------------------------------------------------------------------------------------------------

    def _generate(self, job: GenerationJob, on_step: StepCallback) -> list[Image.Image]:
        strength = job.strength * self.stack.strength_factor
        steps = img2img_steps(self.stack.num_inference_steps, strength, self._longest_schedule())
        repaints = self.stack.start == "preview"
        report = Report(on_step, (steps.run + repaints) * len(job.seeds))  # the finish is a step, too
        report(0, None)
        controls = self._controls(job)
        self._first = controls[0].annotator
        self._load()
        self._attach(tuple(control.annotator for control in controls))
        report(0, None)
        with self._stage.series(job), self._series(job):
            arguments = self._arguments(job, controls, steps)
            # diffusers demands a photo and control images of one size, a multiple of the VAE's scale.
            size = self._working_size(job.photo.image.size)
            images = {control.annotator: [resized(control.image, size)] for control in controls}
            work = _Work(job, size, images, arguments, report)
            pictures: list[Image.Image] = []
            while left := job.seeds[len(pictures) :]:
                seeds = left[: self._batches.at_once(len(left), math.prod(size))]
                with self._batches.measured(len(seeds), math.prod(size)):
                    pictures += self._together(work, seeds)
            return pictures

    def _together(self, work: _Work, seeds: tuple[int, ...]) -> list[Image.Image]:
        """Pictures of some seeds."""
        job, report = work.job, work.report
        if self.stack.start != "preview":
            starts = [self._stage.set(job.photo, job.scene, seed) for seed in seeds]
            return [resized(picture, job.photo.image.size) for picture in self._diffuse(work, seeds, starts)]
        begun = [self._stage.begin(job, seed, work.size) for seed in seeds]
        tiles: dict[AnnotatorName, list[Image.Image]] = (
            {"tile": [each.tile for each in begun]} if "tile" in work.images else {}
        )
        work = replace(work, images={**work.images, **tiles})
        pictures = self._diffuse(work, seeds, [each.start for each in begun])
        finished: list[Image.Image] = []
        for seed, picture in zip(seeds, pictures, strict=True):
            finished.append(self._stage.finish(job, seed, picture))
            report(report.step + 1, None)
        return finished

    def _diffuse(self, work: _Work, seeds: tuple[int, ...], starts: list[Image.Image]) -> list[Image.Image]:
        """Noise pictures and denoise them, telling of each step.

        Args:
            starts: One a seed.
        """
        torch, job, report, images = heavy.load("torch"), work.job, work.report, list(work.images.values())
        pipe, count, repaints = self._pipe, len(seeds), self.stack.start == "preview"
        end = report.step + count * (report.total // len(job.seeds) - repaints)
        denoised = record_denoised(pipe.scheduler)

        def on_step_end(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
            step = report.step + count
            require_finite(values["latents"])
            unseen = job.in_series or (step == end and not repaints)  # the finished picture follows at once
            report(step, None if unseen else self._preview(denoised[0][:1]))
            return {}

        tiny = self._tiny_vae if self.stack.decode_with_tiny_vae else None
        networks = getattr(pipe.controlnet, "nets", ())  # a union network reads its images in another way
        try:
            with heavy.working_with_models(), self._read_once(job, networks, images):
                result = pipe(
                    **for_several(work.arguments, count),
                    image=[resized(start, work.size) for start in starts],
                    control_image=[each[0] if len(each) == 1 else stacked(each) for each in images],
                    # Drawn on the CPU, so that a seed means the same noise on every device.
                    generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
                    callback_on_step_end=on_step_end,
                    output_type="pil" if tiny is None else "latent",
                ).images
        finally:
            del pipe.scheduler.step  # the recorder, an attribute of the instance
        pictures = result if tiny is None else [self._decode_tiny(each[None]) for each in result]
        return [require_picture(picture) for picture in pictures]

    @contextlib.contextmanager
    def _series(self, job: GenerationJob) -> Iterator[None]:
        """Forget what jobs in a series share, after one that is not in a series, and where one fails."""
        try:
            yield
        except BaseException:
            self._readings.clear()
            raise
        if not job.in_series:
            self._readings.clear()

    def _read_of(self, job: GenerationJob) -> _Readings:
        return self._readings.get(job.photo, "", _Readings)

    @contextlib.contextmanager
    def _read_once(
        self, job: GenerationJob, networks: Sequence[Any], images: Sequence[list[Image.Image]]
    ) -> Iterator[None]:
        """Each ControlNet reads its image once; in a series, one that is drawn from the photo alone once for all."""
        known = self._read_of(job).controls
        keys = [
            (id(network), each[0].size, hashlib.sha256(b"".join(one.tobytes() for one in each)).digest())
            for network, each in zip(networks, images, strict=False)
        ]
        with control_images_read_once(networks, [known.get(key) for key in keys]) as results:
            yield
        for key, result in zip(keys, results, strict=True):
            known[key] = result
            known.move_to_end(key)
        while len(known) > _READINGS:
            known.popitem(last=False)

    def _arguments(self, job: GenerationJob, controls: tuple[Control, ...], steps: Steps) -> dict[str, Any]:
        """Keyword arguments that all seeds share: all but pictures, whose backdrop depends on the seed."""
        guidance = self.stack.guidance_scale if job.guidance_scale is None else job.guidance_scale
        guidance = min(guidance, self.stack.max_guidance_scale)
        arguments: dict[str, Any] = {
            "num_inference_steps": steps.num_inference_steps,
            "strength": steps.strength,
            "guidance_scale": guidance,
            "controlnet_conditioning_scale": [control.controlnet_conditioning_scale for control in controls],
            "control_guidance_start": [control.control_guidance_start for control in controls],
            "control_guidance_end": [control.control_guidance_end for control in controls],
            **self._prompt_embeds(job.prompt, job.negative_prompt if guidance > 1.0 else None),
        }
        if self.stack.kind == "sdxl-union":
            modes = [self.stack.controlnets[control.annotator].control_mode for control in controls]
            arguments["control_mode"] = modes
        if self.stack.adapters:
            embeds = adapter_embeds(self._pipe, self.stack, job, self._read_of(job).seen, guided=guidance > 1.0)
            arguments["ip_adapter_image_embeds"] = embeds
        return arguments

    def _controls(self, job: GenerationJob) -> tuple[Control, ...]:
        """The controls that have a weight. Where none has, one that is off: the pipelines cannot be called without."""
        unknown = [control.annotator for control in job.controls if control.annotator not in self.stack.controlnets]
        if unknown:
            raise EngineFailed(
                say(
                    "{name} has no control for {unknown}; choose another style or model.",
                    name=self.name,
                    unknown=unknown[0],
                )
            )
        weighted = tuple(control for control in job.controls if control.controlnet_conditioning_scale > 0.0)
        off = Control(
            annotator=self._main_control(),
            controlnet_conditioning_scale=0.0,
            image=Image.new("RGB", job.photo.image.size),
        )
        return tuple(self._as_the_stack_wants(control) for control in weighted) or (off,)

    def _as_the_stack_wants(self, control: Control) -> Control:
        source = self.stack.controlnets[control.annotator]
        wanted = {
            "control_guidance_end": source.control_guidance_end,
            "controlnet_conditioning_scale": source.controlnet_conditioning_scale,
        }
        return control.model_copy(update={name: value for name, value in wanted.items() if value is not None})

    def _prompt_embeds(self, prompt: str, negative_prompt: str | None) -> dict[str, Any]:
        read: dict[str, Any] = self._prompts.read(
            (prompt, negative_prompt), lambda: encode_prompts(self._pipe, prompt, negative_prompt)
        )
        return read

    def _preview(self, latents: Any) -> Image.Image | None:
        return None if self._tiny_vae is None else self._decode_tiny(latents)

    def _decode_tiny(self, latents: Any) -> Image.Image:
        vae = self._tiny_vae
        with heavy.load("torch").no_grad():
            sample = vae.decode(latents.to(vae.device, vae.dtype) / vae.config.scaling_factor).sample
            picture: Image.Image = self._pipe.image_processor.postprocess(sample.float(), output_type="pil")[0]
        return picture

    # --- models ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        """The ControlNet that is needed first; others follow when they are."""
        loader = Loader(self.stack, self._device or best_device(), thrifty=self._thrifty)
        log.info("%s: %s weights become %s", self.name, self.stack.torch_dtype, loader.dtype)
        self._loader = loader
        first = self._first or self._main_control()
        controlnet = loader.controlnet(first)
        self._controlnets[self._key(first)] = controlnet
        self._pipe = loader.pipeline(self._combined([controlnet]))
        self._attached = (self._key(first),)
        self._tiny_vae = loader.tiny_vae()
        for vae in (self._pipe.vae, self._tiny_vae):
            getattr(vae, "enable_slicing", lambda: None)()  # of several pictures one is decoded at a time
        on_cuda = loader.device.kind == "cuda" and not loader.offloads
        memory = self._memory or (CudaMemory(loader.device) if on_cuda else None)
        self._batches = Batches(None if self._thrifty else memory)

    def _makes_do(self) -> bool:
        return self._batches.just_gave_up() or super()._makes_do()

    def _attach(self, names: tuple[AnnotatorName, ...]) -> None:
        """Give the pipeline the ControlNets of these annotators, in their order."""
        assert self._loader is not None
        keys = tuple(self._key(name) for name in names)
        if self.stack.kind == "sdxl-union" or keys == self._attached:
            return
        for key, name in zip(keys, names, strict=True):
            if key not in self._controlnets:
                self._controlnets[key] = self._loader.controlnet(name)
            self._controlnets.move_to_end(key)
        while len(self._controlnets) > max(_LOADED_CONTROLNETS, len(keys)):
            self._controlnets.popitem(last=False)
        self._pipe.register_modules(controlnet=self._combined([self._controlnets[key] for key in keys]))
        self._attached = keys
        self._loader.place(self._pipe)

    def _combined(self, controlnets: list[Any]) -> Any:
        """What the pipeline takes as its ControlNet, skipping those that are switched off."""
        if self.stack.kind == "sdxl-union":
            return skip_when_off(controlnets[0])
        return skip_when_off(heavy.load("diffusers").MultiControlNetModel(controlnets))

    def _main_control(self) -> AnnotatorName:
        return next(iter(self.stack.controlnets))

    def _key(self, name: AnnotatorName) -> str:
        return "union" if self.stack.kind == "sdxl-union" else name

    def _longest_schedule(self) -> int:
        """An LCM schedule is cut out of the one that it was distilled with, of 50 steps by default."""
        setting = self.stack.scheduler
        if setting.name != "LCMScheduler":
            return 1000
        return int(setting.config.get("original_inference_steps", 50))

    def _working_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """What a portrait of a size is diffused at, in whole steps of the autoencoder."""
        scale = self._pipe.vae_scale_factor
        if self.stack.working_size:
            factor = self.stack.working_size / math.sqrt(size[0] * size[1])
            size = (round(size[0] * factor), round(size[1] * factor))
        return max(scale, round(size[0] / scale) * scale), max(scale, round(size[1] / scale) * scale)

    def _forget(self) -> None:
        self._tiny_vae = self._loader = None
        self._attached = ()
        self._controlnets.clear()
        self._prompts.clear()
        self._readings.clear()
