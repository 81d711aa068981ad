"""python -m pipelines, as one types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import contact_sheet
from pipelines.__main__ import main
from pipelines.faithfulness import words
from pipelines.photo.opening import open_photo
from pipelines.provenance import marking
from tests.support.drawings import drawn_face, person, side_by_side
from tests.support.sweeps import sweep

pytestmark = pytest.mark.usefixtures("small_pictures")  # but those of a process of its own

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def photo_file(tmp_path: Path, face_photo: Image.Image) -> Path:
    path = tmp_path / "me.jpg"
    face_photo.save(path)
    return path


@pytest.mark.slow
def test_the_documented_command_makes_portraits(photo_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipelines", str(photo_file), "--style", "oil-master", "--scene", "orbit"]
    command += ["--seed", "7", "-n", "2", "--out", str(tmp_path / "out"), "--model", "preview"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    files = [Path(line) for line in result.stdout.split()]
    assert [path.parent for path in files] == [tmp_path / "out"] * 2
    assert all("oil-master-orbit-seed" in path.name for path in files)
    assert all(Image.open(path).size[0] >= 512 for path in files)
    assert "step" in result.stderr
    told = [line for line in result.stderr.splitlines() if "was kept." in line or "than in the photo." in line]
    assert len(told) == 2, "each portrait is told how much of the person is left"


def test_a_warning_of_the_meter_is_printed_under_its_portrait(
    photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for threshold in ("EYES_LARGER", "JAW_NARROWER", "NOSE_NARROWER"):
        monkeypatch.setattr(words, threshold, 1e-9)  # the least change is now too much
    command = [str(photo_file), "--style", "golden-hour", "--model", "preview", "--seed", "3"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    assert "Warning: This picture made the " in shown.err
    assert "Warning" not in shown.out


def test_painted_after_a_picture_of_ones_own(
    photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    painting = tmp_path / "painting.png"
    Image.effect_mandelbrot((300, 200), (-2, -1, 1, 1), 60).convert("RGB").save(painting)
    command = [str(photo_file), "--style", "own-picture", "--model", "preview", "--out", str(tmp_path / "out")]
    assert main([*command, "--style-picture", str(painting)]) == 0
    path = Path(capsys.readouterr().out.split()[-1])
    assert marking.read(path).facts["StyleSource"] == "in the style of a picture that the visitor gave"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--style", "mona-lisa"], "style"),
        (["--style", "own-picture"], "give one"),
        (["--style", "own-picture", "--style-picture", "no-such-file.png"], "did not arrive"),
        (["--seed", "-3"], "seed"),
        (["-n", "9"], "variations"),
        (["--likeness", "7"], "likeness"),
        (["--model", "sdxl-lightning"], "download"),
        (["--face", "4"], "no face 4"),
        (["--turn", "45"], "90, 180 or 270"),
        (["--mark", "here"], "three numbers"),
        (["--mark", "50,40,20", "--face", "1"], "not both"),
        (["--prompt", "x" * 1000], "words"),
    ],
)
def test_a_wrong_word_is_one_sentence(
    photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    assert main([str(photo_file), "--out", str(tmp_path / "out"), *arguments]) == 1
    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_drawing_is_asked_about_and_taken_when_it_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn_face(300).save(tmp_path / "logo.png")
    command = [str(tmp_path / "logo.png"), "--style", "comic", "--model", "preview", "--out", str(tmp_path / "out")]
    assert main(command) == 1
    assert "--face 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*command, "--face", "1"]) == 0
    assert Path(capsys.readouterr().out.strip()).exists()


@pytest.mark.slow
def test_hints_and_refusals_are_those_of_the_face_that_was_chosen(
    face_photo: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever was chosen, the shell told of the first face, and made portraits of 40 pixels."""
    side_by_side(person(face_photo, 200), person(face_photo, 45)).save(tmp_path / "two.png")
    command = [str(tmp_path / "two.png"), "--style", "comic", "--model", "preview", "--out", str(tmp_path / "out")]
    assert len(open_photo(tmp_path / "two.png").faces) == 2
    assert main([*command, "--face", "2"]) == 1
    assert "very small" in capsys.readouterr().err
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "--face 2" in told
    assert "lick" not in told
    assert "small" not in told


def test_a_photo_on_its_head_is_turned_and_a_face_marked_as_was_said(
    face_photo: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    face_photo.rotate(180).save(tmp_path / "head.png")
    command = [str(tmp_path / "head.png"), "--style", "comic", "--model", "preview", "--out", str(tmp_path / "out")]
    assert main(command) == 1
    assert "--turn 180" in capsys.readouterr().err
    assert main([*command, "--turn", "180", "--mark", "44,25,20"]) == 0
    shown = capsys.readouterr()
    with Image.open(shown.out.strip()) as portrait:
        assert open_photo(portrait).turn == 0
    assert "was kept." in shown.err or "than in the photo." in shown.err


@pytest.mark.slow
def test_after_the_last_seed_comes_the_first(photo_file: Path, tmp_path: Path) -> None:
    command = [str(photo_file), "--model", "preview", "--style", "film-noir", "--seed", "4294967295", "-n", "2"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    names = " ".join(path.name for path in (tmp_path / "out").glob("*.png"))
    assert "seed4294967295" in names
    assert "seed0-" in names


@pytest.mark.parametrize("arguments", sweep([[], ["--face", "4"], ["--face", "-2"]], 1))
def test_the_shell_speaks_of_what_can_be_done_there(
    face_photo: Image.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    pair = Image.new("RGB", (1024, 512))
    pair.paste(face_photo, (0, 0))
    pair.paste(face_photo, (512, 0))
    pair.save(tmp_path / "us.png")
    main([str(tmp_path / "us.png"), "--out", str(tmp_path / "out"), "--model", "preview", *arguments])
    said = capsys.readouterr().err.lower()
    assert said
    assert [word for word in ("click", "tap ", "tick", "button", "box") if word in said] == []


def test_a_photo_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "me.jpg").write_text("no")
    assert main([str(tmp_path / "me.jpg")]) == 1
    assert "not a picture" in capsys.readouterr().err


def test_list_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    shown = capsys.readouterr().out
    for word in ("oil-master", "orbit", "preview", "sd15-lcm"):
        assert word in shown


@pytest.mark.slow
def test_a_contact_sheet_is_marked_as_portraits_are(face_photo: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    face_photo.save(tmp_path / "people" / "eileen.jpg")
    arguments = [str(tmp_path / "people"), "--styles", "charcoal,comic", "--out", str(tmp_path / "sheet.png")]
    assert contact_sheet.main(arguments) == 0
    report = marking.check(tmp_path / "sheet.png")
    assert (report.state, report.is_ours, report.watermark) == ("intact", True, "filter")
