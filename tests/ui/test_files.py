"""The private folder: private, and empty when nobody needs it."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

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
    for folder in (*kept[:3], ours, half):
        folder.mkdir()
        (folder / "file").write_text("x")
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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start(temp: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "STUDIO_TEMP_DIR": str(temp)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_stopped_app_leaves_nothing_and_a_taken_port_is_one_sentence(tmp_path: Path, photo_bytes: bytes) -> None:
    port = free_port()
    app = start(tmp_path, port)
    try:
        assert app.stdout is not None
        assert str(port) in app.stdout.readline()
        second = start(tmp_path, port)
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"Port {port} is taken" in errors
        assert "Traceback" not in errors

        photo = tmp_path / "me.jpg"
        photo.write_bytes(photo_bytes)
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        client.headers["x-studio-key"] = client.predict(agreed=True, api_name="/consent")["key"]
        client.predict(photo=handle_file(photo), model="preview", api_name="/portrait")
        assert list(tmp_path.rglob("portraits/*/*.png"))
    finally:
        app.send_signal(signal.SIGTERM)
        app.communicate(timeout=30)
    assert {path.name for path in tmp_path.rglob("*")} == {"me.jpg"}


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "tgkill"), reason="a C library that cannot address a thread")
def test_a_signal_that_reaches_another_thread_stops_the_app_too(tmp_path: Path) -> None:
    port = free_port()
    app = start(tmp_path, port)
    try:
        assert app.stdout is not None
        assert str(port) in app.stdout.readline()
        threads = [int(path.name) for path in Path(f"/proc/{app.pid}/task").iterdir()]
        another = next(thread for thread in threads if thread != app.pid)
        time.sleep(1.0)  # the main thread waits by now
        assert ctypes.CDLL(None).tgkill(app.pid, another, signal.SIGTERM) == 0
        app.communicate(timeout=30)
        assert app.returncode == 0
    finally:
        app.kill()
        app.communicate()
    assert list(tmp_path.rglob("*")) == []
