"""The misuse log: what is in it, what never is, and where it goes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.errors import SettingsError, WordsRefused
from pipelines.safety import misuse
from pipelines.safety.misuse import MisuseLog
from pipelines.safety.policy import default_policy
from pipelines.safety.review import Safety, build_safety
from pipelines.settings import Settings

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WORDS = "my holiday picture as a nude, please"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    with caplog.at_level(logging.INFO):
        yield caplog.messages


def refuse(log: MisuseLog, session: str) -> None:
    with pytest.raises(WordsRefused):
        Safety((default_policy(),), log=log).require_words(WORDS, session)


def test_a_line_says_when_what_kind_and_which_rule(lines: list[str], caplog: pytest.LogCaptureFixture) -> None:
    log = MisuseLog(lambda: NOON)
    refuse(log, "session-one")
    log.too_often("portraits-per-hour", "session-one")
    first, second = (json.loads(line) for line in caplog.messages)
    assert first == {
        "time": "2026-11-24T12:00:00+00:00",
        "event": "words-refused",
        "category": "sexual",
        "reviewer": "prompt-policy",
        "rule": "en/nudity",
        "session": first["session"],
    }
    assert second["event"] == "too-often"
    assert second["rule"] == "portraits-per-hour"
    assert second["session"] == first["session"], "lines of one visit belong together"
    assert all(record.name == "studio.misuse" for record in caplog.records)


def test_nothing_of_the_visitor_is_in_it(caplog: pytest.LogCaptureFixture, lines: list[str]) -> None:
    refuse(MisuseLog(), "session-one")
    text = caplog.text + "".join(repr(record.__dict__) for record in caplog.records)
    for word in (*WORDS.replace(",", "").split(), "session-one"):
        if len(word) > 2:
            assert word not in text, word


def test_the_key_is_new_at_each_start(caplog: pytest.LogCaptureFixture, lines: list[str]) -> None:
    for log in (MisuseLog(), MisuseLog()):
        refuse(log, "session-one")
    one, two = (json.loads(line)["session"] for line in caplog.messages)
    assert one != two
    assert len(one) == 16


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "misuse.jsonl"
    handler = misuse.write_to(path)
    assert misuse.write_to(path) is handler, "two studios of one process write each line once"
    yield path
    misuse.log.removeHandler(handler)
    handler.close()


def test_the_file_holds_one_object_a_line_and_is_private(file: Path) -> None:
    log = MisuseLog()
    for _ in range(3):
        refuse(log, "session-one")
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [row["rule"] for row in rows] == ["en/nudity"] * 3
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_file_is_rotated_and_old_ones_go(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = misuse.write_to(file)
    monkeypatch.setattr(handler, "maxBytes", 2000)
    log = MisuseLog()
    for number in range(200):
        log.too_often("portraits-per-minute", f"session-{number}")
    files = sorted(file.parent.glob("misuse.jsonl*"))
    assert len(files) == 1 + misuse.BACKUPS
    assert all(one.stat().st_size <= 2000 for one in files)
    assert all(one.stat().st_mode & 0o777 == 0o600 for one in files)


def test_a_file_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="STUDIO_MISUSE_LOG"):
        build_safety(Settings(misuse_log=tmp_path / "no such folder" / "misuse.jsonl"))
