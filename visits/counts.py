"""What was counted within the last hour, by key: in this process' memory, or in the register of several fronts."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, delete, func, insert, select

from study.register import Register
from study.register import counts as table

HOUR = 3600.0
_MAX_KEYS = 20_000  # in memory; the quietest are forgotten first
_NOW = func.extract("epoch", func.clock_timestamp())


class Counted(NamedTuple):
    """One event."""

    at: float
    many: int


class Ledger(Protocol):
    """The counts of some keys, while nobody else changes them.

    Attributes:
        now: Seconds, on the clock of the counts.
    """

    now: float

    def recent(self, key: bytes) -> list[Counted]:
        """What was counted within the last hour, the oldest first."""
        ...

    def count(self, key: bytes, many: int) -> None:
        """Count so many, now."""
        ...

    def take_out(self, key: bytes, at: float, many: int) -> None:
        """Take out one that was counted then; that it is gone already is no error."""
        ...


class Counts(Protocol):
    """Counts by key. A register that does not answer raises RegisterAway."""

    def hashed(self, kind: str, who: str) -> bytes:
        """The key under which somebody is counted for a kind of thing."""
        ...

    def open(self, keys: Iterable[bytes]) -> AbstractContextManager[Ledger]:
        """The counts of these keys. An error inside leaves nothing counted in a register."""
        ...

    def sweep(self) -> None:
        """Delete what is older than an hour."""
        ...


class MemoryCounts:
    """In this process. See Counts. Safe for many threads.

    Args:
        clock: Answers seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._salt = secrets.token_bytes(32)
        self._events: OrderedDict[bytes, deque[Counted]] = OrderedDict()
        self._lock = threading.Lock()
        self.now = 0.0

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._events)

    def hashed(self, kind: str, who: str) -> bytes:
        """See Counts."""
        return hashlib.blake2b(f"{kind}\0{who}".encode(), key=self._salt, digest_size=16).digest()

    @contextlib.contextmanager
    def open(self, keys: Iterable[bytes]) -> Iterator[Ledger]:
        """See Counts."""
        with self._lock:
            self.now = self._clock()
            yield self

    def recent(self, key: bytes) -> list[Counted]:
        """See Ledger."""
        return [one for one in self._events.get(key, ()) if self.now - one.at < HOUR]

    def count(self, key: bytes, many: int) -> None:
        """See Ledger."""
        events = self._events.setdefault(key, deque())
        events.append(Counted(self.now, many))
        self._events.move_to_end(key)
        while events and self.now - events[0].at >= HOUR:
            events.popleft()
        self._forget()

    def take_out(self, key: bytes, at: float, many: int) -> None:
        """See Ledger."""
        events = self._events.get(key)
        if events is None:
            return
        with contextlib.suppress(ValueError):  # older than an hour
            events.remove(Counted(at, many))
        if not events:
            del self._events[key]

    def sweep(self) -> None:
        """See Counts."""
        with self._lock:
            self.now = self._clock()
            self._forget()

    def _forget(self) -> None:
        while self._events:  # quietest first: whoever was last counted an hour ago is forgotten
            quietest = next(iter(self._events))
            if self.now - self._events[quietest][-1].at < HOUR and len(self._events) <= _MAX_KEYS:
                break
            del self._events[quietest]


class SharedCounts:
    """In a register, on its clock, so that those of the fronts may differ. See Counts. Safe for many threads."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def hashed(self, kind: str, who: str) -> bytes:
        """See Counts."""
        return self._register.hashed(kind, who)

    @contextlib.contextmanager
    def open(self, keys: Iterable[bytes]) -> Iterator[Ledger]:
        """See Counts."""
        wanted = sorted(set(keys))
        with self._register.transaction() as connection:
            for key in wanted:  # always in this order, so that two requests never wait for each other
                connection.execute(select(func.pg_advisory_xact_lock(_number(key))))
            yield _SharedLedger(connection, wanted)

    def sweep(self) -> None:
        """See Counts."""
        with self._register.transaction() as connection:
            connection.execute(delete(table).where(table.c.at < _NOW - HOUR))


class _SharedLedger:
    """See Ledger. What was counted is read once, when the keys are locked."""

    def __init__(self, connection: Connection, keys: list[bytes]) -> None:
        self._connection = connection
        self.now = float(connection.execute(select(_NOW)).scalar_one())
        mine = select(table.c.key, table.c.at, table.c.many).where(table.c.key.in_(keys), table.c.at > self.now - HOUR)
        self._events: dict[bytes, list[Counted]] = {key: [] for key in keys}
        for row in connection.execute(mine.order_by(table.c.at, table.c.id)):
            self._events[bytes(row.key)].append(Counted(row.at, row.many))

    def recent(self, key: bytes) -> list[Counted]:
        return self._events[key]

    def count(self, key: bytes, many: int) -> None:
        self._connection.execute(insert(table).values(key=key, at=self.now, many=many))
        self._events[key].append(Counted(self.now, many))

    def take_out(self, key: bytes, at: float, many: int) -> None:
        one = select(table.c.id).where(table.c.key == key, table.c.at == at, table.c.many == many).limit(1)
        self._connection.execute(delete(table).where(table.c.id.in_(one.scalar_subquery())))
        with contextlib.suppress(ValueError):
            self._events[key].remove(Counted(at, many))


def _number(key: bytes) -> int:
    """What PostgreSQL locks: 64 bits. Two keys that share one wait for each other now and then, no more."""
    return int.from_bytes(key[:8], "big", signed=True)
