"""A participant's way over HTTP, from the link to the code, and what the routes refuse."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from pipelines.errors import StudyStoreError
from pipelines.settings import Settings
from study.export.tables import tables_of
from study.identity import Identity
from study.opening import Studies
from study.participation import RunningStudy
from study.plan.freezing import FrozenStudy
from study.store.database import Database, sqlite_url
from study.store.reading import load_dataset
from study.store.store import StudyStore
from tests.support.participant import Person
from tests.support.studies import SMALL_STUDY, draw, write_study
from visits.limits import Limits
from visits.studio import Studio
from web.server import Server
from web.shield import Shield
from web.study_routes import TAB_HEADER, build_study_routes

SECRET_WORDS = ("oil-master", "oil", "comic", "pop-art", "preview", "condition", "likeness", "more-me")


def test_from_the_link_to_the_code(studio: Studio, open_study: FrozenStudy, photo: bytes) -> None:
    person = Person(studio, "prolific-anna-1")
    assert person.opened.status_code == 303
    assert "anna" not in person.opened.headers["location"]
    page = person.http.get("/study/small")
    assert "anna" not in page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    end = person.finish(photo)
    assert end["task"] == "debrief"
    store = studio.studies.store
    me = store.identity.participant("small", "prolific-anna-1")
    assert store.verify(end["end"]["completion"]) == (me, True)
    data = load_dataset(store.database, open_study.sha256).of({me})
    assert (len(data.ratings), len(data.choices), len(data.checks), len(data.replies)) == (3, 3, 2, 2)
    assert data.people[0].submission == store.identity.submission("small", "s-prolific-anna-1")
    assert {one.engine for one in data.portraits} == {"Instant filters"} or data.portraits[0].engine
    sitting = studio.sittings.find(me)
    assert sitting is None or sitting.photo is None, "the photo is dropped when the portraits are there"
    again = Person(studio, "prolific-anna-1", tab="b" * 32)
    assert again.ask("enter", {})["end"]["completion"] == end["end"]["completion"], "the code is shown again"


def test_nothing_that_a_participant_gets_names_a_style(studio: Studio, photo: bytes) -> None:
    person = Person(studio, "blind")
    person.agree()
    person.answer()
    person.sit(photo)
    seen: list[str] = []
    while "trial" in person.screen:
        trial = person.screen["trial"]
        for name in (trial.get(one) for one in ("picture", "left", "right")):
            if name:
                answer = person.http.get(f"/study/small/picture/{name}.webp")
                assert answer.headers["content-type"] == "image/webp"
                seen.append(answer.content.decode("latin-1"))
        seen.append(json.dumps(person.screen))
        person.answer()
    for words in SECRET_WORDS:
        pattern = words if words != "oil" else '"oil"'
        assert not [text for text in seen if pattern in text], words


def test_each_call_needs_the_pass_the_tab_and_the_consent(studio: Studio, photo: bytes) -> None:
    stranger = Person(studio, "")
    for name in ("enter", "consent", "decline", "photo", "sitter", "portraits", "answer", "event", "withdraw"):
        assert stranger.post(name, {}).status_code == 403, name
    for address in ("progress", "photo.jpg", f"picture/{'0' * 24}.webp"):
        assert stranger.http.get(f"/study/small/{address}", headers={TAB_HEADER: "a" * 32}).status_code == 403
    person = Person(studio, "early")
    person.ask("enter", {})
    assert person.post("photo", photo).status_code == 422
    assert person.post("portraits", {}).status_code == 422
    assert person.post("answer", {"trial": "ratings-001", "value": "5"}).status_code == 422
    assert person.http.get("/study/small/photo.jpg").status_code == 404
    assert studio.sittings.find(studio.studies.store.identity.participant("small", "early")) is None
    forged = person.http.cookies["study_small"]
    person.http.cookies.clear()
    person.http.cookies.set("study_small", forged.replace(forged[:4], "0000", 1))
    assert person.post("enter", {}).status_code == 403
    assert Person(studio, "elsewhere").post("enter", {}, **{"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("yes", [1, "true", "yes", [True], {"ok": True}, None])
def test_only_true_is_a_yes(studio: Studio, yes: object) -> None:
    person = Person(studio, f"forged-{yes}")
    sha256 = person.ask("enter", {})["consent"]["sha256"]
    assert person.post("consent", {"purposes": {"take-part": yes}, "sha256": sha256}).status_code == 422
    assert person.post("consent", {"purposes": {"take-part": True}, "sha256": "0" * 64}).status_code == 422
    assert person.ask("enter", {})["agreed"] is False


def test_an_older_tab_is_refused(studio: Studio) -> None:
    old = Person(studio, "tabs", tab="1" * 32)
    old.agree()
    new = Person(studio, "tabs", tab="2" * 32)
    new.ask("enter", {})
    refused = old.post("answer", {"trial": "screening-001", "value": "0"})
    assert (refused.status_code, refused.json()["code"]) == (409, "study-elsewhere")
    new.answer()


def test_no_consent_leaves_a_count_and_the_way_back(studio: Studio, open_study: FrozenStudy) -> None:
    person = Person(studio, "never")
    person.ask("enter", {})
    assert person.ask("decline")["return"] == "https://recruiter.example/complete?cc=NO"
    store = studio.studies.store
    assert store.find(store.identity.participant("small", "never")) is None
    gone = load_dataset(store.database, open_study.sha256).departures
    assert ("no_consent", "consent", 1) in [(one.how, one.task, one.count) for one in gone]


def test_who_is_screened_out_is_sent_back(studio: Studio) -> None:
    person = Person(studio, "young")
    person.agree()
    end = person.answer(value="1")
    assert end["task"] == "screened_out"
    assert end["end"]["return"] == "https://recruiter.example/complete?cc=OUT"


def test_withdrawing_by_button_and_by_code(studio: Studio, photo: bytes) -> None:
    store = studio.studies.store
    person = Person(studio, "leaves")
    person.agree()
    person.answer()
    assert person.ask("photo", photo)["photo"]["there"]
    assert person.ask("withdraw", {}) == {"withdrawn": True}
    me = store.identity.participant("small", "leaves")
    assert store.find(me) is None
    assert studio.sittings.find(me) is None
    assert person.post("answer", {"trial": "ratings-001", "value": "5"}).status_code in (403, 410)
    later = Person(studio, "later")
    later.agree()
    code = store.identity.withdrawal_code(store.identity.participant("small", "later"))
    device = Person(studio, "")
    assert device.post("withdraw", {"code": "AAAA-BBBB-CCCC"}).status_code == 404
    assert device.post("withdraw", {"code": code}).json() == {"withdrawn": True}
    assert store.find(store.identity.participant("small", "later")) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"value": "9"}, "Choose one of the answers"),
        ({"value": ""}, "Answer the question"),
        ({"trial": "questionnaire-001", "value": "x"}, "reload"),
        ({"trial": None}, "reload"),
    ],
)
def test_wrong_answers_are_refused_with_a_sentence(studio: Studio, changes: dict[str, Any], said: str) -> None:
    person = Person(studio, f"wrong-{sorted(changes.items())}")
    person.agree()
    answer = person.post("answer", {"trial": person.screen["trial"]["key"], "value": "0", **changes})
    assert answer.status_code == 422
    assert said in answer.json()["sentence"]
    for body in (b"[]", b"{", b"\xff", b"[" * 5000):
        assert (
            person.http.post("/study/small/answer", content=body, headers={TAB_HEADER: person.tab}).status_code == 422
        )


def test_a_code_of_the_operators_own_makes_a_simulated_person(studio: Studio, open_study: FrozenStudy) -> None:
    store = studio.studies.store
    person = Person(studio, store.identity.marked_code("simulated", "1"))
    person.agree()
    assert [one.kind for one in load_dataset(store.database, open_study.sha256, "simulated").people] == ["simulated"]


def test_an_unknown_study_says_so(studio: Studio) -> None:
    person = Person(studio, "x")
    answer = person.http.get("/study/other")
    assert answer.status_code == 404
    assert "no such study" in answer.text
    assert person.http.post("/study/other/enter", json={}).status_code == 404


def test_enlarging_is_on_record_with_its_time(studio: Studio, open_study: FrozenStudy, photo: bytes) -> None:
    person = Person(studio, "looks-close")
    person.agree()
    person.answer()
    person.sit(photo)
    trial = person.screen["trial"]
    person.ask("event", {"name": "enlarged", "page_ms": 1000.5, "trial": trial["key"]})
    person.ask("event", {"name": "reduced", "page_ms": 4000.5, "trial": trial["key"]})
    assert person.post("event", {"name": "liked", "page_ms": 1, "trial": trial["key"]}).status_code == 422
    store = studio.studies.store
    me = store.identity.participant("small", "looks-close")
    found = load_dataset(store.database, open_study.sha256).of({me})
    assert [(one.name, one.page_ms, one.trial) for one in found.events] == [
        ("enlarged", 1000.5, trial["key"]),
        ("reduced", 4000.5, trial["key"]),
    ]
    assert [row["event"] for table in tables_of(found) if table.name == "events" for row in table.rows] == [
        "enlarged",
        "reduced",
    ]


def test_a_database_that_is_away_answers_that_nothing_was_stored(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(studio, "away")
    person.agree()

    @contextlib.contextmanager
    def away(_: object) -> Iterator[None]:
        raise StudyStoreError("The study's database does not answer just now.")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", away)
        answer = person.post("answer", {"trial": "screening-001", "value": "0"})
        assert (answer.status_code, answer.json()["code"]) == (503, "study-store")
    assert person.answer()["task"] == "photo"


def test_too_many_tries_from_one_network_have_to_wait(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.study_routes.connection_network", lambda *_: "203.0.113.9")
    device = Person(studio, "")
    answers = [device.post("withdraw", {"code": "AAAA-BBBB-CCCC"}).status_code for _ in range(125)]
    assert answers[0] == 404
    assert answers[-1] == 429


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_people_at_once_on_loopback_lose_no_answer_and_balance(tmp_path: Path, studio: Studio) -> None:
    """Over a real port. Their pictures are put into the store directly: to make them would take minutes."""
    database = Database(sqlite_url(tmp_path))
    store = StudyStore(database, tmp_path / "kept", Identity.of_folder(tmp_path / "kept"))
    running = RunningStudy(write_study(tmp_path / "s", SMALL_STUDY), store)
    crowd = replace(studio, studies=Studies(store, {"small": running}), limits=Limits(Settings()))
    site = Starlette(routes=build_study_routes(crowd), middleware=[Middleware(Shield, page="")])
    start = threading.Barrier(50)

    def take_part(number: int) -> str:
        with httpx.Client(base_url=url, timeout=300, headers={TAB_HEADER: f"{number:032}"}) as http:
            start.wait()
            assert http.get(f"/study/small?PROLIFIC_PID=crowd-{number}").status_code == 303
            screen = http.post("/study/small/enter", json={}).json()
            yes = {"purposes": {"take-part": True}, "sha256": screen["consent"]["sha256"]}
            screen = http.post("/study/small/consent", json=yes).json()
            draw(store, running.frozen, store.identity.participant("small", f"crowd-{number}"))
            while "trial" in screen or screen["task"] == "photo":
                if "trial" not in screen:
                    screen = http.get("/study/small/progress").json()
                    continue
                kind, key = screen["trial"]["kind"], screen["trial"]["key"]
                said = {"likert": "5", "choice": "0", "text": f"person {number}", "pair": "left"}[kind]
                body = {"trial": key, "chosen" if kind == "pair" else "value": said, "rt_ms": 1000}
                answer = http.post("/study/small/answer", json=body)
                assert answer.status_code == 200, answer.text
                screen = answer.json()
            return str(screen["end"]["completion"])

    server = Server(site, None, 0)
    url = server.url
    with ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(take_part, range(50)))
    server.close()
    assert all(store.verify(code) is not None for code in codes)
    data = load_dataset(database, running.frozen.sha256)
    assert (len(data.people), len(data.ratings), len(data.choices), len(data.checks)) == (50, 150, 150, 100)
    assert sorted(one.value for one in data.replies if one.question == "why") == sorted(
        f"person {n}" for n in range(50)
    )
    seats = Counter(one.row for one in data.people)
    assert max(seats.values()) - min(seats.values()) <= 1
    database.close()
