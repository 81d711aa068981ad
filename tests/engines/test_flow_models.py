"""Edit models and Z-Image: what they are told and shown, that it is what diffusers itself makes, and likeness."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ZImageImg2ImgPipeline
from PIL import Image

from pipelines.engines.flow.edit import EditEngine, KleinEngine, QwenEditEngine
from pipelines.engines.flow.engine import FlowEngine, flow_sigmas
from pipelines.engines.flow.instruction import instruction
from pipelines.engines.flow.z_image import ZImageEngine
from pipelines.errors import EngineUnavailable
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.safety.policy import default_policy
from pipelines.safety.review import Safety
from pipelines.schema import Consent, Job, LoadedPhoto, PreparedPhoto, Style, StylePicture
from pipelines.self_portrait import SelfPortraitPipeline
from tests.conftest import difference
from tests.engines.conftest import Striped, control, go_on, same
from tests.tiny_checkpoints import SIZE
from tests.tiny_extras import checker
from tests.tiny_flow import klein_stack, qwen_edit_stack, z_image_stack


@pytest.fixture(scope="module")
def klein(tiny_root: Path) -> Iterator[KleinEngine]:
    engine = KleinEngine(klein_stack(tiny_root))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def qwen(tiny_root: Path) -> Iterator[QwenEditEngine]:
    engine = QwenEditEngine(qwen_edit_stack(tiny_root))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def z_image(tiny_root: Path) -> Iterator[ZImageEngine]:
    engine = ZImageEngine(z_image_stack(tiny_root))
    yield engine
    engine.close()


@pytest.fixture
def job(small_photo: PreparedPhoto, presets: Presets) -> Job:
    return Job(photo=small_photo, style=presets.style("oil-master"), scene=presets.scene("none"), seeds=(7,))


class WithHead(Striped):
    """A studio that found a head."""

    def references(self) -> tuple[Image.Image, ...]:
        return (self.job.photo.image, self.job.photo.image.crop((20, 10, 44, 34)))


def picture(engine: FlowEngine[Any], job: Job, **changes: object) -> Image.Image:
    wanted = job.model_copy(update=changes)
    return engine.make(wanted, Striped(wanted), go_on).pictures[0]


# --- what they are told and shown ------------------------------------------------------------------------------------


def test_the_instruction_says_style_place_words_and_to_leave_the_person_who_they_are(presets: Presets) -> None:
    style, scene = presets.style("oil-master"), presets.scene("orbit")
    said = instruction(style, scene, "holding a lantern", 0.5, ["photo", "head", "lineart"], picture="image")
    for words in (
        f"as this picture: {style.prompt}.",
        f"Show the person {scene.prompt}.",
        "holding a lantern.",
        "same person as in image 1",
        "the skin tone",
        "glasses where there are any",
        "Image 2 shows the same face",
        "Image 3 is a line drawing of image 1",
    ):
        assert words in said
    assert "surroundings" not in said
    bare = instruction(style, presets.scene("none"), "  ", 0.5, ["photo"], picture="Picture")
    assert "Keep the surroundings of Picture 1." in bare
    assert "Picture 2" not in bare


def test_a_style_of_other_colours_is_not_told_to_keep_the_skins(presets: Presets) -> None:
    for style in presets.styles.values():
        said = instruction(style, presets.scene("none"), "", 0.5, ["photo"], picture="image")
        assert ("skin tone" in said) is style.natural_colour


def test_likeness_changes_what_is_told_at_both_ends(presets: Presets) -> None:
    style, scene = presets.style("oil-master"), presets.scene("none")
    low, middle, high = (instruction(style, scene, "", at, ["photo"], picture="image") for at in (0.0, 0.5, 1.0))
    assert "The style comes first" in low
    assert "Follow image 1 closely" in high
    assert low.startswith(middle)
    assert high.startswith(middle)


def test_photo_head_and_one_drawing_are_shown_the_styles_own_first(klein: KleinEngine, job: Job) -> None:
    plan = klein.plan(job, WithHead(job))
    assert [one.annotator for one in plan.controls] == ["lineart"]
    assert len(plan.pictures) == 3
    assert min(min(one.size) for one in plan.pictures) >= 64, "smaller ones are refused by the pipeline"
    other = job.style.model_copy(
        update={"controls": (job.style.controls[0].model_copy(update={"annotator": "canny"}),)}
    )
    assert [one.annotator for one in klein.plan(job.model_copy(update={"style": other}), Striped(job)).controls] == [
        "canny"
    ]


def test_what_guided_it_is_said_truly(klein: KleinEngine, qwen: QwenEditEngine, job: Job) -> None:
    made = klein.make(job, Striped(job), go_on)
    assert [one.annotator for one in made.controls] == ["lineart"]
    free = job.model_copy(update={"likeness": 0.2})
    assert klein.make(free, Striped(free), go_on).controls == (), "no drawing was shown"
    bare = qwen.make(job, Striped(job), go_on)
    assert (bare.controls, bare.notes) == ((), ())


def test_a_style_picture_is_shown_last_and_only_to_a_style_that_paints_after_one(
    klein: KleinEngine, job: Job, presets: Presets
) -> None:
    given = StylePicture(image=Image.radial_gradient("L").convert("RGB"))
    own = job.model_copy(update={"style": presets.style("own-picture"), "style_picture": given})
    plan = klein.plan(own, Striped(own))
    assert "brushwork and material from image 3" in plan.words
    assert len(plan.pictures) == 3
    assert klein.stack.reads_style_picture
    other = StylePicture(image=Image.linear_gradient("L").convert("RGB"))
    assert not same(picture(klein, own), picture(klein, own, style_picture=other))
    assert len(klein.plan(job.model_copy(update={"style_picture": given}), Striped(job)).pictures) == 2


def test_words_reach_the_picture(klein: KleinEngine, qwen: QwenEditEngine, z_image: ZImageEngine, job: Job) -> None:
    for engine in (klein, qwen, z_image):
        assert not same(picture(engine, job), picture(engine, job, words="holding a lantern"))


# --- as diffusers makes it -------------------------------------------------------------------------------------------


def test_klein_makes_what_a_plain_call_makes(klein: KleinEngine, job: Job) -> None:
    made = picture(klein, job)
    plan = klein.plan(job, Striped(job))
    noise = torch.randn((1, 16, SIZE // 16, SIZE // 16), generator=torch.Generator().manual_seed(7))
    plain = klein._pipe(
        image=list(plan.pictures),
        prompt=plan.words,
        num_inference_steps=4,
        guidance_scale=1.0,
        latents=noise,
        width=SIZE,
        height=SIZE,
    ).images[0]
    assert same(made, plain)


@pytest.mark.parametrize("true_cfg_scale", [1.0, 3.0])
def test_qwen_edit_makes_what_a_plain_call_makes(tiny_root: Path, job: Job, true_cfg_scale: float) -> None:
    engine = QwenEditEngine(qwen_edit_stack(tiny_root, true_cfg_scale=true_cfg_scale))
    made = picture(engine, job)
    plan = engine.plan(job, Striped(job))
    plain = engine._pipe(
        image=list(plan.pictures),
        prompt=plan.words,
        negative_prompt=job.style.negative_prompt if true_cfg_scale > 1.0 else None,
        true_cfg_scale=true_cfg_scale,
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(7),
        width=SIZE,
        height=SIZE,
    ).images[0]
    assert same(made, plain)


def test_z_image_without_control_is_diffusers_own_img2img(z_image: ZImageEngine, job: Job) -> None:
    off = with_controls(job.style, controlnet_conditioning_scale=0.0).model_copy(update={"strength": 0.5})
    made = picture(z_image, job, style=off)
    parts = {name: part for name, part in z_image._pipe.components.items() if name != "controlnet"}
    plain = ZImageImg2ImgPipeline(**parts)(
        prompt=off.prompt,
        image=job.photo.image,
        strength=0.5,
        num_inference_steps=8,  # of which the last four run
        guidance_scale=0.0,
        generator=torch.Generator().manual_seed(7),
        width=SIZE,
        height=SIZE,
    ).images[0]
    assert difference(made, plain) < 0.01


def test_the_schedule_at_full_strength_is_the_pipelines_own() -> None:
    assert flow_sigmas(1.0, 4) == [1.0, 0.75, 0.5, 0.25]
    assert flow_sigmas(0.5, 2) == [0.5, 0.25]


# --- likeness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["klein", "qwen"])
def test_towards_me_the_photo_shines_through_the_noise(name: str, job: Job, request: pytest.FixtureRequest) -> None:
    """With random weights a picture is no likeness, so the first noise is measured: it holds more and more photo."""
    engine: EditEngine = request.getfixturevalue(name)
    first: list[torch.Tensor] = []
    engine.load()
    packed = engine._packed

    def keep(latents: torch.Tensor) -> torch.Tensor:
        first.append(latents)
        return packed(latents)

    engine._packed = keep  # type: ignore[method-assign]
    try:
        strengths = []
        for likeness in (0.4, 0.5, 0.7, 0.85, 1.0):
            wanted = job.model_copy(update={"likeness": likeness})
            strengths.append(engine.plan(wanted, Striped(wanted)).strength)
            picture(engine, wanted)
    finally:
        del engine._packed
    assert strengths == pytest.approx([1.0, 1.0, 0.8, 0.65, 0.5])
    assert torch.equal(first[0], first[1])
    noise = first[0]
    left = [float((noise * latents).sum() / (noise * noise).sum()) for latents in first]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.97


def test_the_style_decides_how_far_z_image_repaints(z_image: ZImageEngine, job: Job) -> None:
    free, close = (z_image.plan(job.model_copy(update={"likeness": at}), Striped(job)) for at in (0.0, 1.0))
    assert free.strength > job.style.strength > close.strength
    scales = [plan.controls[0].controlnet_conditioning_scale for plan in (free, close)]
    assert scales[0] < scales[1]


# --- Z-Image's ControlNet --------------------------------------------------------------------------------------------


def with_controls(style: Style, **keys: Any) -> Style:
    setting = style.controls[0].model_copy(update={"annotator": "canny", "control_guidance_end": 1.0, **keys})
    return style.model_copy(update={"controls": (setting,)})


def test_another_control_gives_another_picture(z_image: ZImageEngine, job: Job) -> None:
    style = with_controls(job.style, controlnet_conditioning_scale=1.0)

    class Wide(Striped):
        def control(self, annotator: Any) -> Image.Image:
            return control(annotator, stripe=16).image

    wanted = job.model_copy(update={"style": style})
    assert not same(picture(z_image, wanted), z_image.make(wanted, Wide(wanted), go_on).pictures[0])


@pytest.mark.parametrize(
    ("keys", "runs"),
    [
        ({}, 4),
        ({"control_guidance_end": 0.5}, 2),
        ({"control_guidance_start": 0.75}, 1),
        ({"controlnet_conditioning_scale": 0.0}, 0),
    ],
)
def test_outside_its_window_it_is_not_run_at_all(
    keys: dict[str, float], runs: int, z_image: ZImageEngine, job: Job
) -> None:
    z_image.load()
    seen: list[int] = []
    hook = z_image._pipe.controlnet.control_layers[0].register_forward_hook(lambda *_: seen.append(1))
    picture(z_image, job, style=with_controls(job.style, **keys), seeds=(1, 2))
    hook.remove()
    assert len(seen) == 2 * runs


def test_controls_that_it_was_not_trained_with_are_named(z_image: ZImageEngine, job: Job) -> None:
    asked = [one.annotator for one in job.style.controls]
    assert "canny" not in asked
    made = z_image.make(job, Striped(job), go_on)
    assert [one.annotator for one in made.controls] == ["canny"]
    assert len(made.notes) == 1
    assert "has no control for lineart and mediapipe_face; it was guided by canny." in made.notes[0]


def test_the_step_pictures_come_from_the_tiny_decoder(z_image: ZImageEngine, job: Job) -> None:
    previews: list[Image.Image | None] = []
    z_image.make(job, Striped(job), lambda step, total, preview: previews.append(preview) is None)
    assert [one is not None for one in previews] == [False, False, True, True, True, False]


# --- what is broken, what is kept ------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[Any, Any, str, str]] = {
    "klein transformer": (KleinEngine, klein_stack, "klein/transformer/config.json", "transformer"),
    "klein text encoder": (KleinEngine, klein_stack, "klein/text_encoder/model-00002-of-00004.safetensors", "text enc"),
    "klein vae": (KleinEngine, klein_stack, "klein/vae/diffusion_pytorch_model.safetensors", "base model"),
    "qwen processor": (QwenEditEngine, qwen_edit_stack, "qwen-edit/processor/preprocessor_config.json", "base model"),
    "qwen lora": (QwenEditEngine, qwen_edit_stack, "qwen-lora/few-steps.safetensors", "LoRA"),
    "z controlnet": (ZImageEngine, z_image_stack, "z-control/union.safetensors", "ControlNet"),
    "z decoder": (ZImageEngine, z_image_stack, "taef1/config.json", "preview decoder"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named(case: str, tiny_root: Path, tmp_path: Path, job: Job) -> None:
    engine, stack, name, part = BROKEN[case]
    copy = Path(shutil.copytree(tiny_root, tmp_path / "copy"))
    (copy / name).write_bytes((copy / name).read_bytes()[:50])
    with pytest.raises(EngineUnavailable, match=part):
        picture(engine(stack(copy)), job)


def test_a_controlnet_of_another_version_is_refused(tiny_root: Path, job: Job) -> None:
    places = {**z_image_stack(tiny_root).controlnet.model_dump(), "control_layers_places": [0, 1]}
    with pytest.raises(EngineUnavailable, match="ControlNet of Tiny Z-Image cannot be read"):
        picture(ZImageEngine(z_image_stack(tiny_root, controlnet=places)), job)


def test_nothing_of_a_visitor_is_kept(
    klein: KleinEngine, qwen: QwenEditEngine, z_image: ZImageEngine, job: Job
) -> None:
    for engine in (klein, qwen, z_image):
        picture(engine, job, words="words of a visitor")
        kept = [value for name, value in vars(engine).items() if name not in ("stack", "_pipe", "_tiny_vae")]
        assert "visitor" not in repr(kept)
        assert "prepare_image_latents" not in vars(engine._pipe), "pictures that were read for one job"


# --- from request to file --------------------------------------------------------------------------------------------


@pytest.fixture
def studio(presets: Presets, tiny_root: Path, tmp_path: Path) -> Iterator[SelfPortraitPipeline]:
    stack = klein_stack(tiny_root)
    pipeline = SelfPortraitPipeline(replace(presets, models={stack.id: stack}), tmp_path / "portraits")
    yield pipeline
    pipeline.close()


def test_a_portrait_is_marked_and_says_what_made_it(
    studio: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(studio, "safety", Safety((default_policy(),), (checker(tmp_path / "hub", refuses=False),)))
    request = build_request(
        photo=loaded,
        style_id="oil-master",
        scene_id="orbit",
        seeds=(1,),
        extra_prompt="with a lantern",
        consent=consent,
    )
    made = studio(request)
    (portrait,) = made.portraits
    assert (portrait.model_id, portrait.is_diffusion, portrait.provenance.state) == ("tiny-klein", True, "intact")
    assert [one.annotator for one in made.controls] == ["lineart"]
    assert not [note for note in made.notes if "guided" in note or "no control" in note]


@pytest.mark.slow
def test_its_pictures_pass_the_checker_or_are_not_made(
    studio: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    request = build_request(photo=loaded, style_id="oil-master", seeds=(1,), consent=consent)
    for use, refuses, words in (("auto", True, "not shown"), ("required", None, "every picture checker")):
        checkers = (checker(tmp_path / use, refuses=True),) if refuses else ()
        monkeypatch.setattr(studio, "safety", Safety((default_policy(),), checkers, checker=use))  # type: ignore[arg-type]
        with pytest.raises(Exception, match=words):
            studio(request, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_qwen_reads_the_places_of_a_picture_in_rows_and_columns(tiny_root: Path, job: Job) -> None:
    """transformers 5 reads all as words where nobody says which tokens are of a picture."""
    engine = QwenEditEngine(qwen_edit_stack(tiny_root))
    engine.load()
    reader, places = engine._pipe.text_encoder.model.language_model, list[torch.Tensor]()
    reader.register_forward_pre_hook(lambda _, __, seen: places.append(seen["position_ids"]), with_kwargs=True)
    engine.make(job, Striped(job), go_on)
    assert places
    for found in places:
        along, down, across = found[-3:, 0]
        assert not torch.equal(down, across), "all as words, one after the other"
        assert int(across.max()) < along.shape[0] - 1, "a picture's rows lie side by side"
    engine.close()
