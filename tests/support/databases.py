"""Fixtures of empty databases, on SQLite and on PostgreSQL, for the conftest.py of a folder to import."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.store.database import sqlite_url
from tests.support.postgres import Postgres, a_server, find_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Debian's PostgreSQL; tests that need it are skipped, visibly, where it is not installed."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL is not on this machine (apt-get install postgresql)")
    with a_server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database(f"t{secrets.token_hex(6)}")
