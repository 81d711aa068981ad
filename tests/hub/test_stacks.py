"""Stacks of models: what they need, what is here of them, and that what was downloaded makes pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus
from PIL import Image

from pipelines.controls import depth as depths
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.flow.edit import KleinEngine, QwenEditEngine
from pipelines.engines.flow.stack import EditStack, ZImageStack
from pipelines.engines.flow.z_image import ZImageEngine
from pipelines.engines.registry import Engines
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import EngineFailed, EngineUnavailable
from pipelines.hub import download as hub
from pipelines.hub import weights
from pipelines.hub.__main__ import main
from pipelines.hub.components import ANNOTATOR_WEIGHTS, select
from pipelines.hub.jobs import Downloads
from pipelines.hub.offers import offers
from pipelines.hub.source import HubSource
from pipelines.hub.stack import ModelStack
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.schema import Consent, LoadedPhoto, PreparedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from tests import tiny_checkpoints, tiny_flow
from tests.engines.conftest import Striped, control, go_on
from tests.support.site import TOY_SIZE, wait_until
from tests.support.tiny_hub import Place, changed, never_stop, refused

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def job(prepared: PreparedPhoto, presets: Presets) -> GenerationJob:
    small = prepared.image.resize((64, 64))
    return GenerationJob(
        photo=PreparedPhoto(image=small),
        style=next(iter(presets.styles.values())),
        scene=presets.scene("none"),
        controls=(control("canny"),),
        prompt="a portrait",
        strength=0.6,
        seeds=(1,),
    )


def test_a_downloaded_stack_is_present_and_makes_pictures(place: Place, job: GenerationJob) -> None:
    assert weights.state(place.stack).status == "absent"
    hub.download(place.stack, never_stop)
    found = weights.state(place.stack)
    assert found.status == "present"
    assert found.bytes_missing == 0
    assert found.bytes_present > 1_000_000
    asked = len(place.hub.requests)
    picture = DiffusionEngine(place.stack).generate(job, go_on)[0]
    assert np.asarray(picture).std() > 2
    assert len(place.hub.requests) == asked, "loading asks the hub nothing"


@pytest.mark.parametrize(
    ("make", "engine"),
    [
        (tiny_flow.klein_stack, KleinEngine),
        (tiny_flow.qwen_edit_stack, QwenEditEngine),
        (tiny_flow.z_image_stack, ZImageEngine),
    ],
)
def test_edit_models_and_z_image_come_from_the_hub_part_by_part(
    make: Any, engine: Any, place: Place, job: GenerationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "VAE_IMAGE_SIZE", 64 * 64)
    stack = tiny_checkpoints.on_hub(make(place.root), place.root)
    assert {"base model", "transformer", "text encoder"} <= set(weights.state(stack).missing)
    hub.download(stack, never_stop)
    assert weights.state(stack).status == "present"
    asked = len(place.hub.requests)
    made = engine(stack).make(job, Striped(job), go_on)
    assert np.asarray(made.pictures[0]).std() > 2
    assert len(place.hub.requests) == asked, "loading asks the hub nothing"
    (place.root / stack.base.repo_id.partition("/")[2] / "transformer" / "config.json").unlink()
    shutil.rmtree(place.cache)
    assert "transformer" in refused(stack)


# --- with less than the preset names ---


def test_a_stack_makes_pictures_without_what_the_hub_does_not_give(place: Place, job: GenerationJob) -> None:
    """One of two ControlNets, the preview decoder and the face adapter are gone."""
    for folder in ("cn-lineart", "taesd", "ip-adapter/models/image_encoder"):
        (place.root / folder / "config.json").unlink()
    said = hub.download(place.stack, never_stop)
    assert len(said) == 3
    assert weights.state(place.stack).status == "reduced"
    choice = Engines({place.stack.id: place.stack}).create(place.stack.id)
    assert "works here without: ControlNet for lineart, preview decoder, IP-Adapter, image encoder" in choice.notes[-1]
    assert isinstance(choice.engine, DiffusionEngine)
    assert np.asarray(choice.engine.generate(job, go_on)[0]).std() > 2
    with pytest.raises(EngineFailed, match="no control for lineart"):
        choice.engine.generate(job.model_copy(update={"controls": (control("lineart"),)}), go_on)


def test_plain_weights_are_loaded_where_there_are_none_of_the_variant(place: Place, job: GenerationJob) -> None:
    """The text encoder alone has the variant, as repositories have it that were converted by halves."""
    encoder = place.root / "sd15" / "text_encoder"
    (encoder / "model.safetensors").rename(encoder / "model.fp16.safetensors")
    mixed = changed(place.stack, "base", variant="fp16")
    said = hub.download(mixed, never_stop)
    assert len(said) == 1
    assert "no fp16 weights for the base model" in said[0]
    assert weights.state(mixed).status == "present"
    assert np.asarray(DiffusionEngine(mixed).generate(job, go_on)[0]).std() > 2


def test_what_was_downloaded_is_chosen_without_a_restart(
    place: Place,
    presets: Presets,
    loaded: LoadedPhoto,
    consent: Consent,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FilterEngine, "size", TOY_SIZE)
    models: dict[str, ModelStack] = {place.stack.id: place.stack}
    pipeline = SelfPortraitPipeline(replace(presets, models=models), tmp_path / "portraits")
    downloads = Downloads(offers(models), pipeline.weights_changed)
    request = build_request(photo=loaded, style_id="film-noir", seeds=(1,), consent=consent)
    assert not pipeline(request).portraits[0].is_diffusion
    assert [engine.id for engine in pipeline.engines() if engine.available] == ["preview"]
    downloads.start(place.stack.id)
    wait_until(lambda: (found := downloads.progress(place.stack.id)) is not None and not found.is_at_work, "it hangs")
    assert [engine.id for engine in pipeline.engines() if engine.available] == ["tiny-sd15", "preview"]
    assert pipeline(request).engine == "Tiny SD1.5"
    downloads.delete(place.stack.id)
    assert not pipeline(request).portraits[0].is_diffusion
    pipeline.close()


def test_what_is_not_here_is_told_with_size_and_command(place: Place) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        weights.require(place.stack)
    assert "python -m pipelines.hub download tiny-sd15" in caught.value.cure
    assert "MB" in caught.value.cure
    assert "python" not in caught.value.hint, "a visitor has no shell"
    with pytest.raises(EngineUnavailable, match="not on this machine"):
        weights.resolve(place.stack.base, "base model", stack_id="tiny-sd15")


# --- what a stack needs ---


def test_shards_are_selected_by_their_index() -> None:
    stack = tiny_checkpoints.sd15_stack(Path("nowhere"), controlnets={"canny": ("cn", {"variant": "fp16"})})
    part = next(component for component in stack.components() if component.name == "ControlNet for canny")
    index = "diffusion_pytorch_model.safetensors.index.fp16.json"
    shards = [f"diffusion_pytorch_model.fp16-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    files, missing = select(part, {"config.json", index, *shards})
    assert files == ["config.json", index, *shards]
    assert missing == []
    files, missing = select(part, {"config.json", index, shards[0], shards[2]})
    assert missing == [shards[1]]


@pytest.mark.parametrize("place", [{}, {"repo_id": "a/b", "path": "c"}])
def test_a_source_is_in_one_place(place: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either repo_id or path"):
        HubSource.model_validate({"licence": "MIT", "bytes": 1, **place})


def test_a_union_needs_its_modes_and_others_have_none() -> None:
    with pytest.raises(ValueError, match="needs its control_mode"):
        tiny_checkpoints.union_stack(Path("nowhere"), controlnets={"canny": "cn-union"})
    with pytest.raises(ValueError, match="sdxl-union only"):
        tiny_checkpoints.sd15_stack(Path("nowhere"), controlnets={"canny": ("cn-canny", {"control_mode": 1})})


def test_a_union_controlnet_is_counted_once(presets: Presets) -> None:
    stack = presets.models["sdxl-lightning"]
    names = [component.name for component in stack.components()]
    assert names.count("union ControlNet") == 1
    assert 13e9 < weights.download_bytes(stack) < 14.5e9


def test_the_stacks_that_ship_say_what_they_need(presets: Presets) -> None:
    for stack in presets.models.values():
        assert all(component.source.licence for component in stack.components())
        assert isinstance(stack, UNetStack | EditStack | ZImageStack)
        if stack.base.repo_id:
            assert weights.download_bytes(stack) > 1e9
        for name in stack.controlnets if isinstance(stack, UNetStack) else stack.controls:
            if name in ANNOTATOR_WEIGHTS:
                assert f"{name} annotator" in {component.name for component in stack.components()}


# --- annotators' weights ---


@pytest.mark.usefixtures("place")
def test_depth_is_estimated_with_downloaded_weights(prepared: PreparedPhoto, monkeypatch: pytest.MonkeyPatch) -> None:
    source = HubSource.model_validate({"repo_id": "tiny/depth", "licence": "Apache-2.0", "bytes": 100_000})
    monkeypatch.setitem(ANNOTATOR_WEIGHTS, "depth", source)
    with pytest.raises(EngineUnavailable) as absent:
        depths.estimate_depth(prepared.image)
    assert "download depth" in absent.value.cure
    hub.download_annotator("depth", never_stop)
    depth = depths.estimate_depth(prepared.image)
    depths._annotator_models.clear()
    assert depth.shape == (512, 512)
    assert depth.dtype == np.float32
    assert np.isfinite(depth).all()
    assert not np.array_equal(depth, depths.estimate_depth(Image.new("RGB", (512, 512), "white")))
    depths._annotator_models.clear()


# --- the command ---


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.hub", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_command_lists_and_refuses(tmp_path: Path) -> None:
    listed = command("list", HF_HOME=str(tmp_path))
    assert listed.returncode == 0
    assert "sd15-lcm: Stable Diffusion 1.5" in listed.stdout
    assert "not here" in listed.stdout
    assert "OpenRAIL" in listed.stdout
    unknown = command("download", "sd99")
    assert unknown.returncode == 1
    assert "choose one of" in unknown.stderr
    offline = command("download", "sd15-lcm", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    assert offline.returncode == 1
    assert "HF_HUB_OFFLINE" in offline.stderr
    assert "Traceback" not in offline.stderr


def test_the_command_downloads(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = Presets(styles={}, scenes={}, models={place.stack.id: place.stack})
    monkeypatch.setattr("pipelines.hub.__main__.all_presets", lambda: presets)
    assert main(["download", place.stack.id]) == 0
    shown = capsys.readouterr().err
    assert "100.0 %" in shown
    assert "complete" in shown
    assert main(["list"]) == 0
    assert "complete" in capsys.readouterr().out
