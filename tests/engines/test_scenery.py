"""Scenes behind the person, through the instant filters, and the backdrops that they are painted on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.engines.filters.lighting import foreground
from pipelines.engines.filters.scenery.backdrops import PAINTERS, Backdrops
from tests.support.painting import job_of, paint
from tests.support.sweeps import project_presets, sweep

SCENES = sorted(project_presets().scenes)


@pytest.mark.parametrize("scene", sweep(SCENES, 4))
def test_every_scene_is_drawn_behind_the_person(engine, presets, photo, scene):
    plain = paint(engine, job_of(presets, photo, "golden-hour"))[0]
    there = paint(engine, job_of(presets, photo, "golden-hour", scene))[0]
    if scene == "none":
        assert there.tobytes() == plain.tobytes()
        return
    change = np.abs(np.asarray(there, np.float32) - np.asarray(plain, np.float32)).mean(axis=2)
    outside, inside = photo.person_mask < 0.05, photo.person_mask > 0.97
    assert change[outside].mean() > 16
    assert change[inside].mean() < 0.65 * change[outside].mean()


@pytest.mark.parametrize("style", ["oil-master", "starry-strokes", "ukiyo-e"])
def test_styles_that_repaint_the_wall_leave_a_scene_there(engine, presets, photo, style):
    stage, space = (
        np.asarray(paint(engine, job_of(presets, photo, style, x))[0], np.float32) for x in ("theatre", "orbit")
    )
    assert np.abs(stage - space).mean(axis=2)[photo.person_mask < 0.05].mean() > 20


@pytest.mark.parametrize(("width", "softness", "limit"), [(120, 3.0, 0.045), (16, 2.0, 0.06)])
def test_the_old_background_leaves_no_halo(width, softness, limit):
    """A gray person, or a strand of hair, cut from a green wall has no green left in the soft edge."""
    alpha = cv2.GaussianBlur(np.pad(np.ones((width, width), np.float32), (256 - width) // 2), (0, 0), softness)
    person, wall = np.array([0.4, 0.4, 0.4], np.float32), np.array([0.0, 1.0, 0.0], np.float32)
    mixed = person * alpha[..., None] + wall * (1 - alpha[..., None])
    found = foreground(mixed, alpha)
    edge = (alpha > 0.25) & (alpha < 0.75)
    assert mixed[edge][:, 1].mean() - mixed[edge][:, 0].mean() > 0.25
    assert np.abs(found[edge] - person).max() < limit


def test_backdrops_differ_by_seed_repeat_and_are_forgotten_when_many():
    kept = Backdrops(limit=3)
    for painter in PAINTERS:
        first = kept.get(painter, 1, 72, 96, -1.0)
        assert first.shape == (72, 96, 3)
        assert np.isfinite(first).all()
        assert first.min() >= 0
        assert first.max() <= 1
        assert first.std() > 0.02
        assert np.abs(first - kept.get(painter, 2, 72, 96, -1.0)).mean() > 0.004
        assert np.array_equal(first, Backdrops().get(painter, 1, 72, 96, -1.0))
    assert len(kept) == 3


@pytest.mark.parametrize("shape", sweep([(97, 131), (131, 97), (64, 64)], 1))
@pytest.mark.parametrize("seeds", [(0, 3, 2**32 - 1), pytest.param(range(1, 12), marks=pytest.mark.slow)])
def test_every_backdrop_can_be_painted_for_any_seed_and_shape(presets, shape, seeds):
    """A book at the edge of the library's shelf once did not fit its slice."""
    height, width = shape
    for scene in presets.scenes.values():
        for seed in seeds if scene.backdrop else ():
            picture = Backdrops().get(scene.backdrop, seed, height, width, 1.0 if seed % 2 else -1.0)
            assert picture.shape == (height, width, 3)
            assert np.isfinite(picture).all()


def test_every_scene_has_a_painter_and_every_painter_a_scene(presets):
    assert {scene.backdrop for scene in presets.scenes.values() if scene.backdrop} == set(PAINTERS)
