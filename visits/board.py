"""The style board of a visit: its photos, what was asked for, and the run that makes it, in the background of the page.

It lives as long as the visit. Photos are in memory, portraits in a private folder, and both go after KEEP_MINUTES, when
their visitor deletes them, and with the visit. A page that was reloaded finds the run going on.
"""

from __future__ import annotations

import io
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from languages.saying import say, say_many
from pipelines.board.cells import Cell, cells
from pipelines.board.definition import MAX_PHOTOS, BoardPhoto, CheckedBoard, build_board
from pipelines.board.exports.writing import export
from pipelines.board.photos import SeatedPhoto
from pipelines.board.plan import Plan, plan
from pipelines.board.runner import Outcome, Progress, checked, make
from pipelines.board.store import Measured, State, Store
from pipelines.board.votes import Ballot, Stars
from pipelines.errors import BoardError, EngineBusy, PortraitError
from pipelines.schema import Consent, PortraitRequest, Shape
from pipelines.self_portrait import SelfPortraitPipeline
from visits.own_styles import OwnStyles

log = logging.getLogger(__name__)

MAX_CELLS = 300  # of a board on the page: what somebody can look at, and one machine makes in an hour
MAX_PRINTS = 80  # the same, where each is up to four times as large
_LEAST_TO_VOTE = 2
_THUMB = 384  # pixels of the small copy of a photo, long side
_OWN_FAULT = say("The board stopped for a reason of the studio's own; what is made stays. Start it again.")


@dataclass
class BoardSitter:
    """One photo of the board.

    Attributes:
        id: Names it on the page.
        thumbs: Small JPEGs of the crop, by shape.
        at: When it came in, `time.monotonic`.
    """

    photo: SeatedPhoto
    thumbs: dict[Shape, bytes]
    at: float
    id: str = field(default_factory=lambda: secrets.token_hex(6))


class VisitBoard:
    """One visit's board. Safe for many threads.

    Args:
        pipeline: Makes the portraits.
        folder: Private, of this board alone; made by the first run.
        measured: What portraits cost on this machine, as far as anybody's board knows.
        own: Styles of the visitor's own.
    """

    def __init__(
        self,
        pipeline: SelfPortraitPipeline,
        folder: Path,
        measured: tuple[Measured, ...] = (),
        own: OwnStyles | None = None,
    ) -> None:
        self.folder = folder
        self.sitters: list[BoardSitter] = []
        self.board: CheckedBoard | None = None
        self.asked: dict[str, Any] = {}
        self.progress: Progress | None = None
        self.said = ""
        self.stars = Stars()
        self.ballot: Ballot | None = None
        self.store = Store(folder)
        self._pipeline = pipeline
        self._measured = measured
        self._own = own or OwnStyles()
        self._cells: dict[str, Cell] = {}
        self._handed_on: set[str] = set()
        self._closed = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()

    @property
    def running(self) -> bool:
        """Whether portraits are being made."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    @property
    def measured(self) -> tuple[Measured, ...]:
        """What portraits cost on this machine."""
        return self.store.measured() or self._measured

    def add(self, photo: SeatedPhoto) -> BoardSitter:
        """Put a photo on the board.

        Raises:
            BoardError: There is no room, or another one has its name.
        """
        with self._lock:
            self._require_idle()
            if len(self.sitters) >= MAX_PHOTOS:
                raise BoardError(
                    say("A board has {max_photos} photos at most; remove one first.", max_photos=MAX_PHOTOS)
                )
            if any(one.photo.title == photo.title for one in self.sitters):
                raise BoardError(
                    say("There is a photo called {title} already; give this one another name.", title=photo.title)
                )
            if any(one.photo.sha256 == photo.sha256 for one in self.sitters):
                raise BoardError(say("This photo is on the board already."))
            crop = self._pipeline.used_photo(photo.photo, photo.face_index, scene_id="none")
            sitter = BoardSitter(photo, {"1:1": _jpeg(crop)}, time.monotonic())
            self.sitters.append(sitter)
            self.board = None
            return sitter

    def remove(self, sitter_id: object) -> None:
        """Take a photo off the board; its portraits are deleted.

        Raises:
            BoardError: There is no such photo, or the board is being made.
        """
        with self._lock:
            self._require_idle()
            gone = next((one for one in self.sitters if one.id == sitter_id), None)
            if gone is None:
                raise BoardError(say("That photo is not on the board any more."))
            for cell in self._cells_of(gone.photo.title):
                self.store.discard(cell.key)
            self.sitters.remove(gone)
            self.board = None

    def sitter(self, sitter_id: object) -> BoardSitter | None:
        """The photo with an id."""
        return next((one for one in self.sitters if one.id == sitter_id), None)

    def thumb(self, sitter: BoardSitter, shape: Shape) -> bytes:
        """A small JPEG of what engines see of a photo."""
        if shape not in sitter.thumbs:
            photo = sitter.photo
            sitter.thumbs[shape] = _jpeg(self._pipeline.used_photo(photo.photo, photo.face_index, shape=shape))
        return sitter.thumbs[shape]

    def define(self, content: dict[str, Any]) -> Plan:
        """Take over what the board is to show, and say what making it would mean.

        Args:
            content: Fields of `pipelines.board.definition.Board` but for the photos, which are those that were added.

        Raises:
            BoardError: A value is wrong, or there is no photo.
            WordsRefused: A reviewer does not let the words through.
        """
        with self._lock:
            if not self.sitters:
                raise BoardError(say("Add a photo first."))
            self._require_idle()
            photos = [
                BoardPhoto(file=f"{one.id}.jpg", name=one.photo.title, consent=one.photo.consent)
                for one in self.sitters
            ]
            board = build_board({**content, "photos": [photo.model_dump() for photo in photos]}, "The board")
            most = MAX_PRINTS if board.size == "print" else MAX_CELLS
            if board.count > most:
                raise BoardError(_too_many(board.count, most))
            self.board, self.asked, self.said = checked(self._pipeline, board, "board", self._own.styles), content, ""
            self.ballot = None  # it was on other portraits
            self._cells = {cell.key: cell for cell in cells(self.board, self.photos)}
            return self.plan()

    def plan(self, *, only: Collection[str] | None = None, again: bool = False) -> Plan:
        """What is there and what a run would make.

        Raises:
            BoardError: Nothing was asked for yet.
        """
        board = self.require()
        if not self.store.measured():
            for one in self._measured:
                self.folder.mkdir(parents=True, exist_ok=True)
                self.store.measure(one.engine, (one.size, one.short or one.size), one.seconds, one.bytes)
        return plan(board, self.photos, self.store, only=only, again=again)

    def require(self) -> CheckedBoard:
        """What was asked for.

        Raises:
            BoardError: Nothing was yet.
        """
        if self.board is None:
            raise BoardError(say("Choose what the board shows first."))
        return self.board

    @property
    def photos(self) -> tuple[SeatedPhoto, ...]:
        """In the order in which they were added."""
        return tuple(one.photo for one in self.sitters)

    def cell(self, key: str) -> Cell | None:
        """The cell with a key, of what was asked for last."""
        return self._cells.get(key) if self.board else None

    def states(self) -> dict[str, State]:
        """Of each cell of what was asked for last, by key."""
        return {key: self.store.state(key) for key in self._cells} if self.board else {}

    @property
    def not_handed_on(self) -> int:
        """How many portraits of what was asked for last are on nobody's disk but ours."""
        return sum(self.store.paper(key) is not None for key in self._cells if key not in self._handed_on)

    def hand_on(self, *keys: str) -> None:
        """Note that these are on their way to the visitor, or with none named all that are there."""
        self._handed_on |= set(keys or self._cells)

    def start(
        self,
        consent: Consent,
        admit: Callable[[PortraitRequest], AbstractContextManager[None]],
        *,
        only: Collection[str] | None = None,
        again: bool = False,
    ) -> None:
        """Make what is missing, in a thread of its own.

        Args:
            consent: Of the visit.
            admit: As for `pipelines.board.runner.make`.
            only, again: Likewise.

        Raises:
            BoardError: Nothing was asked for yet.
            EngineBusy: It is being made already.
        """
        with self._lock:
            board = self.require()
            self._require_idle()
            if self._closed:
                return
            self._stop = stop = threading.Event()
            self.said, self.progress = "", None

            # Whoever else is on a board's photos has not ticked that.
            alone = consent.model_copy(update={"purposes": tuple(one for one in consent.purposes if one != "identity")})

            def work() -> None:
                try:
                    outcome = make(
                        self._pipeline, board, self.photos, self.store, alone,
                        tell=self._tell, stop=stop, only=only, again=again, admit=admit,
                    )  # fmt: skip
                    self.said = _in_words(outcome)
                except PortraitError as error:
                    self.said = error.hint
                except Exception as error:  # nobody else would hear of it
                    log.error("a board's run failed: %s", type(error).__name__)
                    self.said = _OWN_FAULT
                finally:
                    self.progress = None
                    if self._closed:
                        shutil.rmtree(self.folder, ignore_errors=True)

            self._thread = threading.Thread(target=work, name="board", daemon=True)
            self._thread.start()

    def begin_vote(self, each: int) -> None:
        """Let people choose blindly among the portraits that are there.

        Args:
            each: How many one person may choose.

        Raises:
            BoardError: There are fewer than two, or `each` is no number of them.
        """
        keys = tuple(key for key in self._cells if self.store.paper(key) is not None)
        if len(keys) < _LEAST_TO_VOTE:
            raise BoardError(say("Make at least two portraits first; then people can choose between them."))
        if not 1 <= each < len(keys):
            raise BoardError(say("Let each person choose 1 to {keys} pictures.", keys=len(keys) - 1))
        self.ballot = Ballot(seed=secrets.randbelow(2**32), keys=keys, each=each)

    def require_ballot(self) -> Ballot:
        """The vote.

        Raises:
            BoardError: None was begun.
        """
        if self.ballot is None:
            raise BoardError(say("Begin a blind vote first."))
        return self.ballot

    def stop(self) -> None:
        """End the run within one step. What is finished stays."""
        self._stop.set()

    def close(self) -> None:
        """The visit is over: stop, and delete everything."""
        with self._lock:
            self._closed = True
            self._stop.set()
            self.sitters.clear()
            self.board = None
            self._cells = {}
        shutil.rmtree(self.folder, ignore_errors=True)

    def take_down(self, now: float, keep_seconds: float) -> bool:
        """Delete what has reached its age. Returns whether there was anything.

        Args:
            now: `time.monotonic`.
        """
        with self._lock:
            old = [one for one in self.sitters if now - one.at > keep_seconds]
            if old:
                self._stop.set()
                self.sitters = [one for one in self.sitters if one not in old]
                self.board = None
            aged = [path for path in self.files() if time.time() - path.stat().st_mtime > keep_seconds]
            for path in aged:
                self.store.discard(path.stem)
        return bool(old or aged)

    def files(self) -> list[Path]:
        """The portraits on the disk, oldest first."""
        return sorted((self.folder / "cells").glob("*.png"), key=lambda path: path.stat().st_mtime)

    @contextmanager
    def exported(self, kind: str) -> Iterator[list[Path]]:
        """The board as files of one kind, which are gone afterwards.

        Raises:
            BoardError: There is no such kind, or nothing was asked for yet.
            SaveError: A file could not be written.
        """
        board, folder = self.require(), self.folder / f"export-{secrets.token_hex(4)}"
        try:
            yield export(board, self.photos, self.store, folder, (kind,))
            self.hand_on()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _tell(self, progress: Progress) -> None:
        self.progress = progress

    def _require_idle(self) -> None:
        if self.running:
            raise EngineBusy(say("The board is being made; stop it first."))

    def _cells_of(self, title: str) -> list[Cell]:
        return [cell for cell in self._cells.values() if cell.photo == title] if self.board else []


def _too_many(count: int, most: int) -> str:
    if most == MAX_PRINTS:
        return say(
            "This makes {number} portraits, and a board on this page has {most} at most for a print; choose fewer "
            "styles, scenes or photos, or the size for a screen.",
            number=count,
            most=most,
        )
    return say(
        "This makes {number} portraits, and a board on this page has {most} at most; choose fewer styles, scenes or "
        "photos.",
        number=count,
        most=most,
    )


def _in_words(outcome: Outcome) -> str:
    made = say_many("{count} portrait made", "{count} portraits made", outcome.made)
    if outcome.failed:
        made = say("{made}, {failed} failed", made=made, failed=outcome.failed)
    if outcome.stopped:
        return say("Stopped. {made}, {left} left; Make the board goes on from there.", made=made, left=outcome.left)
    return say("Ready. {made}.", made=made)


def _jpeg(picture: Image.Image) -> bytes:
    small = picture.convert("RGB").copy()
    small.thumbnail((_THUMB, _THUMB), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
