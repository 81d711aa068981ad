"""Simulated participants: what they prefer is planted, so that what the analysis finds can be compared with it.

Choices follow Bradley and Terry with a side bias, ratings a cumulative logit with an intercept for each person, times
an exponentially modified normal distribution, as human response times do (Luce 1986; jsPsych's simulate() has it).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from study.plan.definition import Question, StudyPlan
from study.plan.schedule import Trial


@dataclass(frozen=True)
class World:
    """What is planted.

    Attributes:
        strengths: Of each condition in pairs; logits.
        effects: Of each condition in ratings; logits.
        side: By how much the left is preferred; logits.
        spread: Standard deviation of people's intercepts in ratings; logits.
        inattentive: Share of people who answer at random and fast.
        normal_ms, spread_ms, tail_ms: Of a response time: mean and standard deviation of its normal part, mean of its
            exponential part.
    """

    strengths: Mapping[str, float]
    effects: Mapping[str, float]
    side: float = 0.3
    spread: float = 1.0
    inattentive: float = 0.1
    normal_ms: float = 900.0
    spread_ms: float = 200.0
    tail_ms: float = 700.0

    @classmethod
    def evenly(cls, plan: StudyPlan, step: float = 0.5, **other: float) -> World:
        """Conditions in the order of the study, each liked less than the one before by `step` logits."""
        ids = [one.id for one in plan.conditions]
        middle = (len(ids) - 1) / 2
        worth = {one: (middle - place) * step for place, one in enumerate(ids)}
        return cls(worth, worth, **other)


@dataclass(frozen=True)
class Said:
    """An answer: `value` of a rating or a question, `chosen` of a pair; the other one is None."""

    value: str | None
    chosen: str | None
    rt_ms: float


@dataclass
class SimulatedPerson:
    """One of them. The same seed says the same.

    Attributes:
        is_attentive: Whether they look at what they are asked.
    """

    world: World
    seed: str
    is_attentive: bool = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self.is_attentive = self._random.random() >= self.world.inattentive
        self._intercept = self._random.gauss(0.0, self.world.spread)

    def answer_pair(self, left: str | None, right: str | None, correct: str | None = None) -> Said:
        """A choice between two conditions, or the answer to an attention check whose right side is known."""
        if not self.is_attentive:
            return Said(None, self._random.choice(("left", "right")), self._rt())
        if correct is not None:
            return Said(None, correct, self._rt())
        gap = self.world.strengths[left or ""] - self.world.strengths[right or ""] + self.world.side
        return Said(None, "left" if self._logistic() < gap else "right", self._rt())

    def answer_rating(self, question: Question, condition: str) -> Said:
        """A rating of one portrait; on a scale by the planted effect."""
        if question.kind != "likert":
            return self.answer_question(question)
        if not self.is_attentive:
            return Said(str(self._random.randint(1, question.points)), None, self._rt())
        latent = self.world.effects[condition] + self._intercept + self._logistic()
        middle, width = question.points / 2, 6.0 / question.points
        above = sum(latent > (threshold - middle) * width for threshold in range(1, question.points))
        return Said(str(1 + above), None, self._rt())

    def answer_question(self, question: Question) -> Said:
        """Any answer that the question takes, and none that screens out."""
        random = self._random
        if question.kind == "likert":
            value = str(random.randint(1, question.points))
        elif question.kind == "choice":
            value = random.choice([one.id for one in question.options if one.id not in question.screen_out])
        elif question.kind == "number":
            low = question.least if question.least is not None else 0.0
            high = question.most if question.most is not None else low + 100
            value = str(round(low + random.random() * min(high - low, 20)))
        else:
            value = "" if question.optional else "simulated answer"
        return Said(value, None, self._rt())

    def answer(self, plan: StudyPlan, trial: Trial) -> Said:
        """The answer to a trial of a schedule."""
        if trial.task == "pairs":
            return self.answer_pair(trial.left, trial.right, trial.correct)
        question = plan.question(trial.task, trial.question)
        if trial.right_option is not None and self.is_attentive:
            return Said(trial.right_option, None, self._rt())
        if trial.task == "ratings":
            return self.answer_rating(question, trial.condition or "")
        return self.answer_question(question)

    def _logistic(self) -> float:
        """A draw of the logistic distribution, by two exponential ones."""
        return math.log(self._random.expovariate(1.0) / self._random.expovariate(1.0))

    def _rt(self) -> float:
        """Milliseconds; who is inattentive clicks as soon as the picture is there."""
        world, random = self.world, self._random
        if not self.is_attentive:
            return 120.0 + random.expovariate(1 / 80.0)
        return max(350.0, random.gauss(world.normal_ms, world.spread_ms) + random.expovariate(1 / world.tail_ms))
