"""The page's end of the gateway: runs that are painted elsewhere, and a new gateway where one is lost."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from languages.saying import say
from pipelines.cluster.security import environment_of_child
from pipelines.cluster.wire import Plain, read_words
from pipelines.errors import EngineUnavailable, SettingsError
from pipelines.settings import Backend, Replicas

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_AGAIN_SECONDS = (1.0, 2.0, 5.0, 10.0)  # between tries to join once more
_JOIN_SECONDS = 900.0  # with the first loading of models
_END_SECONDS = 20.0
COMMAND = (sys.executable, "-m", "pipelines.cluster.gateway")
LOST: Plain = {"kind": "lost", "detail": "gateway"}


@dataclass(frozen=True)
class Setup:
    """What a gateway is told first.

    Attributes:
        model_id: What replicas load before they take work; "" for nothing.
    """

    backend: Backend
    replicas: Replicas
    model_id: str


class Run:
    """One run in the cluster: what is told of it, in its order."""

    def __init__(self, name: str, cancel: Callable[[], object]) -> None:
        self.name = name
        self.cancel = cancel
        self._told: queue.SimpleQueue[Plain] = queue.SimpleQueue()

    def tell(self, told: Plain) -> None:
        """One thing more; LOST where nothing more will come."""
        self._told.put(told)

    def next(self, seconds: float) -> Plain | None:
        """What is told next; None where that takes longer."""
        try:
            return self._told.get(timeout=seconds)
        except queue.Empty:
            return None


class Link:
    """Safe for many threads.

    Args:
        setup: What to join, and how many replicas to run there.
        command: What starts a gateway; it is given the number of its socket.
    """

    def __init__(self, setup: Setup, command: Sequence[str] = COMMAND) -> None:
        self._setup = setup
        self._command = command
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._connection: Connection | None = None
        self._orders: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._closed = threading.Event()
        self._folder: Path | None = None
        self.replicas: Mapping[str, int] = {}
        self.offers: tuple[Plain, ...] = ()
        self.joined = 0  # how often
        self.lost_runs = 0

    def join(self) -> None:
        """Begin or join the cluster; it is joined again by itself where it is lost.

        Raises:
            SettingsError: It is not safe to join, or Ray is not installed.
            EngineUnavailable: It cannot be reached.
        """
        self._begin()
        self._keeper = threading.Thread(target=self._keep, name="cluster", daemon=True)
        self._keeper.start()

    @property
    def is_up(self) -> bool:
        """Whether the cluster takes runs now."""
        return self._connection is not None

    @property
    def process_id(self) -> int | None:
        """Of the gateway; None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self, method: str, model_id: str, *, name: str = "", attempt: int = 1, job: Plain | None = None) -> Run:
        """Begin a run; one that is LOST at once where the cluster is not there.

        Args:
            method: Of the replica: paint or warm.
            name: Of the run; left out, a new one.
        """
        name = name or secrets.token_hex(16)
        run = Run(name, lambda: self._send(("cancel", name)))
        with self._lock:
            self._runs[name] = run
        if not self._send(("run", name, method, model_id, attempt, job)):
            run.tell(LOST)
        return run

    def end(self, run: Run) -> None:
        """Listen to a run no more."""
        with self._lock:
            known = self._runs.get(run.name) is run
            if known:
                del self._runs[run.name]
        if known:
            run.cancel()

    def close(self) -> None:
        """Leave the cluster; one that was begun here ends."""
        self._closed.set()
        with self._lock:
            connection, self._connection = self._connection, None
            process = self._process
        self._orders.put(None)
        if connection is not None:
            hang_up(connection)
        elif process is not None:  # it is about to join
            process.terminate()
        if self._keeper is not None:
            self._keeper.join(2 * _END_SECONDS)
        self._clear()

    def _send(self, order: tuple[Any, ...]) -> bool:
        """Whether somebody is there to take it; that it was taken is heard of by what is told."""
        with self._lock:
            if self._connection is None:
                return False
            self._orders.put(order)
        return True

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        # Short, for the sockets below it: a path of one may have 107 characters. Logs are there, of nobody.
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))
        with theirs:
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
                env=environment_of_child(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the page, which tells it to end
            )
        connection = Connection(ours.detach())
        setup = self._setup
        try:
            connection.send(
                {
                    "address": setup.backend.address,
                    "folder": str(self._folder),
                    "replicas": tuple(setup.replicas),
                    "model_id": setup.model_id,
                }
            )
            answer: Any = connection.recv() if connection.poll(_JOIN_SECONDS) else ("lost", "TimeoutError", "")
        except (EOFError, OSError):
            answer = ("lost", "EOFError", "")
        if answer[0] != "ready":
            connection.close()
            self._clear()
            if answer[0] == "refused":
                raise SettingsError(read_words(answer[1]), detail=str(answer[2]))
            raise EngineUnavailable(
                say("The machines that paint cannot be reached; try again in a few minutes."),
                detail=" ".join(answer[1:]),
            )
        self.offers = tuple(answer[1])
        self.joined += 1
        orders: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        # A gateway that does not read must not hold up those who order: a job is larger than what a socket takes.
        threading.Thread(target=_write, args=(connection, orders), name="orders", daemon=True).start()
        with self._lock:
            self._connection, self._orders = connection, orders

    def _keep(self) -> None:
        """Listen to the gateway; where it is lost, start another one, until the studio ends."""
        tries = 0
        while not self._closed.is_set():
            connection = self._connection
            if connection is not None:
                tries = 0
                self._listen(connection)
                self._lose()
                continue
            if self._closed.wait(_AGAIN_SECONDS[min(tries, len(_AGAIN_SECONDS) - 1)]):
                return
            tries += 1
            try:
                self._begin()
                log.warning("the cluster is joined again")
            except (SettingsError, EngineUnavailable) as error:
                log.error("the cluster was not joined: %s", error)

    def _listen(self, connection: Connection) -> None:
        while True:
            try:
                name, told = connection.recv()
            except (EOFError, OSError, TypeError, ValueError):
                return
            if name == "status":
                self.replicas = told
                continue
            with self._lock:
                run = self._runs.get(name)
            if run is not None:
                self.lost_runs += told["kind"] == "lost"
                run.tell(told)

    def _lose(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            runs = list(self._runs.values())
        self._orders.put(None)
        if connection is not None:
            connection.close()
        self.replicas = {}
        self.lost_runs += len(runs)
        for run in runs:
            run.tell(LOST)
        self._clear()
        if not self._closed.is_set():
            log.error("the cluster was lost, with %d portraits that were in the making", len(runs))

    def _clear(self) -> None:
        with self._lock:
            process, folder = self._process, self._folder
            self._process = self._folder = None
        if process is not None:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if folder is not None:
            until = time.monotonic() + 2.0  # its children may write their last lines
            while folder.exists() and time.monotonic() < until:
                shutil.rmtree(folder, ignore_errors=True)
                time.sleep(0.05)
            with contextlib.suppress(OSError):
                shutil.rmtree(Path("/dev/shm") / folder.name)


def _write(connection: Connection, orders: queue.SimpleQueue[tuple[Any, ...] | None]) -> None:
    while (order := orders.get()) is not None:
        try:
            connection.send(order)
        except OSError:  # the gateway is no more, and the listener hears of it
            return


def hang_up(connection: Connection) -> None:
    """End a connection on which a thread listens; closing alone would leave that thread where it is."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)
