"""A PostgreSQL of the tests' own, on a free port of this machine, in a temporary folder. Nothing of it stays."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 180.0  # a machine that is busy with something else


def find_postgres() -> Path | None:
    """The folder of Debian's newest PostgreSQL's programs; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


class Postgres:
    """A server that runs. `stop` and `start` let a test take it away and bring it back."""

    def __init__(self, programs: Path, root: Path) -> None:
        self._programs, self._data = programs, root / "data"
        self._root = root
        self._user = _system_user()
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "studies", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://studies@127.0.0.1:{self._port}/{database}"

    def new_database(self, name: str) -> str:
        """The address of a new, empty database."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "studies", name)
        return self.url(name)

    def start(self) -> None:
        settings = [f"port={self._port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._root}"]
        arguments = [part for one in settings for part in ("-c", one)]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *arguments]
        with (self._root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                user=self._user,
                group=None if self._user is None else _group(self._user),
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            asked = subprocess.run(
                [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)], check=False
            )
            if asked.returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL did not start: {(self._root / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """At once, whoever is connected."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT is PostgreSQL's immediate end
            self._process.wait(30)
            self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            group=None if self._user is None else _group(self._user),
            capture_output=True,
            cwd=self._root,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode()[-2000:]}")


@contextmanager
def a_server(programs: Path) -> Iterator[Postgres]:
    root = Path(tempfile.mkdtemp(prefix="studies-pg-", dir="/tmp"))  # a socket's path must be short
    if (user := _system_user()) is not None:
        shutil.chown(root, user, _group(user))
    try:
        server = Postgres(programs, root)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _system_user() -> int | None:
    """initdb refuses to run as root: then the account that Debian's package made."""
    return pwd.getpwnam("postgres").pw_uid if os.geteuid() == 0 else None


def _group(user: int) -> int:
    return pwd.getpwuid(user).pw_gid


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
