"""Z-Image with a ControlNet, as img2img, which diffusers has no class for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from languages.saying import listed, say
from pipelines import heavy
from pipelines.engines.base import Studio
from pipelines.engines.device import Device, best_device
from pipelines.engines.flow.engine import FlowEngine, Plan, flow_shift
from pipelines.engines.flow.loading import load_tiny_vae, load_z_image
from pipelines.engines.flow.stack import ZImageStack
from pipelines.engines.likeness import apply_likeness, for_stack
from pipelines.engines.parts import PartsLoader
from pipelines.engines.pipeline_engine import Lately, resized
from pipelines.schema import AnnotatorName, Control, ControlSetting, Job

_CACHED_PROMPTS = 64


class ZImageEngine(FlowEngine[ZImageStack]):
    """The photo in its scene, noised and painted anew, guided by one control.

    Strength and the control's weight follow the style and the likeness, as in Stable Diffusion's engine.
    """

    def __init__(self, stack: ZImageStack, *, device: Device | None = None) -> None:
        super().__init__(stack, device=device)
        self._prompts = Lately(_CACHED_PROMPTS)
        self._window = _Window()

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators."""
        return (self._control(job).annotator,)

    def plan(self, job: Job, studio: Studio) -> Plan:
        style = for_stack(job.style, self.stack.id)
        guidance = apply_likeness(style, job.likeness)
        main = self._control(job)
        lacking = [one.annotator for one in guidance.controls if one.annotator not in self.stack.controls]
        notes: tuple[str, ...] = ()
        if lacking:
            notes = (
                say(
                    "{name} has no control for {lacking}; it was guided by {names}.",
                    name=self.name,
                    lacking=listed(lacking),
                    names=main.annotator,
                ),
            )
        return Plan(
            words=", ".join(part for part in (style.prompt, job.scene.prompt, job.words.strip()) if part),
            pictures=(),
            controls=(Control(**main.model_dump(), image=studio.control(main.annotator)),),
            strength=guidance.strength,
            notes=notes,
        )

    def _control(self, job: Job) -> ControlSetting:
        """The style's first that the model knows, else the model's own first, weighted as the style's main one."""
        asked = apply_likeness(for_stack(job.style, self.stack.id), job.likeness).controls
        known = [one for one in asked if one.annotator in self.stack.controls]
        return known[0] if known else asked[0].model_copy(update={"annotator": self.stack.controls[0]})

    def _build(self) -> None:
        loader = PartsLoader(self.stack, self._device or best_device(), thrifty=self._thrifty)
        self._pipe = load_z_image(loader, self._window.on)
        self._tiny_vae = load_tiny_vae(loader)

    def _forget(self) -> None:
        super()._forget()
        self._prompts.clear()

    def _arguments(self, plan: Plan, size: tuple[int, int]) -> dict[str, Any]:
        def read() -> Any:
            return self._pipe.encode_prompt(plan.words, do_classifier_free_guidance=False)[0]

        with heavy.load("torch").no_grad():
            embeds = self._prompts.read(plan.words, read)
        (control,) = plan.controls
        return {
            "prompt_embeds": embeds,
            "control_image": resized(control.image, size),
            "controlnet_conditioning_scale": control.controlnet_conditioning_scale,
            "guidance_scale": 0.0,  # distilled with guidance; another value would run everything twice
        }

    @contextmanager
    def _around(self, plan: Plan) -> Iterator[None]:
        (control,) = plan.controls
        setting = ControlSetting(**control.model_dump(exclude={"image"}))  # nothing of the photo is kept
        self._window.open(setting, self.stack.num_inference_steps)
        yield

    def _shift(self, tokens: int) -> float:
        return flow_shift(self._pipe.scheduler, tokens)

    def _encoded(self, picture: Any, generator: Any) -> Any:
        config = self._pipe.vae.config
        latents = self._pipe.vae.encode(picture).latent_dist.sample(generator)
        return (latents - config.shift_factor) * config.scaling_factor

    def _empty(self, size: tuple[int, int]) -> tuple[int, ...]:
        step = self._pipe.vae_scale_factor
        return (1, self._pipe.transformer.in_channels, size[1] // step, size[0] // step)


class _Window:
    """The share of the steps in which the ControlNet guides. Its pipeline knows none; outside, it is not run at all."""

    def __init__(self) -> None:
        self._control: ControlSetting | None = None
        self._steps = 1
        self._count = 0

    def open(self, control: ControlSetting, steps: int) -> None:
        """From now on this control counts, in runs of so many steps."""
        self._control, self._steps, self._count = control, steps, 0

    def on(self, controlnet: Any, transformer: Any) -> Any:
        """The same ControlNet, looking at the window. To be called before hooks of a device are put around it.

        Args:
            transformer: That it guides, and shares layers with.
        """
        forward = controlnet.forward

        def forward_if_on(*seen: Any, **others: Any) -> Any:
            _bring(transformer)
            step, self._count = self._count % self._steps, self._count + 1
            return forward(*seen, **others) if self._is_on(step) else None

        controlnet.forward = forward_if_on
        return controlnet

    def _is_on(self, step: int) -> bool:
        control = self._control
        if control is None or control.controlnet_conditioning_scale == 0.0:
            return False
        begun = step / self._steps >= control.control_guidance_start
        return begun and (step + 1) / self._steps <= control.control_guidance_end


def _bring(transformer: Any) -> None:
    """Where parts move to a GPU one at a time, move the transformer there, as its hook would.

    The ControlNet was moved just now, and with it the layers that both have; the hook looks at the first alone and
    would leave the others where they are.
    """
    hook = getattr(transformer, "_hf_hook", None)
    if hook is None:
        return
    if hook.prev_module_hook is not None:
        hook.prev_module_hook.offload()
    transformer.to(hook.execution_device)
