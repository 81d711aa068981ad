"""What the Privacy tab and its panel say is kept, where no study is running."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from study.consent import ConsentRegistry
from study.notice import load_notice
from study.settings import read_settings
from tests.support.studio import Served, close_page, create, request_of, with_photo
from ui import screen
from ui.page import build_page
from ui.portrait_handlers import PortraitHandlers
from ui.portrait_tab import Clearing
from ui.privacy_tab import PrivacyHandlers
from visits import inventory
from web.routes import STATIC

Visitor = Callable[[str], str]


@pytest.fixture
def visitor(served: Served) -> Iterator[Visitor]:
    """Names sessions, and forgets them."""
    names: list[str] = []

    def name(word: str) -> str:
        names.append(f"kept-{word}")
        return names[-1]

    yield name
    for one in names:
        served.studio.visits.forget(one)


def test_nothing_is_said_to_be_kept_where_nothing_is(served: Served, visitor: Visitor) -> None:
    for session in (visitor("nobody"), "", None):
        assert inventory.kept_of(served.studio, session) == []
    assert "Nothing of yours is stored" in inventory.as_html([])


def test_the_privacy_tab_names_the_cookies_and_what_stays_of_the_session(served: Served) -> None:
    text = " ".join(json.dumps(build_page(served.studio).config).replace("\\n", " ").split())
    assert "names begin with `studio_visitor`" in text
    assert "within a minute if it never is" in text
    assert "The server passes nothing on to anyone else" in text
    for panel in (inventory.as_html([]), inventory.as_html([inventory.Kept("A thing", "memory", 1, 1.0, "soon")])):
        assert "Two random numbers, this page's and your cookie's" in panel


def test_the_privacy_tab_says_where_hashes_go_for_time_stamps(served: Served) -> None:
    notice = load_notice(read_settings({"STUDIO_C2PA_TSA": "https://tsa.example.org/x"}))
    text = json.dumps(build_page(replace(served.studio, consents=ConsentRegistry(notice))).config)
    assert "a hash is sent to tsa.example.org" in text
    assert "passes nothing on" not in text


def test_whose_face_it_may_be_is_the_same_everywhere(served: Served) -> None:
    rule, notice = "somebody who has agreed to it", served.studio.consents.notice
    sentences = [notice.summary, notice.text, (STATIC / "photo.js").read_text("utf-8"), screen.OTHERS_FACES]
    assert [rule in words for words in sentences] == [True] * 4
    assert "somebody else" not in notice.text


def test_the_panel_lists_what_lies_on_the_disk_and_in_memory(
    served: Served, visitor: Visitor, photo_bytes: bytes
) -> None:
    session, portrait_tab = visitor("lists"), PortraitHandlers(served.studio)
    visit = with_photo(served, portrait_tab, session, photo_bytes)
    list(create(portrait_tab, session, variations=2))
    kept = inventory.kept_of(served.studio, session)
    files = [one for one in kept if one.where == "temporary folder"]
    paths = list(served.studio.pipeline.folder(session).glob("*"))
    assert sorted(one.bytes for one in files) == sorted(path.stat().st_size for path in paths)
    assert len(files) == 2
    memory = [one.what for one in kept if one.where == "memory"]
    assert any("Your photo, 512 x 512" in what for what in memory)
    assert any("Your consent" in what for what in memory)
    assert sum("crop beside" in what for what in memory) == 2
    assert all(re.search(r"\d+ min|close the page", one.goes) for one in kept)
    shown = inventory.as_html(kept)
    assert f"Stored right now: {len(kept)} items" in shown
    assert visit.key not in shown
    assert not any(path.stem in shown for path in paths), "a random name is not shown"

    paths[0].unlink()
    left = inventory.kept_of(served.studio, session)
    assert sum(one.where == "temporary folder" for one in left) == 1, "the disk is asked, not a counter"
    (paths[0].parent / "stray.png").write_bytes(b"left by a fault")
    assert any("stray" in one.what for one in inventory.kept_of(served.studio, session))
    waiting = served.studio.uploads.take(session, b"12345", "me.jpg")
    assert any(one.bytes == 5 and "sent by a program" in one.what for one in inventory.kept_of(served.studio, session))
    served.studio.visits.forget(session)
    assert inventory.kept_of(served.studio, session) == []
    assert not waiting.exists()


def test_the_panel_shows_ones_own_session_only(served: Served, visitor: Visitor, photo_bytes: bytes) -> None:
    mine, other, portrait_tab = visitor("mine"), visitor("other"), PortraitHandlers(served.studio)
    with_photo(served, portrait_tab, mine, photo_bytes)
    list(create(portrait_tab, mine))
    served.visit(other)
    assert [one.what.split(",")[0] for one in inventory.kept_of(served.studio, other)] == ["Your consent"]
    privacy = PrivacyHandlers(served.studio, Clearing(portrait_tab.forget, [], {}, (), portrait_tab.withdraw))
    assert "Portrait" in privacy.look(request_of(mine))
    assert "Portrait" not in privacy.look(request_of(other))
    assert "Nothing of yours is stored" in privacy.look(request_of(visitor("third")))


def test_without_a_study_the_page_offers_no_further_tick_and_keeps_nothing(
    served: Served, visitor: Visitor, photo_bytes: bytes
) -> None:
    session, portrait_tab = visitor("plain"), PortraitHandlers(served.studio)
    with_photo(served, portrait_tab, session, photo_bytes)
    answer = portrait_tab.allow_study(True, request_of(session))
    assert answer["study"] is False
    assert 'role="alert"' in answer["notice"]
    list(create(portrait_tab, session))
    close_page(served, portrait_tab, session)
    assert not served.studio.pipeline.folder(session).exists()
    ids = {one["props"].get("elem_id") for one in build_page(served.studio).config["components"]}
    assert not ids & {"consent-study", "consent-examples", "withdraw-number"}
