"""The private folder: private, and empty when nobody needs it."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.errors import SaveError
from visits.folder import PrivateFolder

ROOT = Path(__file__).resolve().parents[2]


def test_only_the_owner_may_look_inside(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.remove()
    folder.remove()
    assert not folder.path.exists()


def test_leftovers_of_the_dead_go_and_files_of_the_living_stay(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from visits.folder import PrivateFolder;"
        f"f = PrivateFolder(Path({str(tmp_path)!r})); (f.path / 'photo.jpg').write_text('x');"
        "print(f.path, flush=True); os._exit(9)"  # as SIGKILL does: no exit handler runs
    )
    dead = Path(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout.strip())
    assert (dead / "photo.jpg").exists()
    first = PrivateFolder(tmp_path)
    assert not dead.exists()
    (first.path / "photo.jpg").write_text("x")
    second = PrivateFolder(tmp_path)
    assert (first.path / "photo.jpg").exists()
    first.remove()
    second.remove()


def test_age_empties_it(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    old, new = folder.path / "a" / "old.jpg", folder.path / "b" / "new.jpg"
    for file in (old, new):
        file.parent.mkdir()
        file.write_text("x")
    hour_ago = time.time() - 3600
    for path in (old, old.parent):
        os.utime(path, (hour_ago, hour_ago))
    folder.purge_older_than(1800)
    assert not old.exists()
    assert new.exists()
    folder.remove()


def test_a_folder_that_cannot_be_made_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SaveError, match="STUDIO_TEMP_DIR") as refused:
        PrivateFolder(tmp_path / "file" / "below")
    assert str(tmp_path) not in refused.value.hint


def test_nothing_of_somebody_else_s_is_taken_for_a_leftover(tmp_path: Path) -> None:
    """STUDIO_TEMP_DIR may name a folder that others use, too: it once lost every folder that was a minute old."""
    kept = [tmp_path / "letters", tmp_path / "studio-notes", tmp_path / "0123456789abcdef", tmp_path / "apt.lock"]
    ours, half = tmp_path / "studio-0123456789abcdef", tmp_path / "studio-1123456789abcdef.gone"
    orphan = tmp_path / "studio-fedcba9876543210.lock"
    for place in (*kept[:3], ours, half):
        place.mkdir()
        (place / "file").write_text("x")
    hour_ago = time.time() - 3600
    for path in (*kept[:3], ours):
        os.utime(path, (hour_ago, hour_ago))
    kept[3].write_text("")
    orphan.write_text("")
    folder = PrivateFolder(tmp_path)
    assert all(path.exists() for path in kept)
    assert not ours.exists()
    assert not half.exists()
    assert not orphan.exists()
    folder.remove()


def test_what_is_being_saved_while_the_folder_goes_does_not_keep_it(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    folder.portraits.mkdir()

    def save() -> None:
        with contextlib.suppress(FileNotFoundError):
            for number in itertools.count():
                (folder.portraits / f"{number}.png").write_text("x")

    writer = threading.Thread(target=save)
    writer.start()
    while not any(folder.portraits.iterdir()):
        pass
    folder.remove()
    writer.join()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_comes_while_the_folder_is_emptied_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder was found by its old name, and then had another one."""
    folder, empty, late = PrivateFolder(tmp_path), shutil.rmtree, iter(["late.png"])

    def emptied(path: Path, ignore_errors: bool = False) -> None:
        empty(path, ignore_errors)
        for name in late:
            path.mkdir()
            (path / name).write_text("x")

    monkeypatch.setattr(shutil, "rmtree", emptied)
    folder.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("numbers", [["SIGHUP"], ["SIGTERM", "SIGINT"], ["SIGINT"] * 5])
def test_every_polite_way_to_stop_clears_up(tmp_path: Path, numbers: list[str]) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from visits.folder import PrivateFolder; from web.process import stop_on_signals\n"
        f"stop_on_signals(); f = PrivateFolder(Path({str(tmp_path)!r}))\n"
        "for i in range(2000): (f.path / str(i)).write_text('x')\n"
        "try:\n    print('ready', flush=True)\n    while True: time.sleep(0.5)\n"
        "except KeyboardInterrupt:\n    f.remove(); print('cleared', flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for number in numbers:
            process.send_signal(signal.Signals[number])
        assert process.stdout.read() == "cleared\n"
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
