"""Seeds: pictures that a visitor tells apart at a glance, of a person whose skin stays; the same seed repeats."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.portrait_figures import seed_distance
from pipelines.engines.filters.canvas import Canvas
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.scenery.relight import Lamp, face_form, lit, skin_like
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets
from pipelines.schema import PreparedPhoto
from tests.support.sweeps import sweep

_STYLES = ("golden-hour", "comic", "watercolour", "fauve", "film-noir")
_PEOPLE = ("001", "061", "084", "071")
_SIZE = 160


@pytest.fixture(scope="module")
def sitter(loaded) -> PreparedPhoto:
    return prepare(loaded, None, _SIZE)


def _paint(engine: FilterEngine, presets: Presets, photo: PreparedPhoto, style: str, seed: int, scene: str = "none"):
    return np.asarray(engine.render(photo, presets.style(style), presets.scene(scene), seed=seed))


def _between_seeds(engine: FilterEngine, presets: Presets, photo: PreparedPhoto, style: str) -> float:
    seeds = [_paint(engine, presets, photo, style, seed) for seed in range(4)]
    return float(np.median([seed_distance(one, two) for one, two in combinations(seeds, 2)]))


def test_distance_is_none_for_the_same_picture_and_grows_with_colour() -> None:
    grey = np.full((40, 40, 3), 120, np.uint8)
    colours = [np.full((40, 40, 3), value, np.uint8) for value in ((140, 120, 100), (200, 120, 60))]
    assert seed_distance(grey, grey) == 0
    assert 2 < seed_distance(grey, colours[0]) < seed_distance(grey, colours[1])
    mirrored = np.hstack((grey, colours[1]))
    assert seed_distance(mirrored, mirrored[:, ::-1]) < 0.5, "where colours stand does not count"


@pytest.mark.parametrize("style", sweep(_STYLES[:3], 1))
def test_four_seeds_of_one_photo_differ_in_colour(engine, presets, sitter, style) -> None:
    assert _between_seeds(engine, presets, sitter, style) > 8


@pytest.mark.parametrize("style", _STYLES)
@pytest.mark.slow
def test_seeds_differ_by_more_than_photos_do(engine, presets, sitter, portraits_dir: Path, style) -> None:
    people = [sitter, *(prepare(open_photo(portraits_dir / f"{name}.jpg"), None, _SIZE) for name in _PEOPLE)]
    calm = [_paint(engine, presets, photo, style, 0) for photo in people]
    chance = np.median([seed_distance(one, two) for one, two in combinations(calm, 2)])
    assert np.median([_between_seeds(engine, presets, photo, style) for photo in people]) > chance


@pytest.mark.parametrize("scene", sweep(["alpine-lake", "library"], 1))
def test_a_scene_has_its_hours(engine, presets, sitter, scene) -> None:
    seeds = [_paint(engine, presets, sitter, "golden-hour", seed, scene) for seed in range(4)]
    assert min(seed_distance(one, two) for one, two in combinations(seeds, 2)) > 3


def test_every_seed_leaves_the_face_as_light_as_it_is(engine, presets, sitter) -> None:
    assert sitter.face is not None
    rgb = np.asarray(sitter.image, np.float32) / 255
    face = Canvas(rgb, rgb, sitter.person_mask, sitter.face.landmarks).face > 0.9
    before = _lightness(np.asarray(sitter.image), face)
    for seed in range(8):
        assert abs(_lightness(_paint(engine, presets, sitter, "golden-hour", seed), face) - before) < 4, seed


def test_light_falls_over_the_form_of_the_face(sitter) -> None:
    """Even grey is as light as it was on the side of the lamp, darker on the other, and the nose stands out."""
    assert sitter.face is not None
    grey = np.full((_SIZE, _SIZE, 3), 0.45, np.float32)
    canvas = Canvas(grey, grey, sitter.person_mask, sitter.face.landmarks)
    white = np.ones(3, np.float32)
    done = lit(canvas, grey, None, Lamp(white, white, (-1.0, -0.3, 0.3), key=0.6, ambient=0.0, edge=0.0))[..., 0]
    left, right = (sitter.face.landmarks[index].astype(int) for index in (50, 280))
    assert done[left[1], left[0]] > 1.1 * done[right[1], right[0]]
    assert 0.42 < done[left[1], left[0]] < 0.48
    assert 0.39 < float(done[canvas.face > 0.9].mean()) < 0.45
    normals = face_form(canvas, skin_like(canvas))
    assert np.allclose(np.linalg.norm(normals, axis=2), 1, atol=0.02)
    factor = normals.shape[1] / _SIZE
    wings = [(sitter.face.landmarks[index] * factor).astype(int) for index in (129, 358)]
    assert normals[wings[0][1], wings[0][0], 0] < normals[wings[1][1], wings[1][0], 0] - 0.2


def _lightness(picture: np.ndarray, where: np.ndarray) -> float:
    return float(np.median(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[where][:, 0]))
