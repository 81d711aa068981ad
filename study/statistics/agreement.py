"""Krippendorff's alpha: how far people agree beyond chance.

Krippendorff, K. (2011), Computing Krippendorff's alpha-reliability; the coincidence matrix and his four metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Floats = npt.NDArray[np.float64]


def alpha(ratings: Sequence[Sequence[float | None]] | Floats, level: Level) -> float | None:
    """Alpha: 1 is perfect agreement, 0 what chance gives, below 0 less than that.

    Args:
        ratings: Raters in rows, units in columns; None or NaN where a rater has not rated a unit.
        level: Of measurement. Nominal values may be any numbers; ratio values are 0 or more.

    Returns:
        None where alpha is not defined: all answers are equal, so that no disagreement was possible, or no unit was
        rated twice.
    """
    table = np.array([[np.nan if value is None else float(value) for value in row] for row in ratings], dtype=float)
    if table.ndim != 2:
        raise ValueError("ratings are a table of raters and units")
    known = ~np.isnan(table)
    table = table[:, known.sum(axis=0) >= 2]
    values = np.unique(table[~np.isnan(table)])
    if level == "ratio" and (values < 0).any():
        raise ValueError("values on a ratio scale are 0 or more")
    if len(values) < 2:
        return None
    per_unit = np.array([(table == value).sum(axis=0) for value in values], dtype=float)  # values x units
    raters = per_unit.sum(axis=0)
    coincidence = (per_unit / (raters - 1)) @ per_unit.T - np.diag((per_unit / (raters - 1)).sum(axis=1))
    totals = coincidence.sum(axis=1)
    distance = _distance(values, totals, level)
    expected = (np.outer(totals, totals) * distance).sum() / (totals.sum() - 1)
    return float(1 - (coincidence * distance).sum() / expected)


def _distance(values: Floats, totals: Floats, level: Level) -> Floats:
    """Squared difference of each two values, as the level of measurement has it."""
    first, second = values[:, None], values[None, :]
    if level == "nominal":
        return np.asarray(first != second, dtype=float)
    if level == "interval":
        return np.asarray((first - second) ** 2)
    if level == "ratio":
        both = first + second
        return np.asarray(np.divide(first - second, both, out=np.zeros_like(both), where=both != 0) ** 2, dtype=float)
    below = np.concatenate([[0.0], np.cumsum(totals)])
    middle = below[:-1] + totals / 2  # rank of a value: all below it and half of its own
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)
