"""Settings in which nothing is limited but what a test is about."""

from __future__ import annotations

from pipelines.settings import Settings

_NONE = {
    "portraits_per_minute": 0,
    "portraits_per_hour": 0,
    "portraits_per_hour_per_address": 0,
    "consents_per_hour_per_address": 0,
    "refusals_per_hour": 0,
}


def limited_by(**values: int) -> Settings:
    """These limits and no others."""
    return Settings.model_validate({**_NONE, **values})
