"""Styles as files: what is exported is taken in again, and what a stranger's file must not do."""

from __future__ import annotations

import time

import httpx
import pytest

from pipelines.presets.own import recipe_digest
from pipelines.presets.writing import as_toml
from pipelines.provenance import marking
from tests.support.studio import OTHER_STYLE, STYLE, Served
from tests.support.style_editing import Editor


def test_an_export_taken_in_elsewhere_is_the_same_style(editor: Editor, stranger: Editor) -> None:
    editor.edit({"preview.0.contrast": -0.9, "strength": 0.31, "controls.0.control_guidance_end": 0.5})
    first = editor.keep("Soft “noir” – é")
    file = editor.file(first["style"])
    assert file.headers["content-disposition"] == 'attachment; filename="mine-soft-noir-e.toml"'
    second = stranger.take(file.content)
    ours, theirs = editor.visit.own.styles[first["style"]], stranger.visit.own.styles[second["style"]]
    assert recipe_digest(ours) == recipe_digest(theirs)
    assert (ours.name, ours.based_on) == (theirs.name, theirs.based_on)
    assert "this style already" in stranger.take(file.content, 422)["sentence"]
    comic = stranger.take(editor.file("comic").content)["style"]
    assert (comic, stranger.visit.own.styles[comic].name) == ("mine-comic-book-2", "Comic book 2")
    assert stranger.visit.own.styles[comic].based_on == "comic"


def test_a_file_from_the_board_is_taken_in(
    served: Served, http: httpx.Client, editor: Editor, photo_bytes: bytes
) -> None:
    editor.edit({"preview.0.contrast": -0.9})
    own_id = editor.keep("Soft noir")["style"]
    http.post("/studio/board/photo", params={"title": "Sam", "consent": "Sam said yes on Monday."}, content=photo_bytes,
              headers=editor.headers)  # fmt: skip
    wanted = {"title": "T", "styles": [STYLE, own_id], "engines": ["preview"], "rows": "photo", "columns": "style"}
    said = http.post("/studio/board/plan", json=wanted, headers=editor.headers).json()
    assert said["table"]["columns"] == ["Film noir", "Soft noir"]
    plain, mine = (cell["key"] for cell in said["table"]["tabs"][0]["rows"][0]["cells"])
    http.post("/studio/board/start", json={}, headers=editor.headers)
    until = time.monotonic() + 120
    while http.get("/studio/board/progress", headers=editor.headers).json()["running"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    picture = http.get(f"/studio/board/{editor.visit.key}/cell/{mine}.png").content
    assert marking.check(picture).facts["StyleBase"] == STYLE
    for cell, base in ((plain, "Film noir (copy)"), (mine, "Soft noir (copy)")):
        text = http.get(f"/studio/board/{editor.visit.key}/cell/{cell}.toml").content
        taken = editor.take(text)
        assert taken["name"] == base
        assert editor.visit.own.styles[taken["style"]].based_on == STYLE


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("strength = 'high'", "field strength: Input should be a valid number"),
        ("strength = '0.5'", "field strength: Input should be a valid number"),
        ("strength = 7", "field strength: Input should be less than or equal to 1"),
        ("strength = nan", "field strength"),
        ("strength = 2026-01-01", "such as a date"),
        ("colour = 1", "field colour: Extra inputs are not permitted"),
        ("id = 'comic'", "field id: remove it"),
        ("lora = {repo_id = 'evil/weights', bytes = 1}", "field lora: a style of yours can name no models"),
        ("repo_id = 'evil/weights'", "field repo_id: a style of yours can name no models"),
        ("path = '/etc/passwd'", "field path: a style of yours can name no models"),
        ("style_adapter = '../../x'", "field style_adapter: a style of yours"),
        ("kind = 'sd15'", "field kind: a style of yours"),
        ("backdrop = 'orbit'", "is the file of a scene"),
        ("based_on = '../../etc'", "field based_on"),
        ("x = = 1", "is not valid TOML"),
        ("[overrides.embedded]\npath = 'x'", "field path: a style of yours can name no models"),
        ("[[preview]]\nop = 'explode'", "field preview"),
        ("[overrides.'../../x']\nstrength = 1", "field overrides"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(editor: Editor, presets, change: str, sentence: str) -> None:
    lines = [line for line in as_toml(presets.style(STYLE)).splitlines() if not line.startswith(change.split(" ")[0])]
    text = "\n".join([*lines, change] if change.startswith("[") else [change, *lines])
    assert sentence in editor.take(text, 422)["sentence"]
    assert editor.form()["kept"] == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\xff\xfe\x00", "is no text"),
        (b"", "field"),
        (b"a = 1\n" * 20_000, "64 kB"),
        (b"a = " + b"[" * 3000 + b"]" * 3000, "."),
        (b'name = "x"', "field"),
    ],
)
def test_what_is_no_style_file_is_refused(editor: Editor, text: bytes, sentence: str) -> None:
    assert sentence in editor.take(text, 422)["sentence"]


def test_words_of_a_file_are_read(editor: Editor, presets) -> None:
    style = presets.style(STYLE)
    for change in (
        {"name": "Naked teenager"},
        {"summary": "A naked teenager in the rain."},
        {"keywords": ("naked teenager",)},
        {"prompt": "portrait of a naked teenager"},
    ):
        editor.take(as_toml(style.model_copy(update=change)), 422)
    assert "special characters" in editor.take(as_toml(style.model_copy(update={"name": "a\u202eb"})), 422)["sentence"]
    assert editor.form()["kept"] == []


def test_a_file_cannot_say_that_it_is_like_a_style_that_it_is_not_like(editor: Editor, presets) -> None:
    file = as_toml(presets.style(OTHER_STYLE).model_copy(update={"based_on": STYLE, "name": "Not noir"}))
    id = editor.take(file)["style"]
    assert editor.visit.own.styles[id].based_on is None
    slow = presets.style(STYLE).model_copy(
        update={"preview": presets.style("oil-master").preview[4:5] * 3, "finish_steps": 0}
    )
    assert "slow filters (Brush strokes)" in editor.take(as_toml(slow), 422)["sentence"]
