"""Files of programs: under names that nobody guesses, and gone within a minute where nobody comes for them."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

import app
from ui.uploads import UNREAD_SECONDS, Uploads


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path)


def test_a_name_says_nothing_of_the_file_and_no_two_are_the_same(uploads: Uploads) -> None:
    paths = {uploads.take("session-1", b"the same", "Aunt Erna.JPG") for _ in range(20)}
    assert len(paths) == 20
    for path in paths:
        assert "Erna" not in str(path)
        assert "session-1" not in str(path)
        assert hashlib.sha256(b"the same").hexdigest() not in str(path)
        assert path.suffix == ".jpg"
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert set(uploads.files("session-1")) == paths
    assert uploads.files("session-2") == []


@pytest.mark.parametrize(
    "name", ["", "../../x", "a.jpg/../../b", "x.exe\0.jpg", "n." + "x" * 300, ".bashrc", "a.ß", "CON"]
)
def test_no_name_leads_out_of_the_folder(uploads: Uploads, tmp_path: Path, name: str) -> None:
    path = uploads.take("session-1", b"x", name)
    assert path.parent.parent == tmp_path / "uploads"
    assert path.read_bytes() == b"x"


def test_what_nobody_reads_is_gone_within_a_minute(uploads: Uploads, tmp_path: Path) -> None:
    assert UNREAD_SECONDS + app.SWEEP_SECONDS <= 60, "what is promised"
    uploads.take("session-1", b"x", "a.jpg")
    uploads.sweep(time.time() + UNREAD_SECONDS - 5)
    assert len(uploads.files("session-1")) == 1
    uploads.sweep(time.time() + UNREAD_SECONDS + 5)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_removing_takes_the_copies_along_and_leaves_the_others(uploads: Uploads, tmp_path: Path) -> None:
    mine, other = uploads.take("session-1", b"x", "a.jpg"), uploads.take("session-1", b"x", "a.jpg")
    copy = tmp_path / hashlib.sha256(b"x").hexdigest() / mine.name
    copy.parent.mkdir()
    copy.write_bytes(b"x")
    uploads.remove(mine)
    uploads.remove(mine)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]
    uploads.forget("session-1")
    assert not other.exists()
