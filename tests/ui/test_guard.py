"""Refused words and pictures, and limits, as visitors and programs meet them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from starlette.requests import Request

from pipelines.photo.opening import open_photo
from pipelines.safety.policy import default_policy
from pipelines.safety.review import Safety
from pipelines.settings import Settings
from pipelines.waiting_line import Ticket, WaitingLine
from tests.support.clock import Clock
from tests.support.reviewers import Picky
from tests.support.studio import LOOK, STYLE, Served, agree, ask, jpeg, request_of
from tests.support.studio import create as press_create
from tests.support.taken_for_nude import ovals
from ui import reviewers, screen
from ui.api import Endpoints
from ui.portrait_handlers import PortraitHandlers
from visits.limits import Limits
from visits.studio import Studio
from visits.visit import Visit
from web.addresses import connection_network

WORDS = "my garden as a nude"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def studio(served: Served, clock: Clock) -> Studio:
    """With limits of its own."""
    settings = Settings(portraits_per_minute=4, refusals_per_hour=2)
    return replace(served.studio, limits=Limits(settings, clock))


@pytest.fixture
def handlers(studio: Studio) -> PortraitHandlers:
    return PortraitHandlers(studio)


@pytest.fixture
def visit(
    served: Served, handlers: PortraitHandlers, photo_bytes: bytes, request: pytest.FixtureRequest
) -> Iterator[Visit]:
    session = f"guard-{request.node.name}"
    handlers.agree(True, *LOOK, request_of(session))
    visit, _ = served.studio.visits.require(session)
    served.studio.visits.take_photo(visit, open_photo(photo_bytes))
    yield visit
    served.studio.visits.forget(session)


def create(handlers: PortraitHandlers, visit: Visit, **changes: Any) -> dict[str, Any]:
    """The last update of a click on Create."""
    return list(press_create(handlers, visit.session, **{"label": False, **changes}))[-1]


def test_refused_words_are_explained_and_everything_is_kept(
    handlers: PortraitHandlers, visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    photo = visit.photo
    with caplog.at_level(logging.DEBUG):
        answer = create(handlers, visit, words=WORDS)
    notice = answer["notice"]
    assert 'role="alert"' in notice
    assert "nudity or sex" in notice
    assert "“nude”" in notice
    assert answer["stage"]["mode"] == "photo", "the photo is still to be seen"
    assert "results" not in answer
    assert answer["create"]["interactive"] is True
    assert answer["cancel"]["visible"] is False
    assert visit.photo is photo
    assert "garden" not in caplog.text
    assert "nude" not in caplog.text
    assert "ready" in create(handlers, visit, words="my garden in spring")["notice"]


@pytest.mark.slow
def test_refused_words_are_not_counted_as_portraits(handlers: PortraitHandlers, visit: Visit) -> None:
    assert "nudity" in create(handlers, visit, words=WORDS)["notice"]
    assert "4 portraits are ready" in create(handlers, visit, variations=4)["notice"], "all that a minute allows"


def test_after_many_refusals_words_are_not_read_for_a_while(
    handlers: PortraitHandlers, visit: Visit, clock: Clock
) -> None:
    for _ in range(2):
        assert "nudity" in create(handlers, visit, words=WORDS)["notice"]
    assert "Leave them empty" in create(handlers, visit, words="a green hat")["notice"]
    assert "ready" in create(handlers, visit)["notice"], "without words it goes on"
    clock.now += 3600
    assert "ready" in create(handlers, visit, words="a green hat")["notice"]


def test_too_many_portraits_say_when_to_come_back_and_lose_nothing(
    handlers: PortraitHandlers, visit: Visit, clock: Clock
) -> None:
    assert "ready" in create(handlers, visit, variations=4)["notice"]
    kept = list(visit.kept)
    clock.now += 15
    answer = create(handlers, visit)
    assert "Try again in 45 seconds" in answer["notice"]
    assert answer["create"]["interactive"] is True
    assert visit.photo is not None
    assert visit.kept == kept
    clock.now += 45
    assert "ready" in create(handlers, visit)["notice"]


def fill_the_line(line: WaitingLine) -> list[Ticket]:
    """The studio's own requests are never refused."""
    return [line.join("", "preview", 1) for _ in range(line.limit + 1)]


def test_a_full_line_costs_no_portraits(
    studio: Studio, handlers: PortraitHandlers, visit: Visit, photo_bytes: bytes, tmp_path: Path
) -> None:
    tickets, api = fill_the_line(studio.pipeline.line), Endpoints(studio)
    try:
        for _ in range(2):
            assert "The line is full" in create(handlers, visit, variations=4)["notice"]
            photo = tmp_path / "upload" / "me.jpg"
            photo.parent.mkdir()
            photo.write_bytes(photo_bytes)
            with pytest.raises(gr.Error, match="The line is full"):
                api.portrait(
                    *(str(photo), STYLE, "none", 0.5, 7, 4, "preview", False, None, 0, ""),
                    *("1:1", "screen", ""),
                    request_of(visit.session),
                )
    finally:
        for ticket in tickets:
            ticket.leave()
    assert "4 portraits are ready" in create(handlers, visit, variations=4)["notice"]
    assert "as many portraits as a minute allows" in create(handlers, visit)["notice"]


@pytest.mark.slow
def test_an_engine_that_cannot_run_costs_no_portraits(served: Served, handlers: PortraitHandlers, visit: Visit) -> None:
    absent = next(engine.id for engine in served.studio.pipeline.engines() if not engine.available)
    for _ in range(2):
        notice = create(handlers, visit, variations=4, model=absent)["notice"]
        assert 'role="alert"' in notice
        assert "as many portraits" not in notice
    assert "4 portraits are ready" in create(handlers, visit, variations=4)["notice"]


def test_what_the_visitor_cancels_counts(handlers: PortraitHandlers, visit: Visit) -> None:
    running = press_create(handlers, visit.session, variations=4)
    next(running)
    next(running)
    handlers.cancel(request_of(visit.session))
    assert "Stopped" in list(running)[-1]["notice"]
    assert "as many portraits as a minute allows" in create(handlers, visit)["notice"]


def test_one_network_cannot_take_the_room_of_everybody(
    served: Served, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(consents_per_hour_per_address=2, trusted_proxies=1)
    studio = replace(served.studio, limits=Limits(settings, clock))
    handlers, api = PortraitHandlers(studio), Endpoints(studio)

    def said(session: str, network: str) -> gr.Request:
        headers = [(b"x-forwarded-for", network.encode())]
        connection = Request({"type": "http", "client": ("127.0.0.1", 1234), "headers": headers})
        return gr.Request(connection, session_hash=session)

    assert handlers.agree(True, *LOOK, said("flood-0", "8.8.4.4"))["photo_panel"]["visible"] is True
    assert api.consent(True, [], said("flood-1", "8.8.4.4"))["key"]
    for _ in range(2):
        assert handlers.agree(True, *LOOK, said("flood-0", "8.8.4.4"))["photo_panel"]["visible"] is True, (
            "it has said yes before"
        )
    refused = handlers.agree(True, *LOOK, said("flood-2", "8.8.4.4"))
    assert refused["photo_panel"]["visible"] is False
    assert "Try again in 60 minutes" in str(refused)
    with pytest.raises(gr.Error, match="Try again in"):
        api.consent(True, [], said("flood-3", "8.8.4.4"))
    assert "consents-per-hour-per-address" in caplog.text
    assert api.consent(True, [], said("flood-4", "1.1.1.1"))["key"]
    clock.now += 3600
    assert api.consent(True, [], said("flood-3", "8.8.4.4"))["key"]
    for number in range(5):
        served.studio.visits.forget(f"flood-{number}")


def test_one_refused_picture_leaves_the_others_on_show(
    served: Served, handlers: PortraitHandlers, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.studio.pipeline, "safety", Safety((default_policy(),), (Picky(2),)))
    answer = create(handlers, visit, variations=3)
    notice = answer["notice"]
    assert [one["seed"] for one in answer["results"]["portraits"]] == [7, 9]
    assert "2 of 3 portraits are ready." in notice
    assert "Seed 8 is not shown. The picky reviewer did not like it" in notice


def test_when_no_picture_passes_the_next_seed_is_set(
    served: Served, handlers: PortraitHandlers, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.studio.pipeline, "safety", Safety((default_policy(),), (Picky(1, 2),)))
    answer = create(handlers, visit, variations=2)
    assert 'role="alert"' in answer["notice"]
    assert "Your 2 portraits are not shown." in answer["notice"]
    assert answer["stage"]["mode"] == "photo"
    assert answer["create"]["interactive"] is True
    assert answer["seed"] == 9
    assert "ready" in create(handlers, visit, seed=9)["notice"]
    assert screen.next_seed((2**32 - 1,)) == 0


def test_a_part_of_the_photo_that_is_refused_says_what_to_change(
    served: Served, handlers: PortraitHandlers, visit: Visit
) -> None:
    served.studio.visits.take_photo(visit, open_photo(jpeg(ovals(512))))
    visit.faceless = True
    answer = create(handlers, visit, seed=7)
    assert 'role="alert"' in answer["notice"]
    assert "closer around your face" in answer["notice"]
    assert "seed" not in answer, "another seed would not help"
    assert answer["create"]["interactive"] is True
    assert visit.photo is not None
    assert visit.kept == []


@pytest.mark.slow
def test_programs_meet_the_same_limits_and_refusals(
    served: Served, photo_bytes: bytes, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "me.jpg"
    photo.write_bytes(photo_bytes)
    client = Client(served.url, verbose=False, download_files=str(tmp_path / "downloads"))
    agree(client)
    monkeypatch.setattr(served.studio.limits, "settings", Settings(portraits_per_minute=3))
    monkeypatch.setattr(served.studio.pipeline, "safety", Safety((default_policy(),), (Picky(1),)))
    files, facts = ask(client, photo, variations=2)
    assert len(files) == 1
    assert facts["refused"] == [
        {"seed": 7, "category": "gore", "sentence": "The picky reviewer did not like it; use another seed."}
    ]
    with pytest.raises(AppError, match="Try again in"):
        ask(client, photo, variations=2)
    assert ask(client, photo)[1]["refused"] == []
    client.close()


def test_the_privacy_tab_tells_who_is_at_work(served: Served) -> None:
    said = reviewers.as_html(served.studio)
    assert "Word list</strong>: at work" in said
    assert "not at work" in said
    assert "not on this machine" in said


def test_several_faces_bring_a_reminder(served: Served, crowd_bytes: bytes, photo_bytes: bytes) -> None:
    visit = served.visit("guard-crowd")
    for photo, reminded in ((crowd_bytes, True), (photo_bytes, False)):
        served.studio.visits.take_photo(visit, open_photo(photo))
        value = screen.photo_value(visit)
        assert value is not None
        assert ([screen.OTHERS_FACES, False] in value["photo"]["hints"]) == reminded
    served.studio.visits.forget("guard-crowd")


@pytest.mark.parametrize(
    ("headers", "proxies", "network"),
    [
        ([], 0, "8.8.4.4"),
        ([(b"x-forwarded-for", b"1.1.1.1")], 0, "8.8.4.4"),
        ([(b"x-forwarded-for", b"9.9.9.9"), (b"x-forwarded-for", b"1.1.1.1")], 1, "1.1.1.1"),
    ],
)
def test_the_network_of_an_event(headers: list[tuple[bytes, bytes]], proxies: int, network: str) -> None:
    connection = Request({"type": "http", "client": ("8.8.4.4", 1234), "headers": headers})
    assert connection_network(connection, proxies) == network


def test_an_event_without_a_connection_counts_for_no_network() -> None:
    assert connection_network(request_of("guard").request, 0) == ""
