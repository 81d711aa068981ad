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
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import IO

from pipelines.errors import SaveError

fcntl: ModuleType | None
resource: ModuleType | None
try:
    import fcntl
    import resource
except ImportError:  # Windows: leftovers are told by age alone
    fcntl = resource = None

log = logging.getLogger(__name__)

_LEFTOVER_SECONDS = 24 * 3600.0
_TRIES = 5
_GONE = ".gone"
_NAME = re.compile(rf"studio-[0-9a-f]{{16}}({re.escape(_GONE)})?")


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
            self.path = root / f"studio-{secrets.token_hex(8)}"
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
        gone = self.path.with_suffix(_GONE)
        for _ in range(_TRIES):  # a portrait that is being saved just now may make its folder again
            with contextlib.suppress(OSError):
                self.path.rename(gone)  # at one stroke, so that nothing more is written into it
            shutil.rmtree(gone, ignore_errors=True)  # leaves a folder into which a file that was being made came last
            if not self.path.exists() and not gone.exists():
                break
        with contextlib.suppress(OSError):
            self._lock.close()
            Path(self._lock.name).unlink(missing_ok=True)


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
    """Only what bears a name of ours: an operator may have named a folder that others use, too."""
    names = {path.name.removesuffix(".lock") for path in root.iterdir()}
    for folder in (root / name for name in names if _NAME.fullmatch(name)):
        if _is_dead(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.with_suffix(".lock").unlink(missing_ok=True)
            log.info("removed what an earlier process left behind")


def _is_dead(folder: Path) -> bool:
    lock = folder.with_suffix(".lock")
    if folder.suffix == _GONE:
        return True
    if fcntl is None or not lock.exists():
        if not folder.exists():
            return True
        return time.time() - folder.stat().st_mtime > (_LEFTOVER_SECONDS if fcntl is None else 60.0)
    with lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
