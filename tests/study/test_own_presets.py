"""The frozen hash covers the operator's own presets (STUDIO_PRESETS) that a study names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import StudyError
from pipelines.presets.loading import PRESETS
from pipelines.settings import Settings
from study.__main__ import main
from study.opening import open_studies
from study.plan.freezing import freeze, load_frozen
from tests.support.studies import SMALL_STUDY, write_study
from tests.support.sweeps import sweep

NAMES = {"styles": ("oil-master", "our-oil"), "scenes": ("theatre", "our-stage"), "models": ("sd15-lcm", "our-stack")}
OURS = SMALL_STUDY.replace('style = "oil-master"', 'style = "our-oil"\nscene = "our-stage"\nengine = "our-stack"')


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a style, a scene and a stack of models of the operator's own."""
    folder = tmp_path / "ours"
    for kind, (built_in, name) in NAMES.items():
        (folder / kind).mkdir(parents=True)
        (folder / kind / f"{name}.toml").write_text((PRESETS / kind / f"{built_in}.toml").read_text("utf-8"), "utf-8")
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    folder.mkdir()
    (folder / "small.toml").write_text(OURS, "utf-8")
    (folder / "plan.md").write_text("# Analysis plan\n", "utf-8")
    return folder / "small.toml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


CHANGES = {
    "styles": ('prompt = "', 'prompt = "bright '),
    "scenes": ('prompt = "', 'prompt = "bright '),
    "models": ("guidance_scale = 1.0", "guidance_scale = 1.5"),
}


@pytest.mark.parametrize("kind", sweep(NAMES, 1))
def test_a_study_does_not_start_with_a_changed_recipe(study: Path, own: Path, kind: str) -> None:
    name = NAMES[kind][1]
    lock = freeze(study, own)
    assert lock.presets.keys() == {"styles/our-oil", "scenes/our-stage", "models/our-stack"}
    assert load_frozen(study, own).sha256 == lock.sha256
    change(own / kind / f"{name}.toml", *CHANGES[kind])
    with pytest.raises(StudyError, match=rf"names the preset {kind}/{name}, which has changed since version 1"):
        load_frozen(study, own)
    with pytest.raises(StudyError, match="make a new version"):
        freeze(study, own)
    change(study, 'version = "1"', 'version = "2"')
    assert freeze(study, own).sha256 != lock.sha256
    assert load_frozen(study, own).plan.version == "2"


def test_what_changes_no_picture_changes_no_hash(study: Path, own: Path) -> None:
    lock = freeze(study, own)
    for kind, (_, name) in NAMES.items():
        path = own / kind / f"{name}.toml"
        path.write_text("# a comment\n" + path.read_text("utf-8"), "utf-8")
        change(path, 'name = "', 'name = "New ')
    (own / "styles" / "another.toml").write_text((PRESETS / "styles" / "comic.toml").read_text("utf-8"), "utf-8")
    assert load_frozen(study, own).sha256 == lock.sha256


def test_a_preset_that_is_not_here_is_named_with_its_line(study: Path, own: Path) -> None:
    (own / "scenes" / "our-stage.toml").unlink()
    line = OURS[: OURS.index('"our-stage"')].count("\n") + 1
    for call in (freeze, load_frozen):
        with pytest.raises(StudyError, match=rf"line {line}, field conditions.1.scene: there is no our-stage"):
            call(study, own)


def test_a_study_of_built_in_presets_keeps_the_hash_that_it_had(tmp_path: Path, own: Path) -> None:
    frozen = write_study(tmp_path / "plain", SMALL_STUDY)
    assert frozen.lock.presets == {}
    path = tmp_path / "plain" / "small.toml"
    lock = path.with_name("small.lock.json")
    lock.write_text(lock.read_text("utf-8").replace('"presets": {},', ""), "utf-8")  # as earlier ones were written
    assert load_frozen(path, own).sha256 == frozen.sha256


def test_command_and_studio_read_the_operators_folder(
    study: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STUDIO_PRESETS", str(own))
    monkeypatch.setenv("STUDIO_STUDIES_FOLDER", str(tmp_path / "kept"))
    monkeypatch.setenv("STUDIO_STUDIES", str(study))
    assert main(["freeze", str(study)]) == 0
    known: dict[str, Any] = {"styles": {"our-oil", "comic", "pop-art"}, "scenes": {"none", "our-stage"}}
    opened = open_studies(Settings.read(), **known, engines={"preview", "our-stack"})
    assert opened is not None
    opened.store.database.close()
    change(own / "styles" / "our-oil.toml", *CHANGES["styles"])
    with pytest.raises(StudyError, match="styles/our-oil, which has changed"):
        open_studies(Settings.read(), **known, engines={"preview", "our-stack"})
    assert main(["freeze", str(study)]) == 1
    assert "styles/our-oil, which has changed" in capsys.readouterr().err
