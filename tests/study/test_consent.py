"""A yes is the value True, for one session, for one text, for the purposes that were ticked."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from pipelines.errors import ConsentMissing, RequestInvalid
from study.consent import ConsentRegistry, Receipt
from study.notice import load_notice
from study.settings import OperatorSettings, StudyTerms

NOT_TRUE = [False, None, 1, 1.0, "true", "false", "True", [True], {"agreed": True}, object()]
STUDY = OperatorSettings("Ada Example.", StudyTerms(Path("unused"), "How faithful are they?", date(2099, 1, 1)))


@pytest.fixture
def registry() -> ConsentRegistry:
    """Of a studio in which a study is running."""
    return ConsentRegistry(load_notice(STUDY))


def test_grant_require_withdraw(registry: ConsentRegistry) -> None:
    with pytest.raises(ConsentMissing):
        registry.require("session-a")
    record = registry.grant("session-a", True)
    assert registry.require("session-a") == record
    assert registry.grant("session-a", True) == record, "a second click is no second consent"
    assert record.notice_sha256 == registry.notice.sha256
    with pytest.raises(ConsentMissing):
        registry.require("session-b")
    assert registry.withdraw("session-a") is True
    assert registry.withdraw("session-a") is False
    with pytest.raises(ConsentMissing):
        registry.require("session-a")
    assert registry.grant("session-a", True).id != record.id


@pytest.mark.parametrize("agreed", NOT_TRUE)
def test_only_true_is_a_yes(registry: ConsentRegistry, agreed: object) -> None:
    with pytest.raises(ConsentMissing, match="Tick the consent box"):
        registry.grant("session-a", agreed)
    with pytest.raises(ConsentMissing):
        registry.require("session-a")


@pytest.mark.parametrize("session", [None, "", "abc"])
def test_a_yes_needs_a_session(session: str | None) -> None:
    with pytest.raises(ConsentMissing):
        ConsentRegistry().grant(session, True)


def test_where_there_is_no_room_newcomers_wait_and_nobody_loses_a_consent(registry: ConsentRegistry) -> None:
    for number in range(10_000):
        registry.grant(f"session-{number}", True)
    with pytest.raises(ConsentMissing, match="again in an hour"):
        registry.grant("session-new", True)
    assert registry.require("session-0") == registry.grant("session-0", True)
    registry.withdraw("session-4711")
    assert registry.grant("session-new", True)
    assert registry.is_full


def test_each_purpose_is_ticked_for_itself(registry: ConsentRegistry) -> None:
    assert registry.grant("session-a", True).purposes == ("portraits",)
    assert registry.allow("session-a", "examples", True).purposes == ("portraits", "examples")
    both = registry.allow("session-a", "study", True)
    assert both.purposes == ("portraits", "study", "examples")
    assert both.changed_at is not None
    assert registry.allow("session-a", "study", True) == both, "nothing changed, so neither did the time"
    assert registry.allow("session-a", "examples", False).purposes == ("portraits", "study")
    registry.withdraw("session-a")
    assert registry.grant("session-a", True).purposes == ("portraits",), "a new yes begins with nothing ticked"


@pytest.mark.parametrize("agreed", NOT_TRUE)
def test_only_true_ticks_a_purpose_and_all_else_takes_it_back(registry: ConsentRegistry, agreed: object) -> None:
    registry.grant("session-a", True)
    assert registry.allow("session-a", "study", agreed).purposes == ("portraits",)
    registry.allow("session-a", "study", True)
    assert registry.allow("session-a", "study", agreed).purposes == ("portraits",)


@pytest.mark.parametrize("purpose", ["portraits", "sell", "", None, ["study"], {"id": "study"}, 1])
def test_what_is_not_offered_cannot_be_ticked(registry: ConsentRegistry, purpose: object) -> None:
    registry.grant("session-a", True)
    with pytest.raises(RequestInvalid):
        registry.allow("session-a", purpose, True)
    assert registry.require("session-a").purposes == ("portraits",)


def test_without_a_study_there_is_nothing_more_to_tick() -> None:
    registry = ConsentRegistry()
    registry.grant("session-a", True)
    with pytest.raises(RequestInvalid):
        registry.allow("session-a", "study", True)


def test_no_purpose_without_the_needed_one(registry: ConsentRegistry) -> None:
    with pytest.raises(ConsentMissing):
        registry.allow("session-a", "study", True)


def test_a_receipt_proves_what_was_agreed_to_and_names_nobody(registry: ConsentRegistry) -> None:
    record = registry.grant("session-of-this-visitor", True)
    record = registry.allow("session-of-this-visitor", "study", True)
    receipt = registry.receipt(record)
    text = receipt.model_dump_json()
    assert Receipt.model_validate_json(text) == receipt
    assert hashlib.sha256(receipt.text.encode()).hexdigest() == receipt.text_sha256 == registry.notice.sha256
    assert receipt.text_version == registry.notice.version
    assert receipt.granted_at.utcoffset().total_seconds() == 0
    assert [purpose.id for purpose in receipt.purposes] == ["portraits", "study"]
    assert all(purpose.label in receipt.text for purpose in receipt.purposes)
    assert receipt.withdrawn_at is None
    assert "session-of-this-visitor" not in text
    assert set(Receipt.model_fields) == {
        "kind", "id", "granted_at", "changed_at", "withdrawn_at", "purposes", "operator", "text_version",
        "text_sha256", "language", "text",
    }, "whoever adds a field asks whether it identifies somebody"  # fmt: skip
    withdrawn = registry.receipt(record, withdrawn=True)
    assert withdrawn.withdrawn_at is not None
    assert withdrawn.withdrawn_at >= receipt.granted_at


def test_receipt_numbers_find_their_record_and_cannot_be_guessed(registry: ConsentRegistry) -> None:
    numbers = {registry.grant(f"session-{n}", True).id for n in range(50)}
    assert len(numbers) == 50
    assert all(len(number) == 32 for number in numbers)
    record = registry.require("session-7")
    assert registry.by_number(record.id) == record
    assert registry.by_number("0" * 32) is None
    registry.withdraw("session-7")
    assert registry.by_number(record.id) is None
