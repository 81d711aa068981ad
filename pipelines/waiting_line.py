"""The line before the engines: bounded, fair between visitors, and everybody in it knows place and wait.

Each device of the machine makes one portrait at a time. Whoever joins gets a ticket; the ticket says how many are ahead
and how long that will take (`pipelines.waiting_times`), and it can be given back at any time.

Who is next: each visitor's requests stand one behind the other on a common scale of portraits, from where the line is
now (start-time fair queueing, Goyal, Vin and Cheng 1997). So whoever asks for much is served between the others, and of
those who ask for as much, whoever came first. Where they are served: `WaitingLine._device_for`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType

from languages.saying import say, say_many
from pipelines.errors import Cancelled, EngineBusy
from pipelines.waiting_times import WaitingTimes, duration

MAX_WAITING = 64
_EACH = 4  # in line at once for one visitor
_LOOK_SECONDS = 0.25  # so soon a cancelled request leaves the line
_OUT_SECONDS = 600.0  # after a device failed, until it is tried again

Has = Callable[[str], bool]


def has_nothing(_model_id: str) -> bool:
    """Of a device on which no models are loaded."""
    return False


@dataclass(frozen=True)
class Place:
    """Where somebody stands in the line.

    Attributes:
        position: 1 for who is served next.
        seconds: Until the turn comes; None where nothing has been measured yet.
    """

    position: int
    seconds: float | None


@dataclass
class _Device:
    """What the line knows of one device.

    Attributes:
        has: Whether a model's weights are loaded there.
        room: How many are served there at a time.
        back_at: When it is tried again after a failure, on the line's clock.
        used_at: When somebody last had a turn there.
    """

    name: str
    has: Has = has_nothing
    room: int = 1
    served: list[Ticket] = field(default_factory=list)
    back_at: float = -math.inf
    used_at: float = -math.inf

    @property
    def is_free(self) -> bool:
        return len(self.served) < self.room


class Ticket:
    """One request's place in the line. As a context manager it leaves the line at the end.

    Attributes:
        owner: Whose it is.
        only: Names of the devices that can do it; None for all.
        device: Where its turn is; "" while it waits.
        joined_at: When it came into the line, on the line's clock.
        turn_since: When its turn came, on the same clock; None while it waits.
    """

    def __init__(
        self, line: WaitingLine, owner: str, model_id: str, portraits: int, only: frozenset[str] | None = None
    ) -> None:
        self._line = line
        self.owner = owner
        self.model_id = model_id
        self.portraits = portraits
        self.only = only
        self.start = 0.0  # on the scale of portraits; see the module
        self.tried: set[str] = set()  # devices that failed at it
        self.device = ""
        self.was_loaded = False  # its models, when its turn came
        self.joined_at = 0.0
        self.turn_since: float | None = None
        self.turn = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Wait for the turn, so long at most. Returns whether it has come."""
        return self.turn.wait(seconds)

    def until_turn(self, go_on: Callable[[], bool]) -> Iterator[None]:
        """Wait for the turn; yields a few times a second until it has come, and not at all where it has.

        Raises:
            Cancelled: `go_on` said no.
        """
        while not self.turn.is_set():
            if not go_on():
                raise Cancelled(say("Stopped before it began."))
            yield
            self.wait(_LOOK_SECONDS)

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

    def elsewhere(self) -> bool:
        """Go to the front of the line, for a device that has not failed at it; its own is out for a while.

        Returns:
            Whether there is one. Where there is none nothing changes.
        """
        return self._line.elsewhere(self)

    def __enter__(self) -> Ticket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(finished=error is None)


class WaitingLine:
    """Fair between visitors, one at a time on each device. Safe for many threads.

    Args:
        limit: How many may wait besides those that are served; at least 1.
        each: How many of these may belong to one owner.
        clock: Seconds that never go back.
        devices: Names, and what is loaded there; asked with the line's lock held. Left out, one without a name.
    """

    def __init__(
        self,
        limit: int = MAX_WAITING,
        *,
        each: int = _EACH,
        clock: Callable[[], float] = time.monotonic,
        devices: Mapping[str, Has] | None = None,
    ) -> None:
        self.limit = limit
        self._each = each
        self._clock = clock
        self._devices = {name: _Device(name, has) for name, has in (devices or {"": has_nothing}).items()}
        self._waiting: list[Ticket] = []
        self._reached = 0.0  # how far the line is on the scale of portraits
        self._asked: dict[str, float] = {}  # by owner: how far its requests reach on it
        self._times = WaitingTimes()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the devices."""
        return tuple(self._devices)

    def at_work(self) -> dict[str, tuple[int, int]]:
        """Of each device how many are served there now, and how many can be."""
        with self._lock:
            return {name: (len(device.served), device.room) for name, device in self._devices.items()}

    def room(self, only: frozenset[str] | None = None) -> int:
        """How many are served at a time on some of the devices; None for all."""
        with self._lock:
            return sum(one.room for one in self._devices.values() if only is None or one.name in only)

    def open(self, name: str, has: Has = has_nothing, *, room: int = 1) -> None:
        """One more device.

        Args:
            room: How many are served there at a time.
        """
        with self._lock:
            self._devices[name] = _Device(name, has, room)
            self._advance()

    def join(self, owner: str, model_id: str, portraits: int, only: frozenset[str] | None = None) -> Ticket:
        """Stand in the line, behind the owner's earlier requests and those of others that came before.

        Args:
            owner: Whose request it is; an empty one is the studio's own and is never refused.
            portraits: How many pictures will be made in one turn.
            only: Names of the devices that can make them; None for all.

        Raises:
            EngineBusy: The line is full, or too much of it is this owner's; the hint says when to come back.
        """
        ticket = Ticket(self, owner, model_id, portraits, only)
        with self._lock:
            ticket.joined_at = self._clock()
            ticket.start = self._reached
            if owner:
                self._refuse(owner)
                ticket.start = max(self._reached, self._asked.get(owner, 0.0))
                self._asked[owner] = ticket.start + portraits
            self._waiting.append(ticket)
            self._advance()
        return ticket

    def place_of(self, ticket: Ticket) -> Place | None:
        """See Ticket.place."""
        with self._lock:
            self._advance()  # a device may have come back, or be late
            if ticket not in self._waiting:
                return None
            position = self._in_order().index(ticket)
            return Place(position + 1, self._until(position))

    def serves(self, ticket: Ticket) -> bool:
        """See Ticket.holds."""
        with self._lock:
            return self._device_of(ticket) is not None

    def leave(self, ticket: Ticket, *, finished: bool) -> None:
        """See Ticket.leave."""
        with self._lock:
            device = self._device_of(ticket)
            if device is not None:
                if finished:
                    self._times.learn(ticket, self._taken(ticket), was_loaded=ticket.was_loaded)
                device.served.remove(ticket)
                device.used_at = self._clock()
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
                self._hand_back(ticket)
            self._advance()

    def elsewhere(self, ticket: Ticket) -> bool:
        """See Ticket.elsewhere."""
        with self._lock:
            failed = self._device_of(ticket)
            if failed is None or not any(one.name not in ticket.tried | {failed.name} for one in self._able(ticket)):
                return False
            failed.served.remove(ticket)
            failed.back_at = self._clock() + _OUT_SECONDS
            ticket.tried.add(failed.name)
            ticket.device, ticket.turn_since, ticket.start = "", None, -math.inf
            ticket.turn.clear()
            self._waiting.append(ticket)
            self._advance()
            return True

    def bring_back(self, name: str) -> None:
        """Give work again to a device that was out."""
        with self._lock:
            self._devices[name].back_at = -math.inf
            self._advance()

    # --- who is next, and where ---

    def _in_order(self) -> list[Ticket]:
        return sorted(self._waiting, key=lambda ticket: ticket.start)  # of equals the one that came first

    def _advance(self) -> None:
        """Give a turn to everybody, in the order of the line, for whom there is a device now."""
        held: dict[str, float] = {}
        for ticket in self._in_order():
            device = self._device_for(ticket, held)
            if device is not None:
                self._waiting.remove(ticket)
                self._reached = max(self._reached, ticket.start)
                device.served.append(ticket)
                device.used_at = self._clock()
                ticket.device, ticket.was_loaded = device.name, device.has(ticket.model_id)
                ticket.turn_since = self._clock()
                ticket.turn.set()
        self._asked = {owner: reach for owner, reach in self._asked.items() if reach > self._reached}
        if not self._waiting and not any(device.served for device in self._devices.values()):
            self._asked, self._reached = {}, 0.0  # nobody owes anybody anything

    def _device_for(self, ticket: Ticket, held: dict[str, float]) -> _Device | None:
        """Where a request goes now; None where it waits.

        To a free device that has its models loaded. Else, where a busy one has them and will be free before they could
        be loaded elsewhere, it waits for that one, and those behind it go on. Else to the free device that was used the
        longest time ago, whose models are the least likely to be asked for.

        Args:
            held: Seconds of work, by device, for which others ahead wait already; grows by this one's.
        """
        able = self._able(ticket)
        free = [device for device in able if device.is_free]
        loaded = [device for device in free if device.has(ticket.model_id)]
        if free and not loaded:
            for device in able:
                left = self._free_in(device) if device.has(ticket.model_id) else None
                if left is not None and left + held.get(device.name, 0.0) < self._times.loading(ticket):
                    held[device.name] = held.get(device.name, 0.0) + (self._times.expected(ticket) or 0.0)
                    return None
        return min(loaded or free, key=lambda device: device.used_at, default=None)

    def _able(self, ticket: Ticket) -> list[_Device]:
        """The devices that can do a request: not those that failed at it, nor those that are out unless all are."""
        known = self._devices.values()
        able = [
            one for one in known if (ticket.only is None or one.name in ticket.only) and one.name not in ticket.tried
        ]
        return [one for one in able if one.back_at <= self._clock()] or able

    def _device_of(self, ticket: Ticket) -> _Device | None:
        return next((device for device in self._devices.values() if ticket in device.served), None)

    def _hand_back(self, ticket: Ticket) -> None:
        """Somebody left before the turn: the owner's later requests move up."""
        if ticket.tried:  # it had its turn
            return
        if ticket.owner in self._asked:
            self._asked[ticket.owner] -= ticket.portraits
        for later in self._waiting:
            if later.owner == ticket.owner and later.start > ticket.start:
                later.start -= ticket.portraits

    def _refuse(self, owner: str) -> None:
        served = [ticket for device in self._devices.values() for ticket in device.served]
        mine = [ticket for ticket in (*served, *self._waiting) if ticket.owner == owner]
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

    # --- how long it takes ---

    def _until(self, position: int) -> float | None:
        """Seconds until who stands there, 0 being the next, has a turn."""
        free_in: list[tuple[str, float | None]] = []
        for device in self._devices.values():
            if device.is_free:
                left: list[float | None] = [0.0]
            else:
                left = [self._times.left(ticket, self._taken(ticket)) for ticket in device.served]
            if device.back_at <= self._clock() or len(self._devices) == 1:
                free_in += [(device.name, one) for one in left]
        order = self._in_order()
        return self._times.until(free_in, order[:position], order[position] if position < len(order) else None)

    def _free_in(self, device: _Device) -> float | None:
        """Seconds until somebody's turn there is over; None where that is not known, or was known and is past."""
        on_time = [one for one in device.served if not self._times.is_late(one, self._taken(one))]
        left = [self._times.left(one, self._taken(one)) for one in on_time]
        return min((one for one in left if one is not None), default=None)

    def _taken(self, ticket: Ticket) -> float:
        return 0.0 if ticket.turn_since is None else self._clock() - ticket.turn_since
