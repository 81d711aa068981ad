"""What all engines have in common that run a diffusers pipeline: weights, memory, steps and errors."""

from __future__ import annotations

import gc
import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from PIL import Image

from languages.saying import say
from pipelines import heavy, sizes
from pipelines.engines.base import Made, Studio
from pipelines.engines.device import Device, is_out_of_memory
from pipelines.errors import Cancelled, EngineFailed, EngineUnavailable, PortraitError
from pipelines.hub import weights
from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName, Job, Shape, Size, StepCallback

BROKEN = say("This picture came out broken; use another seed or a likeness nearer the middle.")
S = TypeVar("S", bound=ModelStack)
T = TypeVar("T")


class PipelineEngine(ABC, Generic[S]):
    """Makes portraits with the models of one stack. One `make` at a time; the caller holds a lock.

    Weights are loaded at the first portrait, from this machine only. Where memory runs out, all is loaded anew in a
    thriftier way, once, and the portrait begins again; an engine may have a way of its own that comes before that.

    Args:
        stack: What to load.
        device: Where to run it; left out, the best there is.
    """

    is_diffusion = True

    def __init__(self, stack: S, *, device: Device | None = None) -> None:
        self.stack = stack
        self.name = stack.name
        self.model_id = stack.id
        self.size = stack.size
        self._device = device
        self._pipe: Any = None
        self._thrifty = False
        self._closed = False

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        """See Engine.dimensions. In the area that the models were trained at, whatever is asked for."""
        return sizes.within(shape, self.stack.size, self.stack.multiple)

    def load(self) -> None:
        """See Engine.load."""
        self._attempt(self._load)

    @abstractmethod
    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators."""

    @abstractmethod
    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make."""

    def close(self) -> None:
        """Free the memory that the models hold."""
        self._closed = True
        self._unload()

    # --- for the kinds of engines ------------------------------------------------------------------------------------

    @abstractmethod
    def _build(self) -> None:
        """Load the stack's parts and set `_pipe`; thriftily where `_thrifty` says so."""

    def _forget(self) -> None:
        """Drop all that refers to the models, besides `_pipe`."""

    def _load(self) -> None:
        if self._closed:
            raise EngineUnavailable(say("{name} was closed; start again.", name=self.name))
        if self._pipe is not None:
            return
        weights.require(self.stack)
        try:
            self._build()
        except BaseException as error:
            self._unload()
            if isinstance(error, Exception) and not isinstance(error, PortraitError) and is_out_of_memory(error):
                raise EngineUnavailable(
                    say("{name} does not fit into the memory of this machine; choose a smaller model.", name=self.name),
                    detail=repr(error)[:400],
                ) from error
            raise

    def _attempt(self, work: Callable[[], T]) -> T:
        """Do something with the models; where memory runs out, again in a thriftier way, as long as there is one."""
        while True:
            was_thrifty = self._thrifty
            try:
                return self._guarded(work)
            except (EngineFailed, EngineUnavailable) as error:
                ran_out = isinstance(error.__cause__, Exception) and is_out_of_memory(error.__cause__)
                if not ran_out or not self._makes_do():
                    raise
            if self._thrifty != was_thrifty:  # outside of the handler: what the failed work held is free by now
                self._unload()

    def _makes_do(self) -> bool:
        """After memory ran out: choose a thriftier way of working. Returns whether there is one."""
        was_thrifty, self._thrifty = self._thrifty, True
        return not was_thrifty

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except PortraitError:
            raise
        except Exception as error:
            raise EngineFailed(self._advice(error), detail=repr(error)[:400]) from error
        finally:
            if self._pipe is not None:
                self._pipe.maybe_free_model_hooks()

    @property
    def _memory_notes(self) -> tuple[str, ...]:
        """What is to be said under a portrait of how memory was saved."""
        if not self._thrifty:
            return ()
        return (say("Memory ran out, so {name} now works in smaller parts, which takes longer.", name=self.name),)

    def _advice(self, error: Exception) -> str:
        if is_out_of_memory(error):
            return say(
                "{name} ran out of memory; close other programs or choose a smaller model, and try again.",
                name=self.name,
            )
        return say(
            "{name} stopped with an error; try again, and choose another model if it happens again.", name=self.name
        )

    def _unload(self) -> None:
        self._pipe = None
        self._forget()
        gc.collect()
        if heavy.is_loaded("torch") and heavy.load("torch").cuda.is_available():
            heavy.load("torch").cuda.empty_cache()


class Report:
    """Counts steps over all seeds and stops the work when the caller says so."""

    def __init__(self, on_step: StepCallback, total: int) -> None:
        self._on_step = on_step
        self.total = total
        self.step = 0

    def __call__(self, step: int, preview: Image.Image | None) -> None:
        """Tell of a step.

        Raises:
            Cancelled: The caller said stop.
        """
        self.step = step
        if not self._on_step(step, self.total, preview):
            raise Cancelled(say("Stopped; nothing was kept."))


class Lately(OrderedDict[bytes, Any]):
    """What a model made of words that were read lately. Words are known by their hash, and visitors' are not kept.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def read(self, words: object, make: Callable[[], Any]) -> Any:
        """What was made of these words, now or before."""
        key = hashlib.sha256(repr(words).encode()).digest()
        if key not in self:
            self[key] = make()
            while len(self) > self._most:
                self.popitem(last=False)
        self.move_to_end(key)
        return self[key]


def require_finite(latents: Any) -> None:
    """Stop where a model's numbers broke.

    Raises:
        EngineFailed: Some are infinite or none at all.
    """
    if not bool(heavy.load("torch").isfinite(latents).all()):
        raise EngineFailed(BROKEN)


def require_picture(picture: Image.Image) -> Image.Image:
    """The same picture. Numbers that break while it is decoded come out as black.

    Raises:
        EngineFailed: It is black all over.
    """
    if picture.convert("L").getextrema() == (0, 0):
        raise EngineFailed(BROKEN)
    return picture


def resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An RGB picture of this width and height."""
    picture = picture.convert("RGB")
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
