"""Files that programs send through the API, by session, until the event that they are for has read them."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from languages.saying import say
from pipelines.errors import RegisterAway, TooOften
from visits.counts import Counts

_ENDING = re.compile(r"\.[a-z0-9]{1,5}")
UNREAD_SECONDS = 45.0  # looked at every 10 s: a file that nobody comes for is gone within the minute
MAX_UNREAD = 2  # files of a session
MAX_UNREAD_FILES = 200  # of all sessions together
MAX_UNREAD_BYTES = 512 * 1024 * 1024


class Uploads:
    """Files under unguessable names, in a folder for each session. Of a file's own name only the ending is kept.

    Args:
        folder: The private folder, which is also where the page's framework keeps copies.
        copies: The copies that it made of a file, by the folder and the file's name.
        counts: What several fronts share, where there are several; files elsewhere then count for a session, too.
    """

    def __init__(
        self,
        folder: Path,
        copies: Callable[[Path, str], Iterable[Path]] = lambda _folder, _name: (),
        counts: Counts | None = None,
    ) -> None:
        self._root = folder
        self._counts = counts
        self._counted: dict[Path, tuple[bytes, float]] = {}  # files that count for other fronts, and from when
        self._copies = copies
        self._folder = folder / "uploads"
        self._lock = threading.Lock()  # so that no folder goes between its making and its first file

    def take(self, session: str, data: bytes, name: str) -> Path:
        """Write a file; returns where it lies. Of a session's files only the newest MAX_UNREAD stay.

        Raises:
            TooOften: All sessions together have as many unread files as may lie here, or the session has as many at
                other fronts.
            RegisterAway: What lies at other fronts cannot be looked up.
        """
        ending = Path(name).suffix.lower()
        folder = self._of(session)
        path = folder / f"{secrets.token_hex(16)}{ending if _ENDING.fullmatch(ending) else ''}"
        elsewhere = self._count(session, path)
        with self._lock, self._not_counted_on_error(path):
            mine = sorted(folder.glob("*"), key=lambda file: file.stat().st_mtime_ns)
            for older in mine[: max(0, len(mine) + 1 + elsewhere - MAX_UNREAD)]:
                self._unlink(older)
            self._require_room(len(data))
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

    def _count(self, session: str, path: Path) -> int:
        """Count a file for all fronts. Returns how many unread ones the session has at others."""
        if self._counts is None:
            return 0
        key = self._counts.hashed("unread", session)
        with self._counts.open([key]) as ledger:
            here = {at for counted, at in list(self._counted.values()) if counted == key}
            unread = [one.at for one in ledger.recent(key) if ledger.now - one.at < UNREAD_SECONDS]
            elsewhere = sum(at not in here for at in unread)
            if elsewhere >= MAX_UNREAD:
                words = say("Photos of yours are waiting to be read already; send this one again in a minute.")
                raise TooOften(words, seconds=UNREAD_SECONDS, rule="unread-uploads")
            ledger.count(key, 1)
            self._counted[path] = key, ledger.now
        return elsewhere

    def _uncount(self, path: Path) -> None:
        """A file is read, or deleted."""
        counted = self._counted.pop(path, None)
        if self._counts is not None and counted is not None:
            key, at = counted
            with contextlib.suppress(RegisterAway), self._counts.open([key]) as ledger:
                ledger.take_out(key, at, 1)

    @contextlib.contextmanager
    def _not_counted_on_error(self, path: Path) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._uncount(path)
            raise

    def _require_room(self, size: int) -> None:
        sizes = [file.stat().st_size for file in self._folder.glob("*/*")]
        if len(sizes) >= MAX_UNREAD_FILES or sum(sizes) + size > MAX_UNREAD_BYTES:
            words = say("Too many photos of others are waiting to be read just now; send yours again in a minute.")
            raise TooOften(words, seconds=60.0, rule="unread-uploads")

    def files(self, session: str) -> list[Path]:
        """What lies here for a session."""
        return sorted(self._of(session).glob("*"))

    def remove(self, path: Path) -> None:
        """Delete a file and the copies that were made of it, under the same random name, to hand it to a program."""
        with self._lock:
            self._unlink(path)

    def _unlink(self, path: Path) -> None:
        self._uncount(path)
        for copy in (path, *self._copies(self._root, path.name)):
            with contextlib.suppress(OSError):
                copy.unlink(missing_ok=True)
                copy.parent.rmdir()  # fails, as it should, where something is left inside

    def forget(self, session: str) -> None:
        """Delete all files of a session."""
        with self._lock:
            for path in self.files(session):
                self._uncount(path)
            shutil.rmtree(self._of(session), ignore_errors=True)

    def sweep(self, now: float | None = None) -> None:
        """Delete what nobody came for."""
        now = time.time() if now is None else now
        for path in self._folder.glob("*/*"):
            with self._lock, contextlib.suppress(OSError):
                if now - path.stat().st_mtime > UNREAD_SECONDS:
                    self._counted.pop(path, None)  # too old to count
                    path.unlink()
                    path.parent.rmdir()

    def _of(self, session: str) -> Path:
        return self._folder / hashlib.sha256(session.encode()).hexdigest()[:32]
