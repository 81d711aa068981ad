"""What the server remembers of one visitor, while the page is open and for a short while after."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import date

from languages.saying import listed, put_together, say, say_many
from pipelines.errors import ConsentMissing, EngineBusy, PhotoError, RequestInvalid
from pipelines.photo import hints as photo_hints
from pipelines.results import Portrait
from pipelines.schema import HandCrop, LoadedPhoto, Shape, Size, StylePicture
from study.consent import ASK
from visits.board import VisitBoard
from visits.links import Link
from visits.own_styles import OwnStyles

KEEP_MINUTES = 60  # what the consent text and the Privacy tab promise
MAX_KEPT_PORTRAITS = 24
SWEEP_SECONDS = 60.0
KEEP_SECONDS = KEEP_MINUTES * 60.0 - 2 * SWEEP_SECONDS  # so that the sweep is never late for the promise


@dataclass
class KeptPortrait:
    """A portrait on show, with the crop and the control images it was made from as JPEG files.

    Attributes:
        original: The crop.
        controls: Names and pictures of the control images.
        photo_at: When the photo it was made from came in (`Visit.photo_at`); None for a photo that was not kept.
        made_on: The day, where the studio runs: it stands in the name of the file.
        number: Which of the visit's portraits it is, from 1; 0 before it hangs.
        favourite: New ones never take its place.
        downloaded: It was asked for as a file.
    """

    portrait: Portrait
    original: bytes
    controls: tuple[tuple[str, bytes], ...] = ()
    notes: tuple[str, ...] = ()
    photo_at: float | None = None
    face_index: int | None = None
    made_at: float = field(default_factory=time.monotonic)
    made_on: date = field(default_factory=date.today)
    number: int = 0
    favourite: bool = False
    downloaded: bool = False

    @property
    def file_name(self) -> str:
        """What the visitor's file is called: what it shows, when it was made, and which one it is."""
        style = self.portrait.own_style.id if self.portrait.own_style is not None else self.portrait.style_id
        look = [name for name in (style, self.portrait.scene_id) if name != "none"]
        return "-".join(["self-portrait", *look, f"{self.made_on}", f"{self.number}{self.portrait.path.suffix}"])


@dataclass(frozen=True)
class Look:
    """What is picked on the page now: read by the live camera preview.

    Attributes:
        needs_picture: The style paints after a picture that the visitor gives.
    """

    style_id: str
    scene_id: str = "none"
    likeness: float = 0.5
    needs_picture: bool = False


@dataclass
class Visit:
    """What one visitor does on one page. Exists only while there is a consent on record for it.

    It outlives its page for a while, so that a reload or a lost connection loses nothing: `Visits.take_up`.

    Attributes:
        key: Unguessable; the page's own HTTP calls carry it, and the page that was reloaded shows it to get the visit
            back. It is handed out by the consent step and dies with it.
        session: Gradio's session hash of the page that it began with: its name in all registers.
        page: That of the page that it is open on now.
        returns: Whether a page can take it up again; a program cannot.
        away_since: When its page went; None while it is there.
        cut_short: Its page went while portraits were being made, and they were stopped.
        made: How many portraits have hung here.
        lost: What was deleted without the visitor's doing, in sentences that nobody has read yet.
        asked: Number of the newest that was asked about the photo: to take one in, or to remove it.
        style_picture: What the visitor gave to be painted after.
        style_picture_at: When it came in.
        style_asked: As `asked`, of the style picture.
        faceless: The visitor goes on with a photo in which no face was found.
        links: One-time links to portraits, by the portrait's id.
        shape: Of the portraits, as it is picked on the page.
        size: Of the portraits.
        model: What is to make them.
        crop: Of the photo, where it was set by hand.
        board: Its style board, once it has begun one.
        own: Styles of its own.
        seen_at: When something was last asked for in its name.
    """

    session: str
    look: Look
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    page: str = ""
    returns: bool = False
    away_since: float | None = None
    cut_short: bool = False
    made: int = 0
    lost: list[str] = field(default_factory=list)
    photo: LoadedPhoto | None = None
    photo_at: float = 0.0
    asked: int = 0
    face_index: int | None = None
    faceless: bool = False
    style_picture: StylePicture | None = None
    style_picture_at: float = 0.0
    style_asked: int = 0
    shape: Shape = "1:1"
    size: Size = "screen"
    model: str = "auto"
    crop: HandCrop | None = None
    kept: list[KeptPortrait] = field(default_factory=list)
    links: dict[str, Link] = field(default_factory=dict)
    board: VisitBoard | None = None
    own: OwnStyles = field(default_factory=OwnStyles)
    closed: bool = False
    seen_at: float = field(default_factory=time.monotonic)
    _running: threading.Event | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.page = self.page or self.session

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
                raise EngineBusy(say("Your last portrait is still being made; wait for it, or cancel it."))
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
        return self._running is None and not (self.board and self.board.running) and now - self.seen_at > KEEP_SECONDS

    def end(self, run: threading.Event) -> None:
        """Note that what `begin` began is over."""
        if self._running is run:
            self._running = None

    def has_gone(self, now: float, seconds: float) -> bool:
        """Whether its page went, and nobody has asked for anything in its name, for so many seconds.

        A page whose heartbeat broke may be there yet: it goes on asking.
        """
        return self.away_since is not None and now - max(self.away_since, self.seen_at) > seconds

    @property
    def not_downloaded(self) -> list[KeptPortrait]:
        """The portraits that would be lost with the visit."""
        return [kept for kept in self.kept if not kept.downloaded]

    @property
    def unsaved_board(self) -> int:
        """How many portraits of its style board would be lost with it."""
        return 0 if self.board is None else self.board.not_handed_on

    def hang(self, new: list[KeptPortrait]) -> list[KeptPortrait]:
        """Put portraits in front. Returns those that had to go: over MAX_KEPT_PORTRAITS, the oldest without a star."""
        for one in new:
            self.made += 1
            one.number = self.made
        self.kept[:0] = new
        spare = sorted((one for one in self.kept if not one.favourite), key=lambda one: one.number)
        dropped = spare[: max(0, len(self.kept) - MAX_KEPT_PORTRAITS)]
        self.kept[:] = [one for one in self.kept if one not in dropped]
        if dropped:
            self.lost.append(
                say_many(
                    "Portrait {numbers} was replaced: {most} are kept, and it was the oldest without a star.",
                    "Portraits {numbers} were replaced: {most} are kept, and they were the oldest without a star.",
                    len(dropped),
                    numbers=_numbers(dropped),
                    most=MAX_KEPT_PORTRAITS,
                )
            )
        return dropped

    def take_down(self, now: float) -> list[KeptPortrait]:
        """Take portraits off the wall that have reached their age, and return them."""
        old = [one for one in self.kept if now - one.made_at > KEEP_SECONDS]
        self.kept[:] = [one for one in self.kept if one not in old]
        if old:
            self.lost.append(
                say_many(
                    "Portrait {numbers} was deleted: portraits are kept for {minutes} minutes at most.",
                    "Portraits {numbers} were deleted: portraits are kept for {minutes} minutes at most.",
                    len(old),
                    numbers=_numbers(old),
                    minutes=KEEP_MINUTES,
                )
            )
        return old

    def require_room(self, count: int) -> None:
        """Ask before so many portraits are made: they must not take each other's place.

        Raises:
            RequestInvalid: There are too many favourites.
        """
        room = MAX_KEPT_PORTRAITS - sum(one.favourite for one in self.kept)
        if count > room:
            many = say(
                "{most} portraits are kept, and all of them are favourites, so none can be made.",
                most=MAX_KEPT_PORTRAITS,
            )
            if room:
                many = say(
                    "{most} portraits are kept, and {number} of them are favourites, so only {room} more can be made.",
                    most=MAX_KEPT_PORTRAITS,
                    number=MAX_KEPT_PORTRAITS - room,
                    room=room,
                )
            raise RequestInvalid(put_together(many, say("Take the star off one first.")))

    def take_lost(self) -> str:
        """What was deleted without the visitor's doing, told once; "" where nothing was."""
        said, self.lost[:] = put_together(*self.lost), []
        return said

    def portrait(self, portrait_id: object) -> KeptPortrait | None:
        """The portrait with an id; None where it is not on show, or no more."""
        return next((kept for kept in self.kept if kept.portrait.id == portrait_id), None)

    def require_photo(self) -> LoadedPhoto:
        """The photo.

        Raises:
            PhotoError: There is none, or it was deleted by age.
        """
        if self.photo is None:
            raise PhotoError(say("Add a photo first: choose a file or use the camera."))
        return self.photo

    def lacks_picture_for(self, look: Look) -> bool:
        """Whether a look cannot be painted yet."""
        return look.needs_picture and self.style_picture is None

    @property
    def must_choose_face(self) -> bool:
        """Whether it is open whose face is meant, or whether the only one is any."""
        return self.photo is not None and self.face_index is None and photo_hints.is_open(self.photo)


def _numbers(portraits: list[KeptPortrait]) -> str:
    """The numbers of some of them: "3", "1, 2 and 3"."""
    return listed([str(one.number) for one in sorted(portraits, key=lambda one: one.number)])
