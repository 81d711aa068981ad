"""The meter sees what was done to a face, says nothing where nothing was done, and never makes a number up."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from skimage.transform import ThinPlateSplineTransform

from pipelines.faithfulness.meter import edges_kept, measure
from pipelines.faithfulness.shape import align, landmark_drift
from pipelines.faithfulness.skin import LIGHTNESS_LIGHTER, LIGHTNESS_NOISE, SKIN_LIGHTER, skin_group
from pipelines.faithfulness.words import EYES_LARGER, JAW_NARROWER
from pipelines.photo import vision
from pipelines.photo.opening import open_photo, prepare
from pipelines.results import Faithfulness
from pipelines.schema import Face, PreparedPhoto
from tests.support.sweeps import sweep

LEFT_EYE = (33, 160, 159, 158, 133, 153, 145, 144)
RIGHT_EYE = (263, 387, 386, 385, 362, 380, 374, 373)
# Held in place beside what is moved: brows, cheekbones, nose bridge and tip, mouth, forehead.
STILL = (70, 105, 107, 336, 334, 300, 234, 454, 6, 4, 61, 291, 10, 50, 280, 0, 17)
NOSE = (129, 64, 98, 327, 294, 358)
JAWLINE = (132, 58, 172, 136, 150, 149, 176, 148, 377, 400, 378, 379, 365, 397, 288, 361)


def moved(photo: PreparedPhoto, points: dict[int, np.ndarray]) -> Image.Image:
    """The photo with landmarks carried to other places, smoothly between them and still at the frame."""
    size = photo.image.width
    landmarks = points_of(photo)
    frame = [(x * size, y * size) for x in (0, 0.25, 0.5, 0.75, 1) for y in (0, 0.25, 0.5, 0.75, 1) if {x, y} & {0, 1}]
    still = [landmarks[index] for index in STILL if index not in points]
    here = np.array([*(landmarks[index] for index in points), *still, *frame])
    there = np.array([*points.values(), *still, *frame])
    spline = ThinPlateSplineTransform.from_estimate(there, here)
    # So smooth that every eighth pixel tells the others.
    coarse = np.linspace(0, size - 1, size // 8 + 1)
    known = spline(np.stack(np.meshgrid(coarse, coarse), axis=2).reshape(-1, 2)).astype(np.float32)
    at = np.arange(size, dtype=np.float32) * ((len(coarse) - 1) / (size - 1))
    across, down = np.meshgrid(at, at)
    x, y = cv2.split(cv2.remap(known.reshape(len(coarse), len(coarse), 2), across, down, cv2.INTER_LINEAR))
    warped = cv2.remap(np.asarray(photo.image), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return Image.fromarray(warped)


def points_of(photo: PreparedPhoto) -> np.ndarray:
    assert photo.face is not None
    assert photo.face.landmarks is not None
    return photo.face.landmarks


def eyes_by(photo: PreparedPhoto, factor: float) -> Image.Image:
    landmarks = points_of(photo)
    points: dict[int, np.ndarray] = {}
    for eye in (LEFT_EYE, RIGHT_EYE):
        middle = landmarks[list(eye)].mean(axis=0)
        points |= {index: middle + factor * (landmarks[index] - middle) for index in eye}
    return moved(photo, points)


def sideways_by(photo: PreparedPhoto, indices: tuple[int, ...], factor: float) -> Image.Image:
    landmarks = points_of(photo)
    across = np.array([factor, 1.0])
    middle = landmarks[[10, 152, 4]].mean(axis=0)
    return moved(photo, {index: middle + across * (landmarks[index] - middle) for index in indices})


def lab_by(photo: PreparedPhoto, lightness: float, red: float = 0.0, yellow: float = 0.0) -> Image.Image:
    lab = cv2.cvtColor(np.asarray(photo.image, np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab += np.array((lightness, red, yellow), np.float32)
    rgb = cv2.cvtColor(np.clip(lab, (0, -128, -128), (100, 127, 127)).astype(np.float32), cv2.COLOR_LAB2RGB)
    return Image.fromarray((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8))


def toned(photo: PreparedPhoto, tone: tuple[float, float, float]) -> PreparedPhoto:
    """The photo with the middle of cheeks and forehead at an L*a*b* tone."""
    mask = np.zeros(photo.image.size[::-1], np.uint8)
    for site in vision.SKIN_SITES:
        cv2.fillConvexPoly(mask, cv2.convexHull(points_of(photo)[list(site)].round().astype(np.int32)), 1)
    for _ in range(3):  # what is clipped at black moves the middle
        lab = cv2.cvtColor(np.asarray(photo.image, np.float32) / 255, cv2.COLOR_RGB2LAB)
        picture = lab_by(photo, *(tone - np.median(lab[mask > 0], axis=0)))
        photo = photo.model_copy(update={"image": picture})
    assert photo.face is not None
    points = vision.face_landmarks(np.asarray(photo.image), photo.face.box)
    return photo.model_copy(update={"face": photo.face.model_copy(update={"landmarks": points})})


def below_nose_by(photo: PreparedPhoto, lightness: float) -> Image.Image:
    """The photo, lighter from the lips down, softly up to the nose."""
    points = points_of(photo)
    rows = np.arange(photo.image.height)[:, None, None]
    share = np.clip((rows - points[2, 1]) / (points[13, 1] - points[2, 1]), 0, 1)
    before, after = (np.asarray(picture, np.float32) for picture in (photo.image, lab_by(photo, lightness)))
    return Image.fromarray(((1 - share) * before + share * after + 0.5).astype(np.uint8))


def saved_again(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return Image.open(buffer).convert("RGB")


def test_the_photo_itself_is_wholly_faithful(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, prepared.image, natural_colour=True)
    assert kept.landmark_drift == pytest.approx(0.0, abs=1e-6)
    assert kept.edges_kept == pytest.approx(1.0)
    for change in (kept.eye_size, kept.jaw_width, kept.nose_width, kept.face_height):
        assert change is not None
        assert change.percent == pytest.approx(0.0, abs=0.1)
        assert change.before > 0
    assert kept.skin is not None
    assert kept.skin.ita_shift == kept.skin.lightness_shift == 0.0
    assert kept.warning is None
    assert kept.unmeasured == ()
    assert kept.sentence == "Face shape and skin tone were kept."


@pytest.mark.parametrize(
    "change",
    [
        saved_again,
        lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
        lambda picture: picture.resize((256, 256)).resize((512, 512)),
        lambda picture: Image.fromarray(np.roll(np.asarray(picture), (10, -8), axis=(0, 1))),
    ],
    ids=["jpeg", "blur", "half", "shifted"],
)
def test_what_happens_to_any_file_is_not_warned_of(
    prepared: PreparedPhoto, change: Callable[[Image.Image], Image.Image]
) -> None:
    kept = measure(prepared, change(prepared.image), natural_colour=True)
    assert kept.warning is None
    assert kept.sentence == "Face shape and skin tone were kept."
    assert kept.landmark_drift is not None
    assert 0 < kept.landmark_drift < 0.03


def test_a_portrait_of_another_size_is_compared_all_the_same(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, prepared.image.resize((768, 768)), natural_colour=True)
    assert kept.warning is None
    assert kept.landmark_drift is not None
    assert kept.landmark_drift < 0.03


@pytest.mark.slow
def test_larger_eyes_are_warned_of(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, eyes_by(prepared, 1.35), natural_colour=True)
    assert kept.eye_size is not None
    assert kept.eye_size.percent > EYES_LARGER
    assert kept.warning == "This picture made the eyes larger than in the photo."
    assert "eyes" in kept.sentence
    assert "larger" in kept.sentence
    assert kept.landmark_drift is not None
    assert kept.landmark_drift > 0.01


def test_smaller_eyes_are_told_but_not_warned_of(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, eyes_by(prepared, 0.75), natural_colour=True)
    assert kept.eye_size is not None
    assert kept.eye_size.percent < 0
    assert kept.warning is None


def test_a_narrower_jaw_is_warned_of(prepared: PreparedPhoto) -> None:
    kept = measure(prepared, sideways_by(prepared, JAWLINE, 0.84), natural_colour=True)
    assert kept.jaw_width is not None
    assert kept.jaw_width.percent < -JAW_NARROWER
    assert kept.warning is not None
    assert "the jaw narrower" in kept.warning
    assert "eyes" not in kept.warning


@pytest.mark.parametrize("factor", sweep([0.8, 0.9, 1.15], 2))
def test_nose_width_is_measured_where_the_face_mesh_is_blind(prepared: PreparedPhoto, factor: float) -> None:
    kept = measure(prepared, sideways_by(prepared, NOSE, factor), natural_colour=True)
    assert kept.nose_width is not None
    assert kept.nose_width.percent == pytest.approx(100 * (factor - 1), abs=7)
    assert (kept.warning == "This picture made the nose narrower than in the photo.") == (factor == 0.8)


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
    assert kept.warning == ("This picture made the skin lighter than in the photo." if past else None)
    assert past or lightness < 10, "12 L* lighter must be past the threshold"


def test_one_warning_names_all_that_was_beautified(prepared: PreparedPhoto) -> None:
    both = prepared.model_copy(update={"image": eyes_by(prepared, 1.35)})
    kept = measure(prepared, lab_by(both, 12.0), natural_colour=True)
    assert kept.warning == "This picture made the eyes larger and the skin lighter than in the photo."


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
    kept = measure(photo, lab_by(photo, *np.subtract(after, before)), natural_colour=True)
    assert kept.skin is not None
    assert kept.skin.lightness_shift > LIGHTNESS_LIGHTER
    assert kept.warning == "This picture made the skin lighter than in the photo."
    assert "lighter" in kept.sentence


def test_a_lighter_lower_face_is_seen_while_cheeks_and_forehead_stay(prepared: PreparedPhoto) -> None:
    """The engine aims at cheeks and forehead, so they alone cannot say what became of the face."""
    kept = measure(prepared, below_nose_by(prepared, 8.0), natural_colour=True)
    assert kept.skin is not None
    assert kept.skin.lightness_shift > LIGHTNESS_LIGHTER
    assert kept.warning == "This picture made the skin lighter than in the photo."
    assert "skin looks" in kept.sentence
    assert "lighter" in kept.sentence


def test_of_eyes_behind_dark_glasses_nothing_is_said(prepared: PreparedPhoto) -> None:
    """The mesh guesses them there: somebody in sunglasses was told that a portrait made the eyes 18 % smaller."""
    worn = np.asarray(prepared.image).copy()
    points = points_of(prepared)
    for eye in (LEFT_EYE, RIGHT_EYE):
        x, y = (int(n) for n in points[list(eye)].mean(axis=0).round())
        cv2.circle(worn, (x, y), round(0.15 * float(np.ptp(points[:, 1]))), (9, 12, 14), -1)
    photo = prepared.model_copy(update={"image": Image.fromarray(worn)})
    kept = measure(photo, photo.image, natural_colour=True)
    assert kept.eye_size is None
    assert "The eyes are hidden in the photo, so they were not compared." in kept.unmeasured
    assert not any("Not clear enough" in words and "eyes" in words for words in kept.unmeasured)
    assert measure(prepared, prepared.image, natural_colour=True).eye_size is not None


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
    assert kept.warning == "This picture made the skin lighter than in the photo."
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


def test_edges_kept_fall_with_blur_and_hatching_earns_none(prepared: PreparedPhoto) -> None:
    photo, landmarks = np.asarray(prepared.image), points_of(prepared)
    blurred = [cv2.GaussianBlur(photo, (0, 0), sigma) for sigma in (0.5, 2, 4, 8)]
    kept = [found for one in blurred if (found := edges_kept(photo, one, landmarks)) is not None]
    assert len(kept) == len(blurred)
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.85
    assert kept[-1] < 0.3
    noise = np.random.default_rng(0).integers(0, 255, photo.shape, np.uint8)
    for grain in (noise, cv2.GaussianBlur(noise, (0, 0), 2)):
        hatched = edges_kept(photo, grain, landmarks)
        assert hatched is not None
        assert hatched < 0.1
    assert edges_kept(np.full_like(photo, 90), photo, landmarks) is None


def test_no_face_gives_the_reason_and_no_number(prepared: PreparedPhoto) -> None:
    for kept in (
        measure(prepared, Image.new("RGB", (512, 512), "#7a9"), natural_colour=True),
        measure(prepared.model_copy(update={"face": None}), prepared.image, natural_colour=True),
        measure(
            prepared.model_copy(update={"face": Face(box=(9, 9, 200, 200), score=1.0, certainty="marked")}),
            prepared.image,
            natural_colour=True,
        ),
    ):
        assert "face" in kept.sentence
        assert kept.unmeasured == (kept.sentence,)
        assert kept.warning is None
        numbers = kept.landmark_drift, kept.eye_size, kept.jaw_width, kept.nose_width, kept.face_height, kept.skin
        assert numbers == (None,) * 6


def test_a_broken_picture_costs_numbers_not_the_request(prepared: PreparedPhoto) -> None:
    assert prepared.face is not None
    broken = prepared.face.model_copy(update={"landmarks": np.full((3, 2), np.nan, np.float32)})
    kept = measure(prepared.model_copy(update={"face": broken}), prepared.image, natural_colour=True)
    assert isinstance(kept, Faithfulness)
    assert "failed" in kept.sentence
    assert kept.unmeasured


@given(
    right=st.floats(-500, 500),
    down=st.floats(-500, 500),
    scale=st.floats(0.2, 5),
    turn=st.floats(-np.pi, np.pi),
)
def test_drift_ignores_place_size_and_tilt(
    prepared: PreparedPhoto, right: float, down: float, scale: float, turn: float
) -> None:
    points = points_of(prepared)
    changed = points + np.random.default_rng(1).normal(0, 2.0, points.shape)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    elsewhere = scale * changed @ rotation.T + (right, down)
    assert landmark_drift(points, elsewhere) == pytest.approx(landmark_drift(points, changed), abs=1e-5)
    assert landmark_drift(points, scale * points @ rotation.T + (right, down)) < 1e-4


def test_a_mirrored_face_is_not_the_same_face(prepared: PreparedPhoto) -> None:
    points = points_of(prepared)
    assert landmark_drift(points, points * (-1, 1)) > 0.05


def test_alignment_is_the_best_of_all_similarities(prepared: PreparedPhoto) -> None:
    points = points_of(prepared).astype(np.float64)
    source = points + np.random.default_rng(2).normal(0, 3.0, points.shape)
    best = ((align(source, points) - points) ** 2).sum()
    for scale, turn, shift in ((1.01, 0, 0), (0.99, 0, 0), (1, 0.01, 0), (1, -0.01, 0), (1, 0, 0.5)):
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        moved_on = align(source, points)
        middle = moved_on.mean(axis=0)
        assert (((scale * (moved_on - middle) @ rotation.T + middle + shift) - points) ** 2).sum() > best


@pytest.mark.parametrize(
    ("ita", "group"),
    [(60, "very light"), (50, "light"), (30, "intermediate"), (20, "tan"), (0, "brown"), (-50, "dark")],
)
def test_skin_groups_are_those_of_the_literature(ita: float, group: str) -> None:
    assert skin_group(ita) == group


@pytest.mark.slow
def test_thresholds_lie_above_the_noise_of_people(portraits_dir: Path) -> None:
    """Nobody is told that a file saved again, halved or softened beautifies them."""
    people = sorted(portraits_dir.glob("*.jpg"))[::12]
    assert len(people) >= 5
    for path in people:
        photo = prepare(open_photo(path), None, 512)
        half = photo.image.resize((256, 256)).resize((512, 512))
        for picture in (saved_again(photo.image), half):
            kept = measure(photo, picture, natural_colour=True)
            assert kept.warning is None, path.stem
            assert kept.landmark_drift is None or kept.landmark_drift < 0.08
