"""What a first visit costs: bytes until the consent can be given, seconds, and how much the page jumps meanwhile.

    python -m benchmarks.first_load [--model preview]

On a desk, on a phone (four times slower processor), and on that phone with a slow line (400 ms, 400 kbit/s), each with
an empty cache. Layout shift is the sum over the whole load, as in https://web.dev/articles/cls without its windows.
The exit status is 1 where more than 1 MB is sent, or the shift is 0.1 or more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.browsing import CHROMIUM, FLAGS, open_context
from tests.support.site import Site

MOST_BYTES, MOST_SHIFT = 1_000_000, 0.1
_WATCH = """
  window.shift = 0;
  new PerformanceObserver((list) => list.getEntries().forEach((one) => { window.shift += one.value; }))
    .observe({ type: "layout-shift", buffered: true });
"""
_PATIENCE = 180_000  # milliseconds


@dataclass(frozen=True)
class Place:
    """Where somebody opens the page.

    Attributes:
        size: Pixels of the window.
        slower: How many times slower the processor is.
        line: Latency in ms and bytes a second; None is this machine's own.
    """

    name: str
    size: tuple[int, int]
    slower: int
    line: tuple[int, int] | None = None


PLACES = (
    Place("desk", (1440, 900), 1),
    Place("phone", (390, 844), 4),
    Place("phone, slow line", (390, 844), 4, (400, 50_000)),
)


def visit(browser: Browser, url: str, place: Place) -> tuple[int, int, float, float]:
    """Requests, bytes over the line, seconds until consent can be given, layout shift; two seconds later."""
    context = open_context(browser, *place.size)
    page = context.new_page()
    line = context.new_cdp_session(page)
    sizes: list[int] = []

    def arrived(event: dict[str, Any]) -> None:
        sizes.append(int(event["encodedDataLength"]))

    line.on("Network.loadingFinished", arrived)
    line.send("Network.enable")
    line.send("Emulation.setCPUThrottlingRate", {"rate": place.slower})
    if place.line:
        latency, rate = place.line
        conditions = {"offline": False, "latency": latency, "downloadThroughput": rate, "uploadThroughput": rate}
        line.send("Network.emulateNetworkConditions", conditions)
    page.add_init_script(_WATCH)
    started = time.perf_counter()
    page.goto(url, wait_until="commit", timeout=_PATIENCE)
    expect(page.locator("#consent input")).to_be_enabled(timeout=_PATIENCE)
    usable = time.perf_counter() - started
    page.wait_for_timeout(2000)
    shift = float(page.evaluate("window.shift"))
    context.close()
    return len(sizes), sum(sizes), usable, shift


def main(arguments: list[str]) -> int:
    """Measure all places; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_load", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="preview", help="STUDIO_MODEL of the app")
    options = parser.parse_args(arguments)
    missed = False
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        site = Site(Path(folder), STUDIO_MODEL=options.model)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        visit(browser, site.url, PLACES[0])  # the banner of a start is not what most visitors meet
        for place in PLACES:
            requests, size, usable, shift = visit(browser, site.url, place)
            missed |= size > MOST_BYTES or shift >= MOST_SHIFT
            print(
                f"{place.name:18} {requests:4} requests  {size / 1000:5.0f} kB  consent after {usable:5.1f} s"
                f"  layout shift {shift:.3f}",
                flush=True,
            )
        browser.close()
        site.close()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
