"""A request as an engine's job, and what the engine may ask for meanwhile (`pipelines.engines.base.Studio`)."""

from __future__ import annotations

from PIL import Image

from pipelines.controls import annotators
from pipelines.engines.filters.stage import Stage
from pipelines.photo.framing import face_crop
from pipelines.schema import AnnotatorName, Job, PortraitRequest, PreparedPhoto, Scene, Style


def job_of(
    request: PortraitRequest, photo: PreparedPhoto, style: Style, scene: Scene, *, in_series: bool = False
) -> Job:
    """What an engine is asked for.

    Args:
        photo: What was cut for it.
        style: As far as the engine can follow it.
        in_series: Another job of this photo follows.
    """
    return Job(
        photo=photo,
        shape=request.shape,
        size=request.size,
        style=style,
        scene=scene,
        likeness=request.likeness,
        words=request.extra_prompt.strip(),
        style_picture=request.style_picture if style.needs_picture else None,
        seeds=request.seeds,
        in_series=in_series,
    )


class JobStudio:
    """Draws from the job's photo what an engine asks for, once each.

    Args:
        drawn: Control images of this photo that are there already; those drawn now are added.
    """

    def __init__(self, job: Job, drawn: dict[AnnotatorName, Image.Image], stage: Stage) -> None:
        self._job = job
        self._drawn = drawn
        self._stage = stage

    def control(self, annotator: AnnotatorName) -> Image.Image:
        return annotators.drawn_once(annotator, self._job.photo, self._drawn)

    def backdrop(self, seed: int) -> Image.Image | None:
        return self._stage.backdrop(self._job.photo, self._job.scene, seed)

    def references(self) -> tuple[Image.Image, ...]:
        photo = self._job.photo
        return (photo.image,) if photo.face is None else (photo.image, face_crop(photo.image, photo.face))
