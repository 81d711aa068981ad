"""One slider, three numbers."""

from __future__ import annotations

import pytest

from pipelines.likeness import apply_likeness, for_stack
from pipelines.presets import Presets
from pipelines.schema import StyleOverride


def test_the_middle_is_the_style_itself(presets: Presets) -> None:
    for style in presets.styles.values():
        guidance = apply_likeness(style, 0.5)
        assert guidance.strength == pytest.approx(style.strength)
        assert guidance.ip_adapter_scale == pytest.approx(style.ip_adapter_scale)
        assert guidance.controls == style.controls


def test_more_like_me_means_less_noise_and_more_control(presets: Presets) -> None:
    for style in presets.styles.values():
        steps = [apply_likeness(style, value / 4) for value in range(5)]
        strengths = [step.strength for step in steps]
        scales = [step.controls[0].controlnet_conditioning_scale for step in steps]
        assert strengths == sorted(strengths, reverse=True)
        assert strengths[0] > strengths[-1]
        assert scales == sorted(scales)
        assert all(0 < value <= 1 for value in strengths)
        assert all(0 <= step.ip_adapter_scale <= 1 for step in steps)


def test_overrides_of_a_stack_replace_only_what_they_name(presets: Presets) -> None:
    style = presets.styles["oil-master"].model_copy(update={"overrides": {"sd15-lcm": StyleOverride(strength=0.33)}})
    changed = for_stack(style, "sd15-lcm")
    assert changed.strength == 0.33
    assert changed.prompt == style.prompt
    assert for_stack(style, "sdxl-lightning") is style
