"""The one slider that visitors understand, turned into the three numbers that diffusion understands."""

from __future__ import annotations

from typing import NamedTuple

from pipelines.schema import ControlSetting, Style


class Guidance(NamedTuple):
    """What a style asks for, moved towards the photo or away from it."""

    strength: float
    ip_adapter_scale: float
    controls: tuple[ControlSetting, ...]


def apply_likeness(style: Style, likeness: float) -> Guidance:
    """Move a style's settings by the likeness slider.

    At 0.5 the style's own numbers hold. Towards 1 ("more like me") less noise is added to the photo (strength x 0.65),
    the face adapter (x 1.5) and the control images (x 1.25) weigh more; towards 0 ("more artistic") strength x 1.35,
    face adapter x 0.5, controls x 0.75. Linear in between, clipped to what diffusers accepts.

    Args:
        style: With overrides for the model stack already applied.
        likeness: 0..1.
    """
    towards_me = 2.0 * likeness - 1.0
    controls = tuple(
        control.model_copy(
            update={
                "controlnet_conditioning_scale": min(
                    2.0, control.controlnet_conditioning_scale * (1.0 + 0.25 * towards_me)
                )
            }
        )
        for control in style.controls
    )
    return Guidance(
        strength=min(0.95, max(0.15, style.strength * (1.0 - 0.35 * towards_me))),
        ip_adapter_scale=min(1.0, style.ip_adapter_scale * (1.0 + 0.5 * towards_me)),
        controls=controls,
    )


def for_stack(style: Style, model_id: str) -> Style:
    """The style with its overrides for one model stack folded in."""
    override = style.overrides.get(model_id)
    if override is None:
        return style
    return style.model_copy(update={key: value for key, value in override if value is not None})
