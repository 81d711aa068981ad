"""What pairs say: strengths of conditions by Bradley-Terry, with intervals by bootstrap over participants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import norm, t

from study.analysis.settings import AnalysisSettings
from study.dataset import Choice
from study.statistics.pairs import Floats, NoFiniteFit, PairCounts, Strengths, clustered, count, fit, fit_many
from study.statistics.resampling import Interval, bootstrap

FEWEST = 10  # people for whose choices errors by clusters can be trusted at all


@dataclass(frozen=True)
class Contrast:
    """Two conditions against each other in one outcome.

    Attributes:
        outcome: "pairs.<question>" or "ratings.<question>".
        first, second: Ids of conditions.
        logit, error: How much higher the first is, and its standard error.
        odds: exp(logit), with the ends of its interval.
        p: Two-sided, of Wald's test; corrected: after Holm, None where the outcome is not primary.
    """

    outcome: str
    first: str
    second: str
    logit: float
    error: float
    odds: float
    odds_low: float
    odds_high: float
    p: float | None
    corrected: float | None = None


@dataclass(frozen=True)
class PairResult:
    """One question of pairs.

    Attributes:
        people, choices: How many it rests on.
        strengths: One interval for each condition, in the order of the study; logits with the mean 0.
        side: The preference for the left, in logits.
        left_share: Of choices that went to the left (0 to 1).
        wins: k x k, how often the row was chosen over the column.
        leaning: Conditions whose strength only the ridge keeps finite.
        contrasts: Each two conditions; empty with fewer than `FEWEST` people, of whom no error can be told.
        trouble: Why there are no strengths, as a sentence; "" where there are.
    """

    outcome: str
    conditions: tuple[str, ...]
    people: int
    choices: int
    strengths: tuple[Interval, ...]
    side: Interval | None
    left_share: float
    wins: Floats
    leaning: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    trouble: str = ""


def pair_result(
    question: str, choices: Sequence[Choice], conditions: tuple[str, ...], settings: AnalysisSettings, seed: int
) -> PairResult:
    """Analyse one question.

    Args:
        choices: Of all questions; others are left out.
        seed: Of the bootstrap.
    """
    own = [one for one in choices if one.question == question]
    each = _by_person(own, conditions)
    together = PairCounts(
        conditions,
        sum((one.left for one in each), np.zeros((len(conditions),) * 2)),
        sum((one.right for one in each), np.zeros((len(conditions),) * 2)),
    )
    outcome, left = f"pairs.{question}", sum(one.chosen == "left" for one in own)
    share = left / len(own) if own else float("nan")
    facts = (outcome, conditions, len(each), len(own))
    if not own:
        return PairResult(*facts, (), None, share, together.wins, (), (), "Nobody has judged a pair yet.")
    try:
        found = fit(together, ridge=settings.ridge)
    except NoFiniteFit as error:
        return PairResult(*facts, (), None, share, together.wins, (), (), f"{str(error).capitalize()}.")
    *strengths, side = _intervals(each, settings, seed)
    contrasts = (
        _contrasts(outcome, clustered(found, each), settings.level, len(each) - 1) if len(each) >= FEWEST else ()
    )
    return PairResult(*facts, tuple(strengths), side, share, together.wins, found.leaning, contrasts)


def _by_person(choices: Sequence[Choice], conditions: tuple[str, ...]) -> list[PairCounts]:
    said: dict[str, list[tuple[str, str, float]]] = {}
    for one in choices:
        said.setdefault(one.participant, []).append((one.left, one.right, float(one.chosen == "left")))
    return [count(said[person], conditions) for person in sorted(said)]


def _intervals(each: list[PairCounts], settings: AnalysisSettings, seed: int) -> tuple[Interval, ...]:
    left, right = np.array([one.left for one in each]), np.array([one.right for one in each])

    def statistic(times: Floats) -> Floats:
        return fit_many(np.tensordot(times, left, 1), np.tensordot(times, right, 1), ridge=settings.ridge)

    return bootstrap(len(each), statistic, seed=seed, replicates=settings.draws, level=settings.level)


def _contrasts(outcome: str, found: Strengths, level: float, freedom: int) -> tuple[Contrast, ...]:
    size = len(found.items)
    return tuple(
        contrast(
            outcome,
            (found.items[one], found.items[other]),
            found.values[one] - found.values[other],
            found.covariance[:size, :size],
            (one, other),
            level,
            freedom,
        )
        for one, other in combinations(range(size), 2)
    )


def contrast(
    outcome: str,
    names: tuple[str, str],
    logit: float,
    covariance: Floats,
    places: tuple[int, int],
    level: float,
    freedom: int | None = None,
) -> Contrast:
    """A contrast of two estimates with their covariance; interval and test of Wald.

    Args:
        freedom: Degrees of freedom where the covariance comes from so many clusters less one; None for the normal.
    """
    turn = np.zeros(len(covariance))
    turn[places[0]], turn[places[1]] = 1.0, -1.0
    error = float(np.sqrt(np.clip(turn @ covariance @ turn, 0, None)))
    law = norm if freedom is None else t(freedom)
    reach = float(law.ppf((1 + level) / 2)) * error
    ends = (float(np.exp(logit - reach)), float(np.exp(logit + reach)))
    p = float(2 * law.sf(abs(logit) / error)) if error > 0 else None
    return Contrast(outcome, *names, float(logit), error, float(np.exp(logit)), *ends, p)
