"""Who came, how far they got, who is left out and why; how long answers took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from study.dataset import Dataset
from study.statistics.summaries import Quartiles, Reached, drop_out, quartiles, time_outliers

RULES = ("incomplete", "failed_attention", "fast")
_BEFORE_CONSENT = ("information", "consent")
_UNDERWAY = ("arrived", "active")


@dataclass(frozen=True)
class Flow:
    """The flow of participants. Those of whom nothing is left are counted from the departures.

    Attributes:
        came: All who opened the link.
        consented: Of them, those who said yes; who withdrew later counts here.
        misunderstood: Of those who were screened out, by the questions on the information.
        underway: Still at it.
        left: Timed out, returned or rejected.
        excluded: By rule; somebody may fall under several.
        counted: In the main analysis.
        departures: By how: withdrawn, no_consent, left_before_consent, deleted_by_researcher, deleted_by_age.
    """

    came: int
    consented: int
    complete: int
    screened_out: int
    misunderstood: int
    underway: int
    left: int
    excluded: Mapping[str, int]
    counted: int
    departures: Mapping[str, int]


def flow_of(data: Dataset) -> Flow:
    """Counts of one dataset."""
    status = Counter(str(one.status) for one in data.people)
    gone = Counter[str]()
    gone_after_consent = 0
    for one in data.departures:
        gone[one.how] += one.count
        if one.task not in _BEFORE_CONSENT:
            gone_after_consent += one.count
    yes = [one for one in data.people if one.consented_at is not None]
    return Flow(
        came=len(data.people) + sum(gone.values()),
        consented=len(yes) + gone_after_consent,
        complete=status["complete"],
        screened_out=status["screened_out"],
        misunderstood=sum(one.status == "screened_out" and one.task == "comprehension" for one in data.people),
        underway=status["active"],
        left=status["timed_out"] + status["returned"] + status["rejected"],
        excluded={rule: sum(rule in one.exclusions for one in yes) for rule in RULES},
        counted=sum(one.counts for one in yes),
        departures=dict(gone),
    )


def drop_out_of(data: Dataset) -> tuple[Reached, ...]:
    """How many began each task and stopped there: who withdrew or left where they stood, who was screened out there."""
    tasks = list(data.plan.tasks)
    last: dict[str, str | None] = {}
    for one in data.people:
        is_through = one.status == "complete" or one.task == "debrief"
        out = "comprehension" if one.task == "comprehension" else "screening"
        last[one.id] = out if one.status == "screened_out" else None if is_through else one.task
    for number, gone in enumerate(data.departures):
        stopped = gone.task if gone.task in tasks and gone.task != "debrief" else None
        last.update({f"departure {number} {each}": stopped for each in range(gone.count)})
    return drop_out(tasks, last, {one.id for one in data.people if one.status in _UNDERWAY})


@dataclass(frozen=True)
class Attention:
    """Checks that were answered, the share of right answers (0 to 1; NaN without any), and who was flagged."""

    answered: int
    right: float
    flagged: int


def attention_of(data: Dataset) -> Attention:
    """Of all people of the dataset."""
    right = [one.is_correct for one in data.checks]
    limit = data.plan.attention.misses if data.plan.attention is not None else None
    flagged = sum(limit is not None and one.missed_checks >= limit for one in data.people)
    return Attention(len(right), float(np.mean(right)) if right else float("nan"), flagged)


@dataclass(frozen=True)
class Times:
    """How long answers of one task took.

    Attributes:
        seconds: Quartiles, without the time for which the page was hidden.
        low, high: Seconds between which an answer is in line.
        outliers: How many answers are not.
        hidden: How many answers were given after the page was hidden for a while.
    """

    task: str
    seconds: Quartiles
    low: float
    high: float
    outliers: int
    hidden: int


def times_of(data: Dataset) -> tuple[Times, ...]:
    """Of ratings, pairs and questions, where there are any."""
    by_task = {
        "ratings": [one.timing for one in data.ratings],
        "pairs": [one.timing for one in data.choices],
        "questionnaire": [one.timing for one in data.replies if one.task == "questionnaire"],
    }
    found = []
    for task, timings in by_task.items():
        if timings:
            shown = np.array([max(1.0, one.rt_ms - one.hidden_ms) for one in timings])
            bounds = time_outliers(shown)
            hidden = sum(one.hidden_ms > 0 for one in timings)
            low, high = bounds.low / 1000, bounds.high / 1000
            found.append(Times(task, quartiles(shown / 1000), low, high, sum(bounds.flags), hidden))
    return tuple(found)


def progress_by_condition(data: Dataset) -> dict[str, tuple[int, int]]:
    """Of each condition: portraits that were made, and people who have rated or compared it."""
    made = Counter(one.condition for one in data.portraits)
    judged = {(one.participant, one.condition) for one in data.ratings}
    judged |= {(one.participant, side) for one in data.choices for side in (one.left, one.right)}
    people = Counter(condition for _, condition in judged)
    return {one.id: (made[one.id], people[one.id]) for one in data.plan.conditions}
