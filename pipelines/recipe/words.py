"""What all words of a recipe share: their base and the types of their numbers and colours."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

HexColor = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Signed = Annotated[float, Field(ge=-1.0, le=1.0)]
Ramp = Annotated[tuple[HexColor, ...], Field(min_length=2, max_length=8)]


class Step(BaseModel):
    """Base of all operations."""

    model_config = ConfigDict(frozen=True, extra="forbid")
