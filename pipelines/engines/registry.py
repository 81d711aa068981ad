"""Which engines can run here, and why not the others."""

from __future__ import annotations

from pipelines.engines.base import AUTO, PREVIEW, EngineChoice, EngineInfo, Refuse
from pipelines.engines.device import is_slow, why_not
from pipelines.engines.filters.engine import PreviewEngine
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.errors import EngineUnavailable, RequestInvalid
from pipelines.hub import weights
from pipelines.hub.stack import ModelStack
from pipelines.presets.loading import Presets


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
