"""Jobs for the instant filters."""

from __future__ import annotations

from PIL import Image

from pipelines.engines.filters.engine import FilterEngine
from pipelines.presets.loading import Presets
from pipelines.schema import Job, PreparedPhoto


def job_of(presets: Presets, photo: PreparedPhoto, style: str, scene: str = "none", **changes: object) -> Job:
    values: dict = {"seeds": (0,), **changes}
    return Job(photo=photo, style=presets.style(style), scene=presets.scene(scene), **values)


def paint(engine: FilterEngine, job: Job) -> list[Image.Image]:
    return engine.generate(job, lambda *_: True)
