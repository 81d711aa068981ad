"""What a participant's page sends, as it is stored: checked against the question, and times bounded."""

from __future__ import annotations

import math

from languages.saying import say
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
        raise StudyError(say("Answer the question first."))
    if asked.kind == "likert":
        if not text.isdecimal() or not 1 <= int(text) <= asked.points:
            raise StudyError(say("Choose a number from 1 to {points}.", points=asked.points))
        return str(int(text))
    if asked.kind == "choice":
        if not text.isdecimal() or int(text) >= len(asked.options):
            raise StudyError(say("Choose one of the answers."))
        return asked.options[int(text)].id
    if asked.kind == "number":
        return _number(asked, text)
    most = int(asked.most or 4000)
    if len(text) > most:
        raise StudyError(say("Shorten this to {most} characters.", most=most))
    return text


def _number(asked: Question, text: str) -> str:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    least, most = asked.least, asked.most
    if not math.isfinite(number) or (least is not None and number < least) or (most is not None and number > most):
        raise StudyError(_bounds(least, most))
    return f"{number:.10g}"


def _bounds(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return say("Enter a number from {least:g} to {most:g}.", least=least, most=most)
    if least is not None:
        return say("Enter a number of at least {least:g}.", least=least)
    if most is not None:
        return say("Enter a number of at most {most:g}.", most=most)
    return say("Enter a number.")


def milliseconds(value: object) -> float:
    """A time of the page's clock, bounded: the page is the participant's."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return min(max(0.0, float(value)), _MOST_MS)
    return 0.0
