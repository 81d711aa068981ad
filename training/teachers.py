"""How targets are painted: each style's recipe at twice the size, its paint part replaced where a slower one is better.

`training/teachers/<style id>.toml` holds `[[paint]]`, steps in the words of a preset's recipe that take the place of
all steps before the finish. The finish is never taught: the studio lays it on after diffusion.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.recipe import RecipeStep
from pipelines.schema import PreparedPhoto, Scene, Style

FOLDER = Path(__file__).parent / "teachers"
PAINTED_AT = 1024  # pixels; targets are reduced from it


class _Teacher(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    paint: Annotated[tuple[RecipeStep, ...], Field(min_length=1, max_length=16)]


def teacher(style: Style, folder: Path = FOLDER) -> Style:
    """The style that paints the targets of another: its paint part alone, by the teacher's recipe where there is one.

    Raises:
        ValueError: The file says what no recipe can.
    """
    path = folder / f"{style.id}.toml"
    steps = style.preview[: len(style.preview) - style.finish_steps]
    if path.exists():
        steps = _Teacher.model_validate(tomllib.loads(path.read_text("utf-8"))).paint
    return style.model_copy(update={"preview": steps, "finish_steps": 0})


def target(
    engine: FilterEngine, photo: PreparedPhoto, style: Style, scene: Scene, *, seed: int, likeness: float
) -> Image.Image:
    """What diffusion is to make of a photo, RGB, half the photo's size.

    Args:
        photo: PAINTED_AT wide and high.
        style: The preset, not the teacher.
    """
    painted = engine.paint(job_for(photo, teacher(style), scene, seed=seed, likeness=likeness), seed)
    return painted.resize((painted.width // 2, painted.height // 2), Image.Resampling.BOX)


def job_for(photo: PreparedPhoto, style: Style, scene: Scene, *, seed: int, likeness: float) -> GenerationJob:
    """A job for the instant filters."""
    return GenerationJob(
        photo=photo,
        style=style,
        scene=scene,
        likeness=likeness,
        prompt=style.prompt,
        strength=style.strength,
        seeds=(seed,),
    )
