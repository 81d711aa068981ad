"""What is missing of a sample: answers that were not given, people who stopped; when and how long it was gathered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from study.dataset import Dataset
from study.statistics.summaries import Quartiles, quartiles


@dataclass(frozen=True)
class Missing:
    """Answers to one question.

    Attributes:
        expected: What everybody who consented would have given.
        missing: Of them, not reached or left empty.
    """

    task: str
    question: str
    expected: int
    missing: int


def missing_of(data: Dataset) -> tuple[Missing, ...]:
    """Of every question, in the order in which reports tell them."""
    plan = data.plan
    people = sum(one.consented_at is not None for one in data.people)
    given = Counter(("pairs", one.question) for one in data.choices)
    given.update(("ratings", one.question) for one in data.ratings if one.value != "")
    given.update((one.task, one.question) for one in data.replies if one.value != "")
    conditions = len(plan.conditions)
    every = conditions * (conditions - 1) // 2
    most = plan.pairs.most if plan.pairs is not None else 0
    asked = [("screening", one.id, 1) for one in plan.screening]
    asked += [("ratings", one.id, conditions) for one in plan.ratings]
    asked += [("pairs", one.id, min(most, every) if most else every) for one in plan.pair_questions]
    asked += [("questionnaire", one.id, 1) for one in plan.questionnaire]
    return tuple(
        Missing(task, question, people * each, people * each - given[task, question]) for task, question, each in asked
    )


@dataclass(frozen=True)
class Began:
    """People whose ratings began with one condition; None for those who have rated nothing."""

    condition: str | None
    people: int
    complete: int
    stopped: int
    underway: int


def by_first_condition(data: Dataset) -> tuple[Began, ...]:
    """Where people stop, by the condition that they rated first; without those who were screened out. Empty for a study
    without ratings."""
    if not data.plan.ratings:
        return ()
    first = {one.participant: one.condition for one in data.ratings if one.position == 1}
    ends: Counter[tuple[str | None, str]] = Counter()
    for one in data.people:
        if one.consented_at is not None and one.status != "screened_out":
            end = {"complete": "complete", "active": "underway"}.get(one.status, "stopped")
            ends[first.get(one.id), end] += 1
    return tuple(
        Began(
            condition,
            sum(ends[condition, end] for end in ("complete", "stopped", "underway")),
            ends[condition, "complete"],
            ends[condition, "stopped"],
            ends[condition, "underway"],
        )
        for condition in (*(one.id for one in data.plan.conditions), None)
    )


@dataclass(frozen=True)
class Period:
    """When a sample was gathered.

    Attributes:
        begun, ended: The first consent and the last answer; None where there is none.
        minutes: From the consent to the end, of those who reached it.
    """

    begun: datetime | None
    ended: datetime | None
    minutes: Quartiles


def period_of(data: Dataset) -> Period:
    """Of everybody who consented."""
    timings = [one.timing for one in data.ratings] + [one.timing for one in data.choices]
    timings += [one.timing for one in data.checks] + [one.timing for one in data.replies]
    took = [
        (one.finished_at - one.consented_at).total_seconds() / 60
        for one in data.people
        if one.status == "complete" and one.finished_at is not None and one.consented_at is not None
    ]
    return Period(
        min((one.consented_at for one in data.people if one.consented_at is not None), default=None),
        max((one.answered_at for one in timings), default=None),
        quartiles(took),
    )
