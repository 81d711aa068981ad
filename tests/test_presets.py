"""Preset files: what loads, what is refused and how it is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pipelines.engines.likeness import for_stack
from pipelines.errors import PresetError, RequestInvalid, SettingsError
from pipelines.presets.loading import FAMILY_NAMES, PRESETS, Presets, all_presets, load_presets
from pipelines.presets.readme import render_readme
from pipelines.schema import Scene, Style


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "presets"
    shutil.copytree(PRESETS, copy)
    return copy


def test_every_shipped_preset_loads(presets: Presets) -> None:
    assert presets.problems == ()
    for kind, loaded in (("styles", presets.all_styles), ("scenes", presets.scenes), ("models", presets.models)):
        files = {path.stem for path in (PRESETS / kind).glob("*.toml")}
        assert set(loaded) == files
    assert set(presets.picture_styles) == {"own-picture"}


def test_enough_to_choose_from(presets: Presets) -> None:
    families = [style.family for style in presets.styles.values()]
    assert len(families) >= 16
    assert all(families.count(family) >= 3 for family in FAMILY_NAMES)
    assert len(presets.scenes) >= 8
    assert next(iter(presets.scenes)) == "none"
    assert "oil-master" in presets.styles


def test_no_prompt_names_gender_age_or_origin(presets: Presets) -> None:
    forbidden = {
        "man", "woman", "male", "female", "boy", "girl", "handsome", "beautiful", "young", "elderly", "child", "lady",
        "gentleman", "asian", "european", "african", "caucasian", "slim", "attractive", "pretty", "flawless",
    }  # fmt: skip
    worded: list[Style | Scene] = [*presets.styles.values(), *presets.scenes.values()]
    for preset in worded:
        words = set(preset.prompt.lower().replace(",", " ").split())
        assert not words & forbidden, preset.id


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("strength = 'high'", "strength"),
        ("strength = 3.0", "strength"),
        ("colour = 1", "colour"),
        ("id = 'other'", "id"),
        ("[[controls]]\nannotator = 'xray'", "controls"),
        ("[[preview]]\nop = 'explode'", "preview"),
        ("strength = = 1", "TOML"),
        ("keywords = 'van gogh'", "keywords"),
        ("keywords = ['Van Gogh']", "keywords"),
        ("keywords = ['van  gogh']", "keywords"),
        ("keywords = ['a b c d e']", "keywords"),
        ("keywords = [7]", "keywords"),
        ("keywords = ['ink', 'pen', 'ink']", "keywords"),
    ],
)
def test_wrong_file_is_named_with_its_field_and_the_others_load(
    folder: Path, presets: Presets, content: str, field: str
) -> None:
    target = folder / "styles" / "oil-master.toml"
    lines = [line for line in target.read_text("utf-8").splitlines() if not line.startswith("strength")]
    lines = [line for line in lines if "keywords" not in content or not line.startswith("keywords")]
    target.write_text(
        content + "\n" + "\n".join(lines) if "[[" not in content else "\n".join([*lines, content]), "utf-8"
    )
    broken = load_presets(folder)
    assert set(presets.styles) - set(broken.styles) == {"oil-master"}
    assert len(broken.problems) == 1
    assert "styles/oil-master.toml" in broken.problems[0].hint
    assert field in broken.problems[0].hint


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a = '" + b"x" * 100_000 + b"'", b""])
def test_unreadable_file_is_left_out(folder: Path, content: bytes) -> None:
    (folder / "scenes" / "strange.toml").write_bytes(content)
    loaded = load_presets(folder)
    assert "strange" not in loaded.scenes
    assert "scenes/strange.toml" in loaded.problems[0].hint


def test_file_name_must_be_an_id(folder: Path) -> None:
    shutil.copy(folder / "scenes" / "none.toml", folder / "scenes" / "No Such Name!.toml")
    assert "field id" in load_presets(folder).problems[0].hint


def test_without_any_style_there_is_nothing_to_start(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="restore one"):
        load_presets(tmp_path)


@pytest.mark.parametrize("unknown", ["", "mona-lisa", "../../etc/passwd", "OIL-MASTER"])
def test_unknown_id_lists_the_known_ones(presets: Presets, unknown: str) -> None:
    with pytest.raises(RequestInvalid, match="oil-master"):
        presets.style(unknown)
    with pytest.raises(RequestInvalid, match="none"):
        presets.scene(unknown)


def test_a_new_style_needs_no_code(folder: Path) -> None:
    text = (folder / "styles" / "oil-master.toml").read_text("utf-8")
    (folder / "styles" / "my-style.toml").write_text(text.replace("name =", "name = 'Mine' #", 1), "utf-8")
    assert load_presets(folder).styles["my-style"].name == "Mine"


def test_readme_tells_what_the_schema_says() -> None:
    assert (PRESETS / "README.md").read_text("utf-8") == render_readme(), "run python -m pipelines.presets"


def test_what_the_built_in_model_repaints_has_the_palettes_of_its_style(presets: Presets) -> None:
    """Its recipes repeat steps of the filters, and a palette changed in one place only would part the two engines."""
    for style in presets.styles.values():
        chosen = for_stack(style, "embedded")
        for word in ("ramps", "inks", "frames"):
            known = [getattr(step, word) for step in style.preview if getattr(step, word, None)]
            used = [
                getattr(step, word)
                for step in (*chosen.start_recipe, *chosen.finish_recipe)
                if getattr(step, word, None)
            ]
            assert all(one in known for one in used), f"{style.id}: {word}"


def test_words_that_are_lent_are_those_of_their_style(presets: Presets) -> None:
    """Styles whose own words the built-in model learnt badly are given Watercolour's, word for word."""
    lent = [style.overrides["embedded"].prompt for style in presets.styles.values() if "embedded" in style.overrides]
    assert {prompt for prompt in lent if prompt is not None} == {presets.style("watercolour").prompt}


# --- the operator's own, beside those of this project ---


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """A folder for STUDIO_PRESETS with one style."""
    styles = tmp_path / "own" / "styles"
    styles.mkdir(parents=True)
    text = (PRESETS / "styles" / "film-noir.toml").read_text("utf-8")
    (styles / "house.toml").write_text(text.replace('name = "Film noir"', 'name = "House style"'), "utf-8")
    return tmp_path / "own"


def test_an_operators_presets_stand_beside_those_of_this_project(
    more: Path, presets: Presets, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = (PRESETS / "scenes" / "orbit.toml").read_text("utf-8")
    (more / "scenes").mkdir()
    (more / "scenes" / "moon.toml").write_text(scene, "utf-8")
    monkeypatch.setenv("STUDIO_PRESETS", str(more))
    both = all_presets()
    assert both.problems == ()
    assert set(both.all_styles) - set(presets.all_styles) == {"house"}
    assert both.style("house").name == "House style"
    assert set(both.scenes) - set(presets.scenes) == {"moon"}
    assert both.models == presets.models


def test_a_file_with_a_name_that_is_taken_is_refused_and_replaces_nothing(more: Path, presets: Presets) -> None:
    (more / "styles" / "house.toml").rename(more / "styles" / "comic.toml")
    both = load_presets(more=more)
    assert both.style("comic") == presets.style("comic")
    (problem,) = both.problems
    assert problem.hint.startswith("Preset styles/comic.toml in STUDIO_PRESETS: this project has one of that name")


def test_a_wrong_file_of_an_operator_is_named_with_its_field(more: Path, presets: Presets) -> None:
    path = more / "styles" / "house.toml"
    path.write_text("strength = 7\n" + re.sub("(?m)^strength.*\n", "", path.read_text("utf-8")), "utf-8")
    both = load_presets(more=more)
    assert set(both.all_styles) == set(presets.all_styles)
    (problem,) = both.problems
    assert "styles/house.toml, field strength: Input should be less than or equal to 1" in problem.hint
    assert "STUDIO_PRESETS" in problem.hint


def test_a_folder_that_is_none_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STUDIO_PRESETS", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="STUDIO_PRESETS must name a folder that is there"):
        all_presets()
