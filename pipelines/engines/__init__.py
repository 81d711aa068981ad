"""What an engine is, which can run here, and why not the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image

from pipelines import weights
from pipelines.engines.diffusion import DiffusionEngine
from pipelines.engines.loading import is_slow, why_not
from pipelines.engines.preview import PreviewEngine
from pipelines.errors import EngineUnavailable, RequestInvalid
from pipelines.model_stack import ModelStack
from pipelines.presets import Presets
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


def may_always(_stack: ModelStack) -> str:
    """No objection to a stack: the default of `refuse` below."""
    return ""


def available_engines(presets: Presets, refuse: Refuse = may_always) -> tuple[EngineInfo, ...]:
    """Every engine, best first, the preview engine last. Looks at the disk; loads torch only for complete weights that
    may need a GPU.

    Args:
        refuse: Why a stack that can run here is not to be used all the same, as a sentence; "" where it is.
    """
    ranked = _ranked(presets)
    automatic = _automatic(ranked, refuse)
    return (*(_info(stack, refuse, stack is automatic) for stack in ranked), _preview_info(automatic is None))


def create_engine(model_id: str, presets: Presets, refuse: Refuse = may_always) -> EngineChoice:
    """The engine with an id, or the best that can run here for "auto". Weights are loaded at the first portrait.

    Args:
        refuse: As for `available_engines`.

    Raises:
        RequestInvalid: There is no such engine.
        EngineUnavailable: It cannot run here, and the hint says why. Another engine is never taken instead, except for
            "auto", which says in its notes what it took.
    """
    if model_id == AUTO:
        return _best(presets, refuse)
    if model_id == PREVIEW:
        return EngineChoice(PreviewEngine())
    stack = presets.models.get(model_id)
    if stack is None:
        raise RequestInvalid(f"There is no such model; choose one of: {', '.join([AUTO, PREVIEW, *presets.models])}.")
    reason = why_not(stack) or refuse(stack)
    if reason:
        raise EngineUnavailable(reason)
    return EngineChoice(DiffusionEngine(stack), _warnings(stack))


def _automatic(ranked: list[ModelStack], refuse: Refuse) -> ModelStack | None:
    """What "auto" takes here; None for the preview engine."""
    return next((stack for stack in ranked if stack.rank > 0 and not (why_not(stack) or refuse(stack))), None)


def _best(presets: Presets, refuse: Refuse) -> EngineChoice:
    ranked = _ranked(presets)
    if stack := _automatic(ranked, refuse):
        note = f"{stack.name} was chosen: the best model that can run on this machine."
        return EngineChoice(DiffusionEngine(stack), (note, *_warnings(stack)))
    ways = [f"choose {stack.name}" for stack in ranked if stack.rank == 0 and not (why_not(stack) or refuse(stack))]
    smallest = min(filter(weights.download_bytes, ranked), key=weights.download_bytes, default=None)
    ways += [f"get a larger model with {weights.COMMAND} {smallest.id}"] if smallest else []
    how = f"; for diffusion, {', or '.join(ways)}" if ways else ""
    return EngineChoice(PreviewEngine(), (f"This is the preview engine, not diffusion{how}.",))


def _warnings(stack: ModelStack) -> tuple[str, ...]:
    return ("There is no GPU here, so a portrait takes minutes.",) if is_slow(stack) else ()


def _ranked(presets: Presets) -> list[ModelStack]:
    return sorted(presets.models.values(), key=lambda stack: -stack.rank)


def _info(stack: ModelStack, refuse: Refuse, is_automatic: bool) -> EngineInfo:
    reason = why_not(stack) or refuse(stack)
    return EngineInfo(
        id=stack.id,
        name=stack.name,
        is_diffusion=True,
        available=not reason,
        reason=reason or stack.summary,
        download_bytes=weights.download_bytes(stack),
        licence=", ".join(weights.licences(stack)),
        is_automatic=is_automatic,
    )


def _preview_info(is_automatic: bool) -> EngineInfo:
    return EngineInfo(
        id=PREVIEW,
        name=PreviewEngine.name,
        is_diffusion=False,
        available=True,
        reason="Instant and always here: styles drawn with image filters, not with diffusion.",
        download_bytes=0,
        licence="Apache-2.0",
        is_automatic=is_automatic,
    )
