"""Recipes: what a style file may say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.operations import OPERATIONS
from pipelines.presets.loading import FAMILY_NAMES, PRESETS, THUMBNAILS, Presets
from pipelines.provenance import watermark
from pipelines.recipe import RecipeStep
from pipelines.thumbnails import SIZE, main, paint, sitter, thumbnail_path

STEP = TypeAdapter(RecipeStep)


def test_op_chooses_the_operation():
    assert STEP.validate_python({"op": "ink", "width": 2.0}).width == 2.0
    assert STEP.validate_python({"op": "kuwahara"}).radius == 5


@pytest.mark.parametrize(
    "step",
    [
        {"op": "inc"},
        {"width": 2.0},
        {"op": "ink", "widht": 2.0},
        {"op": "ink", "width": 99},
        {"op": "ink", "color": "black"},
        {"op": "tone_map", "ramps": [["#000000"]]},
        {"op": "tone_map", "ramps": []},
        {"op": "hatch", "layers": 40},
        {"op": "grade", "saturation": float("nan")},
    ],
)
def test_what_is_misspelt_or_out_of_range_is_refused(step):
    with pytest.raises(ValidationError):
        STEP.validate_python(step)


def test_every_word_of_the_language_is_an_operation():
    schema = STEP.json_schema()
    assert set(schema["discriminator"]["mapping"]) == set(OPERATIONS)


def test_all_preset_files_are_in_order(presets: Presets):
    assert presets.problems == ()
    assert len(presets.styles) >= 16
    assert len(presets.scenes) >= 8
    assert "oil-master" in presets.styles
    needed = {
        "none",
        "studio",
        "renaissance-hall",
        "neon-city",
        "orbit",
        "enchanted-forest",
        "underwater",
        "storybook-village",
    }
    assert needed <= set(presets.scenes)


def test_families_are_balanced(presets: Presets):
    for family in FAMILY_NAMES:
        assert sum(style.family == family for style in presets.styles.values()) >= 4, family


def test_prompts_describe_the_style_and_never_the_person(presets: Presets):
    words = (
        r"\b(man|woman|men|women|boy|girl|male|female|he|she|his|her|young|elderly|asian|african|european|caucasian"
        r"|white skin|black skin|beautiful|handsome|pretty)\b"
    )
    for style in presets.styles.values():
        assert style.prompt.startswith("portrait of a person"), style.id
        for text in (style.prompt, style.negative_prompt):
            assert not re.search(words, text), (style.id, text)
    for scene in presets.scenes.values():
        assert not re.search(words, scene.prompt), scene.id


def test_a_style_file_names_no_unknown_key():
    for path in sorted((PRESETS / "styles").glob("*.toml")):
        for step in tomllib.loads(path.read_text("utf-8"))["preview"]:
            STEP.validate_python(step)


def test_every_style_and_scene_has_its_thumbnail(presets: Presets):
    wanted = {thumbnail_path("styles", i) for i in presets.styles} | {
        thumbnail_path("scenes", i) for i in presets.scenes
    }
    missing = sorted(path.name for path in wanted if not path.is_file())
    assert not missing, f"run python -m pipelines.thumbnails: {missing}"
    there = set(THUMBNAILS.rglob("*.webp"))
    assert not there - wanted, "thumbnails of presets that are gone"


def test_every_thumbnail_is_watermarked():
    for path in sorted(THUMBNAILS.rglob("*.webp")):
        with Image.open(path) as thumbnail:
            found = watermark.detect(thumbnail.convert("RGB"), in_place_only=True)
        assert found is not None, path.name
        assert found.kind == ("ai" if path.parent.name == "styles" else "filter"), path.name


@pytest.mark.slow
def test_thumbnails_are_the_same_every_time(presets: Presets):
    from_engine = [_thumbnail(presets) for _ in range(2)]
    assert from_engine[0] == from_engine[1]
    assert from_engine[0][8:12] == b"WEBP"
    assert len(from_engine[0]) < 40_000
    assert SIZE == 256


def test_an_unknown_thumbnail_is_named(capsys: pytest.CaptureFixture[str]):
    assert main(["no-such-style"]) == 2
    assert "no-such-style" in capsys.readouterr().err


def test_thumbnail_names_tell_styles_from_scenes():
    assert thumbnail_path("styles", "studio", Path("x")) != thumbnail_path("scenes", "studio", Path("x"))


def _thumbnail(presets: Presets) -> bytes:
    return paint(FilterEngine(), sitter(FilterEngine.size), presets.style("pixel-art"), presets.scene("none"), {})
