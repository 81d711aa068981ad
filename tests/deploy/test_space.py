"""What the hub is told of the Space fits the app, and a folder that is laid out starts by itself."""

from __future__ import annotations

import ast
import fnmatch
import importlib.metadata
import re
import signal
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from deploy.__main__ import main
from deploy.space import ATTRIBUTES, FOLDERS, ROOT, START, app_files, lay_out
from languages.syntax import parse
from pipelines.errors import SettingsError
from pipelines.presets.loading import Presets
from tests.support.site import Site

# The fields of a Space's card and what they may hold, from the hub's reference (2026-08).
FIELDS = {
    *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "license"),
    *("short_description", "suggested_hardware", "tags", "models", "startup_duration_timeout", "preload_from_hub"),
}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
HARDWARE = {
    "cpu-basic",
    "cpu-upgrade",
    "t4-small",
    "t4-medium",
    "l4x1",
    "l40sx1",
    "a10g-small",
    "a10g-large",
    "a100-large",
}
LENT_PYTHONS, LENT_TORCHES = {"3.12.12", "3.10.13"}, {"2.8.0", "2.9.1", "2.10.0", "2.11.0"}
WHO = "Anna Example, anna@example.org"


def front(card: Path) -> dict[str, Any]:
    return yaml.safe_load(card.read_text("utf-8").split("---")[1])


def required(text: str) -> dict[str, Requirement]:
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return {(wanted := Requirement(line)).name.lower(): wanted for line in lines if line}


@pytest.fixture(scope="module", params=["", "sdxl-lightning"], ids=["processor", "lent GPU"])
def space(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "studio"
    lay_out(folder, operator=WHO, lend=request.param)
    return folder


def test_the_card_has_known_fields_and_fits_the_app(space: Path, presets: Presets) -> None:
    for card, wanted in (
        (front(ROOT / "README.md"), required((ROOT / "requirements.txt").read_text("utf-8"))),
        (front(space / "README.md"), required((space / "requirements.txt").read_text("utf-8"))),
    ):
        assert set(card) <= FIELDS
        assert {card["colorFrom"], card["colorTo"]} <= COLOURS
        assert card.get("suggested_hardware", "cpu-basic") in HARDWARE
        assert card["sdk"] == "gradio"
        assert wanted["gradio"].specifier.contains(card["sdk_version"])
        assert card["sdk_version"].split(".")[:2] == importlib.metadata.version("gradio").split(".")[:2]
        assert card["python_version"] in LENT_PYTHONS
        allowed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
        assert SpecifierSet(allowed).contains(card["python_version"])
        assert [version for version in LENT_TORCHES if wanted["torch"].specifier.contains(version)] == ["2.11.0"]
        assert re.fullmatch(r"\d+[mh]", card["startup_duration_timeout"])
        assert len(card["short_description"]) <= 60
        known = {part.source.repo_id for stack in presets.models.values() for part in stack.components()}
        assert set(card["models"]) <= known
    assert (space / front(space / "README.md")["app_file"]).is_file()


@pytest.mark.slow
def test_all_that_the_app_imports_is_required(space: Path) -> None:
    wanted = required((space / "requirements.txt").read_text("utf-8"))
    brought = {
        Requirement(line).name.lower().replace("_", "-")
        for name in wanted
        if name != "spaces"  # not on this machine
        for line in importlib.metadata.requires(name) or ()
    }
    owners = importlib.metadata.packages_distributions()
    ours = {*FOLDERS, "app", "deploy", Path(START).stem}
    imported: dict[str, str] = {}
    for path in space.rglob("*.py"):
        for node in ast.walk(parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            imported |= {name.split(".")[0]: path.name for name in names}
    third = {name: path for name, path in imported.items() if name not in sys.stdlib_module_names | ours}
    assert {"gradio", "torch", "PIL"} - {*third, "torch"} == set()
    unmet = {
        name: path
        for name, path in third.items()
        if name != "spaces"
        and not {owner.lower().replace("_", "-") for owner in owners.get(name, [])} & {*wanted, *brought}
    }
    assert unmet == {}, "add it to requirements.txt"


def test_its_own_package_comes_before_all_that_could_start_cuda() -> None:
    body = parse((ROOT / "app.py").read_text("utf-8")).body
    first = next(node for node in body if isinstance(node, ast.If) and "spaces" in ast.unparse(node))
    before = {alias.name for node in body[: body.index(first)] if isinstance(node, ast.Import) for alias in node.names}
    before |= {node.module for node in body[: body.index(first)] if isinstance(node, ast.ImportFrom) and node.module}
    assert {name.split(".")[0] for name in before} <= sys.stdlib_module_names


def test_neither_tests_nor_training_nor_documentation_go_there(space: Path) -> None:
    assert {path.name for path in space.iterdir()} == {
        *FOLDERS,
        *("LICENSE", "README.md", "app.py", "packages.txt", "requirements.txt", START, ATTRIBUTES, ".gitignore"),
    }
    assert not [path for path in space.rglob("*") if path.name == "__pycache__" or "training" in path.parts]
    for source in app_files():
        if source.name not in ("requirements.txt",):
            assert (space / source.relative_to(ROOT)).read_bytes() == source.read_bytes()


def test_what_is_no_text_is_sent_as_a_large_file(space: Path) -> None:
    rules = [line.split()[0] for line in (space / ATTRIBUTES).read_text("utf-8").splitlines()]
    assert "*.safetensors" in rules
    for path in space.rglob("*"):
        if path.is_file() and not any(fnmatch.fnmatch(path.name, rule) for rule in rules):
            path.read_text("utf-8")
            assert path.stat().st_size < 10_000_000


def test_a_space_that_lends_gpus_fetches_the_weights_and_the_checker(presets: Presets, tmp_path: Path) -> None:
    lay_out(tmp_path / "lent", operator=WHO, lend="sdxl-lightning")
    lines = [line.split() for line in front(tmp_path / "lent" / "README.md")["preload_from_hub"]]
    stack = presets.models["sdxl-lightning"]
    assert {line[0] for line in lines} >= {part.source.repo_id for part in stack.components()}
    for _, files, *revision in lines:
        assert all(re.fullmatch(r"[\w./-]+\.(json|txt|safetensors|pth)", name) for name in files.split(","))
        assert all(re.fullmatch(r"[0-9a-f]{40}", one) for one in revision)
    assert any("safety_checker/" in line[1] for line in lines)
    assert "suggested_hardware" not in front(tmp_path / "lent" / "README.md")
    wanted = required((tmp_path / "lent" / "requirements.txt").read_text("utf-8"))
    assert str(wanted["torch"].specifier) == "==2.11.*"
    assert "spaces" in wanted


def test_of_models_that_may_be_in_shards_all_is_fetched(presets: Presets, tmp_path: Path) -> None:
    """Their files' names are not known; a name that is not there would end the build."""
    folder = tmp_path / "lent"
    lay_out(folder, operator=WHO, lend="flux2-klein")
    lines = [line.split() for line in front(folder / "README.md")["preload_from_hub"]]
    stack = presets.models["flux2-klein"]
    assert {line[0] for line in lines if len(line) == 1} == {part.source.repo_id for part in stack.components()}
    assert "STUDIO_MODEL" not in (folder / START).read_text("utf-8"), "the best one is taken by itself"


def test_a_model_that_is_never_taken_by_itself_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "lent"
    lay_out(folder, operator=WHO, lend="z-image-turbo")
    start = (folder / START).read_text("utf-8")
    assert start.index(
        "os.environ.setdefault('STUDIO_MODEL', 'z-image-turbo')".replace("'STUDIO_MODEL'", '"STUDIO_MODEL"')
    ) < start.index("import app")
    parse(start)


def test_a_folder_with_something_else_is_left_alone_and_one_of_ours_is_renewed(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="something else"):
        lay_out(folder, operator=WHO)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    (folder / "thesis.txt").unlink()
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("kept")
    (folder / "README.md").write_text("as the hub made it")
    lay_out(folder, operator=WHO)
    (folder / "ui" / "old.py").write_text("")
    files = lay_out(folder, operator="Ben, ben@example.org")
    assert not (folder / "ui" / "old.py").exists()
    assert (folder / ".git" / "config").read_text() == "kept"
    assert "Ben, ben@example.org" in (folder / START).read_text("utf-8")
    assert folder / ".git" / "config" not in files


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--operator", "  "], "Say who runs the Space"),
        (["--operator", WHO, "--lend", "dall-e"], "There is no model 'dall-e'; choose one of: "),
        (["--operator", WHO, "--lend", "embedded"], "needs no lent GPU"),
    ],
)
def test_what_cannot_be_laid_out_is_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["space", str(tmp_path / "new"), *arguments]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_command_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["space", str(tmp_path / "new"), "--operator", 'It\'s "Anna"\n& co']) == 0
    assert "git push" in capsys.readouterr().out
    start = parse((tmp_path / "new" / START).read_text("utf-8"))
    assert 'It\'s "Anna" & co' in [node.value for node in ast.walk(start) if isinstance(node, ast.Constant)]


@pytest.mark.slow
def test_the_folder_starts_by_itself_and_says_who_runs_it(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    lay_out(folder, operator=WHO)
    site = Site(tmp_path / "run", folder / START, SPACE_ID="anna/studio", SPACE_HOST="anna-studio.example.org")
    try:
        said = httpx.get(f"{site.url}/config", timeout=60).text
        assert WHO in said
        assert httpx.get(f"{site.url}/healthz").json() == {"ok": True}
        assert httpx.get(f"{site.url}/studio/static/studio.css").is_success
        assert str(ROOT) not in site.log
    finally:
        assert site.end(signal.SIGTERM) == 0
