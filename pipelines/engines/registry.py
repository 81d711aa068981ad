"""Which engines can run here, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping

from languages.saying import listed, say
from pipelines.engines.base import AUTO, PREVIEW, EngineChoice, EngineInfo, Refuse
from pipelines.engines.device import Device, is_slow, why_not
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.kinds import KINDS, Kind
from pipelines.errors import EngineUnavailable, RequestInvalid
from pipelines.hub import weights
from pipelines.hub.stack import ModelStack

_Reason = tuple[ModelStack, str]  # why a stack cannot run here; "" where it can


def may_always(_stack: ModelStack) -> str:
    """No objection to a stack: the default of `refuse` below."""
    return ""


class Engines:
    """The engines of this machine: the instant filters, and one for each model stack. See `base.EngineSource`.

    Args:
        models: Model stacks by id.
        refuse: Why a stack that can run here is not to be used all the same, as a sentence; "" where it is.
        kinds: Which engine runs a stack, by its kind.
        device: Where they run; left out, on the best there is.
    """

    def __init__(
        self,
        models: Mapping[str, ModelStack],
        refuse: Refuse = may_always,
        kinds: Mapping[str, Kind] = KINDS,
        *,
        device: Device | None = None,
    ) -> None:
        self._models = models
        self._refuse = refuse
        self._kinds = kinds
        self.device = device

    @property
    def ids(self) -> tuple[str, ...]:
        return (AUTO, PREVIEW, *self._models)

    def infos(self) -> tuple[EngineInfo, ...]:
        """Every engine, best first, the instant filters last. Looks at the disk; loads torch only for complete weights
        that may need a GPU.
        """
        reasons = self._reasons()
        automatic = _automatic(reasons)
        infos = (self._info(stack, reason, stack is automatic) for stack, reason in reasons)
        return (*infos, _preview_info(automatic is None))

    def create(self, model_id: str) -> EngineChoice:
        """See `base.EngineSource.create`."""
        if model_id == AUTO:
            return self._best()
        if model_id == PREVIEW:
            return EngineChoice(FilterEngine())
        stack = self._models.get(model_id)
        if stack is None:
            raise RequestInvalid(say("There is no such model; choose one of: {ids}.", ids=", ".join(self.ids)))
        if reason := self._why_not(stack):
            weights.require(weights.usable(stack) or stack)  # what is not here has a cure
            raise EngineUnavailable(reason)
        return self._choice(stack)

    def _choice(self, stack: ModelStack, *notes: str) -> EngineChoice:
        """A stack that can run here, without parts that are not here and that it can do without."""
        found = weights.usable(stack) or stack
        make = self._kinds[found.kind].engine
        engine = make(found) if self.device is None else make(found, device=self.device)
        return EngineChoice(engine, found, (*notes, *self._warnings(found), *_lacking(stack, found)))

    def _why_not(self, stack: ModelStack) -> str:
        return why_not(weights.usable(stack) or stack, self.device) or self._refuse(stack)

    def _warnings(self, stack: ModelStack) -> tuple[str, ...]:
        slow = is_slow(stack, self.device)
        return (say("There is no GPU here, so a portrait takes minutes."),) if slow else ()

    def _reasons(self) -> list[_Reason]:
        """Every stack, best first, and why it cannot run here. Asks the disk about many files."""
        ranked = sorted(self._models.values(), key=lambda stack: -stack.rank)
        return [(stack, self._why_not(stack)) for stack in ranked]

    def _best(self) -> EngineChoice:
        reasons = self._reasons()
        if stack := _automatic(reasons):
            note = say("{name} was chosen: the best model that can run on this machine.", name=stack.name)
            return self._choice(stack, note)
        ways = [say("choose {name}", name=stack.name) for stack, reason in reasons if stack.rank == 0 and not reason]
        how = say("; for diffusion, {ways}", ways=listed(ways, either=True)) if ways else ""
        return EngineChoice(FilterEngine(), notes=(say("Made with instant filters, not diffusion{how}.", how=how),))

    def _info(self, stack: ModelStack, reason: str, is_automatic: bool) -> EngineInfo:
        return info_of(stack, stack if reason else weights.usable(stack) or stack, reason, is_automatic)


def _automatic(reasons: list[_Reason]) -> ModelStack | None:
    """What "auto" takes here; None for the instant filters."""
    return next((stack for stack, reason in reasons if stack.rank > 0 and not reason), None)


def info_of(stack: ModelStack, found: ModelStack, reason: str, is_automatic: bool) -> EngineInfo:
    """What is told of a stack.

    Args:
        stack: As the presets say it.
        found: What of it is where it runs.
        reason: Why it cannot run there; "" where it can.
        is_automatic: Whether "auto" takes it.
    """
    return EngineInfo(
        id=stack.id,
        name=stack.name,
        is_diffusion=True,
        available=not reason,
        reason=reason or stack.summary,
        download_bytes=weights.download_bytes(stack),
        licence=", ".join(weights.licences(stack)),
        is_automatic=is_automatic,
        reads_words=found.reads_words,
        reads_style_picture=found.reads_style_picture,
    )


def _lacking(stack: ModelStack, found: ModelStack) -> tuple[str, ...]:
    here = {component.name for component in found.components()}
    missing = [component.name for component in stack.components() if component.name not in here]
    if not missing:
        return ()
    # Translators: parts are names such as "ControlNet for depth"
    return (say("{name} works here without: {parts}.", name=stack.name, parts=", ".join(missing)),)


def _preview_info(is_automatic: bool) -> EngineInfo:
    return EngineInfo(
        id=PREVIEW,
        name=FilterEngine.name,
        is_diffusion=False,
        available=True,
        reason=say("Instant and always here: styles drawn with image filters, not with diffusion."),
        download_bytes=0,
        licence="Apache-2.0",
        is_automatic=is_automatic,
        reads_style_picture=True,
    )
