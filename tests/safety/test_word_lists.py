"""The benchmark of the word list: its set is large enough, and what was mended by it stays mended."""

from __future__ import annotations

import tomllib

import pytest

from benchmarks.word_lists import HELD_OUT, Texts, main, verdicts
from pipelines.safety.policy import default_policy


@pytest.fixture(scope="module")
def tables() -> dict[str, Texts]:
    return tomllib.loads(HELD_OUT.read_text("utf-8"))


def test_the_set_is_large_and_covers_all_languages(tables: dict[str, Texts]) -> None:
    assert set(tables["refused"]) == set(tables["harmless"]) == set(default_policy().languages)
    refused = [text for some in tables["refused"].values() for texts in some.values() for text in texts]
    near = [text for some in tables["harmless"].values() for text in some["near"]]
    plain = [text for some in tables["harmless"].values() for text in some["plain"]]
    assert len(set(refused)) >= 120
    assert len({*near, *plain}) >= 200
    assert len(near) >= 100


def test_what_was_mended_stays_mended(tables: dict[str, Texts]) -> None:
    passed = [one for one in verdicts(tables["refused"]) if not one.given]
    assert len(passed) <= 3, passed
    assert not [one for one in passed if one.category == "minors"]
    accused = [one for one in verdicts(tables["harmless"]) if one.given]
    assert len(accused) <= 1, accused


def test_the_benchmark_prints_shares_by_category_and_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    for word in ("minors", "public-figure", "Arabic", "near", "all", "Refused and harmless"):
        assert word in printed
