"""Effect sizes of ranks, Holm, summaries, times out of line, drop-out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from study.statistics.effects import holm, kendalls_w, matched_rank_biserial, rank_biserials
from study.statistics.summaries import Reached, drop_out, quartiles, time_outliers


def test_matched_rank_biserial_is_that_of_kerby() -> None:
    """Ranks 1 to 4 with one of the smallest against: 9 for, 1 against, of 10."""
    found = matched_rank_biserial([5, 7, 9, 1], [4, 5, 6, 1.5])
    assert found.size == pytest.approx((9 - 1) / 10)
    assert matched_rank_biserial([1, 2], [1, 2]).size == 0
    assert matched_rank_biserial([np.nan], [1]).size is None
    assert matched_rank_biserial([5, np.nan, 3], [4, 1, 2]).n == 2


def test_p_of_signed_ranks_is_that_of_scipy() -> None:
    generator = np.random.default_rng(1)
    few, many = generator.normal(0.5, 1, 12), generator.normal(0.2, 1, 60)
    assert matched_rank_biserial(few, 0 * few).p == pytest.approx(stats.wilcoxon(few, method="exact").pvalue)
    assert matched_rank_biserial(many, 0 * many).p == pytest.approx(
        stats.wilcoxon(many, method="exact").pvalue, abs=0.01
    )
    # with ties: 1 1 1 all for the first is one of eight patterns, and its mirror
    assert matched_rank_biserial([2, 2, 2], [1, 1, 1]).p == pytest.approx(2 / 8)


def test_many_rank_biserials_are_those_one_by_one() -> None:
    generator = np.random.default_rng(2)
    gaps = generator.integers(-3, 4, size=15).astype(float)
    times = generator.multinomial(15, np.full(15, 1 / 15), size=40).astype(float)
    together = rank_biserials(gaps, times)[:, 0]
    for drawn, found in zip(times, together, strict=True):
        alone = np.repeat(gaps, drawn.astype(int))
        assert found == pytest.approx(matched_rank_biserial(alone, np.zeros_like(alone)).size)
    assert rank_biserials(np.zeros(3), np.ones((1, 3))) == 0


def test_kendalls_w_of_people_who_agree_is_one() -> None:
    table = np.array([[1, 2, 3], [1, 2, 3], [1, 2, 3], [np.nan, 2, 3]], dtype=float)
    found = kendalls_w(table)
    assert found.size == pytest.approx(1)
    assert found.n == 3
    assert kendalls_w(np.ones((4, 3))).size is None


def test_holm_of_four() -> None:
    """0.01, 0.04, 0.03, 0.005 with m = 4: 0.03, 0.06, 0.06, 0.02 (Holm 1979)."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([None, 0.04, None]) == (None, 0.04, None)
    assert holm([None]) == (None,)


def test_quartiles_leave_out_what_is_missing() -> None:
    found = quartiles([1, 2, 3, 4, np.nan])
    assert (found.n, found.low, found.median, found.high, found.mean) == (4, 1.75, 2.5, 3.25, 2.5)
    assert np.isnan(quartiles([]).median)


def test_a_time_far_off_is_told_in_both_directions() -> None:
    times = [900, 1000, 1100, 1200, 1000, 950, 60_000, 40]
    found = time_outliers(times)
    assert found.flags == (False, False, False, False, False, False, True, True)
    assert 40 < found.low < 900
    assert 1200 < found.high < 60_000


def test_few_or_equal_times_are_never_out_of_line() -> None:
    assert not any(time_outliers([1, 100_000]).flags)
    assert not any(time_outliers([500] * 9 + [800]).flags)
    with pytest.raises(ValueError, match="above 0"):
        time_outliers([0, 1])


def test_drop_out_by_task() -> None:
    last = {"a": None, "b": "pairs", "c": "consent", "d": "pairs", "e": None, "f": "ratings"}
    assert drop_out(("consent", "ratings", "pairs"), last, {"d", "f"}) == (
        Reached("consent", 6, 1, 0),
        Reached("ratings", 5, 0, 1),
        Reached("pairs", 4, 1, 1),
    )
