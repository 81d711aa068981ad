"""Bounds on open events, on a small page of its own with an event that lasts as long as the test wants."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import httpx
import pytest
from starlette.middleware import Middleware

from web.isolation import Isolation
from web.open_events import OpenEvents

NETWORK, OTHER = "8.8.8.8", "1.1.1.1"
JOIN = "/gradio_api/queue/join"


@dataclass
class Page:
    """The page; `go` lets its events end."""

    url: str
    blocks: gr.Blocks
    go: threading.Event

    def join(
        self, session: str = "", cookie: str = "", network: str = "10.0.0.1", path: str = JOIN, event: int = 0
    ) -> httpx.Response:
        headers = {"X-Forwarded-For": network}
        if cookie:
            headers["Cookie"] = f"studio_visitor_x={cookie:x<32}"
        body = {"data": [], "fn_index": event, "session_hash": session or secrets.token_hex(6)}
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, verify=False)


def until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to this")


@pytest.fixture(scope="module")
def launched() -> Iterator[Page]:
    go = threading.Event()
    with gr.Blocks(analytics_enabled=False) as blocks:
        said = gr.Textbox()
        gr.Button().click(lambda: str(go.wait(60)), outputs=said, api_name="wait", concurrency_limit=4)
        gr.Button().click(lambda: "now", outputs=said, api_name="now", queue=False)
        gr.Button().click(lambda: str(go.wait(60)), outputs=said, api_name="slow", queue=False)
        gr.Button().click(lambda: "soon", outputs=said, api_name="soon")
    blocks.queue(api_open=False)
    events = OpenEvents(blocks, lambda session: session.startswith("agreed"), visitor=3, network=5, without_consent=8)
    wall = Middleware(Isolation, folder_of=Path, in_use=lambda session: False, events=events, trusted_proxies=1)
    blocks.launch(prevent_thread_lock=True, quiet=True, app_kwargs={"middleware": [wall]})
    yield Page(blocks.local_url.rstrip("/"), blocks, go)
    go.set()
    blocks.close(verbose=False)


@pytest.fixture
def page(launched: Page) -> Iterator[Page]:
    """One page for all tests, as a launch takes seconds. Each finds no open event, and events that wait."""
    launched.go.clear()
    yield launched
    launched.go.set()
    until(lambda: not launched.blocks._queue.event_ids_to_events)


def test_one_browser_has_so_many_events_open_and_more_when_they_are_done(page: Page) -> None:
    answers = [page.join(cookie="ada") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 503, 503]
    assert "Wait a moment" in answers[-1].json()["detail"]
    assert page.join(cookie="bob").is_success
    page.go.set()
    until(lambda: page.join(cookie="ada").is_success)


@pytest.mark.parametrize("path", [JOIN, "/gradio_api/call/wait"])
def test_programs_are_counted_by_network(page: Page, path: str) -> None:
    assert [page.join(network=NETWORK, path=path).status_code for _ in range(6)] == [200] * 5 + [503]
    assert "network" in page.join(network=NETWORK, cookie="ada").json()["detail"], "made-up cookies do not help"
    assert page.join(network=OTHER).is_success


def test_those_without_consent_leave_room_for_the_others(page: Page) -> None:
    answers = [page.join(cookie=f"guess{number}").status_code for number in range(10)]
    assert answers == [200] * 8 + [503] * 2
    assert page.join(session="agreed", cookie="ada").is_success


def test_what_goes_past_the_queue_is_not_refused_when_the_queue_is_full(page: Page) -> None:
    assert {page.join(cookie="ada").status_code for _ in range(5)} == {200, 503}
    answer = page.join(cookie="ada", path="/gradio_api/run/now", event=1)
    assert answer.json()["data"] == ["now"]


def test_one_sender_takes_so_many_places_past_the_queue(page: Page) -> None:
    def slow() -> None:
        statuses.append(page.join(cookie="ada", path="/gradio_api/run/slow", event=2).status_code)

    statuses: list[int] = []
    calls = [threading.Thread(target=slow) for _ in range(12)]
    for call in calls:
        call.start()
    until(lambda: len(statuses) == 4)
    assert statuses == [503] * 4
    page.go.set()
    for call in calls:
        call.join()
    assert sorted(statuses) == [200] * 8 + [503] * 4
    assert page.join(cookie="ada", path="/gradio_api/run/now", event=1).is_success


def test_a_crowd_of_new_sessions_does_not_cut_off_an_event_at_work(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio keeps the answers of so many sessions, and would drop the oldest."""
    monkeypatch.setattr(page.blocks._queue.pending_messages_per_session, "max_size", 10)
    assert page.join(session="agreed-ada", cookie="ada").is_success
    for _ in range(40):
        until(lambda: page.join(cookie=f"guess{secrets.token_hex(4)}", event=3).is_success)
    page.go.set()
    headers = {"X-Forwarded-For": "10.0.0.1", "Cookie": f"studio_visitor_x={'ada':x<32}"}
    address = f"{page.url}/gradio_api/queue/data?session_hash=agreed-ada"
    with httpx.stream("GET", address, headers=headers, timeout=60, verify=False) as said:
        assert any("process_completed" in line for line in said.iter_lines())
