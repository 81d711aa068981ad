"""What the server remembers of each visitor while the page is open: who has a visit, and what ends it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from languages.saying import say
from pipelines.board.store import Measured
from pipelines.errors import ConsentMissing, RegisterAway
from pipelines.photo import memory
from pipelines.results import without_identity
from pipelines.schema import Consent
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import AWAY_SECONDS
from study.archive import KeptCopy, PortraitArchive
from study.consent import ASK, ConsentRegistry, Receipt
from study.consent_records import NO_WORDS, Words
from visits.board import VisitBoard
from visits.copies import Copies
from visits.photos import VisitPhotos
from visits.uploads import Uploads
from visits.visit import KEEP_MINUTES, KEEP_SECONDS, KeptPortrait, Look, Visit

_EARLY = 20.0  # seconds, so that the sweep, every 10 s, is never late for what the consent text promises
_ELSEWHERE = say("Your visit goes on in another tab; close this one, or reload it to begin anew.")
_ENDED = say("Your visit has ended.")


class Visits(VisitPhotos):
    """Open visits, by session and by key. Safe for many threads; forgets by itself after KEEP_MINUTES.

    A visit has up to two sessions: the one it began with, which is its name with consents, folders and owners, and that
    of the page which has taken it up since. Only the latter speaks for it.

    Args:
        pipeline: Makes the portraits and knows where they lie.
        consents: Who agreed.
        uploads: Files of programs.
        archive: Where a study keeps copies; None where no study is running.
        away_seconds: How long a visit waits for a page that has gone.
    """

    def __init__(
        self,
        pipeline: SelfPortraitPipeline,
        consents: ConsentRegistry,
        uploads: Uploads,
        archive: PortraitArchive | None = None,
        away_seconds: int = AWAY_SECONDS,
    ) -> None:
        super().__init__()
        self.away_seconds = away_seconds
        self._pipeline = pipeline
        self._consents = consents
        self._uploads = uploads
        self._copies = Copies(archive)
        self._measured: tuple[Measured, ...] = ()  # what portraits of boards cost here; says nothing of anybody
        self._by_session: dict[str, Visit] = {}
        self._by_key: dict[str, Visit] = {}

    def open(
        self, session: str | None, agreed: object, look: Look, *, returns: bool = False, words: Words = NO_WORDS
    ) -> Visit:
        """Record a consent and begin (or go on with) the visit.

        Args:
            session: Of the page or program.
            agreed: Whether it says yes.
            look: What is picked there.
            returns: Whether it can take the visit up again after a reload.
            words: Of the browser that says it, see `ConsentRegistry.grant`.

        Raises:
            ConsentMissing: `agreed` is anything but True, or too many visits are open.
        """
        with self._lock:  # as in `leave`: there is never one of both without the other
            visit = self._by_session.get(session or "")
            if visit is not None and visit.page != session:
                raise ConsentMissing(_ELSEWHERE)
            consent = self._consents.grant(visit.session if visit is not None else session, agreed, words)
            visit = self._by_session.get(consent.session)
            if visit is None:
                visit = Visit(session=consent.session, look=look, returns=returns)
                self._by_session[visit.session] = self._by_key[visit.key] = visit
        return visit

    def step_out(self, session: str | None) -> None:
        """The page was closed or reloaded, or has lost its connection, which all look the same from here."""
        with self._lock:
            visit = self._by_session.get(session or "")
            if visit is not None and visit.page != session:
                return  # another page has taken its visit up
            if visit is not None and visit.returns and self.away_seconds:
                visit.away_since = time.monotonic()
                return
        self.leave(session)

    def take_up(self, key: str, session: str | None, owns: Callable[[str], bool]) -> tuple[Visit, Consent]:
        """The visit of a page that was reloaded, for the page that has come in its place.

        Args:
            key: The visit's key, which the tab has kept.
            session: Of the new page.
            owns: Whether a session belongs to the browser that asks.

        Raises:
            ConsentMissing: There is no such visit any more, or it is not this browser's.
        """
        visit = self._by_key.get(key)
        # Not under our lock: whoever knows the owners asks `is_open` under a lock of their own.
        if visit is None or not session or not visit.returns or not owns(visit.session):
            raise ConsentMissing(_ENDED)
        with self._lock:
            consent = self._consents.require(visit.session)
            if visit.closed or self._by_session.get(session, visit) is not visit:
                raise ConsentMissing(_ENDED)
            if visit.page != visit.session:
                self._by_session.pop(visit.page, None)
            self._by_session[session] = visit
            visit.page, visit.away_since, visit.seen_at = session, None, time.monotonic()
        return visit, consent

    def require(self, session: str | None) -> tuple[Visit, Consent]:
        """The visit of a session with its consent.

        Raises:
            ConsentMissing: There is no valid consent on record.
        """
        with self._lock:
            visit = self._by_session.get(session or "")
        if visit is None:
            raise ConsentMissing(ASK)
        if visit.page != session:
            raise ConsentMissing(_ELSEWHERE)
        consent = self._consents.require(visit.session)
        visit.seen_at = time.monotonic()
        return visit, consent

    def require_key(self, key: str) -> Visit:
        """The visit that a key belongs to, checked as strictly as `require`.

        Raises:
            ConsentMissing: The key is unknown, or its consent was taken back.
        """
        with self._lock:
            visit = self._by_key.get(key)
        if visit is None:
            raise ConsentMissing(ASK)
        self._consents.require(visit.session)
        visit.seen_at = time.monotonic()
        return visit

    def name_of(self, session: str) -> str:
        """The name under which consents, folders and uploads of a session's visit are kept; without one, its own."""
        with self._lock:
            visit = self._by_session.get(session)
        return session if visit is None else visit.session

    def is_open(self, session: str) -> bool:
        """Whether a session has a visit."""
        with self._lock:
            return session in self._by_session

    def allow(self, session: str | None, purpose: object, agreed: object) -> tuple[Consent, int]:
        """Tick an optional purpose, or take it back; what only that purpose allowed is deleted.

        Returns:
            The record, and how many copies were deleted.

        Raises:
            ConsentMissing: There is no consent on record.
            RequestInvalid: The purpose is not offered.
            SaveError: A copy could not be deleted.
        """
        with self._lock:  # as in `keep`: no copy is written between the two lines
            consent = self._consents.allow(self.name_of(session or ""), purpose, agreed)
            visit = self._by_session.get(consent.session)
            if visit is not None and "identity" not in consent.purposes:
                for kept in visit.kept:
                    kept.portrait = without_identity(kept.portrait)
            return consent, self._copies.restrict(consent)

    def keep(self, consent: Consent, portraits: list[KeptPortrait]) -> Visit:
        """Put new portraits in front; where there are too many, the oldest that are no favourites are deleted.

        Where the visitor allows it, a copy goes to the study; each portrait says in its notes what became of it.

        Raises:
            ConsentMissing: The consent that they were made under was taken back meanwhile, even if there is a new one.
                Then none of them stays on the disk.
        """
        with self._lock:
            try:
                visit, current = self._by_session.get(consent.session), self._consents.require(consent.session)
                if visit is None or current.id != consent.id:
                    raise ConsentMissing(
                        say("These portraits were deleted with your earlier consent; create them again.")
                    )
            except (ConsentMissing, RegisterAway):
                for new in portraits:
                    new.portrait.path.unlink(missing_ok=True)
                raise
            # Only what was ticked before they were made, and is ticked still.
            both = tuple(purpose for purpose in consent.purposes if purpose in current.purposes)
            for new in portraits:
                if "identity" not in both:
                    new.portrait = without_identity(new.portrait)
                copied = self._copies.keep(current.model_copy(update={"purposes": both}), new.portrait.path)
                new.notes = (*new.notes, *copied)
            dropped = visit.hang(portraits)
        for old in dropped:
            old.portrait.path.unlink(missing_ok=True)
        return visit

    def tidy(self, session: str) -> None:
        """Delete portraits of a session that no visit shows: those that were finished just as Cancel was pressed."""
        with self._lock:
            visit = self._by_session.get(session)
            shown = {kept.portrait.path for kept in visit.kept} if visit is not None else set()
        for path in self._pipeline.folder(session).glob("*"):
            if path not in shown:
                path.unlink(missing_ok=True)

    def board_of(self, visit: Visit) -> VisitBoard:
        """The style board of a visit, begun where there is none.

        Raises:
            ConsentMissing: The visit is over.
        """
        with self._lock:
            if visit.closed:
                raise ConsentMissing(ASK)
            if visit.board is None:
                folder = self._pipeline.folder(visit.session)
                folder = folder.with_name(f"{folder.name}-board")
                visit.board = VisitBoard(self._pipeline, folder, self._measured, visit.own)
            return visit.board

    def leave(self, session: str | None) -> Consent | None:
        """The visit is over: delete all that was for this visit alone. Returns the consent that ended with it.

        Copies that a visitor allowed the study to keep stay; `forget` still finds them, for the page may be open yet:
        a connection that breaks looks the same from here.
        """
        with self._lock:
            name = self.name_of(session or "")
            consent = self._consents.end(name)
            visit = self._by_session.pop(name, None)
            if visit is not None:
                self._by_session.pop(visit.page, None)
                self._by_key.pop(visit.key, None)
                visit.close()
            if consent is not None:
                self._copies.end(consent, {name, visit.page} if visit is not None else {name})
        if name:
            self._uploads.forget(name)
            self._pipeline.forget(name)
        if visit is not None:
            if visit.board is not None:
                self._measured = visit.board.measured
                visit.board.close()
            visit.photo = visit.style_picture = None
            visit.kept.clear()
            visit.links.clear()
            visit.own.clear()
            memory.give_back()
        return consent

    def forget(self, session: str | None, words: Words | None = None) -> Receipt | None:
        """Consent is withdrawn: delete the photo, the portraits, the study's copies, those of the same page's earlier
        consents too. Doing it twice is no error.

        Args:
            session: Of the page or program.
            words: Of its browser: takes the consent back as well where it was given at another front.

        Returns:
            The receipt of the newest consent with the time of the withdrawal; None where there was none.

        Raises:
            SaveError: A copy in the study folder could not be deleted; all else is, and the next try finds it again.
        """
        consent = self.leave(session) or (self._consents.end(session, words) if words else None)
        withdrawn = self._copies.ended_on(session)
        if consent is not None and consent not in withdrawn:
            withdrawn.append(consent)
        for one in withdrawn:
            self._copies.delete(one.id)
        return self._consents.receipt(withdrawn[-1], withdrawn=True) if withdrawn else None

    def copies(self, session: str | None) -> list[KeptCopy]:
        """The copies in the study that `forget` would delete, oldest consent first."""
        consents = self._copies.ended_on(session)
        with contextlib.suppress(ConsentMissing):
            consents.append(self._consents.require(self.name_of(session or "")))
        return self._copies.of(consents)

    def withdraw(self, receipt: str) -> int:
        """Consent is withdrawn by the number of its receipt, also after the visit. Returns how many copies there were.

        Raises:
            SaveError: A copy in the study folder could not be deleted.
        """
        consent = self._consents.by_number(receipt)
        if consent is not None:
            self.leave(consent.session)
            self._consents.end_number(receipt)  # where its visit is at another front
        return self._copies.delete(receipt)

    def all_open(self) -> list[Visit]:
        """Every visit that is open now, each once."""
        with self._lock:
            return [visit for session, visit in self._by_session.items() if session == visit.session]

    def sweep(self, now: float | None = None) -> None:
        """Delete photos and portraits that have reached their age, and visits whose page does not come back, or whose
        consent was taken back at another front.

        Where no further consents can be noted, visits that nobody has come back to in that time make room: nothing is
        kept of them but the consent.
        """
        now = time.monotonic() if now is None else now
        for session in self._consents.renew():
            self.leave(session)
        for visit in self.all_open():
            gone = visit.has_gone(now, max(0.0, self.away_seconds - _EARLY))
            if gone or (self._consents.is_full and visit.is_idle(now)):
                self.leave(visit.session)
                continue
            if visit.photo is not None and now - visit.photo_at > KEEP_SECONDS:
                self.clear_photo(visit)
                visit.lost.append(
                    say(
                        "Your photo was deleted: photos are kept for {keep_minutes} minutes at most.",
                        keep_minutes=KEEP_MINUTES,
                    )
                )
            if visit.style_picture is not None and now - visit.style_picture_at > KEEP_SECONDS:
                visit.style_picture = None
                words = say(
                    "Your style picture was deleted: pictures are kept for {keep_minutes} minutes at most.",
                    keep_minutes=KEEP_MINUTES,
                )
                visit.lost.append(words)
            if visit.board is not None and visit.board.take_down(now, KEEP_SECONDS):
                visit.lost.append(
                    say(
                        "A part of your style board was deleted: it is kept for {keep_minutes} minutes.",
                        keep_minutes=KEEP_MINUTES,
                    )
                )
            with self._lock:
                old = visit.take_down(now)
            for kept in old:
                kept.portrait.path.unlink(missing_ok=True)
        self._copies.sweep(now)
