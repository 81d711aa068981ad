"""Copies for a study: only what is allowed, findable by receipt number, and really deleted."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipelines.errors import SaveError
from pipelines.schema import Consent
from study.archive import PortraitArchive

LATER = date(2099, 1, 1)


def consent(number: str = "a" * 32, *purposes: str) -> Consent:
    return Consent(
        id=number,
        session="session-1",
        granted_at=datetime.now(UTC),
        notice_version="1",
        notice_sha256="0" * 64,
        purposes=("portraits", *purposes),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "study"


@pytest.fixture
def archive(folder: Path) -> PortraitArchive:
    return PortraitArchive(folder, LATER)


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "comic-none-seed7-123.png"
    path.write_bytes(b"the marked bytes")
    return path


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_without_a_purpose_that_allows_it_nothing_is_kept(
    archive: PortraitArchive, folder: Path, portrait: Path
) -> None:
    assert archive.keep(consent(), portrait) is None
    assert list(folder.iterdir()) == []


def test_a_copy_is_byte_for_byte_private_and_has_its_paper(
    archive: PortraitArchive, folder: Path, portrait: Path
) -> None:
    copy = archive.keep(consent("b" * 32, "study"), portrait)
    assert copy is not None
    assert copy.path.read_bytes() == b"the marked bytes"
    assert portrait.stem not in copy.path.name
    assert len(copy.path.stem) == 32
    assert copy.path.parent == folder / ("b" * 32)
    assert copy.path.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files(folder)} == {0o600}
    paper = json.loads(copy.path.with_suffix(".json").read_text())
    assert paper["receipt"] == "b" * 32
    assert paper["purposes"] == ["study"]
    assert paper["delete_after"] == "2099-01-01"
    assert "session" not in paper
    assert archive.copies("b" * 32) == [copy]
    assert len(files(folder)) == 2


def test_deleting_a_receipt_leaves_no_trace_and_nobody_elses_goes(
    archive: PortraitArchive, folder: Path, portrait: Path
) -> None:
    mine, other = consent("c" * 32, "study"), consent("d" * 32, "examples")
    for _ in range(3):
        archive.keep(mine, portrait)
    kept = archive.keep(other, portrait)
    assert archive.delete(mine.id) == 3
    assert archive.delete(mine.id) == 0
    assert not (folder / mine.id).exists()
    assert archive.copies(other.id) == [kept]


@pytest.mark.parametrize("number", ["", ".", "..", "../study", "*", "c" * 31, "C" * 32, "c" * 32 + "/..", "\0"])
def test_what_is_no_receipt_number_touches_nothing(
    archive: PortraitArchive, folder: Path, portrait: Path, number: str
) -> None:
    archive.keep(consent("c" * 32, "study"), portrait)
    before = files(folder)
    assert archive.delete(number) == 0
    assert archive.copies(number) == []
    assert files(folder) == before


def test_a_purpose_taken_back_takes_what_only_it_allowed(
    archive: PortraitArchive, folder: Path, portrait: Path
) -> None:
    number = "e" * 32
    archive.keep(consent(number, "study"), portrait)
    archive.keep(consent(number, "examples"), portrait)
    archive.keep(consent(number, "study", "examples"), portrait)
    assert archive.restrict(consent(number, "study", "examples")) == 0
    assert archive.restrict(consent(number, "study")) == 1
    assert [copy.paper.purposes for copy in archive.copies(number)] == [("study",), ("study",)]
    assert archive.restrict(consent(number)) == 2
    assert list(folder.iterdir()) == []


def test_after_the_last_day_everything_goes_and_nothing_more_is_kept(folder: Path, portrait: Path) -> None:
    archive = PortraitArchive(folder, date(2099, 1, 1))
    archive.keep(consent("a" * 32, "study"), portrait)
    archive.purge(date(2099, 1, 1))
    assert len(files(folder)) == 2
    archive.purge(date(2099, 1, 2))
    assert list(folder.iterdir()) == []
    over = PortraitArchive(folder, date(2020, 1, 1))
    assert over.keep(consent("a" * 32, "study"), portrait) is None


def test_an_earlier_last_day_counts_for_what_is_there_already(folder: Path, portrait: Path) -> None:
    PortraitArchive(folder, LATER).keep(consent("a" * 32, "study"), portrait)
    PortraitArchive(folder, date(2030, 1, 1)).purge(date(2030, 1, 2))
    assert list(folder.iterdir()) == []


def test_the_papers_are_read_once_an_hour_and_on_each_new_day(
    archive: PortraitArchive, folder: Path, portrait: Path
) -> None:
    kept = archive.keep(consent("a" * 32, "study"), portrait)
    assert kept is not None
    stray, day = kept.path.with_name("0123.png"), date(2098, 12, 31)
    for now, today, purged in (
        (50.0, day, True),
        (60.0, day, False),
        (3640.0, day, False),
        (3650.0, day, True),
        (3660.0, LATER, True),
        (3670.0, LATER, False),
    ):
        stray.write_bytes(b"left by a crash")
        archive.sweep(now, today)
        assert stray.exists() != purged, (now, today)
    archive.sweep(3680.0, date(2099, 1, 2))
    assert list(folder.iterdir()) == []


def test_what_cannot_be_deleted_is_told_and_keeps_nothing_else(
    archive: PortraitArchive, folder: Path, portrait: Path
) -> None:
    for number in ("a", "b", "c"):
        archive.keep(consent(number * 32, "study"), portrait)
    stuck = folder / ("b" * 32) / "a-folder-of-somebody-else"
    stuck.mkdir()
    with pytest.raises(SaveError, match="STUDIO_STUDY_FOLDER"):
        archive.purge(date(2099, 1, 2))
    assert [*folder.rglob("*")] == [stuck.parent, stuck]
    stuck.rmdir()
    archive.purge(date(2099, 1, 2))
    assert list(folder.iterdir()) == []


def test_a_copy_without_its_paper_goes_and_the_operators_own_files_stay(
    archive: PortraitArchive, folder: Path, portrait: Path
) -> None:
    number = "f" * 32
    kept = archive.keep(consent(number, "study"), portrait)
    assert kept is not None
    (folder / number / "0123.png").write_bytes(b"left by a crash")
    (folder / number / "4567.json").write_text("{}")
    (folder / "notes.txt").write_text("the operator's")
    (folder / "analysis").mkdir()
    archive.purge()
    assert sorted(path.name for path in (folder / number).iterdir()) == sorted(
        [kept.path.name, kept.path.with_suffix(".json").name]
    )
    assert (folder / "notes.txt").exists()
    assert (folder / "analysis").exists()


def test_a_portrait_that_cannot_be_copied_leaves_nothing_half(archive: PortraitArchive, folder: Path) -> None:
    with pytest.raises(SaveError, match="portrait itself is yours"):
        archive.keep(consent("a" * 32, "study"), folder / "not-there.png")
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SaveError, match="STUDIO_STUDY_FOLDER"):
        PortraitArchive(tmp_path / "file" / "below", LATER)
