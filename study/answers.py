"""What a participant's page sends, as it is stored: checked against the question, and times bounded."""

from __future__ import annotations

import math

from pipelines.errors import StudyError
from study.plan.definition import Question

_MOST_MS = 7 * 24 * 3600 * 1000.0


def value_of(asked: Question, value: object) -> str:
    """An answer as it is stored: a choice by its id, a number as short as it can be written.

    Raises:
        StudyError: It is none that the question allows.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        if asked.optional:
            return ""
        raise StudyError("Answer the question first.")
    if asked.kind == "likert":
        if not text.isdecimal() or not 1 <= int(text) <= asked.points:
            raise StudyError(f"Choose a number from 1 to {asked.points}.")
        return str(int(text))
    if asked.kind == "choice":
        if not text.isdecimal() or int(text) >= len(asked.options):
            raise StudyError("Choose one of the answers.")
        return asked.options[int(text)].id
    if asked.kind == "number":
        return _number(asked, text)
    most = int(asked.most or 4000)
    if len(text) > most:
        raise StudyError(f"Shorten this to {most} characters.")
    return text


def _number(asked: Question, text: str) -> str:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    least, most = asked.least, asked.most
    if not math.isfinite(number) or (least is not None and number < least) or (most is not None and number > most):
        bounds = [
            f"of at least {least:g}" if least is not None else "",
            f"of at most {most:g}" if most is not None else "",
        ]
        raise StudyError(f"Enter a number {' and '.join(one for one in bounds if one)}".strip() + ".")
    return f"{number:.10g}"


def milliseconds(value: object) -> float:
    """A time of the page's clock, bounded: the page is the participant's."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return min(max(0.0, float(value)), _MOST_MS)
    return 0.0
