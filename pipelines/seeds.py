"""Seeds of a request's pictures: the first, and those that follow it. After the last one comes 0."""

from __future__ import annotations

import math

from languages.saying import say
from pipelines.errors import RequestInvalid
from pipelines.schema import MAX_VARIATIONS

MAX_SEED = 2**32 - 1


def following(first: object, count: object) -> tuple[int, ...]:
    """`count` seeds from `first` on.

    Raises:
        RequestInvalid: Seed or count is no whole number or out of range.
    """
    number = variations(count)
    seed = whole(first, "seed")
    if not 0 <= seed <= MAX_SEED:
        raise RequestInvalid(say("Choose a seed from 0 to {max_seed}.", max_seed=MAX_SEED))
    return tuple((seed + offset) % (MAX_SEED + 1) for offset in range(number))


def variations(count: object) -> int:
    """How many pictures are wanted.

    Raises:
        RequestInvalid: It is no whole number or out of range.
    """
    number = whole(count, "variations")
    if not 1 <= number <= MAX_VARIATIONS:
        raise RequestInvalid(say("Choose one to {max_variations} variations.", max_variations=MAX_VARIATIONS))
    return number


def whole(value: object, name: str) -> int:
    """A number from the shell or a program that must be a whole one.

    Raises:
        RequestInvalid: It is not; the sentence has its name.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value % 1:
        raise RequestInvalid(say("Choose a whole number as {name}.", name=name))
    return int(value)
