"""The devices of this machine, each with the engines that are loaded on it, as one source of engines."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from languages.saying import say
from pipelines import heavy
from pipelines.engines.base import AUTO, PREVIEW, EngineChoice, EngineInfo, EngineSource, Refuse
from pipelines.engines.device import Device, gpus, is_full_size, named_devices, working_on
from pipelines.engines.registry import Engines
from pipelines.hub.stack import ModelStack
from pipelines.settings import lends_gpu

FILTERS = "filters"
_FILTERS_AT_ONCE = 4


def always() -> bool:
    """Of a device that is there for everybody."""
    return True


class Easel:
    """One device, and what is loaded there: one engine of diffusion at most, beside the filters.

    Safe for many threads; that not two work with one engine at a time is the line's business.

    Args:
        name: Of the device.
        engines: What can be loaded there.
        is_open: Whether it is there for whoever asks, in this very context.
    """

    def __init__(self, name: str, engines: EngineSource, is_open: Callable[[], bool] = always) -> None:
        self.name = name
        self.engines = engines
        self.is_open = is_open
        self._choices: dict[str, EngineChoice] = {}
        self._changing = threading.Lock()
        self._is_old = False

    def has(self, model_id: str) -> bool:
        """Whether an engine is loaded, or has nothing to load."""
        if model_id == PREVIEW:
            return True
        return any(model_id in (id, choice.engine.model_id) for id, choice in list(self._choices.items()))

    def peek(self, model_id: str) -> EngineChoice:
        """The engine with an id, to be asked of its sizes; nothing is loaded or freed.

        Raises:
            RequestInvalid: There is no such engine.
            EngineUnavailable: It cannot run there.
        """
        return self._choices.get(model_id) or self.engines.create(model_id)

    @contextlib.contextmanager
    def engine(self, model_id: str) -> Iterator[EngineChoice]:
        """The engine with an id, to work with; another of diffusion is freed for it.

        Raises:
            RequestInvalid: There is no such engine.
            EngineUnavailable: It cannot run there.
        """
        with self._changing:
            if self._is_old:
                self._is_old = False
                self.close()
            choice = self._choices.get(model_id) or self._chosen(model_id)
        device = self.engines.device if isinstance(self.engines, Engines) else None
        with working_on(device):
            yield choice

    def _chosen(self, model_id: str) -> EngineChoice:
        choice = self.engines.create(model_id)
        loaded = {one.engine.model_id: one.engine for one in self._choices.values()}
        if choice.engine.model_id in loaded:  # "auto" and its own id are one engine
            choice = replace(choice, engine=loaded[choice.engine.model_id])
        elif choice.engine.is_diffusion:
            self.close()
        self._choices[model_id] = choice
        return choice

    def renew(self) -> None:
        """Choose anew at the next request, for models have come or gone on the disk."""
        self._is_old = True

    def drop(self) -> None:
        """Forget the engines without freeing them: one is in the middle of something and does not come back."""
        self._choices = {}

    def close(self) -> None:
        """Free the engines."""
        for choice in self._choices.values():
            choice.engine.close()
        self._choices = {}


class Filters:
    """The instant filters alone, which need no device of their own. See `base.EngineSource`."""

    ids = (PREVIEW,)

    def infos(self) -> tuple[EngineInfo, ...]:
        """Of the filters."""
        return Engines({}).infos()

    def create(self, model_id: str) -> EngineChoice:
        """See `base.EngineSource.create`."""
        return Engines({}).create(model_id)


def filters_at_once() -> int:
    """How many portraits the filters paint at a time: one for each core; a recipe keeps little more than one busy."""
    return min(_FILTERS_AT_ONCE, cores())


def cores() -> int:
    """How many of the machine's cores this process may use."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()) or 1


class Easels:
    """All devices. See `base.EngineSource` for what is not said here.

    Args:
        sources: What can be loaded on each device, by its name; at least one.
    """

    def __init__(self, sources: Mapping[str, EngineSource]) -> None:
        self._easels = {name: Easel(name, engines) for name, engines in sources.items()}

    def __iter__(self) -> Iterator[Easel]:
        return iter(list(self._easels.values()))

    def __getitem__(self, name: str) -> Easel:
        return self._easels[name]

    def add(self, easel: Easel) -> None:
        """One more device."""
        self._easels[easel.name] = easel

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(id for easel in self for id in easel.engines.ids))

    def renew(self) -> None:
        """See `Easel.renew`, of all."""
        for easel in self:
            easel.renew()

    def infos(self) -> tuple[EngineInfo, ...]:
        """Of each engine what is said where it can run; "auto" is the best of all devices."""
        by_device = [easel.engines.infos() for easel in self._open()]  # the filters are among those of each
        if len(by_device) == 1:
            return by_device[0]
        merged: dict[str, EngineInfo] = {}
        for infos in by_device:
            for info in infos:
                known = merged.get(info.id)
                if known is None or (info.available and not known.available):
                    merged[info.id] = info
                elif info.is_automatic:
                    merged[info.id] = replace(known, is_automatic=True)
        best = next((info.id for info in merged.values() if info.is_automatic), None)
        return tuple(replace(info, is_automatic=info.id == best) for info in merged.values())

    def able(self, model_id: str) -> frozenset[str] | None:
        """Names of the devices on which an engine can run for whoever asks; where it can on none, of all that are open
        to them: there they hear why. None where there is only one. The filters have places of their own.
        """
        if FILTERS in self._easels and model_id == PREVIEW:
            return frozenset({FILTERS})
        if len(self._easels) == 1:
            return None
        of_models = [easel.name for easel in self if easel.name != FILTERS]
        if len(of_models) == 1:
            return frozenset(of_models)
        best = next((info.id for info in self.infos() if info.is_automatic), None) if model_id == AUTO else model_id
        there = {easel.name: easel.engines.infos() for easel in self._open()}
        able = [
            name
            for name, infos in there.items()
            if any(info.id == best and info.available and (info.is_automatic or model_id != AUTO) for info in infos)
        ]
        return frozenset(able or there)

    def peek(self, model_id: str) -> EngineChoice:
        """As `Easel.peek`, on a device where it can run."""
        able = self.able(model_id)
        return next(easel for easel in self if able is None or easel.name in able).peek(model_id)

    def _open(self) -> list[Easel]:
        """Those that run models."""
        return [easel for easel in self if easel.name != FILTERS and easel.is_open()]

    def close(self) -> None:
        """Free all engines."""
        for easel in self:
            easel.close()


def sources_of(devices: str, models: Mapping[str, ModelStack], refuse: Refuse) -> dict[str, EngineSource]:
    """The engines of each device that STUDIO_DEVICES names; for "auto" those of the best one, others follow.

    Raises:
        SettingsError: One of them is not here.
    """
    if lends_gpu():
        return {"cpu": Engines(models, lambda stack: _is_lent_one(stack) or refuse(stack))}
    named = named_devices(devices)
    if not named:
        return {"": Engines(models, refuse)}
    return {device.name: Engines(models, refuse, device=device) for device in named}


def further_gpus() -> tuple[Device, ...] | None:
    """The GPUs beside the one that "auto" begins with; None while torch is not loaded, which could tell."""
    return gpus()[1:] if heavy.is_loaded("torch") else None


def _is_lent_one(stack: ModelStack) -> str:
    """Why a stack does not run on the processor of a machine that borrows its GPU; "" where it does."""
    if not is_full_size(stack):
        return ""
    return say(
        "{name} runs on a lent GPU, for one portrait at a time; choose the built-in model here.", name=stack.name
    )
