"""What an engine is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image

from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName, GenerationJob, StepCallback, Style

AUTO = "auto"


PREVIEW = "preview"


Refuse = Callable[[ModelStack], str]


@runtime_checkable
class Engine(Protocol):
    """Anything that makes portraits out of a job.

    Attributes:
        name: What is shown on screen as the maker of a picture.
        model_id: "preview" or the id of the model stack.
        is_diffusion: False for the preview engine; the screen must never call it diffusion.
        size: Width and height of the square crop that it wants, in pixels.
    """

    name: str
    model_id: str
    is_diffusion: bool
    size: int

    def annotators(self, style: Style) -> tuple[AnnotatorName, ...]:
        """The control images that this engine will read for a style, in the style's order."""
        ...

    def load(self) -> None:
        """Load now what the first portrait would otherwise wait for.

        Raises:
            EngineUnavailable: It is not on this machine, or damaged.
        """
        ...

    def generate(self, job: GenerationJob, on_step: StepCallback) -> list[Image.Image]:
        """One RGB picture a seed, in the order of `job.seeds`, each `job.photo.image.size` large.

        Raises:
            Cancelled: on_step answered False.
            EngineFailed: It stopped in the middle.
        """
        ...

    def close(self) -> None:
        """Free memory. The engine cannot be used afterwards."""
        ...


@dataclass(frozen=True)
class EngineInfo:
    """One engine as the screen lists it.

    Attributes:
        id: What `create_engine` takes.
        reason: One sentence: that it can run here and what it is good for, or why it cannot.
        download_bytes: All its weights on the hub, 0 for what ships with the project.
        licence: Of its weights, several joined by commas; of this project for the preview engine.
        is_automatic: "auto" takes this one here.
    """

    id: str
    name: str
    is_diffusion: bool
    available: bool
    reason: str
    download_bytes: int
    licence: str
    is_automatic: bool = False


@dataclass(frozen=True)
class EngineChoice:
    """An engine that can run here, with sentences on why it was chosen."""

    engine: Engine
    notes: tuple[str, ...] = ()
