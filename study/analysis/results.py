"""All that a report says of a dataset, by the frozen analysis plan, with and without who is excluded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from study.analysis.choices import Contrast, PairResult, pair_result
from study.analysis.completeness import Began, Missing, Period, by_first_condition, missing_of, period_of
from study.analysis.flow import (
    Attention,
    Flow,
    Times,
    attention_of,
    drop_out_of,
    flow_of,
    times_of,
)
from study.analysis.ratings import RatingResult, rating_result
from study.analysis.settings import AnalysisSettings, outcomes_of, read_settings
from study.dataset import Dataset
from study.statistics.effects import holm
from study.statistics.summaries import Quartiles, Reached, quartiles


@dataclass(frozen=True)
class QuestionSummary:
    """A question of screening or questionnaire.

    Attributes:
        n: How many answered.
        spread: Of a likert or number question; None for others.
        counts: Of a choice or likert question, answer to count.
    """

    task: str
    question: str
    kind: str
    n: int
    spread: Quartiles | None
    counts: dict[str, int]


@dataclass(frozen=True)
class Outcomes:
    """What some people said.

    Attributes:
        people: How many of them there are.
        questions: Of screening and questionnaire; answers in free words are counted only.
        missing: Answers that were not given.
    """

    people: int
    pairs: tuple[PairResult, ...]
    ratings: tuple[RatingResult, ...]
    questions: tuple[QuestionSummary, ...]
    missing: tuple[Missing, ...]

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """All contrasts of all outcomes."""
        pairs = [one for result in self.pairs for one in result.contrasts]
        return (*pairs, *(one for result in self.ratings for one in result.contrasts))


@dataclass(frozen=True)
class Results:
    """A whole analysis.

    Attributes:
        by_first: Drop-out by the condition that was rated first.
        main: Without who is excluded by the study's rules.
        everybody: With them: all who consented and whose data are there.
    """

    data: Dataset
    settings: AnalysisSettings
    flow: Flow
    drop_out: tuple[Reached, ...]
    attention: Attention
    times: tuple[Times, ...]
    by_first: tuple[Began, ...]
    period: Period
    main: Outcomes
    everybody: Outcomes


def analyse(data: Dataset, *, settings: AnalysisSettings | None = None, draws: int | None = None) -> Results:
    """Analyse a dataset.

    Args:
        settings: In place of the frozen plan's, where names were changed.
        draws: Of the bootstrap, in place of the plan's, for a page that is looked at while the study runs.

    Raises:
        StudyError: The analysis plan's settings are wrong.
    """
    settings = settings or read_settings(data.plan, data.analysis_text)
    if draws is not None:
        settings = settings.model_copy(update={"draws": draws})
    everybody, counted = _outcomes(data, settings), data.without_excluded()
    return Results(
        data=data,
        settings=settings,
        flow=flow_of(data),
        drop_out=drop_out_of(data),
        attention=attention_of(data),
        times=times_of(data),
        by_first=by_first_condition(data),
        period=period_of(data),
        main=everybody if len(counted.people) == len(data.people) else _outcomes(counted, settings),
        everybody=everybody,
    )


def _outcomes(data: Dataset, settings: AnalysisSettings) -> Outcomes:
    conditions = tuple(one.id for one in data.plan.conditions)
    seed = int(data.sha256[:12], 16)  # the plan came before the data, and so did the draws
    found = Outcomes(
        people=sum(one.consented_at is not None for one in data.people),
        pairs=tuple(pair_result(one.id, data.choices, conditions, settings, seed) for one in data.plan.pair_questions),
        ratings=tuple(
            rating_result(name.removeprefix("ratings."), data.ratings, conditions, settings, seed)
            for name in outcomes_of(data.plan)
            if name.startswith("ratings.")
        ),
        questions=_questions(data),
        missing=missing_of(data),
    )
    return _corrected(found, settings.primary)


def _corrected(found: Outcomes, primary: tuple[str, ...]) -> Outcomes:
    """With Holm's correction over all contrasts of the primary outcomes."""
    family = [one for one in found.contrasts if one.outcome in primary]
    corrected = dict(zip(family, holm([one.p for one in family]), strict=True))

    def mended(contrasts: tuple[Contrast, ...]) -> tuple[Contrast, ...]:
        return tuple(replace(one, corrected=corrected.get(one)) for one in contrasts)

    return replace(
        found,
        pairs=tuple(replace(one, contrasts=mended(one.contrasts)) for one in found.pairs),
        ratings=tuple(replace(one, contrasts=mended(one.contrasts)) for one in found.ratings),
    )


def _questions(data: Dataset) -> tuple[QuestionSummary, ...]:
    found = []
    for task, questions in (("screening", data.plan.screening), ("questionnaire", data.plan.questionnaire)):
        for question in questions:
            replies = [
                one for one in data.replies if (one.task, one.question) == (task, question.id) and one.value != ""
            ]
            numbers = [one.number for one in replies if one.number is not None]
            on_scale = question.kind in ("likert", "number")
            counts = Counter(one.value for one in replies) if question.kind in ("choice", "likert") else {}
            spread = quartiles(numbers) if on_scale else None
            found.append(
                QuestionSummary(task, question.id, question.kind, len(replies), spread, dict(sorted(counts.items())))
            )
    return tuple(found)
