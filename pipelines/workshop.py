"""Where portraits are made: the devices of this machine, the line before them, and another one where a device fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from languages.saying import listed, say
from pipelines import easels
from pipelines.engines.base import AUTO, PREVIEW, Engine, EngineChoice, EngineInfo, EngineSource, Made, Refuse, Studio
from pipelines.engines.device import may_be_at_fault
from pipelines.engines.registry import Engines
from pipelines.errors import EngineUnavailable, PortraitError, SettingsError
from pipelines.hub.stack import ModelStack
from pipelines.schema import Job, StepCallback, Style
from pipelines.settings import lends_gpu
from pipelines.waiting_line import MAX_WAITING, Ticket, WaitingLine

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class _Elsewhere(Exception):
    """The device failed, and the request has a place at the front of the line for another one."""


class Workshop:
    """Gives each request a device and the engine on it, one at a time. Safe for many threads.

    Args:
        models: Model stacks, by id.
        refuse: Why a stack may not be used, or "".
        automatic: The engine that "auto" stands for; "auto" itself is the best that can run here.
        engines: As for the pipeline; left out, the instant filters and the model stacks, on `devices`.
        devices: As STUDIO_DEVICES says it.
        max_waiting: How many requests may wait in line, at least 1.
        filters_at_once: How many portraits the filters paint at a time; 0 for one a core, four at most.

    Attributes:
        easels: The devices.
        line: Who waits for one.

    Raises:
        SettingsError: There is no such engine or device.
    """

    def __init__(
        self,
        models: Mapping[str, ModelStack],
        refuse: Refuse,
        *,
        automatic: str = AUTO,
        engines: EngineSource | Mapping[str, EngineSource] | None = None,
        devices: str = AUTO,
        max_waiting: int = MAX_WAITING,
        filters_at_once: int = 0,
    ) -> None:
        self._models = models
        self._refuse = refuse
        self._automatic = automatic
        sources = engines or easels.sources_of(devices, models, refuse)
        self.easels = easels.Easels(sources if isinstance(sources, Mapping) else {"": sources})
        self._finding = threading.Lock()
        self._may_find_gpus = engines is None and devices == AUTO
        if automatic not in self.easels.ids:
            raise SettingsError(f"STUDIO_MODEL must be one of: {', '.join(self.easels.ids)}.")
        self.line = WaitingLine(max_waiting, devices={easel.name: easel.has for easel in self.easels})
        if engines is None:  # filters need no device: they are not waited for behind models, and work on all cores
            self.add(easels.FILTERS, easels.Filters(), room=filters_at_once or easels.filters_at_once())

    # --- what there is ---

    def engines(self) -> tuple[EngineInfo, ...]:
        """Every engine, whether it can run here, and why not."""
        infos = self.easels.infos()
        if self._automatic == AUTO:
            return infos
        return tuple(replace(info, is_automatic=info.id == self._automatic) for info in infos)

    def peek(self, model_id: str) -> EngineChoice:
        """The engine with an id, to be asked of its sizes; nothing is loaded or freed.

        Raises:
            RequestInvalid: There is no such engine.
            EngineUnavailable: It cannot run here.
        """
        return self.easels.peek(self._meant(model_id))

    def engine_for(self, style: Style, model_id: str) -> tuple[str, tuple[str, ...]]:
        """The engine that is to paint a style, and what is to be told of the choice, as sentences.

        "auto" takes the instant filters for a style that its own engine cannot paint; an engine that was asked for is
        never replaced.

        Raises:
            EngineUnavailable: The engine that was asked for cannot paint this style; the hint names who can.
        """
        if not style.needs_picture:
            return model_id, ()
        engines = self.engines()
        able = [engine for engine in engines if engine.reads_style_picture and engine.available]
        asked = next((e for e in engines if e.id == model_id or (model_id == AUTO and e.is_automatic)), None)
        if asked is None or asked in able:
            return model_id, ()
        words = say("{name} cannot paint after a picture of your own", name=asked.name)
        if model_id == AUTO and any(engine.id == PREVIEW for engine in able):
            return PREVIEW, (say("{words}, so the instant filters do, not diffusion.", words=words),)
        names = listed([engine.name for engine in able], either=True) or say("another style")
        raise EngineUnavailable(say("{words}; choose {names} under Advanced.", words=words, names=names))

    def room(self, model_id: str) -> int:
        """How many portraits of an engine can be made at a time."""
        return self.line.room(self.easels.able(self._meant(model_id)))

    def add(
        self, name: str, engines: EngineSource, *, room: int = 1, is_open: Callable[[], bool] = easels.always
    ) -> None:
        """One more device on which portraits are made.

        Args:
            room: How many at a time.
            is_open: Whether it is there for whoever asks, in this very context.
        """
        easel = easels.Easel(name, engines, is_open)
        self.easels.add(easel)
        self.line.open(name, easel.has, room=room)
        log.info("portraits are made on %s, too", name)

    def _find_gpus(self) -> None:
        """With "auto", give work to all GPUs as soon as torch can tell of them; the page does not wait for it."""
        with self._finding:
            further = easels.further_gpus() if self._may_find_gpus else None
            self._may_find_gpus = self._may_find_gpus and further is None
        for device in further or ():
            self.add(device.name, Engines(self._models, self._refuse, device=device))

    def _meant(self, model_id: str) -> str:
        return self._automatic if model_id == AUTO else model_id

    # --- a request's turn ---

    def join(self, owner: str, style: Style, model_id: str, portraits: int) -> Ticket:
        """A place in the line, for the devices on which an engine can paint a style. See `WaitingLine.join`.

        Raises:
            EngineUnavailable: The engine that was asked for cannot paint this style.
            EngineBusy: The line is full; the hint says when to come back.
        """
        self._find_gpus()
        model_id = self._meant(self.engine_for(style, model_id)[0])
        return self.line.join(owner, model_id, portraits, self.easels.able(model_id))

    @contextmanager
    def engine(self, model_id: str, turn: Ticket, report: StepCallback) -> Iterator[EngineChoice]:
        """The engine, for this request alone, once its turn has come, on the device where it is.

        Raises:
            Cancelled: `report` said so while it waited.
            RequestInvalid: There is no such engine.
            EngineUnavailable: It cannot run there.
        """
        for _ in turn.until_turn(lambda: report(0, 1, None)):
            pass
        with self.easels[turn.device].engine(self._meant(model_id)) as choice:
            yield choice

    def made(self, engine: Engine, job: Job, studio: Studio, on_step: StepCallback, turn: Ticket) -> Made:
        """What the engine makes of a job, inside `tried`; where the device may be at fault, the next try is elsewhere.

        Raises:
            PortraitError: As the engine does, or whatever else it raised, where it is not to be tried again.
        """
        device = turn.device
        try:
            return engine.make(job, studio, on_step)
        except Exception as error:
            if not engine.is_diffusion or turn.tried or not may_be_at_fault(error) or not turn.elsewhere():
                raise
            kind = type(error.__cause__ or error).__name__
            log.error(
                "device %s failed (%s) and gets no work for a while; the portrait is made elsewhere", device, kind
            )
            raise _Elsewhere from error

    def tried(self, turn: Ticket, attempt: Callable[[], _T]) -> _T:
        """What an attempt returns, which calls `made`. Where the device fails it is begun once more on another one,
        and that shows whose fault it was.
        """
        try:
            return attempt()
        except _Elsewhere:
            pass
        try:
            return attempt()
        except Exception:
            for name in turn.tried:
                log.warning("device %s gets work again: another one could not do it either", name)
                self.line.bring_back(name)
            raise

    def set_aside(self, ticket: Ticket) -> None:
        """Let the next one have its turn although the engine did not come back; it gets an engine of its own."""
        if ticket.holds:
            log.error("an engine does not answer and was set aside%s", ticket.device and f", on {ticket.device}")
            self.easels[ticket.device].drop()
        ticket.leave()

    # --- beginning and end ---

    def warm_up(self, starting: Callable[[str], None]) -> str:
        """Load the engine of visitors who choose none, on one device.

        Args:
            starting: Told its name before, where that takes a while.

        Returns:
            The device.

        Raises:
            PortraitError: It cannot be loaded.
        """
        if lends_gpu() and not any(info.id == self._automatic and info.available for info in self.easels.infos()):
            # It runs where a GPU is lent, to visitors alone; nothing is loaded for them, and nothing is wrong.
            return ""
        return self._load(self.easels.able(self._automatic), starting)

    def warm_up_others(self, warm: str) -> None:
        """Load that engine on all other devices that can run it; one that fails is logged."""
        self._find_gpus()
        for easel in self.easels:
            able = self.easels.able(self._automatic)
            if easel.name != warm and (able is None or easel.name in able):
                try:
                    self._load(frozenset({easel.name}), lambda name: None)
                except PortraitError as error:  # the others work
                    log.error("cannot warm up %s: %s", easel.name, error)

    def _load(self, only: frozenset[str] | None, starting: Callable[[str], None]) -> str:
        with (
            self.line.join("", self._automatic, 0, only) as turn,
            self.engine(AUTO, turn, lambda step, total, preview: True) as choice,
        ):
            if choice.engine.is_diffusion:
                starting(choice.engine.name)
                choice.engine.load()
            return turn.device

    def renew(self) -> None:
        """Models have come or gone on the disk: the next request on each device chooses its engine anew."""
        self.easels.renew()

    def close(self) -> None:
        """Free all engines."""
        self.easels.close()
