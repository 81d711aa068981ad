"""Orders that balance: Williams designs, sides, and which pairs stand where. All of it follows from one seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from random import Random


def williams(k: int) -> tuple[tuple[int, ...], ...]:
    """A Williams design for `k` conditions, as rows of their numbers 0..k-1.

    Each condition stands equally often in each place, and after each other condition: once over the k rows of an even
    k, twice over the 2k rows of an odd one, which are mirrored too. (Williams, E. J. 1949, Australian Journal of
    Scientific Research A 2, 149-168.)

    Raises:
        ValueError: `k` is less than 2.
    """
    if k < 2:
        raise ValueError("a design needs at least two conditions")
    first = [0] + [(place + 1) // 2 if place % 2 else k - place // 2 for place in range(1, k)]
    rows = [tuple((one + step) % k for one in first) for step in range(k)]
    return tuple(rows if k % 2 == 0 else [*rows, *(row[::-1] for row in rows)])


def seeded(frozen_sha256: str, participant: str, what: str) -> Random:
    """Random numbers of one participant for one purpose, the same on every machine: seeded with SHA-256 of the three.

    `Random` seeded with an integer and its `random()` are stable over versions of Python; `shuffled` uses nothing else.
    """
    return Random(int.from_bytes(hashlib.sha256(f"{frozen_sha256}{participant}{what}".encode()).digest(), "big"))


def shuffled(values: Sequence[int], random: Random) -> list[int]:
    """A random order (Fisher and Yates)."""
    order = list(values)
    for last in range(len(order) - 1, 0, -1):
        other = int(random.random() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order


def balanced_pairs(k: int, most: int, random: Random) -> list[tuple[int, int]]:
    """Pairs of `k` conditions as (left, right), in random order.

    Each condition stands left as often as right, or once more or less. Where only some pairs are shown, each condition
    stands in about as many as each other.

    Args:
        most: How many pairs; 0, or more than there are, is all.
    """
    every = list(combinations(range(k), 2))
    order = [every[n] for n in shuffled(range(len(every)), random)]
    if 0 < most < len(order):
        order = _evenly(order, most, k)
    turned = _oriented(order, k, random)
    return [turned[pair] for pair in order]


def _evenly(order: list[tuple[int, int]], most: int, k: int) -> list[tuple[int, int]]:
    """The first `most` pairs, of those whose conditions stood in the fewest so far."""
    seen, left, taken = [0] * k, list(order), []
    for _ in range(most):
        pair = min(left, key=lambda one: (max(seen[one[0]], seen[one[1]]), seen[one[0]] + seen[one[1]]))
        left.remove(pair)
        taken.append(pair)
        for one in pair:
            seen[one] += 1
    return [pair for pair in order if pair in taken]


def _oriented(pairs: Sequence[tuple[int, int]], k: int, random: Random) -> dict[tuple[int, int], tuple[int, int]]:
    """Sides by walking round the graph of pairs: whoever is come to on the right is left next.

    A vertex of its own (number k) joins the conditions that stand in an odd number of pairs, so that every walk closes
    (Euler); without it they differ by one.
    """
    degree = [sum(one in pair for pair in pairs) for one in range(k)]
    edges = [*pairs, *((one, k) for one in range(k) if degree[one] % 2)]
    at: dict[int, list[int]] = {one: [] for one in range(k + 1)}
    for number in shuffled(range(len(edges)), random):
        for one in edges[number]:
            at[one].append(number)
    free, turned = set(range(len(edges))), {}
    for start in shuffled(range(k), random):
        here = start
        while open_edges := [one for one in at[here] if one in free]:
            number = open_edges[0]
            free.discard(number)
            first, second = edges[number]
            there = second if here == first else first
            if k not in (here, there):
                turned[edges[number]] = (here, there)
            here = there
    return turned
