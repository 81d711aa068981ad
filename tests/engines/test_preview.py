"""The instant filters through their public face: the contract of engines, and what it promises about people."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.engines.base import Engine
from pipelines.engines.filters.canvas import Canvas, ramp_lookup
from pipelines.engines.filters.operations import OPERATIONS
from pipelines.engines.likeness import for_stack
from pipelines.errors import Cancelled
from pipelines.schema import PreparedPhoto
from tests.conftest import difference
from tests.support.painting import job_of, paint
from tests.support.sweeps import project_presets, sweep

STYLES = sorted(project_presets().styles)


def test_is_an_engine_and_never_says_diffusion(engine):
    assert isinstance(engine, Engine)
    assert not engine.is_diffusion
    assert engine.model_id == "preview"
    assert "diffusion" not in engine.name.lower()
    assert "filters" in engine.name.lower()


@pytest.mark.parametrize("style", sweep(STYLES, 4))
def test_every_style_changes_the_picture_repeats_and_varies(engine, presets, photo, style):
    first, again, other = (paint(engine, job_of(presets, photo, style, seeds=(s,)))[0] for s in (3, 3, 8))
    assert first.size == photo.image.size
    assert first.mode == "RGB"
    assert first.tobytes() == again.tobytes()
    assert difference(first, photo.image) > 4, "the style does nothing"
    assert difference(first, other) > 1.0, "another seed looks the same"


@pytest.mark.parametrize("style", sweep(STYLES, 4))
def test_likeness_keeps_more_of_the_photo(engine, presets, photo, style):
    """Gentle pictures are nearer to the photo's own outlines than bold ones, or as near where lines are the style."""
    bold, gentle = (paint(engine, job_of(presets, photo, style, likeness=x))[0] for x in (0.0, 1.0))
    assert difference(bold, gentle) > 4
    assert _outline_error(gentle, photo.image) < _outline_error(bold, photo.image) + 0.01


@pytest.mark.parametrize("styles", [STYLES[::6], pytest.param(STYLES, marks=pytest.mark.slow)])
def test_all_styles_look_different_from_each_other(engine, presets, photo, styles):
    pictures = {style: paint(engine, job_of(presets, photo, style))[0] for style in styles}
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


@pytest.mark.slow
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
@pytest.mark.parametrize("style", sweep(STYLES, 4))
def test_black_and_white_frames_stay_finite(engine, presets, style, pixels):
    bare = PreparedPhoto(image=Image.fromarray(pixels), person_mask=np.zeros((96, 96), np.float32))
    with np.errstate(invalid="raise", divide="raise"):
        assert paint(engine, job_of(presets, bare, style))[0].size == (96, 96)


@pytest.mark.parametrize("shape", sweep([(120, 160), (160, 90), (480, 640)], 1))
def test_webcam_frames_of_any_shape(engine, presets, face_photo, shape):
    frame = np.asarray(face_photo.resize((shape[1], shape[0])))
    for style in ("oil-master", "pixel-art", "android"):
        done = engine.render_frame(frame, presets.style(style), presets.scene("neon-city"), seed=5)
        assert done.shape == frame.shape
        assert done.dtype == np.uint8
        again = engine.render_frame(frame, presets.style(style), presets.scene("neon-city"), seed=5)
        assert np.array_equal(done, again)


def test_every_operation_is_used_by_a_style(presets):
    styles = [one for style in presets.all_styles.values() for one in (style, for_stack(style, "embedded"))]
    used = {step.op for style in styles for step in (*style.preview, *style.start_recipe, *style.finish_recipe)}
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


def _outline_error(picture: Image.Image, photo: Image.Image) -> float:
    """1 minus the correlation of gradient strength, over what a viewer sees at arm's length."""
    a, b = (
        cv2.GaussianBlur(cv2.cvtColor(np.asarray(x, np.float32) / 255, cv2.COLOR_RGB2GRAY), (0, 0), 1.2)
        for x in (picture, photo)
    )
    a, b = (cv2.magnitude(cv2.Sobel(x, cv2.CV_32F, 1, 0), cv2.Sobel(x, cv2.CV_32F, 0, 1)).ravel() for x in (a, b))
    return 1.0 - float(np.corrcoef(a, b)[0, 1])
