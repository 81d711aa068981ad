"""Every address of the running app, hidden ones included, called directly by somebody who has not said yes.

The endpoints are read from the app itself, so one that is added tomorrow is called here too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from pipelines.photo import opening as photos
from tests.support.studio import LOOK, OTHER_STYLE, Served, create, request_of, with_photo
from ui.portrait_handlers import PortraitHandlers
from web.calls import KEY_HEADER
from web.routes import build_routes

SLOW = pytest.mark.slow
FORGED = ["true", 1, "True", [True], {"agreed": True}, "yes"]  # each goes to every event
PICTURES = ("data:image", "studio/portrait/", "studio/original/", "studio/board/")
# Take a picture in without consent, keep nothing of it and give none back; or say whether the studio lives.
OPEN_ROUTES = {"/studio/check", "/healthz", "/readyz"}
# Of whoever runs the studio, as these tests do on this machine: test_models_page.py and test_metrics.py in tests/web
# say who else gets in.
OPERATORS = {(method, path) for method in ("GET", "HEAD") for path in ("/models", "/models/cards", "/metrics")}


def pictures_in(value: Any, *, example: bool = False) -> Iterator[str]:
    """Everything in an answer that shows a picture, but for the example sitter, who is not the visitor."""
    if isinstance(value, dict):
        is_example = value.get("mode") == "example"
        for inner in value.values():
            yield from pictures_in(inner, example=is_example)
    elif isinstance(value, list):
        for inner in value:
            yield from pictures_in(inner, example=example)
    elif isinstance(value, str) and not example and any(sign in value for sign in PICTURES):
        yield value[:80]


class Caller:
    """Calls events by their number, as no page would."""

    def __init__(self, served: Served, http: httpx.Client) -> None:
        self._http = http
        self.config = http.get("/config").json()
        self.values = {one["id"]: one["props"].get("value") for one in self.config["components"]}
        self.events = [one for one in self.config["dependencies"] if one["backend_fn"]]

    def call(self, event: dict[str, Any], session: str, data: list[Any]) -> Any:
        """The answer's data, None where the call was refused."""
        body = {
            "data": data,
            "fn_index": event["id"],
            "session_hash": session,
            "event_data": {"index": 0, "seed": 7, "consent": True},
            "consent": True,
            "agreed": True,
        }
        answer = self._http.post("/gradio_api/queue/join", json=body, headers={KEY_HEADER: "true", "x-consent": "true"})
        if not answer.is_success:
            return answer.json()
        with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as said:
            line = next(line for line in said.iter_lines() if "process_completed" in line or "unexpected" in line)
        return json.loads(line.removeprefix("data:")).get("output")


@pytest.fixture
def caller(served: Served, http: httpx.Client) -> Caller:
    return Caller(served, http)


@pytest.fixture
def withdrawn(served: Served, photo_bytes: bytes) -> Iterator[tuple[str, str, str]]:
    """Session, key and a portrait's id of a visitor who had everything and took the consent back."""
    session, handlers = "gate-withdrawn", PortraitHandlers(served.studio)
    visit = with_photo(served, handlers, session, photo_bytes)
    list(create(handlers, session))
    key, portrait = visit.key, visit.kept[0].portrait.id
    handlers.forget(*LOOK, request_of(session))
    yield session, key, portrait
    served.studio.visits.forget(session)


def nothing_of(served: Served, session: str) -> None:
    assert served.studio.consents.withdraw(session) is False
    assert not served.studio.pipeline.folder(session).exists()
    assert served.studio.uploads.files(session) == []


def test_no_event_gives_or_stores_a_picture_without_consent(served: Served, caller: Caller) -> None:
    before = set(served.files())
    assert len(caller.events) >= 18
    for event in caller.events:
        session = f"gate-none-{event['id']}"
        answer = caller.call(event, session, [caller.values[number] for number in event["inputs"]])
        assert list(pictures_in(answer)) == [], event["api_name"]
        nothing_of(served, session)
    assert set(served.files()) <= before


@pytest.mark.slow
@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_no_event_takes_a_forged_value_for_a_yes(served: Served, caller: Caller, forged: object) -> None:
    """Every input that was false, and every further one that a caller may invent, says something like yes."""
    before = set(served.files())
    for event in caller.events:
        session = f"gate-forged-{event['id']}"
        data = [forged if caller.values[n] is False else caller.values[n] for n in event["inputs"]] + [forged]
        for values in (data, data[:-1]):
            answer = caller.call(event, session, values)
            assert list(pictures_in(answer)) == [], event["api_name"]
            nothing_of(served, session)
    assert set(served.files()) <= before


def test_no_event_gives_or_stores_a_picture_after_withdrawal(
    served: Served, caller: Caller, withdrawn: tuple[str, str, str]
) -> None:
    before = set(served.files())
    for event in caller.events:
        answer = caller.call(event, withdrawn[0], [caller.values[number] for number in event["inputs"]])
        assert list(pictures_in(answer)) == [], event["api_name"]
        nothing_of(served, withdrawn[0])
    assert set(served.files()) <= before


def own_addresses(served: Served, key: str, portrait: str) -> Iterator[tuple[str, str]]:
    """(method, address) of each route of ours, its parts filled in."""
    for route in build_routes(served.studio):
        assert isinstance(route, Route)
        if route.path.endswith("{file:path}") or route.path == "/studio/words/{code}.json":
            continue  # pictures, scripts and words of the page itself
        address = route.path.replace("{key}", key).replace("{portrait}", f"{portrait}.png").replace("{number:int}", "0")
        address = address.replace("{kind}", "styles").replace("{preset}", OTHER_STYLE)
        address = address.replace("{offer}", "safety-checker").replace("{action}", "start")
        address = (
            address.replace("{sitter}", "1234567890ab").replace("{cell}", "0" * 64 + ".png").replace("{name}", "A")
        )
        assert "{" not in address, "this test does not know how to fill in a new part of an address"
        for method in sorted(route.methods or ()):
            yield method, address


@pytest.mark.parametrize("keys", [("", "{old}"), pytest.param(("true", "guess", "{session}", "{OLD}"), marks=SLOW)])
def test_no_route_gives_or_stores_a_picture_without_consent_or_after_withdrawal(
    served: Served, http: httpx.Client, withdrawn: tuple[str, str, str], photo_bytes: bytes, keys: tuple[str, ...]
) -> None:
    before, tried = set(served.files()), 0
    session, old_key, portrait = withdrawn
    for name in keys:
        key = name.format(old=old_key, OLD=old_key.upper(), session=session)
        for method, address in own_addresses(served, key or "none", portrait):
            if address in OPEN_ROUTES and key:
                continue  # it asks for none
            for body in ({"content": photo_bytes}, {"files": {"files": ("me.jpg", photo_bytes)}}):
                answer = http.request(method, address, headers={KEY_HEADER: key, "x-consent": "true"}, **body)
                tried += 1
                assert not answer.headers.get("content-type", "").startswith(("image/", "application/zip")), address
                assert photo_bytes[:200] not in answer.content
                if (method, address) in OPERATORS:
                    assert answer.status_code == 200
                elif address not in OPEN_ROUTES:
                    assert answer.status_code in (403, 404, 429), (method, address, answer.status_code)
                else:
                    assert list(pictures_in(answer.json() if answer.content else {})) == []
                nothing_of(served, session)
    assert tried > 50
    assert set(served.files()) <= before


@pytest.mark.parametrize("address", ["/gradio_api/upload", "/gradio_api/upload/", "/gradio_api/upload?upload_id=1"])
@pytest.mark.parametrize("key", [None, "true", "guess"])
def test_gradios_own_upload_takes_no_file_without_consent(
    served: Served, http: httpx.Client, photo_bytes: bytes, address: str, key: str | None
) -> None:
    before = set(served.files())
    headers = {} if key is None else {KEY_HEADER: key}
    answer = http.post(address, files={"files": ("me.jpg", photo_bytes)}, headers=headers, follow_redirects=True)
    assert answer.status_code == 403
    assert "consent" in answer.json()["sentence"]
    assert set(served.files()) <= before


def test_an_upload_with_consent_is_deleted_with_it(served: Served, http: httpx.Client, photo_bytes: bytes) -> None:
    visit, before = served.visit("gate-upload"), set(served.files())
    for _ in range(2):
        answer = http.post(
            "/gradio_api/upload", files={"files": ("me.jpg", photo_bytes)}, headers={KEY_HEADER: visit.key}
        )
        assert answer.is_success
    (first, second) = set(served.files()) - before
    assert first.read_bytes() == second.read_bytes() == photo_bytes
    assert str(first) in answer.json() or str(second) in answer.json()
    served.studio.visits.forget("gate-upload")
    assert set(served.files()) <= before


@pytest.mark.parametrize("size", [photos.MAX_BYTES - 10, photos.MAX_BYTES + 100_000])
def test_an_upload_is_bounded_and_one_file(served: Served, http: httpx.Client, size: int) -> None:
    visit, before = served.visit("gate-large"), set(served.files())
    answer = http.post("/gradio_api/upload", files={"files": ("a.jpg", b"x" * size)}, headers={KEY_HEADER: visit.key})
    assert answer.is_success == (size < photos.MAX_BYTES)
    served.studio.visits.forget("gate-large")
    assert set(served.files()) <= before


def test_what_is_no_single_file_is_refused_with_a_sentence(served: Served, http: httpx.Client) -> None:
    visit, before = served.visit("gate-odd"), set(served.files())
    bodies: tuple[dict[str, Any], ...] = (
        {"content": b"no form at all"},
        {"content": b"--x--", "headers": {"content-type": "multipart/form-data"}},
        {"content": b"--x--", "headers": {"content-type": "multipart/form-data; boundary=y"}},
        {"data": {"a": "b"}},
        {"files": [("files", ("a.jpg", b"1")), ("files", ("b.jpg", b"2"))]},
    )
    for body in bodies:
        headers = {KEY_HEADER: visit.key, **body.pop("headers", {})}
        answer = http.post("/gradio_api/upload", headers=headers, **body)
        assert answer.status_code == 422, body
        assert "one file" in answer.json()["sentence"]
    assert set(served.files()) <= before


def test_a_session_too_short_to_be_one_gets_words_and_no_photo_panel(
    served: Served, http: httpx.Client, caller: Caller
) -> None:
    """This once failed with a fault of ours: one value too few for the page."""
    event = next(one for one in caller.events if one["api_name"] == "agree")
    data = [caller.values[number] for number in event["inputs"]]
    answer = caller.call(event, "abc", [True, *data[1:]])
    assert "consent" in json.dumps(answer)
    assert len(answer["data"]) == len(event["outputs"])
