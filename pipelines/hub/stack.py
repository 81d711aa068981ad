"""A set of models that make portraits together, as a file in presets/models says it: what all kinds have in common.

Each kind of engine adds what it needs, beside the engine (`pipelines.engines.kinds` lists them).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, Self

from pydantic import Field, model_validator

from languages.saying import Words
from pipelines.hub.components import Component
from pipelines.hub.licences import allows_commerce
from pipelines.schema import PresetId, Value


class ModelStack(Value, ABC):
    """One set of models that make portraits together, from presets/models/<id>.toml."""

    id: PresetId = Field(description="The file name; never written in the file.")
    name: Words = Field(min_length=2, max_length=60, description="What visitors read.")
    summary: Words = Field(min_length=10, max_length=200, description="What it is good for.")
    kind: str = Field(description="Which engine runs it, and what else the file may say.")
    rank: int = Field(
        ge=0,
        le=1000,
        description="`auto` takes the highest rank that can run here; 0 is taken only when asked for, and is all that"
        " weights may have whose licence is not known to allow commercial use.",
    )
    size: int = Field(ge=64, le=2048, multiple_of=8, description="Width and height of a square portrait in pixels.")
    multiple: Literal[8, 16, 32, 64] = Field(
        8, description="Other shapes have the same area; their width and height are multiples of this."
    )
    torch_dtype: Literal["float32", "float16", "bfloat16"] = Field(
        "float16",
        description="On a GPU. A processor uses float32, or bfloat16 for 2 GB and more where it is made for it.",
    )
    memory_bytes: int = Field(
        ge=0, description="Memory needed on a GPU with all parts there; a CPU (float32) needs twice."
    )
    offload_memory_bytes: int | None = Field(
        None, ge=0, description="Memory needed on a GPU that holds one part at a time; left out, never offloaded."
    )
    needs_gpu: bool = Field(False, description="Too slow to offer without a GPU.")
    needs_checker: bool = Field(
        True,
        description="Its pictures need both picture checkers where everybody can ask for them. False only for a stack"
        " that repaints the filters' picture, came with the project and knows no words but its own: a visitor's own"
        " words do not reach it.",
    )

    @model_validator(mode="after")
    def _unchecked_ones_are_our_own(self) -> Self:
        if not self.needs_checker and any(component.source.path is None for component in self.components()):
            raise ValueError("only a stack from this project may go without the checker")
        return self

    @model_validator(mode="after")
    def _only_free_weights_are_a_default(self) -> Self:
        bound = [part for part in self.components() if not allows_commerce(part.source.licence)]
        if self.rank > 0 and bound:
            raise ValueError(
                f"rank must be 0, because the {bound[0].name} is under a licence that is not known to allow commercial"
                f' use: "{bound[0].source.licence}"'
            )
        return self

    @property
    def reads_words(self) -> bool:
        """Whether a visitor's own words reach it: only where its pictures are looked at."""
        return self.needs_checker

    @property
    def reads_style_picture(self) -> bool:
        """Whether it can paint after a picture that a visitor gives. A kind that can says so itself."""
        return False

    def without(self, names: frozenset[str]) -> Self | None:
        """The stack without some of its components, by their names; None where it cannot work without them.

        A kind that can do without a part says so itself.
        """
        return None if names else self

    @abstractmethod
    def components(self) -> tuple[Component, ...]:
        """Everything that it loads, each download once."""
