"""A job in diffusers' terms: style, scene, likeness and words folded into the values of a pipeline call."""

from __future__ import annotations

from pydantic import Field

from languages.saying import listed, say
from pipelines.engines.base import Studio
from pipelines.engines.likeness import apply_likeness, for_stack
from pipelines.engines.unet.stack import UNetStack
from pipelines.schema import AnnotatorName, Control, Job, Style, Unit


class GenerationJob(Job):
    """A job whose strength, scales and prompt are final."""

    controls: tuple[Control, ...] = ()
    prompt: str
    negative_prompt: str = ""
    strength: float = Field(gt=0.0, le=1.0)
    guidance_scale: float | None = Field(None, ge=0.0, le=15.0)
    ip_adapter_scale: Unit = 0.0
    style_adapter_scale: Unit = 0.0


def annotators_of(stack: UNetStack, style: Style) -> tuple[AnnotatorName, ...]:
    """What guides every style of a stack, and the style's controls that it has ControlNets for; its first ControlNet
    where it has none of them.
    """
    sources = stack.controlnets
    asked = [control.annotator for control in style.controls if control.annotator in sources]
    always = [name for name, source in sources.items() if source.controlnet_conditioning_scale is not None]
    wanted = tuple(dict.fromkeys([*always, *asked]))
    return wanted or (next(iter(sources)),)


def resolve(job: Job, stack: UNetStack, studio: Studio) -> tuple[GenerationJob, tuple[str, ...]]:
    """The values for diffusers, and sentences for the visitor on what of the job this stack cannot follow.

    Raises:
        EngineUnavailable: A control image reads weights that are not on this machine.
    """
    style = for_stack(job.style, stack.id)
    guidance = apply_likeness(style, job.likeness)
    settings = {setting.annotator: setting for setting in guidance.controls}
    main = guidance.controls[0]
    names = annotators_of(stack, style)
    # A stack that has none of the style's ControlNets uses its own, with the weight of the style's main one.
    chosen = [settings.get(name) or main.model_copy(update={"annotator": name}) for name in names]
    controls = tuple(Control(**one.model_dump(), image=studio.control(one.annotator)) for one in chosen)
    notes: list[str] = []
    lacking = [name for name in settings if name not in names]
    if lacking and not stack.guides_every_style:
        notes.append(
            say(
                "{name} has no control for {lacking}; it was guided by {names}.",
                name=stack.name,
                lacking=listed(lacking),
                names=listed(names),
            )
        )
    words = job.words.strip()
    if words and not stack.reads_words:
        words = ""
        notes.append(say("{name} knows only its own styles, so your own words were left out.", name=stack.name))
    adapter = stack.style_adapter if job.style_picture is not None and style.needs_picture else None
    resolved = GenerationJob(
        photo=job.photo,
        style=style,
        scene=job.scene,
        likeness=job.likeness,
        style_picture=job.style_picture,
        seeds=job.seeds,
        in_series=job.in_series,
        controls=controls,
        prompt=", ".join(part for part in (style.prompt, job.scene.prompt, words) if part),
        negative_prompt=style.negative_prompt,
        strength=guidance.strength,
        guidance_scale=style.guidance_scale,
        ip_adapter_scale=guidance.ip_adapter_scale,
        # As with strength: "more like me" is less of the style.
        style_adapter_scale=0.0 if adapter is None else min(1.0, adapter.scale * (1.35 - 0.7 * job.likeness)),
    )
    return resolved, tuple(notes)
