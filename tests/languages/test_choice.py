"""Which language somebody is answered in."""

from __future__ import annotations

import pytest

from languages.choice import chosen


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr-CA, fr;q=0.9", "fr"),
        ("es-419", "es"),
        ("ja-JP", "ja"),
        ("JA", "ja"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("nl,pl;q=0.9,fr;q=0.5,de;q=0.4", "fr"),
        ("en;q=0.2, de;q=0.7", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("nl", "en"),
        ("*", "en"),
        ("*, de;q=0.1", "de"),
        ("de;q=2, fr;q=0.3", "fr"),
        ("de;q=x, fr;q=0.3", "fr"),
        ("de;level=1;q=0.4, fr;q=0.3", "de"),
        ("deutsch", "en"),
        (";;;,,,q=1", "en"),
        ("nl," * 10_000 + "de", "en"),
    ],
)
def test_the_browser_says_which_language(accept: str | None, language: str) -> None:
    assert chosen(None, accept) == language


def test_a_choice_of_the_visitors_own_comes_first() -> None:
    assert chosen("ja", "de") == "ja"
    assert chosen("en", "de") == "en"
    assert chosen("xx", "de") == "de"
    assert chosen("", "de") == "de"
