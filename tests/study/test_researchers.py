"""Researchers' passwords: only hashes are kept, and nothing gets in by default."""

from __future__ import annotations

import pytest

from pipelines.errors import SettingsError
from study.researchers import Researchers, entry

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def anna() -> str:
    return entry("anna", PASSWORD)


def test_an_entry_lets_its_owner_in_and_nobody_else(anna: str) -> None:
    people = Researchers(f"{anna} {entry('ben@lab.example', 'another long password')}")
    assert people.knows("anna", PASSWORD)
    assert people.knows("ben@lab.example", "another long password")
    assert not people.knows("anna", "another long password")
    assert not people.knows("anna", "")
    assert not people.knows("carl", PASSWORD)


def test_the_password_stands_nowhere_and_the_salt_is_new_each_time(anna: str) -> None:
    assert "correct" not in anna
    assert entry("anna", PASSWORD) != anna


def test_without_the_setting_nobody_gets_in() -> None:
    nobody = Researchers("")
    assert not nobody
    assert not nobody.knows("", "")
    assert not nobody.knows("admin", "admin")


@pytest.mark.parametrize("name", ["", "a b", "a=b", "x" * 61, "ü"])
def test_a_name_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="name"):
        entry(name, PASSWORD)


def test_a_short_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="12"):
        entry("anna", "short")


@pytest.mark.parametrize("broken", ["anna", "anna=", "anna=plain", "anna=scrypt.1.1.1.x.y", "anna=scrypt.15.8.1.."])
def test_a_broken_setting_stops_the_start(broken: str) -> None:
    with pytest.raises(SettingsError, match="STUDY_RESEARCHERS"):
        Researchers(broken)


def test_the_same_name_twice_is_refused(anna: str) -> None:
    with pytest.raises(SettingsError):
        Researchers(f"{anna},{anna}")
