"""Whether the app's memory stays flat: many portraits, one after the other, for visitors who come and go.

    python -m benchmarks.memory [--portraits 500] [--each 10] [--every 100]

The real app in a process of its own; each visitor makes a few portraits and closes the page. Prints the app's resident
memory after the first tenth, when all is loaded and every cache is full, and then as it goes on. The exit status is 1
where the straight line through what follows the first tenth rises by more than 10 % of the memory over the whole run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.crowd import Visitor, running_app

_ALLOWED = 0.1


async def portraits(url: str, count: int, first: int) -> int:
    """One visitor who makes `count` portraits and leaves. Returns how many came."""
    async with httpx.AsyncClient(timeout=None) as client:
        visitor = Visitor(url, first, client)
        await visitor.enter()
        made = 0
        for _ in range(count):
            visitor.visit.served = None
            await visitor.create()
            made += visitor.visit.served is not None
        await visitor.leave()
    return made


def curve(url: str, process: psutil.Process, count: int, each: int) -> list[tuple[int, float]]:
    """(portraits made, resident MB) after each visitor."""
    seen: list[tuple[int, float]] = []
    made = 0
    while made < count:
        came = asyncio.run(portraits(url, min(each, count - made), made))
        if not came:
            raise SystemExit(f"No portrait came after {made}.")
        made += came
        time.sleep(0.5)  # what was the visitor's is deleted now
        seen.append((made, process.memory_info().rss / 2**20))
    return seen


def growth(seen: list[tuple[int, float]]) -> float:
    """MB a hundred portraits, by the straight line (least squares) through all points."""
    made, memory = np.asarray(seen, np.float64).T
    return float(np.polyfit(made, memory, 1)[0] * 100)


def settled(seen: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """What follows the first tenth of the portraits."""
    return [point for point in seen if point[0] > seen[-1][0] / 10]


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--portraits", type=int, default=500)
    parser.add_argument("--each", type=int, default=10, help="portraits of one visitor")
    parser.add_argument("--every", type=int, default=100, help="how often to print")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(Path(folder), STUDIO_PORTRAITS_PER_HOUR_PER_ADDRESS="0") as (url, app),
    ):
        process = psutil.Process(app.pid)
        time.sleep(5)  # warm
        print(f"{'portraits':>9} {'MB':>6}\n{0:>9} {process.memory_info().rss / 2**20:>6.0f}", flush=True)
        seen: list[tuple[int, float]] = []
        for start in range(0, options.portraits, options.every):
            part = curve(url, process, min(options.every, options.portraits - start), options.each)
            seen += [(start + made, memory) for made, memory in part]
            print(f"{seen[-1][0]:>9} {seen[-1][1]:>6.0f}", flush=True)
    rest = settled(seen)
    rise, last = growth(rest), rest[-1][1]
    print(f"after the first tenth {rise:+.1f} MB for every 100 portraits")
    return 1 if rise * options.portraits / 100 > _ALLOWED * last else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
