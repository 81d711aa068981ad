"""A machine with several devices, on each of which engines cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pipelines import worker
from pipelines.engines.base import AUTO, EngineChoice, EngineInfo, Made, Studio
from pipelines.engines.registry import Engines
from pipelines.errors import EngineUnavailable, RequestInvalid
from pipelines.results import PortraitSet
from pipelines.schema import AnnotatorName, Job, PortraitRequest, StepCallback
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.fakes import FakeEngine

TIMEOUT = 60.0
LARGE, SMALL = "large-stack", "small-stack"
Fault = Callable[[str, StepCallback], None]


class Machine:
    """What happens on all devices together: who painted what, and what was loaded."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, int]] = []  # device, session's likeness as a name, seed
        self.loaded: list[tuple[str, str]] = []
        self.fault: Fault = lambda device, on_step: None
        self.cannot: set[tuple[str, str]] = set()
        self.annotators: tuple[AnnotatorName, ...] = ()


class Stack(FakeEngine):
    """A model stack on one device that costs nothing."""

    is_diffusion = True

    def __init__(self, machine: Machine, device: str, model_id: str) -> None:
        super().__init__()
        self.model_id, self.name, self._machine, self._device = model_id, model_id, machine, device
        self._loaded = False

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators."""
        return self._machine.annotators

    def load(self) -> None:
        """Once, and it is counted."""
        if not self._loaded:
            self._loaded = True
            self._machine.loaded.append((self._device, self.model_id))

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make."""
        self.load()
        self._machine.fault(self._device, on_step)
        for name in self._machine.annotators:
            studio.control(name)
        made = super().make(job, studio, on_step)
        self._machine.made += [(self._device, job.style.id, seed) for seed in job.seeds]
        return made


class Stacks:
    """The engines of one device. See `base.EngineSource`."""

    ids = (AUTO, LARGE, SMALL)

    def __init__(self, machine: Machine, device: str) -> None:
        self._machine, self._device = machine, device
        self.device = None

    def infos(self) -> tuple[EngineInfo, ...]:
        (filters,) = Engines({}).infos()
        here = [(id, (self._device, id) not in self._machine.cannot) for id in (LARGE, SMALL)]
        best = next((id for id, available in here if available), None)
        return tuple(
            replace(
                filters,
                id=id,
                name=id,
                is_diffusion=True,
                available=available,
                is_automatic=id == best,
                reads_style_picture=False,
            )
            for id, available in here
        )

    def create(self, model_id: str) -> EngineChoice:
        if model_id not in self.ids:
            raise RequestInvalid("There is no such model.")
        if model_id == AUTO:
            model_id = next(info.id for info in self.infos() if info.is_automatic)
        if (self._device, model_id) in self._machine.cannot:
            raise EngineUnavailable(f"{model_id} does not fit on {self._device}.")
        return EngineChoice(Stack(self._machine, self._device, model_id))


def served_to(pipeline: SelfPortraitPipeline, request: PortraitRequest) -> PortraitSet:
    """What the last event of a request's stream brings."""
    *_, result = worker.run(pipeline, request)
    assert isinstance(result, PortraitSet)
    return result
