"""What each style is taught: `training/teachers.toml`.

All styles are taught what the filters lay in, redrawn (training.redraw). Some are taught a painter's brush besides.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).with_suffix(".toml")


class Brush(BaseModel):
    """A painting to learn from, and how its brushwork weighs against the sitter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    painting: str = Field(description="File in the folder of paintings.")
    scale: float = Field(1.0, gt=0, le=4, description="Of the painting, so that brushes suit a portrait of 1024 px.")
    weight: float = Field(1.0, gt=0, description="Of the brushwork's statistics.")
    content: float = Field(3.0, gt=0, description="Of the shapes of what was redrawn.")
    face: float = Field(4.0, ge=0, description="How much more these weigh on eyes, brows and mouth.")

    def picture(self, folder: Path) -> np.ndarray:
        """The painting at `scale`, (H, W, 3) uint8."""
        with Image.open(folder / self.painting) as image:
            size = round(image.width * self.scale), round(image.height * self.scale)
            return np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))


class Teacher(BaseModel):
    """How the targets of one style are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    redrawn_at: int = Field(176, ge=64, le=320, description="See training.redraw.redrawn.")
    lined: bool = Field(False, description="Likewise.")
    brush: Brush | None = None


def teachers(file: Path = FILE) -> dict[str, Teacher]:
    """Teachers by style id.

    Raises:
        ValueError: The file says what no teacher can.
    """
    return {style: Teacher.model_validate(said) for style, said in tomllib.loads(file.read_text("utf-8")).items()}
