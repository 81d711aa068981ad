"""Consent: what is read, who said yes to which version, and taking it back.

Records live in memory, by session, and end with the session or the process. They hold no name, no address, no photo.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipelines.errors import ConsentMissing
from pipelines.schema import Consent

_SUMMARY = "I am 18 or older, this is my own face, and this app may turn my photo into AI portraits now."

_TEXT = """\
**What happens.** Your photo is turned into portraits by a program that runs where this app runs. Nothing is sent to
another company or another website.

**Why.** Only to show the portraits to you. Nobody is identified, no face is compared with others, nothing is used for
training, and neither age nor gender nor origin is guessed.

**How long.** Your photo is kept in memory, and the pictures that this page shows lie in a private temporary folder.
Both are deleted when you press *Delete my data*, when you close the page, after at most an hour, and when the app
stops.

**What you get.** Every portrait says in its metadata that a machine made it. Download what you want to keep.

**Whose face.** Use your own photo. Do not use a photo of somebody else, of a child, or one that you may not use.

**Changing your mind.** Press *Delete my data* at any time. This takes your consent back, and the photo and all
portraits are deleted at once.
"""

_MAX_SESSIONS = 10_000


@dataclass(frozen=True)
class ConsentNotice:
    """The text that a visitor agrees to. A changed text is a new version."""

    version: str = "2026-11-23"
    summary: str = _SUMMARY
    text: str = _TEXT
    sha256: str = field(default=hashlib.sha256(f"{_SUMMARY}\n\n{_TEXT}".encode()).hexdigest())


class ConsentRegistry:
    """Who agreed, by session. Safe for many threads."""

    def __init__(self, notice: ConsentNotice | None = None) -> None:
        self.notice = notice or ConsentNotice()
        self._records: dict[str, Consent] = {}
        self._lock = threading.Lock()

    def grant(self, session: str | None, agreed: object) -> Consent:
        """Write down a yes. Only the value True is a yes: not 1, not "true".

        Raises:
            ConsentMissing: Anything else, or there is no session to write it down for.
        """
        if agreed is not True or not isinstance(session, str) or len(session) < 4:
            raise ConsentMissing("Tick the consent box first; without it no photo is taken in.")
        record = Consent(
            id=secrets.token_hex(8),
            session=session,
            granted_at=datetime.now(UTC),
            notice_version=self.notice.version,
            notice_sha256=self.notice.sha256,
        )
        with self._lock:
            self._records[session] = record
            while len(self._records) > _MAX_SESSIONS:  # the oldest must ask again; dicts keep their order
                del self._records[next(iter(self._records))]
        return record

    def require(self, session: str | None) -> Consent:
        """The session's record.

        Raises:
            ConsentMissing: There is none, or it is for another version of the text.
        """
        with self._lock:
            record = self._records.get(session or "")
        if record is None or record.notice_sha256 != self.notice.sha256:
            raise ConsentMissing("Tick the consent box first; without it no photo is taken in.")
        return record

    def withdraw(self, session: str | None) -> bool:
        """Take a yes back. Returns whether there was one."""
        with self._lock:
            return self._records.pop(session or "", None) is not None
