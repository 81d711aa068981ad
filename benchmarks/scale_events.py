"""A studio of many GPUs as events in time: who comes, waits, is painted, is tried again elsewhere, or is refused.

What is modelled: requests for one portrait each, each for one model stack; replicas that hold one stack at a time and
load another one for whoever asks for it; a router that prefers a replica with the stack and waits a little for one; an
autoscaler that looks every ten seconds; replicas that die at work, are started anew, and whose request is tried once
more elsewhere; a line that is bounded. What is not: fairness between visitors (all wait in one line), cancelling,
several portraits in a request, the network between the machines.

Written out with heapq: the same with simpy 4.1 (a process for each request, eight servers and one line, 20,000
requests) took 2.4 times as long (processor time), before there were stacks, failures and an autoscaler in it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.scale_plant import Arrival, Plant, Ran, by_share


@dataclass(eq=False, slots=True)
class _Request:
    at: float
    model: str
    tries: int = 0
    waits: bool = False


@dataclass(eq=False, slots=True)
class _Replica:
    model: str = ""


class Simulation:
    """One run. The same plant, arrivals and seed give the same figures, bit for bit.

    Args:
        plant: What stands there.
        arrivals: When requests come and for which model, in the order of time; seconds from 0.
        seed: Of service times and failures; arrivals have their own.
        warm_seconds: Before these nothing counts.
    """

    def __init__(self, plant: Plant, arrivals: Iterable[Arrival], *, seed: int = 0, warm_seconds: float = 0.0) -> None:
        self.plant = plant
        self._arrivals = iter(arrivals)
        self._times, self._failures = random.Random(f"times {seed}"), random.Random(f"failures {seed}")
        self._warm = warm_seconds
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._order = itertools.count()
        self._over = False  # nobody comes any more
        self._idle: dict[str, OrderedDict[_Replica, None]] = {model: OrderedDict() for model in ["", *plant.models]}
        self._all_idle: OrderedDict[_Replica, None] = OrderedDict()  # the one that is idle for longest first
        self._with = dict.fromkeys(plant.models, 0)  # replicas at work, by their model
        self._lines: dict[str, deque[_Request]] = {model: deque() for model in plant.models}
        self._waiting = self._working = self._running = self._starting = 0
        self._looks: deque[float] = deque(maxlen=plant.autoscale.mean_of if plant.autoscale else 1)
        self._since = (0, 0.0)  # more or fewer replicas are wanted, and since when
        self._ran = Ran()

    def run(self) -> Ran:
        """All events, in order, until nobody comes and nobody waits."""
        plant = self.plant
        first = plant.replicas if plant.autoscale is None else plant.autoscale.least
        for model in by_share(plant.models, first):
            self._running += 1
            self._rest(_Replica(model))
        self._ran.most = self._running
        if plant.autoscale is not None:
            self._at(plant.autoscale.look_seconds, self._look)
        self._next_arrival()
        while self._events and not (self._over and not self._working and not self._waiting):
            at, _, do, what = heapq.heappop(self._events)
            self._pass(at)
            do(*what)
        self._ran.seconds = max(0.0, self._now - self._warm)
        return self._ran

    def _at(self, at: float, do: Callable[..., None], *what: object) -> None:
        heapq.heappush(self._events, (at, next(self._order), do, what))

    def _pass(self, now: float) -> None:
        """Time goes by: what is added up over time."""
        passed = now - max(self._now, self._warm)
        if passed > 0:
            self._ran.busy += passed * self._working
            self._ran.running += passed * self._running
            self._ran.waiting += passed * self._waiting
        self._now = now

    # --- requests ---

    def _next_arrival(self) -> None:
        coming = next(self._arrivals, None)
        if coming is None:
            self._over = True
        else:
            self._at(coming[0], self._come, _Request(*coming))

    def _come(self, request: _Request) -> None:
        counts = request.at >= self._warm
        self._ran.came += counts
        if not self._place(request):
            if self._waiting < self.plant.line:
                self._wait(request)
            else:
                self._ran.refused += counts
        self._next_arrival()

    def _place(self, request: _Request) -> bool:
        """Give it to a free replica: one with its stack, or any, unless it is worth waiting for a busy one that has it.

        Returns whether its work has begun.
        """
        idle = self._idle[request.model]
        if not self._all_idle:
            return False
        if not idle and self._with[request.model] and self._now - request.at < self.plant.patience_seconds:
            return False
        self._start(next(iter(idle or self._all_idle)), request)
        return True

    def _wait(self, request: _Request) -> None:
        request.waits = True
        self._waiting += 1
        line = self._lines[request.model]
        if request.tries:
            line.appendleft(request)
        else:
            line.append(request)
        if self._all_idle:  # one is free, but without the stack
            self._at(max(self._now, request.at + self.plant.patience_seconds), self._lose_patience, request)

    def _lose_patience(self, request: _Request) -> None:
        if request.waits and self._all_idle:
            self._leave_line(request)
            self._start(next(iter(self._idle[request.model] or self._all_idle)), request)

    def _leave_line(self, request: _Request) -> None:
        self._lines[request.model].remove(request)  # the first, or close to it
        self._waiting -= 1
        request.waits = False

    # --- replicas ---

    def _start(self, replica: _Replica, request: _Request) -> None:
        if replica in self._all_idle:
            del self._all_idle[replica], self._idle[replica.model][replica]
        seconds = self.plant.service(self._times, request.model)
        if replica.model != request.model:
            self._ran.loads += self._now >= self._warm
            seconds += self.plant.load_seconds
            replica.model = request.model
        self._with[replica.model] += 1
        self._working += 1
        mean = self.plant.hours_between_failures * 3600
        dies = self._failures.expovariate(1 / mean) if mean < math.inf else math.inf
        if dies < seconds:
            self._at(self._now + dies, self._die, replica, request)
        else:
            self._at(self._now + seconds, self._finish, replica, request, self._now)

    def _finish(self, replica: _Replica, request: _Request, began: float) -> None:
        if request.at >= self._warm:
            self._ran.waits.append(began - request.at)
            self._ran.taken.append(self._now - began)
        self._stop_work(replica)
        self._rest(replica)

    def _die(self, replica: _Replica, request: _Request) -> None:
        """In the middle of a portrait: it is tried once more elsewhere, and the replica is started anew."""
        self._stop_work(replica)
        self._starting += 1
        self._at(self._now + self.plant.start_seconds, self._begin)
        counts = request.at >= self._warm
        if request.tries:
            self._ran.lost += counts
            return
        request.tries = 1
        self._ran.tried_again += counts
        if not self._place(request):
            self._wait(request)

    def _stop_work(self, replica: _Replica) -> None:
        self._with[replica.model] -= 1
        self._working -= 1

    def _begin(self) -> None:
        """A replica has started; nothing is loaded there yet."""
        self._starting -= 1
        self._rest(_Replica())

    def _rest(self, replica: _Replica) -> None:
        """A replica is free: it takes who waits for its stack, unless somebody waits for another one for too long."""
        own = self._lines.get(replica.model)
        heads = [line[0] for line in self._lines.values() if line]
        if heads:
            oldest = min(heads, key=lambda request: request.at)
            mine = own[0] if own else None
            late = self._now - oldest.at >= self.plant.patience_seconds or not self._with[oldest.model]
            if mine is not None and mine.at - oldest.at <= self.plant.ahead_seconds:
                chosen: _Request | None = mine
            else:
                chosen = oldest if late else mine
            if chosen is not None:
                self._leave_line(chosen)
                self._start(replica, chosen)
                return
            self._at(oldest.at + self.plant.patience_seconds, self._lose_patience, oldest)
        self._idle[replica.model][replica] = None
        self._all_idle[replica] = None

    # --- how many replicas ---

    def _look(self) -> None:
        """The autoscaler's look at the load."""
        scale = self.plant.autoscale
        assert scale is not None
        self._looks.append(self._working + self._waiting)
        load = sum(self._looks) / len(self._looks)
        wanted = min(self.plant.replicas, max(scale.least, math.ceil(load / scale.each)))
        direction = (wanted > self._running) - (wanted < self._running)
        if direction != self._since[0]:
            self._since = direction, self._now
        for_seconds = self._now - self._since[1]
        if direction > 0 and for_seconds >= scale.up_seconds:
            self._add(wanted - self._running)
        elif direction < 0 and for_seconds >= scale.down_seconds:
            self._drop(self._running - wanted)
        self._at(self._now + scale.look_seconds, self._look)

    def _add(self, many: int) -> None:
        self._running += many
        self._starting += many
        self._ran.most = max(self._ran.most, self._running)
        for _ in range(many):
            self._at(self._now + self.plant.start_seconds, self._begin)

    def _drop(self, many: int) -> None:
        """Only those that are idle, for longest."""
        for replica in list(itertools.islice(self._all_idle, many)):
            del self._all_idle[replica], self._idle[replica.model][replica]
            self._running -= 1
