"""What the server remembers of one open page, while it is open."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field

from pipelines.errors import ConsentMissing, EngineBusy, PhotoError
from pipelines.photo import hints as photo_hints
from pipelines.results import Portrait
from pipelines.schema import LoadedPhoto
from study.consent import ASK

KEEP_MINUTES = 60  # what the consent text and the Privacy tab promise
SWEEP_SECONDS = 60.0
KEEP_SECONDS = KEEP_MINUTES * 60.0 - 2 * SWEEP_SECONDS  # so that the sweep is never late for the promise


@dataclass
class KeptPortrait:
    """A portrait on show, with the crop and the control images it was made from as JPEG files.

    Attributes:
        original: The crop.
        controls: Names and pictures of the control images.
        photo_at: When the photo it was made from came in (`Visit.photo_at`); None for a photo that was not kept.
    """

    portrait: Portrait
    original: bytes
    controls: tuple[tuple[str, bytes], ...] = ()
    notes: tuple[str, ...] = ()
    photo_at: float | None = None
    face_index: int | None = None
    made_at: float = field(default_factory=time.monotonic)


@dataclass
class Look:
    """What is picked on the page now: read by the live camera preview."""

    style_id: str
    scene_id: str = "none"
    likeness: float = 0.5


@dataclass
class Visit:
    """One open page of one visitor. Exists only while there is a consent on record for it.

    Attributes:
        key: Unguessable; the page's own HTTP calls carry it. It is handed out by the consent step and dies with it.
        session: Gradio's session hash.
        asked: Number of the newest that was asked about the photo: to take one in, or to remove it.
        faceless: The visitor goes on with a photo in which no face was found.
        seen_at: When something was last asked for in its name.
    """

    session: str
    look: Look
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    photo: LoadedPhoto | None = None
    photo_at: float = 0.0
    asked: int = 0
    face_index: int | None = None
    faceless: bool = False
    kept: list[KeptPortrait] = field(default_factory=list)
    closed: bool = False
    seen_at: float = field(default_factory=time.monotonic)
    _running: threading.Event | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self) -> threading.Event:
        """Note that portraits are being made. Returns the event that `stop` sets.

        Raises:
            ConsentMissing: The visit is over.
            EngineBusy: Others of this visit are not finished.
        """
        with self._lock:  # so that `close` meets either no beginning or one that it can stop
            if self.closed:
                raise ConsentMissing(ASK)
            if self._running is not None:
                raise EngineBusy("Your last portrait is still being made; wait for it, or cancel it.")
            self._running = threading.Event()
            return self._running

    def close(self) -> None:
        """The visit is over: stop what is being made, and let nothing more begin."""
        with self._lock:
            self.closed = True
            self.stop()

    def stop(self) -> bool:
        """Stop what is being made. Returns whether there was anything."""
        running = self._running
        if running is not None:
            running.set()
        return running is not None

    def is_idle(self, now: float) -> bool:
        """Whether nothing is being made and nobody asked for anything in the time after which pictures are deleted."""
        return self._running is None and now - self.seen_at > KEEP_SECONDS

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
        """Whether it is open whose face is meant, or whether the only one is any."""
        return self.photo is not None and self.face_index is None and photo_hints.is_open(self.photo)
