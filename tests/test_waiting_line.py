"""The line before the engine, on a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import EngineBusy
from pipelines.waiting_line import Place, Ticket, WaitingLine, duration
from ui import screen


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> WaitingLine:
    return WaitingLine(3, each=2, clock=clock)


def served(line: WaitingLine, clock: Clock, seconds: float, portraits: int = 1) -> None:
    """Somebody comes, is served, goes."""
    with line.join("earlier", "preview", portraits) as ticket:
        assert ticket.wait(0)
        clock.now += seconds


def test_first_come_first_served(line: WaitingLine) -> None:
    first, second, third = (line.join(name, "preview", 1) for name in ("ann", "ben", "cat"))
    assert first.holds
    assert first.place is None
    assert second.place == Place(1, None), "nothing has been measured yet, so no time is made up"
    assert third.place == Place(2, None)
    first.leave()
    assert second.wait(0)
    assert third.place == Place(1, None)


def test_the_wait_is_judged_by_what_earlier_portraits_took(line: WaitingLine, clock: Clock) -> None:
    served(line, clock, 8.0, portraits=4)  # 2 s each
    line.join("ann", "preview", 1)
    second, third = line.join("ben", "preview", 3), line.join("cat", "preview", 1)
    assert second.place == Place(1, 2.0)
    assert third.place == Place(2, 2.0 + 6.0)
    clock.now += 1.5
    assert second.place == Place(1, 0.5)
    clock.now += 60.0  # longer than thought; less than nothing is never told
    assert second.place == Place(1, 0.0)


def test_models_have_times_of_their_own(line: WaitingLine, clock: Clock) -> None:
    served(line, clock, 1.0)
    line.join("ann", "preview", 1)
    line.join("ben", "sd15-lcm", 1)
    third = line.join("cat", "preview", 1)
    assert third.place == Place(2, None), "how long the one before takes is not known"


def test_what_was_cut_off_says_nothing_about_the_time(line: WaitingLine, clock: Clock) -> None:
    served(line, clock, 4.0)
    stopped = line.join("ann", "preview", 1)
    clock.now += 0.1
    stopped.leave()
    line.join("ben", "preview", 1)
    assert line.join("cat", "preview", 1).place == Place(1, 4.0)


def test_a_full_line_says_how_many_wait_and_when_to_come_back(line: WaitingLine, clock: Clock) -> None:
    served(line, clock, 5.0)
    waiting = [line.join(name, "preview", 1) for name in ("ann", "ben", "cat", "dan")]
    with pytest.raises(EngineBusy) as refused:
        line.join("eve", "preview", 1)
    assert refused.value.hint == (
        "The line is full, 3 visitors are waiting; nothing of yours is lost, so try again in about 10 s."
    )
    assert len(line) == 3
    waiting[1].leave()  # the page was closed
    assert line.join("eve", "preview", 1).place == Place(3, 15.0)


def test_one_visitor_cannot_take_the_whole_line(line: WaitingLine) -> None:
    for _ in range(2):
        line.join("ann", "preview", 1)
    with pytest.raises(EngineBusy, match="2 of your requests"):
        line.join("ann", "preview", 1)
    assert line.join("ben", "preview", 1).place is not None


def test_the_studio_itself_is_never_refused(line: WaitingLine) -> None:
    tickets = [line.join("", "auto", 0) for _ in range(6)]
    for ticket in tickets:
        assert ticket.wait(0)
        ticket.leave()


def test_leaving_twice_takes_nobody_elses_turn(line: WaitingLine) -> None:
    first, second, third = (line.join(name, "preview", 1) for name in ("ann", "ben", "cat"))
    first.leave()
    first.leave()
    assert second.holds
    assert third.place == Place(1, None)


@given(st.lists(st.tuples(st.sampled_from(["join", "leave"]), st.integers(0, 7)), max_size=60))
def test_whatever_comes_and_goes_one_is_served_and_the_rest_stand_in_order(steps: list[tuple[str, int]]) -> None:
    line, here = WaitingLine(5, each=9), list[Ticket]()
    for step, number in steps:
        if step == "leave" and here:
            here.pop(number % len(here)).leave()
        elif len(here) < 6:
            here.append(line.join(f"visitor {number}", "preview", 1))
        else:
            with pytest.raises(EngineBusy):
                line.join(f"visitor {number}", "preview", 1)
        assert [ticket.holds for ticket in here] == [index == 0 for index in range(len(here))]
        positions = [ticket.place.position for ticket in here[1:] if ticket.place]
        assert positions == list(range(1, len(here)))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "about 1 s"), (3.2, "about 4 s"), (12.4, "about 12 s"), (43.0, "about 45 s"), (200.0, "about 3 min")],
)
def test_durations_are_coarser_the_longer_they_are(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place(1, 3.0), "You are next in line, about 3 s"),
        (Place(2, None), "You are 2nd in line"),
        (Place(7, 12.0), "You are 7th in line, about 12 s"),
        (Place(11, 12.0), "You are 11th in line, about 12 s"),
        (Place(23, 61.0), "You are 23rd in line, about 60 s"),
    ],
)
def test_the_place_is_said_in_plain_words(place: Place, words: str) -> None:
    assert screen.waiting_words(place) == words
