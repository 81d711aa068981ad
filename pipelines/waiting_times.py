"""How long turns take, judged by what earlier ones took, and when those who wait will have theirs; in words, too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from languages.saying import say

_NEWEST = 0.3  # weight of the newest measurement in the exponentially weighted mean
_LATE = 1.5  # times what was expected: who takes longer is not waited for any more


class Work(Protocol):
    """What is made in one turn.

    Attributes:
        model_id: Of the engine.
        portraits: How many pictures.
        only: Names of the devices that can do it; None for all.
    """

    @property
    def model_id(self) -> str: ...

    @property
    def portraits(self) -> int: ...

    @property
    def only(self) -> frozenset[str] | None: ...


class WaitingTimes:
    """What was measured, by model. All times are in seconds, and None where nothing was measured yet."""

    def __init__(self) -> None:
        self._warm: dict[str, float] = {}  # for one portrait, where the models were loaded
        self._first: dict[str, tuple[float, int]] = {}  # for all portraits of a turn in which they had to be

    def learn(self, work: Work, seconds: float, *, was_loaded: bool) -> None:
        """A turn is over in which everything was made.

        Args:
            was_loaded: Its models, when the turn came.
        """
        if work.portraits < 1:  # nothing was made, as in warming up
            return
        if not was_loaded:
            self._first[work.model_id] = (seconds, work.portraits)
            return
        each, known = seconds / work.portraits, self._warm.get(work.model_id)
        self._warm[work.model_id] = each if known is None else known + _NEWEST * (each - known)

    def expected(self, work: Work) -> float | None:
        """How long a turn takes; rather too long than unknown."""
        each = self._warm.get(work.model_id)
        if each is None and work.model_id in self._first:
            seconds, portraits = self._first[work.model_id]
            each = seconds / portraits
        return None if each is None else each * work.portraits

    def loading(self, work: Work) -> float:
        """How long it takes to load its models; 0 where that was not measured yet."""
        first, each = self._first.get(work.model_id), self._warm.get(work.model_id)
        return 0.0 if first is None or each is None else max(0.0, first[0] - each * first[1])

    def left(self, work: Work, taken: float) -> float | None:
        """How long a turn goes on that has taken so long, 0 for one that should be over."""
        expected = self.expected(work)
        return None if expected is None else max(0.0, expected - taken)

    def is_late(self, work: Work, taken: float) -> bool:
        """Whether a turn that has taken so long takes far longer than expected, so that nobody should count on it."""
        expected = self.expected(work)
        return expected is not None and taken > _LATE * expected

    def until(
        self, free_in: Sequence[tuple[str, float | None]], ahead: Sequence[Work], who: Work | None
    ) -> float | None:
        """How long until somebody has a turn, where each in the line goes to the device that is free first.

        Args:
            free_in: The devices' names, once for each place there, and how long until it is free.
            ahead: Who is served before, in this order.
            who: Whose turn it is then; None for somebody who can go to any device.

        Returns:
            None also where no device of `free_in` can do one of them.
        """
        places = [(name, seconds) for name, seconds in free_in if seconds is not None]
        if len(places) < len(free_in):
            return None
        for work in ahead:
            first, expected = _first_free(places, work), self.expected(work)
            if first is None or expected is None:
                return None
            name, seconds = places[first]
            places[first] = (name, seconds + expected)
        first = _first_free(places, who)
        return None if first is None else places[first][1]


def _first_free(places: Sequence[tuple[str, float]], work: Work | None) -> int | None:
    """Which place is free first of those that can do it."""
    able = [
        (seconds, number)
        for number, (name, seconds) in enumerate(places)
        if work is None or work.only is None or name in work.only
    ]
    return min(able, default=(0.0, None))[1]


def duration(seconds: float) -> str:
    """About how long, in words: "about 12 s", "about 3 min". Coarser where it is longer."""
    if seconds < 90:
        whole = max(1, math.ceil(seconds)) if seconds < 10 else round(seconds)
        # Translators: seconds, short
        return say("about {seconds} s", seconds=5 * round(seconds / 5) if seconds >= 20 else whole)
    # Translators: minutes, short
    return say("about {minutes} min", minutes=round(seconds / 60))
