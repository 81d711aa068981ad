"""What all words of a recipe share: their base and the types of their numbers and colours."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

HexColor = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Signed = Annotated[float, Field(ge=-1.0, le=1.0)]
Ramp = Annotated[tuple[HexColor, ...], Field(min_length=2, max_length=8)]


class Step(BaseModel):
    """Base of all operations.

    Attributes:
        in_pieces: It lays pieces of one tone: facets, tiles, paper, or lines that stand for tones.
        fills_skin: It fills skin with the sitter's own colour, before ink, dots and paper.
        is_slow: It takes longer than all others together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_pieces: ClassVar[bool] = False
    fills_skin: ClassVar[bool] = False
    is_slow: ClassVar[bool] = False

    @classmethod
    def title(cls) -> str:
        """How an editor of styles shows it, in English."""
        op = cls.model_fields["op"]
        return op.title or str(op.default)


def operation(op: str, title: str, *first: str) -> Any:
    """The field `op` of an operation: its name in files, and how an editor of styles shows it.

    Args:
        op: As it is written in a style file.
        title: What a visitor reads.
        first: Fields that matter most; the others are shown on request.
    """
    return Field(op, title=title, json_schema_extra={"first": list(first)})
