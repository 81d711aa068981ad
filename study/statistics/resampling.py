"""Intervals by bootstrap: people are drawn anew, never single answers, for one person's answers hang together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
REPLICATES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval.

    Attributes:
        estimate: From the people who were there.
        low, high: The ends of the interval; NaN where too few draws gave a number.
        error: Standard deviation over the draws.
        level: 0.95 for 95 %.
        draws: How many gave a number; a draw may lack an item altogether.
        method: "percentile" or "bca", as it was computed.
    """

    estimate: float
    low: float
    high: float
    error: float
    level: float
    draws: int
    method: str

    def holds(self, value: float) -> bool:
        """Whether a value lies within."""
        return self.low <= value <= self.high


def bootstrap(
    people: int,
    statistic: Statistic,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = 0.95,
    bca: bool = True,
) -> tuple[Interval, ...]:
    """Intervals for one or more numbers at a time.

    BCa (Efron 1987) where it can be computed, else the percentile interval: the numbers of a draw must differ, and
    leaving out single people must change them.

    Args:
        people: How many there are.
        statistic: From D x people, how often each person was drawn, to D x numbers; NaN where one is not defined.
        seed: Of the draws, so that a report says the same tomorrow.
        level: Of the interval.
        bca: False asks for percentile intervals.
    """
    if people < 1:
        raise ValueError("nobody is there to be drawn")
    generator = np.random.default_rng(seed)
    point = statistic(np.ones((1, people)))[0]
    draws = statistic(generator.multinomial(people, np.full(people, 1 / people), size=replicates).astype(float))
    without = statistic(1 - np.eye(people)) if bca and people >= 3 else None
    return tuple(
        _interval(point[column], draws[:, column], None if without is None else without[:, column], level)
        for column in range(len(point))
    )


def _interval(point: float, draws: Floats, without: Floats | None, level: float) -> Interval:
    known = draws[np.isfinite(draws)]
    if len(known) < 20 or not np.isfinite(point):
        return Interval(float(point), np.nan, np.nan, np.nan, level, len(known), "percentile")
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    corrected = _bca_tails(point, known, without, tails)
    low, high = np.quantile(known, tails if corrected is None else corrected)
    method = "percentile" if corrected is None else "bca"
    return Interval(float(point), float(low), float(high), float(known.std(ddof=1)), level, len(known), method)


def _bca_tails(point: float, draws: Floats, without: Floats | None, tails: Floats) -> Floats | None:
    """Where the quantiles are taken once bias and acceleration are known; None where they cannot be told."""
    if without is None or not np.isfinite(without).all():
        return None
    below = ((draws < point).mean() + (draws <= point).mean()) / 2  # half of those that are equal
    pull = without.mean() - without
    spread = (pull**2).sum()
    if not 0 < below < 1 or spread == 0:
        return None
    bias = norm.ppf(below)
    acceleration = (pull**3).sum() / (6 * spread**1.5)
    shifted = bias + norm.ppf(tails)
    found = norm.cdf(bias + shifted / (1 - acceleration * shifted))
    return np.asarray(found) if np.isfinite(found).all() else None
