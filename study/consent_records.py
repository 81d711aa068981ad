"""Where consents are on record: in the memory of this process, or in a register that several fronts share."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from pipelines.errors import RegisterAway
from pipelines.schema import Consent
from study.register import Register, consents

LEASE_SECONDS = 300.0  # so long a consent outlives a front that died without a word
_NUMBER = re.compile(r"[0-9a-f]{32}")
Words = tuple[str, ...]  # the random words in a browser's cookies; one empty word for programs
NO_WORDS: Words = ("",)


class ConsentRecords(Protocol):
    """Records by session. Those in memory never raise; a register that does not answer raises RegisterAway."""

    def __len__(self) -> int:
        """How many were added here and not removed."""
        ...

    def find(self, session: str) -> Consent | None:
        """The record of a session."""
        ...

    def add(self, record: Consent, words: Words) -> Consent | None:
        """Put a record down for who has these words. Returns the one that stands: an earlier one of theirs stays.

        None where the session has the record of somebody else.
        """
        ...

    def change(self, session: str, changed: Callable[[Consent], Consent]) -> Consent | None:
        """Put what is made of a record in its place; None where there is none."""
        ...

    def remove(self, session: str, words: Words | None = None) -> Consent | None:
        """Take a record out, for all fronts, and return it.

        Args:
            session: Whose record.
            words: Of who asks, where it may be another front's record; left out, only what was added here is taken
                out, and that is over for this front at once, also where a register does not answer.
        """
        ...

    def by_number(self, number: str) -> Consent | None:
        """The record with this receipt number."""
        ...

    def remove_number(self, number: str) -> None:
        """Take the record with this receipt number out, whichever front it was added at."""
        ...

    def renew(self) -> Sequence[str]:
        """Say that this front lives. Returns sessions of its own whose records were taken out elsewhere."""
        ...

    def close(self) -> None:
        """This front ends: take out all that was added here."""
        ...


class MemoryRecords:
    """In this process, whose wall between visitors knows who owns a session. See ConsentRecords. Safe for threads."""

    def __init__(self) -> None:
        self._records: dict[str, Consent] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._records)

    def find(self, session: str) -> Consent | None:
        """See ConsentRecords."""
        with self._lock:
            return self._records.get(session)

    def add(self, record: Consent, words: Words) -> Consent | None:
        """See ConsentRecords."""
        with self._lock:
            return self._records.setdefault(record.session, record)

    def change(self, session: str, changed: Callable[[Consent], Consent]) -> Consent | None:
        """See ConsentRecords."""
        with self._lock:
            record = self._records.get(session)
            if record is not None:
                record = self._records[session] = changed(record)
        return record

    def remove(self, session: str, words: Words | None = None) -> Consent | None:
        """See ConsentRecords."""
        with self._lock:
            return self._records.pop(session, None)

    def by_number(self, number: str) -> Consent | None:
        """See ConsentRecords."""
        with self._lock:
            return next((record for record in self._records.values() if record.id == number), None)

    def remove_number(self, number: str) -> None:
        """See ConsentRecords."""
        record = self.by_number(number)
        if record is not None:
            self.remove(record.session)

    def renew(self) -> Sequence[str]:
        """See ConsentRecords: there is no elsewhere."""
        return ()

    def close(self) -> None:
        """See ConsentRecords."""
        with self._lock:
            self._records.clear()


class SharedRecords:
    """In a register. See ConsentRecords. Safe for many threads.

    Every look asks the database, so that what one front takes out counts at the others at once. A front renews its own
    records at each sweep; those of a front that died are over after LEASE_SECONDS, not counting the time in which the
    database itself was down.

    Args:
        register: The database.
        lease_seconds: For tests.
    """

    def __init__(self, register: Register, lease_seconds: float = LEASE_SECONDS) -> None:
        self._register = register
        self._lease = timedelta(seconds=lease_seconds)
        self._here: dict[str, Consent] = {}  # added at this front
        self._over: set[str] = set()  # removed here while the database did not answer
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._here)

    def find(self, session: str) -> Consent | None:
        """See ConsentRecords."""
        if not session or session in self._over:
            return None
        with self._register.transaction() as connection:
            return _record(connection.execute(select(consents).where(consents.c.session == session)).one_or_none())

    def add(self, record: Consent, words: Words) -> Consent | None:
        """See ConsentRecords."""
        self._remove_those_over()  # else a new yes would go with the old one
        row = {
            "session": record.session,
            "owner": self._register.hashed("owner", words[0]),
            "number": record.id,
            "record": _line(record),
            "until": func.now() + self._lease,
        }
        with self._register.transaction() as connection:
            connection.execute(insert(consents).values(row).on_conflict_do_nothing(index_elements=["session"]))
            there = connection.execute(select(consents).where(consents.c.session == record.session)).one_or_none()
        if there is None or bytes(there.owner) not in self._hashes(words):
            return None
        standing = _record(there)
        assert standing is not None
        with self._lock:
            self._here[record.session] = standing
        return standing

    def change(self, session: str, changed: Callable[[Consent], Consent]) -> Consent | None:
        """See ConsentRecords."""
        if session in self._over:
            return None
        mine = consents.c.session == session
        with self._register.transaction() as connection:
            record = _record(connection.execute(select(consents).where(mine).with_for_update()).one_or_none())
            if record is not None:
                record = changed(record)
                connection.execute(update(consents).where(mine).values(record=_line(record)))
        return record

    def remove(self, session: str, words: Words | None = None) -> Consent | None:
        """See ConsentRecords."""
        with self._lock:
            here = self._here.pop(session, None)
        if here is None and (words is None or not session):
            return None
        these = consents.c.session == session
        if here is None and words is not None:
            these &= consents.c.owner.in_(self._hashes(words))
        try:
            with self._register.transaction() as connection:
                return _record(connection.execute(delete(consents).where(these).returning(*consents.c)).one_or_none())
        except RegisterAway:
            if here is None:  # another front's: whoever asks must hear that it was not done
                raise
            with self._lock:
                self._over.add(session)
            return here

    def by_number(self, number: str) -> Consent | None:
        """See ConsentRecords."""
        if not _NUMBER.fullmatch(number):
            return None
        with self._register.transaction() as connection:
            return _record(connection.execute(select(consents).where(consents.c.number == number)).one_or_none())

    def remove_number(self, number: str) -> None:
        """See ConsentRecords."""
        if _NUMBER.fullmatch(number):
            with self._register.transaction() as connection:
                connection.execute(delete(consents).where(consents.c.number == number))

    def renew(self) -> Sequence[str]:
        """See ConsentRecords. Where the database does not answer, nothing is deleted for want of an answer."""
        try:
            self._remove_those_over()
            with self._lock:
                here = sorted(self._here)  # in one order, so that two fronts do not wait for each other
            with self._register.transaction() as connection:
                mine = consents.c.session.in_(here)
                renewed = update(consents).where(mine).values(until=func.now() + self._lease)
                there = set(connection.execute(renewed.returning(consents.c.session)).scalars())
                old = consents.c.until < func.now()
                settled = func.pg_postmaster_start_time() < func.now() - self._lease  # others had time to renew
                connection.execute(delete(consents).where(old, settled))
        except RegisterAway:
            return ()
        return [session for session in here if session not in there]

    def close(self) -> None:
        """See ConsentRecords. Where the database does not answer, they end with their time."""
        with self._lock:
            self._over.update(self._here)
            self._here.clear()
        with contextlib.suppress(RegisterAway):
            self._remove_those_over()

    def _remove_those_over(self) -> None:
        with self._lock:
            over = list(self._over)
        if over:
            with self._register.transaction() as connection:
                connection.execute(delete(consents).where(consents.c.session.in_(over)))
            with self._lock:
                self._over.difference_update(over)

    def _hashes(self, words: Words) -> list[bytes]:
        return [self._register.hashed("owner", word) for word in words]


def _line(record: Consent) -> str:
    return record.model_dump_json(exclude={"session"})


def _record(row: Row[Any] | None) -> Consent | None:
    if row is None:
        return None
    return Consent.model_validate_json(json.dumps({**json.loads(row.record), "session": row.session}))
