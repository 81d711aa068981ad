"""The process: how it stops, and what it leaves behind when it dies."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import NoReturn

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

log = logging.getLogger(__name__)


def stop_on_signals() -> None:
    """Let Ctrl+C, SIGTERM (docker, systemd, Space stop) and a closed terminal end the process the same way, once.

    The first signal raises KeyboardInterrupt in the main thread; those after it are ignored, so that nothing can cut
    the clearing short. SIGKILL cannot be caught; its leftovers go at the next start.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        for name in caught:
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    caught = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # ignored under nohup
        caught.append(signal.SIGHUP)
    for name in caught:
        signal.signal(name, stop)


def no_core_dumps() -> None:
    """Let no crash write this process's memory, and with it photos, to a file."""
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_process(status: int) -> NoReturn:
    """End at once, when all is cleared up, and with all copies of this process, which hold what was in its memory.

    Threads may still be inside a native library; the interpreter's own way out tears them from there, and some abort.
    """
    for copy in multiprocessing.active_children():
        copy.kill()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def every(seconds: float, *tasks: Callable[[], None]) -> threading.Thread:
    """Run tasks again and again in a daemon thread; one that fails is logged and tried again."""

    def work() -> None:
        while True:
            time.sleep(seconds)
            for task in tasks:
                try:
                    task()
                except Exception:
                    log.exception("housekeeping failed and will be tried again")

    thread = threading.Thread(target=work, name="housekeeping", daemon=True)
    thread.start()
    return thread
