"""The real diffusion engine on two devices at a time: here a processor and its twin."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from pipelines import worker
from pipelines.engines.device import Device
from pipelines.engines.registry import Engines
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.results import PortraitSet
from pipelines.schema import Consent, LoadedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from tests.tiny_checkpoints import sd15_stack

CPU = Device("cpu", None)


@pytest.fixture
def twins(presets: Presets, tiny_root: Path, tmp_path: Path) -> Iterator[SelfPortraitPipeline]:
    stack = sd15_stack(tiny_root)
    sources = {name: Engines({stack.id: stack}, device=CPU) for name in ("cpu", "its twin")}
    pipeline = SelfPortraitPipeline(presets, tmp_path, engines=sources)
    yield pipeline
    pipeline.close()


@pytest.mark.slow
def test_portraits_made_at_the_same_time_are_those_made_one_by_one(
    twins: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent
) -> None:
    def made(visitor: int) -> tuple[str, bytes]:
        owner = consent.model_copy(update={"session": f"visitor-{visitor}"})
        looks = {"style_id": ("comic", "oil-master")[visitor % 2], "scene_id": ("none", "orbit")[visitor // 2 % 2]}
        request = build_request(photo=loaded, seeds=(visitor,), model_id="tiny-sd15", consent=owner, **looks)
        *_, result = worker.run(twins, request)
        assert isinstance(result, PortraitSet)
        with Image.open(result.portraits[0].path) as picture:
            return result.engine, picture.tobytes()

    with ThreadPoolExecutor(4) as visitors:
        together = list(visitors.map(made, range(4)))
    assert together == [made(visitor) for visitor in range(4)]
    assert all(twins.workshop.easels[name].has("tiny-sd15") for name in twins.line.devices), "both were at work"
