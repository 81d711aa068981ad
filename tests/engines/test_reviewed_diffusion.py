"""Diffusion with the real picture checker, both at toy size: what it refuses is nowhere, and its absence is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import EngineUnavailable, PictureRefused
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.safety.checker import HubChecker
from pipelines.safety.policy import default_policy
from pipelines.safety.review import UNCHECKED, Safety
from pipelines.schema import Consent, LoadedPhoto, PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from tests.tiny_checkpoints import sd15_stack
from tests.tiny_extras import checker


@pytest.fixture(scope="module")
def studio(
    presets: Presets, tiny_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SelfPortraitPipeline]:
    stack = sd15_stack(tiny_root)
    pipeline = SelfPortraitPipeline(replace(presets, models={stack.id: stack}), tmp_path_factory.mktemp("portraits"))
    yield pipeline
    pipeline.close()


@pytest.fixture
def wanted(loaded: LoadedPhoto, consent: Consent) -> PortraitRequest:
    return build_request(photo=loaded, style_id="oil-master", seeds=(1, 2), model_id="tiny-sd15", consent=consent)


class Seen:
    """A step callback that remembers what it was shown."""

    def __init__(self) -> None:
        self.steps = 0
        self.previews: list[Image.Image] = []

    def __call__(self, step: int, total: int, preview: Image.Image | None) -> bool:
        self.steps = max(self.steps, step)
        if preview is not None:
            self.previews.append(preview)
        return True


def test_what_the_checker_passes_is_shown_step_by_step(
    studio: SelfPortraitPipeline, wanted: PortraitRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio, "safety", Safety((default_policy(),), (checker(tmp_path / "hub", refuses=False),)))
    seen = Seen()
    result = studio(wanted, seen, out_dir=tmp_path / "out")
    assert len(result.portraits) == 2
    assert result.refused == ()
    assert UNCHECKED not in result.notes
    assert seen.previews


def test_what_it_refuses_is_never_shown_nor_written(
    studio: SelfPortraitPipeline, wanted: PortraitRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio, "safety", Safety((default_policy(),), (checker(tmp_path / "hub", refuses=True),)))
    seen = Seen()
    with pytest.raises(PictureRefused, match="Your 2 portraits are not shown") as caught:
        studio(wanted, seen, out_dir=tmp_path / "out")
    assert "another seed" in caught.value.hint
    assert seen.steps == 8, "progress is told all the same"
    assert seen.previews == []
    assert not (tmp_path / "out").exists()


def test_no_checker_is_told_under_the_portrait_or_stops_the_request(
    studio: SelfPortraitPipeline, wanted: PortraitRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio, "safety", Safety((default_policy(),), (HubChecker(),)))
    assert UNCHECKED in studio(wanted, out_dir=tmp_path / "out").notes
    monkeypatch.setattr(studio, "safety", Safety((default_policy(),), (HubChecker(),), checker="required"))
    with pytest.raises(EngineUnavailable, match="every picture checker"):
        studio(wanted, out_dir=tmp_path / "none")
    assert not (tmp_path / "none").exists()
