"""A measured run of two replicas or more, and how far the simulation is off it.

The format is JSON: {"replicas": 2, "service_seconds": [...], "arrivals": [...], "waits": [...], "throughput": 0.61},
one entry for each finished request in the order in which they came: when it came (seconds from the first one), how long
it was in line, how long it was worked on; and finished portraits a second, from the first to come to the last to
finish. `measure` takes it of a pipeline's own waiting line: of several places for the instant filters, or of replicas
in a cluster (`python -m benchmarks.scale --run FILE`).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from skimage import data

from benchmarks.scale_events import Simulation
from benchmarks.scale_plant import Plant, Ran, drawn_from
from pipelines.engines.base import PREVIEW
from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.presets.loading import load_presets
from pipelines.schema import Consent, LoadedPhoto, PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline

_SEEDS = 40  # runs of a forecast
_STYLE = "film-noir"  # a fast one
_LINE = 500  # nobody is sent away


class Measured(BaseModel):
    """A run, as the file holds it."""

    model_config = ConfigDict(frozen=True)

    replicas: int = Field(ge=1)
    service_seconds: list[float] = Field(min_length=2)
    arrivals: list[float]
    waits: list[float]
    throughput: float = Field(gt=0)

    def model_post_init(self, _: object) -> None:
        """All three lists are of the same requests."""
        if not len(self.service_seconds) == len(self.arrivals) == len(self.waits):
            raise ValueError("service_seconds, arrivals and waits must have one entry for each request")

    @classmethod
    def read(cls, path: Path) -> Measured:
        """The file."""
        return cls.model_validate_json(path.read_text("utf-8"))


class Off(NamedTuple):
    """One figure, measured and simulated.

    Attributes:
        low: Lowest of all simulated runs.
        high: Highest.
    """

    name: str
    measured: float
    simulated: float
    low: float
    high: float

    @property
    def percent(self) -> float:
        """How far the simulation is off."""
        return 100 * (self.simulated / self.measured - 1) if self.measured else 0.0


def replay(run: Measured) -> list[Off]:
    """The same requests at the same times, each worked on for as long as it was: are the line and the turns right?"""
    order = np.argsort(np.add(run.arrivals, run.waits), kind="stable")
    times = iter([run.service_seconds[number] for number in order])
    return _compared(run, [_simulated(run, Plant(run.replicas, lambda _numbers, _model: next(times)))])


def forecast(run: Measured, seeds: Iterable[int] = range(_SEEDS)) -> list[Off]:
    """The same times of coming, and work drawn from what was measured: what the simulation says beforehand."""
    plant = Plant(run.replicas, drawn_from(run.service_seconds))
    return _compared(run, [_simulated(run, plant, seed) for seed in seeds])


def _simulated(run: Measured, plant: Plant, seed: int = 0) -> Ran:
    return Simulation(plant, [(at, "one") for at in sorted(run.arrivals)], seed=seed).run()


def _compared(run: Measured, simulated: list[Ran]) -> list[Off]:
    figures = {
        "mean wait, s": (float(np.mean(run.waits)), [one.mean_wait for one in simulated]),
        "wait, 95th percentile, s": (
            float(np.quantile(run.waits, 0.95)),
            [one.wait_quantile(0.95) for one in simulated],
        ),
        "portraits a second": (run.throughput, [one.per_second for one in simulated]),
    }
    return [
        Off(name, measured, float(np.mean(values)), min(values), max(values))
        for name, (measured, values) in figures.items()
    ]


def as_lines(what: str, compared: list[Off]) -> list[str]:
    """For the console."""
    return [
        f"{what:9} {one.name:26} measured {one.measured:8.3f}  simulated {one.simulated:8.3f}"
        f" ({one.low:.3f} to {one.high:.3f})  off by {one.percent:+.1f} %"
        for one in compared
    ]


def filters(replicas: int, folder: Path) -> SelfPortraitPipeline:
    """A studio with so many places for the instant filters."""
    return SelfPortraitPipeline(load_presets(), folder, automatic=PREVIEW, max_waiting=_LINE, filters_at_once=replicas)


def measure(pipeline: SelfPortraitPipeline, requests: int, load: float, *, seed: int = 0) -> Measured:
    """Visitors who come by chance to a studio's waiting line, on this machine, with nothing else running there.

    Args:
        pipeline: Its `automatic` engine is asked for, and has as many places as are measured.
        requests: How many come.
        load: Share of the time in which a place is to be at work, below 1; a few portraits at the start tell how long
            one takes while all places are busy.
        seed: Of chance.
    """
    replicas = pipeline.places(pipeline.automatic)
    photo = open_photo(data.astronaut())
    _all(pipeline, photo, [0.0] * 2 * replicas)  # what is loaded once, is loaded
    warm = _all(pipeline, photo, [0.0] * 4 * replicas)
    each = float(np.mean([took for _, _, took in warm]))
    numbers = random.Random(f"visitors {seed}")
    comes = np.cumsum([numbers.expovariate(load * replicas / each) for _ in range(requests)]).tolist()
    seen = sorted(_all(pipeline, photo, comes))
    first = seen[0][0]
    took = max(at + wait + work for at, wait, work in seen) - first
    return Measured(
        replicas=replicas,
        arrivals=[round(at - first, 4) for at, _, _ in seen],
        waits=[round(wait, 4) for _, wait, _ in seen],
        service_seconds=[round(work, 4) for _, _, work in seen],
        throughput=round(len(seen) / took, 5),
    )


def _all(pipeline: SelfPortraitPipeline, photo: LoadedPhoto, comes: list[float]) -> list[tuple[float, float, float]]:
    """When each came, how long it waited, and how long it was worked on, in seconds."""
    seen: list[tuple[float, float, float]] = []
    failed: list[BaseException] = []

    def visit(number: int) -> None:
        try:
            wanted = _request(photo, number, pipeline.automatic)
            came = time.monotonic()
            with pipeline.join(wanted) as ticket:
                while not ticket.wait(1.0):
                    pass
                turn = ticket.turn_since
                pipeline(wanted, ticket=ticket)
            assert turn is not None
            seen.append((came, turn - came, time.monotonic() - turn))
        except BaseException as error:
            failed.append(error)

    began = time.monotonic()
    visitors = []
    for number, at in enumerate(comes):
        time.sleep(max(0.0, began + at - time.monotonic()))
        visitors.append(threading.Thread(target=visit, args=(number,)))
        visitors[-1].start()
    for visitor in visitors:
        visitor.join()
    if failed:
        raise failed[0]
    return seen


def _request(photo: LoadedPhoto, number: int, model_id: str) -> PortraitRequest:
    consent = Consent(
        id=f"{number:08d}",
        session=f"visitor-{number}",
        granted_at=datetime.now(UTC),
        notice_version="1",
        notice_sha256="0" * 64,
    )
    return build_request(photo=photo, style_id=_STYLE, seeds=(number,), model_id=model_id, consent=consent)
