"""Python's syntax trees, beside other threads that may be reading some."""

from __future__ import annotations

import ast

_TRIES = 20


def parse(source: str) -> ast.Module:
    """`ast.parse`, tried again where CPython 3.11 gives up: it counts the depth of all threads' trees together."""
    for _ in range(_TRIES - 1):
        try:
            return ast.parse(source)
        except SystemError:
            continue
    return ast.parse(source)
