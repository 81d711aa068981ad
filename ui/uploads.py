"""Files that programs send through the API, by session, until the event that they are for has read them."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
import threading
import time
from pathlib import Path

_ENDING = re.compile(r"\.[a-z0-9]{1,5}")
UNREAD_SECONDS = 45.0  # looked at every 10 s: a file that nobody comes for is gone within the minute


class Uploads:
    """Files under unguessable names, in a folder for each session. Of a file's own name only the ending is kept.

    Args:
        folder: The private folder, which is also Gradio's.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._folder = folder / "uploads"
        self._lock = threading.Lock()  # so that no folder goes between its making and its first file

    def take(self, session: str, data: bytes, name: str) -> Path:
        """Write a file; returns where it lies."""
        ending = Path(name).suffix.lower()
        folder = self._of(session)
        path = folder / f"{secrets.token_hex(16)}{ending if _ENDING.fullmatch(ending) else ''}"
        with self._lock:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
        return path

    def files(self, session: str) -> list[Path]:
        """What lies here for a session."""
        return sorted(self._of(session).glob("*"))

    def remove(self, path: Path) -> None:
        """Delete a file and any copy that Gradio made of it, under the same random name, to hand it to a program."""
        for copy in (path, *self._root.glob(f"*/{path.name}")):
            with self._lock, contextlib.suppress(OSError):
                copy.unlink(missing_ok=True)
                copy.parent.rmdir()  # fails, as it should, where something is left inside

    def forget(self, session: str) -> None:
        """Delete all files of a session."""
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
