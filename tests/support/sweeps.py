"""Sweeps over styles, formats, sizes: a few cases in `make test`, all of them in `make test-all`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest

from pipelines.presets.loading import Presets, load_presets


@cache
def project_presets() -> Presets:
    """The project's presets, read once for all that only look at them."""
    return load_presets()


def sweep(values: Iterable[Any], few: int = 3, *, several: bool = False) -> list[Any]:
    """Values for `pytest.mark.parametrize`: all but `few` of them, spread over the list, are marked slow.

    Args:
        several: Whether each value is a tuple, for several names.
    """
    every = [one if several else (one,) for one in values]
    quick = {round(place * (len(every) - 1) / max(1, few - 1)) for place in range(few)}
    slow = pytest.mark.slow
    return [pytest.param(*one, marks=() if number in quick else slow) for number, one in enumerate(every)]
