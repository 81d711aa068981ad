"""The copies that a study keeps of visitors' portraits, and who can delete them when the visit is over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from languages.saying import listed, say
from pipelines.errors import SaveError
from pipelines.schema import Consent
from study.archive import KeptCopy, PortraitArchive

log = logging.getLogger(__name__)

_MAX_ENDED = 10_000  # consents that are over and whose copies are not; the oldest is forgotten first
# Translators: in "As you allowed, a copy was kept {allowed}."
_WORDS = {"study": say("for the study"), "examples": say("as an example")}


class _Ended(NamedTuple):
    """A consent that is over and whose copies are not, with the pages that it was given or used on."""

    consent: Consent
    pages: frozenset[str]


class Copies:
    """What of all visits is in the archive; nothing where there is none. Safe for many threads.

    Args:
        archive: Where the study keeps them; None where no study is running.
    """

    def __init__(self, archive: PortraitArchive | None) -> None:
        self._archive = archive
        self._ended: dict[str, _Ended] = {}  # by receipt number: a page that is still open can delete these copies
        self._lock = threading.Lock()

    def keep(self, consent: Consent, portrait: Path) -> tuple[str, ...]:
        """Keep a copy if that is allowed. Returns what to say of it, as sentences."""
        if self._archive is None:
            return ()
        try:
            copy = self._archive.keep(consent, portrait)
        except SaveError as error:
            log.warning("no copy was kept for the study: %s", error.detail)
            return (error.hint,)
        allowed = listed([_WORDS[purpose] for purpose in copy.paper.purposes]) if copy is not None else ""
        return (say("As you allowed, a copy was kept {allowed}.", allowed=allowed),) if allowed else ()

    def restrict(self, consent: Consent) -> int:
        """Delete what a consent does not allow any more. Returns how many copies that were.

        Raises:
            SaveError: One could not be deleted.
        """
        return 0 if self._archive is None else self._archive.restrict(consent)

    def end(self, consent: Consent, pages: Iterable[str]) -> None:
        """A consent is over with its visit, which was open on these pages. Its copies stay until somebody withdraws."""
        if self._archive is None or not self._archive.copies(consent.id):
            return
        with self._lock:
            self._ended[consent.id] = _Ended(consent, frozenset(pages))
            while len(self._ended) > _MAX_ENDED:
                del self._ended[next(iter(self._ended))]

    def ended_on(self, page: str | None) -> list[Consent]:
        """Consents of a page that are over and whose copies may be there, oldest first."""
        with self._lock:
            return [ended.consent for ended in self._ended.values() if page in ended.pages]

    def of(self, consents: Iterable[Consent]) -> list[KeptCopy]:
        """The copies of these consents, in their order."""
        if self._archive is None:
            return []
        return [copy for consent in consents for copy in self._archive.copies(consent.id)]

    def delete(self, receipt: str) -> int:
        """Delete all copies of a consent by the number of its receipt. Returns how many there were.

        Raises:
            SaveError: One could not be deleted; the next try finds it again.
        """
        deleted = 0 if self._archive is None else self._archive.delete(receipt)
        with self._lock:
            self._ended.pop(receipt, None)
        return deleted

    def sweep(self, now: float) -> None:
        """Delete what has reached its last day."""
        if self._archive is not None:
            self._archive.sweep(now)
