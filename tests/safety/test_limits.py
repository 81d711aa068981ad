"""How often one may ask, on a clock that only the test moves."""

from __future__ import annotations

import math
import threading

import pytest

from pipelines.errors import SettingsError, TooOften
from pipelines.settings import Settings
from tests.support.clock import Clock
from tests.support.limits import limited_by
from visits.counts import MemoryCounts
from visits.limits import Limits
from web.addresses import client_network


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limits(clock: Clock, counts: MemoryCounts | None = None, **values: int) -> Limits:
    return Limits(limited_by(**values), clock, counts)


def refusal(counter: Limits, session: str = "me", network: str = "", **asked: int | bool) -> TooOften:
    with pytest.raises(TooOften) as caught:
        counter.admit(session, network, **{"portraits": 1, **asked})  # type: ignore[arg-type]
    return caught.value


def test_a_minute_holds_so_many_and_the_hint_says_when_there_is_room(clock: Clock) -> None:
    counter = limits(clock, portraits_per_minute=5)
    counter.admit("me", portraits=4)
    clock.now += 20
    counter.admit("me", portraits=1)
    error = refusal(counter)
    assert error.seconds == 40
    assert error.rule == "portraits-per-minute"
    assert "in 40 seconds" in error.hint
    assert "kept" in error.hint
    clock.now += 39.5
    assert "in 1 second." in refusal(counter).hint
    clock.now += 0.5
    counter.admit("me", portraits=4)  # the four of the first minute are over
    assert refusal(counter).seconds == 20
    counter.admit("you", portraits=5)


def test_what_is_refused_is_not_counted(clock: Clock) -> None:
    counter = limits(clock, portraits_per_minute=4)
    counter.admit("me", portraits=3)
    for _ in range(10):
        refusal(counter, portraits=2)
    counter.admit("me", portraits=1)


def test_what_is_given_back_is_not_counted_for_session_or_network(clock: Clock) -> None:
    counter = limits(clock, portraits_per_minute=4, portraits_per_hour=8, portraits_per_hour_per_address=8)
    kept = counter.admit("me", "203.0.113.7", portraits=2)
    clock.now += 10
    for _ in range(20):
        counter.give_back(counter.admit("me", "203.0.113.7", portraits=2))
    counter.admit("me", "203.0.113.7", portraits=2)
    assert refusal(counter, "me", "203.0.113.7").seconds == 50, "the one that was made counts from its own time"
    counter.admit("you", "203.0.113.7", portraits=4)
    assert refusal(counter, "them", "203.0.113.7").rule == "portraits-per-hour-per-address"
    clock.now += 3600
    counter.admit("me", "203.0.113.7", portraits=4)
    counter.give_back(kept)  # forgotten long ago
    refusal(counter, "me", "203.0.113.7")


def test_an_hour_is_told_in_minutes(clock: Clock) -> None:
    counter = limits(clock, portraits_per_minute=4, portraits_per_hour=8)
    for _ in range(2):
        counter.admit("me", portraits=4)
        clock.now += 120
    error = refusal(counter)
    assert error.rule == "portraits-per-hour"
    assert error.seconds == 3600 - 240
    assert "in 56 minutes" in error.hint


def test_more_than_the_limit_at_once_is_told_so(clock: Clock) -> None:
    error = refusal(limits(clock, portraits_per_minute=2), portraits=4)
    assert math.isinf(error.seconds)
    assert "fewer variations" in error.hint


def test_new_sessions_of_one_network_share_a_limit(clock: Clock) -> None:
    counter = limits(clock, portraits_per_hour=4, portraits_per_hour_per_address=10)
    for session in ("a", "b"):
        counter.admit(session, "203.0.113.7", portraits=4)
    error = refusal(counter, "c", "203.0.113.7", portraits=4)
    assert error.rule == "portraits-per-hour-per-address"
    assert "network" in error.hint
    counter.admit("c", "203.0.113.8", portraits=4)
    counter.admit("d", "", portraits=4)  # unknown networks are not thrown together


def test_a_network_begins_so_many_visits_an_hour(clock: Clock) -> None:
    counter = limits(clock, consents_per_hour_per_address=3)
    for _ in range(3):
        counter.consented("203.0.113.7")
        clock.now += 60
    with pytest.raises(TooOften, match="in 57 minutes") as caught:
        counter.consented("203.0.113.7")
    assert caught.value.rule == "consents-per-hour-per-address"
    counter.consented("203.0.113.8")
    for _ in range(10):
        counter.consented("")  # unknown networks are not thrown together
    clock.now += 57 * 60
    counter.consented("203.0.113.7")


def test_refused_words_close_the_field_for_words_and_nothing_else(clock: Clock) -> None:
    counter = limits(clock, refusals_per_hour=3)
    for _ in range(3):
        counter.admit("me", portraits=1, words=True)
        counter.refused("me")
        clock.now += 60
    error = refusal(counter, words=True)
    assert error.rule == "refusals-per-hour"
    assert "Leave them empty" in error.hint
    assert "in 57 minutes" in error.hint
    counter.admit("me", portraits=1, words=False)
    clock.now += 3600 - 180
    counter.admit("me", portraits=1, words=True)


def test_refused_words_of_new_sessions_are_counted_by_network(clock: Clock) -> None:
    counter = limits(clock, refusals_per_hour=2)
    for number in range(6):
        counter.admit(f"session-{number}", "203.0.113.7", portraits=1, words=True)
        counter.refused(f"session-{number}", "203.0.113.7")
    assert refusal(counter, "another", "203.0.113.7", words=True).rule == "refusals-per-hour-per-address"
    counter.admit("another", "203.0.113.8", portraits=1, words=True)


def test_zero_is_no_limit(clock: Clock) -> None:
    counter = limits(clock)
    for _ in range(1000):
        counter.admit("me", "203.0.113.7", portraits=4, words=True)
        counter.refused("me", "203.0.113.7")


def test_what_is_over_is_forgotten_and_nobody_is_named(clock: Clock) -> None:
    counts = MemoryCounts(clock)
    counter = limits(clock, counts, portraits_per_hour=4, portraits_per_hour_per_address=40)
    for number in range(50):
        counter.admit(f"session-{number}", f"203.0.113.{number}", portraits=1)
    kept = repr(vars(counts))
    assert "session" not in kept
    assert "203.0" not in kept
    assert len(counts) == 100
    clock.now += 3600
    counter.admit("late", portraits=1)
    assert len(counts) == 1
    clock.now += 3600
    counter.sweep()
    assert len(counts) == 0


def test_memory_is_bounded_however_many_come(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visits.counts._MAX_KEYS", 100)
    counts = MemoryCounts(clock)
    counter = limits(clock, counts, portraits_per_hour=4)
    for number in range(1000):
        counter.admit(f"session-{number}", portraits=1)
    assert len(counts) <= 100
    counter.admit("session-999", portraits=3)
    refusal(counter, "session-999")


def test_many_at_once_get_no_more_than_the_limit(clock: Clock) -> None:
    counter, admitted = limits(clock, portraits_per_minute=20), []

    def ask() -> None:
        for _ in range(10):
            try:
                counter.admit("me", portraits=1)
            except TooOften:
                continue
            admitted.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == 20


@pytest.mark.parametrize(
    ("host", "forwarded", "proxies", "network"),
    [
        ("198.51.100.7", "", 0, ""),  # for documentation, no visitor's
        ("8.8.4.4", "", 0, "8.8.4.4"),
        ("8.8.4.4", "1.1.1.1", 0, "8.8.4.4"),  # the header is not believed
        ("10.16.3.80", "1.1.1.1", 0, ""),  # a proxy: everybody would share its limit
        ("10.16.3.80", "1.1.1.1", 1, "1.1.1.1"),
        ("10.16.3.80", "9.9.9.9, 1.1.1.1", 1, "1.1.1.1"),  # what a client wrote stands further left
        ("10.16.3.80", "9.9.9.9, 1.1.1.1, 10.0.0.2", 2, "1.1.1.1"),
        ("10.16.3.80", "", 1, ""),
        ("10.16.3.80", "1.1.1.1", 2, ""),
        ("10.16.3.80", "nonsense", 1, ""),
        ("127.0.0.1", "", 0, ""),
        ("::1", "", 0, ""),
        ("2606:4700:4700::1111", "", 0, "2606:4700:4700::/64"),
        ("2606:4700:4700::abcd:1", "", 0, "2606:4700:4700::/64"),
        ("[2606:4700:4700::1111]", "", 0, "2606:4700:4700::/64"),
        ("::ffff:8.8.4.4", "", 0, "8.8.4.4"),
        ("", "", 0, ""),
        ("testclient", "", 0, ""),
    ],
)
def test_which_network_counts(host: str, forwarded: str, proxies: int, network: str) -> None:
    assert client_network(host, forwarded, proxies) == network


def test_settings_from_the_environment() -> None:
    assert Settings.read({}) == Settings()
    assert Settings.read({}).safety_checker == "auto"
    assert Settings.read({"SPACE_ID": "me/studio"}).safety_checker == "where-needed"
    assert Settings.read({"SPACE_ID": "me/studio", "STUDIO_SAFETY_CHECKER": "off"}).safety_checker == "off"
    some = Settings.read({"STUDIO_PORTRAITS_PER_MINUTE": "7", "STUDIO_MISUSE_LOG": "/tmp/misuse.log"})
    assert some.portraits_per_minute == 7
    assert some.misuse_log is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STUDIO_PORTRAITS_PER_MINUTE", "-1"),
        ("STUDIO_PORTRAITS_PER_HOUR", "many"),
        ("STUDIO_TRUSTED_PROXIES", "true"),
        ("STUDIO_SAFETY_CHECKER", "maybe"),
    ],
)
def test_a_setting_without_a_meaning_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.read({name: value})
