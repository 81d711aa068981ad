"""Consents of several fronts: what one writes down or takes back counts at all, or nothing is assumed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import text

from pipelines.errors import ConsentMissing, RegisterAway, SettingsError
from pipelines.settings import Settings
from study.consent import ConsentRegistry
from study.consent_records import SharedRecords
from study.notice import load_notice
from study.register import Register, open_register
from study.settings import OperatorSettings, StudyTerms
from tests.support.postgres import Postgres

KEY = "k" * 32
MINE, THEIRS = ("my-cookie",), ("their-cookie",)


class Front:
    """One of several: its registry, and the means to look behind it."""

    def __init__(self, url: str, study: StudyTerms, lease_seconds: float = 300.0) -> None:
        self.register = Register(url, KEY)
        self.records = SharedRecords(self.register, lease_seconds)
        self.registry = ConsentRegistry(load_notice(OperatorSettings("Anna", study)), records=self.records)


@pytest.fixture
def address(postgres: Postgres) -> str:
    return postgres.new_database(f"f{secrets.token_hex(6)}")


@pytest.fixture
def front(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Front]]:
    """Opens a front."""
    terms = StudyTerms(tmp_path_factory.mktemp("study"), "A study.", date(2099, 1, 1))
    opened: list[Front] = []

    def open_(**more: float) -> Front:
        opened.append(Front(address, terms, **more))
        return opened[-1]

    yield open_
    for one in opened:
        one.register.close()


def rows(one: Front) -> str:
    with one.register.transaction() as connection:
        return "\n".join(str(row) for row in connection.execute(text("SELECT * FROM fronts1_consents")))


def test_a_yes_at_one_front_is_known_at_the_other(front: Callable[..., Front]) -> None:
    a, b = front(), front()
    given = a.registry.grant("session-1", True, MINE)
    assert b.registry.require("session-1") == given
    assert b.registry.by_number(given.id) == given
    assert a.registry.receipt(given) == b.registry.receipt(b.registry.require("session-1"))
    with pytest.raises(ConsentMissing):
        b.registry.require("session-2")


@pytest.mark.parametrize("no", [1, "true", None, False])
def test_only_true_is_a_yes(front: Callable[..., Front], no: object) -> None:
    a, b = front(), front()
    with pytest.raises(ConsentMissing):
        a.registry.grant("session-1", no, MINE)
    with pytest.raises(ConsentMissing):
        b.registry.require("session-1")
    assert rows(a) == ""


def test_a_yes_to_words_that_a_newer_front_does_not_have_is_asked_for_anew(front: Callable[..., Front]) -> None:
    """While fronts are replaced one by one, two versions of the text are about."""
    older, newer = front(), front()
    newer.registry = ConsentRegistry(load_notice(OperatorSettings("Berta", None)), records=newer.records)
    before = older.registry.grant("session-1", True, MINE)
    with pytest.raises(ConsentMissing):
        newer.registry.require("session-1")
    with pytest.raises(ConsentMissing):
        newer.registry.grant("session-1", True, THEIRS)
    assert older.registry.require("session-1") == before, "nobody else's yes replaces it"
    after = newer.registry.grant("session-1", True, MINE)
    assert newer.registry.require("session-1") == after
    assert after.notice_sha256 == newer.registry.notice.sha256 != before.notice_sha256


def test_taking_it_back_at_one_counts_at_the_other_at_once(front: Callable[..., Front]) -> None:
    a, b = front(), front()
    for back in (
        lambda: b.registry.end("session-1", MINE),
        lambda: b.registry.end_number(a.registry.require("session-1").id),
        lambda: a.registry.end("session-1"),
    ):
        a.registry.grant("session-1", True, MINE)
        assert list(a.registry.renew()) == []
        back()
        for one in (a, b):
            with pytest.raises(ConsentMissing):
                one.registry.require("session-1")
    a.registry.grant("session-1", True, MINE)
    b.registry.end("session-1", MINE)
    assert a.registry.renew() == ["session-1"], "so that its visit is deleted"


def test_ticks_are_the_same_everywhere(front: Callable[..., Front]) -> None:
    a, b = front(), front()
    a.registry.grant("session-1", True, MINE)
    assert b.registry.allow("session-1", "study", True).purposes == ("portraits", "study")
    assert a.registry.require("session-1").purposes == ("portraits", "study")
    a.registry.allow("session-1", "study", False)
    assert b.registry.require("session-1").purposes == ("portraits",)
    with pytest.raises(ConsentMissing):
        b.registry.allow("session-2", "study", True)


def test_another_browser_neither_gets_nor_ends_somebodys_consent(front: Callable[..., Front]) -> None:
    a, b = front(), front()
    given = a.registry.grant("session-1", True, MINE)
    with pytest.raises(ConsentMissing, match="another visit"):
        b.registry.grant("session-1", True, THEIRS)
    assert b.registry.end("session-1", THEIRS) is None
    assert b.registry.end("session-1") is None, "a page that is closed there was never open there"
    assert a.registry.require("session-1") == given
    assert b.registry.grant("session-1", True, (*THEIRS, *MINE)) == given, "one browser may have two words"
    assert b.registry.end("session-1") == given


def test_what_is_stored_names_no_browser(front: Callable[..., Front]) -> None:
    a = front()
    a.registry.grant("session-1", True, MINE)
    stored = rows(a)
    assert "session-1" in stored
    assert MINE[0] not in stored
    assert KEY not in stored
    a.registry.end("session-1")
    assert rows(a) == ""


def test_consents_of_a_front_that_died_end_after_a_while_and_those_of_others_stay(front: Callable[..., Front]) -> None:
    dead, alive = front(lease_seconds=0.0), front()
    dead.registry.grant("session-1", True, MINE)
    alive.registry.grant("session-2", True, THEIRS)
    assert alive.registry.require("session-1").session == "session-1", "not at once: a visitor may come here instead"
    with alive.register.transaction() as connection:  # its time is over, and the database was up all the while
        connection.execute(
            text("UPDATE fronts1_consents SET until = now() - interval '1 s' WHERE session = 'session-1'")
        )
    short = front(lease_seconds=0.0)
    short.registry.renew()
    with pytest.raises(ConsentMissing):
        alive.registry.require("session-1")
    assert alive.registry.require("session-2").session == "session-2"


def test_a_front_that_stops_takes_its_own_consents_out(front: Callable[..., Front]) -> None:
    a, b = front(), front()
    a.registry.grant("session-1", True, MINE)
    b.registry.grant("session-2", True, THEIRS)
    a.registry.close()
    with pytest.raises(ConsentMissing):
        b.registry.require("session-1")
    assert b.registry.require("session-2").session == "session-2"


def test_a_database_that_was_down_takes_nobodys_consent(front: Callable[..., Front]) -> None:
    a, b = front(), front()
    a.registry.grant("session-1", True, MINE)
    with a.register.transaction() as connection:  # as after an outage that was longer than the lease
        connection.execute(text("UPDATE fronts1_consents SET until = now() - interval '1 s'"))
    b.registry.renew()
    assert a.registry.require("session-1").session == "session-1", "a had no time to renew it"


def test_where_the_database_is_away_nothing_is_assumed_and_what_was_taken_back_stays_so(
    front: Callable[..., Front], postgres: Postgres
) -> None:
    a, b = front(), front()
    for number in (1, 2, 3):
        a.registry.grant(f"session-{number}", True, MINE)
    postgres.stop()
    try:
        for ask in (
            lambda: a.registry.require("session-1"),
            lambda: a.registry.grant("session-4", True, MINE),
            lambda: a.registry.allow("session-1", "study", True),
            lambda: a.registry.by_number("0" * 32),
            lambda: b.registry.end("session-1", MINE),
        ):
            with pytest.raises(RegisterAway, match="does not answer"):
                ask()
        ended = a.registry.end("session-2")
        assert ended is not None
        assert ended.session == "session-2"
        assert a.registry.renew() == (), "no visit is deleted for want of an answer"
        with pytest.raises(ConsentMissing):
            a.registry.require("session-2")
    finally:
        postgres.start()
    a.registry._records._register._away_until = b.register._away_until = 0.0  # type: ignore[attr-defined]
    a.registry.renew()
    assert b.registry.require("session-1").session == "session-1"
    with pytest.raises(ConsentMissing):
        b.registry.require("session-2")


def test_two_fronts_that_start_together_make_the_tables_once(address: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for register in pool.map(lambda _: Register(address, KEY), range(4)):
            register.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///file", "STUDIO_SHARED_URL"),
        ("mysql://host/x", "STUDIO_SHARED_URL"),
        ("postgresql://nobody@127.0.0.1:1/none", "does not answer"),
    ],
)
def test_what_cannot_be_used_stops_the_start_with_a_sentence(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        open_register(Settings.read({"STUDIO_SHARED_URL": url, "STUDIO_SHARED_KEY": KEY}))
    assert "nobody@" not in str(caught.value)


def test_the_secret_is_needed_and_must_not_be_short() -> None:
    with pytest.raises(SettingsError, match="STUDIO_SHARED_KEY"):
        open_register(Settings.read({"STUDIO_SHARED_URL": "postgresql://host/x"}))
    with pytest.raises(SettingsError, match="STUDIO_SHARED_KEY"):
        Settings.read({"STUDIO_SHARED_KEY": "short"})
    assert open_register(Settings.read({})) is None
