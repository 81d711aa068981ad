"""The database of the operator's studies: opened, brought up to date, and every transaction on it.

SQLite in write-ahead mode by default, so that readers wait for nobody, and with each commit on the disk before it is
confirmed; PostgreSQL where STUDY_DATABASE_URL says so.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from languages.saying import say
from pipelines.errors import SettingsError, StudyStoreError

log = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_SECONDS = 30.0  # as long as one writer waits for the others
_FULL = say("The study's disk is full, so this was not stored. What was confirmed before is safe; it is tried again.")
_AWAY = say("The study's database does not answer just now, so this was not stored. What was confirmed before is safe.")
_FULL_CODES = ("53100", "53200")  # PostgreSQL: disk_full, out_of_memory


class Database:
    """Safe for many threads.

    Args:
        url: As SQLAlchemy writes it; "postgresql://" means psycopg.

    Raises:
        SettingsError: It is no address of a database that can be used.
        StudyStoreError: The database does not answer, or could not be brought up to date.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        with self._reporting():
            self._migrate()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction that is committed at the end, or rolled back. Its reads are as fresh as its writes.

        Raises:
            StudyStoreError: It could not be committed, so nothing of it was stored.
        """
        with self._reporting(), self._engine.connect() as raw:
            connection = raw.execution_options(study_writes=True)
            with Session(connection, expire_on_commit=False) as session, session.begin():
                yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads, all of it as at one moment.

        Raises:
            StudyStoreError: The database does not answer.
        """
        with self._reporting(_UNREAD), self._engine.connect() as raw:
            connection = raw if self.is_sqlite else raw.execution_options(isolation_level="REPEATABLE READ")
            with Session(connection, expire_on_commit=False) as session, session.begin():
                yield session

    def forget_the_log(self) -> None:
        """Empty SQLite's write-ahead file, in which what was deleted still stands. PostgreSQL recycles its own."""
        if self.is_sqlite:
            with self._reporting(), self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert isinstance(raw, sqlite3.Connection)
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """For tests of the migrations."""
        return self._engine

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with self._engine.connect() as connection:
            if not self.is_sqlite:  # two servers that start at once
                connection.execute(text("SELECT pg_advisory_lock(7205759403792794)"))
            try:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
            finally:
                if not self.is_sqlite:
                    connection.rollback()
                    connection.execute(text("SELECT pg_advisory_unlock(7205759403792794)"))
                    connection.commit()

    @contextmanager
    def _reporting(self, away: str = "") -> Iterator[None]:
        """Args: `away`, what is said in place of `_AWAY`."""
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(error, DBAPIError) and not is_away(error):
                raise
            log.error("the study's database: %s", type(error).__name__)
            raise StudyStoreError(_FULL if _is_full(error) else away or _AWAY, detail=type(error).__name__) from error


def sqlite_url(folder: Path) -> str:
    """The address of the database in an operator's folder."""
    return URL.create("sqlite", database=str(folder / "studies.sqlite3")).render_as_string()


def _engine(url: str) -> Engine:
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise SettingsError(_WRONG_URL) from error
    name = address.get_backend_name()
    if name == "sqlite":
        engine = create_engine(address, connect_args={"timeout": _BUSY_SECONDS}, pool_size=8, max_overflow=24)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if name != "postgresql":
        raise SettingsError(_WRONG_URL)
    try:
        return create_engine(
            address.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": 5},
            pool_pre_ping=True,
            pool_size=8,
            max_overflow=24,
        )
    except SQLAlchemyError as error:
        raise SettingsError(_WRONG_URL) from error


_WRONG_URL = (
    "The setting STUDY_DATABASE_URL must be an address such as postgresql://user:password@host:5432/studies; correct it"
    " and start again, or leave it out to keep studies in a file."
)


_UNREAD = say(
    "The study's database does not answer just now. What was confirmed before is safe; try again in a minute."
)


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, see below
    for line in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {line}")


def _begin_sqlite(connection: Connection) -> None:
    """Whoever will write takes the lock at once: one who read first could not, and would fail."""
    writes = connection.get_execution_options().get("study_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def is_away(error: DBAPIError) -> bool:
    """Whether it is the database's state, not a wrong statement."""
    kinds = ("OperationalError", "InterfaceError", "InternalError", "AdminShutdown", "DiskFull")
    return error.connection_invalidated or type(error.orig).__name__ in kinds or type(error).__name__ in kinds


def _is_full(error: Exception) -> bool:
    original = getattr(error, "orig", None)
    if getattr(original, "sqlstate", None) in _FULL_CODES:
        return True
    return getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or "disk is full" in str(original)
