"""A dataset whose conditions have letters instead of names, for a researcher who must not know yet which is which."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from string import ascii_lowercase

from study.analysis.settings import AnalysisSettings
from study.dataset import Dataset


def letters(data: Dataset) -> dict[str, str]:
    """Condition to letter, in an order that follows from the frozen hash and tells nothing."""

    def place(condition: str) -> bytes:
        return hashlib.sha256(f"{data.sha256} blind {condition}".encode()).digest()

    order = sorted((one.id for one in data.plan.conditions), key=place)
    return dict(zip(order, ascii_lowercase, strict=False))


def blinded(data: Dataset, settings: AnalysisSettings) -> tuple[Dataset, AnalysisSettings]:
    """The dataset and the settings with letters. What could tell a condition otherwise is left out: texts and files."""
    name = letters(data)
    conditions = sorted(
        (
            one.model_copy(update={"id": name[one.id], "style": "hidden", "scene": "hidden"})
            for one in data.plan.conditions
        ),
        key=lambda one: one.id,
    )
    hidden = replace(
        data,
        plan=data.plan.model_copy(update={"conditions": tuple(conditions)}),
        study_text="",
        analysis_text="",
        portraits=tuple(replace(one, condition=name[one.condition]) for one in data.portraits),
        ratings=tuple(replace(one, condition=name[one.condition]) for one in data.ratings),
        choices=tuple(replace(one, left=name[one.left], right=name[one.right]) for one in data.choices),
    )
    return hidden, settings.model_copy(update={"reference": name[settings.reference]})
