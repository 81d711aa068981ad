"""A visit outlives its page: who may take it up, until when, what is said of what was lost, and what is asked first."""

from __future__ import annotations

import time
from collections.abc import Callable

import gradio as gr
import httpx
import pytest
from starlette.requests import Request

from pipelines.errors import ConsentMissing
from study.notice import after_closing, load_notice
from tests.support.studio import LOOK, OTHER_STYLE, STYLE, Served, create, event, request_of, with_photo
from ui import prints
from ui.portrait_handlers import PortraitHandlers
from visits import inventory
from visits.visit import MAX_KEPT_PORTRAITS, Visit
from web.calls import KEY_HEADER
from web.isolation import OWNS

AWAY = 300.0


def new_page(session: str, owned: Callable[[str], bool] = lambda _: True) -> gr.Request:
    """What Gradio hands over for another page of a browser to which these sessions belong."""
    return gr.Request(Request({"type": "http", "headers": [], OWNS: owned}), session_hash=session)


def come_back(handlers: PortraitHandlers, key: str, request: gr.Request) -> dict:
    return handlers.enter("comic", "orbit", 0.1, {"key": key}, request)


@pytest.fixture
def visit(served: Served, handlers: PortraitHandlers, session: str, photo_bytes: bytes) -> Visit:
    """With a photo, two portraits and a look of its own."""
    visit = with_photo(served, handlers, session, photo_bytes)
    handlers.restyle(OTHER_STYLE, "none", 0.8, request_of(session))
    list(create(handlers, session, variations=2))
    visit.shape, visit.size = "4:5", "print"
    return visit


def test_a_reloaded_page_gets_all_of_its_visit_back(
    served: Served, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    handlers.leave(request_of(session))
    answer = come_back(handlers, visit.key, new_page(f"{session}-2"))
    assert answer["photo"]["photo"]["src"].startswith("data:image/")
    assert [one["id"] for one in answer["results"]["portraits"]] == [kept.portrait.id for kept in visit.kept]
    assert (answer["style"], answer["scene"], answer["likeness"]) == (OTHER_STYLE, "none", 0.8)
    assert (answer["style_pick"], answer["scene_pick"]) == (OTHER_STYLE, "none")
    assert (answer["shape"], answer["size"]) == ("4:5", "print")
    assert answer["agreed"]["key"] == visit.key
    assert answer["receipt"]["id"] == served.studio.consents.require(session).id
    assert "your photo and your 2 portraits are still here" in answer["notice"]

    last = list(create(handlers, f"{session}-2"))[-1]
    assert len(last["results"]["portraits"]) == 3, "and it goes on"
    handlers.leave(request_of(session))  # the old page's connection is noticed to be gone only now
    served.studio.visits.sweep(time.monotonic() + AWAY + 1)
    assert served.studio.visits.is_open(f"{session}-2"), "the new page is there"
    handlers.leave(request_of(f"{session}-2"))
    assert come_back(handlers, visit.key, new_page(f"{session}-3"))["results"]["portraits"]
    assert inventory.kept_of(served.studio, f"{session}-3")
    assert inventory.kept_of(served.studio, f"{session}-2") == []
    receipt = handlers.forget(*LOOK, request_of(f"{session}-3"))["receipt"]
    assert receipt["withdrawn_at"]
    assert visit.photo is None
    assert not served.studio.pipeline.folder(session).exists()
    assert not any(served.studio.visits.is_open(f"{session}{end}") for end in ("", "-2", "-3"))


def test_nobody_else_gets_it(served: Served, handlers: PortraitHandlers, session: str, visit: Visit) -> None:
    handlers.leave(request_of(session))
    with_own = f"{session}-own"
    served.visit(with_own)
    for key, request in (
        (visit.key, new_page(f"{session}-thief", lambda _: False)),  # another cookie
        (visit.key, request_of(f"{session}-made-up")),  # nobody knows whose
        (visit.key.upper(), new_page(f"{session}-guess")),
        (visit.key, new_page(with_own)),  # it has a visit already
        (served.visit(f"{session}-program").key, new_page(f"{session}-4")),  # a program's has no page
    ):
        answer = come_back(handlers, key, request)
        assert answer["agreed"] == {"key": ""}
        assert answer["photo"] is None
        assert answer["results"] == {"portraits": []}
        assert "Your visit has ended" in answer["notice"]
    for nothing in (None, "", {}, {"key": ""}, {"key": 7}, {"key": [visit.key]}, visit.key, True):
        assert set(handlers.enter(*LOOK, nothing, new_page(f"{session}-5"))) == {"stage", "create"}
    for end in ("own", "program"):
        served.studio.visits.forget(f"{session}-{end}")
    assert come_back(handlers, visit.key, new_page(f"{session}-6"))["results"]["portraits"], "it was hers all the time"


def test_the_page_that_was_left_behind_does_not_speak_for_the_visit(
    served: Served, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    come_back(handlers, visit.key, new_page(f"{session}-2"))
    with pytest.raises(ConsentMissing, match="another tab"):
        served.studio.visits.require(session)
    assert "another tab" in handlers.agree(True, *LOOK, request_of(session))["notice"]
    assert served.studio.visits.require(f"{session}-2")[0] is visit


def test_after_five_minutes_nothing_is_left_and_the_page_says_why(
    served: Served, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    handlers.leave(request_of(session))
    gone = time.monotonic()
    served.studio.visits.sweep(gone + AWAY - 30)
    assert visit.photo is not None
    served.studio.visits.sweep(gone + AWAY - 10)  # it is looked at every ten seconds
    assert visit.photo is None
    assert not served.studio.pipeline.folder(session).exists()
    assert inventory.kept_of(served.studio, session) == []
    words = come_back(handlers, visit.key, new_page(f"{session}-2"))["notice"]
    assert "away for more than 5 minutes" in words
    assert "photo and portraits were deleted" in words


def test_a_page_whose_heartbeat_broke_lives_while_it_asks(
    served: Served, http: httpx.Client, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    handlers.leave(request_of(session))
    visit.away_since = time.monotonic() - 10 * AWAY
    visit.seen_at = visit.away_since
    said = http.get("/studio/visit", headers={KEY_HEADER: visit.key})
    assert said.json() == {"lost": False}
    served.studio.visits.sweep()
    assert served.studio.visits.is_open(session)
    visit.seen_at = visit.away_since
    served.studio.visits.sweep()
    assert http.get("/studio/visit", headers={KEY_HEADER: visit.key}).status_code == 403
    assert "Your visit has ended" in handlers.catch_up(*LOOK, request_of(session))["notice"]


def test_a_program_s_visit_ends_with_its_connection(served: Served, handlers: PortraitHandlers, session: str) -> None:
    served.visit(session)
    handlers.leave(request_of(session))
    assert not served.studio.visits.is_open(session)


def test_no_waiting_where_the_operator_wants_none(
    served: Served, handlers: PortraitHandlers, session: str, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.studio.visits, "away_seconds", 0)
    handlers.leave(request_of(session))
    assert visit.photo is None
    assert "reloaded" in come_back(handlers, visit.key, new_page(f"{session}-2"))["notice"]


def test_the_consent_text_names_the_time_that_is_set() -> None:
    assert [after_closing(number) for number in (0, 45, 60, 300)] == [
        "when you close the page",
        "45 seconds after you close the page",
        "1 minute after you close the page",
        "5 minutes after you close the page",
    ]
    assert "5 minutes after you close the page or your connection is lost" in load_notice().text
    assert load_notice(away_seconds=45).sha256 != load_notice().sha256


def test_a_portrait_in_the_making_is_said_to_be_stopped(
    served: Served, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    running = create(handlers, session)
    next(running)
    running.close()
    handlers.leave(request_of(session))
    assert "press Create again" in come_back(handlers, visit.key, new_page(f"{session}-2"))["notice"]
    handlers.leave(request_of(f"{session}-2"))
    assert "Create again" not in come_back(handlers, visit.key, new_page(f"{session}-3"))["notice"]


def test_a_tap_on_the_sentence_deletes_nothing(
    served: Served, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    consent = served.studio.consents.require(session)
    for value in (False, None, "false"):
        answer = handlers.agree(value, *LOOK, request_of(session))
        assert answer["agree"] == gr.update(value=True, visible="hidden")
        assert answer["photo"]["photo"] is not None
    assert served.studio.consents.require(session) is consent
    assert len(visit.kept) == 2


def test_withdrawing_asks_while_something_is_not_downloaded(
    served: Served, http: httpx.Client, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    ask = handlers.withdraw(*LOOK, request_of(session))
    assert set(ask) == {"agreed"}
    assert ask["agreed"]["ask"]["words"] == "Delete 2 portraits that you have not downloaded?"
    assert len(visit.kept) == 2
    seen, saved = (f"/studio/portrait/{visit.key}/{kept.portrait.id}.png" for kept in visit.kept)
    http.get(seen)
    http.head(f"{seen}?download")
    assert not visit.kept[0].downloaded, "looked at is not kept"
    assert http.get(f"{saved}?download").is_success
    ask = handlers.withdraw(*LOOK, request_of(session))
    assert ask["agreed"]["ask"]["words"] == "Delete the portrait that you have not downloaded?"
    assert http.get(f"/{ask['agreed']['ask']['all']}").is_success
    assert [one["downloaded"] for one in handlers.redraw(False, request_of(session))["results"]["portraits"]] == [
        True,
        True,
    ]
    answer = handlers.withdraw(*LOOK, request_of(session))
    assert "deleted" in answer["notice"]
    assert answer["receipt"]["withdrawn_at"]
    assert visit.photo is None


def fill(handlers: PortraitHandlers, session: str, visit: Visit, number: int) -> dict:
    """Portraits until there are so many. Returns the last answer."""
    answer: dict = {}
    while missing := number - len(visit.kept):
        answer = list(create(handlers, session, variations=min(4, missing)))[-1]
    return answer


@pytest.mark.slow
def test_the_limit_is_said_before_it_bites_and_so_is_what_it_took(
    served: Served, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    assert fill(handlers, session, visit, 18)["results"]["room"] == ""
    answer = fill(handlers, session, visit, 22)
    words = "22 of 24 kept; the 25th replaces the oldest that is not a favourite."
    assert answer["results"]["room"] == words
    assert words in answer["notice"]
    first, second = (next(one for one in visit.kept if one.number == number) for number in (1, 2))
    starred = handlers.favourite(False, request_of(session), event(id=first.portrait.id, on=True))
    assert "Portrait 1 is a favourite" in starred["notice"]
    assert [one["number"] for one in starred["results"]["portraits"] if one["favourite"]] == [1]
    answer = list(create(handlers, session, variations=3))[-1]
    assert "Portrait 2 was replaced: 24 are kept, and it was the oldest without a star." in answer["notice"]
    assert "the next one replaces portrait 3" in answer["results"]["room"]
    assert first.portrait.path.exists()
    assert not second.portrait.path.exists()
    assert len(visit.kept) == len(list(served.studio.pipeline.folder(session).glob("*.png"))) == MAX_KEPT_PORTRAITS
    assert "replaced" not in list(create(handlers, session, words="x" * 9999))[-1]["notice"], "told once"


@pytest.mark.slow
def test_favourites_are_never_replaced(served: Served, handlers: PortraitHandlers, session: str, visit: Visit) -> None:
    fill(handlers, session, visit, MAX_KEPT_PORTRAITS)
    for kept in visit.kept[1:]:
        kept.favourite = True
    before = {kept.portrait.id for kept in visit.kept}
    answer = list(create(handlers, session, variations=2))[-1]
    assert "only 1 more can be made" in answer["notice"]
    assert {kept.portrait.id for kept in visit.kept} == before
    visit.kept[0].favourite = True
    assert "none can be made" in list(create(handlers, session))[-1]["notice"]
    assert "all of them favourites" in prints.room_words(visit)
    gone = handlers.favourite(False, request_of(session), event(id="nothing", on=True))
    assert 'role="alert"' in gone["notice"]


def test_what_age_takes_is_said(
    served: Served, http: httpx.Client, handlers: PortraitHandlers, session: str, visit: Visit
) -> None:
    served.studio.visits.sweep(visit.kept[0].made_at + 59 * 60)
    assert http.get("/studio/visit", headers={KEY_HEADER: visit.key}).json() == {"lost": True}
    answer = handlers.catch_up(STYLE, "none", 0.5, request_of(session))
    assert "Your photo was deleted" in answer["notice"]
    assert "Portraits 1 and 2 were deleted" in answer["notice"]
    assert answer["results"]["portraits"] == []
    assert http.get("/studio/visit", headers={KEY_HEADER: visit.key}).json() == {"lost": False}
