"""A board of the built-in model, small: what it shares changes no pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.board.cells import request_of
from pipelines.board.exports.contents import gather
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.self_portrait import SelfPortraitPipeline
from tests.board.conftest import Bench


@pytest.mark.slow
def test_a_board_shows_what_the_built_in_model_makes_alone(bench: Bench, presets: Presets, tmp_path: Path) -> None:
    small = presets.models["embedded"].model_copy(update={"size": 256, "working_size": 192})
    bench.pipeline = SelfPortraitPipeline(replace(presets, models={"embedded": small}), tmp_path / "sessions")
    board = bench.board(engines=["embedded"], styles=["comic", "oil-master"], scenes=["none", "orbit"])
    assert bench.make(board).made == 4
    for cell in bench.cells(board):
        alone = bench.pipeline(
            request_of(board, cell, bench.photos(board)[0], bench.consent), out_dir=tmp_path / "alone"
        )
        of_board, of_its_own = (
            np.asarray(marking.picture(path)) for path in (bench.store.picture(cell.key), alone.portraits[0].path)
        )
        assert np.array_equal(of_board, of_its_own), cell
        report = marking.check(bench.store.picture(cell.key))
        assert (report.state, report.watermark) == ("intact", "ai")
    contents = gather(board, bench.photos(board), bench.store, tmp_path)
    assert contents.made == "AI-made portraits"
    bench.pipeline.close()
