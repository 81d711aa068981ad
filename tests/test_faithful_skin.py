"""Of skin the meter tells tone, warns where it was made lighter, and takes nothing else for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.faithfulness.meter import measure
from pipelines.faithfulness.skin import LIGHTNESS_LIGHTER, LIGHTNESS_NOISE, SKIN_LIGHTER, skin_group
from pipelines.photo import vision
from pipelines.results import Faithfulness
from pipelines.schema import PreparedPhoto
from tests.support.retouched import below_nose_by, lab_by, toned

LIGHTER = "This picture made the skin lighter than in the photo."


def called_lighter(kept: Faithfulness) -> None:
    """Measured by lightness itself, warned of, and said."""
    assert kept.skin is not None
    assert kept.skin.lightness_shift > LIGHTNESS_LIGHTER
    assert kept.warning == LIGHTER
    assert "lighter" in kept.sentence


@pytest.mark.parametrize("lightness", [-12.0, -6.0, 6.0, 12.0])
def test_skin_shift_has_the_right_sign_and_size(prepared: PreparedPhoto, lightness: float) -> None:
    kept = measure(prepared, lab_by(prepared, lightness), natural_colour=True)
    assert kept.skin is not None
    assert kept.skin.lightness_shift == pytest.approx(lightness, abs=1.5)
    assert np.sign(kept.skin.ita_shift) == np.sign(lightness)
    assert abs(kept.skin.ita_shift) > 3
    lighter = lightness > 0
    assert ("lighter" if lighter else "darker") in kept.sentence
    past = kept.skin.ita_shift > SKIN_LIGHTER and lighter
    assert kept.warning == (LIGHTER if past else None)
    assert past or lightness < 10, "12 L* lighter must be past the threshold"


def test_yellower_dark_skin_is_not_called_lighter(prepared: PreparedPhoto) -> None:
    """Below L* 50 the angle rises with b* alone; that is no lightening."""
    dark = prepared.model_copy(update={"image": lab_by(prepared, -38.0)})
    lab = cv2.cvtColor(np.asarray(dark.image, np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab[..., 0] -= 5
    lab[..., 2] += 20
    yellower = Image.fromarray((np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1) * 255).astype(np.uint8))
    kept = measure(dark, yellower, natural_colour=True)
    assert kept.skin is not None
    assert kept.skin.ita_shift > SKIN_LIGHTER
    assert kept.warning is None
    assert "lighter" not in kept.sentence
    assert kept.sentence.endswith("The skin looks slightly darker and has a much different tint than in the photo.")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((68, 14, 18), (69, 8, 10), "different tint"),
        ((65, 12, 17), (65, 26, 17), "different tint"),
        ((65, 12, 17), (65, -2, 17), "different tint"),
        ((60, 14, 18), (61, 1, 5), "much different tint"),
    ],
    ids=["porcelain", "red", "green", "grey"],
)
def test_another_tint_is_never_called_kept(
    prepared: PreparedPhoto, before: tuple[float, float, float], after: tuple[float, float, float], words: str
) -> None:
    """The typology angle does not know a*, and rises as colour goes."""
    photo = toned(prepared, before)
    kept = measure(photo, lab_by(photo, *np.subtract(after, before)), natural_colour=True)
    assert kept.skin is not None
    assert kept.skin.distance == pytest.approx(np.linalg.norm(np.subtract(after, before)), abs=2.5)
    assert words in kept.sentence
    assert "skin tone was kept" not in kept.sentence
    assert "and skin tone" not in kept.sentence
    assert kept.warning is None


@pytest.mark.parametrize(("before", "after"), [((25, 10, 10), (31, 8, 8)), ((25, 10, 12), (38, 6, 6))])
def test_dark_skin_lightened_with_less_colour_is_warned_of(
    prepared: PreparedPhoto, before: tuple[float, float, float], after: tuple[float, float, float]
) -> None:
    """The typology angle hardly moves there: 13 L* lighter were 2 degrees."""
    photo = toned(prepared, before)
    called_lighter(measure(photo, lab_by(photo, *np.subtract(after, before)), natural_colour=True))


def test_a_lighter_lower_face_is_seen_while_cheeks_and_forehead_stay(prepared: PreparedPhoto) -> None:
    """The engine aims at cheeks and forehead, so they alone cannot say what became of the face."""
    kept = measure(prepared, below_nose_by(prepared, 8.0), natural_colour=True)
    called_lighter(kept)
    assert "skin looks" in kept.sentence


@pytest.mark.parametrize("tone", [(40, 14, 18), (26, 10, 12)], ids=["brown", "dark"])
def test_a_few_flat_tones_are_no_lightening(prepared: PreparedPhoto, tone: tuple[float, float, float]) -> None:
    """Skin rounded up here and down there is as light as it was, wherever the tones lie."""
    photo = toned(prepared, tone)
    lab = cv2.cvtColor(np.asarray(photo.image, np.float32) / 255, cv2.COLOR_RGB2LAB)
    for first in (0, 4, 8, 12):
        flat = lab.copy()
        flat[..., 0] = np.round((flat[..., 0] - first) / 16) * 16 + first
        picture = Image.fromarray((np.clip(cv2.cvtColor(flat, cv2.COLOR_LAB2RGB), 0, 1) * 255).astype(np.uint8))
        kept = measure(photo, picture, natural_colour=True)
        assert kept.skin is not None
        assert kept.warning is None, f"tones at {first}: {kept.skin.lightness_shift:+.1f} L*"


def test_brown_skin_is_warned_of_past_five_degrees(prepared: PreparedPhoto) -> None:
    """Near L* 50 two units of L* are more than five degrees; asking for more of them kept silent about brown skin."""
    own = measure(prepared, prepared.image, natural_colour=True).skin
    assert own is not None
    assert prepared.face is not None
    picture = lab_by(prepared, 49.0 - own.lightness_before)
    points = vision.face_landmarks(np.asarray(picture), prepared.face.box)
    brown = prepared.model_copy(
        update={"image": picture, "face": prepared.face.model_copy(update={"landmarks": points})}
    )
    kept = measure(brown, lab_by(brown, 2.2), natural_colour=True)
    assert kept.skin is not None
    assert LIGHTNESS_NOISE < kept.skin.lightness_shift < 2.5
    assert kept.skin.ita_shift > SKIN_LIGHTER
    assert kept.warning == LIGHTER
    assert "lighter" in kept.sentence


def test_skin_is_not_judged_where_it_has_no_colour_of_its_own(prepared: PreparedPhoto) -> None:
    own_colours = measure(prepared, lab_by(prepared, 12.0), natural_colour=False)
    grey = measure(prepared, prepared.image.convert("L").convert("RGB"), natural_colour=True)
    for kept in (own_colours, grey):
        assert kept.skin is None
        assert kept.warning is None
        assert len(kept.unmeasured) == 1
        assert "skin" in kept.sentence.lower()
        assert kept.eye_size is not None, "the shape is still compared"
    assert "own colours" in own_colours.unmeasured[0]
    assert "too little colour" in grey.unmeasured[0]


@pytest.mark.parametrize(
    ("ita", "group"),
    [(60, "very light"), (50, "light"), (30, "intermediate"), (20, "tan"), (0, "brown"), (-50, "dark")],
)
def test_skin_groups_are_those_of_the_literature(ita: float, group: str) -> None:
    assert skin_group(ita) == group
