"""What an engine is, and what it may ask for while it works.

A new kind of engine is a folder beside `filters` and `unet`, a line in `kinds`, and a file in presets/models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from PIL import Image

from pipelines.hub.stack import ModelStack
from pipelines.schema import AnnotatorName, Control, Job, Shape, Size, StepCallback

AUTO = "auto"
PREVIEW = "preview"
Refuse = Callable[[ModelStack], str]


class Studio(Protocol):
    """What an engine may ask for of the job in hand. Made when first asked for; all pictures are RGB."""

    def control(self, annotator: AnnotatorName) -> Image.Image:
        """A control image of the job's photo, of the same size.

        Raises:
            EngineUnavailable: It reads weights that are not on this machine.
        """
        ...

    def backdrop(self, seed: int) -> Image.Image | None:
        """The scene's place, painted for a seed, as large as the job's photo; None where the photo's own is kept."""
        ...

    def references(self) -> tuple[Image.Image, ...]:
        """Pictures of the sitter for a model that looks instead of being guided: the crop, then the head alone where a
        face was found.
        """
        ...


class Made(NamedTuple):
    """What came of a job.

    Attributes:
        pictures: One RGB picture a seed, in their order, each as large as the job's photo.
        controls: What guided them, for the screen; none where the engine has no controls.
        notes: Sentences for the visitor, such as what the engine could not follow.
    """

    pictures: list[Image.Image]
    controls: tuple[Control, ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class Engine(Protocol):
    """Anything that makes portraits out of a job.

    Attributes:
        name: What is shown on screen as the maker of a picture.
        model_id: "preview" or the id of the model stack.
        is_diffusion: False for the instant filters; the screen must never call it diffusion.
        size: Width and height of a square portrait of it for a screen, in pixels.
    """

    name: str
    model_id: str
    is_diffusion: bool
    size: int

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        """Width and height of the portraits that it makes; the job's photo comes as large.

        Args:
            shape: Of the portrait.
            size: What was asked for; an engine that was trained at one size makes that.
            detail: Pixels of the visitor's photo along the long side of the crop.
        """
        ...

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """Which control images `make` will ask the studio for, so that they can be drawn beforehand."""
        ...

    def load(self) -> None:
        """Load now what the first portrait would otherwise wait for.

        Raises:
            EngineUnavailable: It is not on this machine, or damaged.
        """
        ...

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """Make the pictures of a job. One call at a time; a seed's picture does not depend on the other seeds, but for
        rounding where several are made at once.

        Raises:
            Cancelled: on_step answered False.
            EngineFailed: It stopped in the middle; the next call starts afresh.
            EngineUnavailable: What it needs is not on this machine.
        """
        ...

    def close(self) -> None:
        """Free memory. The engine cannot be used afterwards."""
        ...


@dataclass(frozen=True)
class EngineInfo:
    """One engine as the screen lists it.

    Attributes:
        id: What `Engines.create` takes.
        reason: One sentence: that it can run here and what it is good for, or why it cannot.
        download_bytes: All its weights on the hub, 0 for what ships with the project.
        licence: Of its weights, several joined by commas; of this project for the instant filters.
        is_automatic: "auto" takes this one here.
        reads_words: The visitor's own words change its pictures.
        reads_style_picture: It can paint after a picture that the visitor gives.
    """

    id: str
    name: str
    is_diffusion: bool
    available: bool
    reason: str
    download_bytes: int
    licence: str
    is_automatic: bool = False
    reads_words: bool = False
    reads_style_picture: bool = False


@dataclass(frozen=True)
class EngineChoice:
    """An engine that can run here.

    Attributes:
        stack: The models that it runs; None for one without.
        notes: Sentences on why it was chosen.
    """

    engine: Engine
    stack: ModelStack | None = None
    notes: tuple[str, ...] = ()


class EngineSource(Protocol):
    """Where a pipeline gets its engines from.

    Attributes:
        ids: What `create` takes, "auto" first.
    """

    @property
    def ids(self) -> tuple[str, ...]: ...

    def infos(self) -> tuple[EngineInfo, ...]:
        """Every engine, best first, whether it can run here, and why not."""
        ...

    def create(self, model_id: str) -> EngineChoice:
        """The engine with an id, or the best that can run here for "auto". Weights are loaded at the first portrait.

        Raises:
            RequestInvalid: There is no such engine.
            EngineUnavailable: It cannot run here, and the hint says why. Another engine is never taken instead, except
                for "auto", which says in its notes what it took.
        """
        ...
