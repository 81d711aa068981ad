"""From request to file with a diffusion stack: every style runs, and what is done instead is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.schema import Consent, LoadedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from tests.tiny_checkpoints import SIZE, sd15_stack


@pytest.fixture(scope="module")
def studio(
    presets: Presets, tiny_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SelfPortraitPipeline]:
    stack = sd15_stack(tiny_root, controlnets={"lineart": "cn-lineart", "mediapipe_face": "cn-canny"})
    pipeline = SelfPortraitPipeline(replace(presets, models={stack.id: stack}), tmp_path_factory.mktemp("portraits"))
    yield pipeline
    pipeline.close()


@pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("likeness", [0.0, 1.0])
def test_every_style_runs_at_both_ends_of_the_slider(
    studio: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent, likeness: float, every: int
) -> None:
    for number, style_id in enumerate(list(studio.presets.styles)[::every]):
        scene_id = list(studio.presets.scenes)[number % len(studio.presets.scenes)]
        request = build_request(
            photo=loaded, style_id=style_id, scene_id=scene_id, seeds=(number,), likeness=likeness, consent=consent
        )
        result = studio(request)
        assert result.engine == "Tiny SD1.5"
        assert result.portraits[0].is_diffusion
        assert result.controls
        with Image.open(result.portraits[0].path) as picture:
            assert picture.size == (SIZE, SIZE)


def test_another_control_than_the_styles_own_is_said(
    studio: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent
) -> None:
    style = next(iter(studio.presets.styles.values()))
    depth = style.model_copy(update={"controls": (style.controls[0].model_copy(update={"annotator": "depth"}),)})
    presets = replace(studio.presets, styles={style.id: depth})
    pipeline = SelfPortraitPipeline(presets, studio.folder("other"))
    result = pipeline(build_request(photo=loaded, style_id=style.id, seeds=(1,), consent=consent))
    pipeline.close()
    assert [control.annotator for control in result.controls] == ["lineart"]
    assert any("guided by lineart" in note for note in result.notes)
