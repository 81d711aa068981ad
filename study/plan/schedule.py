"""What one participant is shown, in which order and on which side. It follows from plan, hash, participant and row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from study.plan.definition import StudyPlan, Task
from study.plan.order import balanced_pairs, seeded, shuffled, williams

Side = Literal["left", "right"]
SHARP, BLURRED = "check-sharp", "check-blurred"  # pictures of an attention check, in the place of conditions' ids


@dataclass(frozen=True)
class Trial:
    """One screen with one question.

    Attributes:
        key: Names it among the participant's trials, and says nothing of a condition: "ratings-007".
        task: Where it belongs.
        question: The question's id; "attention" for a check.
        position: Of a rating, the portrait's place in the order, from 1; of a pair or a question, its own place.
        condition: Of a rating, whose portrait is shown.
        left, right: Of a pair, the ids of the conditions; of a check, SHARP and BLURRED.
        correct: Of a check, the side of the sharp picture.
        right_option: Of a question of comprehension, the id of the right option.
    """

    key: str
    task: Task
    question: str
    position: int
    condition: str | None = None
    left: str | None = None
    right: str | None = None
    correct: Side | None = None
    right_option: str | None = None

    @property
    def is_attention(self) -> bool:
        """Whether it is an attention check."""
        return self.correct is not None

    def judged(self, value: str | None, chosen: str | None) -> bool | None:
        """Whether an answer is right; None where none is."""
        if self.correct is not None:
            return chosen == self.correct
        return None if self.right_option is None else value == self.right_option


@dataclass(frozen=True)
class Schedule:
    """All of a participant's trials.

    Attributes:
        order: Ids of the conditions, as their portraits are rated.
        making: The same ids, as their portraits are made: another random order, so that progress tells nothing.
        trials: Of all tasks, in the order of the tasks; of comprehension, those of the newest try.
        attempt: Which try at the questions of comprehension that is, from 1.
    """

    order: tuple[str, ...]
    making: tuple[str, ...]
    trials: tuple[Trial, ...]
    attempt: int = 1

    def of(self, task: Task) -> tuple[Trial, ...]:
        """The trials of one task."""
        return tuple(one for one in self.trials if one.task == task)

    def trial(self, key: str) -> Trial | None:
        """The trial with a key."""
        return next((one for one in self.trials if one.key == key), None)


def rows_of(plan: StudyPlan) -> int:
    """How many rows the study's design has; 0 where each participant has an order of their own."""
    return len(williams(len(plan.conditions))) if plan.order == "williams" else 0


def schedule(
    plan: StudyPlan,
    frozen_sha256: str,
    participant: str,
    row: int | None,
    answered: Collection[str] = (),
    wrong: Collection[str] = (),
) -> Schedule:
    """The schedule of a participant.

    Args:
        frozen_sha256: Of the lock.
        participant: Their id in store and export.
        row: Of the Williams design; None for a shuffled order.
        answered, wrong: Keys of trials with an answer, and with a wrong one: which try at the comprehension is open
            follows from them, and nothing else.
    """
    ids = [one.id for one in plan.conditions]
    if row is not None:
        order = tuple(ids[n] for n in williams(len(ids))[row])
    else:
        order = tuple(ids[n] for n in shuffled(range(len(ids)), seeded(frozen_sha256, participant, "order")))
    making = tuple(ids[n] for n in shuffled(range(len(ids)), seeded(frozen_sha256, participant, "making")))
    attempt = _attempt(plan, answered, wrong)
    trials: list[Trial] = []
    for task in plan.tasks:
        if task == "ratings":
            asked = [(place, one, q.id) for place, one in enumerate(order, 1) for q in plan.ratings]
            trials += [
                Trial(f"ratings-{n:03}", task, question, place, condition=one)
                for n, (place, one, question) in enumerate(asked, 1)
            ]
        elif task == "pairs":
            trials += _pairs(plan, ids, frozen_sha256, participant)
        elif task == "comprehension":
            trials += _comprehension(plan, attempt)
        elif task in ("screening", "questionnaire"):
            trials += [Trial(f"{task}-{n:03}", task, one.id, n) for n, one in enumerate(plan.asked[task], 1)]
    return Schedule(order, making, tuple(trials), attempt)


def _comprehension(plan: StudyPlan, attempt: int) -> list[Trial]:
    return [
        Trial(f"comprehension-{attempt}-{n:03}", "comprehension", one.id, n, right_option=one.right)
        for n, one in enumerate(plan.asked["comprehension"], 1)
    ]


def _attempt(plan: StudyPlan, answered: Collection[str], wrong: Collection[str]) -> int:
    """The first try that is not through, or was right, or was the last one."""
    most = plan.comprehension.most_tries if plan.comprehension is not None else 1
    for attempt in range(1, most):
        keys = [one.key for one in _comprehension(plan, attempt)]
        if any(key not in answered for key in keys) or not any(key in wrong for key in keys):
            return attempt
    return most


def _pairs(plan: StudyPlan, ids: list[str], frozen_sha256: str, participant: str) -> list[Trial]:
    """Each question over its pairs in an order of its own; every second one turns the sides round."""
    assert plan.pairs is not None
    random = seeded(frozen_sha256, participant, "pairs")
    sides: list[tuple[int, int]] = balanced_pairs(len(ids), plan.pairs.most, random)
    found: list[tuple[str, str, str, Side | None]] = []
    for number, question in enumerate(plan.pairs.questions):
        block = [sides[n] for n in shuffled(range(len(sides)), random)]
        found += [
            (question.id, ids[right], ids[left], None) if number % 2 else (question.id, ids[left], ids[right], None)
            for left, right in block
        ]
    if plan.attention is not None:
        found = _with_checks(found, plan.attention.every, frozen_sha256, participant)
    return [
        Trial(f"pairs-{n:03}", "pairs", question, n, left=left, right=right, correct=correct)
        for n, (question, left, right, correct) in enumerate(found, 1)
    ]


def _with_checks(
    pairs: list[tuple[str, str, str, Side | None]], every: int, frozen_sha256: str, participant: str
) -> list[tuple[str, str, str, Side | None]]:
    """Put a check at a random place of each stretch of `every` pairs, the sharp picture on either side by turns."""
    random = seeded(frozen_sha256, participant, "attention")
    turn = int(random.random() * 2)
    found: list[tuple[str, str, str, Side | None]] = []
    for number, start in enumerate(range(0, len(pairs), every)):
        stretch = pairs[start : start + every]
        check: tuple[str, str, str, Side | None] = (
            ("attention", SHARP, BLURRED, "left") if (number + turn) % 2 else ("attention", BLURRED, SHARP, "right")
        )
        place = 1 + int(random.random() * len(stretch))  # never first of all
        found += [*stretch[:place], check, *stretch[place:]]
    return found


def next_task(
    plan: StudyPlan,
    planned: Schedule | None,
    answered: Collection[str],
    pictures: Collection[str],
    wrong: Collection[str] = (),
) -> Task:
    """The first task of a participant that is not done; "debrief" where all are.

    Args:
        planned: Their schedule; None before the consent.
        answered: Keys of the trials that have an answer.
        wrong: Keys of those that have a wrong one: a comprehension with such is not done.
        pictures: What is made: ids of conditions, and the pictures of the checks.
    """
    if planned is None:
        return "information"
    wanted = needed_pictures(plan)
    for task in plan.tasks[2:]:
        if task in ("photo", "portraits"):
            if not wanted <= set(pictures):
                return task
        elif any(one.key not in answered or (one.right_option and one.key in wrong) for one in planned.of(task)):
            return task
    return "debrief"


def needed_pictures(plan: StudyPlan) -> set[str]:
    """What is made of a photo: a portrait for each condition, and the pictures of the checks if there are any."""
    return {one.id for one in plan.conditions} | ({SHARP, BLURRED} if plan.attention is not None else set())
