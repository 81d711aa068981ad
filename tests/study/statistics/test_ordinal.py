"""Cumulative logit, without and with a judge's intercept, against the wine data of Randall (1989; R's ordinal)."""

from __future__ import annotations

import numpy as np
import pytest

from study.statistics.ordinal import NoFit, fit, fit_mixed

# Nine judges, two bottles a cell, a digit for each judge.
WINE = {
    (0, 0): ("212323121", "323232122"),
    (0, 1): ("313343223", "432232232"),
    (1, 0): ("425332233", "435234332"),
    (1, 1): ("554535234", "544334344"),
}
ROWS = [
    (int(digit), warm, contact, judge)
    for (warm, contact), bottles in WINE.items()
    for bottle in bottles
    for judge, digit in enumerate(bottle)
]
ANSWERS = np.array([row[0] for row in ROWS])
COLUMNS = np.array([row[1:3] for row in ROWS], dtype=float)
JUDGES = np.array([row[3] for row in ROWS])


def test_without_judges() -> None:
    found = fit(ANSWERS, COLUMNS)
    assert found.thresholds == pytest.approx([-1.3444, 1.2508, 3.4669, 5.0064], abs=6e-5)
    assert found.threshold_errors == pytest.approx([0.5171, 0.4379, 0.5978, 0.7309], abs=6e-5)
    assert found.effects == pytest.approx([2.5031, 1.5278], abs=6e-5)
    assert found.effect_errors == pytest.approx([0.5287, 0.4766], abs=6e-5)
    assert found.log_likelihood == pytest.approx(-86.49192, abs=5e-6)
    assert found.spread is None


def test_with_judges_by_laplace() -> None:
    """To the digits of R's documentation of clmm; one step of Newton's method from here changes none of them."""
    found = fit_mixed(ANSWERS, COLUMNS, JUDGES, nodes=1)
    assert found.thresholds == pytest.approx([-1.6237, 1.5134, 4.2285, 6.0888], abs=6e-5)
    assert found.effects == pytest.approx([3.0630, 1.8349], abs=6e-5)
    assert found.variance == pytest.approx(1.2795, abs=6e-5)
    assert found.log_likelihood == pytest.approx(-81.5654, abs=5e-5)
    assert found.method == "Laplace"


def test_with_judges_by_ten_nodes() -> None:
    found = fit_mixed(ANSWERS, COLUMNS, JUDGES, nodes=10)
    assert found.thresholds == pytest.approx([-1.6235, 1.5128, 4.2270, 6.0862], abs=6e-5)
    assert found.effects == pytest.approx([3.0619, 1.8334], abs=6e-5)
    assert found.variance == pytest.approx(1.2877, abs=6e-5)
    assert found.log_likelihood == pytest.approx(-81.5325, abs=5e-5)
    assert (found.effect_errors > fit(ANSWERS, COLUMNS).effect_errors).all()


def test_levels_that_nobody_used_do_not_matter() -> None:
    found = fit(np.where(ANSWERS == 5, 9, ANSWERS), COLUMNS)
    assert found.effects == pytest.approx([2.5031, 1.5278], abs=6e-5)


def test_the_order_of_rows_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(len(ANSWERS))
    found = fit_mixed(ANSWERS[order], COLUMNS[order], JUDGES[order])
    assert found.log_likelihood == pytest.approx(-81.5325, abs=5e-5)


def test_people_who_do_not_differ_give_the_model_without() -> None:
    people = np.random.default_rng(3).integers(30, size=600)
    generator = np.random.default_rng(2)
    column = generator.integers(2, size=600).astype(float)[:, None]
    answers = np.digitize(column[:, 0] + generator.logistic(size=600), [-1, 0, 1])
    with_people, without = fit_mixed(answers, column, people), fit(answers, column)
    assert with_people.effects == pytest.approx(without.effects, abs=0.05)
    assert with_people.variance is not None
    assert with_people.variance < 0.2
    assert np.isfinite(with_people.effect_errors).all()


@pytest.mark.parametrize(
    ("answers", "columns", "words"),
    [
        ([3, 3, 3, 3], [[0], [1], [0], [1]], "equal"),
        ([1, 2, 3, 1], [[1], [1], [1], [1]], "constant"),
        ([1, 1, 1, 2, 2, 2], [[0], [0], [0], [1], [1], [1]], "wholly"),
    ],
)
def test_what_has_no_answer_says_so(answers: list[int], columns: list[list[float]], words: str) -> None:
    with pytest.raises(NoFit, match=words):
        fit(np.array(answers), np.array(columns, dtype=float))
