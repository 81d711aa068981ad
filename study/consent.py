"""Consent: who said yes to which version of the text and to which purposes, and taking it back.

Records live in memory, by session, and end with the session or the process. They hold no name, no address, no photo.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from languages.saying import language, say
from pipelines.errors import ConsentMissing, RequestInvalid
from pipelines.schema import Consent, Purpose, Value
from study.notice import ConsentNotice, load_notice

_MAX_SESSIONS = 10_000
_FULL = say("Too many visits are open here just now, so no more consents can be noted. Please try again in an hour.")
ASK = say("Tick the consent box first; without it no photo is taken in.")

NOT_OFFERED = say("That is not offered here: only what stands in the consent text can be allowed.")


class Ticked(Value):
    """A purpose on a receipt, with the words that stood beside its tick."""

    id: Purpose
    label: str


class Receipt(Value):
    """What a visitor gets of a consent, to keep. Says nothing of who they are.

    The number is random and known to this visitor alone: with it a consent can be withdrawn after the visit.
    """

    kind: Literal["Receipt of consent, Self-Portrait Studio"] = "Receipt of consent, Self-Portrait Studio"
    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    granted_at: datetime
    changed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    purposes: tuple[Ticked, ...]
    operator: str
    text_version: str
    text_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of `text`, UTF-8.")
    language: str
    text: str


class ConsentRegistry:
    """Who agreed, by session, and to the text in which language. Safe for many threads.

    Args:
        notice: The text, in English; left out, that of a studio without settings.
        others: The same text in other languages.
    """

    def __init__(self, notice: ConsentNotice | None = None, others: Iterable[ConsentNotice] = ()) -> None:
        self._notice = notice or load_notice()
        self._notices = {one.language: one for one in (*others, self._notice)}
        self._by_hash = {one.sha256: one for one in self._notices.values()}
        self._records: dict[str, Consent] = {}
        self._lock = threading.Lock()

    @property
    def notices(self) -> tuple[ConsentNotice, ...]:
        """The text in every language."""
        return tuple(self._notices.values())

    @property
    def notice(self) -> ConsentNotice:
        """The text in the language that is spoken."""
        return self._notices.get(language(), self._notice)

    @property
    def is_full(self) -> bool:
        """Whether no further session can say yes until another one has ended."""
        return len(self._records) >= _MAX_SESSIONS

    def grant(self, session: str | None, agreed: object) -> Consent:
        """Write down a yes to the needed purpose. Only the value True is a yes: not 1, not "true".

        A session that has said yes keeps its record: where there is no room, newcomers have to wait.

        Raises:
            ConsentMissing: Anything else, there is no session to write it down for, or `is_full`.
        """
        if agreed is not True or not isinstance(session, str) or len(session) < 4:
            raise ConsentMissing(ASK)
        notice = self.notice
        with self._lock:
            record = self._valid(session)
            if record is None:
                if self.is_full:
                    raise ConsentMissing(_FULL)
                record = Consent(
                    id=secrets.token_hex(16),
                    session=session,
                    granted_at=_now(),
                    notice_version=notice.version,
                    notice_sha256=notice.sha256,
                )
                self._records[session] = record
        return record

    def allow(self, session: str | None, purpose: object, agreed: object) -> Consent:
        """Tick one of the optional purposes, or take it back. Only the value True ticks it; all else takes it back.

        Raises:
            ConsentMissing: There is no consent that it could be added to.
            RequestInvalid: It is not offered here.
        """
        offered: dict[object, Purpose] = {one.id: one.id for one in self.notice.optional}
        with self._lock:
            record = self._valid(session)
            if record is None:
                raise ConsentMissing(ASK)
            if not isinstance(purpose, str) or purpose not in offered:
                raise RequestInvalid(NOT_OFFERED)
            wanted = {*record.purposes} - {offered[purpose]} | ({offered[purpose]} if agreed is True else set())
            if wanted != {*record.purposes}:
                ordered = tuple(one.id for one in self.notice.purposes if one.id in wanted)
                record = record.model_copy(update={"purposes": ordered, "changed_at": _now()})
                self._records[record.session] = record
        return record

    def require(self, session: str | None) -> Consent:
        """The session's record.

        Raises:
            ConsentMissing: There is none, or it is for another version of the text.
        """
        with self._lock:
            record = self._valid(session)
        if record is None:
            raise ConsentMissing(ASK)
        return record

    def withdraw(self, session: str | None) -> bool:
        """Take a yes back. Returns whether there was one."""
        return self.end(session) is not None

    def end(self, session: str | None) -> Consent | None:
        """As `withdraw`, and returns the record that was taken back."""
        with self._lock:
            return self._records.pop(session or "", None)

    def by_number(self, number: str) -> Consent | None:
        """The record with this receipt number."""
        with self._lock:
            return next((record for record in self._records.values() if record.id == number), None)

    def receipt(self, consent: Consent, *, withdrawn: bool = False) -> Receipt:
        """What the visitor gets of a record, in the language in which they agreed."""
        notice = self._by_hash[consent.notice_sha256]
        return Receipt(
            id=consent.id,
            granted_at=consent.granted_at,
            changed_at=consent.changed_at,
            withdrawn_at=_now() if withdrawn else None,
            purposes=tuple(Ticked(id=one, label=notice.label(one)) for one in consent.purposes),
            operator=notice.operator,
            text_version=consent.notice_version,
            text_sha256=consent.notice_sha256,
            language=notice.language,
            text=notice.document,
        )

    def _valid(self, session: str | None) -> Consent | None:
        record = self._records.get(session or "")
        return record if record is not None and record.notice_sha256 in self._by_hash else None


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
