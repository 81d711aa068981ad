"""One consent in five languages: the same sections, ticks and blanks, each with a hash of its own."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from languages.catalogue import LANGUAGES
from languages.saying import named, speaking
from study.consent import ConsentRegistry
from study.notice import consent_file, load_notices, read_consent_file
from study.settings import OperatorSettings, StudyTerms

OTHERS = [code for code in LANGUAGES if code != "en"]
TERMS = StudyTerms(Path("unused"), "How faithful are they?", date(2099, 1, 1))
SETTINGS = OperatorSettings("Ada Example, ada@example.org.", TERMS, authority="tsa.example.org")


@pytest.fixture(scope="module")
def registry() -> ConsentRegistry:
    notices = load_notices(SETTINGS, kiosk_seconds=120)
    return ConsentRegistry(notices[0], notices[1:])


def blanks(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("code", OTHERS)
def test_a_translation_is_of_the_same_text(code: str) -> None:
    english, other = read_consent_file(), read_consent_file(consent_file(code))
    assert (other.language, other.version) == (code, english.version)
    assert [(one.id, one.needed) for one in other.purposes] == [(one.id, one.needed) for one in english.purposes]
    rules = [(one.study, one.timestamps, one.kiosk, blanks(one.text)) for one in other.sections]
    assert rules == [(one.study, one.timestamps, one.kiosk, blanks(one.text)) for one in english.sections]
    for mine, theirs in zip(other.sections, english.sections, strict=True):
        assert mine.text.split() != theirs.text.split()
        assert mine.text.count("*") == theirs.text.count("*"), "what is named in italics is a button"


@pytest.mark.parametrize("code", OTHERS)
def test_the_buttons_that_it_names_are_those_of_the_page(code: str) -> None:
    text = " ".join(" ".join(one.text.split()) for one in read_consent_file(consent_file(code)).sections)
    for button in ("Withdraw and delete", "Delete my data", "Privacy"):
        with speaking(code):
            assert f"*{named(button)}*" in text


@pytest.mark.parametrize("code", LANGUAGES)
def test_blanks_are_filled_in_the_language_of_the_text(code: str, registry: ConsentRegistry) -> None:
    with speaking("en" if code == "ja" else "ja"):  # whatever is spoken where it is made
        notices = {one.language: one for one in load_notices(SETTINGS, kiosk_seconds=120)}
    text = notices[code].document
    assert "{" not in text
    assert "tsa.example.org" in text
    assert ("5 minutes after you close the page" in text) == (code == "en")
    assert ("(optional)" in text) == (code == "en")


def test_each_text_has_a_hash_of_its_own_and_the_receipt_says_which(registry: ConsentRegistry) -> None:
    hashes = set()
    for code in LANGUAGES:
        with speaking(code):
            record = registry.grant(f"session-{code}", True)
            record = registry.allow(f"session-{code}", "study", True)
        with speaking("fr" if code != "fr" else "de"):  # the page was switched since
            assert registry.require(f"session-{code}") == record, "it stays valid"
            receipt = registry.receipt(record)
        assert receipt.language == code
        assert receipt.text_sha256 == record.notice_sha256
        assert [one.label in receipt.text for one in receipt.purposes] == [True, True]
        hashes.add(receipt.text_sha256)
    assert len(hashes) == len(LANGUAGES)


def test_a_second_yes_in_another_language_changes_nothing(registry: ConsentRegistry) -> None:
    with speaking("de"):
        record = registry.grant("session-again", True)
    with speaking("ja"):
        assert registry.grant("session-again", True) == record
