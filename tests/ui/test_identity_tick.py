"""The tick that lets faces be compared: offered only where it works; all that came of it goes when it is taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import gradio as gr
import pytest

import app
from pipelines.errors import SettingsError
from pipelines.faithfulness.identity import FaceNetwork, IdentityMeter
from pipelines.photo.opening import open_photo
from study.notice import load_notice, load_notices
from study.settings import read_settings
from tests.support.studio import Served, create, make_portraits, request_of, with_photo
from tests.support.toy_faces import ToyFaces, noise
from ui.api import Endpoints
from ui.page import build_page
from ui.portrait_handlers import PortraitHandlers
from visits.folder import PrivateFolder
from visits.studio import Studio

PLACE = "closer to your photo than to"
pytestmark = pytest.mark.usefixtures("small_pictures")


@pytest.fixture(scope="module")
def compared(
    tmp_path_factory: pytest.TempPathFactory, make_studio: Callable[[PrivateFolder], Studio]
) -> Iterator[Served]:
    """A studio whose operator has named strangers, not served."""
    patch = pytest.MonkeyPatch()
    path = tmp_path_factory.mktemp("strangers") / "strangers.npz"
    noise().write(path)
    patch.setenv("STUDIO_IDENTITY", str(path))
    patch.setattr(FaceNetwork, "why_not", staticmethod(lambda: ""))
    folder = PrivateFolder(tmp_path_factory.mktemp("private"))
    studio = make_studio(folder)
    assert studio.pipeline.identity is not None
    studio.pipeline.identity = IdentityMeter(studio.pipeline.identity.strangers, ToyFaces())
    patch.undo()
    yield Served(studio, "", folder)
    studio.pipeline.close()
    folder.remove()


@pytest.fixture
def handlers(compared: Served) -> PortraitHandlers:
    return PortraitHandlers(compared.studio)


def test_it_is_offered_unticked_and_explained(compared: Served, served: Served) -> None:
    config = build_page(compared.studio).config
    props = {one["props"].get("elem_id"): one["props"] for one in config["components"]}
    assert props["consent-identity"]["value"] is False
    text = json.dumps(config)
    for words in ("biometric", "those of 40 other people", "128 numbers of each face, which are dropped at once"):
        assert words in text
    assert "no face is compared with others" not in text
    elsewhere = json.dumps(build_page(served.studio).config)
    assert "no face is compared with others" in elsewhere
    assert "consent-identity" not in elsewhere
    assert "biometric" not in elsewhere


def test_ticked_a_sentence_stands_with_the_portrait_and_goes_with_the_tick(
    compared: Served, handlers: PortraitHandlers, photo_bytes: bytes
) -> None:
    session, toy = "identity-tick", compared.studio.pipeline.identity._describer
    visit = with_photo(compared, handlers, session, photo_bytes)
    before = list(create(handlers, session))[-1]["results"]["portraits"][0]
    assert PLACE not in json.dumps(before, default=str)
    assert toy.asked == 0
    answer = handlers.allow_identity(True, request_of(session))
    assert answer["identity"] is True
    assert "results" not in answer
    assert "128 numbers" in json.dumps(answer["receipt"])
    (new, old) = list(create(handlers, session))[-1]["results"]["portraits"]
    assert PLACE in new["faithfulness"]["sentence"]
    assert PLACE not in old["faithfulness"]["sentence"]
    back = handlers.allow_identity(False, request_of(session))
    assert back["identity"] is False
    assert "copy" not in back["notice"], "no study is running"
    assert PLACE not in json.dumps(back["results"], default=str)
    assert all(kept.portrait.faithfulness.identity is None for kept in visit.kept)
    assert len(back["results"]["portraits"]) == 2
    compared.studio.visits.forget(session)


def test_without_a_consent_it_is_no_tick(compared: Served, handlers: PortraitHandlers) -> None:
    answer = handlers.allow_identity(True, request_of("identity-nobody"))
    assert answer["identity"] is False
    assert "results" not in answer
    assert 'role="alert"' in answer["notice"]


def test_taken_back_while_a_portrait_is_made_it_leaves_no_place(
    compared: Served, handlers: PortraitHandlers, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, visits = "identity-late", compared.studio.visits
    visit = with_photo(compared, handlers, session, photo_bytes)
    handlers.allow_identity(True, request_of(session))
    keep = visits.keep

    def late(consent, portraits):
        assert portraits[0].portrait.faithfulness.identity is not None
        handlers.allow_identity(False, request_of(session))
        return keep(consent, portraits)

    monkeypatch.setattr(visits, "keep", late)
    make_portraits(compared, session, open_photo(photo_bytes), (1,))
    assert [kept.portrait.faithfulness.identity for kept in visit.kept] == [None]
    visits.forget(session)


def test_the_board_does_not_compare_the_people_on_its_photos(compared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("visits.board.make", lambda *given, **more: seen.append(given[4]))
    visit = compared.visit("identity-board")
    consent, _ = compared.studio.visits.allow("identity-board", "identity", True)
    board = compared.studio.visits.board_of(visit)
    monkeypatch.setattr(board, "require", lambda: None)
    board.start(consent, lambda request: pytest.fail("nothing is made"))
    board._thread.join(10)
    assert [one.purposes for one in seen] == [("portraits",)]
    compared.studio.visits.forget("identity-board")


def test_a_program_ticks_it_by_name_where_it_is_offered(compared: Served, served: Served) -> None:
    receipt = Endpoints(compared.studio).consent(True, ["identity"], request_of("identity-program"))["receipt"]
    assert [one["id"] for one in receipt["purposes"]] == ["portraits", "identity"]
    compared.studio.visits.forget("identity-program")
    with pytest.raises(gr.Error, match="not offered here"):
        Endpoints(served.studio).consent(True, ["identity"], request_of("identity-nowhere"))


def test_the_text_of_every_language_offers_it_only_with_strangers() -> None:
    for plain, more in zip(load_notices(), load_notices(strangers=68), strict=True):
        assert [one.id for one in plain.purposes] == ["portraits"]
        assert [one.id for one in more.purposes] == ["portraits", "identity"]
        assert "128" not in plain.document
        assert "68" in more.text
        assert "{" not in more.document
        assert plain.sha256 != more.sha256


def test_beside_a_study_each_tick_stands_for_itself(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "STUDIO_OPERATOR": "Ada",
            "STUDIO_STUDY_FOLDER": str(tmp_path),
            "STUDIO_STUDY_ABOUT": "Which?",
            "STUDIO_STUDY_UNTIL": "2099-06-30",
        }
    )
    assert [one.id for one in load_notice(settings).optional] == ["study", "examples"]
    assert [one.id for one in load_notice(settings, strangers=40).optional] == ["study", "examples", "identity"]


def test_a_setting_without_the_libraries_stops_the_start(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise().write(tmp_path / "strangers.npz")
    monkeypatch.setenv("STUDIO_IDENTITY", str(tmp_path / "strangers.npz"))
    monkeypatch.setattr(FaceNetwork, "why_not", staticmethod(lambda: "dlib is missing: pip install it."))
    with pytest.raises(SettingsError, match="pip install"):
        app.build_studio(served.folder)
    monkeypatch.setattr(FaceNetwork, "why_not", staticmethod(lambda: ""))
    monkeypatch.setenv("STUDIO_IDENTITY", str(tmp_path / "none.npz"))
    with pytest.raises(SettingsError, match=r"pipelines\.strangers"):
        app.build_studio(served.folder)
