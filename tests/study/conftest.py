"""Studies for tests: a small one that is frozen, and a store on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from study.identity import Identity
from study.plan.freezing import FrozenStudy, freeze, load_frozen
from study.store.database import Database
from study.store.store import StudyStore
from tests.support.databases import postgres, url  # noqa: F401  # fixtures
from tests.support.studies import SMALL_STUDY


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


def write_study(folder: Path, text: str, name: str = "small") -> FrozenStudy:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    (folder / "plan.md").write_text("# Analysis plan\n\nOutcome: likeness.\n", "utf-8")
    freeze(path)
    return load_frozen(path)


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
