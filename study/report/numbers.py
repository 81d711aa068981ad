"""How numbers are written in reports."""

from __future__ import annotations

import math
from datetime import date, datetime

from study.statistics.resampling import Interval
from study.statistics.summaries import Quartiles


def number(value: float | None, digits: int = 2) -> str:
    """With a real minus; "not defined" where there is none."""
    if value is None or not math.isfinite(value):
        return "not defined"
    return f"{value:.{digits}f}".replace("-", "−")


def interval(value: Interval | None, digits: int = 2) -> str:
    """An estimate with its interval."""
    if value is None:
        return "not defined"
    if not math.isfinite(value.low):
        return f"{number(value.estimate, digits)} (no interval)"
    return f"{number(value.estimate, digits)} [{number(value.low, digits)}, {number(value.high, digits)}]"


def with_interval(what: str, level: float) -> str:
    """The head of a column in which intervals stand behind estimates."""
    return f"{what} [{100 * level:g} % interval]"


def chance(p: float | None) -> str:
    """A p value."""
    if p is None:
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def equals(p: float | None) -> str:
    """A p value within a sentence, behind "p"."""
    words = chance(p)
    return words if words.startswith(("<", "–")) else f"= {words}"


def spread(values: Quartiles) -> str:
    """Median with quartiles."""
    return "–" if not values.n else f"{number(values.median, 1)} ({number(values.low, 1)} to {number(values.high, 1)})"


def percent(share: float) -> str:
    """A share of 0 to 1."""
    return "not defined" if not math.isfinite(share) else f"{100 * share:.0f} %"


def day(when: date) -> str:
    """A day, or that of a moment."""
    return f"{when.day} {when:%B %Y}"


def moment(when: datetime) -> str:
    """A day with its time, of a moment in UTC."""
    return f"{day(when)}, {when:%H:%M} UTC"
