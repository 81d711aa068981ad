"""One-time links: a portrait fetched on a phone, without the visit's cookie or key.

A link is 192 random bits. The visit keeps only their SHA-256, so that whatever reads its memory learns no link, and the
link is gone with the visit. It shows the portrait until the file was fetched once over it, for LINK_SECONDS at most.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Literal

LINK_SECONDS = 600.0
LINK_MINUTES = round(LINK_SECONDS / 60)
_BYTES = 24  # 192 bits
LinkState = Literal["open", "used", "over"]


@dataclass
class Link:
    """The link to one portrait.

    Attributes:
        digest: SHA-256 of its word.
        made_at: Monotonic seconds.
        used: The file was fetched over it.
    """

    digest: bytes
    made_at: float
    used: bool = False

    def state(self, now: float | None = None) -> LinkState:
        """Whether it still works, and if not, why."""
        if self.used:
            return "used"
        return "open" if (time.monotonic() if now is None else now) - self.made_at < LINK_SECONDS else "over"


def new_link() -> tuple[str, Link]:
    """The word of a new link, for its address, and what is kept of it."""
    word = secrets.token_urlsafe(_BYTES)
    return word, Link(digest_of(word), time.monotonic())


def digest_of(word: str) -> bytes:
    """What is kept of a link's word, whatever a stranger sends as one."""
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
