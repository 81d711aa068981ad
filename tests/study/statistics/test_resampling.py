"""Bootstrap against Efron's law schools and SciPy's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from study.statistics.resampling import Floats, bootstrap

LSAT = np.array([576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594], dtype=float)
GPA = np.array(
    [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]
)  # Efron & Tibshirani 1993, page 19


def correlation(times: Floats) -> Floats:
    """Pearson's r of each draw, from how often each school was drawn."""
    share = times / times.sum(axis=1, keepdims=True)
    x, y = LSAT - (share @ LSAT)[:, None], GPA - (share @ GPA)[:, None]
    return np.asarray((share * x * y).sum(1) / np.sqrt((share * x**2).sum(1) * (share * y**2).sum(1)))[:, None]


def test_law_schools() -> None:
    (found,) = bootstrap(15, correlation, seed=1, replicates=4000, bca=False)
    assert found.estimate == pytest.approx(0.7764, abs=5e-5)
    assert found.error == pytest.approx(0.13, abs=0.01)
    assert found.low == pytest.approx(0.44, abs=0.03)
    assert found.high == pytest.approx(0.96, abs=0.01)
    assert found.method == "percentile"


def test_bca_is_that_of_scipy() -> None:
    (ours,) = bootstrap(15, correlation, seed=3, replicates=8000)
    theirs = stats.bootstrap(
        (LSAT, GPA), lambda x, y: np.corrcoef(x, y)[0, 1], paired=True, vectorized=False, n_resamples=8000,
        method="BCa", rng=np.random.default_rng(3),
    )  # fmt: skip
    assert ours.method == "bca"
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.03)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.01)


def test_people_are_drawn_and_not_their_answers() -> None:
    """Ten people who each say the same fifty times are ten pieces of news, not five hundred."""
    means = np.random.default_rng(4).normal(size=10)
    answers = np.repeat(means[:, None], 50, axis=1)
    (found,) = bootstrap(10, lambda times: (times @ answers).mean(axis=1, keepdims=True) / 10, seed=5)
    assert found.error == pytest.approx(means.std() / np.sqrt(10), rel=0.1)


def test_a_seed_says_the_same_again() -> None:
    assert bootstrap(15, correlation, seed=7, replicates=100) == bootstrap(15, correlation, seed=7, replicates=100)


def test_draws_without_a_number_are_counted() -> None:
    def only_with_the_first(times: Floats) -> Floats:
        return np.where(times[:, :1] > 0, times @ np.arange(5.0)[:, None], np.nan)

    (found,) = bootstrap(5, only_with_the_first, seed=8, replicates=500)
    assert 250 < found.draws < 450
    assert found.method == "percentile"


def test_what_never_changes_has_an_interval_without_width() -> None:
    (found,) = bootstrap(5, lambda times: np.full((len(times), 1), 4.0), seed=9, replicates=100)
    assert (found.low, found.estimate, found.high) == (4.0, 4.0, 4.0)


def test_nobody_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="nobody"):
        bootstrap(0, lambda times: times, seed=0)
