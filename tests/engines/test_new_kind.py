"""A new kind of engine is a class, a line in the kinds and a TOML file: here an edit model that looks at
pictures of the sitter, and has no ControlNet at all.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image, ImageChops

from pipelines import sizes
from pipelines.engines.base import Made, Studio
from pipelines.engines.kinds import KINDS, Kind
from pipelines.engines.registry import Engines
from pipelines.hub.components import Component, Part
from pipelines.hub.source import HubSource
from pipelines.hub.stack import ModelStack
from pipelines.photo.opening import prepare
from pipelines.portrait_request import build_request
from pipelines.presets.loading import PRESETS, Presets, load_presets
from pipelines.schema import AnnotatorName, Consent, Job, LoadedPhoto, Shape, Size, StepCallback
from pipelines.self_portrait import SelfPortraitPipeline


class EditStack(ModelStack):
    """An edit model: one repository, and nothing of ControlNets, schedulers or strength."""

    kind: Literal["edit"]
    base: HubSource

    def components(self) -> tuple[Component, ...]:
        return (Component("edit model", self.base, (Part("file", "", "weights.bin"),)),)


class EditEngine:
    """Puts the sitter's head into the scene, as an edit model would with its reference pictures."""

    is_diffusion = True

    def __init__(self, stack: EditStack) -> None:
        self.name, self.model_id, self.size = stack.name, stack.id, stack.size

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        return sizes.within(shape, self.size, 8)

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        return ()

    def load(self) -> None:
        """Nothing to load."""

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        pictures = []
        for number, seed in enumerate(job.seeds, 1):
            crop, head = studio.references()
            picture = ImageChops.invert(studio.backdrop(seed) or crop)
            picture.paste(head.resize((64, 64)), (32, 32))
            pictures.append(picture)
            assert on_step(number, len(job.seeds), picture)
        return Made(pictures, notes=(f"{self.name} was told: {job.words}.",))

    def close(self) -> None:
        """Nothing to free."""


NEW = {**KINDS, "edit": Kind(EditStack, EditEngine)}
FILE = """
name = "Edit model"
summary = "Repaints a person from pictures of them."
kind = "edit"
rank = 900
size = 256
memory_bytes = 1000
[base]
path = "{folder}"
licence = "MIT"
bytes = 0
"""


@pytest.fixture
def presets_with_it(tmp_path: Path) -> Presets:
    """The studio's presets with one more file."""
    root = shutil.copytree(PRESETS, tmp_path / "presets")
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "weights.bin").write_bytes(b"1")
    (root / "models" / "edit.toml").write_text(FILE.format(folder=weights), "utf-8")
    assert [problem.hint for problem in load_presets(root).problems] == [
        "Preset models/edit.toml, field kind: Input should be one of: sd15, sdxl, sdxl-union, flux2-klein, "
        "qwen-edit-plus, z-image."
    ]
    return load_presets(root, NEW)


def test_it_is_listed_chosen_and_makes_a_marked_portrait(
    presets_with_it: Presets, loaded: LoadedPhoto, consent: Consent, tmp_path: Path
) -> None:
    assert presets_with_it.problems == ()
    engines = Engines(presets_with_it.models, kinds=NEW)
    info = next(info for info in engines.infos() if info.id == "edit")
    assert (info.available, info.is_automatic, info.is_diffusion, info.licence) == (True, True, True, "MIT")
    pipeline = SelfPortraitPipeline(presets_with_it, tmp_path / "out", engines=engines)
    request = build_request(
        photo=loaded,
        style_id="oil-master",
        scene_id="alpine-lake",
        seeds=(3,),
        model_id="edit",
        extra_prompt="holding a lantern",
        consent=consent,
    )
    made = pipeline(request)
    assert made.engine == "Edit model"
    assert made.controls == ()
    assert made.notes[0] == "Edit model was told: holding a lantern."
    assert not [note for note in made.notes if "guided" in note or "control" in note]
    (portrait,) = made.portraits
    assert (portrait.model_id, portrait.is_diffusion, portrait.provenance.state) == ("edit", True, "intact")
    with Image.open(portrait.path) as picture:
        assert picture.size == (256, 256)
    pipeline.close()


def test_it_gets_the_sitter_and_the_scene(
    presets_with_it: Presets, loaded: LoadedPhoto, consent: Consent, tmp_path: Path
) -> None:
    seen: list[tuple[tuple[Image.Image, ...], Image.Image | None, Image.Image | None]] = []

    class Looking(EditEngine):
        def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
            seen.append((studio.references(), studio.backdrop(1), studio.backdrop(2)))
            return super().make(job, studio, on_step)

    engines = Engines(presets_with_it.models, kinds={**NEW, "edit": Kind(EditStack, Looking)})
    pipeline = SelfPortraitPipeline(presets_with_it, tmp_path / "out", engines=engines)
    for scene in ("orbit", "none"):
        pipeline(
            build_request(photo=loaded, style_id="comic", scene_id=scene, seeds=(1,), model_id="edit", consent=consent)
        )
    pipeline.close()
    (crop, head), first, second = seen[0]
    assert crop.size == (256, 256)
    assert head.width < crop.width
    assert first is not None
    assert second is not None
    assert first.size == crop.size
    assert first.tobytes() != second.tobytes(), "each seed has its own place"
    (crop, _), none, _ = seen[1]
    assert none is None, "without a scene the photo's own place is kept"
    assert crop.tobytes() == prepare(loaded, None, 256).image.tobytes()
