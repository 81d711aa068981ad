"""What the package that lends GPUs is told before it is imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ui.lender import keep_weights

PATTERN = "ZEROGPU_MMAP_AUTOPRUNE_PATTERN"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with 1000 bytes of weights."""
    monkeypatch.delenv(PATTERN, raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    blobs = tmp_path / "hub" / "models--a--b" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "0f").write_bytes(bytes(1000))
    return tmp_path


@pytest.mark.parametrize(("free", "kept"), [(1001, True), (1000, False)])
def test_weights_stay_where_the_disk_holds_them_twice(
    home: Path, free: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    keep_weights(home)
    assert (PATTERN in os.environ) is kept


def test_what_the_operator_says_counts(home: Path) -> None:
    os.environ[PATTERN] = "mine"
    keep_weights(home)
    assert os.environ[PATTERN] == "mine"


def test_nothing_heavy_comes_before_the_package() -> None:
    code = "import ui.lender, sys; print({'torch', 'numpy', 'gradio', 'pipelines'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
