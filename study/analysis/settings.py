"""What the frozen analysis plan fixes for the computations: the first block of TOML in its text.

    ```toml
    primary = ["pairs.more-me", "ratings.me"]   # the family of Holm's correction
    ridge = 0.01
    reference = "charcoal"                      # condition that others are compared with in models of ratings
    draws = 2000                                # of the bootstrap
    level = 0.95                                # of intervals
    blind = true                                # researchers see no condition's name until the study is revealed
    ```

Every key has a default, so a plan without a block is one too; then all outcomes are primary.
"""

from __future__ import annotations

import re
import tomllib
from typing import Annotated

from pydantic import Field, ValidationError

from pipelines.errors import StudyError
from pipelines.schema import Value
from study.plan.definition import StudyPlan
from study.statistics.pairs import DEFAULT_RIDGE

_BLOCK = re.compile(r"^```toml\s*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_SCALES = ("likert", "number")


class AnalysisSettings(Value):
    """See above.

    Attributes:
        primary: Outcomes, as "ratings.<question>" or "pairs.<question>".
        reference: Id of a condition.
    """

    primary: tuple[str, ...]
    ridge: float = Field(DEFAULT_RIDGE, ge=0.0, le=10.0)
    reference: str
    draws: int = Field(2000, ge=200, le=20_000, strict=True)
    level: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    blind: bool = Field(False, strict=True)


def outcomes_of(plan: StudyPlan) -> tuple[str, ...]:
    """All outcomes that can be analysed: pairs, and ratings on a scale."""
    pairs = tuple(f"pairs.{one.id}" for one in plan.pair_questions)
    return pairs + tuple(f"ratings.{one.id}" for one in plan.ratings if one.kind in _SCALES)


def read_settings(plan: StudyPlan, analysis: str) -> AnalysisSettings:
    """The settings of an analysis plan.

    Args:
        analysis: The plan's text.

    Raises:
        StudyError: The block is wrong; the hint says where.
    """
    known = outcomes_of(plan)
    match = _BLOCK.search(analysis)
    try:
        given = tomllib.loads(match[1]) if match else {}
        found = AnalysisSettings.model_validate({"primary": known, "reference": plan.conditions[-1].id, **given})
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"The toml block of {plan.analysis} is not valid TOML: {str(error).rstrip('.')}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise StudyError(f"The toml block of {plan.analysis}, field {field}: {first['msg']}.") from error
    if unknown := [one for one in found.primary if one not in known]:
        raise StudyError(f"{plan.analysis} names the outcome {unknown[0]}; choose of: {', '.join(known)}.")
    if found.reference not in [one.id for one in plan.conditions]:
        raise StudyError(f"{plan.analysis} names {found.reference} as reference, which is no condition of the study.")
    return found
