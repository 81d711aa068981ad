"""Jobs for the preview engine."""

from __future__ import annotations

from PIL import Image

from pipelines.engines.filters.engine import PreviewEngine
from pipelines.presets.loading import Presets
from pipelines.schema import GenerationJob, PreparedPhoto


def job_of(presets: Presets, photo: PreparedPhoto, style: str, scene: str = "none", **changes: object) -> GenerationJob:
    values: dict = {"likeness": 0.5, "seeds": (0,), "prompt": "a portrait", "strength": 0.5, **changes}
    return GenerationJob(photo=photo, style=presets.style(style), scene=presets.scene(scene), **values)


def paint(engine: PreviewEngine, job: GenerationJob) -> list[Image.Image]:
    return engine.generate(job, lambda *_: True)
