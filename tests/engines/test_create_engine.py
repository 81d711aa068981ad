"""Which engine is taken, why, and what is said where none can run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.engines import device
from pipelines.engines.device import Device, why_not
from pipelines.engines.registry import Engines
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.loading import Loader
from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import EngineUnavailable, RequestInvalid
from pipelines.hub.stack import ModelStack
from pipelines.presets.loading import Presets
from tests.engines.conftest import go_on
from tests.tiny_checkpoints import sd15_stack, sdxl_stack

ROOT = Path(__file__).resolve().parents[2]


def only(presets: Presets, *stacks: UNetStack) -> Presets:
    return replace(presets, models={stack.id: stack for stack in stacks})


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "best_device", lambda: Device("cpu", 16_000_000_000))
    monkeypatch.setattr(device, "machine_memory", lambda: 16_000_000_000)


def on_gpu(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    monkeypatch.setattr(device, "best_device", lambda: Device("cuda", memory))


def test_nothing_here_means_the_preview_engine_and_a_sentence(presets: Presets, tmp_path: Path) -> None:
    absent = sd15_stack(tmp_path)
    for models in (only(presets), only(presets, absent)):
        choice = Engines(models.models).create("auto")
        assert choice.engine.model_id == "preview"
        assert not choice.engine.is_diffusion
        assert len(choice.notes) == 1
        assert "instant filters, not diffusion" in choice.notes[0]


def test_the_sentence_names_the_smallest_download(presets: Presets) -> None:
    hub_stacks = {stack.id: stack for stack in presets.models.values() if stack.id != "embedded"}
    note = Engines(replace(presets, models=hub_stacks).models).create("auto").notes[0]
    assert "python" not in note, "a visitor has no shell"


@pytest.mark.usefixtures("on_cpu")
def test_auto_takes_the_highest_rank_that_can_run(
    presets: Presets, tiny_root: Path, tmp_path: Path, job: GenerationJob
) -> None:
    low, high = sd15_stack(tiny_root, rank=3), sdxl_stack(tiny_root, rank=8)
    missing = sd15_stack(tmp_path, id="missing", rank=90)
    too_big = sd15_stack(tiny_root, id="too-big", rank=80, memory_bytes=10**13)
    gpu_only = sd15_stack(tiny_root, id="gpu-only", rank=70, needs_gpu=True)
    choice = Engines(only(presets, low, high, missing, too_big, gpu_only).models).create("auto")
    assert choice.engine.model_id == "tiny-sdxl"
    assert "Tiny SDXL" in choice.notes[0]
    assert isinstance(choice.engine, DiffusionEngine)
    assert choice.engine.generate(job, go_on)


@pytest.mark.usefixtures("on_cpu")
def test_a_full_sized_model_without_a_gpu_is_said_to_be_slow(
    presets: Presets, tiny_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = only(presets, sd15_stack(tiny_root, memory_bytes=6_000_000_000))
    assert "takes minutes" in Engines(models.models).create("tiny-sd15").notes[0]
    assert "takes minutes" in Engines(models.models).create("auto").notes[1]
    on_gpu(monkeypatch, 10**11)
    assert Engines(models.models).create("tiny-sd15").notes == ()


def test_an_explicit_choice_is_never_replaced(presets: Presets, tiny_root: Path, tmp_path: Path) -> None:
    here, missing = sd15_stack(tiny_root), sdxl_stack(tmp_path)
    models = only(presets, here, missing)
    assert Engines(models.models).create("tiny-sd15").engine.model_id == "tiny-sd15"
    assert Engines(models.models).create("tiny-sd15").notes == ()
    with pytest.raises(EngineUnavailable, match="Tiny SDXL"):
        Engines(models.models).create("tiny-sdxl")
    assert Engines(models.models).create("preview").engine.model_id == "preview"


@pytest.mark.parametrize("model_id", ["sd99", "", "../sd15-lcm", "AUTO"])
def test_an_unknown_id_is_refused(model_id: str, presets: Presets) -> None:
    with pytest.raises(RequestInvalid, match="choose one of: auto, preview"):
        Engines(presets.models).create(model_id)


@pytest.mark.usefixtures("on_cpu")
def test_every_engine_is_listed_with_a_reason(presets: Presets, tiny_root: Path, tmp_path: Path) -> None:
    here = sd15_stack(tiny_root, rank=3)
    missing = sd15_stack(tmp_path, id="missing", rank=9)
    infos = Engines(only(presets, here, missing).models).infos()
    assert [info.id for info in infos] == ["missing", "tiny-sd15", "preview"]
    assert [info.available for info in infos] == [False, True, True]
    assert [info.is_diffusion for info in infos] == [True, True, False]
    assert all(info.reason.endswith(".") for info in infos)
    assert all(info.licence for info in infos)
    assert str(tmp_path) not in infos[0].reason


@pytest.mark.usefixtures("on_cpu")
def test_what_may_not_be_used_here_is_neither_offered_nor_taken(presets: Presets, tiny_root: Path) -> None:
    best, other = sd15_stack(tiny_root, id="best", rank=9), sd15_stack(tiny_root, id="other", rank=0)
    models = only(presets, best, other)
    assert [info.is_automatic for info in Engines(models.models).infos()] == [True, False, False]

    def refuse(stack: ModelStack) -> str:
        return "Nobody can check its pictures." if stack.id == "best" else ""

    infos = Engines(models.models, refuse).infos()
    assert [info.available for info in infos] == [False, True, True]
    assert infos[0].reason == "Nobody can check its pictures."
    assert [info.is_automatic for info in infos] == [False, False, True], "rank 0 is taken only when asked for"
    assert Engines(models.models, refuse).create("auto").engine.model_id == "preview"
    with pytest.raises(EngineUnavailable, match="Nobody can check"):
        Engines(models.models, refuse).create("best")


def test_the_stacks_that_ship_are_listed(presets: Presets) -> None:
    infos = {info.id: info for info in Engines(presets.models).infos()}
    assert {"sd15-lcm", "sdxl-lightning", "preview"} <= set(infos)
    assert infos["sdxl-lightning"].download_bytes > infos["sd15-lcm"].download_bytes
    assert "not on this machine" in infos["sd15-lcm"].reason
    assert not any("python" in info.reason for info in infos.values()), "a visitor has no shell"
    assert infos["preview"].download_bytes == 0


class TestWhyNot:
    """The machine decides: no GPU, a small one, little memory."""

    @pytest.mark.usefixtures("on_cpu")
    def test_a_processor(self, tiny_root: Path) -> None:
        assert why_not(sd15_stack(tiny_root)) == ""
        assert "needs a GPU" in why_not(sd15_stack(tiny_root, needs_gpu=True))
        assert why_not(sd15_stack(tiny_root, memory_bytes=7_900_000_000)) == ""
        assert "18.0 GB" in why_not(sd15_stack(tiny_root, memory_bytes=9_000_000_000)), "float32 takes twice"
        assert why_not(sd15_stack(tiny_root, memory_bytes=9_000_000_000, torch_dtype="float32")) == ""

    def test_a_gpu(self, tiny_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stack = sd15_stack(tiny_root, needs_gpu=True, memory_bytes=14_000_000_000, offload_memory_bytes=10_000_000_000)
        for memory, runs, offloads in ((24, True, False), (12, True, True), (8, False, True)):
            on_gpu(monkeypatch, memory * 10**9)
            assert (why_not(stack) == "") is runs
            assert Loader(stack, Device("cuda", memory * 10**9)).offloads is offloads
        on_gpu(monkeypatch, 8 * 10**9)
        assert "10.0 GB" in why_not(stack)


@pytest.mark.slow
def test_listing_loads_no_torch_where_no_weights_are() -> None:
    code = (
        "import sys; from pipelines.engines.registry import Engines;"
        "from pipelines.presets.loading import load_presets;"
        "presets = load_presets();"
        "hub = {k: v for k, v in presets.models.items() if v.base.repo_id};"
        "Engines(hub).infos(); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "False"
