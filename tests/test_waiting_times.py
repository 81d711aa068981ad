"""How long turns take, and when the next ones come: what was measured counts, and nothing is made up."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from pipelines.waiting_times import WaitingTimes, duration


class Turn(NamedTuple):
    """What is made in one."""

    model_id: str = "light"
    portraits: int = 1
    only: frozenset[str] | None = None


@pytest.fixture
def times() -> WaitingTimes:
    """10 s for two portraits of "light" with its models to be loaded, then 2 s for one."""
    times = WaitingTimes()
    times.learn(Turn(portraits=2), 10.0, was_loaded=False)
    times.learn(Turn(), 2.0, was_loaded=True)
    return times


def test_loading_is_what_the_first_turn_took_longer(times: WaitingTimes) -> None:
    assert times.loading(Turn()) == 10.0 - 2 * 2.0
    assert times.expected(Turn(portraits=3)) == 6.0
    assert times.loading(Turn("other")) == 0.0
    assert times.expected(Turn("other")) is None


def test_too_long_rather_than_unknown() -> None:
    times = WaitingTimes()
    times.learn(Turn(portraits=2), 10.0, was_loaded=False)
    assert times.expected(Turn(portraits=1)) == 5.0
    assert times.loading(Turn()) == 0.0, "not measured yet"


def test_the_newest_counts_most_but_not_alone(times: WaitingTimes) -> None:
    times.learn(Turn(), 12.0, was_loaded=True)
    assert times.expected(Turn()) == pytest.approx(2.0 + 0.3 * 10.0)
    times.learn(Turn(portraits=0), 500.0, was_loaded=True)
    assert times.expected(Turn()) == pytest.approx(5.0), "warming up makes nothing"


def test_what_takes_longer_is_over_soon_until_it_is_late(times: WaitingTimes) -> None:
    assert [times.left(Turn(), taken) for taken in (0.5, 2.9)] == [1.5, 0.0]
    assert [times.is_late(Turn(), taken) for taken in (2.9, 3.1)] == [False, True]
    assert times.left(Turn("other"), 1.0) is None
    assert not times.is_late(Turn("other"), 1000.0), "nobody knows"


def test_each_goes_to_the_device_that_is_free_first(times: WaitingTimes) -> None:
    free_in = [("one", 1.0), ("two", 5.0)]
    assert times.until(free_in, [], Turn()) == 1.0
    assert times.until(free_in, [Turn()], Turn()) == 1.0 + 2.0
    assert times.until(free_in, [Turn(), Turn()], Turn()) == 5.0, "one, one again, then two"
    assert times.until(free_in, [Turn(), Turn()], None) == 5.0


def test_who_can_do_it_only_elsewhere_waits_for_that(times: WaitingTimes) -> None:
    free_in = [("one", 1.0), ("two", 5.0)]
    on_two = Turn(only=frozenset({"two"}))
    assert times.until(free_in, [], on_two) == 5.0
    assert times.until(free_in, [on_two], Turn()) == 1.0, "the one ahead does not take the first device"
    assert times.until(free_in, [], Turn(only=frozenset({"three"}))) is None, "it is out"


def test_what_nobody_measured_is_not_guessed(times: WaitingTimes) -> None:
    assert times.until([("one", None), ("two", 5.0)], [], Turn()) is None
    assert times.until([("one", 1.0)], [Turn("other")], Turn()) is None
    assert times.until([("one", 1.0)], [], Turn("other")) == 1.0, "how long it takes itself is not asked"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "about 1 s"), (3.2, "about 4 s"), (12.4, "about 12 s"), (43.0, "about 45 s"), (200.0, "about 3 min")],
)
def test_durations_are_coarser_the_longer_they_are(seconds: float, words: str) -> None:
    assert duration(seconds) == words
