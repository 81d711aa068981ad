"""Tiny checkpoints on disk, and jobs for engines at toy size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus
from PIL import Image

from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.stack import UNetStack
from pipelines.photo.opening import prepare
from pipelines.presets.loading import Presets
from pipelines.schema import AnnotatorName, Control, Job, LoadedPhoto, PreparedPhoto
from tests import tiny_checkpoints, tiny_flow
from tests.tiny_checkpoints import sd15_stack, sdxl_stack, union_stack

StackMaker = Callable[..., UNetStack]
STACKS: dict[str, StackMaker] = {"sd15": sd15_stack, "sdxl": sdxl_stack, "sdxl-union": union_stack}


def embedded_stack(presets: Presets) -> UNetStack:
    """The one that ships with the project."""
    stack = presets.models["embedded"]
    assert isinstance(stack, UNetStack)
    return stack


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Toy tensors are faster on one thread, and other tests want the other core."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _small_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qwen-Image-Edit reads every picture at a megapixel, whatever the size of the model."""
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "VAE_IMAGE_SIZE", 64 * 64)
    monkeypatch.setattr(pipeline_qwenimage_edit_plus, "CONDITION_IMAGE_SIZE", 64 * 64)


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tiny repositories: sd15, sdxl, their ControlNets, LoRA, IP-Adapter, tiny decoder, depth."""
    root = tmp_path_factory.mktemp("tiny")
    tiny_checkpoints.build(root)
    tiny_flow.build(root)
    return root


@pytest.fixture(scope="session")
def small_photo(loaded: LoadedPhoto) -> PreparedPhoto:
    """The astronaut's face at 64 px."""
    return prepare(loaded, None, tiny_checkpoints.SIZE)


@pytest.fixture(scope="module")
def engine() -> FilterEngine:
    """The instant filters, for a file of tests."""
    return FilterEngine()


@pytest.fixture(scope="module")
def photo(loaded: LoadedPhoto) -> PreparedPhoto:
    """The astronaut's face at 192 px: large enough for every style."""
    return prepare(loaded, 0, 192)


@pytest.fixture
def job(small_photo: PreparedPhoto, presets: Presets) -> GenerationJob:
    """A job with one control, canny, of vertical stripes."""
    style = next(iter(presets.styles.values()))
    return GenerationJob(
        photo=small_photo,
        style=style,
        scene=presets.scene("none"),
        controls=(control("canny"),),
        prompt="an oil portrait of a person",
        negative_prompt="blurred",
        strength=0.6,
        ip_adapter_scale=0.6,
        seeds=(7,),
    )


@pytest.fixture(scope="module")
def engines(tiny_root: Path) -> Iterator[Callable[[str], DiffusionEngine]]:
    """Loaded engines by kind."""
    made: dict[str, DiffusionEngine] = {}

    def get(kind: str) -> DiffusionEngine:
        if kind not in made:
            made[kind] = DiffusionEngine(STACKS[kind](tiny_root))
        return made[kind]

    yield get
    for engine in made.values():
        engine.close()


@pytest.fixture
def sd15(engines: Callable[[str], DiffusionEngine]) -> DiffusionEngine:
    """The loaded engine of the SD1.5 stack."""
    return engines("sd15")


def control(annotator: str, *, scale: float = 0.8, stripe: int = 8, **keys: float) -> Control:
    """A control image of stripes, `stripe` pixels wide."""
    columns = (np.arange(tiny_checkpoints.SIZE) // stripe % 2 * 255).astype(np.uint8)
    picture = np.repeat(np.tile(columns, (tiny_checkpoints.SIZE, 1))[..., None], 3, axis=2)
    values = {"annotator": annotator, "controlnet_conditioning_scale": scale, "image": Image.fromarray(picture), **keys}
    return Control.model_validate(values)


def go_on(step: int, total: int, preview: Image.Image | None) -> bool:
    """A step callback that never stops."""
    return True


def same(first: Image.Image, second: Image.Image) -> bool:
    """Whether two pictures are alike to the last bit."""
    return first.size == second.size and first.tobytes() == second.tobytes()


def picture(engine: DiffusionEngine, job: GenerationJob, **changes: Any) -> Image.Image:
    """The first picture of a job."""
    return engine.generate(job.model_copy(update=changes), go_on)[0]


@dataclass
class Striped:
    """A studio whose control images are stripes."""

    job: Job

    def control(self, annotator: AnnotatorName) -> Image.Image:
        return control(annotator).image

    def backdrop(self, seed: int) -> Image.Image | None:
        return None

    def references(self) -> tuple[Image.Image, ...]:
        return (self.job.photo.image,)
