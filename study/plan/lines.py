"""In which line of a TOML file a value stands: tomllib keeps no lines.

A plain scan of headers and keys that knows multi-line strings and arrays. Where a value has no key of its own (an entry
of an array, a key of an inline table, a field that is missing) it is the line of the nearest one that has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Place = tuple[int | str, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')


def line_of(text: str, place: Sequence[int | str]) -> int | None:
    """The line, from 1, of what stands at a place such as ("conditions", 2, "style"); None for the whole file."""
    lines = _lines(text)
    wanted = tuple(place)
    while wanted:
        if found := lines.get(wanted, lines.get((*wanted, 0))):
            return found
        wanted = wanted[:-1]
    return None


def _lines(text: str) -> dict[Place, int]:
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    closing, depth = "", 0  # what ends the string that is open, and how many brackets of an array are
    for number, line in enumerate(text.splitlines(), 1):
        if closing:
            _, found_end, rest = line.partition(closing)
            if not found_end:
                continue
            closing, depth = _after(rest, depth)
            continue
        if depth:
            closing, depth = _after(line, depth)
            continue
        if header := _HEADER.fullmatch(line):
            table = _table(_parts(header[2]), header[1] == "[[", counts)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            place = (*table, *_parts(key[1]))
            for length in range(len(table) + 1, len(place) + 1):
                found.setdefault(place[:length], number)
            closing, depth = _after(key[2], 0)
    return found


def _table(parts: list[str], is_array: bool, counts: dict[Place, int]) -> Place:
    """The place of a header: below an array of tables, in its newest."""
    place: Place = ()
    for position, part in enumerate(parts):
        place = (*place, part)
        if is_array and position == len(parts) - 1:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _parts(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', name)]


def _after(value: str, depth: int) -> tuple[str, int]:
    """What is open after the rest of a line: the end of a multi-line string, and brackets."""
    while value:
        for quotes in ('"""', "'''"):
            if value.startswith(quotes):
                _, found, rest = value[3:].partition(quotes)
                if not found:
                    return quotes, depth
                value = rest
                break
        else:
            if string := _STRING.match(value):
                value = value[string.end() :]
            elif value[0] == "#":
                break
            else:
                depth += (value[0] in "[{") - (value[0] in "]}")
                value = value[1:]
    return "", max(0, depth)
