"""The README tells the truth about the tree, the commands and the Space."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def tree() -> list[str]:
    block = README.split("## Files", 1)[1].split("```", 2)[1]
    paths, parent = [], ""
    for line in block.strip("\n").splitlines():
        name = line.split()[0]
        if line.startswith("  "):
            paths.append(parent + name)
        else:
            parent = name if name.endswith("/") else ""
            paths.append(name)
    return paths


def test_every_listed_path_exists_and_every_module_is_listed() -> None:
    listed = tree()
    assert [path for path in listed if not (ROOT / path).exists()] == []
    for package in ("deploy", "pipelines", "study", "visits"):
        for path in (ROOT / package).iterdir():
            name = f"{package}/{path.name}" + ("/" if path.is_dir() else "")
            if path.name not in ("__init__.py", "__pycache__"):
                assert name in listed, f"{name} is missing in the README's tree"


def test_pictures_and_links_are_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_two_commands_stand_at_the_top_and_exist() -> None:
    top = README.split("# Self-Portrait Studio", 1)[1][:200]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in ("run", "test"):
        assert f"make {command}" in top
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)


def test_nothing_names_the_machine_it_was_written_on() -> None:
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if path.suffix in (".py", ".md", ".toml", ".txt", ".js", ".css") and not parts[0].startswith("."):
            text = path.read_text("utf-8")
            assert not re.search(r"(?<![\w.])/(work|root|farm)/", text), path.name
