"""The misuse log: what was refused and by which rule, so that an operator sees abuse without seeing anybody.

One JSON object a line, through logging, on the logger "studio.misuse": time, event, category, reviewer, rule, session.
The session is a keyed hash whose key is drawn at each start and kept nowhere: lines of one visit can be told to belong
together, and nothing leads back to it. Never in it: words, pictures, file names, addresses.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

from pipelines.errors import SettingsError
from pipelines.results import Refusal

LOGGER = "studio.misuse"
MAX_BYTES = 1_000_000
BACKUPS = 5

Event = Literal["words-refused", "crop-refused", "picture-refused", "too-often"]
log = logging.getLogger(LOGGER)


def _now() -> datetime:
    return datetime.now(UTC)


class MisuseLog:
    """Writes refusals. Safe for many threads.

    Args:
        clock: Answers the time of an event, with its zone.
    """

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def refused(
        self, event: Literal["words-refused", "crop-refused", "picture-refused"], refusal: Refusal, session: str
    ) -> None:
        """Note that a reviewer did not let something through."""
        self._write(event, refusal.category, refusal.reviewer, refusal.rule, session)

    def too_often(self, rule: str, session: str) -> None:
        """Note that a limit was reached."""
        self._write("too-often", "limit", "rate-limit", rule, session)

    def _write(self, event: Event, category: str, reviewer: str, rule: str, session: str) -> None:
        line = {
            "time": self._clock().astimezone(UTC).isoformat(timespec="seconds"),
            "event": event,
            "category": category,
            "reviewer": reviewer,
            "rule": rule,
            "session": hashlib.blake2b(session.encode(), key=self._key, digest_size=8).hexdigest(),
        }
        log.warning("%s", json.dumps(line, ensure_ascii=True))


def write_to(path: Path) -> logging.Handler:
    """Send the log to a file of its own as well, readable by its owner only, rotated at MAX_BYTES, BACKUPS kept.

    Returns:
        The handler, the same one for the same file. To stop, take it off the logger and close it.

    Raises:
        SettingsError: The file cannot be written.
    """
    for known in log.handlers:
        if isinstance(known, _PrivateFile) and known.baseFilename == str(path.absolute()):
            return known
    try:
        handler = _PrivateFile(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            "The file of the setting STUDIO_MISUSE_LOG cannot be written; choose another one and start again.",
            detail=repr(error),
        ) from error
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(handler)
    return handler


class _PrivateFile(RotatingFileHandler):
    """A rotating file whose every generation only its owner may read."""

    def _open(self) -> TextIOWrapper:
        os.close(os.open(self.baseFilename, os.O_CREAT | os.O_WRONLY, 0o600))
        return super()._open()
