"""Krippendorff's alpha against the two published tables."""

from __future__ import annotations

import pytest

from study.statistics.agreement import Level, alpha

X = None  # not rated
THREE: list[list[float | None]] = [
    [X, X, X, X, X, 3, 4, 1, 2, 1, 1, 3, 3, X, 3],
    [1, X, 2, 1, 3, 3, 4, 3, X, X, X, X, X, X, X],
    [X, X, 2, 1, 3, 4, 4, X, 2, 1, 1, 3, 3, X, 4],
]
FOUR: list[list[float | None]] = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
    [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
]


@pytest.mark.parametrize(
    ("level", "three", "four"),
    [
        ("nominal", 0.691358, 0.743421),
        ("ordinal", 0.806721, 0.815388),
        ("interval", 0.810845, 0.849107),
        ("ratio", 0.808944, 0.797403),
    ],
)
def test_published_tables(level: Level, three: float, four: float) -> None:
    assert alpha(THREE, level) == pytest.approx(three, abs=5e-7)
    assert alpha(FOUR, level) == pytest.approx(four, abs=5e-7)


def test_the_order_of_raters_and_units_does_not_matter() -> None:
    turned = [row[::-1] for row in reversed(FOUR)]
    assert alpha(turned, "ordinal") == pytest.approx(0.815388, abs=5e-7)


@pytest.mark.parametrize("ratings", [[[3, 3, 3], [3, 3, 3]], [[1, 2, 3], [X, X, X]], [[X, X], [X, X]]])
def test_undefined_is_none_and_never_a_number(ratings: list[list[float | None]]) -> None:
    assert alpha(ratings, "ordinal") is None


def test_perfect_and_opposite() -> None:
    assert alpha([[1, 2, 3], [1, 2, 3]], "interval") == pytest.approx(1)
    worse = alpha([[1, 5], [5, 1]], "interval")
    assert worse is not None
    assert worse < 0


def test_ratios_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="ratio"):
        alpha([[-1, 2], [1, 2]], "ratio")
