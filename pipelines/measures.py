"""What operators are told of the work: counts and times by engine, never of anybody.

In the words of Prometheus, whose names of units and totals they follow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from pipelines.errors import PortraitError
from pipelines.waiting_line import Ticket, WaitingLine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 120, 300)
_DEVICE = "default"  # the name of a machine's only device is empty


class Measures:
    """Safe for many threads.

    Args:
        line: Whose waiting and working is told.
        clock: Seconds that never go back.
    """

    def __init__(self, line: WaitingLine, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "studio_requests",
            "Requests for portraits by how they ended: made, or the kind of the error.",
            ["engine", "outcome"],
            registry=self._registry,
        )
        self._portraits = Counter(
            "studio_portraits", "Portraits of requests that ended well.", ["engine"], registry=self._registry
        )
        self._worked = Histogram(
            "studio_work_seconds",
            "From a request's turn to its marked portraits.",
            ["engine"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._waited = Histogram(
            "studio_wait_seconds",
            "In the line, before the turn.",
            ["engine"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.add(lambda: _of_line(line))

    def add(self, told: Callable[[], Iterable[Metric]]) -> None:
        """More that is told: measured at each look."""
        self._registry.register(_Collector(told))

    @contextmanager
    def watching(self, turn: Ticket) -> Iterator[None]:
        """Around a request, from the moment it is in the line."""
        engine = turn.model_id
        try:
            yield
        except PortraitError as error:
            self._requests.labels(engine, error.code).inc()
            raise
        except BaseException:
            self._requests.labels(engine, "unexpected").inc()
            raise
        self._requests.labels(engine, "made").inc()
        self._portraits.labels(engine).inc(turn.portraits)
        if turn.turn_since is not None:
            self._worked.labels(engine).observe(max(0.0, self._clock() - turn.turn_since))
            self._waited.labels(engine).observe(max(0.0, turn.turn_since - turn.joined_at))

    def text(self) -> bytes:
        """All of it, in Prometheus' text format (CONTENT_TYPE)."""
        return generate_latest(self._registry)


class _Collector:
    def __init__(self, told: Callable[[], Iterable[Metric]]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        yield from self._told()


def gauge(name: str, words: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    """One value for each value of a label, as they are now."""
    family = GaugeMetricFamily(name, words, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _of_line(line: WaitingLine) -> Iterator[Metric]:
    at_work = {name or _DEVICE: counts for name, counts in line.at_work().items()}
    yield GaugeMetricFamily("studio_waiting", "Requests in the line.", value=len(line))
    yield GaugeMetricFamily("studio_waiting_limit", "How many may be in the line.", value=line.limit)
    yield gauge(
        "studio_working",
        "Requests that a device works for.",
        "device",
        {name: float(served) for name, (served, _) in at_work.items()},
    )
    yield gauge(
        "studio_places",
        "Requests that can be at work.",
        "device",
        {name: float(room) for name, (_, room) in at_work.items()},
    )
