"""What the word list refuses of what it should, and of what it should not, in one run.

    python -m benchmarks.word_lists [--file tests/safety/heldout.toml] [--list]

The file holds texts to refuse by language and category, and harmless ones by language, plain ones and near misses.
Prints recall (refused of what must be; in brackets refused for the right reason) by category and by language, and false
refusals by language. `--list` prints the texts that went wrong; whoever mends the lists by them has a set that is no
longer held out.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pipelines.safety.policy import default_policy

HELD_OUT = Path(__file__).parents[1] / "tests" / "safety" / "heldout.toml"
Texts = dict[str, dict[str, list[str]]]


class Verdict(NamedTuple):
    """What became of one text; `category` is the expected one, or plain or near; `given` is "" where it passed."""

    language: str
    category: str
    text: str
    given: str


def verdicts(texts: Texts) -> Iterator[Verdict]:
    """Every text of a table, reviewed."""
    policy = default_policy()
    for language, categories in texts.items():
        for category, some in categories.items():
            for text in some:
                refusal = policy.review_words(text)
                yield Verdict(language, category, text, refusal.category if refusal else "")


def groups(of: Iterable[Verdict], field: str) -> dict[str, list[Verdict]]:
    """Verdicts by one of their fields, and all of them last."""
    found: dict[str, list[Verdict]] = defaultdict(list)
    every = list(of)
    for one in every:
        found[getattr(one, field)].append(one)
    return {**found, "all": every}


def share(part: int, whole: int) -> str:
    """A share with its counts, such as "50 % (3 of 6)"."""
    return f"{part / whole:4.0%} ({part} of {whole})"


def main(arguments: list[str] | None = None) -> int:
    """Prints the figures.

    Raises:
        OSError, ValueError: The file cannot be read.
    """
    parser = argparse.ArgumentParser(description="Recall and false refusals of the word list.")
    parser.add_argument("--file", type=Path, default=HELD_OUT)
    parser.add_argument("--list", action="store_true", help="print the texts that went wrong")
    chosen = parser.parse_args(arguments)
    tables = tomllib.loads(chosen.file.read_text("utf-8"))
    refused, harmless = list(verdicts(tables["refused"])), list(verdicts(tables["harmless"]))
    for field in ("category", "language"):
        print(f"\nRefused of what must be, by {field} (in brackets for the right reason)")
        for name, some in groups(refused, field).items():
            right = sum(one.given == one.category for one in some)
            print(f"  {name:14} {share(sum(bool(one.given) for one in some), len(some)):18} [{right}]")
        print(f"\nRefused of what is harmless, by {field}")
        for name, some in groups(harmless, field).items():
            print(f"  {name:14} {share(sum(bool(one.given) for one in some), len(some))}")
    if chosen.list:
        print("\nPassed, or refused for another reason")
        for one in refused:
            if one.given != one.category:
                print(f"  {one.language}, {one.category}: {one.text} [{one.given or 'passed'}]")
        print("\nRefused and harmless")
        for one in harmless:
            if one.given:
                print(f"  {one.language}, {one.category}: {one.text} [{one.given}]")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
