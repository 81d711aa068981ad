"""Effect sizes of ranks, the tests beside them, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.multitest import multipletests

Floats = npt.NDArray[np.float64]
_ALL_SIGNS = 14  # pairs up to which every pattern of signs is counted


@dataclass(frozen=True)
class Effect:
    """An effect size with the test that goes with it.

    Attributes:
        name: Of the effect size.
        size: -1 to 1 for differences, 0 to 1 for Kendall's W; None where it is not defined.
        p: Two-sided; None where there is nothing to test.
        n: People (pairs of values) that it rests on.
    """

    name: str
    size: float | None
    p: float | None
    n: int


def cliffs_delta(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> Effect:
    """How much more often a value of the first group is above one of the second than below (Cliff 1993).

    Beside it the test of Mann and Whitney. For groups of different people.
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not len(one) or not len(two):
        return Effect("Cliff's delta", None, None, 0)
    delta = float(np.sign(one[:, None] - two[None, :]).mean())
    if len(np.unique(np.concatenate([one, two]))) < 2:
        return Effect("Cliff's delta", delta, None, len(one) + len(two))
    return Effect("Cliff's delta", delta, float(stats.mannwhitneyu(one, two).pvalue), len(one) + len(two))


def matched_rank_biserial(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> Effect:
    """Ranks in favour of the first less ranks against it, of all (Kerby 2014), from pairs of one person's values.

    Beside it Wilcoxon's signed ranks, which leave out equal pairs as this does. Pairs with a NaN are left out.
    """
    gap = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    gap = gap[np.isfinite(gap)]
    moved = gap[gap != 0]
    name = "matched rank biserial"
    if not len(gap):
        return Effect(name, None, None, 0)
    if not len(moved):
        return Effect(name, 0.0, None, len(gap))
    ranks = stats.rankdata(np.abs(moved))
    size = float((ranks * np.sign(moved)).sum() / ranks.sum())
    return Effect(name, size, _signed_ranks(moved, ranks), len(gap))


def _signed_ranks(moved: Floats, ranks: Floats) -> float:
    """Wilcoxon's p: over all signs for few pairs, ties included (SciPy takes seconds for that), else SciPy's."""
    if len(moved) > _ALL_SIGNS:
        return float(stats.wilcoxon(moved, zero_method="wilcox", method="asymptotic", correction=True).pvalue)
    signs = 1 - 2 * (np.arange(1 << len(moved))[:, None] >> np.arange(len(moved)) & 1)
    return float((np.abs(signs @ ranks) >= abs(ranks @ np.sign(moved)) - 1e-9).mean())


def kendalls_w(table: Floats) -> Effect:
    """How far people rank conditions alike, 0 to 1, with Friedman's test.

    Args:
        table: People in rows, three conditions or more in columns; people with a NaN are left out.
    """
    whole = table[np.isfinite(table).all(axis=1)]
    people, conditions = whole.shape
    name = "Kendall's W"
    if people < 2 or conditions < 3 or all(len(np.unique(row)) == 1 for row in whole):
        return Effect(name, None, None, people)
    found = stats.friedmanchisquare(*whole.T)
    return Effect(name, float(found.statistic / (people * (conditions - 1))), float(found.pvalue), people)


def holm(chances: Sequence[float | None]) -> tuple[float | None, ...]:
    """p values corrected for how many there are (Holm 1979); those that are None stay so and do not count."""
    known = [chance for chance in chances if chance is not None]
    if not known:
        return tuple(None for _ in chances)
    corrected = iter(multipletests(known, method="holm")[1])
    return tuple(None if chance is None else float(next(corrected)) for chance in chances)
