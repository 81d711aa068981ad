"""Who goes first on a machine of few cores: what somebody waits for, before what is made in passing.

Pictures made in passing, the tiles of the picker, stop between two steps for as long as a live picture or a portrait is
being made, for whichever visitor. They do not stop for ever: in a crowd somebody always waits for something.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.05  # so soon work in passing hears that nobody wants it any more
_MOST_SECONDS = 1.0  # a step of some 20 ms a second takes a core 2 % of its time


class Precedence:
    """Shared by all that work on one machine. Safe for many threads.

    Args:
        most: How many seconds one step in passing waits, at most.
        clock: Seconds that never go back.
    """

    def __init__(self, most: float = _MOST_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._awaited = 0
        self._changed = threading.Condition()

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Around work that somebody waits for."""
        with self._changed:
            self._awaited += 1
        try:
            yield
        finally:
            with self._changed:
                self._awaited -= 1
                self._changed.notify_all()

    def give_way(self, unwanted: Callable[[], bool]) -> bool:
        """Wait until nobody waits for anything, between two steps of work in passing.

        Args:
            unwanted: Whether the work is for nothing now; asked while waiting, too.

        Returns:
            Whether to go on.
        """
        until = self._clock() + self._most
        with self._changed:
            while self._awaited and not unwanted() and self._clock() < until:
                self._changed.wait(_LOOK_SECONDS)
        return not unwanted()
