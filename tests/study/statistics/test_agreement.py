"""Krippendorff's alpha against the two published tables."""

from __future__ import annotations

import pytest

from study.statistics.agreement import Level, alpha

_ = None
THREE = [
    [_, _, _, _, _, 3, 4, 1, 2, 1, 1, 3, 3, _, 3],
    [1, _, 2, 1, 3, 3, 4, 3, _, _, _, _, _, _, _],
    [_, _, 2, 1, 3, 4, 4, _, 2, 1, 1, 3, 3, _, 4],
]
FOUR = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
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


@pytest.mark.parametrize("ratings", [[[3, 3, 3], [3, 3, 3]], [[1, 2, 3], [_, _, _]], [[_, _], [_, _]]])
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
