"""How transformers trained by flow matching paint: from noise, through which the photo may shine, in a few steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL import Image

from pipelines import heavy
from pipelines.engines.base import Made, Studio
from pipelines.engines.device import Device, computes_on
from pipelines.engines.filters.stage import Stage
from pipelines.engines.flow.stack import FlowStack
from pipelines.engines.pipeline_engine import PipelineEngine, Report, require_finite, require_picture, resized
from pipelines.schema import Control, Job, StepCallback

F = TypeVar("F", bound=FlowStack)


@dataclass(frozen=True)
class Plan:
    """A job in the terms of such a model.

    Attributes:
        words: What the language model reads.
        pictures: What the model looks at.
        controls: What of the photo's drawings guides it.
        strength: How far the photo is repainted, over 0, to 1; at 1 nothing of it is in the first noise.
        notes: Sentences for the visitor.
        negative_prompt: What is not wanted, for models with guidance.
    """

    words: str
    pictures: tuple[Image.Image, ...]
    controls: tuple[Control, ...]
    strength: float
    notes: tuple[str, ...] = ()
    negative_prompt: str = ""


class FlowEngine(PipelineEngine[F]):
    """Makes portraits with one model stack; see `PipelineEngine`."""

    def __init__(self, stack: F, *, device: Device | None = None) -> None:
        super().__init__(stack, device=device)
        self._stage = Stage()
        self._tiny_vae: Any = None

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make."""
        plan = self.plan(job, studio)
        pictures = self._attempt(lambda: self._paint(job, plan, on_step))
        return Made(pictures, plan.controls, plan.notes + self._memory_notes)

    # --- for each model ----------------------------------------------------------------------------------------------

    @abstractmethod
    def plan(self, job: Job, studio: Studio) -> Plan:
        """What the model is to be told and shown. Loads nothing."""

    @abstractmethod
    def _arguments(self, plan: Plan, size: tuple[int, int]) -> dict[str, Any]:
        """Keyword arguments of the pipeline call that all seeds share: words as they were read, pictures, guidance."""

    @abstractmethod
    def _shift(self, tokens: int) -> float:
        """How far the schedule is moved towards noise for a picture of so many tokens (`mu` of the scheduler)."""

    @abstractmethod
    def _encoded(self, picture: Any, generator: Any) -> Any:
        """The latents of a picture of (1, 3, height, width) in -1..1, in the model's own scale."""

    @abstractmethod
    def _empty(self, size: tuple[int, int]) -> tuple[int, ...]:
        """The shape of the latents of a picture of this width and height."""

    def _packed(self, latents: Any) -> Any:
        """Latents as the pipeline takes them."""
        return latents

    @contextmanager
    def _around(self, plan: Plan) -> Iterator[None]:
        """Around all seeds of a job."""
        yield

    # --- one portrait ------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._tiny_vae = None

    def _paint(self, job: Job, plan: Plan, on_step: StepCallback) -> list[Image.Image]:
        """One picture a seed, one after the other, so that none depends on the others."""
        report = Report(on_step, self.stack.num_inference_steps * len(job.seeds))
        report(0, None)
        self._load()
        report(0, None)
        size = self._fitting(job.photo.image.size)
        arguments = self._arguments(plan, size)
        with self._around(plan):
            return [self._one(arguments, seed, job, plan, report, size) for seed in job.seeds]

    def _fitting(self, size: tuple[int, int]) -> tuple[int, int]:
        """The nearest size in whole tokens."""
        step = self._pipe.vae_scale_factor * 2
        return max(step, round(size[0] / step) * step), max(step, round(size[1] / step) * step)

    def _one(
        self, arguments: dict[str, Any], seed: int, job: Job, plan: Plan, report: Report, size: tuple[int, int]
    ) -> Image.Image:
        last = report.step + self.stack.num_inference_steps
        pipe = self._pipe
        sigmas = flow_sigmas(plan.strength, self.stack.num_inference_steps)
        start = self._stage.set(job.photo, job.scene, seed) if plan.strength < 1.0 else None

        def on_step_end(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
            step = report.step + 1
            require_finite(values["latents"])
            unseen = step == last or job.in_series or self._tiny_vae is None
            report(step, None if unseen else self._preview(denoised[0]))
            return {}

        denoised = record_clean(pipe.scheduler)
        try:
            with heavy.working_with_models():
                picture: Image.Image = pipe(
                    **arguments,
                    latents=self._start(start, sigmas, seed, size),
                    width=size[0],
                    height=size[1],
                    sigmas=sigmas,
                    num_inference_steps=len(sigmas),
                    callback_on_step_end=on_step_end,
                    output_type="pil",
                ).images[0]
        finally:
            del pipe.scheduler.step  # the recorder, an attribute of the instance
        return resized(require_picture(picture), job.photo.image.size)

    def _start(self, picture: Image.Image | None, sigmas: list[float], seed: int, size: tuple[int, int]) -> Any:
        """Noise, drawn on the processor, so that a seed means the same on every device; with a picture in it where the
        schedule begins below full noise.
        """
        torch, pipe = heavy.load("torch"), self._pipe
        generator = torch.Generator("cpu").manual_seed(seed)
        device = computes_on(pipe)
        if picture is None:
            return self._packed(torch.randn(self._empty(size), generator=generator)).to(device)
        values = pipe.image_processor.preprocess(resized(picture, size), height=size[1], width=size[0])
        with torch.no_grad():
            clean = self._encoded(values.to(device, pipe.vae.dtype), generator).float()
        noise = torch.randn(clean.shape, generator=generator).to(device)
        step = pipe.vae_scale_factor * 2
        pipe.scheduler.set_timesteps(sigmas=sigmas, mu=self._shift((size[0] // step) * (size[1] // step)))
        amount = float(pipe.scheduler.sigmas[0])
        return self._packed((1.0 - amount) * clean + amount * noise)

    def _preview(self, latents: Any) -> Image.Image:
        vae = self._tiny_vae
        with heavy.load("torch").no_grad():
            sample = vae.decode(latents.to(vae.device, vae.dtype) / vae.config.scaling_factor).sample
            picture: Image.Image = self._pipe.image_processor.postprocess(sample.float(), output_type="pil")[0]
        return picture


def flow_sigmas(strength: float, steps: int) -> list[float]:
    """How much noise is in the picture before each step, before the scheduler moves it.

    At strength 1 the schedule of the pipelines; below, the end of a longer one, as their img2img classes cut it.

    Args:
        strength: Over 0, to 1: how much noise there is at first.
        steps: That really run.
    """
    return [strength * (steps - step) / steps for step in range(steps)]


def flow_shift(scheduler: Any, tokens: int) -> float:
    """`mu` as the pipelines of Qwen-Image and Z-Image work it out: linear in the number of tokens."""
    config = scheduler.config
    least, most = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    return float(low + (tokens - least) * (high - low) / (most - least))


def record_clean(scheduler: Any) -> list[Any]:
    """Keep the scheduler's latest guess of the finished latents: the way from noise to picture is straight, so it is
    the sample less its noise times the speed.

    Returns:
        A list whose one element is replaced at every step.
    """
    step = scheduler.step
    latest: list[Any] = [None]

    def recording_step(model_output: Any, timestep: Any, sample: Any, **others: Any) -> Any:
        result = step(model_output, timestep, sample, **others)
        latest[0] = sample - scheduler.sigmas[scheduler.step_index - 1].to(sample.dtype) * model_output
        return result

    scheduler.step = recording_step
    return latest
