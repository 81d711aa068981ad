"""From one laptop to 1,000 GPUs, in events: portraits a second, waits, cost, and what would break first.

    python -m benchmarks.scale_simulation                     # all tables, in Markdown; some minutes of one core
    python -m benchmarks.scale_simulation --sizes 1,8 --gpu "rtx-4090=1.35:0.45"
    python -m benchmarks.scale_simulation measure run.json --requests 80 --busy 0.75
    python -m benchmarks.scale_simulation compare run.json    # how far the simulation is off a measured run
    python -m benchmarks.scale_simulation register postgresql://user@host/empty   # looks a second of a register

What is modelled stands in `benchmarks/scale_events.py`; theory that it is held to in `tests/test_scale_simulation.py`;
what of the figures is assumed, and from where the others are, in `docs/scale-simulation.md`.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import scale_measured
from benchmarks.scale_events import Simulation
from benchmarks.scale_plant import DAY, Autoscale, Plant, Ran, arrivals, day_rate, spread
from pipelines.schema import Consent
from study.consent_records import NO_WORDS, SharedRecords
from study.register import Register

HOUR, WHOLE_DAY = 3600.0, 24 * 3600.0
_MODELS = {"sdxl-lightning": 0.7, "flux2-klein": 0.2, "sd15-lcm": 0.1}  # shares of requests
_HEAVIER = {"sdxl-lightning": 1.0, "flux2-klein": 1.6, "sd15-lcm": 0.35}  # seconds, over those of the first
_EVENING = 19.5 * HOUR, 1.5 * HOUR  # from when and for how long: where a whole day would take minutes to simulate
_REQUESTS = 300_000  # of a fleet whose whole day would be more, about so many around nine in the evening are looked at


@dataclass(frozen=True)
class Gpu:
    """A kind of machine.

    Attributes:
        seconds: For one portrait by sdxl-lightning, marks and checks included.
        price: US dollars an hour.
        load: Seconds to put one model stack in the place of another.
        start: Seconds from the decision for one more until it takes work.
    """

    name: str
    seconds: float
    price: float
    load: float = 12.0
    start: float = 180.0


# From where these are: docs/scale-simulation.md.
GPUS = (Gpu("t4", 12.9, 0.35, load=25), Gpu("rtx-4090", 1.35, 0.45), Gpu("a100-80", 2.1, 1.6), Gpu("h100", 1.3, 2.6))
LAPTOP = Gpu("laptop", 5.5, 0.0)  # the built-in model on two cores


@dataclass(frozen=True)
class Part:
    """What a portrait passes on its way, and how much of it one front or one database has.

    Attributes:
        each: That one portrait needs, in `unit`.
        has: That there is, in `unit` a second.
    """

    name: str
    unit: str
    each: float
    has: float
    source: str


PARTS = (
    Part("live pictures, tiles", "core s", 3.0, 16, "assumed 10 a portrait; 0.3 s each was measured (README)"),
    Part(
        "opening, crop, face, marks, checks", "core s", 0.6, 16, "marks 0.083 s, check 0.084 s measured; rest assumed"
    ),
    Part("network of a front", "MB", 6.0, 1250, "assumed: photo 3 MB, portrait and copies 2 MB, live 1 MB; 10 Gbit/s"),
    Part("Serve's router in a front", "messages", 10, 1500, "assumed: 4 steps, previews, result; not measured here"),
    Part(
        "register of consents",
        "looks",
        40,
        0,
        "assumed 40 a portrait; 0.56 ms of one core of the database each, measured",
    ),
)


@dataclass(frozen=True)
class Router:
    """How long a router keeps to replicas that have the stack: `Plant.patience_seconds` and `Plant.ahead_seconds`."""

    name: str
    patience: float
    ahead: float


# The studio's own line waits for a busy device that will be free before the models could be loaded elsewhere.
OWN_LINE = Router("as the studio's line", 12.0, 60.0)
ROUTERS = (Router("first come, first served", 0.0, 0.0), Router("as Serve's, 1.5 s", 1.5, 10.0), OWN_LINE)


def fleet(
    gpu: Gpu,
    replicas: int,
    *,
    one_model: bool = False,
    autoscale: Autoscale | None = None,
    router: Router = OWN_LINE,
) -> Plant:
    """So many GPUs of a kind.

    Args:
        gpu: The kind.
        replicas: How many at most.
        one_model: All ask for the same stack.
        autoscale: How many run when.
        router: Who is next, and where.
    """
    models = {"sdxl-lightning": 1.0} if one_model else _MODELS
    return Plant(
        replicas,
        spread({model: gpu.seconds * _HEAVIER[model] for model in models}),
        models,
        load_seconds=gpu.load,
        start_seconds=gpu.start,
        hours_between_failures=200.0,
        line=max(64, 8 * replicas),
        patience_seconds=router.patience,
        ahead_seconds=router.ahead,
        autoscale=autoscale,
    )


def mean_seconds(plant: Plant, gpu: Gpu) -> float:
    """Of one portrait, over the plant's models, without loading."""
    return sum(share * gpu.seconds * _HEAVIER[model] for model, share in plant.models.items())


def day(plant: Plant, gpu: Gpu, load: float, *, from_: float = 0.0, seconds: float = WHOLE_DAY, seed: int = 0) -> Ran:
    """A day, or a part of it, whose busiest hour keeps so large a share of the GPUs at work."""
    peak = load * plant.replicas / mean_seconds(plant, gpu)
    comes = arrivals(lambda at: day_rate(peak, from_ + at), seconds, plant.models, most=peak * max(DAY), seed=seed)
    return Simulation(plant, comes, seed=seed, warm_seconds=min(600.0, seconds / 3)).run()


def row(ran: Ran, gpu: Gpu) -> list[str]:
    """The figures of a run."""
    asked = max(1, ran.came)
    return [
        f"{ran.per_second:.2f}",
        f"{ran.mean_wait:.1f}",
        f"{ran.wait_quantile(0.95):.1f}",
        f"{100 * ran.busy / ran.running:.0f} %",
        f"{100 * ran.loads / asked:.1f} %",
        f"{100 * ran.refused / asked:.2f} %",
        f"{ran.tried_again} / {ran.lost}",
        f"{ran.cost_per_1000(gpu.price):.2f}",
    ]


FIGURES = ["portraits/s", "mean wait s", "95 % wait s", "at work", "loads", "refused", "again / lost", "$ per 1,000"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *rows])


def sizes(gpu: Gpu, counts: Sequence[int], load: float) -> str:
    """One kind of GPU, more and more of them, all of them running."""
    rows = [["1 laptop", "24 h", *row(day(fleet(LAPTOP, 1, one_model=True), LAPTOP, load), LAPTOP)]]
    for count in counts:
        plant = fleet(gpu, count)
        busiest = load * count / mean_seconds(plant, gpu)
        seconds = max(900.0, min(WHOLE_DAY, _REQUESTS / busiest / (sum(DAY) / len(DAY))))
        from_ = 0.0 if seconds == WHOLE_DAY else 20.5 * HOUR - seconds / 2
        ran = day(plant, gpu, load, from_=from_, seconds=seconds)
        rows.append([f"{count:,}", f"{seconds / HOUR:.2g} h", *row(ran, gpu)])
    return table(["GPUs", "looked at", *FIGURES], rows)


def kinds(gpus: Sequence[Gpu], count: int, load: float) -> str:
    """As many GPUs of each kind, all running or as the load asks for them."""
    rows = []
    for gpu in gpus:
        rows.append([gpu.name, "all run", *row(day(fleet(gpu, count), gpu, load), gpu)])
        scale = Autoscale(least=max(1, count // 8))
        rows.append([gpu.name, "autoscaled", *row(day(fleet(gpu, count, autoscale=scale), gpu, load), gpu)])
    return table(["GPU", "how many run", *FIGURES], rows)


def routers(gpu: Gpu, counts: Sequence[int], load: float) -> str:
    """Three stacks on few and many GPUs, in the busiest hours, with routers that keep more and less to loaded ones."""
    rows = []
    for count in counts:
        for router in ROUTERS:
            plant = fleet(gpu, count, router=router)
            rows.append(
                [f"{count}", router.name, *row(day(plant, gpu, load, from_=_EVENING[0], seconds=_EVENING[1]), gpu)]
            )
        ran = day(fleet(gpu, count, one_model=True), gpu, load, from_=_EVENING[0], seconds=_EVENING[1])
        rows.append([f"{count}", "one stack for all", *row(ran, gpu)])
    return table(["GPUs", "router", *FIGURES], rows)


def rush(gpu: Gpu, count: int) -> str:
    """A class comes in: from a tenth of the load to three quarters of it within a second, for half an hour."""
    rows = []
    for start in (10.0, 60.0, 180.0, 600.0):
        for up, down in ((30.0, 600.0), (0.0, 600.0)):
            scale = Autoscale(least=max(1, count // 4), up_seconds=up, down_seconds=down)
            plant = replace(fleet(gpu, count, autoscale=scale), start_seconds=start)
            top = 0.75 * count / mean_seconds(plant, gpu)
            rate = partial(_step, top)
            ran = Simulation(plant, arrivals(rate, 3600.0, plant.models, most=top), warm_seconds=1800.0).run()
            rows.append([f"{start:.0f}", f"{up:.0f}", *row(ran, gpu)])
    return table(["start s", "upscale delay s", *FIGURES], rows)


def _step(top: float, at: float) -> float:
    return top if at >= 1800.0 else top * 0.1 / 0.75


def breaks_first(gpu: Gpu, looks: float) -> str:
    """How many portraits a second, and so how many GPUs at work, each part is good for with one front."""
    rows = []
    for part in PARTS:
        has = part.has or looks
        most = has / part.each
        busy = most * mean_seconds(fleet(gpu, 1), gpu)
        cells = [f"{part.each:g} {part.unit}", f"{has:,.0f} {part.unit}/s", f"{most:,.1f}", f"{busy:,.0f}"]
        rows.append((most, [part.name, *cells, part.source]))
    head = ["part", "a portrait needs", "there is", "portraits/s", f"{gpu.name} at work", "from where"]
    return table(head, [cells for _, cells in sorted(rows)])


def looks_a_second(url: str, seconds: float = 5.0, threads: int = 8) -> float:
    """How many consents a register tells in a second, with so many that ask at a time."""
    register = Register(url, secrets.token_hex(32))
    records = SharedRecords(register)
    names = [secrets.token_hex(8) for _ in range(1000)]
    for name in names:
        now = datetime.now(UTC)
        records.add(
            Consent(id=secrets.token_hex(16), session=name, granted_at=now, notice_version="1", notice_sha256="0" * 64),
            NO_WORDS,
        )
    done = [0] * threads
    until = time.monotonic() + seconds

    def look(number: int) -> None:
        while time.monotonic() < until:
            assert records.find(names[done[number] % len(names)]) is not None
            done[number] += 1

    asking = [threading.Thread(target=look, args=(number,)) for number in range(threads)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    for name in names:
        records.remove(name)
    register.close()
    return sum(done) / seconds


def _gpu(text: str) -> Gpu:
    name, _, figures = text.partition("=")
    seconds, _, price = figures.partition(":")
    return Gpu(name, float(seconds), float(price or 0))


def main(arguments: list[str]) -> int:
    """Simulate and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1,2,8,64,256,1000", help="numbers of GPUs")
    parser.add_argument("--gpu", type=_gpu, action="append", help="NAME=SECONDS:DOLLARS_AN_HOUR, instead of all kinds")
    parser.add_argument("--load", type=float, default=0.8, help="share of the GPUs at work in the busiest hour")
    parser.add_argument("--looks", type=float, default=1800.0, help="of a register a second, as `register` prints it")
    commands = parser.add_subparsers(dest="command")
    one = commands.add_parser("measure", help="two places of this machine, and how far the simulation is off them")
    one.add_argument("file", type=Path)
    one.add_argument("--requests", type=int, default=80)
    one.add_argument("--busy", type=float, default=0.75, help="share of the time that a place is at work")
    commands.add_parser("compare", help="a file of `measure` or of benchmarks.scale").add_argument("file", type=Path)
    commands.add_parser("register", help="looks a second").add_argument("url")
    options = parser.parse_args(arguments)
    if options.command == "register":
        print(f"{looks_a_second(options.url):,.0f} looks a second")
    elif options.command in ("measure", "compare"):
        if options.command == "measure":
            with tempfile.TemporaryDirectory() as folder:
                pipeline = scale_measured.filters(2, Path(folder))
                measured = scale_measured.measure(pipeline, options.requests, options.busy)
                pipeline.close()
            options.file.write_text(measured.model_dump_json(), "utf-8")
        run = scale_measured.Measured.read(options.file)
        for what, compared in (("replay", scale_measured.replay(run)), ("forecast", scale_measured.forecast(run))):
            print("\n".join(scale_measured.as_lines(what, compared)))
    else:
        gpus = options.gpu or list(GPUS)
        middle = next((gpu for gpu in gpus if gpu.name == "rtx-4090"), gpus[0])
        counts = [int(count) for count in options.sizes.split(",")]
        print(f"### More and more GPUs ({middle.name})\n\n{sizes(middle, counts, options.load)}\n", flush=True)
        print(f"### Who is next ({middle.name})\n\n{routers(middle, (4, 8, 32), options.load)}\n", flush=True)
        print(f"### Kinds of GPU (8 of each, a day)\n\n{kinds(gpus, 8, options.load)}\n", flush=True)
        print(f"### A class comes in ({middle.name}, 64)\n\n{rush(middle, 64)}\n", flush=True)
        print(f"### What breaks first\n\n{breaks_first(middle, options.looks)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
