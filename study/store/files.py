"""The files of participants' pictures: <folder>/pictures/<participant>/<random name>.png."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from languages.saying import say
from pipelines.errors import StudyStoreError

log = logging.getLogger(__name__)

_NO_FILE = say(
    "A portrait could not be stored: the disk is full or cannot be written to. What was confirmed before is safe."
)
_LEFT = say("The answers are deleted, but the file of a portrait could not be; that is tried again every minute.")


class PictureFiles:
    """Args: folder: The operator's; made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "pictures"

    def path(self, participant: str, name: str) -> Path:
        """Where a picture lies."""
        return self._folder / participant / f"{name}.png"

    def write(self, participant: str, name: str, data: bytes) -> Path:
        """All of it, on the disk, or nothing.

        Raises:
            StudyStoreError: It could not be written.
        """
        path = self.path(participant, name)
        draft = path.with_suffix(".draft")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StudyStoreError(_NO_FILE, detail=type(error).__name__) from error
        return path

    def delete(self, path: Path) -> None:
        """Delete a file; where that fails, the next sweep tries again."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.error("a picture of a study cannot be deleted: %s", type(error).__name__)

    def delete_all(self, participant: str) -> None:
        """Delete all files of somebody.

        Raises:
            StudyStoreError: One is left.
        """
        home = self._folder / participant
        if home.exists():
            try:
                shutil.rmtree(home)
            except OSError as error:
                raise StudyStoreError(_LEFT, detail=type(error).__name__) from error

    def sweep(self, keep: Callable[[str], set[str] | None], older_than: float) -> None:
        """Delete files that no row speaks for: a deletion was cut off, or the row of a new file was never written.

        Args:
            keep: Of a participant, the names of the files that are to be there; None where nobody is left.
            older_than: Time in seconds since 1970: a younger file may be about to get its row.
        """
        for home in list(self._folder.iterdir()) if self._folder.is_dir() else []:
            if not home.is_dir():
                continue
            names = keep(home.name)
            for path in home.iterdir():
                if names is None or (path.stem not in names and path.stat().st_mtime < older_than):
                    self.delete(path)
            if not any(home.iterdir()):
                home.rmdir()
