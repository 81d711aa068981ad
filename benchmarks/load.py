"""Many visitors at once on this machine: who is served, who is told to wait, who is refused, whose picture is whose.

    python -m benchmarks.load [--visitors 50] [--line 64] [--tries 1]

The real app in a process of its own, and visitors without a browser that all press Create in the same moment, each with
a photo of its own. Visitors and app share this machine's cores. Prints what became of them and the app's peak memory;
the exit status is 1 where a visitor was neither served nor told anything, or got somebody else's picture.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import psutil

from benchmarks.crowd import Visit, all_at_once, expected, running_app, whose
from pipelines.presets.loading import load_presets


class Peak(threading.Thread):
    """The most memory that a process held, in MB, asked for five times a second."""

    def __init__(self, process_id: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(process_id)
        self.start_mb = self.peak_mb = self.now()
        self._stop_asking = threading.Event()

    def now(self) -> float:
        """Resident memory."""
        return float(self._process.memory_info().rss / 2**20)

    def run(self) -> None:
        while not self._stop_asking.wait(0.2):
            self.peak_mb = max(self.peak_mb, self.now())

    def stop(self) -> None:
        """Ask no more."""
        self._stop_asking.set()
        self.join()


def report(visits: list[Visit]) -> list[str]:
    """What became of everybody, in lines to print."""
    served = [visit.served for visit in visits if visit.served is not None]
    told = [visit for visit in visits if visit.told]
    silent = [visit for visit in visits if visit.served is None and not visit.told and not visit.refusals]
    lines = [
        f"visitors {len(visits)}: served {len(served)}, told their place {len(told)}, "
        f"refused at least once {sum(bool(visit.refusals) for visit in visits)}, told nothing {len(silent)}"
    ]
    if served:
        lines.append(f"seconds to the portrait: median {median(served):.1f}, longest {max(served):.1f}")
    firsts = [visit.told[0].at for visit in told]
    if firsts:
        lines.append(
            f"seconds to the first word on one's place: median {median(firsts):.1f}, longest {max(firsts):.1f}"
        )
    errors = [
        abs(words.at + words.seconds - visit.served) / visit.served
        for visit in told
        for words in visit.told
        if words.seconds is not None and visit.served
    ]
    if errors:
        lines.append(f"wait estimates told: {len(errors)}, off by {100 * median(errors):.0f} % of the wait (median)")
    sentences = {sentence for visit in visits for sentence in visit.refusals}
    lines += [f"refusal: {sentence}" for sentence in sorted(sentences)[:3]]
    return lines


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--line", type=int, default=64, help="how many may wait (STUDIO_MAX_WAITING)")
    parser.add_argument("--tries", type=int, default=1, help="how often one who is refused presses Create")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        pictures = expected(load_presets(), options.visitors, Path(folder, "expected"))
        with running_app(Path(folder, "app"), STUDIO_MAX_WAITING=str(options.line)) as (url, process):
            time.sleep(5)  # warm
            memory = Peak(process.pid)
            memory.start()
            began = time.monotonic()
            visits = asyncio.run(all_at_once(url, options.visitors, tries=options.tries))
            took = time.monotonic() - began
            memory.stop()
    wrong = [
        visit.number
        for visit in visits
        if (visit.portrait is not None and whose(visit.portrait, pictures) != visit.number)
        or visit.keys_seen - {visit.key}
    ]
    print("\n".join(report(visits)))
    print(f"from the first page to the last portrait {took:.0f} s; somebody else's picture: {len(wrong)}")
    print(f"memory of the app: {memory.start_mb:.0f} MB before, {memory.peak_mb:.0f} MB at most")
    silent = [visit for visit in visits if visit.served is None and not visit.told and not visit.refusals]
    for visit in silent[:3]:
        print(f"visitor {visit.number} was told nothing; the last message was {visit.last[:400]}")
    return 1 if silent or wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
