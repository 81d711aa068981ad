"""How a process becomes a member of a cluster, and what must hold before."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from pipelines import heavy
from pipelines.cluster import security
from pipelines.errors import SettingsError

_STORE_BYTES = 256_000_000  # for what is on its way: of each job some megabytes
_MEMORY = Path("/dev/shm")


def enter(address: str, folder: Path) -> None:
    """Begin or join a cluster, and start Serve there where it does not run: without an HTTP proxy, for nobody asks it.

    Args:
        address: HOST:PORT of the head; "" begins one on this machine, which ends with this process.
        folder: Short, for the logs and sockets of one that is begun here.

    Raises:
        SettingsError: The cluster is not safe to join, or is not there.
        EngineUnavailable: Ray is not installed.
    """
    security.prepare(os.environ, own=not address)
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": True, "logging_level": "ERROR"}
    if address:
        security.require_private(address.rpartition(":")[0])
        security.require_guarded(address)
        ray = heavy.load("ray")
        ray.init(address=address, **quiet)
        security.require_members(ray.nodes())
    else:
        ray = heavy.load("ray")
        if not _MEMORY.is_dir() or _free_bytes(_MEMORY) < _STORE_BYTES:
            raise SettingsError("Ray needs 256 MB of shared memory here (/dev/shm); a container has --shm-size for it.")
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=_STORE_BYTES,
            _temp_dir=str(folder),
            # Never the disk, where Ray goes by itself when memory is short: a photo would lie there.
            _plasma_directory=str(_MEMORY),
            object_spilling_directory=str(_MEMORY / folder.name),
            **quiet,
        )
    serve = heavy.load("ray.serve")
    logging.getLogger("ray.serve").setLevel(logging.ERROR)  # by itself it tells of each step, on stderr
    serve.start(http_options={"location": "NoServer"})


def leave(folder: Path) -> None:
    """Leave it; one that was begun here ends, and nothing of it stays.

    Args:
        folder: As `enter` was told.
    """
    heavy.load("ray").shutdown()
    for one in (folder, _MEMORY / folder.name):
        shutil.rmtree(one, ignore_errors=True)


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
