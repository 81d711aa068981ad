"""A diffusion stack that paints after the visitor's own picture, by an IP-Adapter that is no face adapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipelines.engines.filters.stage import Stage
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob, resolve
from pipelines.engines.unet.stack import UNetStack
from pipelines.job_studio import JobStudio
from pipelines.presets.loading import Presets
from pipelines.schema import Job, PreparedPhoto, StylePicture
from tests import tiny_checkpoints
from tests.conftest import difference
from tests.engines.conftest import STACKS
from tests.support.sweeps import sweep


def fractal(left: float, top: float, right: float, bottom: float) -> StylePicture:
    extent = (left, top, right, bottom)
    return StylePicture(image=Image.effect_mandelbrot((96, 80), extent, 60).convert("RGB"))


RED, GREEN = fractal(-2, -1, 1, 1), fractal(-1, -1, 0, 0)


def stack_of(kind: str, root: Path, **changes: object) -> UNetStack:
    return STACKS[kind](root, style_adapter=tiny_checkpoints.style_adapter(root, kind), **changes)


@pytest.fixture(scope="module", params=sweep(["sd15", "sdxl-union"], 1))
def styled(request: pytest.FixtureRequest, tiny_root: Path) -> Iterator[DiffusionEngine]:
    engine = DiffusionEngine(stack_of(request.param, tiny_root))
    yield engine
    engine.close()


def picture(engine: DiffusionEngine, job: GenerationJob, **changes: object) -> Image.Image:
    return engine.generate(job.model_copy(update=changes), lambda step, total, preview: True)[0]


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.tobytes() == other.tobytes()


def test_the_picture_weighs_in_beside_the_face(styled: DiffusionEngine, job: GenerationJob) -> None:
    off = picture(styled, job)
    red = picture(styled, job, style_picture=RED, style_adapter_scale=0.8)
    assert difference(red, off) > 0.3
    assert not same(red, picture(styled, job, style_picture=GREEN, style_adapter_scale=0.8)), "another, another"
    faceless = picture(styled, job, style_picture=RED, style_adapter_scale=0.8, ip_adapter_scale=0.0)
    assert not same(red, faceless), "the face is still seen"
    assert same(picture(styled, job), off), "nothing of it stays"


def test_a_stack_without_a_face_adapter_can(tiny_root: Path, job: GenerationJob) -> None:
    engine = DiffusionEngine(stack_of("sd15", tiny_root, ip_adapter=None))
    off = picture(engine, job, style_picture=RED)
    assert same(off, picture(DiffusionEngine(tiny_checkpoints.sd15_stack(tiny_root, ip_adapter=None)), job))
    assert not same(off, picture(engine, job, style_picture=RED, style_adapter_scale=0.9))
    engine.close()


def test_likeness_takes_of_the_style_what_it_gives_to_the_face(
    tiny_root: Path, presets: Presets, small_photo: PreparedPhoto
) -> None:
    stack = stack_of("sd15", tiny_root)

    def scale(likeness: float, style: str, given: StylePicture | None = RED) -> float:
        job = Job(
            photo=small_photo,
            style=presets.style(style),
            scene=presets.scene("none"),
            likeness=likeness,
            seeds=(1,),
            style_picture=given,
        )
        return resolve(job, stack, JobStudio(job, {}, Stage()))[0].style_adapter_scale

    art, middle, me = (scale(likeness, "own-picture") for likeness in (0.0, 0.5, 1.0))
    assert art > middle > me > 0
    assert middle == pytest.approx(0.6)
    assert scale(0.5, "comic") == 0.0, "a picture that lies there is not meant for other styles"
    assert scale(0.5, "own-picture", None) == 0.0


def test_what_it_needs_is_downloaded_and_it_says_that_it_can(tiny_root: Path) -> None:
    stack = stack_of("sd15", tiny_root)
    assert [component.name for component in stack.components()].count("image encoder") == 1
    assert "style adapter" in [component.name for component in stack.components()]
    assert stack.reads_style_picture
    assert not tiny_checkpoints.sd15_stack(tiny_root).reads_style_picture
    unchecked = stack_of("sd15", tiny_root, needs_checker=False, start="preview")
    assert not unchecked.reads_style_picture, "no picture of a stranger's where nobody looks at what comes of it"


def test_two_encoders_are_refused(tiny_root: Path) -> None:
    other = tiny_checkpoints.style_adapter(tiny_root, "sd15")
    other["image_encoder"] = tiny_checkpoints.local(tiny_root, "ip-adapter", subfolder="elsewhere")
    with pytest.raises(ValueError, match="same image_encoder"):
        tiny_checkpoints.sd15_stack(tiny_root, style_adapter=other)
