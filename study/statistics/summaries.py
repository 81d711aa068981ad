"""Summaries: quartiles, times that are out of line, and where people stop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MADS = 3.0  # how far from the median is out of line
_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, in a normal distribution


@dataclass(frozen=True)
class Quartiles:
    """Of one column of answers; NaN where there are none."""

    n: int
    low: float
    median: float
    high: float
    mean: float


def quartiles(values: Sequence[float] | Floats) -> Quartiles:
    """The quarters of some answers, between two values by a line (numpy's default)."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if not len(known):
        return Quartiles(0, np.nan, np.nan, np.nan, np.nan)
    low, median, high = np.quantile(known, (0.25, 0.5, 0.75))
    return Quartiles(len(known), float(low), float(median), float(high), float(known.mean()))


@dataclass(frozen=True)
class TimeBounds:
    """Between which times an answer is in line, in milliseconds; `flags` says of each time whether it is not."""

    low: float
    high: float
    flags: tuple[bool, ...]


def time_outliers(times_ms: Sequence[float] | Floats, mads: float = MADS) -> TimeBounds:
    """Times far from the rest, on a logarithmic scale: response times have a long tail (Leys et al. 2013 for the MAD).

    Args:
        times_ms: Milliseconds, above 0.
        mads: Median absolute deviations, scaled as a standard deviation is.
    """
    times = np.asarray(times_ms, dtype=float)
    if (times <= 0).any():
        raise ValueError("a time is above 0")
    if len(times) < 5:
        return TimeBounds(0.0, float("inf"), (False,) * len(times))
    logs = np.log(times)
    middle = float(np.median(logs))
    reach = mads * _TO_SIGMA * float(np.median(np.abs(logs - middle)))
    if reach == 0:
        return TimeBounds(0.0, float("inf"), (False,) * len(times))
    flags = tuple(bool(flag) for flag in np.abs(logs - middle) > reach)
    return TimeBounds(float(np.exp(middle - reach)), float(np.exp(middle + reach)), flags)


@dataclass(frozen=True)
class Reached:
    """How many began a task; how many of them stopped there, and how many are at it now."""

    task: str
    began: int
    stopped: int
    underway: int = 0


def drop_out(
    tasks: Sequence[str], last: Mapping[str, str | None], underway: Collection[str] = ()
) -> tuple[Reached, ...]:
    """Where people stop.

    Args:
        tasks: In their order.
        last: For each person the task at which they stopped, or are; None for those who are through.
        underway: Those who are still at it.
    """
    place = {task: number for number, task in enumerate(tasks)}
    stands = {person: place[task] for person, task in last.items() if task is not None}
    found = []
    for number, task in enumerate(tasks):
        here = [person for person, stand in stands.items() if stand == number]
        still = sum(person in underway for person in here)
        began = len(last) - sum(stand < number for stand in stands.values())
        found.append(Reached(task, began, len(here) - still, still))
    return tuple(found)
