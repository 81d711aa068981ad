"""A studio of many GPUs as numbers: what stands there, who comes when, and what came of it."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

Service = Callable[[random.Random, str], float]  # seconds of work for one portrait by a model
Arrival = tuple[float, str]  # seconds, and the model stack that is asked for

# Requests by the hour of the day, over the busiest one: low at night, a rise from six on, the most at nine in the
# evening. An assumption: nobody has measured a day of this studio.
DAY = (
    0.30, 0.22, 0.17, 0.14, 0.13, 0.15, 0.22, 0.35, 0.50, 0.62, 0.70, 0.75,
    0.78, 0.76, 0.74, 0.76, 0.80, 0.86, 0.93, 0.98, 1.00, 0.97, 0.78, 0.48,
)  # fmt: skip


def fixed(seconds: Mapping[str, float]) -> Service:
    """Always as long."""
    return lambda _, model: seconds[model]


def exponential(seconds: Mapping[str, float]) -> Service:
    """As theory likes it, with these means."""
    return lambda numbers, model: numbers.expovariate(1 / seconds[model])


def spread(seconds: Mapping[str, float], variation: float = 0.15) -> Service:
    """Log-normal with these means; `variation` is the standard deviation over the mean."""
    sigma = math.sqrt(math.log(1 + variation**2))
    return lambda numbers, model: seconds[model] * numbers.lognormvariate(-(sigma**2) / 2, sigma)


def drawn_from(measured: Sequence[float]) -> Service:
    """One of the measured times, whichever the model."""
    return lambda numbers, _: numbers.choice(measured)


@dataclass(frozen=True)
class Autoscale:
    """How the number of replicas follows the load; the defaults are those of Ray Serve, with one request a replica.

    Attributes:
        least: Replicas that always run.
        each: Requests at work or in line for which there is one replica.
        look_seconds: Between two looks at the load.
        mean_of: Looks over which the load is averaged.
        up_seconds: How long the load must ask for more, without a break.
        down_seconds: How long for fewer.
    """

    least: int = 1
    each: float = 1.0
    look_seconds: float = 10.0
    mean_of: int = 3
    up_seconds: float = 30.0
    down_seconds: float = 600.0


@dataclass(frozen=True)
class Plant:
    """What stands there.

    Attributes:
        replicas: At most; without `autoscale` all of them run all the time.
        models: Shares of the requests by model stack; they sum up to 1.
        service: Seconds of one portrait, the stack being loaded.
        load_seconds: To put another stack in the place of the one that is loaded.
        start_seconds: From the decision for a replica, or its death, until it takes work.
        hours_between_failures: Mean hours of work after which a replica dies.
        line: How many may wait; more are refused.
        patience_seconds: How long a request waits for a busy replica that has its stack while others are free.
        ahead_seconds: By how much a request that a replica has the stack for may be younger than the oldest of all and
            still go first.
        autoscale: None for a fixed number.
    """

    replicas: int
    service: Service
    models: Mapping[str, float] = field(default_factory=lambda: {"one": 1.0})
    load_seconds: float = 0.0
    start_seconds: float = 0.0
    hours_between_failures: float = math.inf
    line: int = 1_000_000
    patience_seconds: float = 1.5
    ahead_seconds: float = 10.0
    autoscale: Autoscale | None = None


@dataclass
class Ran:
    """What came of it. Only requests that came after the warming up count.

    Attributes:
        waits: Seconds from coming to the start of the work that was finished.
        taken: Seconds of that work, loading included.
        seconds: That were looked at.
        busy: Replica seconds at work within them.
        running: Replica seconds that are paid for within them: starting, working or idle.
        waiting: Seconds of waiting of all who waited, for Little's law.
        loads: How often another stack had to be loaded.
        most: Replicas at most.
    """

    waits: array[float] = field(default_factory=lambda: array("d"))
    taken: array[float] = field(default_factory=lambda: array("d"))
    seconds: float = 0.0
    busy: float = 0.0
    running: float = 0.0
    waiting: float = 0.0
    came: int = 0
    refused: int = 0
    tried_again: int = 0
    lost: int = 0
    loads: int = 0
    most: int = 0

    @property
    def per_second(self) -> float:
        """Finished portraits a second."""
        return len(self.waits) / self.seconds if self.seconds else 0.0

    def wait_quantile(self, share: float) -> float:
        """Seconds in line that a share of the finished did not exceed."""
        return float(np.quantile(np.asarray(self.waits), share)) if self.waits else 0.0

    @property
    def mean_wait(self) -> float:
        """Seconds in line of the finished, on average."""
        return float(np.mean(np.asarray(self.waits))) if self.waits else 0.0

    def cost_per_1000(self, price_an_hour: float) -> float:
        """Of a thousand finished portraits, with a replica's price an hour."""
        return self.running / 3600 * price_an_hour / len(self.waits) * 1000 if self.waits else math.inf


def day_rate(peak: float, seconds: float) -> float:
    """Requests a second at a time of the day, in a straight line from the middle of one hour to that of the next.

    Args:
        peak: Of the busiest hour.
        seconds: Since midnight; goes on over midnight.
    """
    hour = seconds / 3600 - 0.5
    before, share = math.floor(hour), hour - math.floor(hour)
    return peak * (DAY[before % 24] * (1 - share) + DAY[(before + 1) % 24] * share)


def arrivals(
    rate: float | Callable[[float], float],
    seconds: float,
    models: Mapping[str, float] | None = None,
    *,
    most: float = 0.0,
    seed: int = 0,
) -> Iterator[Arrival]:
    """Who comes by chance (Poisson), from 0 to `seconds`.

    Args:
        rate: Requests a second, or what they are at a time; then thinned out of `most` (Lewis and Shedler 1979).
        seconds: How long.
        models: Shares by model stack; left out, all ask for "one".
        most: The most that `rate` answers.
        seed: Of chance.
    """
    numbers = random.Random(f"arrivals {seed}")
    names, shares = zip(*(models or {"one": 1.0}).items(), strict=True)
    bounds = np.cumsum(shares).tolist()
    top = most if callable(rate) else rate
    at = 0.0
    while True:
        at += numbers.expovariate(top)
        if at >= seconds:
            return
        if callable(rate) and numbers.random() * top > rate(at):
            continue
        drawn = numbers.random() * bounds[-1]
        yield at, next(name for name, bound in zip(names, bounds, strict=True) if drawn <= bound)


def by_share(models: Mapping[str, float], count: int) -> list[str]:
    """So many names, each as often as its share says: the one that is the furthest behind is next."""
    given = dict.fromkeys(models, 0)
    for number in range(1, count + 1):
        given[max(models, key=lambda name: models[name] * number - given[name])] += 1
    return [name for name, many in given.items() for _ in range(many)]
