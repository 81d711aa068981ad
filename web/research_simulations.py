"""Simulations that a researcher has begun: each in a thread, one at a time for a study."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from starlette.requests import Request

from pipelines.errors import PortraitError, StudyError
from study.participation import RunningStudy
from study.simulation.over_http import simulate

log = logging.getLogger(__name__)


@dataclass
class Simulation:
    """One that runs, or has run."""

    wanted: int
    done: int = 0
    is_running: bool = True
    trouble: str = ""

    @property
    def words(self) -> str:
        """For the page."""
        people = f"{self.done} of {self.wanted} simulated people are through."
        if self.trouble:
            return f"{people} {self.trouble}"
        return f"{people} Read the page again to follow." if self.is_running else people


class Simulations:
    """By the frozen hash of the study. Safe for many threads."""

    def __init__(self) -> None:
        self._known: dict[str, Simulation] = {}
        self._lock = threading.Lock()

    def of(self, sha256: str) -> Simulation | None:
        """The last one of a study."""
        with self._lock:
            return self._known.get(sha256)

    def start(self, study: RunningStudy, address: str, wanted: int) -> None:
        """Begin one.

        Args:
            address: Of this server itself.

        Raises:
            StudyError: One of this study is running.
        """
        with self._lock:
            known = self._known.get(study.frozen.sha256)
            if known is not None and known.is_running:
                raise StudyError("A simulation of this study is running; wait until it is through.")
            simulation = self._known[study.frozen.sha256] = Simulation(wanted)
        threading.Thread(target=_run, args=(address, study, simulation), daemon=True).start()


def own_address(request: Request) -> str:
    """Where this server itself listens, past any proxy; not what the request says of its host."""
    host, port = request.scope["server"]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run(address: str, study: RunningStudy, simulation: Simulation) -> None:
    def told(done: int) -> None:
        simulation.done = done

    try:
        simulate(address, study.frozen, study.store, simulation.wanted, told=told)
    except PortraitError as error:
        simulation.trouble = error.hint
    except Exception:
        log.exception("a simulation failed, unexpected")
        simulation.trouble = "It stopped, by a fault of ours; the log says more."
    finally:
        simulation.is_running = False
