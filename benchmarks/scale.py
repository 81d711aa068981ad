"""What replicas give, and what Serve costs: the embedded model here, by one replica, and by two.

    python -m benchmarks.scale [-n 6] [--size 768] [--run FILE]

A cluster is begun on this machine, for the benchmark alone. Portraits here and there take turns, so that whatever else
the machine does is shared between them; told are medians, and ratios of what was measured in the same minutes.
Processor time is that of this process and of all of Ray's, and says more where the machine is busy. Each replica works
on one core, and so does this process. With --run, visitors come by chance to two replicas too, and their waits go into
a file that `python -m benchmarks.scale_simulation compare FILE` sets beside the simulation.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # as Ray gives a replica, before torch is loaded

import psutil
from PIL import Image
from skimage import data

from benchmarks.scale_measured import Measured, measure
from pipelines import heavy
from pipelines.cluster.joining import NAME
from pipelines.cluster.link import Link, Setup
from pipelines.cluster.remote import RemoteEngines
from pipelines.engines.base import Engine
from pipelines.engines.filters.stage import Stage
from pipelines.engines.registry import Engines
from pipelines.job_studio import JobStudio
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import PRESETS, Presets, load_presets
from pipelines.schema import Job, PreparedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import Backend, Replicas

MODEL = "measured"
_BUSY = 0.75  # share of the time in which a replica is to be at work


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=6, help="pairs of portraits, and twice as many of each throughput")
    parser.add_argument("--size", type=int, default=768, help="pixels; 768 takes about 3 s on one core")
    parser.add_argument("--run", type=Path, help="file for what visitors by chance met")
    parser.add_argument("--requests", type=int, default=40, help="how many of them come")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        presets = _presets(Path(folder), options.size)
        photo = prepare(open_photo(Image.fromarray(data.astronaut())), 0, options.size)
        heavy.load("torch").set_num_threads(1)
        here = Engines(presets.models).create(MODEL).engine
        here.load()
        _overhead(here, presets, photo, options.n)
        _throughput(presets, photo, 2 * options.n)
        if options.run is not None:
            run = _visited(presets, Path(folder) / "portraits", options.requests)
            options.run.write_text(run.model_dump_json(), "utf-8")
    return 0


def _presets(folder: Path, size: int) -> Presets:
    """With a stack of the embedded checkpoint that paints at one size, for the replicas too."""
    models = folder / "models"
    models.mkdir()
    text = (PRESETS / "models" / "embedded.toml").read_text("utf-8")
    text = text.replace("\nsize = 1024", f"\nsize = {size}", 1).replace(
        "working_size = 768", f"working_size = {size}", 1
    )
    (models / f"{MODEL}.toml").write_text(text, "utf-8")
    os.environ["STUDIO_PRESETS"] = str(folder)
    return load_presets(more=folder)


def _linked(replicas: int, presets: Presets) -> tuple[Link, RemoteEngines]:
    link = Link(Setup(Backend(""), Replicas(replicas, replicas), MODEL))
    began = time.monotonic()
    link.join()
    print(f"a cluster of {replicas} was there after {time.monotonic() - began:.0f} s", flush=True)
    return link, RemoteEngines(presets.models, link, lambda stack: "")


class Taken(NamedTuple):
    """What a portrait took, in seconds."""

    clock: float
    processor: float


def _taken(engine: Engine, presets: Presets, photo: PreparedPhoto, seed: int) -> Taken:
    job = Job(photo=photo, style=presets.style("oil-master"), scene=presets.scene("orbit"), seeds=(seed,))
    began, worked = time.monotonic(), _processor_seconds()
    engine.make(job, JobStudio(job, {}, Stage()), lambda step, total, preview: True)
    return Taken(time.monotonic() - began, _processor_seconds() - worked)


def _processor_seconds() -> float:
    """Of this process and of all that it began."""
    total, me = 0.0, psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _overhead(here: Engine, presets: Presets, photo: PreparedPhoto, pairs: int) -> None:
    link, engines = _linked(1, presets)
    there = engines.create(MODEL).engine
    try:
        for engine in (here, there):
            _taken(engine, presets, photo, 0)
        local: list[Taken] = []
        served: list[Taken] = []
        for seed in range(1, pairs + 1):
            turns = [(here, local), (there, served)]
            for engine, taken in turns if seed % 2 else reversed(turns):
                taken.append(_taken(engine, presets, photo, seed))
    finally:
        link.close()
    for name, index in (("by the clock", 0), ("processor time", 1)):
        one, two = (statistics.median(taken[index] for taken in list) for list in (local, served))
        middle = statistics.median(b[index] / a[index] for a, b in zip(local, served, strict=True))
        print(f"a portrait, {name}: here {one:.2f} s, by Serve {two:.2f} s, {100 * (two / one - 1):+.1f} %;", end=" ")
        print(f"in the middle pair {100 * (middle - 1):+.1f} %", flush=True)
    print(f"({pairs} pairs, {photo.image.width} px)", flush=True)


def _throughput(presets: Presets, photo: PreparedPhoto, portraits: int) -> None:
    rates = []
    for replicas in (1, 2):
        link, engines = _linked(replicas, presets)
        try:
            with ThreadPoolExecutor(replicas + 1) as pool:
                paint = partial(_taken, engines.create(MODEL).engine, presets, photo)
                list(pool.map(paint, range(2 * replicas)))
                began = time.monotonic()
                list(pool.map(paint, range(portraits)))
                rates.append(portraits / (time.monotonic() - began))
        finally:
            link.close()
        print(f"{replicas} replicas: {rates[-1]:.3f} portraits a second", flush=True)
    print(f"two replicas make {rates[1] / rates[0]:.2f} times as many as one ({portraits} portraits each)", flush=True)


def _visited(presets: Presets, folder: Path, requests: int) -> Measured:
    link, engines = _linked(2, presets)
    try:
        pipeline = SelfPortraitPipeline(presets, folder, automatic=MODEL, max_waiting=500, engines={NAME: engines})
        pipeline.add_device(NAME, engines, room=2)
        return measure(pipeline, requests, _BUSY)
    finally:
        link.close()


if __name__ == "__main__":
    raise SystemExit(main())
