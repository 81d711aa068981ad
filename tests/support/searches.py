"""How many cases a search goes through: an eighth of them in `make test`, all of them in `make test-all`.

`--hypothesis-profile=full` asks for all, also where a search is not hypothesis's own.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings

settings.register_profile("fast", max_examples=12, deadline=None)
settings.register_profile("full", max_examples=100, deadline=None)
settings.load_profile("fast")  # the option is read later, and before any test is collected


def in_full() -> bool:
    """Whether all are asked for."""
    return settings().max_examples >= 100


def cases(full: int) -> int:
    """So many of them in this run."""
    return max(3, round(full * settings().max_examples / 100))


def search(full: int, **more: Any) -> settings:
    """Settings of a search with so many examples where all are asked for."""
    return settings(max_examples=cases(full), deadline=None, **more)
