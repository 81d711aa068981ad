"""What queueing theory says of plants that are simple enough for it, to hold the simulation to.

Sources: Erlang 1917 (waits with several servers), Pollaczek 1930 and Khinchine 1932 (one server, any service time),
Little 1961, as in any textbook, such as Kleinrock, Queueing Systems I, chapters 3 and 5.
"""

from __future__ import annotations

import math


def erlang_c(servers: int, load: float) -> float:
    """Probability that whoever comes has to wait (M/M/c).

    Args:
        servers: How many.
        load: Arrivals a second times seconds a service; below `servers`.
    """
    blocked = 1.0  # Erlang B, by its recursion, which never overflows
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mmc_wait(servers: int, rate: float, service: float) -> float:
    """Mean seconds in line with Poisson arrivals (a second) and exponential service times of a mean (M/M/c)."""
    return erlang_c(servers, rate * service) * service / (servers - rate * service)


def mmc_wait_quantile(servers: int, rate: float, service: float, share: float) -> float:
    """Seconds in line that a share of all do not exceed (M/M/c, first come first served)."""
    waits = erlang_c(servers, rate * service)
    return max(0.0, math.log(waits / (1 - share)) * service / (servers - rate * service))


def md1_wait(rate: float, service: float) -> float:
    """Mean seconds in line of one server that always takes as long (M/D/1, by Pollaczek and Khinchine)."""
    busy = rate * service
    return busy * service / (2 * (1 - busy))
