"""A portrait request in a thread of its own, as a stream of events that can be cut off.

Closing the stream cancels the work within one step and waits until the engine is free, so that a generator handler of
any web framework needs nothing else.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.schema import PortraitRequest, PortraitSet
from pipelines.self_portrait import SelfPortraitPipeline


@dataclass(frozen=True)
class StepEvent:
    """One step done. Step 0 means that others are served first."""

    step: int
    total: int
    preview: Image.Image | None
    seconds: float


def run(
    pipeline: SelfPortraitPipeline,
    request: PortraitRequest,
    *,
    out_dir: Path | None = None,
    stop: threading.Event | None = None,
) -> Generator[StepEvent | PortraitSet, None, None]:
    """Yield a StepEvent a step, then the PortraitSet.

    Args:
        stop: Setting it, from any thread, cancels as closing the stream does; the stream then raises Cancelled.

    Raises:
        PortraitError: As the pipeline does, in the thread of the caller.
    """
    events: queue.SimpleQueue[StepEvent | PortraitSet | BaseException] = queue.SimpleQueue()
    stop = stop or threading.Event()
    started = time.monotonic()

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        events.put(StepEvent(step, total, preview, time.monotonic() - started))
        return not stop.is_set()

    def work() -> None:
        try:
            events.put(pipeline(request, on_step, out_dir=out_dir))
        except BaseException as error:  # handed to the caller, who decides
            events.put(error)

    thread = threading.Thread(target=work, name="portrait", daemon=True)
    thread.start()
    try:
        while True:
            event = events.get()
            if isinstance(event, BaseException):
                raise event
            yield event
            if isinstance(event, PortraitSet):
                return
    finally:
        stop.set()
        thread.join()
