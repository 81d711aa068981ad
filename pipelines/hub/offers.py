"""What can be downloaded: model stacks, the weights of annotators, the picture checker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.hub.components import (
    ANNOTATOR_WEIGHTS,
    SAFETY_CHECKER,
    SAFETY_CHECKER_ID,
    Component,
    annotator_component,
    annotator_name,
)
from pipelines.hub.stack import ModelStack
from pipelines.hub.weights import StackState, state, state_of


@dataclass(frozen=True)
class Offer:
    """One thing that can be downloaded.

    Attributes:
        id: What commands and pages call it.
        name: What people read.
        summary: What it adds, one sentence.
        components: Its parts; some may come with the project.
        stack: The model stack that it is; None for what no engine runs.
        is_part: It comes with stacks that need it.
    """

    id: str
    name: str
    summary: str
    components: tuple[Component, ...]
    stack: ModelStack | None = None
    is_part: bool = False

    @property
    def is_on_hub(self) -> bool:
        """Whether any of it is downloaded."""
        return any(component.source.repo_id for component in self.components)

    @property
    def bytes(self) -> int:
        """What its presets say that there is to download."""
        return sum(component.source.bytes for component in self.components if component.source.repo_id)

    def state(self) -> StackState:
        """What of it is here."""
        return state(self.stack) if self.stack is not None else state_of(self.components)

    def can_do_without(self, names: frozenset[str]) -> bool:
        """Whether the others are of use without the components of these names."""
        return not names or (self.stack is not None and self.stack.without(names) is not None)


def offers(models: Mapping[str, ModelStack]) -> dict[str, Offer]:
    """Everything, by id: stacks as they come, the best first, then the picture checker, then annotators."""
    ranked = sorted(models.values(), key=lambda stack: -stack.rank)
    found = [Offer(stack.id, stack.name, stack.summary, stack.components(), stack) for stack in ranked]
    summary = "Looks at every portrait before it is shown, and holds back nudity."
    found.append(Offer(SAFETY_CHECKER_ID, "Picture checker", summary, (SAFETY_CHECKER,)))
    for name in ANNOTATOR_WEIGHTS:
        words = f"Draws the {name} control from a photo; part of every stack that asks for it."
        title = annotator_name(name)
        component = annotator_component(name)
        found.append(Offer(name, title[:1].upper() + title[1:], words, (component,), is_part=True))
    return {offer.id: offer for offer in found}
