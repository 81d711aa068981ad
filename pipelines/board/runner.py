"""Makes the cells of a board until all are there or somebody stops it: several at a time, where an engine has several
places or a device can go on while pictures of it are finished. A few places stay free for others.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
_AT_ONCE = 3  # of the places in line that one visitor has, one stays free
_OWN_FAULT = say(
    "This portrait failed for a reason of the program's own; try it again, and leave it out if it fails again."
)


@dataclass(frozen=True)
class Progress:
    """What a run tells of itself.

    Attributes:
        cell: The one of which something is told; others may be in the making.
        number: Which of those to be made in the order in which they are finished, from 1.
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
    Of an engine that has several places, the filters on several cores for example, several are made at a time; of a
    model, one is painted while another is checked, signed and measured, and a third stands ready.

    A cell that fails is noted with its reason and the next one is made. Finished cells stay, whatever comes.

    Args:
        photos: Those of the board; one and the same objects from run to run save the drawing of control images.
        consent: Under which they are made.
        tell: Told of each step, by one thread at a time.
        stop: Setting it, from any thread, ends the run within one step.
        only: Keys of the cells that are wanted; left out, all.
        again: Make those that are done, too.
        admit: Entered around each portrait. Where it raises TooOften, the run waits and asks again.

    Raises:
        BoardError: Another run is working in the folder.
        SaveError: The folder cannot be written to any more.
    """
    with store.alone() as folder:
        ahead = plan(board, photos, store, only=only, again=again).to_make
        run = _Run(pipeline, board, photos, store, consent, folder, tell, stop or threading.Event(), admit, ahead)
        for engine, cells in itertools.groupby(range(len(ahead)), lambda index: ahead[index].engine):
            places = _AT_ONCE if board.engines[engine].is_diffusion else pipeline.places(engine)
            run.make(list(cells), min(_AT_ONCE, places))
        return Outcome(run.made, run.failed, len(ahead) - run.made - run.failed)


class _Run:
    """One run over the cells that are to be made. What it counts and the store belong to one thread at a time."""

    def __init__(
        self,
        pipeline: SelfPortraitPipeline,
        board: CheckedBoard,
        photos: Sequence[SeatedPhoto],
        store: Store,
        consent: Consent,
        folder: Path,
        tell: Callable[[Progress], None],
        stop: threading.Event,
        admit: Callable[[PortraitRequest], AbstractContextManager[None]],
        ahead: Sequence[Cell],
    ) -> None:
        self._pipeline = pipeline
        self._board = board
        self._seated = {photo.title: photo for photo in photos}
        self._store = store
        self._consent = consent
        self._folder = folder
        self._tell = tell
        self._stop = stop
        self._admit = admit
        self._ahead = ahead
        self._pixels = Pixels(board, photos)
        self._unfinished = set(range(len(ahead)))
        self._turns: dict[int, bool | None] = {}  # of those asked for, whether their turn has come; None: not yet told
        self._lock = threading.RLock()
        self._asking = threading.Lock()
        self.made = self.failed = 0

    def make(self, indices: Sequence[int], at_once: int) -> None:
        """Make cells, so many at a time.

        Raises:
            SaveError: The folder cannot be written to any more.
        """
        waiting = iter(indices)
        if at_once < 2 or len(indices) < 2:
            return self._one_after_the_other(waiting)
        with ThreadPoolExecutor(at_once, thread_name_prefix="board") as pool:
            for each in [pool.submit(self._one_after_the_other, waiting) for _ in range(min(at_once, len(indices)))]:
                each.result()
        return None

    def _one_after_the_other(self, waiting: Iterator[int]) -> None:
        while not self._stop.is_set():
            with self._lock:
                index = next(waiting, None)
            if index is None:
                return
            try:
                if not self._cell(index):
                    return
            except BaseException:
                self._stop.set()  # the folder cannot be written to: no other cell can be kept either
                raise

    def _cell(self, index: int) -> bool:
        """Make one, or note why it failed. Returns whether to go on."""
        cell = self._ahead[index]
        try:
            self._make_one(index, cell)
        except Exception as error:
            if isinstance(error, Cancelled) and self._stop.is_set():
                return False
            code, why = _reason(error)
            with self._lock:
                self._store.fail(cell.key, code, why)
                self.failed += 1
                self._report(index, "failed", why=why)
        return True

    def _make_one(self, index: int, cell: Cell) -> None:
        request = request_of(self._board, cell, self._seated[cell.photo], self._consent)
        follows = index + 1 < len(self._ahead) and self._ahead[index + 1].photo == cell.photo
        place = self._folder / cell.key[:16]  # of its own: another one in the making may get the same file name
        try:
            result, seconds, beside = self._admitted(index, request, place, follows)
            portrait = result.portraits[0]
            with self._lock:
                paper = self._store.adopt(cell, portrait, result.notes, seconds)
                adds = added(seconds, portrait.seconds, beside, self._pipeline.places(cell.engine))
                self._store.measure(cell.engine, result.photo.image.size, adds, paper.bytes)
                self.made += 1
                self._report(index, "done")
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _admitted(
        self, index: int, request: PortraitRequest, place: Path, in_series: bool
    ) -> tuple[PortraitSet, float, int]:
        """See `_worked`. Where the line is full, or a limit is reached, a board has time, and one cell asks for all."""
        with contextlib.ExitStack() as alone:
            is_alone = False
            while True:
                try:
                    with self._admit(request):
                        return self._worked(index, request, place, in_series, alone.close)
                except (EngineBusy, TooOften):
                    if not is_alone:
                        alone.enter_context(self._asking)
                        is_alone = True
                        continue  # there may be room since somebody else asked
                    with self._lock:
                        if True not in self._turns.values():
                            self._report(index, "waiting")
                    if self._stop.wait(_BUSY_SECONDS):
                        raise Cancelled(say("Stopped before it began.")) from None

    def _worked(
        self, index: int, request: PortraitRequest, place: Path, in_series: bool, joined: Callable[[], None]
    ) -> tuple[PortraitSet, float, int]:
        """The portrait, the seconds from its turn on, and how many had theirs when it was ready.

        Args:
            joined: Called when it has its place in the line.
        """
        began: float | None = None
        linked = _Linked(self._stop)
        self._turn(index, None)
        events = worker.run(self._pipeline, request, out_dir=place, stop=linked, in_series=in_series)
        try:
            with closing(events):
                for event in events:
                    joined()
                    if isinstance(event, PortraitSet):
                        now = time.monotonic()
                        return event, now - (began or now), self._turn(index, True).count(True)
                    if isinstance(event, worker.WaitEvent):
                        turns = self._turn(index, False)
                        if turns.count(False) == len(turns):  # for somebody else, not for another one of this board
                            self._report(index, "waiting")
                        continue
                    if began is None:
                        began = time.monotonic() - event.seconds
                        self._turn(index, True)
                    self._report(index, "working", event.step, event.total)
        finally:
            with self._lock:
                del self._turns[index]
        raise EngineFailed(say("The engine ended without a portrait; try this one again."))

    def _turn(self, index: int, turn: bool | None) -> list[bool | None]:
        """Note of one whether its turn has come. Returns that of all."""
        with self._lock:
            self._turns[index] = turn
            return list(self._turns.values())

    def _report(
        self,
        index: int,
        state: Literal["waiting", "working", "done", "failed"],
        step: int = 0,
        steps: int = 0,
        why: str = "",
    ) -> None:
        with self._lock:
            left = self._seconds_left()
            if state in ("done", "failed"):
                self._unfinished.discard(index)
            number = len(self._ahead) - len(self._unfinished) + (state not in ("done", "failed"))
            self._tell(Progress(self._ahead[index], number, len(self._ahead), state, step, steps, why, left))

    def _seconds_left(self) -> float | None:
        """For the cells that are not finished; None where one was never measured."""
        measured = self._store.measured()
        cells = [self._ahead[index] for index in sorted(self._unfinished)]
        costs = [typical(measured, cell.engine, self._pixels(cell)) for cell in cells]
        return None if None in costs else sum(cost[0] for cost in costs if cost is not None)


class _Linked(threading.Event):
    """One cell's own signal to stop, set with the whole run's. The worker sets it at each end."""

    def __init__(self, run: threading.Event) -> None:
        super().__init__()
        self._run = run

    def is_set(self) -> bool:
        return super().is_set() or self._run.is_set()


def added(seconds: float, painted: float, beside: int, places: int) -> float:
    """What a portrait adds to the seconds of a whole board, whose estimates are sums.

    Args:
        seconds: From its turn to the finished file.
        painted: Of these, on the device.
        beside: How many had their turn when it was finished, itself among them.
        places: How many the devices paint at a time.
    """
    return max(seconds / max(1, beside), painted / max(1, places))


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
