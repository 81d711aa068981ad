"""Everything that the page's tabs share, and what the server remembers of each visitor while the page is open."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass, field

from pipelines.errors import ConsentMissing, EngineBusy, PhotoError, SaveError
from pipelines.presets import Presets
from pipelines.safety.limits import Limits
from pipelines.safety.settings import SafetySettings
from pipelines.schema import Consent, LoadedPhoto, Portrait
from pipelines.self_portrait import SelfPortraitPipeline
from study.archive import PortraitArchive
from study.consent import ConsentRegistry, Receipt
from ui.uploads import Uploads

log = logging.getLogger(__name__)

KEEP_MINUTES = 60  # what the consent text and the Privacy tab promise
_SWEEP_SECONDS = 60.0
KEEP_SECONDS = KEEP_MINUTES * 60.0 - 2 * _SWEEP_SECONDS  # so that the sweep is never late for the promise
MAX_KEPT_PORTRAITS = 12


@dataclass
class Choice:
    """What is picked on the page now: read by the live camera preview."""

    style_id: str
    scene_id: str = "none"
    likeness: float = 0.5


@dataclass
class KeptPortrait:
    """A portrait on show, with the crop and the control images it was made from as data: URIs.

    Attributes:
        photo_at: When the photo it was made from came in (`Visit.photo_at`); None for a photo that was not kept.
    """

    portrait: Portrait
    original: str
    controls: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    photo_at: float | None = None
    face_index: int | None = None
    made_at: float = field(default_factory=time.monotonic)


@dataclass
class Visit:
    """One open page of one visitor. Exists only while there is a consent on record for it.

    Attributes:
        key: Unguessable; the page's own HTTP calls carry it. It is handed out by the consent step and dies with it.
        session: Gradio's session hash.
        faceless: The visitor goes on with a photo in which no face was found.
    """

    session: str
    choice: Choice
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    photo: LoadedPhoto | None = None
    photo_at: float = 0.0
    face_index: int | None = None
    faceless: bool = False
    kept: list[KeptPortrait] = field(default_factory=list)
    closed: bool = False
    _running: threading.Event | None = None

    def begin(self) -> threading.Event:
        """Note that portraits are being made. Returns the event that `stop` sets.

        Raises:
            EngineBusy: Others of this visit are not finished.
        """
        if self._running is not None:
            raise EngineBusy("Your last portrait is still being made; wait for it, or cancel it.")
        self._running = threading.Event()
        return self._running

    def stop(self) -> bool:
        """Stop what is being made. Returns whether there was anything."""
        running = self._running
        if running is not None:
            running.set()
        return running is not None

    def end(self, run: threading.Event) -> None:
        """Note that what `begin` began is over."""
        if self._running is run:
            self._running = None

    def require_photo(self) -> LoadedPhoto:
        """The photo.

        Raises:
            PhotoError: There is none, or it was deleted by age.
        """
        if self.photo is None:
            raise PhotoError("Add a photo first: choose a file or use the camera.")
        return self.photo

    @property
    def must_choose_face(self) -> bool:
        """Whether several faces were found and none is chosen yet."""
        return self.photo is not None and len(self.photo.faces) > 1 and self.face_index is None


class Visits:
    """Open visits, by session and by key. Safe for many threads; forgets by itself after KEEP_MINUTES.

    Args:
        pipeline: Makes the portraits and knows where they lie.
        consents: Who agreed.
        uploads: Files of programs.
        archive: Copies for a study; None where no study is running.
    """

    def __init__(
        self,
        pipeline: SelfPortraitPipeline,
        consents: ConsentRegistry,
        uploads: Uploads,
        archive: PortraitArchive | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._consents = consents
        self._uploads = uploads
        self._archive = archive
        self._by_session: dict[str, Visit] = {}
        self._by_key: dict[str, Visit] = {}
        self._lock = threading.RLock()

    def open(self, session: str | None, agreed: object, choice: Choice) -> Visit:
        """Record a consent and begin (or go on with) the visit.

        Raises:
            ConsentMissing: `agreed` is anything but True.
        """
        consent = self._consents.grant(session, agreed)
        with self._lock:
            visit = self._by_session.get(consent.session)
            if visit is None:
                visit = Visit(session=consent.session, choice=choice)
                self._by_session[visit.session] = self._by_key[visit.key] = visit
        return visit

    def require(self, session: str | None) -> tuple[Visit, Consent]:
        """The visit of a session with its consent.

        Raises:
            ConsentMissing: There is no valid consent on record.
        """
        consent = self._consents.require(session)
        with self._lock:
            visit = self._by_session.get(consent.session)
        if visit is None:
            raise ConsentMissing("Tick the consent box first; without it no photo is taken in.")
        return visit, consent

    def require_key(self, key: str) -> Visit:
        """The visit that a key belongs to, checked as strictly as `require`.

        Raises:
            ConsentMissing: The key is unknown, or its consent was taken back.
        """
        with self._lock:
            visit = self._by_key.get(key)
        if visit is None:
            raise ConsentMissing("Tick the consent box first; without it no photo is taken in.")
        self._consents.require(visit.session)
        return visit

    def is_open(self, session: str) -> bool:
        """Whether a session has a visit."""
        with self._lock:
            return session in self._by_session

    def allow(self, session: str | None, purpose: object, agreed: object) -> tuple[Consent, int]:
        """Tick an optional purpose, or take it back; what only that purpose allowed is deleted from the study.

        Returns:
            The record, and how many copies were deleted.

        Raises:
            ConsentMissing: There is no consent on record.
            RequestInvalid: The purpose is not offered.
            SaveError: A copy could not be deleted.
        """
        with self._lock:  # as in `keep`: no copy is written between the two lines
            consent = self._consents.allow(session, purpose, agreed)
            return consent, self._archive.restrict(consent) if self._archive is not None else 0

    def keep(self, consent: Consent, portraits: list[KeptPortrait]) -> Visit:
        """Put new portraits in front; the oldest over MAX_KEPT_PORTRAITS are deleted from the disk.

        Where the visitor allows it, a copy goes to the study; each portrait says in its notes what became of it.

        Raises:
            ConsentMissing: The consent that they were made under was taken back meanwhile, even if there is a new one.
                Then none of them stays on the disk.
        """
        with self._lock:
            try:
                visit, current = self.require(consent.session)
                if current.id != consent.id:
                    raise ConsentMissing("These portraits were deleted with your earlier consent; create them again.")
            except ConsentMissing:
                for new in portraits:
                    new.portrait.path.unlink(missing_ok=True)
                raise
            # Only what was ticked before they were made, and is ticked still.
            both = tuple(purpose for purpose in consent.purposes if purpose in current.purposes)
            for new in portraits:
                new.notes = (*new.notes, *self._copy(current.model_copy(update={"purposes": both}), new))
            visit.kept[:0] = portraits
            dropped, visit.kept[MAX_KEPT_PORTRAITS:] = visit.kept[MAX_KEPT_PORTRAITS:], []
        for old in dropped:
            old.portrait.path.unlink(missing_ok=True)
        return visit

    def _copy(self, consent: Consent, new: KeptPortrait) -> tuple[str, ...]:
        """Keep a copy for the study if that is allowed. Returns what to say of it."""
        if self._archive is None:
            return ()
        try:
            copy = self._archive.keep(consent, new.portrait.path)
        except SaveError as error:
            log.warning("no copy was kept for the study: %s", error.detail)
            return (error.hint,)
        words = {"study": "for the study", "examples": "as an example"}
        allowed = " and ".join(words[purpose] for purpose in copy.paper.purposes) if copy is not None else ""
        return (f"As you allowed, a copy was kept {allowed}.",) if allowed else ()

    def tidy(self, session: str) -> None:
        """Delete portraits of a session that no visit shows: those that were finished just as Cancel was pressed."""
        with self._lock:
            visit = self._by_session.get(session)
            shown = {kept.portrait.path for kept in visit.kept} if visit is not None else set()
        for path in self._pipeline.folder(session).glob("*"):
            if path not in shown:
                path.unlink(missing_ok=True)

    def take_photo(self, visit: Visit, photo: LoadedPhoto) -> None:
        """Replace the photo; a face that was chosen in the old one means nothing in the new one."""
        self.clear_photo(visit)
        visit.photo, visit.photo_at = photo, time.monotonic()
        if visit.closed:  # withdrawn while the photo was on its way
            visit.photo = None

    def clear_photo(self, visit: Visit) -> None:
        """Drop the photo and its crops from memory; consent and portraits stay."""
        photo, visit.photo, visit.face_index, visit.faceless = visit.photo, None, None, False
        if photo is not None:
            self._pipeline.forget_photo(photo)

    def leave(self, session: str | None) -> Consent | None:
        """The page was closed: delete all that was for this visit alone. Returns the consent that ended with it.

        Copies that a visitor allowed the study to keep stay.
        """
        consent = self._consents.end(session)
        with self._lock:
            visit = self._by_session.pop(session or "", None)
            if visit is not None:
                self._by_key.pop(visit.key, None)
                visit.closed = True
                visit.stop()
        if session:
            self._uploads.forget(session)
            self._pipeline.forget(session, (visit.photo,) if visit is not None and visit.photo is not None else ())
        if visit is not None:
            visit.photo = None
            visit.kept.clear()
        return consent

    def forget(self, session: str | None) -> Receipt | None:
        """Consent is withdrawn: delete the photo, the portraits, the study's copies. Doing it twice is no error.

        Returns:
            The receipt with the time of the withdrawal; None where there was no consent.

        Raises:
            SaveError: A copy in the study folder could not be deleted. All else is.
        """
        consent = self.leave(session)
        if consent is None:
            return None
        if self._archive is not None:
            self._archive.delete(consent.id)
        return self._consents.receipt(consent, withdrawn=True)

    def withdraw(self, receipt: str) -> int:
        """Consent is withdrawn by the number of its receipt, also after the visit. Returns how many copies there were.

        Raises:
            SaveError: A copy in the study folder could not be deleted.
        """
        consent = self._consents.by_number(receipt)
        if consent is not None:
            self.leave(consent.session)
        return self._archive.delete(receipt) if self._archive is not None else 0

    def sweep(self, now: float | None = None) -> None:
        """Delete photos and portraits that have reached their age."""
        now = time.monotonic() if now is None else now
        with self._lock:
            visits = list(self._by_session.values())
        for visit in visits:
            try:
                self._consents.require(visit.session)
            except ConsentMissing:  # so many came after that its record was dropped
                self.leave(visit.session)
                continue
            if visit.photo is not None and now - visit.photo_at > KEEP_SECONDS:
                self.clear_photo(visit)
            with self._lock:
                old = [kept for kept in visit.kept if now - kept.made_at > KEEP_SECONDS]
                visit.kept[:] = [kept for kept in visit.kept if kept not in old]
            for kept in old:
                kept.portrait.path.unlink(missing_ok=True)
        if self._archive is not None:
            self._archive.purge()


@dataclass(frozen=True)
class Studio:
    """What the tabs are built from."""

    presets: Presets
    pipeline: SelfPortraitPipeline
    consents: ConsentRegistry
    visits: Visits
    uploads: Uploads
    archive: PortraitArchive | None = None
    limits: Limits = field(default_factory=lambda: Limits(SafetySettings.from_environment()))
