"""Which devices there are, what each can do, and who may use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pipelines.easels import FILTERS, filters_at_once
from pipelines.engines import device as devices
from pipelines.engines.base import AUTO, EngineSource
from pipelines.engines.device import Device
from pipelines.engines.registry import Engines
from pipelines.errors import EngineUnavailable, SettingsError
from pipelines.presets.loading import Presets
from pipelines.schema import PortraitRequest, StylePicture
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.machine import LARGE, SMALL, Machine, Stacks, served_to


def test_a_stack_that_fits_on_one_device_is_made_there_and_auto_is_the_best_of_all(
    pipeline: SelfPortraitPipeline, machine: Machine, ask: Callable[..., PortraitRequest]
) -> None:
    machine.cannot = {("one", LARGE)}
    assert [(info.id, info.available, info.is_automatic) for info in pipeline.engines()] == [
        (LARGE, True, True),
        (SMALL, True, False),
    ]
    for model_id in (LARGE, AUTO):
        assert served_to(pipeline, ask(model_id=model_id)).engine == LARGE
    assert {device for device, _, _ in machine.made} == {"two"}
    machine.cannot = {("one", SMALL), ("two", SMALL)}
    with pytest.raises(EngineUnavailable, match="does not fit"):
        served_to(pipeline, ask("ben-1", model_id=SMALL))


@pytest.mark.usefixtures("small_pictures")
def test_a_style_that_only_the_filters_can_paint_goes_where_they_are(
    presets: Presets, machine: Machine, tmp_path: Path, ask: Callable[..., PortraitRequest], face_photo: Image.Image
) -> None:
    """As on a machine that borrows its GPU for one stack."""
    sources: dict[str, EngineSource] = {"lent": Stacks(machine, "lent"), "cpu": Engines({})}
    studio = SelfPortraitPipeline(presets, tmp_path, engines=sources)
    picture = StylePicture(image=face_photo.resize((64, 64)))
    made = served_to(studio, ask(style_id="own-picture", style_picture=picture, model_id=AUTO))
    assert not made.portraits[0].is_diffusion
    assert served_to(studio, ask(model_id=AUTO)).engine == LARGE
    studio.close()


def test_a_device_that_is_not_open_to_somebody_gets_none_of_their_work(
    presets: Presets, machine: Machine, tmp_path: Path, ask: Callable[..., PortraitRequest]
) -> None:
    """As a lent GPU where no visitor's call stands behind a request."""
    is_open = [True]
    machine.cannot = {("cpu", LARGE)}
    studio = SelfPortraitPipeline(presets, tmp_path, engines={"cpu": Stacks(machine, "cpu")})
    studio.add_device("lent", Stacks(machine, "lent"), room=9, is_open=lambda: is_open[0])
    assert served_to(studio, ask(model_id=AUTO)).engine == LARGE
    is_open[0] = False
    assert [info.id for info in studio.engines() if info.available] == [SMALL]
    assert served_to(studio, ask(model_id=AUTO)).engine == SMALL
    with pytest.raises(EngineUnavailable, match="does not fit on cpu"):
        served_to(studio, ask(model_id=LARGE))
    assert [device for device, _, _ in machine.made] == ["lent", "cpu"]
    studio.close()


def test_a_model_that_runs_where_a_gpu_is_lent_is_no_trouble_at_the_start(
    presets: Presets, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's choice can be one that no request without a visitor's call may use; the page is ready all the
    same.
    """
    monkeypatch.setattr("pipelines.photo.vision.warm_up", lambda: None)
    machine.cannot = {("cpu", LARGE)}
    for lends in (True, False):
        monkeypatch.setattr("pipelines.workshop.lends_gpu", lambda lends=lends: lends)
        sources = {"cpu": Stacks(machine, "cpu")}
        studio = SelfPortraitPipeline(presets, tmp_path, engines=sources, automatic=LARGE)
        studio.add_device("lent", Stacks(machine, "lent"), room=9, is_open=lambda: False)
        studio.warm_up()
        assert bool(studio.warming) is not lends, "elsewhere it is what the operator must mend"
        studio.close()
    assert machine.loaded == []


def test_all_devices_are_warmed_up_and_one_that_cannot_be_keeps_nobody_waiting(
    pipeline: SelfPortraitPipeline, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.photo.vision.warm_up", lambda: None)
    pipeline.warm_up()
    assert sorted(machine.loaded) == [("one", LARGE), ("two", LARGE)]
    assert pipeline.warming == ""


def test_auto_gives_work_to_every_gpu_once_torch_is_loaded(
    presets: Presets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[..., PortraitRequest]
) -> None:
    here = tuple(Device("cuda", 24_000_000_000, index) for index in range(3))
    monkeypatch.setattr("pipelines.easels.gpus", lambda: here)
    is_there = [False]
    monkeypatch.setattr("pipelines.heavy.is_loaded", lambda name: is_there[0])
    studio = SelfPortraitPipeline(presets, tmp_path)
    with studio.join(ask(model_id="preview")):
        assert studio.line.devices == ("", FILTERS)
    is_there[0] = True
    for _ in range(2):
        with studio.join(ask(model_id="preview")):
            assert studio.line.devices == ("", FILTERS, "cuda:1", "cuda:2")
    studio.close()


def test_the_operator_names_devices(presets: Presets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tuple(Device("cuda", 24_000_000_000, index) for index in range(3))
    monkeypatch.setattr(devices, "gpus", lambda: here)
    studio = SelfPortraitPipeline(presets, tmp_path, devices="cuda:0, cuda:2, cpu")
    assert studio.line.devices == ("cuda:0", "cuda:2", "cpu", FILTERS)
    for names, words in (
        ("cuda:0,cuda:7", "names 'cuda:7', but here are: cpu, cuda:0, cuda:1, cuda:2"),
        ("cpu,cpu", "names cpu twice"),
    ):
        with pytest.raises(SettingsError, match=words):
            SelfPortraitPipeline(presets, tmp_path, devices=names)


def test_filters_have_places_of_their_own(
    presets: Presets, tmp_path: Path, ask: Callable[..., PortraitRequest]
) -> None:
    """They are not waited for behind a model, and take no place from it."""
    studio = SelfPortraitPipeline(presets, tmp_path)
    assert studio.places("preview") == filters_at_once()
    assert SelfPortraitPipeline(presets, tmp_path, filters_at_once=3).places("preview") == 3
    assert studio.places("embedded") == 1
    with studio.join(ask(model_id="embedded")) as model, studio.join(ask(model_id="preview")) as filters:
        assert (model.device, filters.device) == ("", FILTERS)


def test_what_runs_nowhere_says_why(presets: Presets, tmp_path: Path, ask: Callable[..., PortraitRequest]) -> None:
    studio = SelfPortraitPipeline(presets, tmp_path)
    with pytest.raises(EngineUnavailable, match="Light"):
        studio(ask(model_id="sdxl-lightning"))
