"""Questions on the information: tries, what follows the last one, and what data, export and report say of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from study.analysis.flow import drop_out_of, flow_of
from study.analysis.settings import read_settings
from study.export.tables import tables_of
from study.participation import RunningStudy
from study.plan.schedule import schedule
from study.report.methods import methods
from study.simulation.people import SimulatedPerson, World
from study.store.reading import load_dataset
from tests.study.conftest import agreed, answer
from tests.support.studies import WITH_COMPREHENSION, draw

Open = Callable[..., RunningStudy]
RIGHT, WRONG = "0", "1"


def screen(running: RunningStudy, person: str) -> dict[str, Any]:
    return running.screen(running.store.require(person))


def test_who_is_right_goes_on_and_is_asked_no_more(opened: Open) -> None:
    running = opened(text=WITH_COMPREHENSION)
    person = agreed(running, "anna")
    first = screen(running, person)
    assert first["task"] == "comprehension"
    assert "again" not in first
    assert "mine" not in str(first["trial"]), "the page is not told which is right"
    answer(running, person, "t1", value=RIGHT)
    answer(running, person, "t1", value=RIGHT)
    assert screen(running, person)["task"] == "screening"
    data = load_dataset(running.store.database, running.frozen.sha256)
    assert [(one.question, one.value, one.attempt, one.is_correct) for one in data.replies] == [
        ("whose", "mine", 1, True),
        ("what", "portraits", 1, True),
    ]


def test_one_wrong_brings_the_information_back_and_all_questions(opened: Open) -> None:
    running = opened(text=WITH_COMPREHENSION)
    person = agreed(running, "anna")
    answer(running, person, "t1", value=WRONG)
    assert "again" not in screen(running, person), "nobody is told which one was wrong"
    answer(running, person, "t1", value=RIGHT)
    again = screen(running, person)
    assert (again["task"], again["again"]) == ("comprehension", "This is a small study of portraits.")
    assert (again["trial"]["number"], again["trial"]["of"]) == (1, 2)
    # The confirmation of the first try's last answer was lost, so the page sends it again.
    late = {"trial": "comprehension-1-002", "value": RIGHT}
    assert running.answer(person, "t1", late) == running.store.require(person)
    answer(running, person, "t1", value=RIGHT)
    assert "again" not in screen(running, person)
    running.enter(person, "participant", "t2", language="en")  # a reload in the middle of the second try
    answer(running, person, "t2", value=RIGHT)
    assert screen(running, person)["task"] == "screening"
    answer(running, person, "t2")
    draw(running.store, running.frozen, person)
    while running.task(standing := running.store.require(person)) != "debrief":
        trial = running.next_trial(standing)
        assert trial is not None
        answer(running, person, "t2", rt_ms=900, **({"chosen": trial.correct} if trial.correct else {}))
    assert standing.outcome == "complete"
    (found,) = load_dataset(running.store.database, running.frozen.sha256).people
    assert (found.missed_checks, found.exclusions) == (0, ()), "no attention check was missed"


def test_the_last_try_sends_back_and_frees_the_place(opened: Open) -> None:
    running = opened(text=WITH_COMPREHENSION)
    person = agreed(running, "anna")
    for value in (RIGHT, WRONG, WRONG, RIGHT):
        assert running.store.require(person).status == "active"
        answer(running, person, "t1", value=value)
    end = screen(running, person)
    assert end["task"] == "screened_out"
    assert end["end"]["return"] == "https://recruiter.example/complete?cc=OUT"
    assert running.store.held_rows(running.frozen) == [(0, 0)] * 6
    assert running.enter(person, "participant", "t2", language="en").status == "screened_out", "coming again helps not"
    data = load_dataset(running.store.database, running.frozen.sha256)
    flow = flow_of(data)
    assert (flow.screened_out, flow.misunderstood) == (1, 1)
    stopped = [(one.task, one.stopped) for one in drop_out_of(data) if one.stopped]
    assert stopped == [("comprehension", 1)]
    trials = next(one for one in tables_of(data) if one.name == "trials")
    assert [(row["trial"], row["attempt"], row["is_correct"]) for row in trials.rows] == [
        ("comprehension-1-001", 1, True),
        ("comprehension-1-002", 1, False),
        ("comprehension-2-001", 2, False),
        ("comprehension-2-002", 2, True),
    ]
    assert "whose (comprehension): Whose face? [mine: Mine; yours: Yours; right: mine]" in str(trials.columns)


def test_again_has_no_last_try(opened: Open) -> None:
    running = opened(text=WITH_COMPREHENSION.replace("tries = 2", 'failure = "again"'))
    person = agreed(running, "anna")
    for _ in range(5):
        answer(running, person, "t1", value=WRONG)
        answer(running, person, "t1", value=WRONG)
        assert screen(running, person)["task"] == "comprehension"
    answer(running, person, "t1", value=RIGHT)
    answer(running, person, "t1", value=RIGHT)
    assert screen(running, person)["task"] == "screening"


def test_an_end_that_fails_leaves_no_answer_behind(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whoever comes again afterwards would have slipped through."""
    running = opened(text=WITH_COMPREHENSION.replace("tries = 2", "tries = 1"))
    person = agreed(running, "anna")
    answer(running, person, "t1", value=WRONG)
    with monkeypatch.context() as patch:
        patch.setattr(running.store.identity, "completion_code", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            answer(running, person, "t1", value=RIGHT)
    assert len(running.store.require(person).answered) == 1
    answer(running, person, "t1", value=RIGHT)
    assert running.store.require(person).status == "screened_out"


def test_progress_never_goes_back_by_more_than_a_try_and_ends_full(opened: Open) -> None:
    running = opened(text=WITH_COMPREHENSION)
    person = agreed(running, "anna")
    seen = [screen(running, person)["progress"]]
    for value in (WRONG, RIGHT, RIGHT, RIGHT):
        answer(running, person, "t1", value=value)
        seen.append(screen(running, person)["progress"])
    assert len({of for _, of in seen}) == 1
    assert [after[0] - before[0] for before, after in pairwise(seen)] == [1, -1, 1, 1]


def test_methods_tell_what_was_asked_and_what_followed(opened: Open) -> None:
    for change, words in (
        ("tries = 2", "up to 2 times, with the information read again before each; who then had one wrong"),
        ("tries = 1", "They could be answered once; who then had one wrong was screened out."),
        ('failure = "again"', "until all were right"),
    ):
        running = opened(text=WITH_COMPREHENSION.replace("tries = 2", change))
        data = load_dataset(running.store.database, running.frozen.sha256)
        assert words in str(methods(data, read_settings(data.plan, data.analysis_text)))


def test_a_plan_without_such_questions_has_none(opened: Open) -> None:
    running = opened()
    planned = schedule(running.plan, running.frozen.sha256, "p", 0)
    assert (planned.attempt, planned.of("comprehension")) == (1, ())


def test_simulated_people_who_look_are_right(opened: Open) -> None:
    running = opened(text=WITH_COMPREHENSION)
    trials = schedule(running.plan, running.frozen.sha256, "p", 0).of("comprehension")
    people = [SimulatedPerson(World.evenly(running.plan, inattentive=0.5), str(n)) for n in range(40)]
    right = [trial.right_option for trial in trials]
    is_right = [
        (one.is_attentive, [one.answer(running.plan, trial).value for trial in trials] == right) for one in people
    ]
    assert (True, True) in is_right
    assert (True, False) not in is_right, "who looks is right"
    assert (False, False) in is_right, "who does not is so by chance"
