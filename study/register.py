"""The register that several fronts share: a PostgreSQL database with the consents on record and the counts of limits.

Several processes serve the page behind one balancer (`docs/fronts.md`). What is in memory with one of them is here with
several, and nothing else: no photo, no portrait, no address, no words. A database that does not answer is an error with
a sentence, never a yes.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    create_engine,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from languages.saying import say
from pipelines.errors import RegisterAway, SettingsError
from pipelines.settings import Settings
from study.store.database import is_away

log = logging.getLogger(__name__)

_PATIENCE_MS = 3000  # so long a visitor waits for a database that says nothing
_REST_SECONDS = 2.0  # after it did not answer, nobody waits for it anew
_LOCK = 7205759403792795  # beside that of the studies' migrations
_AWAY = say(
    "The register of consents does not answer just now, so nothing can be begun. What you have here is kept; try again "
    "in a minute."
)
_WRONG_URL = (
    "The setting STUDIO_SHARED_URL must be an address such as postgresql://user:password@host:5432/fronts; correct it "
    "and start again."
)
_NO_START = (
    "The database of STUDIO_SHARED_URL does not answer, or does not let its user make tables; mend that and start "
    "again."
)

# A change of these tables gets a new number: what is in them lives for minutes, so that nothing is to be brought along.
_metadata = MetaData()
consents = Table(
    "fronts1_consents",
    _metadata,
    Column("session", Text, primary_key=True),
    Column("owner", LargeBinary, nullable=False),  # hash of the word in the browser's cookie
    Column("number", Text, nullable=False, unique=True),  # of the receipt
    Column("record", Text, nullable=False),  # the consent as JSON
    Column("until", DateTime(timezone=True), nullable=False, index=True),  # unless its front renews it
)
counts = Table(
    "fronts1_counts",
    _metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("key", LargeBinary, nullable=False),  # hash of session or network
    Column("at", Float(53), nullable=False),  # seconds since 1970, on the database's clock
    Column("many", Integer, nullable=False),
    Index("fronts1_counts_by_key", "key", "at"),
    Index("fronts1_counts_by_time", "at"),
    prefixes=["UNLOGGED"],  # in no backup and no replica; a crash of the database forgets an hour's counts
)


class Register:
    """The database. Safe for many threads.

    Args:
        url: Its address, as SQLAlchemy writes it.
        key: The secret that all fronts have in common.

    Raises:
        SettingsError: It is no address of a PostgreSQL, or does not answer at the start.
    """

    def __init__(self, url: str, key: str) -> None:
        self._key = hashlib.blake2b(key.encode(), digest_size=32, person=b"studio-fronts").digest()
        self._away_until = 0.0
        self._lock = threading.Lock()
        try:
            address = make_url(url)
            if address.get_backend_name() != "postgresql":
                raise SettingsError(_WRONG_URL)
            self._engine = create_engine(
                address.set(drivername="postgresql+psycopg"),
                connect_args={
                    "connect_timeout": 2,
                    "tcp_user_timeout": _PATIENCE_MS,
                    "options": f"-c statement_timeout={_PATIENCE_MS} -c lock_timeout={_PATIENCE_MS}",
                },
                pool_pre_ping=True,
                pool_size=8,
                max_overflow=24,
                pool_timeout=_PATIENCE_MS / 1000,
            )
        except (ArgumentError, SQLAlchemyError) as error:
            raise SettingsError(_WRONG_URL) from error
        try:
            with self._engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})  # two that start
                _metadata.create_all(connection)
        except DBAPIError as error:
            log.error("the shared register: %s", type(error.orig).__name__)  # its message may hold the address
            raise SettingsError(_NO_START) from error

    def hashed(self, kind: str, word: str) -> bytes:
        """What is stored of a word: 16 bytes that only who has the key can compare with anything."""
        return hashlib.blake2b(f"{kind}\0{word}".encode(), key=self._key, digest_size=16).digest()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end, or rolled back.

        Raises:
            RegisterAway: The database does not answer, or did not a moment ago. Nothing of it was stored.
        """
        if time.monotonic() < self._away_until:
            raise RegisterAway(_AWAY)
        try:
            with self._engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(error, DBAPIError) and not is_away(error):
                raise
            with self._lock:
                if time.monotonic() >= self._away_until:
                    log.error("the shared register: %s", type(getattr(error, "orig", None) or error).__name__)
                self._away_until = time.monotonic() + _REST_SECONDS
            raise RegisterAway(_AWAY) from error

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def open_register(settings: Settings) -> Register | None:
    """The register of an operator who runs several fronts; None for one process alone.

    Raises:
        SettingsError: The secret is missing, or as `Register`.
    """
    if not settings.shared_url:
        return None
    if not settings.shared_key:
        raise SettingsError(
            "STUDIO_SHARED_URL needs STUDIO_SHARED_KEY too: a secret of 32 characters or more, the same at all fronts."
        )
    return Register(settings.shared_url, settings.shared_key)
