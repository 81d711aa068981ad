"""What is kept: the panel tells the truth of the disk, and a study gets exactly what was allowed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

import app
from pipelines.errors import RequestInvalid, SettingsError
from pipelines.photo.opening import open_photo
from study.archive import PortraitArchive
from study.consent import ConsentRegistry
from study.notice import load_notice
from study.settings import read_settings
from tests.support.studio import LOOK, STYLE, Served, close_page, create, request_of, with_photo
from tests.support.sweeps import sweep
from ui.api import Endpoints
from ui.page import build_page
from ui.portrait_handlers import PortraitHandlers
from ui.portrait_tab import Clearing
from ui.privacy_tab import PrivacyHandlers
from visits import inventory
from visits.folder import PrivateFolder
from visits.studio import Studio
from visits.visit import Look

STUDY = {
    "STUDIO_OPERATOR": "Ada Example, ada@example.org",
    "STUDIO_STUDY_ABOUT": "Which styles keep a person recognisable?",
    "STUDIO_STUDY_UNTIL": "2099-06-30",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, make_studio: Callable[[PrivateFolder], Studio]) -> Iterator[Served]:
    """A studio in which a study is running, not served."""
    patch = pytest.MonkeyPatch()
    for name, value in {**STUDY, "STUDIO_STUDY_FOLDER": str(tmp_path_factory.mktemp("study") / "copies")}.items():
        patch.setenv(name, value)
    folder = PrivateFolder(tmp_path_factory.mktemp("private"))
    studio = make_studio(folder)
    patch.undo()
    yield Served(studio, "", folder)
    studio.pipeline.close()
    folder.remove()


@pytest.fixture
def copies(study: Served) -> Callable[[], set[Path]]:
    """Every portrait that lies in the study folder now."""
    assert study.studio.archive is not None
    return lambda: set(study.studio.archive.folder.rglob("*.png"))


@pytest.fixture
def handlers(study: Served) -> PortraitHandlers:
    return PortraitHandlers(study.studio)


def test_with_a_study_its_ticks_are_there_and_none_is_ticked(study: Served) -> None:
    config = build_page(study.studio).config
    props = {one["props"].get("elem_id"): one["props"] for one in config["components"]}
    for name in ("consent", "consent-study", "consent-examples"):
        assert props[name]["value"] is False
    assert "withdraw-number" in props
    text = json.dumps(config)
    for words in (*STUDY.values(), "2099-06-30"):
        assert words.rstrip("?") in text


@pytest.mark.parametrize("ticks", sweep([(), ("study",), ("examples",), ("study", "examples")], 2))
def test_a_study_gets_what_was_ticked_and_nothing_else(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes, ticks: tuple[str, ...]
) -> None:
    session, before = f"study-{len(ticks)}-{ticks}", copies()
    visit = with_photo(study, handlers, session, photo_bytes)
    list(create(handlers, session))
    assert copies() == before, "made before any tick"
    for tick in ticks:
        answer = getattr(handlers, f"allow_{tick}")(True, request_of(session))
        assert answer[tick] is True
        receipt = answer["receipt"]
    new = list(create(handlers, session, variations=2))[-1]["results"]["portraits"][:2]
    found = copies() - before
    assert len(found) == (2 if ticks else 0)
    assert {path.read_bytes() for path in found} == (
        {k.portrait.path.read_bytes() for k in visit.kept[:2]} if ticks else set()
    )
    for path in found:
        paper = json.loads(path.with_suffix(".json").read_text())
        assert paper["purposes"] == list(ticks)
        assert paper["receipt"] == receipt["id"] == path.parent.name
    assert all(any("a copy was kept" in note for note in item["notes"]) == bool(ticks) for item in new)
    close_page(study, handlers, session)
    assert copies() - before == found, "the visit is over, what was allowed stays"
    assert not study.studio.pipeline.folder(session).exists()


def test_deleting_ones_data_deletes_the_copies_and_the_receipt_says_so(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes
) -> None:
    session, before = "study-delete", copies()
    with_photo(study, handlers, session, photo_bytes)
    given = handlers.allow_study(True, request_of(session))["receipt"]
    list(create(handlers, session))
    assert len(copies() - before) == 1
    assert any(one.where == "study folder" for one in inventory.kept_of(study.studio, session))
    updates = handlers.forget(*LOOK, request_of(session))
    assert copies() == before
    receipt = updates["receipt"]
    assert receipt["id"] == given["id"]
    assert receipt["withdrawn_at"] >= given["granted_at"]
    assert inventory.kept_of(study.studio, session) == []


def test_taking_one_tick_back_deletes_what_only_it_allowed(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes
) -> None:
    session, before = "study-untick", copies()
    with_photo(study, handlers, session, photo_bytes)
    handlers.allow_study(True, request_of(session))
    list(create(handlers, session))
    ticked, notice = itemgetter("study", "notice")(handlers.allow_study(False, request_of(session)))
    assert ticked is False
    assert "1 copy was deleted" in notice
    assert copies() == before
    list(create(handlers, session))
    assert copies() == before
    handlers.forget(*LOOK, request_of(session))


def test_what_is_being_made_while_a_tick_changes_is_not_kept(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes
) -> None:
    session, before = "study-meanwhile", copies()
    with_photo(study, handlers, session, photo_bytes)
    running = create(handlers, session)
    next(running)
    handlers.allow_study(True, request_of(session))
    list(running)
    assert copies() == before, "the tick says: from now on"
    running = create(handlers, session)
    next(running)
    handlers.allow_study(False, request_of(session))
    list(running)
    assert copies() == before
    handlers.forget(*LOOK, request_of(session))


def test_a_receipt_withdraws_after_the_visit(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes
) -> None:
    session, before = "study-later", copies()
    with_photo(study, handlers, session, photo_bytes)
    receipt = handlers.allow_examples(True, request_of(session))["receipt"]
    list(create(handlers, session, variations=3))
    close_page(study, handlers, session)
    assert len(copies() - before) == 3

    privacy = PrivacyHandlers(study.studio, Clearing(handlers.forget, [], {}, (), handlers.withdraw))
    later = request_of("study-a-year-later")
    for number in ("", "   ", "0" * 32, "../" + receipt["id"], "*"):
        answer = privacy.withdraw(number, *LOOK, later)
        assert 'role="alert"' in answer["said"]
        assert list(answer) == ["said"], "nothing else changes"
    assert len(copies() - before) == 3
    answer = privacy.withdraw(f" {receipt['id'].upper()}\n", *LOOK, later)
    assert "3 copies were deleted" in answer["said"]
    assert copies() == before
    assert "Nothing is kept under this number" in privacy.withdraw(receipt["id"], *LOOK, later)["said"]


def test_the_receipt_of_an_open_page_withdraws_and_clears_it(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes
) -> None:
    session, before = "study-own-number", copies()
    visit = with_photo(study, handlers, session, photo_bytes)
    receipt = handlers.allow_study(True, request_of(session))["receipt"]
    list(create(handlers, session))
    privacy = PrivacyHandlers(study.studio, Clearing(handlers.forget, [], {}, (), handlers.withdraw))
    answer = privacy.withdraw(receipt["id"], *LOOK, request_of(session))
    assert "1 copy was deleted" in answer["said"]
    assert "Nothing of yours is stored" in answer["kept"]
    assert answer["agree"]["value"] is False, "the consent box on the Portrait tab"
    assert visit.photo is None
    assert copies() == before


def test_a_study_that_cannot_be_explained_stops_the_start(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_STUDY_FOLDER", str(tmp_path / "copies"))
    with pytest.raises(SettingsError, match="STUDIO_OPERATOR"):
        app.build_studio(served.folder)
    assert not (tmp_path / "copies").exists()


def test_a_study_that_ended_while_the_app_was_off_is_deleted_at_the_next_start(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    portrait, copies = tmp_path / "portrait.png", tmp_path / "copies"
    portrait.write_bytes(b"a portrait")
    consents = ConsentRegistry(load_notice(read_settings({**STUDY, "STUDIO_STUDY_FOLDER": str(copies)})))
    consents.grant("study-ended", True)
    consent = consents.allow("study-ended", "study", True)
    PortraitArchive(copies, date(2099, 6, 30)).keep(consent, portrait)
    assert len(list(copies.rglob("*.png"))) == 1

    for name, value in {**STUDY, "STUDIO_STUDY_FOLDER": str(copies), "STUDIO_STUDY_UNTIL": "2026-01-31"}.items():
        monkeypatch.setenv(name, value)
    studio = app.build_studio(served.folder)
    assert list(copies.iterdir()) == []
    assert "2026-01-31" in capsys.readouterr().out
    config = build_page(studio).config
    ids = {one["props"].get("elem_id") for one in config["components"]}
    assert "withdraw-number" in ids
    assert "consent-study" not in ids
    assert "the study here was 2026-01-31" in json.dumps(config)
    studio.visits.open("study-after", True, Look(STYLE))
    with pytest.raises(RequestInvalid):
        studio.visits.allow("study-after", "study", True)


def test_a_program_allows_the_study_by_name_and_withdraws_with_everything(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes
) -> None:
    session, before, api = "study-api", copies(), Endpoints(study.studio)
    for purposes in (["sell"], ["portraits"], ["study", "sell"]):
        with pytest.raises(gr.Error):
            api.consent(True, purposes, request_of(session))
        assert study.studio.consents.withdraw(session) is False
    said = api.consent(True, ["study"], request_of(session))
    assert [purpose["id"] for purpose in said["receipt"]["purposes"]] == ["portraits", "study"]
    study.studio.visits.take_photo(study.studio.visits.require_key(said["key"]), open_photo(photo_bytes))
    list(create(handlers, session))
    assert len(copies() - before) == 1
    again = api.consent(True, [], request_of(session))
    assert again["receipt"]["id"] == said["receipt"]["id"]
    assert copies() == before, "what is left out is taken back"
    api.consent(True, ["examples"], request_of(session))
    list(create(handlers, session))
    assert len(copies() - before) == 1
    assert api.consent(False, [], request_of(session))["receipt"]["withdrawn_at"]
    assert copies() == before


def test_a_broken_connection_takes_no_copy_out_of_reach_of_delete(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes
) -> None:
    """The page is still open: its client comes back with the same session."""
    session, before, api = "study-broken", copies(), Endpoints(study.studio)
    with_photo(study, handlers, session, photo_bytes)
    given = handlers.allow_study(True, request_of(session))["receipt"]
    list(create(handlers, session))
    close_page(study, handlers, session)
    assert len(copies() - before) == 1, "what was allowed outlasts the visit"
    assert [one.where for one in inventory.kept_of(study.studio, session)] == ["study folder"]
    assert inventory.kept_of(study.studio, "study-somebody-else") == []

    receipt = handlers.forget(*LOOK, request_of(session))["receipt"]
    assert copies() == before
    assert receipt["id"] == given["id"]
    assert receipt["withdrawn_at"] is not None
    assert inventory.kept_of(study.studio, session) == []
    assert study.studio.visits.forget(session) is None, "twice is no error, and there is nothing more to withdraw"

    for _ in range(2):  # ticked anew after each break: the page shows the newest receipt only
        with_photo(study, handlers, session, photo_bytes)
        handlers.allow_study(True, request_of(session))
        list(create(handlers, session))
        close_page(study, handlers, session)
    newest = handlers.agree(True, *LOOK, request_of(session))["receipt"]
    assert len(inventory.kept_of(study.studio, session)) == 3, "a consent and two copies"
    assert api.consent(False, [], request_of(session))["receipt"]["id"] == newest["id"]
    assert copies() == before


def test_a_copy_that_cannot_be_deleted_is_found_again_by_the_next_delete(
    study: Served, handlers: PortraitHandlers, copies, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, before = "study-stuck", copies()
    assert study.studio.archive is not None
    with_photo(study, handlers, session, photo_bytes)
    handlers.allow_study(True, request_of(session))
    list(create(handlers, session))

    remove, folder = shutil.rmtree, study.studio.archive.folder

    def stuck(path: Path, **options: Any) -> None:
        if path.parent == folder:
            raise PermissionError(str(path))
        remove(path, **options)

    with monkeypatch.context() as broken:
        broken.setattr(shutil, "rmtree", stuck)
        assert "tell the operator" in str(handlers.forget(*LOOK, request_of(session)))
    assert any(one.where == "study folder" for one in inventory.kept_of(study.studio, session))
    handlers.forget(*LOOK, request_of(session))
    assert copies() == before
