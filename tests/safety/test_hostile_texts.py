"""No text that fits into the box keeps the word list busy: it holds the lock of all threads while it looks."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from pipelines.safety.policy import default_policy
from pipelines.schema import MAX_PROMPT_CHARACTERS

# Far above what all texts take on a busy machine, far below the days that one takes where a search explodes.
TIME_LIMIT = 120
# One or more of every class that a regular expression of the safety package tells apart.
CLASSES = "_ \t\n.*~^|'’·•+-!?(/\\{a1lé\u0301\u00adи字ァー・ن🙂"


def repeats(size: int = MAX_PROMPT_CHARACTERS) -> list[str]:
    """Texts of `size` characters: each class and each pair repeated, with ends that make a search fail late."""
    units = [*CLASSES, *map("".join, itertools.permutations("_. *a1-字", 2)), "a*a*", "aa*bb ", "a_ ", "12 _", "n_*"]
    texts = []
    for unit in units:
        body = unit * (size // len(unit) + 1)
        for start, end in (("", ""), ("", "aa"), ("a", "!"), ("nu", " de"), ("12", "_y")):
            texts.append(start + body[: size - len(start) - len(end)] + end)
    blotted = " ".join(f"{one}*{two}" for one, two in itertools.product("abcdefghijklmno", repeat=2))
    return [*texts, blotted[:size]]


@pytest.mark.slow
def test_no_repeated_character_keeps_the_list_busy() -> None:
    """In a process of its own, which can be ended: a search that explodes cannot be interrupted from within."""
    code = "from tests.safety.test_hostile_texts import review_all; review_all()"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=TIME_LIMIT)


def review_all() -> None:
    """Review them all."""
    policy = default_policy()
    for text in repeats():
        assert len(text) == MAX_PROMPT_CHARACTERS
        policy.review_words(text)


@pytest.mark.parametrize("text", ["_" * 400, "-" * 400, "_." * 200, "a_" * 200, "_ " * 200, f"{'_' * 36}aa"])
def test_lines_drawn_with_signs_pass(text: str) -> None:
    assert default_policy().review_words(text) is None
