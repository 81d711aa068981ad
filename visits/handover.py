"""Portraits handed over to a phone: links are made for a visit's portraits, found by their word, and used once."""

from __future__ import annotations

import hmac
import threading

from languages.saying import say
from pipelines.errors import RequestInvalid
from visits.links import digest_of, new_link
from visits.open_visits import Visits
from visits.visit import KeptPortrait, Visit


class Handover:
    """One-time links over all open visits. Safe for many threads."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._lock = threading.Lock()

    def link(self, visit: Visit, portrait_id: str) -> str:
        """The word of a new one-time link to a portrait; an earlier one to the same portrait ends.

        Raises:
            RequestInvalid: The portrait is gone.
        """
        with self._lock:
            if visit.closed or visit.portrait(portrait_id) is None:
                raise RequestInvalid(say("This portrait has been deleted; create it again from its seed."))
            word, visit.links[portrait_id] = new_link()
        return word

    def linked(self, word: str, *, use: bool = False) -> KeptPortrait | None:
        """The portrait that a link leads to; None where it never did or does no more.

        Args:
            word: Of the link.
            use: The file is fetched over it: it works no second time, and of two at once only one gets the portrait.
        """
        digest = digest_of(word)
        with self._lock:
            for visit in self._visits.all_open():
                for portrait_id, link in visit.links.items():
                    if not hmac.compare_digest(link.digest, digest):
                        continue
                    kept = visit.portrait(portrait_id)
                    if visit.closed or kept is None or link.state() != "open" or not kept.portrait.path.exists():
                        return None
                    link.used, kept.downloaded = use, kept.downloaded or use
                    return kept
        return None
