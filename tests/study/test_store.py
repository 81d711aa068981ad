"""The store, on SQLite and on PostgreSQL: each answer a transaction, rows that balance, and deletion that deletes."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect, text

from pipelines.errors import SettingsError, StudyClosed, StudyElsewhere, StudyStoreError
from study.identity import Identity
from study.plan.freezing import FrozenStudy
from study.store.database import Database, sqlite_url
from study.store.reading import known_studies, load_dataset
from study.store.store import StudyStore
from study.store.tables import Base
from tests.study.conftest import Clock
from tests.support.postgres import Postgres
from tests.support.studies import FACTS, PURPOSES, come, draw, reply_to, take_part


def everything(store: StudyStore) -> str:
    """All rows of all tables, as text."""
    with store.database.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        return "\n".join(
            f"{name} {row}" for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"'))
        )


def test_models_and_migrations_say_the_same(store: StudyStore) -> None:
    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_second_start_finds_the_data(store: StudyStore, frozen: FrozenStudy, url: str) -> None:
    person = come(store, frozen, "anna")
    again = Database(url)
    found = StudyStore(again, Path("/nowhere"), store.identity).find(person.id)
    assert found == person
    again.close()


def test_someone_who_takes_part_is_in_the_dataset_with_all_they_said(store: StudyStore, frozen: FrozenStudy) -> None:
    done = take_part(store, frozen, "anna")
    take_part(store, frozen, "ben", attentive=False)
    take_part(store, frozen, "carla", most=4)
    data = load_dataset(store.database, frozen.sha256)
    anna, ben, carla = (store.identity.participant("small", code) for code in ("anna", "ben", "carla"))
    people = {one.id: one for one in data.people}
    assert set(people) == {anna, ben, carla}
    assert people[anna].counts
    assert people[anna].outcome == "complete"
    assert people[anna].task == "debrief"
    assert people[ben].exclusions == ("failed_attention",)
    assert people[ben].missed_checks == 2
    assert people[carla].exclusions == ("incomplete",)
    assert people[carla].task == "pairs"
    mine = data.of({anna})
    assert sorted((one.condition, one.number) for one in mine.ratings) == [("one", 5), ("three", 5), ("two", 5)]
    assert sorted(one.position for one in mine.ratings) == [1, 2, 3]
    assert {frozenset((one.winner, one.loser)) for one in mine.choices} == {
        frozenset(pair) for pair in (("one", "two"), ("one", "three"), ("two", "three"))
    }
    assert [one.is_correct for one in mine.checks] == [True, True]
    assert {one.question: one.value for one in mine.replies} == {"adult": "yes", "why": "no reason"}
    assert mine.replies[0].timing.rt_ms == 1234.5
    assert {one.condition for one in mine.portraits} == {"one", "two", "three"}
    assert mine.consents[0].purposes == PURPOSES
    assert len(data.without_excluded().people) == 1
    assert done.completion
    assert store.verify(done.completion) == (anna, True)
    assert [(one.id, one.people) for one in known_studies(store.database)] == [("small", {"participant": 3})]


def test_no_code_is_stored_anywhere(store: StudyStore, frozen: FrozenStudy, tmp_path: Path) -> None:
    done = take_part(store, frozen, "5f3c9a-prolific-id")
    kept = everything(store)
    secrets = ("5f3c9a", store.identity.withdrawal_code(done.id), "tab-1")
    assert done.id in kept
    assert not [one for one in secrets if one in kept]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
    assert not [path for path in files if b"5f3c9a" in path.read_bytes()]


def test_the_same_answer_twice_is_one_and_what_was_confirmed_stays(store: StudyStore, frozen: FrozenStudy) -> None:
    standing = come(store, frozen, "anna")
    trial = standing.schedule(frozen).trials[0]
    store.answer(standing.id, "tab-1", trial, reply_to(trial))
    store.answer(standing.id, "tab-1", trial, replace(reply_to(trial), value="no"))
    assert [one.value for one in load_dataset(store.database, frozen.sha256).replies] == ["yes"]


def test_a_newer_tab_takes_over(store: StudyStore, frozen: FrozenStudy) -> None:
    standing = come(store, frozen, "anna", tab="old")
    store.arrive(frozen, standing.id, "participant", "en", None, "new")
    trial = standing.schedule(frozen).trials[0]
    with pytest.raises(StudyElsewhere):
        store.answer(standing.id, "old", trial, reply_to(trial))
    store.answer(standing.id, "new", trial, reply_to(trial))


def test_rows_go_to_the_least_filled_and_are_freed(store: StudyStore, frozen: FrozenStudy, clock: Clock) -> None:
    seats = [take_part(store, frozen, f"p{n}").seat for n in range(6)]
    assert sorted(seat for seat in seats if seat is not None) == [0, 1, 2, 3, 4, 5], "six rows for three conditions"
    leaving = {status: come(store, frozen, status) for status in ("returned", "timed_out", "rejected", "withdrawn")}
    for status, one in leaving.items():
        if status == "withdrawn":
            assert store.erase(one.id, "withdrawn")
        elif status == "timed_out":
            clock.pass_(hours=25)
            store.sweep([frozen])
        else:
            store.release(one.id, status)  # type: ignore[arg-type]
    assert store.held_rows(frozen) == [(1, 0)] * 6
    take_part(store, frozen, "careless", attentive=False)
    assert store.held_rows(frozen) == [(1, 0)] * 6, "who failed the checks fills no row"
    assert take_part(store, frozen, "late").seat == 0
    seats = [take_part(store, frozen, f"q{n}").seat for n in range(5)]
    assert sorted(seat for seat in seats if seat is not None) == [1, 2, 3, 4, 5]


def test_simulated_people_take_no_rows_and_stand_apart(store: StudyStore, frozen: FrozenStudy) -> None:
    take_part(store, frozen, store.identity.marked_code("simulated", "1"))
    assert take_part(store, frozen, "anna").seat == 0
    assert [one.kind for one in load_dataset(store.database, frozen.sha256).people] == ["participant"]
    assert [one.kind for one in load_dataset(store.database, frozen.sha256, "simulated").people] == ["simulated"]
    forged = "simulated.1." + "0" * 24
    assert store.identity.kind_of(forged) == "participant"


def test_withdrawal_leaves_a_count_and_nothing_else(store: StudyStore, frozen: FrozenStudy, tmp_path: Path) -> None:
    take_part(store, frozen, "ben")
    before = load_dataset(store.database, frozen.sha256)
    anna = take_part(store, frozen, "anna", most=5)
    code = store.identity.withdrawal_code(anna.id)
    assert list((tmp_path / "kept" / "pictures" / anna.id).iterdir())
    assert store.by_withdrawal_code("AAAA-BBBB-CCCC") is None
    assert store.by_withdrawal_code(f" {code.lower().replace('-', ' ')} ") == anna.id
    assert store.erase(anna.id, "withdrawn")
    assert not store.erase(anna.id, "withdrawn")
    after = load_dataset(store.database, frozen.sha256)
    assert [(one.how, one.task, one.count) for one in after.departures] == [("withdrawn", "pairs", 1)]
    assert replace(after, departures=(), read_at=before.read_at) == before
    assert anna.id not in everything(store)
    for path in tmp_path.rglob("*"):
        assert anna.id not in path.name
        if path.is_file():
            assert anna.id.encode() not in path.read_bytes(), f"{path.name} still holds it"


def test_a_changed_row_breaks_its_completion_code(store: StudyStore, frozen: FrozenStudy) -> None:
    done = take_part(store, frozen, "anna")
    assert done.completion is not None
    assert len(done.completion) == 8
    with store.database.writing() as session:
        session.execute(text("UPDATE answers SET value = '7' WHERE task = 'ratings' AND position = 1"))
    assert store.verify(done.completion.lower()) == (done.id, False)
    assert store.verify("22222222") is None


def test_portraits_stay_only_where_that_was_ticked(store: StudyStore, frozen: FrozenStudy, tmp_path: Path) -> None:
    kept = take_part(store, frozen, "anna")
    home = tmp_path / "kept" / "pictures" / kept.id
    assert {path.stem for path in home.iterdir()} == {kept.pictures[name] for name in ("one", "two", "three")}
    person = store.identity.participant("small", "ben")
    store.arrive(frozen, person, "participant", "en", None, "t")
    store.consent(frozen, person, "t", document="x" * 20, purposes={"take-part": True, "keep": False}, language="en")
    draw(store, frozen, person)
    assert len(list(home.with_name(person).iterdir())) == 5
    done = store.finish(person, "complete", keep_portraits=False)
    assert not list(home.with_name(person).iterdir())
    assert not done.pictures
    stored = load_dataset(store.database, frozen.sha256).of({person}).portraits
    assert len(stored) == 3
    assert all(one.erased_at for one in stored), "that they were made is data"


def test_the_last_day_ends_everything(store: StudyStore, frozen: FrozenStudy, clock: Clock, tmp_path: Path) -> None:
    take_part(store, frozen, "anna")
    store.add_codes("small", ["anna", "ben"])
    clock.pass_(days=(frozen.plan.retention - clock.now.date()).days)
    store.sweep([frozen])
    assert load_dataset(store.database, frozen.sha256).people, "on the last day it is still there"
    clock.pass_(days=1)
    store.sweep([])
    data = load_dataset(store.database, frozen.sha256)
    assert data.people == ()
    assert not store.is_listed(store.identity.participant("small", "ben"))
    assert [one.how for one in data.departures] == ["deleted_by_age"]
    assert not list((tmp_path / "kept" / "pictures").iterdir())


def test_who_never_says_yes_is_forgotten(store: StudyStore, frozen: FrozenStudy, clock: Clock) -> None:
    person = store.identity.participant("small", "anna")
    store.arrive(frozen, person, "participant", "en", None, "t")
    clock.pass_(hours=25)
    store.sweep([frozen])
    assert store.find(person) is None
    assert [one.how for one in load_dataset(store.database, frozen.sha256).departures] == ["left_before_consent"]


def test_restart_begins_anew(store: StudyStore, frozen: FrozenStudy, tmp_path: Path) -> None:
    first = take_part(store, frozen, "anna", most=3)
    store.restart(first.id)
    again = store.find(first.id)
    assert again is not None
    assert (again.status, again.restarts, again.answered) == ("arrived", 1, frozenset())
    assert not (tmp_path / "kept" / "pictures" / first.id).exists()
    with pytest.raises(StudyClosed):
        store.put_picture(first.id, "one", b"late", FACTS)


@pytest.mark.slow
def test_fifty_at_once_lose_nothing_and_balance(store: StudyStore, frozen: FrozenStudy) -> None:
    start = threading.Barrier(50)

    def person(number: int) -> None:
        start.wait()
        take_part(store, frozen, f"p{number}", tab=f"t{number}")

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(person, range(50)))
    data = load_dataset(store.database, frozen.sha256)
    assert len(data.people) == 50
    assert all(one.counts for one in data.people)
    each = len(data.people) * 3
    assert (len(data.ratings), len(data.choices), len(data.checks), len(data.replies)) == (each, each, 100, 100)
    counts = [done for done, _ in store.held_rows(frozen)]
    assert sum(counts) == 50
    assert max(counts) - min(counts) <= 1


@pytest.mark.slow
def test_a_database_that_goes_away_says_so_and_comes_back(
    postgres: Postgres, frozen: FrozenStudy, tmp_path: Path
) -> None:
    database = Database(postgres.new_database("away"))
    store = StudyStore(database, tmp_path / "kept", Identity.of_folder(tmp_path / "kept"))
    store.register(frozen)
    standing = come(store, frozen, "anna")
    first, second, *_ = standing.schedule(frozen).trials
    store.answer(standing.id, "tab-1", first, reply_to(first))
    postgres.stop()
    with pytest.raises(StudyStoreError, match="does not answer"):
        store.answer(standing.id, "tab-1", second, reply_to(second))
    postgres.start()
    assert store.answer(standing.id, "tab-1", second, reply_to(second)).answered == {first.key, second.key}
    database.close()


def test_a_full_disk_says_so_and_keeps_what_was_confirmed(frozen: FrozenStudy, tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    store = StudyStore(database, tmp_path / "kept", Identity.of_folder(tmp_path / "kept"))
    store.register(frozen)
    standing = take_part(store, frozen, "anna", most=2)
    _, _, trial, *_ = standing.schedule(frozen).trials

    # What a full disk does to SQLite: its file can grow no further. The connections of the pool are told one by one.
    def no_room(connection: object, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]

    event.listen(database.engine, "connect", no_room)
    database.close()
    with pytest.raises(StudyStoreError, match="full"):
        store.answer(standing.id, "tab-1", trial, replace(reply_to(trial), value="x" * 200_000))
    found = store.find(standing.id)
    assert found is not None
    assert found.answered == standing.answered
    event.remove(database.engine, "connect", no_room)
    database.close()
    assert trial.key in store.answer(standing.id, "tab-1", trial, reply_to(trial)).answered
    database.close()


def test_a_portrait_that_finds_no_room_leaves_nothing(
    store: StudyStore, frozen: FrozenStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = come(store, frozen, "anna")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StudyStoreError, match="disk is full"):
            store.put_picture(standing.id, "one", b"x", FACTS)
    assert not list((tmp_path / "kept" / "pictures" / standing.id).iterdir())
    store.put_picture(standing.id, "one", b"x", FACTS)
    store.put_picture(standing.id, "one", b"again", FACTS)
    found = store.find(standing.id)
    assert found is not None
    assert store.files.path(standing.id, found.pictures["one"]).read_bytes() == b"again"


@pytest.mark.parametrize("wrong", ["mysql://somewhere/x", "no address", "postgres"])
def test_another_kind_of_database_is_refused_with_the_setting(wrong: str) -> None:
    with pytest.raises(SettingsError, match="STUDY_DATABASE_URL"):
        Database(wrong)
