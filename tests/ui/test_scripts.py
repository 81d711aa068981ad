"""The page's own scripts: how they are handed out and started, and their helpers. tests/browser sees what they do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import gradio as gr
import httpx
import pytest

from pipelines.schema import MAX_UPLOAD_BYTES
from ui import prints, widgets
from ui.theme import HEAD
from web.routes import STATIC

SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))
NODE = shutil.which("node")
HELPERS = Path(__file__).with_name("helpers.test.mjs")


def all_widgets() -> dict[str, gr.HTML]:
    return {
        "picker": widgets.style_picker([], ""),
        "photo": widgets.photo_booth(),
        "agreed": widgets.agreed(),
        "receipt": widgets.receipt(),
        "search": widgets.search("style", ""),
        "stage": widgets.stage(),
        "results": widgets.results(),
        "check": widgets.checker(),
    }


@pytest.mark.parametrize("name", all_widgets())
def test_a_widget_has_one_line_that_calls_a_function_of_the_entry(name: str) -> None:
    line = all_widgets()[name].js_on_load
    assert line is not None
    assert "\n" not in line
    assert f"studio.{name}(" in line
    assert f'export {{ {name} }} from "./{name}.js";' in (STATIC / "studio.js").read_text("utf-8")


@pytest.mark.parametrize("name", all_widgets())
def test_a_widget_sends_no_event_that_gradio_does_not_know(name: str) -> None:
    parts = {"photo": ["photo.js", "chosen_photo.js"]}.get(name, [f"{name}.js"])
    text = "".join((STATIC / part).read_text("utf-8") for part in parts)
    line = all_widgets()[name].js_on_load or ""
    assert set(re.findall(r'trigger\("(\w+)"', text)) == set(re.findall(r'"(\w+)"', line.rpartition("// ")[2]))


def test_what_python_knows_is_said_once() -> None:
    text = "".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    assert prints.FILTERS_BADGE not in text
    assert not re.search(r"40 MB|40 \* 1024", text)
    for widget in (widgets.photo_booth(), widgets.checker()):
        assert widget.props["limit"] == MAX_UPLOAD_BYTES
    assert widgets.stage().props["live_badge"] == prints.FILTERS_BADGE


def test_all_are_fetched_at_the_same_time() -> None:
    """Otherwise each would be asked for only when the one that imports it has arrived."""
    # When the Board tab is opened, and after the rest of the page.
    later = [name for name in SCRIPTS if name.startswith(("board", "style_editor", "style_form"))]
    assert later
    preloaded = re.findall(r'modulepreload" href="studio/static/([\w.]+)"', HEAD)
    assert preloaded == [name for name in SCRIPTS if name not in later]


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("studio.js", "text/javascript; charset=utf-8"),
        ("studio.css", "text/css; charset=utf-8"),
        ("choosing.css", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("fonts/fraunces.woff2", "font/woff2"),
    ],
)
def test_files_have_their_type_and_are_asked_about_again(http: httpx.Client, file: str, kind: str) -> None:
    answer = http.get(f"/studio/static/{file}")
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["etag"]


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_helpers(tmp_path: Path) -> None:
    for name in SCRIPTS:
        shutil.copy(STATIC / name, tmp_path)
    shutil.copy(HELPERS, tmp_path)
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))  # older Node cannot tell
    done = subprocess.run([str(NODE), "--test"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 8" in done.stdout, done.stdout
