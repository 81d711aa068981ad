"""How often one visitor may ask: portraits a minute and an hour, refused words an hour.

Counted in memory only, or over several fronts in the register that they share (`visits/counts.py`).

Sessions are made anew by opening another page, so portraits and refusals are also counted by network, more generously,
and so are new consents: many people can share one. Sessions and networks are remembered as keyed hashes, for an hour
at most.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from languages.saying import put_together, say, say_many
from pipelines.errors import RegisterAway, TooOften
from pipelines.settings import Settings
from visits.counts import HOUR, Counts, Ledger, MemoryCounts

log = logging.getLogger(__name__)

_MINUTE = 60.0
_LINKS_A_MINUTE, _LINKS_A_MINUTE_TOGETHER = 30, 120
_STUDIES_A_MINUTE, _STUDIES_A_MINUTE_TOGETHER = 120, 3000  # a class may take part behind one address
_ADDRESS_REFUSALS = 3  # times those of a session
_KEPT = say("Your photo and your choices are kept.")


class Admission(NamedTuple):
    """What was counted for one request."""

    keys: tuple[bytes, ...]
    at: float
    portraits: int


class _Limit(NamedTuple):
    """At most `most` of a kind for one key within the last `seconds`."""

    rule: str
    key: bytes
    most: int
    seconds: float


def _too_many_links(wait: str) -> str:
    return say("Too many links were opened from here just now. Try again in {in_words}.", in_words=wait)


def _too_many_studies(wait: str) -> str:
    return say("This study was opened too often from here just now. Try again in {in_words}.", in_words=wait)


class Limits:
    """Counts what visitors ask for. Safe for many threads.

    Args:
        settings: The limits; 0 is none.
        clock: Answers seconds that never go back.
        counts: Where it is counted; left out, in memory, by that clock. Where it is shared by fronts and does not
            answer, nothing that is limited is let through (RegisterAway).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.monotonic,
        counts: Counts | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._counts: Counts = counts if counts is not None else MemoryCounts(clock)

    def admit(self, session: str, network: str = "", *, portraits: int, words: bool = False) -> Admission:
        """Count a request, or refuse it and count nothing.

        Args:
            session: Who asks.
            network: Where from, as `client_network` tells it.
            portraits: How many are asked for; 0 asks only whether words may be read.
            words: Whether there are words of the visitor's own to be read.

        Returns:
            What was counted, for `give_back`.

        Raises:
            TooOften: A limit is reached; the hint says which, and when to try again.
        """
        refusals = self._refusal_limits(session, network) if words else []
        limits = self._portrait_limits(session, network)
        with self._counts.open(_keys([*refusals, *limits])) as ledger:
            for limit in refusals:
                wait = _wait(ledger, limit, 1)
                if wait > 0:
                    raise TooOften(
                        say(
                            "Words of yours were refused {most} times within an hour. Leave them empty, or try "
                            "again in {in_words}. {kept}",
                            most=limit.most,
                            in_words=_in_words(wait),
                            kept=_KEPT,
                        ),
                        seconds=wait,
                        rule=limit.rule,
                    )
            for limit in limits:
                wait = _wait(ledger, limit, portraits)
                if wait > 0:
                    raise TooOften(_portraits_hint(limit, wait), seconds=wait, rule=limit.rule)
            keys = _keys(limits) if portraits else ()
            for key in keys:
                ledger.count(key, portraits)
            return Admission(keys, ledger.now, portraits)

    def give_back(self, admission: Admission) -> None:
        """Take a request out of the count: no portrait came of it, and that was not the visitor's doing."""
        with _also_without_answer(), self._counts.open(admission.keys) as ledger:
            for key in admission.keys:
                ledger.take_out(key, admission.at, admission.portraits)

    def sweep(self) -> None:
        """Forget what is older than an hour."""
        with _also_without_answer():
            self._counts.sweep()

    def consented(self, network: str) -> None:
        """Count a new consent, or refuse it and count nothing. A network that cannot be told has no limit.

        Raises:
            TooOften: The network's limit is reached; the hint says when to try again.
        """
        most = self.settings.consents_per_hour_per_address
        if not network or not most:
            return
        limit = _Limit("consents-per-hour-per-address", self._counts.hashed("consents-network", network), most, HOUR)
        with self._counts.open([limit.key]) as ledger:
            wait = _wait(ledger, limit, 1)
            if wait > 0:
                raise TooOften(
                    say(
                        "Visitors from your network have begun as many visits as an hour allows ({most}). Try "
                        "again in {in_words}.",
                        most=most,
                        in_words=_in_words(wait),
                    ),
                    seconds=wait,
                    rule=limit.rule,
                )
            ledger.count(limit.key, 1)

    def link_asked(self, network: str) -> None:
        """Count a request for a one-time link, or refuse it and count nothing. Those whose network cannot be told, as
        phones in the kiosk's own network, are counted together.

        Raises:
            TooOften: Too many were asked for within a minute.
        """
        most = _LINKS_A_MINUTE if network else _LINKS_A_MINUTE_TOGETHER
        self._asked("links", network, most, _too_many_links)

    def study_asked(self, network: str) -> None:
        """Count somebody who opens a study, or tries a code to withdraw from one, or refuse and count nothing.

        Raises:
            TooOften: Too many came from there within a minute.
        """
        most = _STUDIES_A_MINUTE if network else _STUDIES_A_MINUTE_TOGETHER
        self._asked("studies", network, most, _too_many_studies)

    def _asked(self, kind: str, network: str, most: int, refusal: Callable[[str], str]) -> None:
        """Count one of a kind from a network, of which so many are let through in a minute."""
        limit = _Limit(f"{kind}-per-minute", self._counts.hashed(kind, network), most, _MINUTE)
        with self._counts.open([limit.key]) as ledger:
            wait = _wait(ledger, limit, 1)
            if wait > 0:
                raise TooOften(refusal(_in_words(wait)), seconds=wait, rule=limit.rule)
            ledger.count(limit.key, 1)

    def refused(self, session: str, network: str = "") -> None:
        """Count words that were refused."""
        keys = _keys(self._refusal_limits(session, network))
        with _also_without_answer(), self._counts.open(keys) as ledger:
            for key in keys:
                ledger.count(key, 1)

    def _portrait_limits(self, session: str, network: str) -> list[_Limit]:
        settings = self.settings
        mine = self._counts.hashed("portraits", session)
        limits = [
            _Limit("portraits-per-minute", mine, settings.portraits_per_minute, _MINUTE),
            _Limit("portraits-per-hour", mine, settings.portraits_per_hour, HOUR),
        ]
        if network:
            theirs = self._counts.hashed("portraits-network", network)
            most = settings.portraits_per_hour_per_address
            limits.append(_Limit("portraits-per-hour-per-address", theirs, most, HOUR))
        return [limit for limit in limits if limit.most]

    def _refusal_limits(self, session: str, network: str) -> list[_Limit]:
        most = self.settings.refusals_per_hour
        limits = [_Limit("refusals-per-hour", self._counts.hashed("refusals", session), most, HOUR)]
        if network:
            key = self._counts.hashed("refusals-network", network)
            limits.append(_Limit("refusals-per-hour-per-address", key, most * _ADDRESS_REFUSALS, HOUR))
        return [limit for limit in limits if limit.most]


def _keys(limits: Iterable[_Limit]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(limit.key for limit in limits))


@contextlib.contextmanager
def _also_without_answer() -> Iterator[None]:
    """Around counting after the fact: who is told what became of a request is not told of a count."""
    try:
        yield
    except RegisterAway:
        log.warning("a count was lost: the shared register does not answer")


def _wait(ledger: Ledger, limit: _Limit, count: int) -> float:
    """Seconds until `count` more would be within the limit; infinite where they never are."""
    if count > limit.most:
        return math.inf
    recent = [one for one in ledger.recent(limit.key) if ledger.now - one.at < limit.seconds]
    over = sum(one.many for one in recent) + count - limit.most
    wait = 0.0
    for one in recent:  # oldest first: each makes room when its time is over
        if over <= 0:
            break
        over -= one.many
        wait = one.at + limit.seconds - ledger.now
    return wait


def _portraits_hint(limit: _Limit, wait: float) -> str:
    if math.isinf(wait):
        return say(
            "Ask for fewer variations: {most} portraits are the most that one visitor can have at a time.",
            most=limit.most,
        )
    if limit.rule.endswith("address"):
        done = say(
            "Visitors from your network have made as many portraits as an hour allows ({most}).", most=limit.most
        )
    elif limit.seconds == _MINUTE:
        done = say("You have made as many portraits as a minute allows ({most}).", most=limit.most)
    else:
        done = say("You have made as many portraits as an hour allows ({most}).", most=limit.most)
    return put_together(done, say("Try again in {in_words}.", in_words=_in_words(wait)), _KEPT)


def _in_words(seconds: float) -> str:
    whole = max(1, math.ceil(seconds))
    if whole < 90:
        return say_many("{count} second", "{count} seconds", whole)
    return say_many("{count} minute", "{count} minutes", math.ceil(whole / 60))
