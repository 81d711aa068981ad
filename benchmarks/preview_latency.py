"""How long the instant filters take, by style, in one run on one machine.

    python -m benchmarks.preview_latency [--size 512] [--repeats 5] [--scene orbit] [--styles a,b]

Prints the median in milliseconds of a warm portrait, its processor time, and the median of a webcam frame; and ratios
to the cheapest style of the same run, which can be compared between machines.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from skimage import data

from pipelines.engines.filters.engine import FilterEngine
from pipelines.presets.loading import load_presets
from pipelines.thumbnails import sitter

LIMIT_MS = 400.0
FRAMES_PER_SECOND = 5.0


def median_ms(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median wall-clock and processor milliseconds of `work`, after one warm-up.

    Processor time counts all threads; on a busy machine it is the steadier of the two.
    """
    work()
    wall: list[float] = []
    cpu: list[float] = []
    for _ in range(repeats):
        started, spent = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - started) * 1000)
        cpu.append((time.process_time() - spent) * 1000)
    return statistics.median(wall), statistics.median(cpu)


def main(arguments: list[str]) -> int:
    """Measure and print; 1 where a style misses its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preview_latency", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scene", default="orbit")
    parser.add_argument("--styles", default="")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(options.threads)
    presets, engine, photo = load_presets(), FilterEngine(), sitter(options.size)
    scene = presets.scene(options.scene)
    frame = cv2.resize(np.ascontiguousarray(data.astronaut()[:384]), (640, 480), interpolation=cv2.INTER_AREA)
    styles = [presets.style(i) for i in options.styles.split(",") if i] or list(presets.styles.values())
    portrait: dict[str, float] = {}
    spent: dict[str, float] = {}
    webcam: dict[str, float] = {}
    for style in styles:
        portrait[style.id], spent[style.id] = median_ms(partial(engine.render, photo, style, scene), options.repeats)
        webcam[style.id], _ = median_ms(partial(engine.render_frame, frame, style, scene), options.repeats)
    cheapest, cheapest_frame = min(portrait.values()), min(webcam.values())
    print(f"{'style':<16} {options.size} px ms   ratio   cpu ms   webcam ms   ratio   frames/s")
    for name in sorted(portrait, key=portrait.__getitem__):
        print(
            f"{name:<16} {portrait[name]:9.0f} {portrait[name] / cheapest:7.1f} {spent[name]:8.0f}"
            f" {webcam[name]:11.0f} "
            f"{webcam[name] / cheapest_frame:7.1f} {1000 / webcam[name]:10.1f}"
        )
    slow = [name for name in portrait if portrait[name] > LIMIT_MS or 1000 / webcam[name] < FRAMES_PER_SECOND]
    limits = f"over {LIMIT_MS:.0f} ms at {options.size} px or under {FRAMES_PER_SECOND:.0f} frames/s"
    print(f"{limits}: {', '.join(slow) or 'none'}")
    return 1 if slow else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
