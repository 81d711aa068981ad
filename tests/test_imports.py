"""Imports go one way: app -> ui -> {pipelines.self_portrait, study} -> the rest -> {schema, errors}."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipelines", "study", "ui")
SIBLINGS = ("photo", "annotators", "engines", "provenance", "safety", "faithfulness")
HEAVY = ("torch", "diffusers", "transformers", "controlnet_aux", "mediapipe", "accelerate", "peft", "onnxruntime")
LOADED_BY_NAME = {"pipelines.patch_autoencoder"}  # modules of ours that build on them: heavy.load brings them in


def modules() -> dict[str, Path]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}
    return {**names, "app": ROOT / "app.py"}


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports at run time, wherever in the file."""
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            base = node.module or ""
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    return found


def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: {target for target in imported(path) if target in known} - {name} for name, path in known.items()}


def test_no_cycles() -> None:
    edges, done, path = graph(), set(), []

    def visit(name: str) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for target in edges[name]:
            # A package's __init__ is not needed by a file inside it, whatever the dotted name says.
            if not name.startswith(f"{target}."):
                visit(target)
        path.pop()
        done.add(name)

    for name in edges:
        visit(name)


def test_pipelines_know_neither_study_nor_ui_nor_gradio() -> None:
    for name, path in modules().items():
        roots = {target.split(".")[0] for target in imported(path)}
        if name.startswith("pipelines"):
            assert not roots & {"study", "ui", "gradio", "app"}, name
        if name.startswith("study"):
            assert not roots & {"ui", "gradio", "app", "torch", "diffusers"}, name
        if name.startswith("ui"):
            assert "app" not in roots, name


def test_siblings_do_not_import_each_other() -> None:
    for name, path in modules().items():
        part = name.split(".")[1] if name.startswith("pipelines.") else ""
        if part in SIBLINGS:
            others = {target.split(".")[1] for target in imported(path) if target.startswith("pipelines.")}
            assert not (others & set(SIBLINGS)) - {part}, name


def test_leaves_import_nothing_of_ours() -> None:
    assert {n for n in imported(ROOT / "pipelines/errors.py") if n.startswith(PACKAGES)} == set()
    for module in ("recipe", "recipe_drawn", "recipe_lit", "recipe_words"):
        ours = {n for n in imported(ROOT / f"pipelines/{module}.py") if n.startswith(PACKAGES)}
        assert all(name.startswith("pipelines.recipe_") for name in ours), module
    ours = {n for n in imported(ROOT / "pipelines/schema.py") if n.startswith(PACKAGES)}
    assert ours <= {"pipelines.recipe", "pipelines.recipe.RecipeStep"}


@pytest.mark.parametrize("module", sorted(modules()))
def test_heavy_libraries_are_never_imported_at_the_top(module: str) -> None:
    if module in LOADED_BY_NAME:
        assert not [name for name, path in modules().items() if module in imported(path)], "use pipelines.heavy.load"
        return
    names = {target.split(".")[0] for target in imported(modules()[module])}
    assert not names & set(HEAVY), "use pipelines.heavy.load"


def test_torch_is_loaded_only_where_models_live() -> None:
    allowed = {f"pipelines.engines.{name}" for name in ("diffusion", "loading", "prompts", "sampling")}
    allowed |= {"pipelines.safety.checker"}
    allowed |= {"pipelines.hub"}
    for name, path in modules().items():
        loaded = set(re.findall(r'load\("(torch|diffusers|transformers)', path.read_text("utf-8")))
        assert not loaded or name in allowed, name


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = f"import app, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"
