"""Control images: what they show, and what they say where they cannot be drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from controlnet_aux.hed import ControlNetHED_Apache2
from controlnet_aux.open_pose.body import Keypoint
from controlnet_aux.open_pose.util import draw_bodypose
from PIL import Image, ImageEnhance

from pipelines import heavy
from pipelines.controls import annotators
from pipelines.controls.annotators import ANNOTATORS, annotate, draw_openpose, missing, openpose_keypoints
from pipelines.errors import EngineUnavailable
from pipelines.hub import weights
from pipelines.hub.components import ANNOTATOR_WEIGHTS
from pipelines.hub.source import HubSource
from pipelines.photo import vision
from pipelines.photo.opening import open_photo, prepare
from pipelines.schema import AnnotatorName, PreparedPhoto

OFFLINE: tuple[AnnotatorName, ...] = ("canny", "lineart", "mediapipe_face", "pose")
LINES: tuple[AnnotatorName, ...] = ("canny", "lineart")


def drawn(name: AnnotatorName, photo: PreparedPhoto) -> np.ndarray:
    return np.asarray(annotate(name, photo))


def share(drawing: np.ndarray) -> float:
    """Share of pixels that are not black."""
    return float((drawing.max(axis=2) > 60).mean())


def test_there_is_one_for_every_name() -> None:
    assert set(ANNOTATORS) == set(get_args(AnnotatorName))


@pytest.mark.parametrize("name", OFFLINE)
def test_it_draws_something_on_black_at_the_photos_size(name: AnnotatorName, prepared: PreparedPhoto) -> None:
    picture = annotate(name, prepared)
    assert picture.size == prepared.image.size
    assert picture.mode == "RGB"
    assert 0.005 < share(np.asarray(picture)) < 0.35
    assert annotate(name, prepared).tobytes() == picture.tobytes()


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("size", [200, 256, 500])
def test_any_size_is_kept(name: AnnotatorName, size: int, face_photo: Image.Image) -> None:
    photo = PreparedPhoto(image=face_photo.resize((size, size)))
    assert annotate(name, photo).size == (size, size)


@pytest.mark.parametrize("name", LINES)
def test_lines_are_of_the_person(name: AnnotatorName, prepared: PreparedPhoto) -> None:
    assert prepared.person_mask is not None
    bare = prepared.model_copy(update={"person_mask": None})
    background = prepared.person_mask < 0.02
    person = prepared.person_mask > 0.98
    with_mask, without = drawn(name, prepared), drawn(name, bare)
    assert with_mask[background].sum() < 0.25 * max(1, without[background].sum())
    assert share(with_mask[person][None]) > 0.01


def test_a_mask_that_missed_the_person_is_not_used(prepared: PreparedPhoto) -> None:
    empty = prepared.model_copy(update={"person_mask": np.zeros((512, 512), np.float32)})
    bare = prepared.model_copy(update={"person_mask": None})
    assert annotate("canny", empty).tobytes() == annotate("canny", bare).tobytes()


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(("brightness", "contrast"), [(0.15, 1.0), (1.0, 0.25), (1.6, 0.6)])
def test_dark_flat_and_bright_photos_have_lines_too(
    name: AnnotatorName, brightness: float, contrast: float, prepared: PreparedPhoto
) -> None:
    image = ImageEnhance.Contrast(ImageEnhance.Brightness(prepared.image).enhance(brightness)).enhance(contrast)
    normal = share(drawn(name, prepared))
    assert share(drawn(name, prepared.model_copy(update={"image": image}))) > normal / 5


def test_edges_come_where_the_picture_has_them() -> None:
    image = Image.new("RGB", (256, 256), "black")
    image.paste((200, 200, 200), (64, 64, 192, 192))
    edges = drawn("canny", PreparedPhoto(image=image))
    rows, columns = np.nonzero(edges.max(axis=2))
    assert {columns.min(), rows.min()} <= {62, 63, 64, 65}
    assert edges[80:176, 80:176].sum() == 0


def test_a_blank_photo_has_no_lines() -> None:
    blank = PreparedPhoto(image=Image.new("RGB", (256, 256), (120, 90, 70)))
    for name in OFFLINE:
        assert share(drawn(name, blank)) == 0


class TestFace:
    """The face mesh in the colours that its ControlNet was trained on."""

    def test_it_is_drawn_where_the_face_is(self, prepared: PreparedPhoto) -> None:
        assert prepared.face is not None
        left, top, right, bottom = prepared.face.box
        rows, columns = np.nonzero(drawn("mediapipe_face", prepared).max(axis=2))
        grown = 0.35 * (right - left)
        assert left - grown < columns.min() < columns.max() < right + grown
        assert top - 2 * grown < rows.min() < rows.max() < bottom + grown

    def test_it_agrees_with_the_detector_of_controlnet_aux(self, prepared: PreparedPhoto) -> None:
        """Same drawing from our landmarks as from its own, up to a pixel or two of the landmarks."""
        ours = drawn("mediapipe_face", prepared)
        theirs = drawn("mediapipe_face", prepared.model_copy(update={"face": None}))
        assert {tuple(c) for c in np.unique(ours.reshape(-1, 3), axis=0)} == {
            tuple(c) for c in np.unique(theirs.reshape(-1, 3), axis=0)
        }
        shape = [np.argwhere(picture.max(axis=2) > 0) for picture in (ours, theirs)]
        assert np.abs(shape[0].mean(axis=0) - shape[1].mean(axis=0)).max() < 6


class TestPose:
    """OpenPose's skeleton out of MediaPipe's points."""

    # A person facing the camera: the person's left is on the picture's right.
    BODY = np.zeros((33, 3), np.float32)
    for index, point in {
        0: (256, 120), 2: (272, 105), 5: (240, 105), 7: (290, 112), 8: (222, 112),
        11: (330, 220), 12: (182, 220), 13: (370, 320), 14: (142, 320), 15: (380, 420), 16: (132, 420),
        23: (300, 430), 24: (212, 430), 25: (300, 500), 26: (212, 500), 27: (300, 600), 28: (212, 600),
    }.items():  # fmt: skip
        BODY[index] = (*point, 1.0)

    def test_points_are_mapped_left_to_left(self) -> None:
        points = openpose_keypoints(self.BODY)
        assert points.shape == (18, 3)
        assert tuple(points[0, :2]) == (256, 120)
        assert tuple(points[1, :2]) == (256, 220), "the neck is midway between the shoulders"
        right, left = [2, 3, 4, 8, 9, 10, 14, 16], [5, 6, 7, 11, 12, 13, 15, 17]
        assert (points[right, 0] < 256).all()
        assert (points[left, 0] > 256).all()
        assert (np.diff(points[[2, 3, 4], 1]) > 0).all(), "shoulder, elbow, wrist"
        assert (np.diff(points[[8, 9, 10], 1]) > 0).all(), "hip, knee, ankle"

    def test_it_is_drawn_as_controlnets_preprocessor_draws_it(self) -> None:
        points = openpose_keypoints(self.BODY)
        keypoints = [
            Keypoint(x / 512, y / 512) if 0 <= x < 512 and 0 <= y < 512 else None for x, y, _ in points.tolist()
        ]
        theirs = draw_bodypose(np.zeros((512, 512, 3), np.uint8), keypoints)
        assert np.array_equal(draw_openpose(points, (512, 512)), theirs)

    def test_limbs_grow_with_the_picture(self) -> None:
        points = openpose_keypoints(self.BODY)
        small, large = draw_openpose(points, (512, 512)), draw_openpose(points * (2, 2, 1), (1024, 1024))
        assert share(large) == pytest.approx(share(small), rel=0.1)

    def test_what_is_hidden_or_outside_is_left_out(self) -> None:
        hidden = self.BODY.copy()
        hidden[[13, 15], 2] = 0.1
        points = openpose_keypoints(hidden)
        picture = draw_openpose(points, (512, 512))
        assert picture[320, 370].sum() == 0
        assert picture[320, 142].sum() > 0
        neckless = self.BODY.copy()
        neckless[11, 2] = 0.0
        assert openpose_keypoints(neckless)[1, 2] == 0.0

    def test_the_astronauts_head_is_above_her_shoulders(self, prepared: PreparedPhoto) -> None:
        body = vision.pose_landmarks(np.asarray(prepared.image))
        assert body is not None
        points = openpose_keypoints(body)
        assert points[0, 1] < points[1, 1]
        assert points[2, 0] < points[5, 0], "her right shoulder is on the picture's left"
        assert math.dist(points[14, :2], points[15, :2]) < math.dist(points[2, :2], points[5, :2])


class TestDownloads:
    """softedge and depth read weights; the others need nothing."""

    def test_the_others_need_nothing(self) -> None:
        assert [missing(name) for name in OFFLINE] == [None] * len(OFFLINE)

    @pytest.mark.parametrize("name", ["softedge", "depth"])
    def test_without_them_the_answer_is_clear(
        self, name: AnnotatorName, prepared: PreparedPhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(ANNOTATOR_WEIGHTS, name, self.source(tmp_path / "nothing", name))
        with pytest.raises(EngineUnavailable) as caught:
            annotate(name, prepared)
        assert f"python -m pipelines.hub download {name}" in caught.value.cure
        assert missing(name) == caught.value.hint
        assert str(tmp_path) not in caught.value.hint

    def test_soft_edges_are_drawn_by_the_real_network(
        self, prepared: PreparedPhoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Random weights: the drawing means nothing, but it depends on the photo, has its size, and is cut out."""
        torch.manual_seed(0)
        torch.save(ControlNetHED_Apache2().state_dict(), tmp_path / "ControlNetHED.pth")
        monkeypatch.setitem(ANNOTATOR_WEIGHTS, "softedge", self.source(tmp_path, "softedge"))
        monkeypatch.setattr(annotators, "_detectors", {})
        assert missing("softedge") is None
        small = PreparedPhoto(image=prepared.image.resize((128, 128)))
        first = annotate("softedge", small)
        assert first.size == (128, 128)
        other = PreparedPhoto(image=Image.new("RGB", (128, 128)))
        assert annotate("softedge", other).tobytes() != first.tobytes()

    def source(self, folder: Path, name: AnnotatorName) -> HubSource:
        keys = {"weight_name": "ControlNetHED.pth"} if name == "softedge" else {}
        return HubSource.model_validate({"path": str(folder), "licence": "Apache-2.0", "bytes": 10**8, **keys})


def test_a_library_that_does_not_start_is_told(prepared: PreparedPhoto, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise EngineUnavailable(f"The library {name} does not start on this machine; run the installation again.")

    monkeypatch.setattr(annotators, "_detectors", {})
    monkeypatch.setattr(heavy, "load", fail)
    with pytest.raises(EngineUnavailable, match="controlnet_aux"):
        annotate("lineart", prepared)


def test_weights_of_annotators_are_pinned() -> None:
    assert all(len(source.revision or "") == 40 for source in ANNOTATOR_WEIGHTS.values())
    assert weights.annotator_state("canny").status == "present"


@pytest.fixture(scope="module")
def every_portrait(portraits_dir: Path) -> Callable[[], list[PreparedPhoto]]:
    files = sorted(portraits_dir.glob("*.jpg"))[::10]
    return lambda: [prepare(open_photo(file), None, 256) for file in files]


@pytest.mark.slow
def test_people_of_all_kinds_have_a_face_lines_and_a_pose(every_portrait: Callable[[], list[PreparedPhoto]]) -> None:
    for photo in every_portrait():
        if photo.face is None:
            continue
        for name in OFFLINE:
            assert 0.001 < share(drawn(name, photo)) < 0.4, name
