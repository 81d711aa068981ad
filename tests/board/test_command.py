"""python -m pipelines.board, as one types it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from pipelines.board.__main__ import main
from pipelines.provenance import marking
from tests.board.conftest import SAID_YES, toml
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("small_pictures")  # but those of a process of its own

BOARD = {"title": "Team", "styles": ["film-noir", "charcoal"], "engines": ["preview"]}
PHOTO = {"file": "me.png", "consent": SAID_YES}


@pytest.fixture
def place(tmp_path: Path, face_photo: Image.Image) -> Path:
    (tmp_path / "photos").mkdir()
    face_photo.save(tmp_path / "photos" / "me.png")
    (tmp_path / "board.toml").write_text(toml(BOARD, [PHOTO]))
    return tmp_path


def command(place: Path, *options: str) -> list[str]:
    return [str(place / "board.toml"), str(place / "photos"), "--out", str(place / "out"), *options]


def test_a_dry_run_counts_and_makes_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(place, "--dry-run")) == 0
    said = capsys.readouterr().out
    assert "2 portraits, 0 of them there, 2 to make" in said
    assert "unknown" in said
    assert "MB" in said
    assert not (place / "out").exists()


def test_letters_that_no_font_has_are_told_before_the_start(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "board.toml").write_text(toml({**BOARD, "title": "Team \ue4c8"}, [PHOTO]), "utf-8")
    assert main(command(place, "--dry-run")) == 0
    assert "This machine has no font for \ue4c8: in a PNG sheet" in capsys.readouterr().out


def test_the_command_makes_a_board_tells_steps_and_exports_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(place, "--export", "pptx,pdf,png,zip")) == 0
    shown = capsys.readouterr()
    names = [Path(line).name for line in shown.out.split()]
    assert names == ["team.pptx", "team.pdf", "team-sheet.png", "team.zip"]
    assert re.search(r"\[[12] of 2\] me, charcoal, none, preview, likeness 0.5, seed 0: step 1 of ", shown.err)
    assert marking.check(place / "out" / "team-sheet.png").state == "intact"
    assert main(command(place)) == 0
    assert "All 2 portraits of this board are there." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "options", "word"),
    [
        ("styles = 1", (), "not valid"),
        (toml({**BOARD, "styles": ["mona-lisa"]}, [PHOTO]), (), "styles.1"),
        (toml(BOARD, [{"file": "me.png"}]), (), "photos.1.consent"),
        (toml({**BOARD, "words": "a naked woman"}, [PHOTO]), (), "It is about"),
        (toml(BOARD, [PHOTO]), ("--export", "docx"), "docx"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    place: Path, capsys: pytest.CaptureFixture[str], text: str, options: tuple[str, ...], word: str
) -> None:
    (place / "board.toml").write_text(text)
    if word == "not valid":
        (place / "board.toml").write_text("styles = [")
    assert main(command(place, *options)) == 1
    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error
    assert not (place / "out").exists()


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(place: Path) -> None:
    styles = ["film-noir", "charcoal", "comic", "oil-master", "pastel", "mosaic", "storybook"]
    (place / "board.toml").write_text(toml({**BOARD, "styles": styles}, [PHOTO]))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.board", *command(place)],
        cwd=ROOT,
        env=os.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        cells = place / "out" / "cells"
        deadline = time.monotonic() + 120
        while not (cells.is_dir() and list(cells.glob("*.json"))) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert not (place / "out" / ".making").exists()
    there = len(list(cells.glob("*.json")))
    assert 1 <= there < len(styles)
    assert len(list(cells.glob("*.png"))) == there
