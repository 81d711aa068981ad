"""No gender, age or ethnicity is guessed, or written into a prompt."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image, ImageEnhance, ImageOps

from languages.syntax import parse
from pipelines import heavy
from pipelines.engines.filters.stage import Stage
from pipelines.engines.flow.engine import FlowEngine
from pipelines.engines.flow.stack import EditStack
from pipelines.engines.kinds import KINDS
from pipelines.engines.unet.job import resolve
from pipelines.engines.unet.stack import UNetStack
from pipelines.hub.stack import ModelStack
from pipelines.job_studio import JobStudio
from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.schema import AnnotatorName, Consent, Job, LoadedPhoto
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.fakes import FakeEngine, FakeEngines

ROOT = Path(__file__).resolve().parents[2]

GENDER = "man men woman women male males female females boy boys girl girls lady ladies gentleman gentlemen guy guys \
he him his she her hers masculine feminine manly womanly mother father son daughter husband wife king queen prince \
princess androgynous transgender beard bearded moustache"
AGE = "young younger youthful elderly aged ageing aging child children child's children's kid kids teen teens teenage \
teenager adult adults baby infant toddler senior seniors middle-aged grandmother grandfather wrinkles wrinkled"
ORIGIN = "asian african european american americans caucasian hispanic latino latina arab arabic jewish indian \
chinese korean black-skinned white-skinned dark-skinned fair-skinned light-skinned pale tanned nordic slavic ethnic \
ethnicity race racial"
WORDS = re.compile(rf"(?<![\w'-])(?:{'|'.join(map(re.escape, f'{GENDER} {AGE} {ORIGIN}'.split()))})(?![\w'-])")
# Colours and ages belong to things: black ink, an old library, but no black person and no old face.
OF_PEOPLE = re.compile(r"(?:black|white|brown|dark|fair|light|old)[ -](?:person|people|face|skin|sitter|one)\b")


def telling(prompt: str) -> list[str]:
    """The words of a prompt that say what a person is."""
    return WORDS.findall(prompt.lower()) + OF_PEOPLE.findall(prompt.lower())


def test_the_search_finds_what_it_should() -> None:
    for prompt in ("a young person", "an American comic", "a woman", "white person", "old face", "a child's book"):
        assert telling(prompt), prompt
    for prompt in (
        "old master oil painting",
        "white chalk, black ink",
        "Roman mosaic",
        "the human, the mantle, theatre",
    ):
        assert not telling(prompt), prompt


def test_no_preset_says_what_a_person_is(presets: Presets) -> None:
    prompts = {f"scene {scene.id}": scene.prompt for scene in presets.scenes.values()}
    for style in presets.styles.values():
        prompts[f"style {style.id}"] = style.prompt
        prompts[f"style {style.id}, negative"] = style.negative_prompt
        for stack, override in style.overrides.items():
            prompts[f"style {style.id}, {stack}"] = f"{override.prompt or ''} | {override.negative_prompt or ''}"
    assert {where: found for where, prompt in prompts.items() if (found := telling(prompt))} == {}


def what_is_told(stack: ModelStack, job: Job, studio: JobStudio) -> str:
    """The words that a stack's model reads for a job."""
    if isinstance(stack, UNetStack):
        return resolve(job, stack, studio)[0].prompt
    engine = KINDS[stack.kind].engine(stack)
    assert isinstance(engine, FlowEngine)
    return engine.plan(job, studio).words


@pytest.mark.slow
def test_the_prompt_is_the_same_whoever_sits(
    presets: Presets, face_photo: Image.Image, consent: Consent, tmp_path: Path
) -> None:
    """What an engine is given to read is style, scene and the visitor's own words, and nothing from the photo."""
    engine = FakeEngine()
    pipeline = SelfPortraitPipeline(presets, tmp_path, engines=FakeEngines(engine))
    sitters: list[LoadedPhoto] = [
        open_photo(face_photo),
        open_photo(ImageEnhance.Brightness(ImageOps.mirror(face_photo)).enhance(0.55)),
    ]
    for number, style in enumerate(presets.styles.values()):
        scene = list(presets.scenes.values())[number % len(presets.scenes)]
        words = "holding a lantern" if number % 2 else ""
        pipeline(
            build_request(
                photo=sitters[number // 2 % 2],
                style_id=style.id,
                scene_id=scene.id,
                seeds=(number,),
                model_id="preview",
                extra_prompt=words,
                consent=consent,
            )
        )
        job = engine.jobs[-1]
        assert (job.style, job.scene, job.words) == (style, scene, words)
        for stack in presets.models.values():
            written = style.overrides[stack.id].prompt if stack.id in style.overrides else None
            read = words if stack.needs_checker else ""
            parts = [part for part in (written or style.prompt, scene.prompt, read) if part]
            studio = JobStudio(job, dict.fromkeys(get_args(AnnotatorName), job.photo.image), Stage())
            told = what_is_told(stack, job, studio)
            if isinstance(stack, EditStack):
                assert [part for part in parts if part not in told] == []
                assert telling(told) == []
            else:
                assert told == ", ".join(parts)
    assert len(engine.jobs) == len(presets.styles)
    pipeline.close()


# Every class of the libraries of networks that is named anywhere: none of them answers gender, age or origin.
KNOWN = {
    "AutoencoderKLFlux2",
    "AutoencoderKLQwenImage",
    "Flux2KleinPipeline",
    "Flux2Transformer2DModel",
    "QwenImageEditPlusPipeline",
    "QwenImageTransformer2DModel",
    # Language models that read an instruction, one of them together with the pictures; nothing that they say is read.
    "Qwen2Tokenizer",
    "Qwen2VLProcessor",
    "Qwen2_5_VLForConditionalGeneration",
    "Qwen3ForCausalLM",
    "Qwen3Model",
    "ZImageControlNetModel",
    "ZImageControlNetPipeline",
    "ZImageTransformer2DModel",
    "AutoImageProcessor",
    "AutoModelForDepthEstimation",
    "AutoencoderKL",
    "AutoencoderTiny",
    "CLIPImageProcessor",
    "CLIPTextModel",
    "CLIPTextModelWithProjection",
    "CLIPTokenizer",
    "CLIPVisionModelWithProjection",
    "ControlNetModel",
    "ControlNetUnionModel",
    "MultiControlNetModel",
    "StableDiffusionControlNetImg2ImgPipeline",
    "StableDiffusionXLControlNetImg2ImgPipeline",
    "StableDiffusionXLControlNetUnionImg2ImgPipeline",
    "UNet2DConditionModel",
}
# How steps are spaced, and detectors that draw lines and points.
HARMLESS = re.compile(r"\w+(Scheduler|[Dd]etector)$")


def named(source: str) -> set[str]:
    """What a file names, by a dot or as a text: a class can be taken from a library by either."""
    nodes = list(ast.walk(parse(source)))
    dotted = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return dotted | {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.fixture(scope="module")
def offered() -> set[str]:
    """Every class that the libraries of networks have to offer."""
    libraries = [heavy.load(name) for name in ("diffusers", "transformers", "controlnet_aux")]
    return {name for library in libraries for name in dir(library) if name[0].isupper()}


@pytest.mark.xdist_group("torch")
def test_the_search_for_networks_finds_them_by_name_too(offered: set[str]) -> None:
    judge = "AutoModelForImageClassification"
    for source in (f"library.{judge}", f'getattr(library, "{judge}")', f'kinds = {{"a": "{judge}"}}'):
        assert named(source) & offered == {judge}


@pytest.mark.xdist_group("torch")
def test_no_network_that_judges_people_is_ever_loaded(offered: set[str]) -> None:
    folders = ("pipelines", "study", "visits", "web", "ui")
    code = "\n".join(path.read_text("utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py"))
    found = named(code.replace("from __future__ import annotations\n", "")) & offered
    found = {name for name in found if not HARMLESS.match(name)}
    assert "CLIPTextModel" in found
    assert found <= KNOWN
    solutions = set(re.findall(r"solutions\.(\w+)", code))
    assert solutions <= {"face_detection", "face_mesh", "face_mesh_connections", "pose", "selfie_segmentation"}
    judging = (
        r"deepface|insightface|fairface|genderage|age_?gender|ageclassif|gender_?classif|zero-shot|image-classification"
    )
    assert re.findall(judging, code.lower()) == []
