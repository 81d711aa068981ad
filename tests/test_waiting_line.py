"""The line before the engine, on a clock of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import EngineBusy
from pipelines.waiting_line import Has, Place, Ticket, WaitingLine, has_nothing
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


@given(st.lists(st.tuples(st.sampled_from(["join", "leave"]), st.integers(0, 7)), max_size=60), st.integers(1, 3))
def test_whatever_comes_and_goes_each_device_serves_one_and_the_rest_stand_in_order(
    steps: list[tuple[str, int]], devices: int
) -> None:
    line = WaitingLine(5, devices={f"gpu {number}": has_nothing for number in range(devices)})
    here, came = list[Ticket](), 0
    for step, number in steps:
        if step == "leave" and here:
            here.pop(number % len(here)).leave()
        elif len(here) < 5 + devices:
            came += 1
            here.append(line.join(f"visitor {came}", "preview", 1))
        else:
            with pytest.raises(EngineBusy):
                line.join("one more", "preview", 1)
        assert [ticket.holds for ticket in here] == [index < devices for index in range(len(here))]
        served = [ticket.device for ticket in here[:devices]]
        assert len(set(served)) == len(served), "no device has two"
        positions = [ticket.place.position for ticket in here[devices:] if ticket.place]
        assert positions == list(range(1, len(here) - devices + 1))


# --- fair between visitors ---


def order_of(line: WaitingLine, tickets: dict[str, Ticket]) -> list[str]:
    """Who has a turn, one after the other, each leaving before the next."""
    order = []
    while left := {name: ticket for name, ticket in tickets.items() if name not in order}:
        (name,) = [name for name, ticket in left.items() if ticket.holds]
        order.append(name)
        left[name].leave(finished=True)
    return order


def test_who_asks_for_much_is_served_between_the_others() -> None:
    line = WaitingLine()
    asked = {f"ann {number}": line.join("ann", "preview", 1) for number in range(4)}
    asked |= {f"ben {number}": line.join("ben", "preview", 1) for number in range(2)}
    asked |= {"cat 0": line.join("cat", "preview", 1)}
    assert asked["cat 0"].place == Place(2, None), "behind ben's first, before ann's second"
    assert order_of(line, asked) == ["ann 0", "ben 0", "cat 0", "ann 1", "ben 1", "ann 2", "ann 3"]


def test_four_variations_weigh_as_much_as_four_portraits() -> None:
    line = WaitingLine()
    asked = {"first": line.join("dan", "preview", 1)}
    asked |= {f"ann {number}": line.join("ann", "preview", 4) for number in range(2)}
    asked |= {f"ben {number}": line.join("ben", "preview", 1) for number in range(4)}
    assert order_of(line, asked) == ["first", "ann 0", "ben 0", "ben 1", "ben 2", "ben 3", "ann 1"]


def test_a_visitor_who_was_served_often_before_is_not_put_behind_newcomers() -> None:
    line = WaitingLine()
    for _ in range(20):
        line.join("ann", "preview", 4).leave(finished=True)
    asked = {name: line.join(name, "preview", 1) for name in ("dan", "ann", "ben")}
    assert order_of(line, asked) == ["dan", "ann", "ben"]


def test_what_was_given_back_costs_no_place() -> None:
    line = WaitingLine()
    asked = {name: line.join(name, "preview", 1) for name in ("dan", "ann")}
    given_back, again = line.join("ann", "preview", 4), line.join("ann", "preview", 1)
    asked |= {f"ben {number}": line.join("ben", "preview", 1) for number in range(3)}
    given_back.leave()
    assert order_of(line, asked | {"ann again": again}) == ["dan", "ann", "ben 0", "ann again", "ben 1", "ben 2"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), min_size=1, max_size=12), st.integers(1, 3))
def test_nobody_who_waits_gets_far_less_than_anybody_else(asked: list[tuple[str, int]], devices: int) -> None:
    """The bound of start-time fair queueing: of two who both wait, one is ahead by a turn of each at most, and by one
    more for each further device.
    """
    line = WaitingLine(40, each=40, devices={f"gpu {number}": has_nothing for number in range(devices)})
    first = [line.join("", "preview", 1) for _ in range(devices)]
    tickets = [line.join(owner, "preview", portraits) for owner, portraits in asked]
    for ticket in first:
        ticket.leave()
    made: dict[str, int] = {}
    while waiting := {ticket.owner for ticket in tickets if ticket.place is not None}:
        got = [made.get(owner, 0) for owner in waiting]
        assert max(got) - min(got) <= 4 * (devices + 1)
        ticket = next(ticket for ticket in tickets if ticket.holds)
        made[ticket.owner] = made.get(ticket.owner, 0) + ticket.portraits
        ticket.leave()


# --- several devices ---


class Loaded:
    """Which models are loaded on two devices: what was last asked for there."""

    def __init__(self, **models: str) -> None:
        self.models = models

    def on(self, device: str) -> Has:
        return lambda model_id: self.models.get(device) == model_id


@pytest.fixture
def loaded() -> Loaded:
    return Loaded()


@pytest.fixture
def two(clock: Clock, loaded: Loaded) -> WaitingLine:
    return WaitingLine(9, each=9, clock=clock, devices={name: loaded.on(name) for name in ("one", "two")})


def turn(line: WaitingLine, clock: Clock, loaded: Loaded, model: str, seconds: float) -> str:
    """Somebody comes, is served, goes; the device has the model from then on. Returns which one it was."""
    with line.join("earlier", model, 1) as ticket:
        assert ticket.wait(0)
        clock.now += seconds
        loaded.models[ticket.device] = model
        return ticket.device


def test_each_device_serves_one_and_the_wait_is_that_for_the_first_to_be_free(
    two: WaitingLine, clock: Clock, loaded: Loaded
) -> None:
    loaded.models.update(one="sdxl", two="sdxl")
    turn(two, clock, loaded, "sdxl", 6.0)
    ann = two.join("ann", "sdxl", 1)
    clock.now += 2
    ben, cat, dan, eve = (two.join(name, "sdxl", 1) for name in ("ben", "cat", "dan", "eve"))
    assert {ann.device, ben.device} == {"one", "two"}
    assert [one.place for one in (cat, dan, eve)] == [Place(1, 4.0), Place(2, 6.0), Place(3, 10.0)]


def test_a_request_goes_where_its_models_are_loaded(two: WaitingLine, clock: Clock, loaded: Loaded) -> None:
    first = turn(two, clock, loaded, "sdxl", 30.0)
    other = turn(two, clock, loaded, "sd15", 10.0)
    assert {first, other} == {"one", "two"}, "an empty device before one whose models somebody may ask for"
    assert [turn(two, clock, loaded, "sdxl", 5.0) for _ in range(3)] == [first] * 3
    assert turn(two, clock, loaded, "sd15", 2.0) == other


def test_it_waits_for_such_a_device_if_that_is_free_before_the_models_were_loaded_elsewhere(
    two: WaitingLine, clock: Clock, loaded: Loaded
) -> None:
    first = turn(two, clock, loaded, "sdxl", 30.0)
    turn(two, clock, loaded, "sdxl", 5.0)  # so loading takes 25 s
    ann = two.join("ann", "sdxl", 1)
    ben = two.join("ben", "sdxl", 1)
    cat = two.join("cat", "sd15", 1)
    assert (ann.device, ben.device) == (first, "")
    assert cat.holds, "who comes behind is not kept waiting"
    ann.leave(finished=True)
    assert ben.device == first


def test_it_does_not_wait_where_the_line_for_that_device_is_longer_than_loading(
    two: WaitingLine, clock: Clock, loaded: Loaded
) -> None:
    first = turn(two, clock, loaded, "sdxl", 12.0)
    turn(two, clock, loaded, "sdxl", 5.0)  # so loading takes 7 s
    ann, ben, cat = (two.join(name, "sdxl", 1) for name in ("ann", "ben", "cat"))
    assert (ann.device, ben.device) == (first, "")
    assert cat.device not in (first, ""), "after ann and ben it would be 10 s"


def test_it_does_not_wait_for_a_device_that_is_late(two: WaitingLine, clock: Clock, loaded: Loaded) -> None:
    first = turn(two, clock, loaded, "sdxl", 30.0)
    turn(two, clock, loaded, "sdxl", 5.0)
    two.join("ann", "sdxl", 1)
    ben = two.join("ben", "sdxl", 1)
    clock.now += 8
    assert ben.place is None
    assert ben.device not in (first, "")


def test_models_that_only_one_device_can_hold_wait_for_it(two: WaitingLine) -> None:
    only = frozenset({"two"})
    ann, ben = (two.join(name, "sdxl", 1, only) for name in ("ann", "ben"))
    cat = two.join("cat", "preview", 1)
    assert (ann.device, ben.device, cat.device) == ("two", "", "one")
    cat.leave()
    assert not ben.holds
    ann.leave()
    assert ben.device == "two"


def test_what_failed_goes_elsewhere_first_of_all_and_its_device_is_out_for_a_while(
    two: WaitingLine, clock: Clock
) -> None:
    ann, ben, cat, dan = (two.join(name, "sdxl", 1) for name in ("ann", "ben", "cat", "dan"))
    failed = ann.device
    assert ann.elsewhere()
    assert not ann.holds
    assert ann.place == Place(1, None)
    assert cat.place == Place(2, None), "nobody gets the device that is out"
    ben.leave()
    assert ann.holds
    assert ann.device != failed
    assert not ann.elsewhere(), "there is no third one"
    assert ann.holds
    ann.leave()
    assert cat.device != failed
    clock.now += 601
    assert dan.place is None
    assert dan.device == failed, "it is tried again"


def test_a_device_that_was_not_at_fault_is_brought_back(two: WaitingLine) -> None:
    ann, ben, cat = (two.join(name, "sdxl", 1) for name in ("ann", "ben", "cat"))
    failed = ann.device
    assert ann.elsewhere()
    ben.leave()
    two.bring_back(failed)
    assert cat.device == failed


def test_a_device_that_is_out_is_still_there_for_what_no_other_can_do(two: WaitingLine) -> None:
    ann = two.join("ann", "preview", 1)
    assert ann.elsewhere()
    assert two.join("ben", "sdxl", 1, frozenset({"one"})).device == "one"


def test_a_device_can_have_room_for_several_and_can_come_later(line: WaitingLine) -> None:
    ann, ben = line.join("ann", "preview", 1), line.join("ben", "preview", 1)
    assert not ben.holds
    line.open("lent", room=2)
    assert (ann.device, ben.device) == ("", "lent")
    assert line.join("cat", "preview", 1).device == "lent"
    assert line.join("dan", "preview", 1).place == Place(1, None)


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
