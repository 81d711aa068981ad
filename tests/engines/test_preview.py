"""The preview engine through its public face: the contract of engines, and what it promises about people."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.likeness import STYLES as MEASURED
from benchmarks.likeness import held_out
from pipelines.engines.base import Engine
from pipelines.engines.filters.canvas import Canvas, ramp_lookup
from pipelines.engines.filters.engine import PreviewEngine
from pipelines.engines.filters.lighting import foreground
from pipelines.engines.filters.operations import OPERATIONS
from pipelines.engines.filters.scenery.backdrops import PAINTERS, Backdrops
from pipelines.engines.unet.job import GenerationJob
from pipelines.errors import Cancelled
from pipelines.faithfulness import meter
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets, load_presets
from pipelines.schema import PreparedPhoto, SkinShift
from tests.conftest import difference
from training.teachers import teacher

STYLES = sorted(load_presets().styles)
SCENES = sorted(load_presets().scenes)
NATURAL = sorted(style.id for style in load_presets().styles.values() if style.natural_colour)
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


@pytest.fixture(scope="module")
def engine() -> PreviewEngine:
    return PreviewEngine()


@pytest.fixture(scope="module")
def photo(loaded) -> PreparedPhoto:
    return prepare(loaded, 0, 192)


def job_of(presets: Presets, photo: PreparedPhoto, style: str, scene: str = "none", **changes: object) -> GenerationJob:
    values: dict = {"likeness": 0.5, "seeds": (0,), "prompt": "a portrait", "strength": 0.5, **changes}
    return GenerationJob(photo=photo, style=presets.style(style), scene=presets.scene(scene), **values)


def paint(engine: PreviewEngine, job: GenerationJob) -> list[Image.Image]:
    return engine.generate(job, lambda *_: True)


def test_is_an_engine_and_never_says_diffusion(engine):
    assert isinstance(engine, Engine)
    assert not engine.is_diffusion
    assert engine.model_id == "preview"
    assert "diffusion" not in engine.name.lower()
    assert "preview" in engine.name.lower()


@pytest.mark.parametrize("style", STYLES)
def test_every_style_changes_the_picture_repeats_and_varies(engine, presets, photo, style):
    first, again, other = (paint(engine, job_of(presets, photo, style, seeds=(s,)))[0] for s in (3, 3, 8))
    assert first.size == photo.image.size
    assert first.mode == "RGB"
    assert first.tobytes() == again.tobytes()
    assert difference(first, photo.image) > 4, "the style does nothing"
    assert difference(first, other) > 1.0, "another seed looks the same"


@pytest.mark.parametrize("style", STYLES)
def test_likeness_keeps_more_of_the_photo(engine, presets, photo, style):
    """Gentle pictures are nearer to the photo's own outlines than bold ones, or as near where lines are the style."""
    bold, gentle = (paint(engine, job_of(presets, photo, style, likeness=x))[0] for x in (0.0, 1.0))
    assert difference(bold, gentle) > 4
    assert _outline_error(gentle, photo.image) < _outline_error(bold, photo.image) + 0.01


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_is_drawn_behind_the_person(engine, presets, photo, scene):
    plain = paint(engine, job_of(presets, photo, "golden-hour"))[0]
    there = paint(engine, job_of(presets, photo, "golden-hour", scene))[0]
    if scene == "none":
        assert there.tobytes() == plain.tobytes()
        return
    change = np.abs(np.asarray(there, np.float32) - np.asarray(plain, np.float32)).mean(axis=2)
    outside, inside = photo.person_mask < 0.05, photo.person_mask > 0.97
    assert change[outside].mean() > 16
    assert change[inside].mean() < 0.65 * change[outside].mean()


def test_all_styles_look_different_from_each_other(engine, presets, photo):
    pictures = {style: paint(engine, job_of(presets, photo, style))[0] for style in STYLES}
    names = list(pictures)
    for index, one in enumerate(names):
        for two in names[index + 1 :]:
            assert difference(pictures[one], pictures[two]) > 8, (one, two)


def test_steps_are_counted_over_all_seeds_with_pictures(engine, presets, photo):
    seen: list[tuple[int, int]] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        assert preview is not None
        assert preview.size == photo.image.size
        seen.append((step, total))
        return True

    job = job_of(presets, photo, "comic", "orbit", seeds=(1, 2, 3))
    pictures = engine.generate(job, on_step)
    expected = 3 * (len(job.style.preview) + 1)
    assert [step for step, _ in seen] == list(range(1, expected + 1))
    assert {total for _, total in seen} == {expected}
    assert len(pictures) == 3


def test_the_last_preview_is_the_portrait(engine, presets, photo):
    previews: list[Image.Image] = []
    job = job_of(presets, photo, "watercolour")
    picture = engine.generate(job, lambda *told: previews.append(told[2]) or True)[0]
    assert previews[-1].tobytes() == picture.tobytes()


@pytest.mark.parametrize("stop_at", [1, 3])
def test_cancel_takes_effect_within_one_step(engine, presets, photo, stop_at):
    calls: list[int] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        calls.append(step)
        return step < stop_at

    with pytest.raises(Cancelled) as caught:
        engine.generate(job_of(presets, photo, "comic", seeds=(1, 2)), on_step)
    assert calls == list(range(1, stop_at + 1))
    assert "/" not in caught.value.hint
    assert paint(engine, job_of(presets, photo, "comic")), "the engine works on after a cancel"


def test_threads_do_not_disturb_each_other(engine, presets, photo):
    jobs = [job_of(presets, photo, style, "underwater") for style in ("pixel-art", "oil-master", "low-poly", "mosaic")]
    alone = [paint(engine, job)[0].tobytes() for job in jobs]
    together: dict[int, bytes] = {}

    def work(index: int) -> None:
        together[index] = paint(engine, jobs[index])[0].tobytes()

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[index] for index in range(len(jobs))] == alone


@pytest.mark.parametrize("style", ["oil-master", "android", "stained-glass", "hologram"])
def test_a_photo_without_face_or_mask_is_painted(engine, presets, photo, style):
    bare = PreparedPhoto(image=photo.image)
    picture = paint(engine, job_of(presets, bare, style, "studio"))[0]
    assert difference(picture, photo.image) > 4


@pytest.mark.parametrize("pixels", [np.zeros((96, 96, 3), np.uint8), np.full((96, 96, 3), 255, np.uint8)])
@pytest.mark.parametrize("style", STYLES)
def test_black_and_white_frames_stay_finite(engine, presets, style, pixels):
    bare = PreparedPhoto(image=Image.fromarray(pixels), person_mask=np.zeros((96, 96), np.float32))
    with np.errstate(invalid="raise", divide="raise"):
        assert paint(engine, job_of(presets, bare, style))[0].size == (96, 96)


@pytest.mark.parametrize("shape", [(120, 160), (160, 90), (480, 640)])
def test_webcam_frames_of_any_shape(engine, presets, face_photo, shape):
    frame = np.asarray(face_photo.resize((shape[1], shape[0])))
    for style in ("oil-master", "pixel-art", "android"):
        done = engine.render_frame(frame, presets.style(style), presets.scene("neon-city"), seed=5)
        assert done.shape == frame.shape
        assert done.dtype == np.uint8
        again = engine.render_frame(frame, presets.style(style), presets.scene("neon-city"), seed=5)
        assert np.array_equal(done, again)


@pytest.mark.parametrize(("few_tones", "most"), [(False, 0.10), (True, 0.40)])
@pytest.mark.parametrize("group", list(_PEOPLE))
def test_no_skin_tone_is_lightened_or_darkened(engine, presets, portraits_dir, group, few_tones, most):
    """By skin-tone group, over every style that means to keep natural colour, as the page's meter judges it.

    Comic lightened brown skin by 3 L* and 7 degrees once, while the middle of the face stayed what it was: contrast had
    lifted cheeks and forehead. So both are looked at. A single style is too small a sample for a group. Styles of few
    tones miss the bar of a tenth by far on dark skin (README says so); what is asked of them guards against worse.
    """
    styles = [
        name for name in NATURAL if any(step.op in _FEW_TONES for step in presets.style(name).preview) == few_tones
    ]
    measured = [_skin_of(engine, presets, portraits_dir, name, style) for name in _PEOPLE[group] for style in styles]
    kept = [skin for skin, _ in measured if skin is not None]  # a face in pieces is not always found again
    whole = [shift for _, shift in measured]
    assert meter.skin_group(float(np.median([skin.ita_before for skin in kept]))) == group
    assert len(kept) > 0.8 * len(whole)
    angles = np.array([skin.ita_shift for skin in kept])
    assert abs(np.median(angles)) < (7.5 if few_tones else 5.0)
    assert np.mean([meter.lightened(skin) for skin in kept]) <= most, "lightened"
    assert abs(np.median([skin.lightness_shift for skin in kept])) < (1.5 if few_tones else 1.0)
    assert abs(np.median(whole)) < 2.0, "the rest of the face pays for cheeks and forehead"


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


def test_brown_and_dark_skin_is_not_lightened_where_nobody_looks(engine, presets, portraits_dir):
    """Cheeks and forehead are what the engine aims at; nothing is fitted to these patches."""
    shifts = []
    for name in (*_PEOPLE["brown"], *_PEOPLE["dark"]):
        photo = _portrait(portraits_dir / f"{name}.jpg", 512)
        for style in MEASURED.split(","):
            shifts.append(held_out(photo, paint(engine, job_of(presets, photo, style))[0]))
    known = [shift for shift in shifts if shift is not None]
    assert len(known) > 0.9 * len(shifts)
    assert np.mean([meter.lightened(shift) for shift in known]) <= 0.05
    assert np.percentile([shift.lightness_shift for shift in known], 95) < 2.2


@pytest.mark.parametrize("scene", ["neon-city", "theatre", "orbit", "underwater"])
def test_coloured_light_of_a_scene_does_not_lighten_or_darken_a_person(engine, presets, portraits_dir, scene):
    for name in _SKINS:
        photo = _portrait(portraits_dir / f"{name}.jpg")
        picture = paint(engine, job_of(presets, photo, "golden-hour", scene))[0]
        assert abs(_skin_lab(picture, photo)[0] - _skin_lab(photo.image, photo)[0]) < 4.0, name


@pytest.mark.parametrize("style", NATURAL)
def test_lit_parts_of_dark_skin_are_not_bleached(engine, presets, portraits_dir, style):
    """Not only the middle of the face keeps its lightness: its lightest tenth does too, whatever the contrast."""
    for name in ("025", "057", "058", "071", "084"):
        photo = _portrait(portraits_dir / f"{name}.jpg")
        picture = paint(engine, job_of(presets, photo, style))[0]
        assert _lightest_skin(picture, photo) - _lightest_skin(photo.image, photo) < 6.5, name


@pytest.mark.parametrize("style", ["oil-master", "starry-strokes", "ukiyo-e"])
def test_styles_that_repaint_the_wall_leave_a_scene_there(engine, presets, photo, style):
    stage, space = (
        np.asarray(paint(engine, job_of(presets, photo, style, x))[0], np.float32) for x in ("theatre", "orbit")
    )
    assert np.abs(stage - space).mean(axis=2)[photo.person_mask < 0.05].mean() > 20


@pytest.mark.parametrize(("width", "softness", "limit"), [(120, 3.0, 0.045), (16, 2.0, 0.06)])
def test_the_old_background_leaves_no_halo(width, softness, limit):
    """A gray person, or a strand of hair, cut from a green wall has no green left in the soft edge."""
    alpha = cv2.GaussianBlur(np.pad(np.ones((width, width), np.float32), (256 - width) // 2), (0, 0), softness)
    person, wall = np.array([0.4, 0.4, 0.4], np.float32), np.array([0.0, 1.0, 0.0], np.float32)
    mixed = person * alpha[..., None] + wall * (1 - alpha[..., None])
    found = foreground(mixed, alpha)
    edge = (alpha > 0.25) & (alpha < 0.75)
    assert mixed[edge][:, 1].mean() - mixed[edge][:, 0].mean() > 0.25
    assert np.abs(found[edge] - person).max() < limit


def test_backdrops_differ_by_seed_repeat_and_are_forgotten_when_many():
    kept = Backdrops(limit=3)
    for painter in PAINTERS:
        first = kept.get(painter, 1, 72, 96, -1.0)
        assert first.shape == (72, 96, 3)
        assert np.isfinite(first).all()
        assert first.min() >= 0
        assert first.max() <= 1
        assert first.std() > 0.02
        assert np.abs(first - kept.get(painter, 2, 72, 96, -1.0)).mean() > 0.004
        assert np.array_equal(first, Backdrops().get(painter, 1, 72, 96, -1.0))
    assert len(kept) == 3


@pytest.mark.parametrize("shape", [(97, 131), (131, 97), (64, 64)])
def test_every_backdrop_can_be_painted_for_any_seed_and_shape(presets, shape):
    """A book at the edge of the library's shelf once did not fit its slice."""
    height, width = shape
    for scene in presets.scenes.values():
        for seed in (*range(12), 2**32 - 1) if scene.backdrop else ():
            picture = Backdrops().get(scene.backdrop, seed, height, width, 1.0 if seed % 2 else -1.0)
            assert picture.shape == (height, width, 3)
            assert np.isfinite(picture).all()


def test_every_scene_has_a_painter_and_every_painter_a_scene(presets):
    assert {scene.backdrop for scene in presets.scenes.values() if scene.backdrop} == set(PAINTERS)


def test_every_operation_is_used_by_a_style_or_its_teacher(presets):
    used = {step.op for style in presets.styles.values() for step in (*style.preview, *teacher(style).preview)}
    assert used <= set(OPERATIONS)
    assert used == set(OPERATIONS), f"no style uses {set(OPERATIONS) - used}"


def test_features_are_where_the_face_mesh_says(prepared):
    rgb = np.asarray(prepared.image, np.float32) / 255
    canvas = Canvas(rgb, rgb, prepared.person_mask, prepared.face.landmarks)
    pupil = prepared.face.landmarks[468].astype(int)
    assert canvas.features[pupil[1], pupil[0]] > 0.9
    forehead = prepared.face.landmarks[151].astype(int)
    assert canvas.features[forehead[1], forehead[0]] < 0.3
    assert canvas.face[forehead[1], forehead[0]] > 0.9
    assert canvas.features[5, 5] == 0


def test_ramp_begins_and_ends_with_its_own_colours():
    ends = ramp_lookup(("#102030", "#808080", "#f0e0d0"), np.array([[0.0, 1.0]], np.float32))
    assert np.allclose(ends[0, 0] * 255, (0x10, 0x20, 0x30), atol=1.5)
    assert np.allclose(ends[0, 1] * 255, (0xF0, 0xE0, 0xD0), atol=1.5)


# Light to dark skin in the shared portraits, in good light.
_SKINS = ("005", "031", "047", "025", "057", "071")
_CACHE: dict[tuple[Path, int], PreparedPhoto] = {}


_SKIN: dict[tuple[str, str], tuple[SkinShift | None, float]] = {}


def _skin_of(
    engine: PreviewEngine, presets: Presets, folder: Path, name: str, style: str
) -> tuple[SkinShift | None, float]:
    """What the meter reads, and the shift of L* in the middle of the whole face; measured once for all tests."""
    if (name, style) not in _SKIN:
        photo = _portrait(folder / f"{name}.jpg", 384)
        picture = paint(engine, job_of(presets, photo, style))[0]
        skin = meter.measure(photo, picture, natural_colour=True).skin
        _SKIN[name, style] = skin, float(_skin_lab(picture, photo)[0] - _skin_lab(photo.image, photo)[0])
    return _SKIN[name, style]


def _portrait(path: Path, size: int = 256) -> PreparedPhoto:
    if (path, size) not in _CACHE:
        _CACHE[path, size] = prepare(open_photo(path), None, size)
    return _CACHE[path, size]


def _skin_lab(picture: Image.Image, photo: PreparedPhoto) -> np.ndarray:
    rgb = np.asarray(picture, np.float32) / 255
    canvas = Canvas(rgb, rgb, photo.person_mask, photo.face.landmarks)
    skin = (canvas.face > 0.9) & (canvas.features < 0.1)
    return np.median(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[skin], axis=0)


def _lightest_skin(picture: Image.Image, photo: PreparedPhoto) -> float:
    rgb = cv2.GaussianBlur(np.asarray(picture, np.float32) / 255, (0, 0), 3)
    canvas = Canvas(rgb, rgb, photo.person_mask, photo.face.landmarks)
    skin = (canvas.face > 0.9) & (canvas.features < 0.1)
    return float(np.percentile(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[skin][:, 0], 90))


def _outline_error(picture: Image.Image, photo: Image.Image) -> float:
    """1 minus the correlation of gradient strength, over what a viewer sees at arm's length."""
    a, b = (
        cv2.GaussianBlur(cv2.cvtColor(np.asarray(x, np.float32) / 255, cv2.COLOR_RGB2GRAY), (0, 0), 1.2)
        for x in (picture, photo)
    )
    a, b = (cv2.magnitude(cv2.Sobel(x, cv2.CV_32F, 1, 0), cv2.Sobel(x, cv2.CV_32F, 0, 1)).ravel() for x in (a, b))
    return 1.0 - float(np.corrcoef(a, b)[0, 1])
