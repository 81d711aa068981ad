"""The app needs no other host and asks none: its network is cut, and every attempt would be written down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.site import CUT_NETWORK, LOOK, Site, Visitor

ROOT = Path(__file__).resolve().parents[2]


def test_a_whole_visit_asks_no_other_host(site: Site, photo: bytes) -> None:
    visitor = Visitor(site.url)
    visitor.agree()
    assert visitor.send_photo(photo).is_success
    portrait = visitor.http.get(visitor.create("my words")).content
    assert visitor.http.post("/studio/check", content=portrait).is_success
    visitor.call("partial", "auto")  # looks for engines: diffusers, transformers, the hub's cache
    visitor.call("forget", *LOOK)
    visitor.close()
    assert not site.attempts.exists(), site.attempts.read_text()
    assert reports_in(site.root) == []


def reports_in(folder: Path) -> list[str]:
    """What onnxruntime writes down where it reports to its maker: an id of this machine, events still to be sent.

    It sends them from native code, where the cut network is not felt.
    """
    names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    return [name for name in names if name.endswith(".ses") or "DeveloperTools" in name]


def test_onnxruntime_reports_nothing_where_no_page_runs(tmp_path: Path) -> None:
    """It did, and so it did for the page, until somebody saw its files."""
    code = "from pipelines import heavy; heavy.load('onnxruntime')"
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path))
    unset = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI")  # each turns it off
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=inherited | places, check=True)
    assert reports_in(tmp_path) == []


def test_the_cut_is_felt(tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    code = "import httpx; httpx.get('http://192.0.2.1/')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PYTHONPATH": str(CUT_NETWORK),
            "NETWORK_LOG": str(tmp_path / "log"),
        },
        capture_output=True,
        text=True,
    )
    assert "the network is cut" in run.stderr
    assert "192.0.2.1" in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_telemetry_is_off_before_any_library_is_there() -> None:
    """Also where the environment asks for it."""
    names = (
        "GRADIO_ANALYTICS_ENABLED",
        "HF_HUB_DISABLE_TELEMETRY",
        "DISABLE_TELEMETRY",
        "DO_NOT_TRACK",
        "ORT_DISABLE_TELEMETRY",
    )
    code = (
        "import sys, os, importlib.abc\n"
        "class Watch(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name in ('gradio', 'huggingface_hub', 'diffusers', 'transformers'):\n"
        f"            print(name, *[os.environ.get(n) for n in {names!r}], flush=True)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "import app\n"
        "from gradio import analytics\n"
        "from huggingface_hub import constants\n"
        "print('asked', analytics.analytics_enabled(), constants.HF_HUB_DISABLE_TELEMETRY)\n"
    )
    asked = os.environ | {"GRADIO_ANALYTICS_ENABLED": "True", "HF_HUB_DISABLE_TELEMETRY": "0", "DISABLE_TELEMETRY": "0"}
    asked["ORT_DISABLE_TELEMETRY"] = "0"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=asked, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert lines[-1] == "asked False True", run.stderr
    assert lines[0] == "gradio False 1 1 1 1"
    assert {line.split(" ", 1)[1] for line in lines[:-1]} == {"False 1 1 1 1"}
