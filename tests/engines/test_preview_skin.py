"""What the instant filters promises about skin: nobody is made lighter or darker, whatever the style or the light."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.likeness import STYLES as MEASURED
from benchmarks.likeness import held_out
from pipelines.engines.filters.canvas import Canvas
from pipelines.engines.filters.engine import FilterEngine
from pipelines.faithfulness import meter
from pipelines.faithfulness.skin import lightened, skin_group
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets
from pipelines.results import SkinShift
from pipelines.schema import PreparedPhoto
from tests.support.painting import job_of, paint
from tests.support.sweeps import project_presets, sweep

NATURAL = sorted(style.id for style in project_presets().styles.values() if style.natural_colour)
# A cheek is of one or two tones, facets or tiles there: how light it is depends on where their borders fall.
_FEW_TONES = {"flat", "polygons", "pixels"}
# Of the shared portraits, by the class of their typology angle. Of tan and dark skin there are no more.
_PEOPLE = {
    "very light": ("005", "031", "047"),
    "light": ("018", "041", "057"),
    "intermediate": ("014", "052", "092"),
    "tan": ("058", "080", "094"),
    "brown": ("015", "032", "048", "051", "061", "090"),
    "dark": ("021", "055", "071", "075"),
}
# Light to dark skin in the shared portraits, in good light.
_SKINS = ("005", "031", "047", "025", "057", "071")
_CACHE: dict[tuple[Path, int], PreparedPhoto] = {}
_SKIN: dict[tuple[str, str, int], tuple[SkinShift | None, float]] = {}


@pytest.mark.parametrize("few_tones", sweep([False, True], 1))
@pytest.mark.parametrize("name", [pytest.param("041", marks=pytest.mark.slow), "071"])
def test_one_person_of_light_and_one_of_dark_skin_stay_as_light_as_they_are(
    engine, presets, portraits_dir, name, few_tones
):
    """The sweeps below go through 22 people; this is what can be seen of them in seconds."""
    measured = [_skin_of(engine, presets, portraits_dir, name, style, 256) for style in _styles(presets, few_tones)]
    kept = [skin for skin, _ in measured if skin is not None]
    assert len(kept) > 0.7 * len(measured)
    assert abs(np.median([skin.ita_shift for skin in kept])) < (7.5 if few_tones else 5.0)
    assert abs(np.median([skin.lightness_shift for skin in kept])) < (1.5 if few_tones else 1.0)
    assert abs(np.median([shift for _, shift in measured])) < 2.0


@pytest.mark.slow
@pytest.mark.parametrize(("few_tones", "most"), [(False, 0.10), (True, 0.40)])
@pytest.mark.parametrize("group", list(_PEOPLE))
def test_no_skin_tone_is_lightened_or_darkened(engine, presets, portraits_dir, group, few_tones, most):
    """By skin-tone group, over every style that means to keep natural colour, as the page's meter judges it.

    Comic lightened brown skin by 3 L* and 7 degrees once, while the middle of the face stayed what it was: contrast had
    lifted cheeks and forehead. So both are looked at. A single style is too small a sample for a group. Styles of few
    tones miss the bar of a tenth by far on dark skin (README says so); what is asked of them guards against worse.
    """
    styles = _styles(presets, few_tones)
    measured = [_skin_of(engine, presets, portraits_dir, name, style) for name in _PEOPLE[group] for style in styles]
    kept = [skin for skin, _ in measured if skin is not None]  # a face in pieces is not always found again
    whole = [shift for _, shift in measured]
    assert skin_group(float(np.median([skin.ita_before for skin in kept]))) == group
    assert len(kept) > 0.8 * len(whole)
    angles = np.array([skin.ita_shift for skin in kept])
    assert abs(np.median(angles)) < (7.5 if few_tones else 5.0)
    assert np.mean([lightened(skin) for skin in kept]) <= most, "lightened"
    assert abs(np.median([skin.lightness_shift for skin in kept])) < (1.5 if few_tones else 1.0)
    assert abs(np.median(whole)) < 2.0, "the rest of the face pays for cheeks and forehead"


@pytest.mark.slow
@pytest.mark.parametrize("style", NATURAL)
def test_each_style_keeps_skin(engine, presets, portraits_dir, style):
    """Not only all styles together: over all groups, no style lightens or darkens on the whole."""
    measured = [
        _skin_of(engine, presets, portraits_dir, name, style)[0] for names in _PEOPLE.values() for name in names
    ]
    shifts = [(skin.ita_shift, skin.lightness_shift) for skin in measured if skin is not None]
    assert len(shifts) > 0.7 * len(measured)
    angle, light = np.median(shifts, axis=0)
    assert abs(angle) < 5.0
    assert abs(light) < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("names", [("071",), (*_PEOPLE["brown"], *_PEOPLE["dark"])])
def test_brown_and_dark_skin_is_not_lightened_where_nobody_looks(engine, presets, portraits_dir, names):
    """Cheeks and forehead are what the engine aims at; nothing is fitted to these patches."""
    shifts = []
    for name in names:
        photo = _portrait(portraits_dir / f"{name}.jpg", 512)
        for style in MEASURED.split(","):
            shifts.append(held_out(photo, paint(engine, job_of(presets, photo, style))[0]))
    known = [shift for shift in shifts if shift is not None]
    assert len(known) > 0.9 * len(shifts)
    # Of one person's five pictures, one may be: what is rare can only be counted over many.
    assert sum(lightened(shift) for shift in known) <= max(1, 0.05 * len(known))
    assert np.percentile([shift.lightness_shift for shift in known], 95 if len(names) > 1 else 50) < 2.2


def test_over_the_lights_of_its_seeds_a_scene_lightens_nobody(engine, presets, loaded):
    """One seed's light falls on the cheeks and another's beside them; on the whole skin is as light as it is.

    It was 3.7 L* lighter: what light adds was taken back from skin that had taken on a half of it.
    """
    library = presets.scene("library")
    photo = prepare(loaded, 0, 384, loose=True)
    shifts = []
    for style in ("golden-hour", "comic"):
        for seed in (0, 1, 3, 7):
            picture = engine.render(photo, presets.style(style), library, seed=seed)
            skin = meter.measure(photo, picture, natural_colour=True).skin
            assert skin is not None
            shifts.append(skin.lightness_shift)
    assert abs(np.mean(shifts)) < 2.0


@pytest.mark.parametrize("scene", sweep(["neon-city", "theatre", "orbit", "underwater"], 2))
@pytest.mark.parametrize("names", [("041", "071"), pytest.param(_SKINS, marks=pytest.mark.slow)])
def test_coloured_light_of_a_scene_does_not_lighten_or_darken_a_person(engine, presets, portraits_dir, scene, names):
    for name in names:
        photo = _portrait(portraits_dir / f"{name}.jpg")
        picture = paint(engine, job_of(presets, photo, "golden-hour", scene))[0]
        assert abs(_skin_lab(picture, photo)[0] - _skin_lab(photo.image, photo)[0]) < 4.0, name


@pytest.mark.parametrize("style", sweep(NATURAL, 5))
@pytest.mark.parametrize("names", [("071",), pytest.param(("025", "057", "058", "084"), marks=pytest.mark.slow)])
def test_lit_parts_of_dark_skin_are_not_bleached(engine, presets, portraits_dir, style, names):
    """Not only the middle of the face keeps its lightness: its lightest tenth does too, whatever the contrast."""
    for name in names:
        photo = _portrait(portraits_dir / f"{name}.jpg")
        picture = paint(engine, job_of(presets, photo, style))[0]
        assert _lightest_skin(picture, photo) - _lightest_skin(photo.image, photo) < 6.5, name


def _styles(presets: Presets, few_tones: bool) -> list[str]:
    """The natural styles that paint in few tones, or the others."""
    return [name for name in NATURAL if any(step.op in _FEW_TONES for step in presets.style(name).preview) == few_tones]


def _skin_of(
    engine: FilterEngine, presets: Presets, folder: Path, name: str, style: str, size: int = 384
) -> tuple[SkinShift | None, float]:
    """What the meter reads, and the shift of L* in the middle of the whole face; measured once for all tests."""
    if (name, style, size) not in _SKIN:
        photo = _portrait(folder / f"{name}.jpg", size)
        picture = paint(engine, job_of(presets, photo, style))[0]
        skin = meter.measure(photo, picture, natural_colour=True).skin
        _SKIN[name, style, size] = skin, float(_skin_lab(picture, photo)[0] - _skin_lab(photo.image, photo)[0])
    return _SKIN[name, style, size]


def _portrait(path: Path, size: int = 256) -> PreparedPhoto:
    if (path, size) not in _CACHE:
        _CACHE[path, size] = prepare(open_photo(path), None, size)
    return _CACHE[path, size]


def _skin_lab(picture: Image.Image, photo: PreparedPhoto) -> np.ndarray:
    rgb = np.asarray(picture, np.float32) / 255
    assert photo.person_mask is not None
    assert photo.face is not None
    canvas = Canvas(rgb, rgb, photo.person_mask, photo.face.landmarks)
    skin = (canvas.face > 0.9) & (canvas.features < 0.1)
    return np.median(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[skin], axis=0)


def _lightest_skin(picture: Image.Image, photo: PreparedPhoto) -> float:
    rgb = cv2.GaussianBlur(np.asarray(picture, np.float32) / 255, (0, 0), 3)
    assert photo.person_mask is not None
    assert photo.face is not None
    canvas = Canvas(rgb, rgb, photo.person_mask, photo.face.landmarks)
    skin = (canvas.face > 0.9) & (canvas.features < 0.1)
    return float(np.percentile(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[skin][:, 0], 90))
