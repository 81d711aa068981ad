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
        size: -1 to 1 for differences, 0 to 1 for Kendall's W; None where it is not defined.
        p: Two-sided; None where there is nothing to test.
        n: People (pairs of values) that it rests on.
    """

    size: float | None
    p: float | None
    n: int


def matched_rank_biserial(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> Effect:
    """Ranks in favour of the first less ranks against it, of all (Kerby 2014), from pairs of one person's values.

    Beside it Wilcoxon's signed ranks, which leave out equal pairs as this does. Pairs with a NaN are left out.
    """
    gap = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    gap = gap[np.isfinite(gap)]
    moved = gap[gap != 0]
    if not len(gap):
        return Effect(None, None, 0)
    if not len(moved):
        return Effect(0.0, None, len(gap))
    ranks = stats.rankdata(np.abs(moved))
    size = float((ranks * np.sign(moved)).sum() / ranks.sum())
    return Effect(size, _signed_ranks(moved, ranks), len(gap))


def rank_biserials(gaps: Floats, times: Floats) -> Floats:
    """Matched rank biserial correlations of many draws at once, as a bootstrap needs them.

    Args:
        gaps: n differences, none NaN, first less second.
        times: D x n, how often each person was drawn.

    Returns:
        D x 1; 0 where all that was drawn is equal, as in `matched_rank_biserial`.
    """
    sizes = np.unique(np.abs(gaps[gaps != 0]))
    up, down = times @ (gaps[:, None] == sizes), times @ (gaps[:, None] == -sizes)
    both = up + down
    ranks = np.cumsum(both, axis=1) - (both - 1) / 2  # the middle one of each size's ranks
    whole = (both * ranks).sum(axis=1, keepdims=True)
    return np.asarray(((up - down) * ranks).sum(axis=1, keepdims=True) / np.where(whole > 0, whole, 1))


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
    if people < 2 or conditions < 3 or all(len(np.unique(row)) == 1 for row in whole):
        return Effect(None, None, people)
    found = stats.friedmanchisquare(*whole.T)
    return Effect(float(found.statistic / (people * (conditions - 1))), float(found.pvalue), people)


def holm(chances: Sequence[float | None]) -> tuple[float | None, ...]:
    """p values corrected for how many there are (Holm 1979); those that are None stay so and do not count."""
    known = [chance for chance in chances if chance is not None]
    if not known:
        return tuple(None for _ in chances)
    corrected = iter(multipletests(known, method="holm")[1])
    return tuple(None if chance is None else float(next(corrected)) for chance in chances)
