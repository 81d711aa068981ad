"""The private temporary folder of this process: portraits, and what Gradio writes while it serves the API.

Gradio's own cache lies in a folder that all its apps share, is readable by other users of the machine and survives
SIGTERM and a crash. This one is readable by its owner only and emptied at start (leftovers of dead processes), by age,
at exit and on SIGTERM.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType
from typing import IO

from pipelines.errors import SaveError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: leftovers are told by age alone
    fcntl = None

log = logging.getLogger(__name__)

_LEFTOVER_SECONDS = 24 * 3600.0


class PrivateFolder:
    """A folder of this process alone, mode 0700.

    Args:
        parent: Where to make it; left out, below the system's temporary folder.

    Raises:
        SaveError: It cannot be made; the hint says what to do.
    """

    def __init__(self, parent: Path | None = None) -> None:
        user = os.getuid() if hasattr(os, "getuid") else "user"
        root = parent or Path(tempfile.gettempdir()) / f"self-portrait-studio-{user}"
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if parent is None:
                _refuse_foreign(root)
            _purge_leftovers(root)
            self.path = root / secrets.token_hex(8)
            self.path.mkdir(mode=0o700)
            self._lock = _lock_file(root / f"{self.path.name}.lock")
        except OSError as error:
            raise SaveError(
                "The temporary folder cannot be written to; set STUDIO_TEMP_DIR to a folder that you may write to.",
                detail=repr(error),
            ) from error
        atexit.register(self.remove)

    @property
    def portraits(self) -> Path:
        """Where portraits go."""
        return self.path / "portraits"

    def use_for_gradio(self) -> None:
        """Point Gradio's uploads and cache here. Must run before the page is built."""
        os.environ["GRADIO_TEMP_DIR"] = str(self.path)

    def purge_older_than(self, seconds: float) -> None:
        """Delete every file below the folder that is older, and folders that are empty."""
        limit = time.time() - seconds
        for folder, _, names in os.walk(self.path, topdown=False):
            for name in names:
                file = Path(folder, name)
                with contextlib.suppress(OSError):
                    if file.stat().st_mtime < limit:
                        file.unlink()
            with contextlib.suppress(OSError):
                if Path(folder) != self.path and Path(folder).stat().st_mtime < limit:
                    Path(folder).rmdir()  # fails, as it should, where something is left inside

    def remove(self) -> None:
        """Delete the folder with all that is in it. Doing it twice is no error."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self._lock.close()
            Path(self._lock.name).unlink(missing_ok=True)


def exit_on_sigterm() -> None:
    """Let SIGTERM (docker, systemd, Space stop) end the process as Ctrl+C does, so that exit handlers run."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def every_minute(*tasks: Callable[[], None]) -> threading.Thread:
    """Run tasks once a minute in a daemon thread; one that fails is logged and tried again."""

    def work() -> None:
        while True:
            time.sleep(60.0)
            for task in tasks:
                try:
                    task()
                except Exception:
                    log.exception("housekeeping failed and will be tried again")

    thread = threading.Thread(target=work, name="housekeeping", daemon=True)
    thread.start()
    return thread


def _refuse_foreign(root: Path) -> None:
    """The name is predictable, so somebody else could have made it first."""
    status = root.lstat()
    if root.is_symlink() or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        raise PermissionError("the temporary folder belongs to somebody else")
    root.chmod(0o700)


def _lock_file(path: Path) -> IO[str]:
    """A file that stays locked for as long as this process lives, however it dies."""
    file = path.open("w")
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _purge_leftovers(root: Path) -> None:
    for folder in root.iterdir():
        if folder.is_dir() and _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)
            log.info("removed what an earlier process left behind")


def _is_dead(folder: Path) -> bool:
    lock = folder.with_suffix(".lock")
    if fcntl is None or not lock.exists():
        return time.time() - folder.stat().st_mtime > (_LEFTOVER_SECONDS if fcntl is None else 60.0)
    with lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
