"""Reviewers as an operator could plug them in."""

from __future__ import annotations

from PIL import Image

from pipelines.results import PictureOrigin, Refusal


class Picky:
    """A reviewer of pictures as an operator could plug one in: refuses the pictures whose turn it is."""

    id = "picky"
    name = "Picky reviewer"
    is_quick = False

    def __init__(self, *turns: int) -> None:
        self.turns = turns
        self.seen: list[Image.Image] = []

    def why_not(self) -> str:
        return ""

    def review_picture(self, picture: Image.Image, *, origin: PictureOrigin = "made") -> Refusal | None:
        self.seen.append(picture)
        if len(self.seen) not in self.turns:
            return None
        sentence = "The picky reviewer did not like it; use another seed."
        return Refusal(category="gore", reviewer=self.id, rule="picky/turn", sentence=sentence)
