"""Limits over several fronts: whichever somebody asks, it counts for all; what cannot be counted is refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from pipelines.errors import RegisterAway, TooOften
from study.register import Register
from tests.support.databases import postgres  # noqa: F401  # a fixture
from tests.support.limits import limited_by
from tests.support.postgres import Postgres
from visits.counts import SharedCounts
from visits.limits import Limits
from visits.uploads import Uploads

KEY = "k" * 32
NETWORK = "203.0.113.7"


@pytest.fixture
def counts(postgres: Postgres) -> Iterator[Callable[[], SharedCounts]]:  # noqa: F811
    """The counts of one more front."""
    url = postgres.new_database(f"l{secrets.token_hex(6)}")
    registers: list[Register] = []

    def open_() -> SharedCounts:
        registers.append(Register(url, KEY))
        return SharedCounts(registers[-1])

    yield open_
    for one in registers:
        one.close()


def limits(counts: SharedCounts, **values: int) -> Limits:
    return Limits(limited_by(**values), counts=counts)


def table(counts: SharedCounts) -> list[str]:
    with counts._register.transaction() as connection:
        return [str(row) for row in connection.execute(text("SELECT * FROM fronts1_counts"))]


def age(counts: SharedCounts, seconds: float) -> None:
    """Let the time go by for what was counted until now."""
    with counts._register.transaction() as connection:
        connection.execute(text("UPDATE fronts1_counts SET at = at - :seconds"), {"seconds": seconds})


def test_portraits_are_counted_over_all_fronts(counts: Callable[[], SharedCounts]) -> None:
    first = counts()
    a, b = (limits(one, portraits_per_minute=5, portraits_per_hour=8) for one in (first, counts()))
    a.admit("me", portraits=4)
    b.admit("me", portraits=1)
    with pytest.raises(TooOften, match="Try again in") as caught:
        b.admit("me", portraits=1)
    assert caught.value.rule == "portraits-per-minute"
    assert 50 < caught.value.seconds <= 60
    b.admit("you", portraits=5)
    age(first, 61)
    a.admit("me", portraits=3)
    with pytest.raises(TooOften) as caught:
        b.admit("me", portraits=1)
    assert caught.value.rule == "portraits-per-hour"


def test_a_network_begins_so_many_visits_wherever(counts: Callable[[], SharedCounts]) -> None:
    a, b = (limits(counts(), consents_per_hour_per_address=3) for _ in range(2))
    for one in (a, b, a):
        one.consented(NETWORK)
    for one in (a, b):
        with pytest.raises(TooOften, match="begun as many visits"):
            one.consented(NETWORK)
    b.consented("203.0.113.8")


def test_refused_words_count_everywhere(counts: Callable[[], SharedCounts]) -> None:
    a, b = (limits(counts(), refusals_per_hour=2) for _ in range(2))
    a.refused("me")
    b.admit("me", portraits=1, words=True)
    b.refused("me")
    for one in (a, b):
        with pytest.raises(TooOften, match="refused 2 times"):
            one.admit("me", portraits=1, words=True)
        one.admit("me", portraits=1)


def test_what_one_front_gives_back_another_can_use(counts: Callable[[], SharedCounts]) -> None:
    a, b = (limits(counts(), portraits_per_hour=4, portraits_per_hour_per_address=4) for _ in range(2))
    counted = a.admit("me", NETWORK, portraits=4)
    with pytest.raises(TooOften):
        b.admit("me", NETWORK, portraits=1)
    a.give_back(counted)
    b.admit("me", NETWORK, portraits=4)


def test_of_many_who_ask_at_once_as_many_get_through_as_may(counts: Callable[[], SharedCounts]) -> None:
    fronts = [limits(counts(), portraits_per_hour=17, portraits_per_hour_per_address=40) for _ in range(3)]

    def ask(number: int) -> bool:
        try:
            fronts[number % 3].admit("me", NETWORK, portraits=1)
        except TooOften:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(ask, range(60))) == 17


def test_what_is_stored_names_nobody_and_goes_after_an_hour(counts: Callable[[], SharedCounts]) -> None:
    shared = counts()
    counter = limits(shared, portraits_per_hour=9, portraits_per_hour_per_address=9)
    counter.admit("my-session", NETWORK, portraits=2)
    stored = table(shared)
    assert len(stored) == 2
    assert not any("my-session" in row or NETWORK in row for row in stored)
    age(shared, 3500)
    counter.sweep()
    assert len(table(shared)) == 2
    age(shared, 101)
    counter.sweep()
    assert table(shared) == []


def test_hashes_of_another_secret_are_others(counts: Callable[[], SharedCounts], postgres: Postgres) -> None:  # noqa: F811
    other = Register(postgres.new_database(f"l{secrets.token_hex(6)}"), "o" * 32)
    assert counts().hashed("portraits", "me") == counts().hashed("portraits", "me")
    assert counts().hashed("portraits", "me") != SharedCounts(other).hashed("portraits", "me")
    other.close()


def test_where_it_cannot_be_counted_nothing_is_let_through(
    counts: Callable[[], SharedCounts],
    postgres: Postgres,  # noqa: F811
) -> None:
    counter = limits(counts(), portraits_per_minute=5, consents_per_hour_per_address=5, refusals_per_hour=5)
    counted = counter.admit("me", portraits=1)
    postgres.stop()
    try:
        with pytest.raises(RegisterAway, match="does not answer"):
            counter.admit("me", portraits=1)
        with pytest.raises(RegisterAway):
            counter.consented(NETWORK)
        with pytest.raises(RegisterAway):
            counter.admit("me", portraits=0, words=True)
        counter.give_back(counted)  # whoever failed hears of that, and not of a count
        counter.refused("me")
    finally:
        postgres.start()


def test_unread_files_of_a_session_count_over_all_fronts(counts: Callable[[], SharedCounts], tmp_path: Path) -> None:
    a, b = (Uploads(tmp_path / name, counts=counts()) for name in "ab")
    first = a.take("me", b"1", "photo.jpg")
    second = b.take("me", b"2", "photo.jpg")
    third = b.take("me", b"3", "photo.jpg")
    assert [path.exists() for path in (first, second, third)] == [True, False, True], "the oldest here makes room"
    a.take("you", b"1", "photo.jpg")
    b.remove(third)
    fourth = a.take("me", b"4", "photo.jpg")
    assert first.exists()
    with pytest.raises(TooOften, match="waiting to be read"):
        b.take("me", b"5", "photo.jpg")
    assert b.files("me") == []
    a.remove(fourth)
    b.take("me", b"6", "photo.jpg")
    a.forget("me")
    b.take("me", b"7", "photo.jpg")
    assert len(b.files("me")) == 2


def test_a_file_that_could_not_be_taken_in_is_not_counted(
    counts: Callable[[], SharedCounts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = (Uploads(tmp_path / name, counts=counts()) for name in "ab")
    with monkeypatch.context() as patch:
        patch.setattr("visits.uploads.MAX_UNREAD_BYTES", 0)
        for _ in range(3):
            with pytest.raises(TooOften, match="of others"):
                a.take("me", b"1", "photo.jpg")
    b.take("me", b"1", "photo.jpg")
    b.take("me", b"2", "photo.jpg")
    assert len(b.files("me")) == 2
