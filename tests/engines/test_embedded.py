"""The checkpoint that ships with the project, and what a stack can say for a small model like it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from benchmarks.portrait_figures import eyes_kept, face_kept, sharpness
from benchmarks.sitters import CONTROLS, Person, as_shown, job_for
from pipelines.controls.annotators import annotate
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.likeness import for_stack
from pipelines.engines.registry import Engines
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob
from pipelines.engines.unet.stack import UNetStack
from pipelines.hub.weights import PROJECT
from pipelines.photo.opening import prepare
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.safety.checker import HubChecker
from pipelines.safety.policy import default_policy
from pipelines.safety.review import UNCHECKED, Safety
from pipelines.schema import AnnotatorName, Consent, LoadedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import Settings
from tests.engines.conftest import control, embedded_stack, go_on, same
from tests.support.sweeps import sweep
from tests.tiny_checkpoints import local, sd15_stack

SIZE = 256
STYLES = ("oil-master", "charcoal", "golden-hour")


def picture(engine: DiffusionEngine, job: GenerationJob) -> Image.Image:
    return engine.generate(job, go_on)[0]


# --- what a stack can say --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "follows"), [pytest.param("photo", False, marks=pytest.mark.slow), ("preview", True)]
)
def test_a_stack_can_begin_with_the_preview_engines_picture(
    start: str, follows: bool, tiny_root: Path, job: GenerationJob, presets: Presets
) -> None:
    engine = DiffusionEngine(sd15_stack(tiny_root, start=start))
    # The words stay the same; only what the filters would paint differs.
    first, second = (
        job.model_copy(update={"style": presets.style(name), "strength": 0.3}) for name in ("charcoal", "pop-art")
    )
    assert same(picture(engine, first), picture(engine, second)) is not follows
    engine.close()


@pytest.mark.slow
def test_a_controlnet_can_be_kept_on_to_the_end(tiny_root: Path, job: GenerationJob) -> None:
    kept = {"canny": local(tiny_root, "cn-canny", control_guidance_end=1.0)}
    steady, plain = (
        DiffusionEngine(sd15_stack(tiny_root, controlnets=controlnets) if controlnets else sd15_stack(tiny_root))
        for controlnets in (kept, None)
    )
    early, late = (
        job.model_copy(update={"controls": (control("canny", scale=2.0, control_guidance_end=end),)})
        for end in (0.4, 1.0)
    )
    assert same(picture(steady, early), picture(plain, late))
    assert not same(picture(plain, early), picture(plain, late))
    steady.close()
    plain.close()


def test_rank_zero_is_taken_only_when_asked_for(presets: Presets, tiny_root: Path) -> None:
    resting = sd15_stack(tiny_root, rank=0)
    models = replace(presets, models={resting.id: resting})
    choice = Engines(models.models).create("auto")
    assert choice.engine.model_id == "preview"
    assert f"choose {resting.name}" in choice.notes[0]
    assert Engines(models.models).create(resting.id).engine.model_id == resting.id
    assert Engines(models.models).infos()[0].available


# --- the checkpoint --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded(presets: Presets) -> Iterator[DiffusionEngine]:
    """At a size for tests; how large it paints by itself is what `working_size` and `size` of its preset say."""
    engine = DiffusionEngine(embedded_stack(presets).model_copy(update={"size": SIZE, "working_size": SIZE * 3 // 4}))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def sitter(loaded: LoadedPhoto) -> Person:
    photo = prepare(loaded, None, SIZE)
    return Person("astronaut", photo, {name: annotate(name, photo) for name in CONTROLS})


def test_it_ships_whole_and_small(presets: Presets) -> None:
    stack = embedded_stack(presets)
    files = [path for path in (PROJECT / str(stack.base.path)).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 90_000_000
    assert max(path.stat().st_size for path in files) < 10_000_000
    assert stack.size >= 1024


def test_a_fresh_machine_makes_diffusion(presets: Presets) -> None:
    """With nothing but this project, `auto` takes the checkpoint, and says so."""
    choice = Engines(presets.models).create("auto")
    assert choice.engine.model_id == "embedded"
    assert choice.engine.is_diffusion
    assert choice.engine.name in choice.notes[0]
    assert next(info for info in Engines(presets.models).infos() if info.is_automatic).id == "embedded"


@pytest.mark.parametrize("name", sweep(STYLES, 1))
def test_the_face_stays_and_both_eyes_are_open(
    name: str, embedded: DiffusionEngine, presets: Presets, sitter: Person
) -> None:
    face = sitter.photo.face
    assert face is not None
    assert face.landmarks is not None
    portrait = np.asarray(
        picture(embedded, job_for(sitter, for_stack(presets.style(name), "embedded"), presets.scene("none")))
    )
    kept = face_kept(face.landmarks, portrait)
    assert kept.found
    assert kept.error is not None
    assert kept.error < 0.06
    assert eyes_kept(face.landmarks, portrait)


@pytest.mark.parametrize("name", sweep(CONTROLS, 1))
def test_each_control_guides(name: AnnotatorName, embedded: DiffusionEngine, presets: Presets, sitter: Person) -> None:
    style, scene = for_stack(presets.style("oil-master"), "embedded"), presets.scene("none")
    with_it = picture(embedded, job_for(sitter, style, scene))
    assert apart(picture(embedded, job_for(sitter, style, scene, without=name)), with_it) > 1.0


@pytest.mark.slow
def test_styles_and_seeds_differ_and_a_seed_repeats(
    embedded: DiffusionEngine, presets: Presets, sitter: Person
) -> None:
    oil, charcoal = (
        job_for(sitter, for_stack(presets.style(name), "embedded"), presets.scene("none")) for name in STYLES[:2]
    )
    first = picture(embedded, oil)
    assert same(picture(embedded, oil), first)
    assert apart(picture(embedded, oil.model_copy(update={"seeds": (2,)})), first) > 4.0
    assert apart(picture(embedded, charcoal), first) > 10.0


def test_a_scene_is_seen(embedded: DiffusionEngine, presets: Presets, sitter: Person) -> None:
    style = for_stack(presets.style("oil-master"), "embedded")
    plain, orbit = (picture(embedded, job_for(sitter, style, presets.scene(name))) for name in ("none", "orbit"))
    assert apart(plain, orbit) > 10.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["comic", "marble"])
def test_it_is_as_sharp_as_the_filters(name: str, presets: Presets, loaded: LoadedPhoto) -> None:
    """What it replaced was a soft copy of them. At the size that visitors get: it was taught at no other."""
    engine = DiffusionEngine(embedded_stack(presets))
    photo = prepare(loaded, None, engine.size)
    sitter = Person("astronaut", photo, {name: annotate(name, photo) for name in CONTROLS})
    job = job_for(sitter, for_stack(presets.style(name), "embedded"), presets.scene("none"))
    assert sharpness(np.asarray(picture(engine, job))) > 0.8 * sharpness(as_shown(FilterEngine(), job))
    engine.close()


def apart(first: Image.Image, second: Image.Image) -> float:
    """Mean difference of two pictures, of 255."""
    return float(np.abs(np.asarray(first, np.float32) - np.asarray(second, np.float32)).mean())


# --- where nobody checks pictures ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_may_work_unchecked_where_other_models_may_not_and_then_hears_no_strange_words(
    presets: Presets, loaded: LoadedPhoto, consent: Consent, tmp_path: Path
) -> None:
    on_a_space = Safety((default_policy(),), (HubChecker(),), checker=Settings.read({"SPACE_ID": "a/b"}).safety_checker)
    small = embedded_stack(presets).model_copy(update={"size": SIZE, "working_size": SIZE * 3 // 4})
    studio = SelfPortraitPipeline(replace(presets, models={small.id: small}), tmp_path, safety=on_a_space)
    request = {"photo": loaded, "style_id": "charcoal", "seeds": (1,), "model_id": "embedded", "consent": consent}
    plain = studio(build_request(**request))
    worded = studio(build_request(**request, extra_prompt="pop art, bright colours"))
    assert UNCHECKED in plain.notes
    assert any("your own words were left out" in note for note in worded.notes)
    assert not any("left out" in note for note in plain.notes)
    with Image.open(plain.portraits[0].path) as one, Image.open(worded.portraits[0].path) as other:
        assert one.tobytes() == other.tobytes()
    studio.close()


@pytest.mark.parametrize(
    "changes", [{"start": "photo", "working_size": None}, {"lora": {"repo_id": "a/b", "licence": "MIT", "bytes": 1}}]
)
def test_no_other_kind_of_stack_can_say_that_it_needs_no_checker(changes: dict[str, object], presets: Presets) -> None:
    values = presets.models["embedded"].model_dump() | changes
    with pytest.raises(ValidationError, match="may go without the checker"):
        UNetStack.model_validate(values)
