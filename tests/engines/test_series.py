"""Portraits in a series share work, and look the same bit for bit; nothing is left of the photo when it ends."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.engines.base import Engine
from pipelines.engines.filters import engine as filters
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.kept import Kept
from pipelines.engines.filters.lighting import vary
from pipelines.engines.filters.stage import Stage
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.errors import Cancelled
from pipelines.job_studio import JobStudio
from pipelines.presets.loading import Presets
from pipelines.schema import Job, PreparedPhoto, StepCallback
from tests.engines.conftest import embedded_stack, go_on
from tests.support.sweeps import project_presets, sweep
from tests.tiny_checkpoints import SIZE, sd15_stack


def job(
    presets: Presets, photo: PreparedPhoto, style: str, *, in_series: bool, scene: str = "none", seed: int = 0
) -> Job:
    return Job(photo=photo, style=presets.style(style), scene=presets.scene(scene), seeds=(seed,), in_series=in_series)


def painted(engine: Engine, wanted: Job, on_step: StepCallback = go_on) -> Image.Image:
    return engine.make(wanted, JobStudio(wanted, {}, Stage()), on_step).pictures[0]


@pytest.fixture
def built_in(presets: Presets) -> Iterator[DiffusionEngine]:
    small = {"size": SIZE, "working_size": SIZE // 2}
    engine = DiffusionEngine(embedded_stack(presets).model_copy(update=small))
    yield engine
    engine.close()


@pytest.mark.parametrize("style", sweep(project_presets().styles, 1))
def test_filters_paint_the_same_in_a_series(presets: Presets, photo: PreparedPhoto, style: str) -> None:
    """No operation spoils what the next style begins with."""
    engine = FilterEngine()
    for scene, seed in (("none", 0), ("orbit", 3)):
        first, again = (
            painted(engine, job(presets, photo, style, in_series=True, scene=scene, seed=seed)) for _ in range(2)
        )
        alone = painted(FilterEngine(), job(presets, photo, style, in_series=False, scene=scene, seed=seed))
        assert np.array_equal(np.asarray(first), np.asarray(alone))
        assert np.array_equal(np.asarray(again), np.asarray(alone))


def test_a_model_paints_the_same_in_a_series(presets: Presets, small_photo: PreparedPhoto, built_in: Engine) -> None:
    styles = ("comic", "oil-master", "comic")
    alone = [painted(built_in, job(presets, small_photo, style, in_series=False)) for style in styles]
    series = [painted(built_in, job(presets, small_photo, style, in_series=True)) for style in styles]
    for one, other in zip(alone, series, strict=True):
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_the_line_drawing_is_read_once(presets: Presets, small_photo: PreparedPhoto, built_in: DiffusionEngine) -> None:
    read: list[int] = []
    painted(built_in, job(presets, small_photo, "comic", in_series=False))
    reader = built_in._controlnets["lineart"].controlnet_cond_embedding.conv_in
    reader.register_forward_hook(lambda *_: read.append(1))
    drawn: dict = {}
    for style in ("comic", "oil-master", "film-noir", "charcoal", "pastel", "mosaic", "comic"):
        wanted = job(presets, small_photo, style, in_series=True)
        built_in.make(wanted, JobStudio(wanted, drawn, Stage()), go_on)
    assert len(read) == 1


@pytest.mark.slow
def test_so_does_one_that_starts_from_the_photo(presets: Presets, small_photo: PreparedPhoto, tiny_root: Path) -> None:
    engine = DiffusionEngine(sd15_stack(tiny_root))
    alone, *series = (painted(engine, job(presets, small_photo, "comic", in_series=number > 0)) for number in range(3))
    assert all(np.array_equal(np.asarray(alone), np.asarray(one)) for one in series)
    engine.close()


def test_the_sitting_is_lit_once_and_no_rough_picture_is_drawn(
    presets: Presets, photo: PreparedPhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    lit: list[object] = []
    monkeypatch.setattr(filters, "vary", lambda canvas: (lit.append(canvas), vary(canvas)))
    seen: list[object] = []

    def watch(step: int, total: int, preview: Image.Image | None) -> bool:
        seen.append(preview)
        return True

    engine = FilterEngine()
    for style in ("film-noir", "charcoal"):
        painted(engine, job(presets, photo, style, in_series=True), watch)
    assert len(lit) == 1
    assert set(seen) == {None}
    painted(engine, job(presets, photo, "film-noir", in_series=True, seed=1))
    assert len(lit) == 2
    painted(engine, job(presets, photo, "charcoal", in_series=False, seed=1))
    assert len(lit) == 2, "the last of a series sits in the same light"


@pytest.mark.parametrize("end", ["last", "cancel", "photo"])
def test_nothing_is_left_of_the_photo_when_a_series_ends(presets: Presets, photo: PreparedPhoto, end: str) -> None:
    engine = FilterEngine()
    own = photo.model_copy()
    painted(engine, job(presets, own, "film-noir", in_series=True))
    assert len(engine._sittings) == 1
    if end == "last":
        painted(engine, job(presets, own, "film-noir", in_series=False))
    elif end == "cancel":
        with pytest.raises(Cancelled):
            painted(engine, job(presets, own, "film-noir", in_series=True), lambda *_: False)
    else:
        del own
        gc.collect()
    assert len(engine._sittings) == 0


@pytest.mark.parametrize("end", ["photo", pytest.param("last", marks=pytest.mark.slow)])
def test_nothing_that_a_model_read_is_left(
    presets: Presets, small_photo: PreparedPhoto, built_in: DiffusionEngine, end: str
) -> None:
    """Of a series that nobody ends, as when a board is stopped between two portraits, it goes with the photo."""
    own = small_photo.model_copy()
    painted(built_in, job(presets, own, "comic", in_series=False))
    read: list[weakref.ref[torch.Tensor]] = []
    reader = built_in._controlnets["lineart"].controlnet_cond_embedding
    hook = reader.register_forward_hook(lambda _, __, made: read.append(weakref.ref(made)))
    painted(built_in, job(presets, own, "comic", in_series=True))
    hook.remove()
    assert all(one() is not None for one in read), "kept for the next portrait"
    if end == "last":
        painted(built_in, job(presets, own, "comic", in_series=False))
    else:
        del own
    gc.collect()
    assert read
    assert all(one() is None for one in read)


def test_what_is_kept_is_for_this_very_photo_and_only_the_latest(photo: PreparedPhoto) -> None:
    kept: Kept[object] = Kept()
    first, second = photo.model_copy(), photo.model_copy()
    made = [kept.get(one, key, object) for one, key in ((first, 1), (second, 1), (second, 2))]
    assert len(set(made)) == 3
    assert kept.get(second, 2, object) is made[2]
    assert kept.get(first, 1, object) not in made, "only two are kept"
    kept.clear()
    assert len(kept) == 0
