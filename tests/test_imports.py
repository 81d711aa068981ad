"""Heavy libraries are loaded late and in few places. Which room may import which is held by `lint-imports`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipelines", "study", "visits", "web", "ui")
HEAVY = ("torch", "diffusers", "transformers", "controlnet_aux", "mediapipe", "accelerate", "peft", "onnxruntime")
# A module of ours that builds on them: heavy.load brings it in.
LOADED_BY_NAME = {"pipelines.engines.unet.patch_autoencoder"}


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


@pytest.mark.parametrize("module", sorted(modules()))
def test_heavy_libraries_are_never_imported_at_the_top(module: str) -> None:
    if module in LOADED_BY_NAME:
        assert not [name for name, path in modules().items() if module in imported(path)], "use pipelines.heavy.load"
        return
    names = {target.split(".")[0] for target in imported(modules()[module])}
    assert not names & set(HEAVY), "use pipelines.heavy.load"


def test_torch_is_loaded_only_where_models_live() -> None:
    allowed = (
        "pipelines.engines.unet.",
        "pipelines.engines.device",
        "pipelines.safety.checker",
        "pipelines.controls.depth",
    )
    for name, path in modules().items():
        loaded = set(re.findall(r'load\("(torch|diffusers|transformers)', path.read_text("utf-8")))
        assert not loaded or name.startswith(allowed), name


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = f"import app, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"
