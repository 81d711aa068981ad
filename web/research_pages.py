"""Researchers' pages as HTML: what their templates know beside what all plain pages do."""

from __future__ import annotations

from study.report.blocks import Block, Grid, Heading, Paragraph, Picture
from study.report.numbers import day
from web.plain_pages import PAGES, page

__all__ = ["kind_of_block", "page"]


def kind_of_block(block: Block) -> str:
    """For the template of blocks."""
    kinds = {Heading: "heading", Paragraph: "paragraph", Grid: "grid", Picture: "picture"}
    return kinds[type(block)]


PAGES.filters["day"] = day
PAGES.tests["a"] = lambda block, kind: kind_of_block(block) == kind
