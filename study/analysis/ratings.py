"""What ratings on a scale say: means with bootstrap intervals, a cumulative logit with people's intercepts, ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from study.analysis.choices import Contrast, contrast
from study.analysis.settings import AnalysisSettings
from study.dataset import Rating
from study.statistics.agreement import alpha
from study.statistics.effects import Effect, kendalls_w, matched_rank_biserial, rank_biserials
from study.statistics.ordinal import Floats, NoFit, Ordinal, fit_mixed
from study.statistics.resampling import Interval, bootstrap
from study.statistics.summaries import Quartiles, quartiles


@dataclass(frozen=True)
class RankContrast:
    """Two conditions against each other, by the ranks of each person's differences.

    Attributes:
        size: Matched rank biserial, -1 to 1, with its interval over participants; None where nobody rated both.
        p: Of Wilcoxon's test, two-sided; None where there is nothing to test.
        people: Who rated both.
    """

    first: str
    second: str
    size: Interval | None
    p: float | None
    people: int


@dataclass(frozen=True)
class RatingResult:
    """One question of ratings.

    Attributes:
        people, answers: How many it rests on.
        spread: Quartiles of each condition, in the order of the study.
        means: Of each condition, with an interval over participants.
        counts: Of each condition, how often each answer was given: answer to count.
        ranks: Each two conditions.
        together: Kendall's W with Friedman's test; None for fewer than three conditions.
        agreement: Krippendorff's alpha, ordinal, conditions as units; None where it is not defined.
        model: Cumulative logit with an intercept for each person; effects against the reference.
        effects_of: The conditions of the model's effects.
        contrasts: Each two conditions by the model.
        trouble: Why there is no model, as a sentence; "" where there is.
    """

    outcome: str
    conditions: tuple[str, ...]
    people: int
    answers: int
    spread: tuple[Quartiles, ...]
    means: tuple[Interval, ...]
    counts: tuple[dict[float, int], ...]
    ranks: tuple[RankContrast, ...]
    together: Effect | None
    agreement: float | None
    model: Ordinal | None
    effects_of: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    trouble: str = ""


def rating_result(
    question: str, ratings: Sequence[Rating], conditions: tuple[str, ...], settings: AnalysisSettings, seed: int
) -> RatingResult:
    """Analyse one question on a scale.

    Args:
        ratings: Of all questions; others, and answers left empty, are left out.
        seed: Of the bootstrap.
    """
    table = _table(question, ratings, conditions)
    outcome = f"ratings.{question}"
    columns = table.T
    known = [column[np.isfinite(column)] for column in columns]
    model, others, trouble = _model(table, conditions, settings)
    return RatingResult(
        outcome=outcome,
        conditions=conditions,
        people=len(table),
        answers=int(np.isfinite(table).sum()),
        spread=tuple(quartiles(column) for column in columns),
        means=_means(table, settings, seed) if len(table) else (),
        counts=tuple({float(v): int((column == v).sum()) for v in np.unique(column)} for column in known),
        ranks=tuple(
            _rank_contrast((conditions[one], conditions[other]), columns[one] - columns[other], settings, seed)
            for one, other in combinations(range(len(conditions)), 2)
        ),
        together=kendalls_w(table) if len(conditions) >= 3 else None,
        agreement=alpha(table, "ordinal") if len(table) else None,
        model=model,
        effects_of=others,
        contrasts=() if model is None else _contrasts(outcome, model, conditions, others, settings.level),
        trouble=trouble,
    )


def _table(question: str, ratings: Sequence[Rating], conditions: tuple[str, ...]) -> Floats:
    """People in rows, conditions in columns, NaN where there is no answer."""
    people = sorted({one.participant for one in ratings if one.question == question and one.number is not None})
    table = np.full((len(people), len(conditions)), np.nan)
    row, column = {name: n for n, name in enumerate(people)}, {name: n for n, name in enumerate(conditions)}
    for one in ratings:
        if one.question == question and one.number is not None:
            table[row[one.participant], column[one.condition]] = one.number
    return table


def _means(table: Floats, settings: AnalysisSettings, seed: int) -> tuple[Interval, ...]:
    known = np.isfinite(table).astype(float)
    filled = np.nan_to_num(table)

    def statistic(times: Floats) -> Floats:
        counts, sums = times @ known, times @ filled
        return np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)

    return bootstrap(len(table), statistic, seed=seed, replicates=settings.draws, level=settings.level)


def _rank_contrast(names: tuple[str, str], gaps: Floats, settings: AnalysisSettings, seed: int) -> RankContrast:
    """Args: `gaps`, of each person the first answer less the second; NaN where one is missing."""
    known = gaps[np.isfinite(gaps)]
    found = matched_rank_biserial(known, np.zeros_like(known))
    if not len(known):
        return RankContrast(*names, None, None, 0)
    (size,) = bootstrap(
        len(known),
        lambda times: rank_biserials(known, times),
        seed=seed,
        replicates=settings.draws,
        level=settings.level,
    )
    return RankContrast(*names, size, found.p, found.n)


def _model(
    table: Floats, conditions: tuple[str, ...], settings: AnalysisSettings
) -> tuple[Ordinal | None, tuple[str, ...], str]:
    others = tuple(one for one in conditions if one != settings.reference)
    people, columns = np.nonzero(np.isfinite(table))
    if len(np.unique(people)) < 3:
        return None, others, "Fewer than three people have answered."
    answers = np.unique(table[people, columns], return_inverse=True)[1]
    if answers.max() > 10:
        return None, others, "There are more than eleven different answers, so no model of steps is fitted."
    design = np.array([[float(conditions[column] == one) for one in others] for column in columns])
    try:
        return fit_mixed(answers, design, people), others, ""
    except NoFit as error:
        return None, others, f"There is no model: {error}."


def _contrasts(
    outcome: str, model: Ordinal, conditions: tuple[str, ...], others: tuple[str, ...], level: float
) -> tuple[Contrast, ...]:
    """The reference has the effect 0, without an error."""
    place = {one: number for number, one in enumerate(others)}
    size = len(others)
    effects = np.append(model.effects, 0.0)
    covariance = np.zeros((size + 1, size + 1))
    covariance[:size, :size] = model.covariance
    found = []
    for one, other in combinations(conditions, 2):
        places = place.get(one, size), place.get(other, size)
        gap = float(effects[places[0]] - effects[places[1]])
        found.append(contrast(outcome, (one, other), gap, covariance, places, level))
    return tuple(found)
