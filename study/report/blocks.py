"""What a report consists of, before it is Markdown or PDF. Texts are plain: no markup in them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """Level 1 is the report's title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """One paragraph, or one fixed-width quotation."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True)
class Grid:
    """A table. The first row of cells is named by `head`; `caption` stands above."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A figure: the name of its file, without an end, its caption and what it shows in words."""

    name: str
    caption: str
    alt: str


Block = Heading | Paragraph | Grid | Picture


@dataclass(frozen=True)
class Document:
    """A whole report in its order."""

    title: str
    subject: str
    blocks: tuple[Block, ...]
