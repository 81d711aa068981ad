"""Files of programs: under names that nobody guesses, and gone within a minute where nobody comes for them."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

import app
from pipelines.errors import TooOften
from visits.uploads import MAX_UNREAD_BYTES, MAX_UNREAD_FILES, UNREAD_SECONDS, Uploads
from web.gradio_seams import cached_copies


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path, cached_copies)


def test_a_name_says_nothing_of_the_file_and_no_two_are_the_same(uploads: Uploads) -> None:
    paths = {uploads.take(f"session-{number // 2}", b"the same", "Aunt Erna.JPG") for number in range(20)}
    assert len({path.name for path in paths}) == len(paths) == 20
    for path in paths:
        assert "Erna" not in str(path)
        assert "session-" not in str(path)
        assert hashlib.sha256(b"the same").hexdigest() not in str(path)
        assert path.suffix == ".jpg"
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {path for number in range(10) for path in uploads.files(f"session-{number}")} == paths
    assert uploads.files("session-10") == []


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


def test_of_one_session_two_files_wait_and_a_third_takes_the_place_of_the_oldest(uploads: Uploads) -> None:
    other = uploads.take("session-2", b"x", "a.jpg")
    paths = []
    for _ in range(5):
        paths.append(uploads.take("session-1", b"x", "a.jpg"))
        time.sleep(0.02)  # coarser clocks than this stamp no files
    assert set(uploads.files("session-1")) == set(paths[-2:])
    assert other.exists()


@pytest.mark.slow
def test_all_sessions_together_fill_the_disk_so_far(uploads: Uploads, tmp_path: Path) -> None:
    large = b"\0" * (MAX_UNREAD_BYTES // 16)
    for number in range(16):
        uploads.take(f"session-{number}", large, "a.jpg")
    with pytest.raises(TooOften, match="again in a minute"):
        uploads.take("session-16", b"x", "a.jpg")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) == MAX_UNREAD_BYTES
    uploads.forget("session-3")
    assert uploads.take("session-16", large, "a.jpg").exists()


def test_many_small_files_are_counted_too(uploads: Uploads) -> None:
    for number in range(MAX_UNREAD_FILES):
        uploads.take(f"session-{number}", b"x", "a.jpg")
    with pytest.raises(TooOften):
        uploads.take("one more", b"x", "a.jpg")
    assert uploads.files("one more") == []
