"""Consent: who said yes to which version of the text and to which purposes, and taking it back.

Records live in memory, by session, and end with the session or the process; of several fronts they are in a register
that these share (`study/consent_records.py`). They hold no name, no address, no photo.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from languages.saying import language, say
from pipelines.errors import ConsentMissing, RequestInvalid
from pipelines.schema import Consent, Purpose, Value
from study.consent_records import NO_WORDS, ConsentRecords, MemoryRecords, Words
from study.notice import ConsentNotice, load_notice

_MAX_SESSIONS = 10_000
_FULL = say("Too many visits are open here just now, so no more consents can be noted. Please try again in an hour.")
ASK = say("Tick the consent box first; without it no photo is taken in.")

NOT_YOURS = say("This belongs to another visit. Reload the page to begin your own.")
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
        records: Where they are kept; left out, in memory.
    """

    def __init__(
        self,
        notice: ConsentNotice | None = None,
        others: Iterable[ConsentNotice] = (),
        records: ConsentRecords | None = None,
    ) -> None:
        self._notice = notice or load_notice()
        self._notices = {one.language: one for one in (*others, self._notice)}
        self._by_hash = {one.sha256: one for one in self._notices.values()}
        self._records = records if records is not None else MemoryRecords()

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
        """Whether no further session can say yes here until another one has ended."""
        return len(self._records) >= _MAX_SESSIONS

    @property
    def is_shared(self) -> bool:
        """Whether other fronts see the same records."""
        return not isinstance(self._records, MemoryRecords)

    def grant(self, session: str | None, agreed: object, words: Words = NO_WORDS) -> Consent:
        """Write down a yes to the needed purpose. Only the value True is a yes: not 1, not "true".

        A session that has said yes keeps its record: where there is no room, newcomers have to wait.

        Args:
            session: Whose yes.
            agreed: What was said.
            words: Of the browser that says it, so that no other one speaks for the session at another front.

        Raises:
            ConsentMissing: Anything else, there is no session to write it down for, it has said yes in another
                browser, or `is_full`.
            RegisterAway: It could not be written down.
        """
        if agreed is not True or not isinstance(session, str) or len(session) < 4:
            raise ConsentMissing(ASK)
        if self.is_full and self._valid(session) is None:
            raise ConsentMissing(_FULL)
        notice = self.notice
        wanted = Consent(
            id=secrets.token_hex(16),
            session=session,
            granted_at=_now(),
            notice_version=notice.version,
            notice_sha256=notice.sha256,
        )
        record = self._records.add(wanted, words)
        if record is not None and record.notice_sha256 not in self._by_hash:  # of another version of the text
            self._records.remove(session)
            record = self._records.add(wanted, words)
        if record is None:
            raise ConsentMissing(NOT_YOURS)
        return record

    def allow(self, session: str | None, purpose: object, agreed: object) -> Consent:
        """Tick one of the optional purposes, or take it back. Only the value True ticks it; all else takes it back.

        Raises:
            ConsentMissing: There is no consent that it could be added to.
            RequestInvalid: It is not offered here.
            RegisterAway: It could not be written down.
        """
        offered: dict[object, Purpose] = {one.id: one.id for one in self.notice.optional}

        def changed(record: Consent) -> Consent:
            if record.notice_sha256 not in self._by_hash:
                raise ConsentMissing(ASK)
            if not isinstance(purpose, str) or purpose not in offered:
                raise RequestInvalid(NOT_OFFERED)
            wanted = {*record.purposes} - {offered[purpose]} | ({offered[purpose]} if agreed is True else set())
            if wanted == {*record.purposes}:
                return record
            ordered = tuple(one.id for one in self.notice.purposes if one.id in wanted)
            return record.model_copy(update={"purposes": ordered, "changed_at": _now()})

        record = self._records.change(session or "", changed)
        if record is None:
            raise ConsentMissing(ASK)
        return record

    def require(self, session: str | None) -> Consent:
        """The session's record.

        Raises:
            ConsentMissing: There is none, or it is for another version of the text.
            RegisterAway: It cannot be looked up, and so counts as none.
        """
        record = self._valid(session)
        if record is None:
            raise ConsentMissing(ASK)
        return record

    def withdraw(self, session: str | None) -> bool:
        """Take a yes back. Returns whether there was one."""
        return self.end(session) is not None

    def end(self, session: str | None, words: Words | None = None) -> Consent | None:
        """As `withdraw`, and returns the record that was taken back.

        Args:
            session: Whose yes.
            words: Of the browser that takes it back, where it may have said it at another front.

        Raises:
            RegisterAway: It was said at another front, and could not be taken back.
        """
        return self._records.remove(session or "", words)

    def by_number(self, number: str) -> Consent | None:
        """The record with this receipt number, of whichever front.

        Raises:
            RegisterAway: It cannot be looked up.
        """
        return self._records.by_number(number)

    def end_number(self, number: str) -> None:
        """Take back the yes with this receipt number, of whichever front.

        Raises:
            RegisterAway: It could not be taken back.
        """
        self._records.remove_number(number)

    def renew(self) -> Sequence[str]:
        """Keep this front's records alive. Returns sessions whose consent was taken back at another front."""
        return self._records.renew()

    def close(self) -> None:
        """The program ends, and with it all visits: their records go from wherever they are."""
        self._records.close()

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
        record = self._records.find(session or "")
        return record if record is not None and record.notice_sha256 in self._by_hash else None


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
