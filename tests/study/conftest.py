"""Studies for tests: a small one that is frozen, and a store on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from study.identity import Identity
from study.participation import RunningStudy
from study.plan.freezing import FrozenStudy
from study.store.database import Database, sqlite_url
from study.store.store import StudyStore
from tests.support.databases import postgres, url  # noqa: F401  # fixtures
from tests.support.studies import SMALL_STUDY, write_study

YES = {"take-part": True, "keep": False}


class Clock:
    """A time of day that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 26, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **how_long: float) -> None:
        self.now += timedelta(**how_long)


@pytest.fixture
def frozen(tmp_path: Path) -> FrozenStudy:
    return write_study(tmp_path / "studies", SMALL_STUDY)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, tmp_path: Path, frozen: FrozenStudy, clock: Clock) -> Iterator[StudyStore]:  # noqa: F811
    database = Database(url)
    found = StudyStore(database, tmp_path / "kept", Identity.of_folder(tmp_path / "kept"), clock)
    found.register(frozen)
    yield found
    database.close()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[object]:
    """Opens the small study, with another policy if asked for."""
    databases: list[Database] = []

    def open_(extra: str = "", text: str = SMALL_STUDY) -> RunningStudy:
        frozen = write_study(tmp_path / f"s{len(databases)}", text + extra)
        database = Database(sqlite_url(tmp_path))
        databases.append(database)
        store = StudyStore(database, tmp_path / "kept", Identity.of_folder(tmp_path / "kept"), clock)
        return RunningStudy(frozen, store, now=clock)

    yield open_
    for one in databases:
        one.close()


def agreed(running: RunningStudy, code: str, tab: str = "t1") -> str:
    person, kind = running.identify(code)
    standing = running.enter(person, kind, tab, language="en")
    running.agree(person, tab, YES, running.consent_document(standing.language).sha256)
    return person


def answer(running: RunningStudy, person: str, tab: str, **more: object) -> None:
    standing = running.store.find(person)
    assert standing is not None
    trial = running.next_trial(standing)
    assert trial is not None
    said = {"screening": "0", "ratings": "4", "questionnaire": "x", "comprehension": "0"}.get(trial.task)
    running.answer(person, tab, {"trial": trial.key, "value": said, "chosen": "left", **more})
