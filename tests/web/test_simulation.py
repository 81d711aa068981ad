"""Simulated people at a studio on a real port: several at once, all of them kept, rows balanced, time told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from pipelines.errors import StudyError
from study.__main__ import main
from study.identity import Identity
from study.plan.freezing import FrozenStudy
from study.simulation.over_http import simulate
from study.store.database import Database, sqlite_url
from study.store.reading import load_dataset
from study.store.store import StudyStore
from tests.support.participant import a_studio
from tests.support.studies import SMALL_STUDY, write_study
from visits.studio import Studio
from web.server import Server
from web.study_routes import build_study_routes

PEOPLE = 7


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> FrozenStudy:
    """One that wants fewer participants than people are simulated."""
    text = SMALL_STUDY.replace('title = "Small"', 'title = "Small"\nplaces = 2')
    return write_study(tmp_path_factory.mktemp("simulated"), text)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, frozen: FrozenStudy) -> Iterator[Studio]:
    file = next(tmp_path_factory.getbasetemp().glob("simulated*/small.toml"))
    with a_studio(tmp_path_factory.mktemp("simulation"), file) as studio:
        yield studio


@pytest.fixture(scope="module")
def address(studio: Studio) -> Iterator[str]:
    server = Server(Starlette(routes=build_study_routes(studio)), None, 0)
    yield server.url
    server.close()


@pytest.mark.slow
def test_people_at_once_are_all_kept_in_balance_and_the_time_is_told(
    studio: Studio, frozen: FrozenStudy, address: str, tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert studio.studies is not None
    store, file = studio.studies.store, next(tmp_path_factory.getbasetemp().glob("simulated*/small.toml"))
    assert main(["simulate", str(file), "-n", str(PEOPLE), "--at-once", "7", "--url", address]) == 0
    said = capsys.readouterr()
    assert re.search(rf"{PEOPLE} simulated people have taken part in \d+ s; each took \d+ s \(median\)", said.out)
    assert f"{PEOPLE} of {PEOPLE} after" in said.err
    data = load_dataset(store.database, frozen.sha256, "simulated")
    assert [one.status for one in data.people] == ["complete"] * PEOPLE
    assert (len(data.ratings), len(data.choices), len(data.checks)) == (3 * PEOPLE, 3 * PEOPLE, 2 * PEOPLE)
    assert len(data.portraits) == 3 * PEOPLE
    seats = Counter(one.row for one in data.people)
    assert sorted(seats.values()) == [1, 1, 1, 1, 1, 2]
    assert not load_dataset(store.database, frozen.sha256).people
    assert "by row of the Williams design: " in said.out


def test_nobody_comes_in_as_a_participant_by_the_key_of_another_studio(
    studio: Studio, address: str, frozen: FrozenStudy, tmp_path: Path
) -> None:
    database = Database(sqlite_url(tmp_path))
    other = StudyStore(database, tmp_path / "other", Identity.of_folder(tmp_path / "other"))
    with pytest.raises(StudyError, match="not the studio's: simulate on the machine"):
        simulate(address, frozen, other, 20, at_once=3)
    database.close()
    assert studio.studies is not None
    assert not load_dataset(studio.studies.store.database, frozen.sha256).people


@pytest.mark.parametrize("options", [["-n", "0"], ["--at-once", "0"]])
def test_nobody_is_simulated_for_nonsense(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "likeness", *options]) == 1
    assert "1 to" in capsys.readouterr().err
