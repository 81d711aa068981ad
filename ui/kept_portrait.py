"""A portrait on show, and what it was made from."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pipelines.schema import Portrait


@dataclass
class KeptPortrait:
    """A portrait on show, with the crop and the control images it was made from as data: URIs.

    Attributes:
        photo_at: When the photo it was made from came in (`Visit.photo_at`); None for a photo that was not kept.
    """

    portrait: Portrait
    original: str
    controls: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    photo_at: float | None = None
    face_index: int | None = None
    made_at: float = field(default_factory=time.monotonic)
