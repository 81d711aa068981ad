"""An engine that costs nothing, for tests of ticks, sentences and files. The contract test holds it to the others."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from pipelines import sizes
from pipelines.engines.base import AUTO, PREVIEW, EngineChoice, EngineInfo, Made, Studio
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.registry import Engines
from pipelines.errors import Cancelled, EngineUnavailable, RequestInvalid
from pipelines.schema import AnnotatorName, Job, Shape, Size, StepCallback

SIZE = 320  # a face can still be measured, and the watermark found in a copy without its words
STEPS = 3
ABSENT = "absent"


class FakeEngine:
    """The photo in a tint of its style, scene and seed, at once. Stands in for the instant filters, under its name.

    Args:
        fault: Called before each job with its callback; what it raises, the engine raises.
    """

    name = FilterEngine.name
    model_id = PREVIEW
    is_diffusion = False
    size = SIZE

    def __init__(self, fault: Callable[[StepCallback], None] | None = None) -> None:
        self.jobs: list[Job] = []
        self._fault = fault

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        """See Engine.dimensions."""
        return sizes.detailed(shape, size, detail, screen=self.size, largest=2 * self.size)

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators."""
        return ()

    def load(self) -> None:
        """Nothing to load."""

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make."""
        self.jobs.append(job)
        if self._fault is not None:
            self._fault(on_step)
        pictures: list[Image.Image] = []
        total = STEPS * len(job.seeds)
        for seed in job.seeds:
            picture = _tinted(job, seed)
            for step in range(len(pictures) * STEPS + 1, len(pictures) * STEPS + STEPS + 1):
                if not on_step(step, total, picture):
                    raise Cancelled("Stopped. Nothing was kept.")
            pictures.append(picture)
        return Made(pictures)

    def close(self) -> None:
        """Nothing to free."""


class FakeEngines:
    """Hands out one engine; "absent" is one that cannot run here. See `base.EngineSource`."""

    ids = (AUTO, PREVIEW, ABSENT)

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()

    def infos(self) -> tuple[EngineInfo, ...]:
        """The filters', and the absent one's."""
        (filters,) = Engines({}).infos()
        return (replace(filters, id=ABSENT, name="Absent", available=False, is_automatic=False), filters)

    def create(self, model_id: str) -> EngineChoice:
        """See `base.EngineSource.create`."""
        if model_id not in self.ids:
            raise RequestInvalid(f"There is no such model; choose one of: {', '.join(self.ids)}.")
        if model_id == ABSENT:
            raise EngineUnavailable("This engine is not on this machine; choose another one.")
        return replace(Engines({}).create(model_id), engine=self.engine)


def _tinted(job: Job, seed: int) -> Image.Image:
    key = zlib.crc32(f"{job.style.id} {job.scene.id} {job.likeness} {seed}".encode())
    tint = np.random.default_rng(key).uniform(0.75, 1.0, 3)
    return Image.fromarray((np.asarray(job.photo.image.convert("RGB")) * tint).astype(np.uint8))
