"""Engines whose work is done in a cluster, behind the same interface as those of this machine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from languages.saying import say
from pipelines.cluster.link import Link, Run
from pipelines.cluster.wire import Plain, plain_job, read_failure, read_made, read_step, read_words
from pipelines.engines.base import AUTO, PREVIEW, Engine, EngineChoice, EngineInfo, Made, Refuse, Studio
from pipelines.engines.kinds import KINDS
from pipelines.engines.registry import Engines, info_of
from pipelines.errors import Cancelled, EngineBusy, EngineFailed, EngineUnavailable, RequestInvalid
from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName, Job, Shape, Size, StepCallback

_ATTEMPTS = 2
_LOOK_SECONDS = 0.25  # so soon a stop is heard while nothing comes
_SILENT_SECONDS = 600.0  # as worker.Patience has it
_AWAY_SECONDS = 120.0  # a cluster whose head was restarted is waited for so long
_FULL_SECONDS = 120.0  # and one whose replicas are all at work for other studios
_FULL = say("All machines that paint are busy; nothing of yours is lost, so try again soon.")
_AWAY = say("The machines that paint are away just now; nothing of yours is lost, so try again in a minute.")


class _Full(Exception):
    """As many wait at Serve as may."""


class RemoteEngine:
    """An engine whose jobs are done by replicas; several at a time, each at another one.

    A job whose replica dies is sent once more. What an attempt tells is listened to until the next begins, so there is
    one result or an error, whatever the first one does.

    Args:
        engine: Of the same stack, not loaded; it is asked for sizes.
        link: To the cluster.
        clock: Seconds that never go back.
    """

    is_diffusion = True

    def __init__(self, engine: Engine, link: Link, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self.model_id, self.size = engine.name, engine.model_id, engine.size
        self._engine, self._link, self._clock = engine, link, clock

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        """See Engine.dimensions."""
        return self._engine.dimensions(shape, size, detail)

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators. Replicas draw what they need."""
        return ()

    def load(self) -> None:
        """See Engine.load: in one replica; the others load before they take work."""
        run = self._link.start("warm", self.model_id)
        try:
            told = self._next(run, lambda: True)
        finally:
            self._link.end(run)
        if told["kind"] != "end":
            raise EngineUnavailable(_AWAY, detail=str(told.get("detail", "")))

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make. Stops within two steps."""
        name, plain = secrets.token_hex(16), plain_job(job)

        def waits() -> bool:
            return on_step(0, len(job.seeds), None)

        for attempt in range(1, _ATTEMPTS + 1):
            until = self._clock() + _FULL_SECONDS
            while True:
                self._wait_for_cluster(waits)
                run = self._link.start("paint", self.model_id, name=name, attempt=attempt, job=plain)
                try:
                    made = self._hear(run, on_step, waits)
                    break
                except _Full:
                    if self._clock() > until:
                        raise EngineBusy(_FULL) from None
                finally:
                    self._link.end(run)
                self._rest(waits)
            if made is not None:
                return made
        raise EngineFailed(say("The machine that painted this was lost, and so was a second one; try again."))

    def close(self) -> None:
        """Nothing: the weights stay for the next job, of whomever."""

    def _hear(self, run: Run, on_step: StepCallback, waits: Callable[[], bool]) -> Made | None:
        """What came of a run; None where its replica was lost.

        Raises:
            _Full: All replicas are at work, for other studios too.
        """
        began = False

        def goes_on() -> bool:
            return began or waits()  # in the middle of steps a picture is on the screen

        while True:
            told = self._next(run, goes_on)
            kind = told["kind"]
            try:
                if kind == "step":
                    began = True
                    if not on_step(*read_step(told)):
                        raise Cancelled(say("Stopped; nothing was kept."))
                    continue
                if kind == "made":
                    return read_made(told)
                if kind == "failure":
                    raise read_failure(told)
            except (KeyError, TypeError, ValueError, OSError) as error:
                raise EngineFailed(
                    say("The machine that paints sent what cannot be read; try again."), detail=type(error).__name__
                ) from None
            if kind == "lost":
                return None
            if kind == "full":
                raise _Full
            raise EngineFailed(
                say("The machine that paints stopped with an error; try again."), detail=str(told.get("detail", kind))
            )

    def _next(self, run: Run, goes_on: Callable[[], bool]) -> Plain:
        """What is told next.

        Raises:
            Cancelled: The visitor stopped before that.
            EngineFailed: Nothing is told for too long.
        """
        until = self._clock() + _SILENT_SECONDS
        while (told := run.next(_LOOK_SECONDS)) is None:
            if not goes_on():
                raise Cancelled(say("Stopped; nothing was kept."))
            if self._clock() > until:
                raise EngineFailed(say("The machine that paints does not answer; your photo is kept, so try again."))
        return told

    def _wait_for_cluster(self, goes_on: Callable[[], bool]) -> None:
        until = self._clock() + _AWAY_SECONDS
        while not self._link.is_up:
            if self._clock() > until:
                raise EngineUnavailable(_AWAY)
            self._rest(goes_on)

    def _rest(self, goes_on: Callable[[], bool]) -> None:
        if not goes_on():
            raise Cancelled(say("Stopped; nothing was kept."))
        time.sleep(_LOOK_SECONDS)


class RemoteEngines:
    """The stacks of a cluster, and the instant filters of this machine. See `base.EngineSource`.

    Args:
        models: Stacks by id, as this machine's presets say them.
        link: To the cluster, joined.
        refuse: Why a stack is not to be used, as a sentence; "" where it is.
    """

    def __init__(self, models: Mapping[str, ModelStack], link: Link, refuse: Refuse) -> None:
        self._link = link
        self._refuse = refuse
        self._models = {
            offer["id"]: _as_offered(models[offer["id"]], offer) for offer in link.offers if offer["id"] in models
        }
        self._reasons = {
            offer["id"]: "" if offer["available"] else read_words(offer["reason"]) for offer in link.offers
        }
        self._engines = {id: RemoteEngine(KINDS[stack.kind].engine(stack), link) for id, stack in self._models.items()}

    @property
    def ids(self) -> tuple[str, ...]:
        return (AUTO, PREVIEW, *self._models)

    def infos(self) -> tuple[EngineInfo, ...]:
        """Every engine, best first, the instant filters last."""
        automatic = self._automatic()
        (filters,) = Engines({}).infos()
        stacks = sorted(self._models.values(), key=lambda stack: -stack.rank)
        return (
            *(info_of(stack, stack, self._why_not(stack), stack is automatic) for stack in stacks),
            replace(filters, is_automatic=automatic is None),
        )

    def create(self, model_id: str) -> EngineChoice:
        """See `base.EngineSource.create`."""
        if model_id == AUTO:
            stack = self._automatic()
            if stack is None:
                return Engines({}).create(AUTO)
            note = say("{name} was chosen: the best model that can run here.", name=stack.name)
            return EngineChoice(self._engines[stack.id], stack, (note,))
        if model_id == PREVIEW:
            return Engines({}).create(PREVIEW)
        stack = self._models.get(model_id)
        if stack is None:
            raise RequestInvalid(say("There is no such model; choose one of: {ids}.", ids=", ".join(self.ids)))
        if reason := self._why_not(stack):
            raise EngineUnavailable(reason)
        return EngineChoice(self._engines[stack.id], stack)

    def _automatic(self) -> ModelStack | None:
        able = [stack for stack in self._models.values() if stack.rank > 0 and not self._why_not(stack)]
        return max(able, key=lambda stack: stack.rank, default=None)

    def _why_not(self, stack: ModelStack) -> str:
        return self._reasons[stack.id] or self._refuse(stack)


def _as_offered(stack: ModelStack, offer: Plain) -> ModelStack:
    """The stack without the parts that are not on the machines that paint."""
    return stack.without(frozenset(offer["without"])) or stack
