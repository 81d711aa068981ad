"""Cells are made once, in a sensible order, and whatever happens to one harms no other."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from PIL import Image

from pipelines.board import plan as planning
from pipelines.board.runner import Progress
from pipelines.errors import BoardError, EngineFailed, SaveError
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.schema import StepCallback
from tests.board.conftest import STYLES, TWO_PHOTOS, Bench
from tests.support.sweeps import sweep


def keys(bench: Bench, **changes) -> list[str]:
    return [cell.key for cell in bench.cells(bench.board(**changes))]


def test_every_cell_is_a_signed_portrait_with_its_paper(bench: Bench) -> None:
    board = bench.board(scenes=["none", "orbit"])
    outcome = bench.make(board)
    assert (outcome.made, outcome.failed, outcome.left) == (6, 0, 0)
    for cell in bench.cells(board):
        paper = bench.store.paper(cell.key)
        assert paper is not None
        assert (paper.style, paper.scene, paper.engine) == (cell.style, cell.scene, "preview")
        assert paper.sha256 == hashlib.sha256(bench.store.picture(cell.key).read_bytes()).hexdigest()
        assert paper.faithfulness is not None
        assert marking.check(bench.store.picture(cell.key)).state == "intact"
    assert not list(bench.out.rglob("*.part"))
    assert not (bench.out / ".making").exists()


def test_what_is_there_is_not_made_again(bench: Bench) -> None:
    bench.make(bench.board())
    before = {path.name: path.read_bytes() for path in (bench.out / "cells").iterdir()}
    bench.engine.jobs.clear()
    assert bench.make(bench.board()).made == 0
    assert bench.engine.jobs == []
    assert {path.name: path.read_bytes() for path in (bench.out / "cells").iterdir()} == before


def test_a_style_that_is_added_later_is_all_that_is_made(bench: Bench) -> None:
    bench.make(bench.board())
    bench.engine.jobs.clear()
    assert bench.make(bench.board(styles=["charcoal", *STYLES])).made == 1
    assert bench.made() == [("charcoal", "none", 0)]


@pytest.mark.slow
def test_one_cell_is_made_again_where_that_is_asked(bench: Bench) -> None:
    board = bench.board()
    bench.make(board)
    bench.engine.jobs.clear()
    chosen = bench.cells(board)[1]
    assert bench.make(board, only={chosen.key}, again=True).made == 1
    assert bench.made() == [(chosen.style, "none", 0)]
    assert bench.store.state(chosen.key) == "done"


def test_a_key_says_what_is_in_a_picture_and_not_what_it_is_called(bench: Bench, presets: Presets) -> None:
    first = keys(bench)
    (bench.photos_folder / "renamed.png").write_bytes((bench.photos_folder / "eileen.png").read_bytes())
    renamed = [{"file": "renamed.png", "name": "Somebody", "consent": "Somebody else said yes, in another sentence."}]
    assert (
        keys(bench, photos=renamed, title="Another title", notes="Other notes", rows="style", columns="photo") == first
    )
    for changes in (
        {"likeness": [0.6]},
        {"seeds": [1]},
        {"words": "a red scarf"},
        {"label": True},
        {"scenes": ["orbit"]},
        {"shape": "9:16"},
        {"size": "print"},
    ):
        assert not set(keys(bench, **changes)) & set(first), changes
    other = [{**TWO_PHOTOS[0], "file": "other.png"}]
    assert not set(keys(bench, photos=other)) & set(first)


def test_a_board_without_a_shape_keeps_the_cells_that_it_had_before_there_were_shapes(bench: Bench) -> None:
    assert keys(bench) == keys(bench, shape="1:1", size="screen")


def test_a_recipe_that_changed_makes_its_cells_anew(bench: Bench) -> None:
    board = bench.board()
    cells = bench.cells(board)
    comic = board.styles["comic"]

    def with_comic(**changes) -> list[str]:
        board.styles["comic"] = comic.model_copy(update=changes)
        return [cell.key for cell in bench.cells(board)]

    before = [cell.key for cell in cells]
    changed = [old == new for old, new in zip(before, with_comic(preview=comic.preview[1:]), strict=True)]
    assert changed == [True, False, True]
    assert with_comic(summary="Another sentence for the picker.", order=999) == before
    assert "embedded" in comic.overrides
    assert with_comic(overrides={}) == before, "what is meant for another engine changes nothing here"


@pytest.mark.parametrize("damage", sweep(["cut", "other", "no-paper", "foreign-paper", "not-json", "gone"], 2))
def test_a_damaged_or_foreign_file_is_noticed_and_made_again(bench: Bench, damage: str) -> None:
    board = bench.board()
    bench.make(board)
    cell, neighbour = bench.cells(board)[:2]
    picture = bench.store.picture(cell.key)
    paper = picture.with_suffix(".json")
    good = picture.read_bytes()
    match damage:
        case "cut":
            picture.write_bytes(good[:-10])
        case "other":
            picture.write_bytes(bench.store.picture(neighbour.key).read_bytes())
        case "no-paper":
            paper.unlink()
        case "foreign-paper":
            paper.write_bytes(bench.store.picture(neighbour.key).with_suffix(".json").read_bytes())
        case "not-json":
            paper.write_text("{")
        case "gone":
            picture.unlink()
    assert bench.store.state(cell.key) == "damaged"
    found = planning.plan(board, bench.photos(board), bench.store)
    assert "1 are damaged" in found.sentence()
    assert [one.key for one in found.to_make] == [cell.key]
    assert bench.make(board).made == 1
    assert bench.store.state(cell.key) == "done"


@pytest.mark.slow
def test_other_files_in_the_folder_are_left_alone(bench: Bench) -> None:
    (bench.out / "cells").mkdir(parents=True)
    mine = bench.out / "cells" / "holiday.png"
    mine.write_text("mine")
    bench.make(bench.board())
    assert mine.read_text() == "mine"


def test_one_of_each_row_comes_first_and_the_dearest_change_is_outermost(bench: Bench) -> None:
    board = bench.board(photos=TWO_PHOTOS, scenes=["none", "orbit"], rows="style", columns="photo")
    bench.make(board)
    assert bench.made()[:3] == [(style, "none", 0) for style in STYLES], "one of each row"
    order = [(cell.photo, cell.scene, cell.style) for cell in planning.in_order(board, bench.cells(board))]
    rest = order[3:]
    changes = [sum(a[axis] != b[axis] for a, b in itertools.pairwise(rest)) for axis in range(3)]
    assert changes == [1, 2, 8], "what is drawn from a photo is drawn once; styles go round fastest"


def test_engines_are_loaded_once_each(bench: Bench) -> None:
    board = bench.board(photos=TWO_PHOTOS)
    two = board.board.model_copy(update={"engines": ("preview", "absent")})
    info = board.engines["preview"]
    both = type(board)(two, board.styles, board.scenes, {"preview": info, "absent": info}, {}, board.dimensions)
    order = [cell.engine for cell in planning.in_order(both, bench.cells(both))]
    assert sum(a != b for a, b in itertools.pairwise(order)) == 1


def test_all_cells_of_a_photo_share_what_is_drawn_from_it(bench: Bench) -> None:
    bench.make(bench.board())
    crops = {id(job.photo) for job in bench.engine.jobs}
    assert len(crops) == 1
    assert [job.in_series for job in bench.engine.jobs] == [True, True, False]


def test_steps_and_cells_are_told(bench: Bench) -> None:
    told: list[Progress] = []
    bench.make(bench.board(), tell=told.append)
    assert [one.number for one in told if one.state == "done"] == [1, 2, 3]
    assert {one.total for one in told} == {3}
    assert [(one.step, one.steps) for one in told if one.state == "working" and one.number == 2] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert told[0].seconds_left is None
    assert told[-1].seconds_left is not None


def test_stop_ends_within_one_step_and_finished_cells_stay(bench: Bench) -> None:
    stop, told = threading.Event(), []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if progress.number == 2 and progress.step == 1:
            stop.set()

    def first_step_is_told(on_step: StepCallback) -> None:  # this engine would be done before anybody hears of it
        if len(bench.engine.jobs) == 2:
            on_step(1, 3, None)
            assert stop.wait(60)

    bench.engine._fault = first_step_is_told
    outcome = bench.make(bench.board(), tell=tell, stop=stop)
    assert (outcome.made, outcome.failed, outcome.left) == (1, 0, 2)
    assert outcome.stopped
    assert max(one.step for one in told if one.number == 2) <= 2
    states = [bench.store.state(key) for key in keys(bench)]
    assert states == ["done", "missing", "missing"]
    assert bench.make(bench.board()).made == 2


def test_a_failed_cell_keeps_its_reason_and_is_tried_again(bench: Bench, failing_once) -> None:
    failing_once(1, EngineFailed("This picture came out broken; use another seed."))
    told: list[Progress] = []
    outcome = bench.make(bench.board(), tell=told.append)
    assert (outcome.made, outcome.failed) == (2, 1)
    failed = bench.store.failure(keys(bench)[1])
    assert failed is not None
    assert (failed.code, failed.why) == ("engine-failed", "This picture came out broken; use another seed.")
    assert [one.why for one in told if one.state == "failed"] == [failed.why]
    assert (
        "1 of these failed before" in planning.plan(bench.board(), bench.photos(bench.board()), bench.store).sentence()
    )
    assert bench.make(bench.board()).made == 1
    assert bench.store.failure(keys(bench)[1]) is None


def test_a_fault_of_our_own_is_a_sentence_and_no_trace(
    bench: Bench, failing_once, caplog: pytest.LogCaptureFixture
) -> None:
    failing_once(0, ZeroDivisionError("the secret words of somebody"))
    assert bench.make(bench.board()).failed == 1
    failed = bench.store.failure(keys(bench)[0])
    assert failed is not None
    assert "try it again" in failed.why
    assert "ZeroDivisionError at" in caplog.text
    assert "secret" not in caplog.text + failed.model_dump_json()
    assert "Traceback" not in caplog.text


def test_a_full_disk_ends_the_run_with_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.open

    def full(path: Path, mode: str = "r", *others: Any, **named: Any):
        if "w" in mode and path.parent.name == "cells":
            raise OSError(28, "No space left on device")
        return write(path, mode, *others, **named)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SaveError, match="free some space"):
        bench.make(bench.board())
    monkeypatch.undo()
    assert len(bench.engine.jobs) == 1
    assert bench.make(bench.board()).made == 3


def test_two_runs_in_one_folder_do_not_meet(bench: Bench) -> None:
    bench.out.mkdir()
    with FileLock(bench.out / ".lock"), pytest.raises(BoardError, match="Another run is working"):
        bench.make(bench.board())
    assert bench.engine.jobs == []


def test_what_a_killed_run_left_behind_goes(bench: Bench) -> None:
    (bench.out / ".making").mkdir(parents=True)
    (bench.out / ".making" / "half.png").write_text("half")
    bench.make(bench.board())
    assert not (bench.out / ".making").exists()


def test_nothing_of_the_photo_is_written(bench: Bench) -> None:
    bench.make(bench.board())
    photo = bench.photos_folder / "eileen.png"
    marks = (b"eileen", b"Eileen", hashlib.sha256(photo.read_bytes()).hexdigest().encode())
    for path in bench.out.rglob("*"):
        assert not path.is_file() or not any(mark in path.read_bytes() for mark in marks), path.name


@pytest.mark.slow
def test_the_first_plan_knows_no_time_and_the_next_one_does(bench: Bench) -> None:
    board = bench.board()
    first = planning.plan(board, bench.photos(board), bench.store)
    assert (len(first.to_make), first.seconds) == (3, None)
    assert "unknown" in first.sentence()
    assert first.bytes > 0
    assert not bench.out.exists(), "counting makes nothing"
    bench.make(board)
    more = bench.board(seeds=[0, 1])
    later = planning.plan(more, bench.photos(more), bench.store)
    measured = json.loads((bench.out / "measured.json").read_text())["latest"]
    typical = sorted(one["seconds"] for one in measured)[1]
    assert later.seconds == pytest.approx(3 * typical)
    assert later.done == 3
    assert "unknown" not in later.sentence()


@pytest.mark.slow
def test_another_size_is_estimated_by_its_pixels(bench: Bench, face_photo: Image.Image) -> None:
    face_photo.resize((1200, 1200)).save(bench.photos_folder / "eileen.png")
    bench.make(bench.board())
    square, tall, large = (
        planning.plan(board, bench.photos(board), bench.store)
        for board in (bench.board(seeds=[1]), bench.board(shape="9:16"), bench.board(size="print"))
    )
    assert square.seconds is not None
    assert tall.seconds == pytest.approx(square.seconds * 9 / 16, rel=0.02)
    assert tall.bytes == pytest.approx(square.bytes * 9 / 16, rel=0.02)
    assert large.seconds is not None
    assert large.seconds > 1.2 * square.seconds, "as large as the photo has pixels for it"
    assert large.bytes > 1.2 * square.bytes
