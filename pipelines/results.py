"""Values that say what came of a request: portraits, how faithful and how marked they are, and what was refused.

Frozen, checked at construction, free of behaviour, as those of pipelines.schema.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field

from languages.saying import Words
from pipelines.schema import Control, HandCrop, PreparedPhoto, PresetId, Seed, Shape, Size, Style, Unit, Value

# A picture as a reviewer meets it: given by a visitor; repainted from a crop that has passed, by filters or by a model
# that can do no more; made by a model that can make anything.
PictureOrigin = Literal["given", "repainted", "made"]
RefusalCategory = Literal["minors", "sexual", "public-figure", "hate", "gore"]
# untrusted-signer: unchanged, but signed with a certificate that is not this studio's. unverified: neither shown to be
# unchanged nor changed. unreadable: damaged. remote: the manifest lies on another server, which is not asked.
MarkState = Literal["unsigned", "intact", "changed", "untrusted-signer", "unverified", "unreadable", "remote"]
# What the check of a manifest found, see `pipelines.provenance.findings`.
Finding = Literal[
    "changed",
    "expired",
    "revoked",
    "untrusted",
    "status-unknown",
    "credential",
    "identity",
    "ingredient",
    "time-stamp",
    "algorithm",
    "incomplete",
    "malformed",
    "other",
]
# What the pattern in the pixels says: made with a generative model, or with filters. unknown: nobody could look.
WatermarkState = Literal["ai", "filter", "none", "unknown"]


class ProvenanceSummary(Value):
    """What a written picture says of itself, read back from the file."""

    digital_source_type: str
    software: str
    marks: tuple[str, ...] = Field(description="Kinds of marks found: XMP, C2PA, watermark, words.")
    facts: dict[str, str] = Field(default_factory=dict, description="How it was made: style, scene, seed, model ...")
    state: MarkState = "unsigned"
    signer: str = Field("", description="Who signed, as the certificate says.")
    date: str = Field("", description="When it was made, ISO 8601, as the file says.")


class ProvenanceReport(ProvenanceSummary):
    """What any picture file says of its origin, and how far that can be believed."""

    format: str = Field(description="PNG, JPEG ...")
    width: int
    height: int
    is_ours: bool = Field(False, description="Signed with this studio's own certificate, and the signature holds.")
    watermark: WatermarkState = Field("unknown", description="What this software's watermark in the pixels says.")
    mirrored: bool = Field(False, description="The watermark is mirrored, and so is the picture.")
    history: tuple[str, ...] = Field((), description="What the manifest says was done: action and tool.")
    claims: tuple[str, ...] = Field((), description="What the file says of AI in its making, without proof.")
    has_xmp: bool = Field(False, description="There is an XMP packet, whatever it says.")
    xmp_says: bool = Field(False, description="It says something of the picture's origin.")
    findings: tuple[Finding, ...] = Field((), description="What does not hold in the manifest, each kind once.")
    is_too_slow: bool = Field(False, description="The manifest could not be read in time.")
    problems: tuple[Words, ...] = Field((), description="Sentences on what could not be read or verified.")


class RatioChange(Value):
    """A length of the face over the inter-ocular distance, in the photo and in the portrait."""

    before: float = Field(ge=0.0)
    after: float = Field(ge=0.0)
    percent: float = Field(description="Relative change; positive: larger in the portrait.")


class SkinShift(Value):
    """Skin tone as the individual typology angle (ITA, degrees) and CIE L*a*b* (L* 0..100).

    Positive shifts: lighter (ITA and L*), redder (a*), yellower (b*).
    """

    ita_before: float
    ita_after: float
    ita_shift: float
    lightness_before: float
    lightness_after: float
    lightness_shift: float
    red_shift: float
    yellow_shift: float

    @property
    def distance(self) -> float:
        """CIE 1976 colour difference in L*a*b*; about 2.3 is just noticeable (Mahy et al. 1994)."""
        return math.hypot(self.lightness_shift, self.red_shift, self.yellow_shift)


class IdentityRank(Value):
    """How many strangers a portrait is farther from than from its photo, by a face-recognition network."""

    closer_than: int = Field(ge=0)
    of: int = Field(ge=1)
    usual: tuple[int, int] | None = Field(
        None, description="Between which of these numbers half of the filters' portraits in this style came to lie."
    )


class Faithfulness(Value):
    """How much of the person is left in a portrait. What could not be measured is None, and `unmeasured` says why."""

    sentence: Words = Field(description="For the visitor.")
    warning: Words | None = Field(None, description="For the visitor, where the picture beautifies past a threshold.")
    landmark_drift: float | None = Field(None, ge=0.0, description="Mean, in inter-ocular distances.")
    eye_size: RatioChange | None = None
    jaw_width: RatioChange | None = None
    nose_width: RatioChange | None = None
    face_height: RatioChange | None = None
    skin: SkinShift | None = None
    edges_kept: Unit | None = Field(None, description="Share of the photo's face edges found again, above chance.")
    identity: IdentityRank | None = Field(None, description="Only where the visitor ticked that.")
    unmeasured: tuple[Words, ...] = Field((), description="Why a number is missing, one sentence each.")


class Refusal(Value):
    """Why a reviewer does not let words or a picture through. Holds nothing of the picture."""

    category: RefusalCategory
    reviewer: str = Field(description="Id of the reviewer.")
    rule: str = Field(description="Id of the rule, such as en/nudity; says nothing about the words themselves.")
    sentence: Words = Field(description="For the visitor.")
    found: str = Field("", repr=False, description="What the words are about, for the visitor's screen; never logged.")


class RefusedPicture(Value):
    """A picture that was made and is not shown."""

    seed: Seed
    refusal: Refusal


class Portrait(Value):
    """One finished, marked, written portrait."""

    id: str
    path: Path
    style_id: PresetId
    scene_id: PresetId
    seed: Seed
    engine: Words = Field(description="What made it, as shown on screen.")
    model_id: str = Field(description="'preview' or the model stack's id.")
    is_diffusion: bool
    seconds: float = Field(ge=0.0)
    likeness: Unit
    shape: Shape = "1:1"
    size: Size = Field("screen", description="As asked for.")
    width: int = Field(gt=0, description="Pixels.")
    height: int = Field(gt=0, description="Pixels.")
    crop: HandCrop | None = Field(None, description="Where the visitor set it by hand.")
    own_style: Style | None = Field(None, description="Where it was painted in a style of the visitor's own.")
    provenance: ProvenanceSummary
    faithfulness: Faithfulness | None = None


def without_identity(portrait: Portrait) -> Portrait:
    """The same portrait, without its place among strangers."""
    kept = portrait.faithfulness
    if kept is None or kept.identity is None:
        return portrait
    return portrait.model_copy(update={"faithfulness": kept.model_copy(update={"identity": None})})


class PortraitSet(Value):
    """The result of one request: the crop that was used, its control images, the portraits, and what to tell."""

    photo: PreparedPhoto
    controls: tuple[Control, ...]
    portraits: tuple[Portrait, ...]
    engine: Words
    notes: tuple[Words, ...] = Field((), description="Sentences for the visitor, such as why another engine was used.")
    refused: tuple[RefusedPicture, ...] = Field((), description="Pictures that a reviewer did not let through.")
