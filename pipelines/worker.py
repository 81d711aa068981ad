"""A portrait request in a thread of its own, as a stream of events that can be cut off.

Closing the stream leaves the line, or cancels the work within one step and waits until it has ended; a portrait that is
being finished just then is finished. So a generator handler of any web framework needs nothing else. An engine that
does not come back is set aside: whoever waited for it is told, and the line goes on.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from languages.saying import say
from pipelines.errors import Cancelled, EngineFailed
from pipelines.results import PortraitSet
from pipelines.schema import PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.waiting_line import Place, Ticket

_LOOK_SECONDS = 0.25  # so soon a cancelled request is told to stop
_FRONT, _FRONT_SECONDS, _BACK_SECONDS = 5, 1.0, 3.0  # who is served soon is told more often


@dataclass(frozen=True)
class WaitEvent:
    """Others are served first."""

    place: Place


@dataclass(frozen=True)
class StepEvent:
    """One step done. Step 0 means that the model is being loaded."""

    step: int
    total: int
    preview: Image.Image | None
    seconds: float


@dataclass(frozen=True)
class Patience:
    """How long an engine may say nothing, in seconds, before it is taken for hung.

    Attributes:
        silence: Between two steps; loading a model counts as one.
        stopping: After it was told to stop.
    """

    silence: float = 600.0
    stopping: float = 120.0


Events = Generator[WaitEvent | StepEvent | PortraitSet, None, None]


def run(
    pipeline: SelfPortraitPipeline,
    request: PortraitRequest,
    *,
    out_dir: Path | None = None,
    stop: threading.Event | None = None,
    patience: Patience | None = None,
    in_series: bool = False,
) -> Events:
    """Yield a WaitEvent every few seconds until it is this request's turn, a StepEvent a step, then the PortraitSet.

    Args:
        stop: Setting it, from any thread, cancels as closing the stream does; the stream then raises Cancelled.
        in_series: Another portrait of this photo follows; steps then bring no pictures.

    Raises:
        EngineBusy: The line is full.
        EngineFailed: The engine hangs, or stopped in the middle.
        PortraitError: As the pipeline does, in the thread of the caller.
    """
    stop, patience = stop or threading.Event(), patience or Patience()
    with pipeline.join(request) as ticket:
        preparing = yield from _wait(pipeline, request, ticket, stop)
        yield from _work(pipeline, request, out_dir, ticket, stop, patience, in_series, preparing)


def _wait(
    pipeline: SelfPortraitPipeline, request: PortraitRequest, ticket: Ticket, stop: threading.Event
) -> Generator[WaitEvent, None, threading.Thread | None]:
    """Wait for the turn. Returns the thread, if any, that prepares the portrait meanwhile."""
    due, preparing = 0.0, None
    for _ in ticket.until_turn(lambda: not stop.is_set()):
        place = ticket.place
        if place is not None and time.monotonic() >= due:
            yield WaitEvent(place)
            due = time.monotonic() + (_FRONT_SECONDS if place.position <= _FRONT else _BACK_SECONDS)
        if preparing is None and place is not None and place.position <= _FRONT:
            preparing = pipeline.prepare(request)
    return preparing


def _work(
    pipeline: SelfPortraitPipeline,
    request: PortraitRequest,
    out_dir: Path | None,
    ticket: Ticket,
    stop: threading.Event,
    patience: Patience,
    in_series: bool,
    preparing: threading.Thread | None,
) -> Generator[StepEvent | PortraitSet, None, None]:
    events: queue.SimpleQueue[StepEvent | PortraitSet | BaseException] = queue.SimpleQueue()
    started = time.monotonic()

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        events.put(StepEvent(step, total, preview, time.monotonic() - started))
        return not stop.is_set()

    def work() -> None:
        try:
            while preparing is not None and preparing.is_alive() and not stop.is_set():
                preparing.join(_LOOK_SECONDS)
            if stop.is_set():
                raise Cancelled(say("Stopped before it began."))
            events.put(pipeline(request, on_step, out_dir=out_dir, ticket=ticket, in_series=in_series))
        except BaseException as error:  # handed to the caller, who decides
            events.put(error)

    # With the context of whoever asks: a lent GPU counts for the visitor that it finds there.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="portrait", daemon=True)
    thread.start()
    grace = patience.stopping
    try:
        while True:
            event = _next(events, stop, patience)
            if event is None:
                grace = 0.0
                raise EngineFailed(
                    say("The engine does not answer and was set aside; your photo is kept, so try again.")
                )
            if isinstance(event, BaseException):
                raise event
            yield event
            if isinstance(event, PortraitSet):
                return
    finally:
        stop.set()
        thread.join(grace)
        if thread.is_alive():
            pipeline.set_aside(ticket)


def _next(
    events: queue.SimpleQueue[StepEvent | PortraitSet | BaseException], stop: threading.Event, patience: Patience
) -> StepEvent | PortraitSet | BaseException | None:
    """What the engine says next; None where it says nothing any more."""
    silent = time.monotonic()
    stopping: float | None = None
    while True:
        try:
            return events.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            now = time.monotonic()
        if stop.is_set() and stopping is None:
            stopping = now
        if now - silent > patience.silence or (stopping is not None and now - stopping > patience.stopping):
            return None
