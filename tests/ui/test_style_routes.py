"""The style editor's calls: what is changed is painted, kept, exported and taken in, and is nobody else's."""

from __future__ import annotations

import io
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from pipelines.live_pictures import TILE_SIZE
from pipelines.presets import own
from pipelines.presets.own import recipe_digest
from pipelines.provenance import marking
from tests.conftest import difference
from tests.support.studio import OTHER_STYLE, STYLE, Served, agree, ask, create, event, request_of, with_photo
from tests.support.style_editing import Editor, settings
from ui.portrait_handlers import PortraitHandlers
from visits import inventory
from visits.own_styles import MAX_OWN_STYLES

LOOK = (STYLE, "none", 0.5)


def shown(handlers: PortraitHandlers, session: str, style: str = STYLE) -> dict[str, Any]:
    return handlers.restyle(style, "none", 0.5, request_of(session))["stage"]


def test_every_number_of_every_style_is_offered_with_its_range_and_a_sentence(editor: Editor, presets) -> None:
    for style in presets.all_styles.values():
        offered = settings(editor.form(style.id))
        numbers = [one for one in offered.values() if one["kind"] in ("number", "integer")]
        assert all(one["low"] < one["high"] and one["step"] > 0 for one in numbers)
        assert all(one["about"] and one["label"] for one in offered.values())
        assert any(one["first"] for one in offered.values())
        for number, step in enumerate(style.preview):
            for name, info in type(step).model_fields.items():
                if name not in ("op", "balance") and getattr(step, name) not in ((), None) and info.annotation:
                    assert f"preview.{number}.{name}" in offered


def test_what_is_changed_is_on_the_stage_at_once_and_goes_back(
    sitting: Editor, handlers: PortraitHandlers, session: str
) -> None:
    before = shown(handlers, session)
    said = sitting.edit({"preview.0.contrast": -0.9})
    assert said["edited"]
    assert settings(said)["preview.0.contrast"]["value"] == -0.9
    after = shown(handlers, session)
    assert after["title"] == "Film noir, edited"
    assert after["after"] != before["after"]
    assert after["before"] == before["before"]
    assert shown(handlers, session, OTHER_STYLE)["title"] == "Comic book", "no other style is changed"
    assert not sitting.post("back", {"style": STYLE})["edited"]
    assert shown(handlers, session) == before
    assert (
        sitting.edit({"preview.0.contrast": settings(sitting.form())["preview.0.contrast"]["value"]})["edited"] is False
    )


def test_a_filter_changes_in_the_recipes_of_models_too(editor: Editor) -> None:
    said = settings(editor.edit({"preview.4.width": 20.0}, "oil-master"))
    finish = {path: one["value"] for path, one in said.items() if path.startswith("overrides.embedded.finish.1.")}
    assert finish["overrides.embedded.finish.1.width"] == 20.0
    assert finish["overrides.embedded.finish.1.detail"] == 0.45, "what was not touched stays as it differs"


def test_of_two_filters_of_a_kind_each_changes_in_its_own_place(editor: Editor) -> None:
    def grades(said: dict) -> list[float]:
        return [one["value"] for path, one in settings(said).items() if path.endswith(".saturation")]

    first = grades(editor.edit({"preview.0.saturation": 1.9}, "fauve"))
    second = grades(editor.edit({"preview.4.saturation": 1.1}, "fauve"))
    assert first == [1.9, 1.35, 1.9, 1.35]
    assert second == [1.9, 1.1, 1.9, 1.1]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("preview.0.contrast", 7, "Light and colour, Contrast: choose from -1 to 1."),
        ("preview.0.contrast", "0.5", "Light and colour, Contrast: choose from -1 to 1."),
        ("preview.0.contrast", None, "Light and colour, Contrast: choose from -1 to 1."),
        ("preview.0.contrast", True, "Light and colour, Contrast: choose from -1 to 1."),
        ("strength", 0, "How the model works, Strength: choose over 0 to 1."),
        ("preview.0.shadows", "red", "Light and colour, Shadows: choose colours"),
        ("controls.0.control_guidance_end", 2, "choose from 0 to 1"),
        ("id", "other", "no such setting"),
        ("name", "Mine", "no such setting"),
        ("preview.0.op", "blinds", "no such setting"),
        ("preview.99.amount", 1, "no such setting"),
        ("__class__", 1, "no such setting"),
        ("overrides.embedded.lora", "x", "no such setting"),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(editor: Editor, path: str, value: Any, sentence: str) -> None:
    before = editor.form()
    assert sentence in editor.edit({path: value}, status=422)["sentence"]
    assert editor.form() == before


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999"])
def test_no_number_is_no_number(editor: Editor, value: str) -> None:
    body = f'{{"style": "{STYLE}", "changes": {{"preview.0.contrast": {value}}}}}'
    answer = editor.http.post("/studio/style/edit", content=body, headers=editor.headers)
    assert (answer.status_code, answer.json()["sentence"]) == (422, "Light and colour, Contrast: choose from -1 to 1.")


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{" * 3000, b"x" * 100_000, b"\xff\xfe", b'{"style": ["a"]}'])
def test_what_is_no_change_is_refused_with_a_sentence(editor: Editor, body: bytes) -> None:
    for act in ("edit", "back", "keep", "remove", "import"):
        answer = editor.http.post(f"/studio/style/{act}", content=body, headers=editor.headers)
        assert answer.status_code == 422, act
        assert answer.json()["sentence"].endswith("."), act


def test_a_kept_style_is_chosen_created_and_named_truly_in_the_file(
    sitting: Editor, served: Served, handlers: PortraitHandlers, session: str
) -> None:
    sitting.edit({"preview.0.contrast": -0.9})
    said = sitting.keep("Soft noir")
    assert (said["style"], said["name"], said["own"], said["edited"]) == ("mine-soft-noir", "Soft noir", True, False)
    assert not sitting.form()["edited"], "the style that it was made from is as it was"
    answer = handlers.style_kept(*LOOK, request_of(session), event(id=said["style"]))
    assert answer["style_pick"] == said["style"]
    assert ("Soft noir", said["style"]) in answer["style"]["choices"]
    assert answer["stage"]["title"] == "Soft noir"
    *_, last = create(handlers, session, style=said["style"])
    assert last["results"]["portraits"][0]["title"] == "Soft noir"
    kept = sitting.visit.kept[0]
    assert kept.file_name.startswith("self-portrait-mine-soft-noir-")
    facts = marking.read(kept.portrait.path).facts
    assert facts["Style"] == "own"
    assert facts["StyleBase"] == STYLE
    assert facts["StyleRecipe"] == recipe_digest(sitting.visit.own.styles[said["style"]])
    assert b"Soft noir" not in kept.portrait.path.read_bytes(), "the name is the visitor's own"
    with kept.portrait.path.open("rb") as file:
        card = sitting.http.post("/studio/check", content=file.read()).json()
    assert ["Style", "A style of the visitor's own, based on Film noir"] in card["rows"]
    assert card["report"]["state"] == "intact"

    taken = handlers.reuse(request_of(session), event(id=kept.portrait.id))
    assert (taken["style"], taken["style_pick"]) == (said["style"], said["style"])
    sitting.post("remove", {"style": said["style"]})
    assert "was removed" in handlers.reuse(request_of(session), event(id=kept.portrait.id))["notice"]
    assert handlers.redraw(False, request_of(session))["results"]["portraits"][0]["title"] == "Soft noir"


def test_a_portrait_of_an_edited_style_is_not_called_the_style(
    sitting: Editor, handlers: PortraitHandlers, session: str
) -> None:
    sitting.edit({"preview.0.contrast": -0.9})
    *_, last = create(handlers, session)
    assert last["results"]["portraits"][0]["title"] == "Film noir, edited"
    (kept,) = sitting.visit.kept
    assert marking.read(kept.portrait.path).facts["Style"] == "own"
    sitting.post("back", {"style": STYLE})
    list(create(handlers, session))
    assert marking.read(sitting.visit.kept[0].portrait.path).facts["Style"] == STYLE
    handlers.reuse(request_of(session), event(id=kept.portrait.id))
    assert sitting.form()["edited"], "taking its settings over brings the changes back"


def test_a_changed_style_of_ones_own_is_kept_in_its_place_under_its_name(editor: Editor) -> None:
    editor.edit({"preview.0.contrast": -0.9})
    id = editor.keep("Soft noir")["style"]
    editor.edit({"preview.0.contrast": -0.3}, id)
    assert editor.keep("Soft noir", id)["style"] == id
    assert settings(editor.form(id))["preview.0.contrast"]["value"] == -0.3
    other = editor.keep("Softer noir", id)
    assert [one["name"] for one in other["kept"]] == ["Soft noir", "Softer noir"]


@pytest.mark.parametrize("name", ["", "x", "x" * 41, "  ", "a\u202eb c", 7, None, ["Noir"]])
def test_a_name_that_cannot_be_is_refused(editor: Editor, name: Any) -> None:
    assert "2 to 40 characters" in editor.post("keep", {"style": STYLE, "name": name}, 422)["sentence"]


def test_a_name_is_read_as_own_words_are_and_used_once(editor: Editor, served: Served) -> None:
    assert "Film noir already" in editor.keep("Film noir", status=422)["sentence"]
    refused = editor.keep("Naked teenager", status=422)["sentence"]
    assert refused
    assert editor.form()["kept"] == []
    for number in range(3):
        editor.keep(f"Naked teenager {number}", status=422)
    limit = served.studio.settings.refusals_per_hour
    for number in range(limit):
        editor.keep(f"Naked teenager again {number}", status=422)
    assert "were refused" in editor.keep("Harmless", status=422)["sentence"]


def test_the_limit_is_told_before_it_bites(editor: Editor) -> None:
    for number in range(MAX_OWN_STYLES):
        said = editor.keep(f"Noir {number}")
        assert bool(said["room"]) == (number + 1 >= 9)
    assert said["full"]
    assert f"{MAX_OWN_STYLES} styles of your own are kept at most" in editor.keep("One more", status=422)["sentence"]
    editor.post("remove", {"style": "mine-noir-0"})
    editor.keep("One more")


def test_nobody_else_sees_or_paints_it(
    sitting: Editor,
    stranger: Editor,
    served: Served,
    handlers: PortraitHandlers,
    session: str,
    photo_bytes: bytes,
    tmp_path: Path,
) -> None:
    sitting.edit({"preview.0.contrast": -0.9})
    id = sitting.keep("Soft noir")["style"]
    sitting.edit({"preview.0.contrast": -0.9})
    other = f"{session}-other"
    with_photo(served, handlers, other, photo_bytes)
    tile = sitting.http.get(f"/studio/tile/{sitting.visit.key}/styles/{id}.webp")
    assert Image.open(io.BytesIO(tile.content)).size == (TILE_SIZE, TILE_SIZE)
    plain = sitting.http.get(f"/studio/tile/{sitting.visit.key}/styles/{STYLE}.webp")
    assert difference(*(Image.open(io.BytesIO(one.content)).convert("RGB") for one in (tile, plain))) > 3

    assert not stranger.form()["edited"]
    assert stranger.form()["kept"] == []
    stranger.form(id, 422)
    stranger.edit({"preview.0.contrast": 0.5}, id, 422)
    stranger.keep("Stolen", id, 422)
    stranger.post("remove", {"style": id}, 422)
    assert stranger.file(id).status_code == 422
    assert sitting.http.get(f"/studio/tile/{stranger.visit.key}/styles/{id}.webp").status_code == 422
    assert shown(handlers, other)["title"] == "Film noir"
    assert handlers.restyle(id, "none", 0.5, request_of(other)) == {}
    *_, refused = create(handlers, other, style=id)
    assert "no such style" in refused["notice"]
    stranger.http.post("/studio/board/own-photo", headers=stranger.headers)
    asked = {"title": "T", "styles": [id], "engines": ["preview"], "rows": "photo", "columns": "style"}
    board = stranger.http.post("/studio/board/plan", json=asked, headers=stranger.headers)
    assert (board.status_code, "no such style" in board.text) == (422, True)
    answer = handlers.enter(STYLE, "none", 0.5, {"key": "x"}, request_of(f"{session}-new"))
    assert "Soft noir" not in str(answer)
    program = Client(served.url, verbose=False)
    agree(program)
    assert id not in str(program.predict(api_name="/styles"))
    photo = tmp_path / "me.jpg"
    photo.write_bytes(photo_bytes)
    with pytest.raises(AppError, match="no such style"):
        ask(program, photo, style=id)
    program.predict(agreed=False, api_name="/consent")


def test_it_is_listed_under_privacy_and_gone_with_the_visit(
    sitting: Editor, served: Served, handlers: PortraitHandlers, session: str
) -> None:
    sitting.edit({"preview.0.contrast": -0.9})
    id = sitting.keep("Soft noir")["style"]
    sitting.edit({"preview.0.contrast": 0.9})
    listed = [one.what for one in inventory.kept_of(served.studio, session)]
    assert "A style of your own: Soft noir" in listed
    assert "A style that you changed: Film noir, edited" in listed
    answer = handlers.forget(id, "none", 0.5, request_of(session))
    first = next(iter(served.studio.presets.all_styles))
    assert answer["style_pick"] == answer["style"]["value"] == first
    assert answer["editor"]["kept"] == []
    assert "Soft noir" not in str(answer)
    assert sitting.visit.own.styles == {}
    sitting.form(status=403)
    assert sitting.file(id).status_code == 403


def test_a_page_that_was_reloaded_finds_it(served: Served, handlers: PortraitHandlers, http, session: str) -> None:
    handlers.agree(True, *LOOK, request_of(session))
    visit, _ = served.studio.visits.require(session)
    editor = Editor(http, visit)
    editor.edit({"preview.0.contrast": -0.9})
    id = editor.keep("Soft noir")["style"]
    handlers.leave(request_of(session))
    again = handlers.__class__(served.studio)
    owned, _ = served.studio.visits.take_up(visit.key, f"{session}-page", lambda name: True)
    assert owned is visit
    assert again._look_before({"style": id}, visit).style_id == id
    assert served.studio.visits.require_key(visit.key).own.styles[id].name == "Soft noir"


def test_a_model_that_reads_no_words_is_given_those_of_the_style_it_was_made_from(presets) -> None:
    style = presets.style("oil-master").model_copy(
        update={"based_on": "oil-master", "prompt": "a portrait in my words"}
    )
    stack = presets.models["embedded"]
    assert not stack.reads_words
    safe, said = own.readable(style, stack, presets)
    assert safe.prompt == presets.style("oil-master").prompt
    assert safe.overrides["embedded"].prompt == presets.style("oil-master").overrides["embedded"].prompt
    assert "words of your style were left out" in said[0]
    foreign = style.model_copy(update={"based_on": None, "overrides": {}})
    assert own.readable(foreign, stack, presets)[0].prompt in {one.prompt for one in presets.styles.values()}
    reader = next(one for one in presets.models.values() if one.reads_words)
    assert own.readable(style, reader, presets) == (style, ())


def test_words_are_offered_where_they_are_read(editor: Editor, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "prompt" not in settings(editor.form())
    assert "no such setting" in editor.edit({"prompt": "a portrait in my words"}, status=422)["sentence"]
    infos = [replace(one, reads_words=True) for one in served.studio.pipeline.engines()]
    monkeypatch.setattr(served.studio.pipeline, "engines", lambda: tuple(infos))
    assert settings(editor.form())["prompt"]["value"].startswith("portrait of a person")
    editor.edit({"prompt": "portrait of a naked teenager"}, status=422)
    assert not editor.form()["edited"]
    said = editor.edit({"prompt": "portrait of a person, my own words"})
    assert settings(said)["prompt"]["value"] == "portrait of a person, my own words"
    assert "10 to 600 characters" in editor.edit({"prompt": "short"}, status=422)["sentence"]
    assert tomllib.loads(editor.file().text)["prompt"] == "portrait of a person, my own words"
