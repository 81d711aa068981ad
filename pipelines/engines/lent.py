"""A model stack on a GPU that is lent by the call, as on a ZeroGPU Space.

The weights are loaded here, in the process of the page, before it opens. Each job is then done in a copy of that
process which has the GPU: the job goes there pickled, and steps and pictures come back so. What other libraries draw
from the photo is drawn here beforehand, because their threads do not live on in the copy. A copy is kept for further
jobs, so it knows nothing that came to this process since; all that a job needs is sent.
"""

from __future__ import annotations

import math
import queue
import secrets
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

from languages.saying import say
from pipelines.engines.base import AUTO, Engine, EngineChoice, EngineInfo, Made, Studio
from pipelines.engines.device import Device, is_out_of_memory
from pipelines.engines.kinds import KINDS
from pipelines.engines.pipeline_engine import PipelineEngine
from pipelines.errors import Cancelled, EngineError, EngineFailed, EngineUnavailable, PortraitError, RequestInvalid
from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName, Job, Shape, Size, StepCallback

# By its bare name: whoever lends the GPU stands in for it until then, and knows no numbers.
DEVICE = Device("cuda", None)
_FIRST_SECONDS = 20.0  # for one portrait, until one was measured
_MARGIN = 1.4  # times the longest that was measured
_MOVE_SECONDS, _MOVED_BYTES = 5.0, 1e9  # a new copy moves the weights onto the GPU first, so many a second; that counts
_MOST_SECONDS = 80.0  # of 120, over which visitors without a plan are refused: on some cards a second counts for 1.5


@dataclass(frozen=True)
class Step:
    """One step done; as a StepCallback is told it."""

    step: int
    total: int
    preview: Image.Image | None


@dataclass(frozen=True)
class Failure:
    """An error on its way back. What the lender would make of an exception goes to the log, a visitor's words too."""

    code: str
    hint: str
    detail: str = ""
    cure: str = ""

    @classmethod
    def of(cls, error: BaseException, name: str) -> Failure:
        """Of any error; of one that is none of ours only the kind is told."""
        if isinstance(error, PortraitError):
            return cls(error.code, error.hint, error.detail, error.cure)
        if isinstance(error, Exception) and is_out_of_memory(error):
            hint = say("{name} ran out of memory on the lent GPU; ask for fewer variations.", name=name)
        else:
            hint = say("{name} stopped with an error on the lent GPU; try again.", name=name)
        return cls(EngineFailed.code, hint, type(error).__name__)

    def error(self) -> PortraitError:
        """The error again."""
        if self.code == Cancelled.code:
            return Cancelled(self.hint)
        kinds: Mapping[str, type[EngineError]] = {kind.code: kind for kind in (EngineFailed, EngineUnavailable)}
        return kinds.get(self.code, EngineFailed)(self.hint, detail=self.detail, cure=self.cure)


Told = Step | Failure | Made
Borrow = Callable[[str, Job, "Drawn", str], Generator[Told, None, None]]


@dataclass(frozen=True)
class Drawn:
    """What an engine may ask for of a job (`base.Studio`), drawn beforehand."""

    controls: Mapping[AnnotatorName, Image.Image]
    backdrops: Mapping[int, Image.Image | None]
    pictures: tuple[Image.Image, ...]

    def control(self, annotator: AnnotatorName) -> Image.Image:
        if annotator not in self.controls:
            raise EngineUnavailable(
                say("A control image for this style could not be drawn; choose another style."), detail=annotator
            )
        return self.controls[annotator]

    def backdrop(self, seed: int) -> Image.Image | None:
        return self.backdrops[seed]

    def references(self) -> tuple[Image.Image, ...]:
        return self.pictures


class Durations:
    """How many seconds of the GPU are asked for: by stack and pictures, from the longest that was measured.

    The lender compares what is asked for with what a visitor has left, and serves short ones first; a copy that takes
    longer is ended.

    Args:
        weights: Bytes that a new copy moves onto the GPU first, by stack.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._longest: dict[str, float] = {}

    def __call__(self, model_id: str, job: Job, *_: Any, **__: Any) -> int:
        """Seconds for a call of the function that works with the GPU, whose arguments these are."""
        each = self._longest.get(model_id, _FIRST_SECONDS)
        move = _MOVE_SECONDS + self._weights.get(model_id, 0) / _MOVED_BYTES
        return math.ceil(min(_MOST_SECONDS, _MARGIN * each * len(job.seeds) + move))

    def measured(self, model_id: str, seconds: float, pictures: int) -> None:
        """Note what a job took."""
        self._longest[model_id] = max(self._longest.get(model_id, 0.0), seconds / pictures)


def worker(engines: Mapping[str, Engine]) -> Borrow:
    """The function that is to be run with the GPU.

    Args:
        engines: By the ids of their stacks, loaded.
    """

    def paint(model_id: str, job: Job, drawn: Drawn, flag: str) -> Generator[Told, None, None]:
        """Do one job: its steps, then what came of it.

        Args:
            flag: Path of a file that is put there for the job to stop.
        """
        cv2.setNumThreads(0)  # those of the other process are not here
        told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        closed = threading.Event()
        engine = engines[model_id]

        def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
            told.put(Step(step, total, preview))
            return not (closed.is_set() or Path(flag).exists())

        def work() -> None:
            try:
                told.put(engine.make(job, drawn, on_step))
            except BaseException as error:  # an exception would be printed
                told.put(Failure.of(error, engine.name))

        thread = threading.Thread(target=work, name="lent", daemon=True)
        thread.start()
        try:
            while True:
                one = told.get()
                yield one
                if not isinstance(one, Step):
                    return
        finally:
            closed.set()
            thread.join()

    return paint


class LentEngine:
    """An engine whose jobs are done with a lent GPU; several at a time, for each has a copy of the process.

    Args:
        engine: The one that does them there.
        borrow: `worker`, made to run with a GPU. Raises PortraitErrors only.
        durations: Told what each job took.
        flags: Folder for the files by which jobs are stopped.
    """

    is_diffusion = True

    def __init__(self, engine: Engine, borrow: Borrow, durations: Durations, flags: Path) -> None:
        self.name, self.model_id, self.size = engine.name, engine.model_id, engine.size
        self._engine = engine
        self._borrow = borrow
        self._durations = durations
        self._flags = flags

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        """See Engine.dimensions."""
        return self._engine.dimensions(shape, size, detail)

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators."""
        return self._engine.annotators(job)

    def load(self) -> None:
        """Nothing to load: the weights were loaded before the page was opened."""

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make. Stops within two steps."""
        drawn = self._drawn(job, studio)
        flag = self._flags / f"stop-{secrets.token_hex(16)}"
        if not on_step(0, len(job.seeds), None):
            raise Cancelled(say("Stopped; nothing was kept."))
        began: float | None = None
        try:
            with closing(self._borrow(self.model_id, job, drawn, str(flag))) as told:
                for one in told:
                    began = began or time.monotonic()
                    if isinstance(one, Failure):
                        raise one.error()
                    if isinstance(one, Made):
                        self._durations.measured(self.model_id, time.monotonic() - began, len(job.seeds))
                        return one
                    if not on_step(one.step, one.total, one.preview):
                        flag.touch(mode=0o600)
        finally:
            flag.unlink(missing_ok=True)
        raise EngineFailed(say("The lent GPU was taken away before the picture was finished; try again."))

    def close(self) -> None:
        """Nothing: the weights stay for the next copy."""

    def _drawn(self, job: Job, studio: Studio) -> Drawn:
        controls = {name: studio.control(name) for name in self._engine.annotators(job)}
        # Ours set the photo into its scene by themselves.
        seeds = () if isinstance(self._engine, PipelineEngine) else job.seeds
        return Drawn(controls, {seed: studio.backdrop(seed) for seed in seeds}, studio.references())


class LentEngines:
    """One model stack, on a lent GPU. See `base.EngineSource`."""

    def __init__(self, engine: LentEngine, stack: ModelStack, info: EngineInfo) -> None:
        self._engine = engine
        self._stack = stack
        self._info = info

    @property
    def ids(self) -> tuple[str, ...]:
        return (AUTO, self._stack.id)

    def infos(self) -> tuple[EngineInfo, ...]:
        """The one stack, available."""
        return (self._info,)

    def create(self, model_id: str) -> EngineChoice:
        """See `base.EngineSource.create`."""
        if model_id == AUTO:
            note = say("{name} was chosen: the best model that can run on this machine.", name=self._stack.name)
            return EngineChoice(self._engine, self._stack, (note,))
        if model_id != self._stack.id:
            raise RequestInvalid(say("There is no such model; choose one of: {ids}.", ids=", ".join(self.ids)))
        return EngineChoice(self._engine, self._stack)


def loaded_engine(stack: ModelStack) -> Engine:
    """The engine of a stack with its weights, as the lender wants them: on a GPU that is not there yet.

    Raises:
        EngineUnavailable: They are not on this machine, or damaged.
    """
    engine: Engine = KINDS[stack.kind].engine(stack, device=DEVICE)
    engine.load()
    return engine
