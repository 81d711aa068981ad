"""Teachers: recipes as slow as they like that paint what the network is to learn."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from pipelines.presets.loading import Presets
from pipelines.recipe import RecipeStep

FILES = sorted((Path(__file__).resolve().parents[2] / "training" / "teachers").glob("*.toml"))
STEPS = TypeAdapter(tuple[RecipeStep, ...])
# Where each of these falls is chance, which a network answers with the mean: they belong to the finish.
CHANCE = {"strokes", "grain", "surface", "watercolour", "charcoal", "weather", "plate", "riso", "mosaic", "polygons"}


def read(path: Path) -> tuple[RecipeStep, ...]:
    return STEPS.validate_python(tomllib.loads(path.read_text("utf-8"))["paint"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_teacher_speaks_the_words_of_recipes_and_leaves_nothing_to_chance(presets: Presets, path: Path) -> None:
    steps = read(path)
    style = presets.style(path.stem)
    assert steps
    assert not {step.op for step in steps} & CHANCE
    assert steps != style.preview[: len(style.preview) - style.finish_steps], "the preset's own paint is no teacher"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_palettes_that_the_seed_chooses_are_those_of_the_preset(presets: Presets, path: Path) -> None:
    style = presets.style(path.stem)
    paint = style.preview[: len(style.preview) - style.finish_steps]
    wanted = [step.ramps for step in paint if hasattr(step, "ramps")]
    assert [step.ramps for step in read(path) if hasattr(step, "ramps")] == wanted
