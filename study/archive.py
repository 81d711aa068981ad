"""Portraits that visitors allowed to be kept, in the operator's study folder; and their deletion.

    <folder>/<receipt number>/<random name>.png     a copy of the portrait, byte for byte; never the photo
    <folder>/<receipt number>/<random name>.json    what it may be used for: purposes, receipt number, text, time

The receipt number is what a visitor has in hand, so a withdrawal finds everything without a list of people. Folders are
readable by their owner only. Every copy has its paper beside it; one that has not, as after a crash, is deleted.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import ValidationError

from languages.saying import say
from pipelines.errors import SaveError
from pipelines.schema import Consent, Purpose, Value

KEEPING: frozenset[Purpose] = frozenset({"study", "examples"})  # the purposes that let a copy be kept
_PURGE_SECONDS = 3600.0
_NUMBER = re.compile(r"[0-9a-f]{32}")
_GONE_WRONG = say("The copies for the study could not be deleted; tell the operator the number of your receipt.")


class Paper(Value):
    """What lies beside a copy."""

    receipt: str
    purposes: tuple[Purpose, ...]
    text_version: str
    text_sha256: str
    kept_at: datetime
    delete_after: date


@dataclass(frozen=True)
class KeptCopy:
    """A copy on the disk."""

    path: Path
    bytes: int
    paper: Paper


class PortraitArchive:
    """Copies by receipt number. Safe for many threads.

    Args:
        folder: The operator's; made if it is not there.
        until: Last day (UTC) of keeping.

    Raises:
        SaveError: The folder cannot be written to.
    """

    def __init__(self, folder: Path, until: date) -> None:
        self.until = until
        self.folder = folder
        self._purged: tuple[date, float] | None = None
        self._lock = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = folder / f".{secrets.token_hex(8)}"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            raise SaveError(
                "STUDIO_STUDY_FOLDER cannot be written to; choose a folder that this program may write to.",
                detail=repr(error),
            ) from error

    def keep(self, consent: Consent, portrait: Path) -> KeptCopy | None:
        """Copy a portrait, if a purpose of the consent allows it and the study is not over.

        Raises:
            SaveError: It could not be written; nothing is left of it.
        """
        purposes = tuple(purpose for purpose in consent.purposes if purpose in KEEPING)
        if not purposes or _today() > self.until:
            return None
        paper = Paper(
            receipt=consent.id,
            purposes=purposes,
            text_version=consent.notice_version,
            text_sha256=consent.notice_sha256,
            kept_at=datetime.now(UTC).replace(microsecond=0),
            delete_after=self.until,
        )
        with self._lock:
            home = self._home(consent.id)
            copy = home / f"{secrets.token_hex(16)}{portrait.suffix}"
            try:
                home.mkdir(mode=0o700, exist_ok=True)
                _write(copy.with_suffix(".json"), paper.model_dump_json(indent=2).encode())
                _write(copy, portrait.read_bytes())
            except OSError as error:
                for path in (copy, copy.with_suffix(".json")):
                    path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    home.rmdir()
                raise SaveError(
                    say("No copy could be kept for the study; the portrait itself is yours as ever."),
                    detail=repr(error),
                ) from error
            return KeptCopy(copy, copy.stat().st_size, paper)

    def copies(self, receipt: str) -> list[KeptCopy]:
        """What lies there for a receipt now, oldest first."""
        with self._lock:
            return self._copies(receipt)

    def restrict(self, consent: Consent) -> int:
        """Take back what a consent does not allow any more. Returns how many copies were deleted.

        Raises:
            SaveError: Something could not be deleted or rewritten.
        """
        deleted = 0
        with self._lock, _reporting():
            for copy in self._copies(consent.id):
                left = tuple(purpose for purpose in copy.paper.purposes if purpose in consent.purposes)
                if not left:
                    copy.path.unlink()
                    copy.path.with_suffix(".json").unlink()
                    deleted += 1
                elif left != copy.paper.purposes:
                    changed = copy.paper.model_copy(update={"purposes": left})
                    _write(copy.path.with_suffix(".json"), changed.model_dump_json(indent=2).encode())
            self._remove_if_empty(self._home(consent.id))
        return deleted

    def delete(self, receipt: str) -> int:
        """Delete everything of a receipt. Returns how many copies there were; 0 for a number that is unknown or none.

        Raises:
            SaveError: Something could not be deleted.
        """
        if not _NUMBER.fullmatch(receipt):
            return 0
        with self._lock, _reporting():
            count = len(self._copies(receipt))
            home = self._home(receipt)
            if home.exists():
                shutil.rmtree(home)
            return count

    def sweep(self, now: float, today: date | None = None) -> None:
        """`purge` once an hour and on each new day, however often this is called: it reads every paper.

        Args:
            now: Seconds that never go back.
            today: For tests; left out, today in UTC.

        Raises:
            SaveError: As `purge`; the next call tries again.
        """
        today = today or _today()
        if self._purged is None or today != self._purged[0] or now - self._purged[1] >= _PURGE_SECONDS:
            self.purge(today)
            self._purged = today, now

    def purge(self, today: date | None = None) -> None:
        """Delete copies whose last day is over, and whatever has no paper beside it.

        Raises:
            SaveError: Something could not be deleted; all else is.
        """
        today = today or _today()
        stuck: list[OSError] = []
        for home in [path for path in self.folder.iterdir() if _NUMBER.fullmatch(path.name)]:
            with self._lock:  # one receipt at a time: whoever keeps a copy meanwhile does not wait for all
                stuck += self._purge_home(home, today)
        if stuck:
            raise SaveError(
                "Copies in STUDIO_STUDY_FOLDER could not be deleted though their last day is over; let this program"
                " write there, or delete them by hand.",
                detail=repr(stuck[0]),
            ) from stuck[0]

    def _purge_home(self, home: Path, today: date) -> list[OSError]:
        if not home.is_dir():  # withdrawn meanwhile, or the operator's own
            return []
        stuck: list[OSError] = []
        copies = self._copies(home.name)
        current = {copy.path.stem for copy in copies if min(copy.paper.delete_after, self.until) >= today}
        for path in home.iterdir():
            if path.stem not in current:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    stuck.append(error)
        self._remove_if_empty(home)
        return stuck

    def _copies(self, receipt: str) -> list[KeptCopy]:
        if not _NUMBER.fullmatch(receipt):
            return []
        found: list[KeptCopy] = []
        for path in self._home(receipt).glob("*.json"):
            picture = next((other for other in path.parent.glob(f"{path.stem}.*") if other != path), None)
            with contextlib.suppress(OSError, ValidationError, json.JSONDecodeError):
                if picture is not None:
                    found.append(KeptCopy(picture, picture.stat().st_size, Paper.model_validate_json(path.read_text())))
        return sorted(found, key=lambda copy: (copy.paper.kept_at, copy.path.stat().st_mtime_ns))

    def _home(self, receipt: str) -> Path:
        return self.folder / receipt

    def _remove_if_empty(self, home: Path) -> None:
        with contextlib.suppress(OSError):
            home.rmdir()  # fails, as it should, where something is left inside


@contextlib.contextmanager
def _reporting() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SaveError(_GONE_WRONG, detail=repr(error)) from error


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, readable by the owner only."""
    draft = path.with_name(f".{path.name}")
    try:
        draft.touch(mode=0o600)
        draft.write_bytes(data)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _today() -> date:
    return datetime.now(UTC).date()
