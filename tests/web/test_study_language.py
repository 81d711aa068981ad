"""No sentence reaches a participant but in the language of the study, whatever their browser asks for.

What is said is looked for in a language that is made up here: English with letters that English has not. So a sentence
that no catalogue can hold is found before anybody has translated it; tests/languages tells of those that nobody has.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image, ImageEnhance, ImageFilter
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from languages import saying
from languages.catalogue import LANGUAGES
from languages.saying import Said, speaking
from languages.syntax import parse
from pipelines.engines.filters.engine import FilterEngine
from pipelines.errors import PictureRefused, PortraitError, StudyError, StudyStoreError, TooOften
from pipelines.settings import Settings
from study.identity import Identity
from study.opening import Studies
from study.participation import RunningStudy, words_in
from study.store import database
from study.store.database import Database, sqlite_url
from study.store.store import StudyStore
from tests.study.conftest import agreed
from tests.support.participant import Person, a_studio
from tests.support.studies import SMALL_STUDY, draw, write_study
from tests.support.studio import jpeg
from tests.support.sweeps import sweep
from visits.limits import Limits
from visits.studio import Studio
from web.in_language import PAGE_LANGUAGE, InLanguage
from web.shield import Shield
from web.study_routes import TAB_HEADER, build_study_routes

Opened = Callable[..., Studio]
OTHERS = [code for code in LANGUAGES if code != "en"]
NUMBERS = """
[[screening]]
id = "{name}"
kind = "number"
text = "?"
{bounds}
"""
_SMALL = {ord(letter): chr(0x1D5EE + n) for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}  # bold ones


def made_up(code: str, form: str, many: str, count: int | None) -> str:
    """A translation with no small English letter but in its placeholders."""
    words = many if many and count != 1 else form
    return "".join(part if part.startswith("{") else part.translate(_SMALL) for part in re.split(r"(\{[^}]*\})", words))


@pytest.fixture(autouse=True)
def translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saying, "translated", made_up)


def is_translated(sentence: str) -> bool:
    """The number of a fault may stay as it is."""
    return bool(sentence) and not re.search(r"[a-z]{2}", re.sub(r"\b[0-9a-f]{6}\b", "", sentence))


def in_languages(*codes: str, **changes: str) -> str:
    text = SMALL_STUDY.replace('title = "Small"', f'title = "Small"\nlanguages = {list(codes)}')
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("language")
    write_study(root / "studies", SMALL_STUDY)
    with a_studio(root, root / "studies" / "small.toml") as studio:
        yield studio


@pytest.fixture
def open_in(studio: Studio, tmp_path: Path) -> Iterator[Opened]:
    """Opens the small study in one language, or several, with questions for numbers before all others."""
    stores: list[StudyStore] = []

    def open_(*codes: str) -> Studio:
        text = in_languages(*codes)
        for name, bounds in (
            ("between", "least = 1\nmost = 9"),
            ("up", "least = 1"),
            ("down", "most = 9"),
            ("any", ""),
        ):
            text = text.replace("[[screening]]", NUMBERS.format(name=name, bounds=bounds) + "[[screening]]", 1)
        frozen = write_study(tmp_path / "studies", text)
        stores.append(new_store(tmp_path))
        return replace(studio, studies=Studies(stores[-1], {"small": RunningStudy(frozen, stores[-1])}))

    yield open_
    for one in stores:
        one.database.close()


def new_store(root: Path) -> StudyStore:
    return StudyStore(Database(sqlite_url(root)), root / "kept", Identity.of_folder(root / "kept"))


def english_speaker(studio: Studio, code: str, tab: str = "a" * 32) -> Person:
    person = Person(studio, code, tab)
    person.http.headers["accept-language"] = "en-GB,en;q=0.9"
    return person


def refused(person: Person, name: str, body: Any = None, **headers: str) -> str:
    answer = person.post(name, body, **headers)
    assert answer.status_code >= 400, (name, answer.text)
    return str(answer.json()["sentence"])


def pages_of(photo: Image.Image) -> dict[str, Image.Image]:
    """Photos with each thing to be said of them."""
    two = Image.new("RGB", (2 * photo.width, photo.height))
    two.paste(photo, (0, 0))
    two.paste(photo, (photo.width, 0))
    small = Image.new("RGB", (1600, 1600), (150, 150, 150))
    small.paste(photo.resize((150, 150)), (700, 700))
    return {
        "nobody": Image.new("RGB", (640, 640), (120, 140, 160)),
        "two": two,
        "small": small,
        "dark": ImageEnhance.Brightness(photo).enhance(0.12),
        "bright": photo.point(lambda value: min(255, 190 + value)),
        "blurred": photo.filter(ImageFilter.GaussianBlur(6)),
        "on its side": photo.transpose(Image.Transpose.ROTATE_90),
        "upside down": photo.transpose(Image.Transpose.ROTATE_180),
    }


@pytest.mark.parametrize("code", sweep(OTHERS, 1))
def test_errors_over_http(code: str, open_in: Opened, face_photo: Image.Image) -> None:
    studio = open_in(code)
    said: dict[str, str] = {}
    stranger = english_speaker(studio, "")
    said["no pass"] = refused(stranger, "answer")
    said["another site"] = refused(stranger, "withdraw", {}, **{"sec-fetch-site": "cross-site"})
    assert refused(stranger, "withdraw", {"code": "AAAA-BBBB-CCCC"}) == words_in(code)["withdraw-unknown"]
    said["too long a code"] = page_sentence(stranger, f"/study/small?PROLIFIC_PID={'x' * 300}")
    person = english_speaker(studio, "anna")
    screen = person.ask("enter", {"language": "en"})
    assert screen["language"] == code
    said["another text"] = refused(person, "consent", {"purposes": {"take-part": True}, "sha256": "0"})
    sha256 = screen["consent"]["sha256"]
    said["not ticked"] = refused(person, "consent", {"purposes": {}, "sha256": sha256})
    said["no consent"] = refused(person, "photo", jpeg(face_photo))
    said["no answer"] = refused(person, "consent", b"[")
    person.ask("consent", {"purposes": {"take-part": True, "keep": True}, "sha256": sha256})
    for wrong in (("nine",), ("nine", "10"), ("nine", "0.5"), ("nine", "0.5", "10")):
        trial = person.screen["trial"]["key"]
        said |= {f"{value} {trial}": refused(person, "answer", {"trial": trial, "value": value}) for value in wrong}
        person.ask("answer", {"trial": trial, "value": "5"})
    said["no such option"] = refused(person, "answer", {"trial": person.screen["trial"]["key"], "value": "7"})
    said["nothing"] = refused(person, "answer", {"trial": person.screen["trial"]["key"], "value": ""})
    said["another question"] = refused(person, "answer", {"trial": "pairs-001"})
    said["no such event"] = refused(person, "event", {"name": "sneezed"})
    person.ask("answer", {"trial": person.screen["trial"]["key"], "value": "0"})
    said["no photo"] = refused(person, "portraits")
    said["no picture"] = refused(person, "photo", b"no picture")
    said["half a picture"] = refused(person, "photo", jpeg(face_photo)[:200])
    said["no photo to see"] = person.http.get("/study/small/photo.jpg").json()["sentence"]
    said["no such portrait"] = person.http.get(f"/study/small/picture/{'0' * 24}.webp").json()["sentence"]
    other = english_speaker(studio, "anna", tab="b" * 32)
    other.ask("enter", {"language": "en"})
    said["an older tab"] = refused(person, "answer", {"trial": "ratings-001", "value": "5"})
    other.ask("withdraw", {})
    said["gone"] = refused(person, "photo", jpeg(face_photo))
    assert {name: sentence for name, sentence in said.items() if not is_translated(sentence)} == {}
    assert len(said) == 26


# One look at all photos takes seconds, and what is said of them goes the same way in all languages.
@pytest.mark.slow
@pytest.mark.parametrize("code", OTHERS)
def test_hints_and_what_stops_portraits(
    code: str, open_in: Opened, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = english_speaker(open_in(code), "anna")
    person.agree()
    while person.screen["task"] == "screening":
        kind, trial = person.screen["trial"]["kind"], person.screen["trial"]["key"]
        person.ask("answer", {"trial": trial, "value": "5" if kind == "number" else "0"})
    said: dict[str, str] = {}
    kinds = 0
    for name, photo in pages_of(face_photo).items():
        told = person.ask("photo", jpeg(photo))["photo"]["hints"]
        kinds += bool(told)
        said |= {f"{name} {n}": sentence for n, (sentence, _) in enumerate(told)}
        if any(blocks for _, blocks in told):
            said[f"make of {name}"] = refused(person, "portraits")
        said[f"turn {name}"] = refused(person, "sitter", {"turn": 45})
        said[f"mark {name}"] = refused(person, "sitter", {"mark": {"x": 5}})
        said[f"choose {name}"] = refused(person, "sitter", {"face": 9})
    assert kinds >= 7, "the photos do not show what they are to show"
    said |= while_making(person, jpeg(face_photo), monkeypatch)
    assert {name: sentence for name, sentence in said.items() if not is_translated(sentence)} == {}


def page_sentence(person: Person, address: str) -> str:
    found = re.search(r'"sentence": "([^"]*)"', person.http.get(address).text)
    assert found is not None
    return found[1]


def while_making(person: Person, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What stops portraits."""
    said: dict[str, str] = {}
    person.ask("photo", photo)
    stops = {
        "held back": PictureRefused(Said("Held back.")),
        "a fault of ours": RuntimeError("English, for the log"),
        "disk": StudyStoreError(database._FULL),
    }
    for name, error in stops.items():

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(FilterEngine, "make", fail)
            person.ask("portraits")
            while (screen := person.http.get("/study/small/progress", headers={TAB_HEADER: person.tab}).json())[
                "task"
            ] == "portraits":
                pass
        said[name] = screen["said"]
    return said


@pytest.mark.parametrize("code", sweep(OTHERS, 1))
def test_limits_and_faults_over_http(code: str, open_in: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = open_in(code)
    person = english_speaker(studio, "ben")
    person.ask("enter", {"language": "en"})

    @contextlib.contextmanager
    def away(_: object) -> Iterator[None]:
        raise StudyStoreError(database._AWAY)
        yield

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("English, for the log")

    said: dict[str, str] = {}
    with monkeypatch.context() as patch:
        patch.setattr(Database, "writing", away)
        said["database"] = refused(person, "enter", {})
        patch.setattr(RunningStudy, "enter", broken)
        said["ours"] = refused(person, "enter", {})
    with monkeypatch.context() as patch:
        patch.setattr("web.study_routes.connection_network", lambda *_: "203.0.113.9")
        crowded = replace(studio, limits=Limits(Settings()))
        many = english_speaker(crowded, "cleo")
        with contextlib.suppress(TooOften):
            while True:
                crowded.limits.study_asked("203.0.113.9")
        said["too often"] = refused(many, "enter", {})
        said["too often, the page"] = page_sentence(many, "/study/small?PROLIFIC_PID=dan")
    assert {name: sentence for name, sentence in said.items() if not is_translated(sentence)} == {}


def test_who_cannot_take_part_reads_why(tmp_path: Path) -> None:
    """All ways of being closed out, by the studio's own class: over HTTP they are the same sentences."""
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    store, said = new_store(tmp_path), list[str]()

    def running(number: int, **changes: str) -> RunningStudy:
        changes = {'version = "1"': f'version = "{number}"', **changes}
        return RunningStudy(write_study(tmp_path / f"s{number}", in_languages("ja", **changes)), store, now=lambda: now)

    def heard(call: Any, *given: Any, **more: Any) -> None:
        with pytest.raises(StudyError) as error, speaking("ja"):
            call(*given, **more)
        with speaking("ja"):
            said.append(str(error.value.hint))

    first = running(1)
    person = agreed(first, "anna")
    second = running(2, **{"retention": "places = 1\nretention"})
    heard(second.enter, person, "participant", "t", language="en")  # an earlier version
    agreed(second, "ben")
    third, kind = second.identify("cleo")
    second.enter(third, kind, "t", language="en")
    heard(second.agree, third, "t", {"take-part": True}, second.consent_document("ja").sha256)  # places
    store.release(person, "rejected")
    heard(first.enter, person, "participant", "t", language="en")  # over
    blocking = running(3, **{"[recruiting]": '[resume]\npolicy = "block"\n[recruiting]'})
    again = agreed(blocking, "dan")
    heard(blocking.enter, again, "participant", "t", language="en")
    now += timedelta(days=900)
    heard(first.enter, person, "participant", "t", language="en")  # the last day is over
    listed = running(4, **{"[recruiting.returns]": 'codes = "listed"\n[recruiting.returns]'})
    heard(listed.identify, "eve")
    heard(store.require, "nobody")
    done = running(5)
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    fred = agreed(done, "fred")
    draw(store, done.frozen, fred)
    store.finish(fred, "complete", keep_portraits=False)
    heard(store.answer, fred, "t1", store.require(fred).schedule(done.frozen).trials[0], None)
    assert [one for one in said if not is_translated(one)] == []
    assert len(set(said)) == 8
    store.database.close()


ROOMS = [
    "study.participation", "study.answers", "study.identity", "study.store.store", "study.store.database",
    "study.store.files", "study.store.leaving", "study.store.rows", "visits.sittings", "visits.limits",
    "visits.admission", "web.study_routes", "web.study_page", "web.shield", "pipelines.photo.opening",
    "pipelines.photo.decoding", "pipelines.photo.hints",
]  # fmt: skip
FOR_OPERATORS = {"study.identity": 1, "study.store.database": 3}  # keys and addresses, at the start


def parts_of(given: ast.expr) -> Iterator[ast.expr]:
    """What a sentence may be: either side of a condition, too."""
    if isinstance(given, ast.IfExp):
        yield from (*parts_of(given.body), *parts_of(given.orelse))
    elif isinstance(given, ast.BoolOp):
        for one in given.values:
            yield from parts_of(one)
    else:
        yield given


def is_plain(module: ModuleType, given: ast.expr) -> bool:
    if isinstance(given, ast.Name):
        words = getattr(module, given.id, None)
        return isinstance(words, str) and not isinstance(words, Said)
    return isinstance(given, ast.Constant | ast.JoinedStr)


@pytest.mark.parametrize("room", ROOMS)
def test_every_error_of_a_participants_way_is_said(room: str) -> None:
    """Whatever is raised there says its sentence by `say`, so that a new one is not forgotten."""
    module = importlib.import_module(room)
    plain = 0
    for node in ast.walk(parse(inspect.getsource(module))):
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)):
            continue
        kind = getattr(module, node.exc.func.id, None)
        if not (isinstance(kind, type) and issubclass(kind, PortraitError)) or not node.exc.args:
            continue
        given = node.exc.args[0]
        plain += any(is_plain(module, part) for part in parts_of(given))
    assert plain == FOR_OPERATORS.get(room, 0)


def test_a_database_that_is_away_is_said_whether_it_was_read_or_written() -> None:
    assert all(isinstance(words, Said) for words in (database._FULL, database._AWAY, database._UNREAD))


def test_the_page_goes_on_in_the_language_that_was_agreed_in(open_in: Opened) -> None:
    person = english_speaker(open_in("en", "ja"), "gil")
    assert 'lang="en"' in person.http.get("/study/small").text
    assert 'lang="ja"' in person.http.get("/study/small?lang=ja").text
    screen = person.ask("enter", {"language": "ja"})
    person.ask("consent", {"purposes": {"take-part": True}, "sha256": screen["consent"]["sha256"]})
    page = person.http.get("/study/small").text
    assert 'lang="ja"' in page
    assert words_in("ja")["withdraw"] in page
    assert not is_translated(refused(person, "event", {"name": "sneezed"})), "a program that names no language"
    assert is_translated(refused(person, "event", {"name": "sneezed"}, **{PAGE_LANGUAGE: "ja"}))


@pytest.mark.parametrize("code", OTHERS)
def test_what_stops_a_request_before_the_study_is_in_the_pages_language(code: str, studio: Studio) -> None:
    walls = [Middleware(InLanguage), Middleware(Shield, page="")]
    http = TestClient(Starlette(routes=build_study_routes(studio), middleware=walls), base_url="http://testserver")
    sent = {"accept-language": "en", PAGE_LANGUAGE: code}
    answer = http.post("/study/small/answer", content=b"x" * 2**21, headers=sent)
    assert answer.status_code == 413
    assert is_translated(answer.json()["sentence"])
    assert not is_translated(http.post("/study/small/answer", content=b"x" * 2**21).json()["sentence"])
