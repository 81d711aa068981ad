"""Files that programs send through the API, by session, until the event that they are for has read them."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from languages.saying import say
from pipelines.errors import TooOften

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
    """

    def __init__(self, folder: Path, copies: Callable[[Path, str], Iterable[Path]] = lambda _folder, _name: ()) -> None:
        self._root = folder
        self._copies = copies
        self._folder = folder / "uploads"
        self._lock = threading.Lock()  # so that no folder goes between its making and its first file

    def take(self, session: str, data: bytes, name: str) -> Path:
        """Write a file; returns where it lies. Of a session's files only the newest MAX_UNREAD stay.

        Raises:
            TooOften: All sessions together have as many unread files as may lie here.
        """
        ending = Path(name).suffix.lower()
        folder = self._of(session)
        path = folder / f"{secrets.token_hex(16)}{ending if _ENDING.fullmatch(ending) else ''}"
        with self._lock:
            mine = sorted(folder.glob("*"), key=lambda file: file.stat().st_mtime_ns)
            for older in mine[: max(0, len(mine) + 1 - MAX_UNREAD)]:
                self._unlink(older)
            self._require_room(len(data))
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

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
        for copy in (path, *self._copies(self._root, path.name)):
            with contextlib.suppress(OSError):
                copy.unlink(missing_ok=True)
                copy.parent.rmdir()  # fails, as it should, where something is left inside

    def forget(self, session: str) -> None:
        """Delete all files of a session."""
        with self._lock:
            shutil.rmtree(self._of(session), ignore_errors=True)

    def sweep(self, now: float | None = None) -> None:
        """Delete what nobody came for."""
        now = time.time() if now is None else now
        for path in self._folder.glob("*/*"):
            with self._lock, contextlib.suppress(OSError):
                if now - path.stat().st_mtime > UNREAD_SECONDS:
                    path.unlink()
                    path.parent.rmdir()

    def _of(self, session: str) -> Path:
        return self._folder / hashlib.sha256(session.encode()).hexdigest()[:32]
