"""Who owns which session, and which events, uploads and folders belong to it."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

_MAX_SESSIONS = 50_000
_MAX_SESSIONS_EACH = 500
_MAX_THINGS = 256  # of one session
_LOOKS = 8  # at the oldest sessions for each new one, so that nobody waits for a long search


class Sender(NamedTuple):
    """Who sends a request.

    Attributes:
        words: The random words of a browser's cookies, the oldest first; one empty word for programs, which keep none.
        network: Where from, as `client_network` tells it.
    """

    words: tuple[str, ...]
    network: str = ""

    @property
    def counted_as(self) -> str:
        """What the sender's sessions are counted for: programs have no word, so their network has to do."""
        return self.words[0] or f"network {self.network}"

    def has(self, word: str) -> bool:
        """Whether a word is one of the sender's."""
        return any(_same(word, own) for own in self.words)


@dataclass
class _Held:
    word: str
    counted_as: str
    things: OrderedDict[str, None] = field(default_factory=OrderedDict)


class Owners:
    """Sessions and what belongs to them. The first who names a session owns it. Safe for many threads.

    The session that was not named for longest is forgotten first, but none that is in use; so the number may exceed the
    limits by the number of those.

    Args:
        in_use: Whether a session must not be forgotten.
        limit: How many sessions are remembered.
        each: How many of one sender, so that whoever names many forgets their own.
    """

    def __init__(
        self, in_use: Callable[[str], bool], limit: int = _MAX_SESSIONS, each: int = _MAX_SESSIONS_EACH
    ) -> None:
        self._in_use = in_use
        self._limit = limit
        self._each = each
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._names: dict[str, OrderedDict[str, None]] = {}  # of each sender
        self._session_of: dict[str, str] = {}
        self._lock = threading.Lock()

    def claim(self, session: str, sender: Sender) -> bool:
        """Whether it is this sender's; a session that is nobody's becomes theirs."""
        with self._lock:
            held = self._held.setdefault(session, _Held(sender.words[0], sender.counted_as))
            names = self._names.setdefault(held.counted_as, OrderedDict())
            names[session] = None
            names.move_to_end(session)
            self._held.move_to_end(session)
            self._trim(names, self._each, session)
            self._trim(self._held, self._limit, session)
        return sender.has(held.word)

    def give(self, session: str, thing: str) -> None:
        """Note what belongs to a session that was claimed; of very many things the oldest are forgotten."""
        with self._lock:
            held = self._held.get(session)
            if held is None or self._session_of.setdefault(thing, session) != session:
                return
            held.things[thing] = None
            held.things.move_to_end(thing)
            while len(held.things) > _MAX_THINGS:
                del self._session_of[held.things.popitem(last=False)[0]]

    def owns(self, thing: str, sender: Sender) -> bool:
        """Whether it belongs to a session of this sender's."""
        with self._lock:
            session = self._session_of.get(thing)
            held = self._held.get(session) if session is not None else None
        return held is not None and sender.has(held.word)

    def _trim(self, names: OrderedDict[str, _Held] | OrderedDict[str, None], limit: int, new: str) -> None:
        for _ in range(_LOOKS):
            oldest = next(iter(names))
            if len(names) <= limit or oldest == new:
                return
            if self._in_use(oldest):
                names.move_to_end(oldest)
            else:
                self._forget(oldest)

    def _forget(self, session: str) -> None:
        held = self._held.pop(session)
        for thing in held.things:
            del self._session_of[thing]
        names = self._names[held.counted_as]
        del names[session]
        if not names:
            del self._names[held.counted_as]


def _same(first: str, second: str) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    return secrets.compare_digest(first.encode("utf-8", "replace"), second.encode("utf-8", "replace"))
