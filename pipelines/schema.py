"""Values that cross rooms on the way to a portrait: frozen, checked at construction, free of behaviour.

Preset files, the photo, the request and the job. What comes of them is in pipelines.results.

Argument names are those of diffusers wherever diffusers has one, from the preset file to the pipeline call.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol, Self

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from languages.saying import Words
from pipelines.recipe import RecipeStep

PresetId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, strict=True)]
Unit = Annotated[float, Field(ge=0.0, le=1.0)]
# What visitors type to find a preset, besides its name: one to four words as they would type them.
Keyword = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([ -][a-z0-9]+){0,3}$", max_length=30, strict=True)]
AnnotatorName = Literal["canny", "lineart", "softedge", "mediapipe_face", "pose", "depth", "tile"]
Family = Literal["painting", "illustration", "futuristic", "photographic"]
Shape = Literal["1:1", "4:5", "9:16"]  # width to height
Size = Literal["screen", "print"]  # in pixels only an engine knows: Engine.dimensions
# Make portraits, keep them for the study, show them to others, compare faces in photo and portrait with strangers'.
Purpose = Literal["portraits", "study", "examples", "identity"]

MAX_VARIATIONS = 4
MAX_UPLOAD_BYTES = 40 * 1024 * 1024
MAX_UPLOAD_PIXELS = 64_000_000  # a 60-megapixel phone picture passes, a decompression bomb does not
MAX_PROMPT_CHARACTERS = 400


class Value(BaseModel):
    """Base of all values: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())


def _each_once(words: tuple[str, ...]) -> tuple[str, ...]:
    if twice := next((word for word in words if words.count(word) > 1), None):
        raise ValueError(f"write “{twice}” once")
    return words


# --- presets ---------------------------------------------------------------------------------------------------------


class ControlSetting(Value):
    """One ControlNet that a style asks for."""

    annotator: AnnotatorName = Field(description="Which control image is drawn from the photo.")
    controlnet_conditioning_scale: float = Field(
        0.8,
        ge=0.0,
        le=2.0,
        title="Weight",
        description="Weight of this ControlNet: how closely the drawing is followed.",
    )
    control_guidance_start: Unit = Field(
        0.0, title="Begins", description="Share of the steps after which the control begins."
    )
    control_guidance_end: Unit = Field(
        1.0, title="Ends", description="Share of the steps after which the control ends."
    )


class StyleOverride(Value):
    """What a style changes for one model stack. Keys left out keep the style's own value."""

    prompt: str | None = Field(None, max_length=600, title="Words", description="Replaces the style's prompt.")
    negative_prompt: str | None = Field(
        None, max_length=600, title="Words for what is not wanted", description="Replaces the style's negative prompt."
    )
    strength: float | None = Field(None, gt=0.0, le=1.0, description="Replaces `strength`.")
    guidance_scale: float | None = Field(
        None, ge=0.0, le=15.0, title="Guidance", description="Replaces `guidance_scale`."
    )
    ip_adapter_scale: Unit | None = Field(None, title="Face adapter", description="Replaces `ip_adapter_scale`.")
    controls: tuple[ControlSetting, ...] | None = Field(None, max_length=3, description="Replaces `controls`.")
    start: tuple[RecipeStep, ...] | None = Field(None, min_length=1, max_length=16, description="Replaces `start`.")
    finish: tuple[RecipeStep, ...] | None = Field(None, max_length=15, description="Replaces `finish`.")


class Pickable(Value):
    """What a picker shows of a style or a scene, and finds it by."""

    id: PresetId = Field(description="The file name; never written in the file.")
    name: Words = Field(min_length=2, max_length=40, description="What visitors read.")
    summary: Words = Field(min_length=10, max_length=140, description="One sentence for the picker.")
    keywords: tuple[Keyword, ...] = Field(
        (),
        max_length=12,
        description="What visitors may type to find it, besides its name: one to four words each, lower case.",
    )

    _keywords_once = field_validator("keywords")(_each_once)


class Style(Pickable):
    """One look, from presets/styles/<id>.toml. The file name is the id."""

    family: Family = Field(description="Group in the picker.")
    order: int = Field(100, ge=0, le=1000, description="Place inside the family, smallest first.")
    based_on: PresetId | None = Field(
        None, description="The style that it was made from, where it is a changed copy; its portraits say so."
    )
    prompt: str = Field(min_length=10, max_length=600, title="Words", description="Words for the text encoder.")
    negative_prompt: str = Field(
        "",
        max_length=600,
        title="Words for what is not wanted",
        description="Used only where guidance_scale is over 1.",
    )
    controls: tuple[ControlSetting, ...] = Field(min_length=1, max_length=3, description="ControlNets, main one first.")
    strength: float = Field(
        0.6, gt=0.0, le=1.0, description="How far the photo is repainted (img2img strength), at likeness 0.5."
    )
    guidance_scale: float | None = Field(
        None,
        ge=0.0,
        le=15.0,
        title="Guidance",
        description="How closely the words are followed (classifier-free guidance); left out, the model stack's own.",
    )
    ip_adapter_scale: Unit = Field(
        0.6, title="Face adapter", description="Weight of the face adapter at likeness 0.5, for models that have one."
    )
    natural_colour: bool = Field(
        True,
        title="Skin keeps its colour",
        description="Whether skin is meant to keep its own colour in this style.",
    )
    preview: tuple[RecipeStep, ...] = Field(min_length=1, max_length=16, description="Recipe of the instant filters.")
    finish_steps: int = Field(
        0,
        ge=0,
        le=15,
        description="How many of the last steps of `preview` are a finish: what lives at the scale of pixels (line,"
        ' hatching, tiles, grain, paper). A stack with `start = "preview"` repaints the steps before, and lays these'
        " on its picture at full size.",
    )
    start: tuple[RecipeStep, ...] | None = Field(
        None,
        min_length=1,
        max_length=16,
        description="Recipe of what such a stack repaints; left out, the steps of `preview` before its finish.",
    )
    finish: tuple[RecipeStep, ...] | None = Field(
        None,
        max_length=15,
        description="What is laid on its picture; left out, the finish of `preview`.",
    )
    overrides: dict[PresetId, StyleOverride] = Field(default_factory=dict, description="Changes by model stack id.")

    @property
    def needs_picture(self) -> bool:
        """Whether it paints after a picture that the visitor gives, and cannot without."""
        return any(step.op == "after_picture" for step in self.preview)

    @property
    def start_recipe(self) -> tuple[RecipeStep, ...]:
        """What a stack that repaints the filters' picture begins with."""
        return self.preview[: len(self.preview) - self.finish_steps] if self.start is None else self.start

    @property
    def finish_recipe(self) -> tuple[RecipeStep, ...]:
        """What is laid on the picture of such a stack."""
        return self.preview[len(self.preview) - self.finish_steps :] if self.finish is None else self.finish

    @model_validator(mode="after")
    def _something_is_painted(self) -> Self:
        if self.finish_steps >= len(self.preview):
            raise ValueError("finish_steps must leave at least one step of the recipe to be painted")
        return self


class Light(Value):
    """The light that a scene throws on the person (instant filters)."""

    color: str = Field("#ffffff", pattern=r"^#[0-9a-f]{6}$", description="Colour of the key light.")
    rim: str = Field("#ffffff", pattern=r"^#[0-9a-f]{6}$", description="Colour of the light from behind.")
    amount: Unit = Field(0.3, description="How far the person is tinted.")
    direction: Literal["left", "right", "above", "below", "front"] = Field("left", description="Where it comes from.")


class Scene(Pickable):
    """One setting, from presets/scenes/<id>.toml. Added to any style."""

    order: int = Field(100, ge=0, le=1000, description="Place in the picker, smallest first.")
    prompt: str = Field("", max_length=300, description="Words appended to the style's prompt.")
    backdrop: str | None = Field(
        None,
        pattern=r"^[a-z_]+$",
        description="Painter of the filters' background; left out keeps the photo's.",
    )
    light: Light | None = Field(None, description="Light thrown on the person in the instant filters.")

    @property
    def key_side(self) -> float:
        """Where its light comes from: -1 left, 1 right."""
        return 1.0 if self.light is not None and self.light.direction == "right" else -1.0


# --- photo -----------------------------------------------------------------------------------------------------------


QuarterTurn = Literal[0, 90, 180, 270]
# doubtful: perhaps a cup, a logo or a drawing; the visitor is asked. marked: by the visitor's own hand.
Certainty = Literal["sure", "likely", "doubtful", "marked"]


class Face(Value):
    """A face in a picture, in that picture's pixels."""

    box: tuple[float, float, float, float] = Field(description="left, top, right, bottom")
    score: Unit = Field(description="Confidence of the detector.")
    certainty: Certainty = Field("sure", description="How sure it is that this is a face of a person.")
    landmarks: np.ndarray | None = Field(None, description="(478, 2) float32 x, y of MediaPipe's face mesh, or None.")


HintKind = Literal[
    "no-face",
    "doubtful-face",
    "several-faces",
    "not-upright",
    "too-small",
    "too-dark",
    "too-bright",
    "blurred",
    "cut-off",
    "turned",
    "unmeasured",
    "incomplete",
    "close-cut",
    "out-of-crop",
    "small-print",
    "neighbours",
]


class PhotoHint(Value):
    """One sentence on how a photo could be better. `blocking` ones must be mended or chosen first."""

    kind: HintKind
    sentence: Words
    blocking: bool = False


class LoadedPhoto(Value):
    """A photo as the visitor gave it: RGB, turned as its file says, no metadata, with what was seen.

    At most 2560 px on its long side. Lives in memory only. Each is one of its own, whatever it looks like: what is
    drawn from it is kept by it, and goes with it.
    """

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    image: Image.Image
    faces: tuple[Face, ...] = Field((), description="The surest first, of equally sure ones the largest.")
    left_out: int = Field(0, ge=0, description="How many more faces were found than are in `faces`.")
    turn: QuarterTurn = Field(0, description="Degrees clockwise that would set it upright, as its faces say.")
    is_incomplete: bool = Field(False, description="The end of the file is missing.")


class StylePicture(Value):
    """A picture that a visitor gave to be painted after: RGB, turned as its file says, no metadata. In memory only.

    Each is one of its own, whatever it looks like: what is found out about it is kept by it, and goes with it.
    """

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    image: Image.Image


class HandCrop(Value):
    """A crop that the visitor set by hand, of whatever shape is asked for.

    What does not fit is moved, then made smaller, until it lies inside the photo.
    """

    x: float = Field(ge=0.0, le=100.0, description="Its middle, in percent of the photo's width.")
    y: float = Field(ge=0.0, le=100.0, description="Its middle, in percent of the photo's height.")
    width: float = Field(gt=0.0, le=100.0, description="In percent of the photo's width.")
    angle: float = Field(0.0, ge=-45.0, le=45.0, description="Degrees by which the photo is turned clockwise in it.")


class PreparedPhoto(Value):
    """The crop that engines see.

    Attributes:
        image: RGB, as large as the portrait will be.
        face: The chosen face in crop pixels, None when the visitor went on without one, or moved the crop off it.
        person_mask: (height, width) float32 in 0..1, 1 where the person is.
    """

    image: Image.Image
    face: Face | None = None
    person_mask: np.ndarray | None = None

    @model_validator(mode="after")
    def _mask_fits(self) -> Self:
        if self.person_mask is not None and self.person_mask.shape != self.image.size[::-1]:
            raise ValueError("the person mask is as large as the picture")
        return self


# --- one request -----------------------------------------------------------------------------------------------------


class Consent(Value):
    """Proof that a session said yes: what was read, when, and to what."""

    id: str = Field(min_length=8)
    session: str = Field(min_length=4)
    granted_at: datetime
    notice_version: str
    notice_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    purposes: tuple[Purpose, ...] = Field(("portraits",), description="What was ticked; without portraits none is one.")
    changed_at: datetime | None = Field(None, description="When a purpose was last ticked or taken back.")

    @model_validator(mode="after")
    def _needed(self) -> Self:
        if "portraits" not in self.purposes:
            raise ValueError("without the purpose portraits there is no consent")
        return self


class PortraitRequest(Value):
    """What one visitor asks for. Cannot be built without a Consent."""

    photo: LoadedPhoto
    face_index: int | None = Field(None, ge=0, strict=True, description="Which face, None for the first.")
    style_id: PresetId
    scene_id: PresetId = "none"
    likeness: Unit = 0.5
    seeds: tuple[Seed, ...] = Field(min_length=1, max_length=MAX_VARIATIONS)
    model_id: PresetId = "auto"
    extra_prompt: str = Field("", max_length=MAX_PROMPT_CHARACTERS, description="Visitor's own words, appended.")
    visible_label: bool = Field(False, strict=True, description="Draw a small label into the corner.")
    style_picture: StylePicture | None = Field(None, description="For a style that paints after a picture.")
    own_style: Style | None = Field(
        None, description="A style of the visitor's own, painted instead of the preset; `style_id` is what was picked."
    )
    shape: Shape = "1:1"
    size: Size = "screen"
    crop: HandCrop | None = Field(None, description="Set by hand; left out, it is laid around the face.")
    consent: Consent


class Control(ControlSetting):
    """A ControlNet's input for one portrait: the setting, resolved for likeness, with its picture."""

    image: Image.Image = Field(description="RGB, same size as the photo.")


class Job(Value):
    """What an engine is to make, in the visitor's terms. Plain and picklable."""

    photo: PreparedPhoto = Field(description="The sitter, as large as the portrait will be.")
    shape: Shape = "1:1"
    size: Size = Field("screen", description="As asked for; what came of it is the size of the photo.")
    style: Style
    scene: Scene
    likeness: Unit = 0.5
    words: str = Field("", max_length=MAX_PROMPT_CHARACTERS, description="The visitor's own words.")
    style_picture: StylePicture | None = Field(None, description="For a style that paints after a picture.")
    seeds: tuple[Seed, ...] = Field(min_length=1, max_length=MAX_VARIATIONS)
    in_series: bool = Field(
        False,
        description="Another job of this photo follows at once, and nobody looks at the steps: what both share is kept"
        " until a job comes that is not in a series, and no rough picture is drawn.",
    )


class StepCallback(Protocol):
    """Called after each step of an engine, and with step 0 while waiting for the engine; False stops the work."""

    def __call__(self, step: int, total: int, preview: Image.Image | None) -> bool:
        """`step` counts from 1 to `total` over all seeds; `preview` is a rough picture or None."""
        ...
