"""Sitters of the benchmarks, and how an engine paints them as the studio would."""

from __future__ import annotations

import statistics
import time
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.controls.annotators import annotate
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.stage import resized
from pipelines.engines.likeness import apply_likeness
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.stack import UNetStack
from pipelines.photo.eyes import both_seen
from pipelines.photo.opening import open_photo, prepare
from pipelines.schema import AnnotatorName, Control, PreparedPhoto, Scene, Style

ROOT = Path(__file__).resolve().parents[1]
CONTROLS: tuple[AnnotatorName, ...] = ("tile", "lineart")


@dataclass
class Person:
    """A sitter and the control images that all portraits share."""

    name: str
    photo: PreparedPhoto
    controls: dict[AnnotatorName, Image.Image]

    @property
    def eyes_seen(self) -> bool:
        """Neither eye is hidden in the photo, by dark glasses or by the head's turn."""
        assert self.photo.face is not None
        assert self.photo.face.landmarks is not None
        return both_seen(np.asarray(self.photo.image), self.photo.face.landmarks)


def stack_of(folder: Path) -> UNetStack:
    """The stack of training/embedded.toml, with its weights in another folder."""
    content: dict[str, Any] = tomllib.loads((ROOT / "training" / "embedded.toml").read_text("utf-8"))
    for source in (content["base"], content["tiny_vae"], *content["controlnets"].values()):
        source["path"] = str(folder.resolve())
    return UNetStack(id="embedded", **content)


def sit(paths: Iterable[Path], size: int) -> list[Person]:
    """Prepare people, leaving out those without face landmarks, by name on the terminal."""
    people = []
    for path in paths:
        photo = prepare(open_photo(path), None, size)
        if photo.face is None or photo.face.landmarks is None:
            print(f"left out {path.stem}: no face mesh in the photo")
            continue
        people.append(Person(path.stem, photo, {name: annotate(name, photo) for name in CONTROLS}))
    return people


def job_for(
    person: Person, style: Style, scene: Scene, *, seed: int = 0, without: AnnotatorName | None = None
) -> GenerationJob:
    """The job that the studio would make at default likeness, or the same without one of its controls."""
    guidance = apply_likeness(style, 0.5)
    settings = {control.annotator: control for control in guidance.controls}
    controls = []
    for name in CONTROLS:
        setting = settings.get(name, guidance.controls[0])
        values = setting.model_dump() | {"annotator": name, "image": person.controls[name]}
        if name == without:
            values["controlnet_conditioning_scale"] = 0.0
        controls.append(Control(**values))
    return GenerationJob(
        photo=person.photo,
        style=style,
        scene=scene,
        controls=tuple(controls),
        prompt=", ".join(part for part in (style.prompt, scene.prompt) if part),
        strength=guidance.strength,
        seeds=(seed,),
    )


def paint(engine: DiffusionEngine | FilterEngine, job: GenerationJob) -> np.ndarray:
    """One portrait as (H, W, 3) uint8."""
    return np.asarray(engine.generate(job, lambda *_: True)[0])


def as_shown(filters: FilterEngine, job: GenerationJob) -> np.ndarray:
    """The filters' portrait as the studio shows it, made at their own size, as large as the job's photo."""
    small = job.model_copy(update={"photo": resized(job.photo, (filters.size, filters.size))})
    size = job.photo.image.size
    return np.asarray(Image.fromarray(paint(filters, small)).resize(size, Image.Resampling.LANCZOS))


def seconds(engine: DiffusionEngine, person: Person, style: Style, scene: Scene, repeats: int = 3) -> float:
    """Median time of a warm portrait."""
    job = job_for(person, style, scene)
    paint(engine, job)
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        paint(engine, job)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)
