"""Makes the cells of a board, one after the other, until all are there or somebody stops it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from languages.saying import say
from pipelines import worker
from pipelines.board.cells import Cell, request_of
from pipelines.board.definition import Board, CheckedBoard, check
from pipelines.board.photos import SeatedPhoto
from pipelines.board.plan import Pixels, plan
from pipelines.board.store import Store, typical
from pipelines.errors import Cancelled, EngineBusy, EngineFailed, PortraitError, TooOften
from pipelines.results import PortraitSet
from pipelines.schema import Consent, PortraitRequest, Style
from pipelines.self_portrait import SelfPortraitPipeline

log = logging.getLogger(__name__)

_BUSY_SECONDS = 2.0
_OWN_FAULT = say(
    "This portrait failed for a reason of the program's own; try it again, and leave it out if it fails again."
)


@dataclass(frozen=True)
class Progress:
    """What a run tells of itself.

    Attributes:
        cell: The one it is at.
        number: Which of those to be made, from 1.
        total: How many are to be made.
        state: waiting: others are served first. working: `step` of `steps` is done.
        step, steps: As the engine counts them; 0 while a model is loaded.
        why: What failed.
        seconds_left: For this cell and those that follow; None where that was never measured.
    """

    cell: Cell
    number: int
    total: int
    state: Literal["waiting", "working", "done", "failed"]
    step: int = 0
    steps: int = 0
    why: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a run: how many cells were made, failed, and are left because it was stopped."""

    made: int
    failed: int
    left: int

    @property
    def stopped(self) -> bool:
        """Whether it ended before all was tried."""
        return self.left > 0


def checked(
    pipeline: SelfPortraitPipeline, board: Board, session: str, own: Mapping[str, Style] | None = None
) -> CheckedBoard:
    """A board whose values all exist here and whose words pass the reviewers.

    Args:
        session: Whose words they are, for the log of refusals.
        own: Styles of the visitor's own, by id.

    Raises:
        BoardError: A value does not exist here; the hint names it.
        WordsRefused: A reviewer does not let the board's words through.
    """
    own = own or {}
    found = check(
        board,
        pipeline.presets.with_own(own),
        pipeline.engines(),
        lambda engine, *wanted: pipeline.dimensions(engine, *wanted)[1],
    )
    found = replace(found, own=frozenset(own) & frozenset(found.styles))
    pipeline.safety.require_words(board.words, session)
    return found


def make(
    pipeline: SelfPortraitPipeline,
    board: CheckedBoard,
    photos: Sequence[SeatedPhoto],
    store: Store,
    consent: Consent,
    *,
    tell: Callable[[Progress], None] = lambda progress: None,
    stop: threading.Event | None = None,
    only: Collection[str] | None = None,
    again: bool = False,
    admit: Callable[[PortraitRequest], AbstractContextManager[None]] = lambda request: nullcontext(),
) -> Outcome:
    """Make what is missing, damaged or has failed. Each cell is a request of its own, so others get their turn between.

    A cell that fails is noted with its reason and the next one is made. Finished cells stay, whatever comes.

    Args:
        photos: Those of the board; one and the same objects from run to run save the drawing of control images.
        consent: Under which they are made.
        tell: Told of each step, in this thread.
        stop: Setting it, from any thread, ends the run within one step.
        only: Keys of the cells that are wanted; left out, all.
        again: Make those that are done, too.
        admit: Entered around each portrait. Where it raises TooOften, the run waits and asks again.

    Raises:
        BoardError: Another run is working in the folder.
        SaveError: The folder cannot be written to any more.
    """
    stop = stop or threading.Event()
    seated = {photo.title: photo for photo in photos}
    made = failed = 0
    pixels = Pixels(board, photos)
    with store.alone() as folder:
        ahead = plan(board, photos, store, only=only, again=again).to_make
        for number, cell in enumerate(ahead, 1):
            if stop.is_set():
                break
            reporter = _Reporter(tell, ahead, number, store, pixels)
            try:
                request = request_of(board, cell, seated[cell.photo], consent)
                follows = number < len(ahead) and ahead[number].photo == cell.photo
                _make_one(pipeline, request, cell, store, folder, stop, reporter, follows, admit)
                made += 1
                reporter("done")
            except Exception as error:
                if isinstance(error, Cancelled) and stop.is_set():
                    break
                code, why = _reason(error)
                store.fail(cell.key, code, why)
                failed += 1
                reporter("failed", why=why)
    return Outcome(made, failed, len(ahead) - made - failed)


class _Reporter:
    """Puts what happens to one cell into words for `tell`."""

    def __init__(
        self, tell: Callable[[Progress], None], ahead: Sequence[Cell], number: int, store: Store, pixels: Pixels
    ) -> None:
        self._tell = tell
        self._ahead = ahead
        self._number = number
        measured = store.measured()
        costs = [typical(measured, cell.engine, pixels(cell)) for cell in ahead[number - 1 :]]
        self._left = None if None in costs else sum(cost[0] for cost in costs if cost is not None)

    def __call__(
        self,
        state: Literal["waiting", "working", "done", "failed"],
        step: int = 0,
        steps: int = 0,
        why: str = "",
    ) -> None:
        cell = self._ahead[self._number - 1]
        self._tell(Progress(cell, self._number, len(self._ahead), state, step, steps, why, self._left))


class _Linked(threading.Event):
    """One cell's own signal to stop, set with the whole run's. The worker sets it at each end."""

    def __init__(self, run: threading.Event) -> None:
        super().__init__()
        self._run = run

    def is_set(self) -> bool:
        return super().is_set() or self._run.is_set()


def _make_one(
    pipeline: SelfPortraitPipeline,
    request: PortraitRequest,
    cell: Cell,
    store: Store,
    folder: Path,
    stop: threading.Event,
    report: _Reporter,
    in_series: bool,
    admit: Callable[[PortraitRequest], AbstractContextManager[None]],
) -> None:
    while True:
        try:
            with admit(request):
                result, seconds = _worked(pipeline, request, folder, stop, report, in_series)
            break
        except (EngineBusy, TooOften):  # the line is full, or a limit is reached: a board has time
            report("waiting")
            if stop.wait(_BUSY_SECONDS):
                raise Cancelled(say("Stopped before it began.")) from None
    portrait = result.portraits[0]
    paper = store.adopt(cell, portrait, result.notes, seconds)
    store.measure(cell.engine, result.photo.image.size, seconds, paper.bytes)


def _worked(
    pipeline: SelfPortraitPipeline,
    request: PortraitRequest,
    folder: Path,
    stop: threading.Event,
    report: _Reporter,
    in_series: bool,
) -> tuple[PortraitSet, float]:
    """The portrait, and the seconds from its turn on."""
    began = time.monotonic()
    linked = _Linked(stop)
    with closing(worker.run(pipeline, request, out_dir=folder, stop=linked, in_series=in_series)) as events:
        for event in events:
            if isinstance(event, worker.WaitEvent):
                report("waiting")
                began = time.monotonic()
                continue
            if isinstance(event, PortraitSet):
                return event, time.monotonic() - began
            report("working", event.step, event.total)
    raise EngineFailed(say("The engine ended without a portrait; try this one again."))


def _reason(error: Exception) -> tuple[str, str]:
    """Code and sentence of what went wrong. Of a fault of ours the log gets the kind and place, nobody a trace."""
    if isinstance(error, PortraitError):
        return error.code, error.hint
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f"{Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno}" if last is not None else "?"
    log.error("a cell of a board failed: %s at %s", type(error).__name__, place)
    return "error", _OWN_FAULT
