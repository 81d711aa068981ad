"""A yes is the value True, for one session, for one text."""

from __future__ import annotations

import hashlib

import pytest

from pipelines.errors import ConsentMissing
from study.consent import ConsentNotice, ConsentRegistry


def test_grant_require_withdraw() -> None:
    registry = ConsentRegistry()
    with pytest.raises(ConsentMissing):
        registry.require("session-a")
    record = registry.grant("session-a", True)
    assert registry.require("session-a") == record
    assert record.notice_sha256 == registry.notice.sha256
    with pytest.raises(ConsentMissing):
        registry.require("session-b")
    assert registry.withdraw("session-a") is True
    assert registry.withdraw("session-a") is False
    with pytest.raises(ConsentMissing):
        registry.require("session-a")


@pytest.mark.parametrize("agreed", [False, None, 1, 1.0, "true", "false", "True", [True], {"agreed": True}, object()])
def test_only_true_is_a_yes(agreed: object) -> None:
    registry = ConsentRegistry()
    with pytest.raises(ConsentMissing, match="Tick the consent box"):
        registry.grant("session-a", agreed)
    with pytest.raises(ConsentMissing):
        registry.require("session-a")


@pytest.mark.parametrize("session", [None, "", "abc"])
def test_a_yes_needs_a_session(session: str | None) -> None:
    with pytest.raises(ConsentMissing):
        ConsentRegistry().grant(session, True)


def test_the_hash_is_of_what_was_read() -> None:
    notice = ConsentNotice()
    assert notice.sha256 == hashlib.sha256(f"{notice.summary}\n\n{notice.text}".encode()).hexdigest()


def test_many_sessions_do_not_fill_the_memory() -> None:
    registry = ConsentRegistry()
    for number in range(10_050):
        registry.grant(f"session-{number}", True)
    with pytest.raises(ConsentMissing):
        registry.require("session-0")
    assert registry.require("session-10049")
