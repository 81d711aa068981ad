"""The line before the engine: bounded, first come first served, and everybody in it knows place and wait.

One portrait is made at a time. Whoever joins gets a ticket; the ticket says how many are ahead and how long that will
take, judged by what earlier portraits took, and it can be given back at any time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from languages.saying import say, say_many
from pipelines.errors import EngineBusy

MAX_WAITING = 64
_EACH = 4  # in line at once for one visitor
_NEWEST = 0.3  # weight of the newest measurement in the exponentially weighted mean


@dataclass(frozen=True)
class Place:
    """Where somebody stands in the line.

    Attributes:
        position: 1 for who is served next.
        seconds: Until the turn comes; None where nothing has been measured yet.
    """

    position: int
    seconds: float | None


class Ticket:
    """One request's place in the line. As a context manager it leaves the line at the end.

    Attributes:
        owner: Whose it is.
        turn_since: When its turn came, on the line's clock; None while it waits.
    """

    def __init__(self, line: WaitingLine, owner: str, model_id: str, portraits: int) -> None:
        self._line = line
        self.owner = owner
        self.model_id = model_id
        self.portraits = portraits
        self.turn_since: float | None = None
        self.turn = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Wait for the turn, so long at most. Returns whether it has come."""
        return self.turn.wait(seconds)

    @property
    def place(self) -> Place | None:
        """Where it stands; None once its turn has come or it has left."""
        return self._line.place_of(self)

    @property
    def holds(self) -> bool:
        """Whether it is this one's turn: not yet over, and not taken away."""
        return self._line.serves(self)

    def leave(self, *, finished: bool = False) -> None:
        """Leave the line, or let the next one have its turn. Doing it twice is no error.

        Args:
            finished: All portraits were made, so that the time taken counts for the estimates.
        """
        self._line.leave(self, finished=finished)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(finished=error is None)


class WaitingLine:
    """First come, first served, one at a time. Safe for many threads.

    Args:
        limit: How many may wait besides the one that is served; at least 1.
        each: How many of these may belong to one owner.
        clock: Seconds that never go back.
    """

    def __init__(
        self, limit: int = MAX_WAITING, *, each: int = _EACH, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit = limit
        self._each = each
        self._clock = clock
        self._served: Ticket | None = None
        self._waiting: list[Ticket] = []
        self._seconds: dict[str, float] = {}  # by model, for one portrait
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def join(self, owner: str, model_id: str, portraits: int) -> Ticket:
        """Stand at the end of the line.

        Args:
            owner: Whose request it is; an empty one is the studio's own and is never refused.
            portraits: How many pictures will be made in one turn.

        Raises:
            EngineBusy: The line is full, or too much of it is this owner's; the hint says when to come back.
        """
        ticket = Ticket(self, owner, model_id, portraits)
        with self._lock:
            if owner:
                self._refuse(owner)
            self._waiting.append(ticket)
            self._advance()
        return ticket

    def place_of(self, ticket: Ticket) -> Place | None:
        """See Ticket.place."""
        with self._lock:
            if ticket not in self._waiting:
                return None
            position = self._waiting.index(ticket)
            return Place(position + 1, self._until(position))

    def serves(self, ticket: Ticket) -> bool:
        """See Ticket.holds."""
        return self._served is ticket

    def leave(self, ticket: Ticket, *, finished: bool) -> None:
        """See Ticket.leave."""
        with self._lock:
            if ticket is self._served:
                if finished and ticket.turn_since is not None:
                    self._learn(ticket, self._clock() - ticket.turn_since)
                self._served = None
                self._advance()
            elif ticket in self._waiting:
                self._waiting.remove(ticket)

    def _advance(self) -> None:
        if self._served is None and self._waiting:
            self._served = self._waiting.pop(0)
            self._served.turn_since = self._clock()
            self._served.turn.set()

    def _refuse(self, owner: str) -> None:
        mine = [ticket for ticket in (self._served, *self._waiting) if ticket is not None and ticket.owner == owner]
        if len(mine) >= self._each:
            raise EngineBusy(
                say("{number} of your requests are in line already; wait for one of them.", number=len(mine))
            )
        if len(self._waiting) >= self.limit:
            seconds = self._until(1)  # by then, somebody who waits now is being served and there is room
            # Translators: about when to try again
            when = say("in a moment") if seconds is None else say("in {duration}", duration=duration(seconds))
            count = len(self._waiting)
            raise EngineBusy(
                say_many(
                    "The line is full, {count} visitor is waiting; nothing of yours is lost, so try again {when}.",
                    "The line is full, {count} visitors are waiting; nothing of yours is lost, so try again {when}.",
                    count,
                    when=when,
                )
            )

    def _until(self, position: int) -> float | None:
        """Seconds until those being served and the first `position` of the line are done."""
        total = 0.0
        if self._served is not None and self._served.turn_since is not None:
            expected = self._expected(self._served)
            if expected is None:
                return None
            total += max(0.0, expected - (self._clock() - self._served.turn_since))
        for ticket in self._waiting[:position]:
            expected = self._expected(ticket)
            if expected is None:
                return None
            total += expected
        return total

    def _expected(self, ticket: Ticket) -> float | None:
        each = self._seconds.get(ticket.model_id)
        return None if each is None else each * ticket.portraits

    def _learn(self, ticket: Ticket, seconds: float) -> None:
        if ticket.portraits < 1:  # nothing was made, as in warming up
            return
        each, known = seconds / ticket.portraits, self._seconds.get(ticket.model_id)
        self._seconds[ticket.model_id] = each if known is None else known + _NEWEST * (each - known)


def duration(seconds: float) -> str:
    """About how long, in words: "about 12 s", "about 3 min". Coarser where it is longer."""
    if seconds < 90:
        whole = max(1, math.ceil(seconds)) if seconds < 10 else round(seconds)
        # Translators: seconds, short
        return say("about {seconds} s", seconds=5 * round(seconds / 5) if seconds >= 20 else whole)
    # Translators: minutes, short
    return say("about {minutes} min", minutes=round(seconds / 60))
