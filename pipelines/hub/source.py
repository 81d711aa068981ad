"""Where the weights of one component come from.

Argument names are those of diffusers wherever diffusers has one, from the preset file to the pipeline call.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pipelines.schema import Value


class HubSource(Value):
    """Weights of one component: a repository on the hub, or a folder shipped with this project."""

    repo_id: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="Repository on the hub.")
    path: str | None = Field(None, description="Folder relative to the project instead of a repository.")
    revision: str | None = Field(
        None, pattern=r"^[0-9a-f]{7,40}$|^[\w.-]+$", description="Commit or tag; left out, main."
    )
    variant: str | None = Field(None, pattern=r"^[\w-]+$", description="Weights variant, such as fp16.")
    subfolder: str | None = Field(None, description="Folder inside the repository.")
    weight_name: str | None = Field(None, description="One weights file, for LoRA and IP-Adapter.")
    licence: str = Field(min_length=2, description="Licence of these weights (SPDX id where there is one).")
    bytes: int = Field(ge=0, description="Bytes to download.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.repo_id is None) == (self.path is None):
            raise ValueError("give either repo_id or path")
        return self


class LoRASource(HubSource):
    """A LoRA that is fused into the stack's main network."""

    lora_scale: float = Field(1.0, ge=0.0, le=2.0, description="Weight of the LoRA when fused.")
