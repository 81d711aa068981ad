"""A visitor's raw values as a request, and a request as an engine's job."""

from __future__ import annotations

from pipelines.engines.unet.likeness import apply_likeness
from pipelines.errors import RequestInvalid
from pipelines.schema import Control, GenerationJob, PortraitRequest, PreparedPhoto, Scene, Style


def build_request(**values: object) -> PortraitRequest:
    """A PortraitRequest from a visitor's raw values.

    Raises:
        RequestInvalid: One of them is missing, of the wrong kind or out of range; the hint names it.
    """
    try:
        return PortraitRequest.model_validate(values)
    except ValueError as error:
        fields = [str(item["loc"][0]) for item in getattr(error, "errors", list)() if item["loc"]]
        advice = _ADVICE.get(fields[0] if fields else "", "This request is not complete; start again.")
        raise RequestInvalid(advice) from error


_ADVICE = {
    "photo": "Add a photo first.",
    "consent": "Tick the consent box first.",
    "seeds": "Choose a seed from 0 to 4294967295 and one to four variations.",
    "likeness": "Choose a likeness from 0 to 1.",
    "style_id": "There is no such style; choose one from the list.",
    "scene_id": "There is no such scene; choose one from the list.",
    "model_id": "There is no such model; choose one from the list.",
    "face_index": "That face is not in the photo; choose one of those that were found.",
    "visible_label": "Choose true or false for the visible label.",
    "extra_prompt": "Your own words are too long; keep them under 400 characters.",
}


def job_of(
    request: PortraitRequest,
    style: Style,
    scene: Scene,
    crop: PreparedPhoto,
    controls: tuple[Control, ...],
    words: str,
) -> GenerationJob:
    """What an engine is to do: style, scene, likeness and words folded into the values that diffusers takes.

    Args:
        crop: The sitter, as large as the engine wants.
        controls: Resolved for likeness.
        words: The visitor's own, as far as the engine may have them.
    """
    guidance = apply_likeness(style, request.likeness)
    prompt = ", ".join(part for part in (style.prompt, scene.prompt, words) if part)
    return GenerationJob(
        photo=crop,
        style=style,
        scene=scene,
        likeness=request.likeness,
        controls=controls,
        prompt=prompt,
        negative_prompt=style.negative_prompt,
        strength=guidance.strength,
        guidance_scale=style.guidance_scale,
        ip_adapter_scale=guidance.ip_adapter_scale,
        seeds=request.seeds,
    )
