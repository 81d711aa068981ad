"""The process that is a member of the cluster, in the page's stead. It ends when the page's does, or the cluster.

    python -m pipelines.cluster.gateway FD

Started by `pipelines.cluster.link` alone, which is at the other end of the socket FD. What goes over it are tuples of
plain values: orders of the page (`setup` first; then `run`, `cancel`) and what the gateway says to them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipelines.cluster import deployment, membership
from pipelines.cluster.link import hang_up
from pipelines.cluster.wire import Plain, plain_words
from pipelines.errors import PortraitError
from pipelines.settings import Replicas

log = logging.getLogger(__name__)

_STATUS_SECONDS = 2.0
_SILENT_SECONDS = 60.0  # so long may the cluster's controller say nothing
_OFFERS_SECONDS = 300.0  # replicas load their models first
Send = Callable[[tuple[Any, ...]], None]


@dataclass(frozen=True)
class Joined:
    """A cluster that was joined.

    Attributes:
        handle: Of the application, as Serve has it.
        offers: Of a replica.
        count: Replicas by state; raises where the cluster does not answer.
        leave: Leaves it, or ends it where it was begun here, and clears up: the page may be no more.
    """

    handle: Any
    offers: list[Plain]
    count: Callable[[], dict[str, int]]
    leave: Callable[[], None]


class Gateway:
    """Runs of the page, each a task that listens to a replica."""

    def __init__(self, handle: Any, send: Send) -> None:
        self._handle = handle
        self._send = send
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def take(self, order: tuple[Any, ...]) -> None:
        """Do what the page asks for."""
        kind, run = order[0], order[1]
        if kind == "run":
            self._tasks[run] = asyncio.get_running_loop().create_task(self._listen(run, *order[2:]))
        elif kind == "cancel" and run in self._tasks:
            self._tasks[run].cancel()

    async def _listen(self, run: str, method: str, model_id: str, attempt: int, job: Plain | None) -> None:
        options = {"stream": True} if method == "paint" else {}
        handle = self._handle.options(method_name=method, multiplexed_model_id=model_id, **options)
        response = handle.remote(model_id, run, attempt, job) if method == "paint" else handle.remote(model_id)
        del job
        try:
            if method == "paint":
                async for told in response:
                    self._send((run, told))
            else:
                await response
            self._send((run, {"kind": "end"}))
        except asyncio.CancelledError:
            self._send((run, {"kind": "cancelled"}))
        except Exception as error:
            self._send((run, {"kind": _kind_of(error), "detail": type(error).__name__}))
        finally:
            response.cancel()  # one that is dropped without may be held until its replica ends
            del self._tasks[run]


def _kind_of(error: Exception) -> str:
    """lost: the replica is no more, or cannot be reached. full: too many wait. broken: anything else."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "BackPressureError" in names:
        return "full"
    return "lost" if names & {"RayActorError", "ActorUnavailableError", "RaySystemError"} else "broken"


async def _work(connection: Connection, joined: Joined, send: Send) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    gateway = Gateway(joined.handle, send)

    def read() -> None:
        while True:
            try:
                order = connection.recv()
            except (EOFError, OSError):
                loop.call_soon_threadsafe(ended.set)
                return
            loop.call_soon_threadsafe(gateway.take, order)

    threading.Thread(target=read, name="orders", daemon=True).start()
    while not ended.is_set():
        try:
            states = await asyncio.wait_for(asyncio.to_thread(joined.count), _SILENT_SECONDS)
        except Exception as error:
            log.error("the cluster does not answer (%s)", type(error).__name__)
            return
        send(("status", states))
        try:
            await asyncio.wait_for(ended.wait(), _STATUS_SECONDS)
        except TimeoutError:
            continue


def join(setup: Plain) -> Joined:
    """Begin or join the cluster, and run the application where nobody does yet.

    Raises:
        PortraitError: The cluster is not safe to join, is not there, or Ray is not installed.
    """
    folder = Path(setup["folder"])
    membership.enter(setup["address"], folder)
    handle = deployment.handle_of_running()
    if handle is None:
        handle = deployment.run(deployment.Plan(Replicas(*setup["replicas"]), setup["model_id"]))
    offers = handle.offers.remote().result(timeout_s=_OFFERS_SECONDS)
    return Joined(handle, offers, deployment.count_replicas, partial(membership.leave, folder))


def main(descriptor: int, join: Callable[[Plain], Joined] = join) -> int:
    """Serve the page until it ends or the cluster does; 1 where the cluster was not joined."""
    connection = Connection(descriptor)
    outgoing: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def write() -> None:
        while True:
            try:
                connection.send(outgoing.get())
            except OSError:  # the page has ended, and the reader hears of it
                return

    setup = connection.recv()
    try:
        joined = join(setup)
    except PortraitError as error:
        connection.send(("refused", plain_words(error.hint), str(error.detail)))
        return 1
    except Exception as error:
        connection.send(("lost", type(error).__name__, str(error)[:400]))
        return 1
    threading.Thread(target=write, name="answers", daemon=True).start()
    outgoing.put(("ready", joined.offers))
    asyncio.run(_work(connection, joined, outgoing.put))
    hang_up(connection)  # first: to leave a cluster that is no more may take for ever, and the page ends us then
    joined.leave()
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    sys.stderr.flush()
    os._exit(main(int(sys.argv[1])))
