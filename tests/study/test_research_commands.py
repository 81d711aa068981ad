"""Commands for researchers, by way of `python -m study`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from study.__main__ import main
from study.export.check import problems
from study.identity import Identity
from study.plan.freezing import FrozenStudy
from study.researchers import Researchers
from study.store.database import Database, sqlite_url
from study.store.store import StudyStore
from tests.support.studies import take_part

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def kept(tmp_path: Path, url: str, frozen: FrozenStudy, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's folder with two people in it; their answers are there, or on PostgreSQL."""
    folder = tmp_path / "kept"
    identity = Identity.of_folder(folder)
    is_server = url.startswith("postgresql")
    store = StudyStore(Database(url if is_server else sqlite_url(folder)), folder, identity)
    store.register(frozen)
    for number in range(2):
        take_part(store, frozen, f"code {number}")
    store.database.close()
    monkeypatch.setenv("STUDIO_STUDIES_FOLDER", str(folder))
    monkeypatch.setenv("STUDY_DATABASE_URL", url if is_server else "")
    return folder


def test_an_account_is_made_from_a_password_on_stdin(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a password that is long\n"))
    assert main(["researcher", "anna"]) == 0
    said = capsys.readouterr()
    assert "STUDY_RESEARCHERS" in said.err
    assert Researchers(said.out.strip()).knows("anna", "a password that is long")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["researcher", "anna"]) == 1


@pytest.mark.slow  # tests/web/test_research.py hands the same files out
def test_export_and_report(kept: Path, tmp_path: Path, capsys: Captured) -> None:
    assert main(["export", "small", "--out", str(tmp_path / "data")]) == 0
    assert problems(tmp_path / "data") == ()
    assert main(["report", "small", "--out", str(tmp_path / "report")]) == 0
    report = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "2 participants consented and are in the data; 2 of them are in the main analysis." in report
    assert (tmp_path / "report" / "ethics.pdf").read_bytes().startswith(b"%PDF")


def test_a_study_that_never_ran_is_named(kept: Path, tmp_path: Path, capsys: Captured) -> None:
    assert main(["export", "other", "--out", str(tmp_path / "data")]) == 1
    assert "No such study has run here" in capsys.readouterr().err
    assert main(["report", "small", "--version", "9", "--out", str(tmp_path / "data")]) == 1
    assert "there are the versions 1" in capsys.readouterr().err


def test_a_simulation_without_a_studio_says_so(kept: Path, tmp_path: Path, capsys: Captured) -> None:
    path = str(tmp_path / "studies" / "small.toml")
    assert main(["simulate", path, "-n", "1", "--url", "http://127.0.0.1:9"]) == 1
    assert "does not answer" in capsys.readouterr().err
