"""One slider, three numbers, and the benchmark of what it does to a person."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.likeness import HELD_OUT, held_out
from pipelines.engines.likeness import apply_likeness, for_stack
from pipelines.faithfulness.skin import LOWER_FACE
from pipelines.photo import vision
from pipelines.presets.loading import Presets
from pipelines.schema import PreparedPhoto, StyleOverride


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


def test_held_out_patches_overlap_none_that_engine_or_meter_looks_at(prepared: PreparedPhoto) -> None:
    known, held = (_covered(prepared, sites) for sites in ((*vision.SKIN_SITES, *LOWER_FACE), HELD_OUT))
    assert (held & known).sum() < 0.03 * held.sum(), "outlines may touch"


def test_held_out_patches_see_what_the_known_ones_do_not(prepared: PreparedPhoto) -> None:
    unchanged = held_out(prepared, prepared.image)
    assert unchanged is not None
    assert unchanged.distance == 0
    pixels = np.asarray(prepared.image)
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[_covered(prepared, HELD_OUT), 0] += 5
    lighter = (np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255 + 0.5).astype(np.uint8)
    shift = held_out(prepared, Image.fromarray(lighter))
    assert shift is not None
    assert shift.lightness_shift == pytest.approx(5, abs=0.5)


def _covered(photo: PreparedPhoto, sites: tuple[tuple[int, ...], ...]) -> np.ndarray:
    assert photo.face is not None
    assert photo.face.landmarks is not None
    mask = np.zeros(photo.image.size[::-1], np.uint8)
    for site in sites:
        cv2.fillConvexPoly(mask, cv2.convexHull(photo.face.landmarks[list(site)].round().astype(np.int32)), 1)
    covered: np.ndarray = mask > 0
    return covered
