"""From request to marked files, with the engine that is always there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from pipelines import live_pictures, saving, worker
from pipelines.easels import FILTERS
from pipelines.engines.base import PREVIEW
from pipelines.errors import Cancelled, EngineUnavailable, RequestInvalid, SaveError, SettingsError
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.provenance import marking, watermark
from pipelines.results import PortraitSet
from pipelines.schema import Consent, LoadedPhoto, PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from tests.conftest import difference
from tests.support.sweeps import sweep

pytestmark = pytest.mark.usefixtures("small_pictures")


@pytest.fixture(scope="module")
def pipeline(presets: Presets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SelfPortraitPipeline]:
    studio = SelfPortraitPipeline(presets, tmp_path_factory.mktemp("portraits"))
    yield studio
    studio.close()


@pytest.fixture
def request_for(loaded: LoadedPhoto, consent: Consent):
    def build(**changes: object) -> PortraitRequest:
        values = {
            "photo": loaded,
            "style_id": "oil-master",
            "scene_id": "none",
            "seeds": (7,),
            "model_id": "preview",
            "consent": consent,
        }
        return build_request(**{**values, **changes})

    return build


def test_portraits_are_written_marked_and_described(pipeline: SelfPortraitPipeline, request_for) -> None:
    result = pipeline(request_for(seeds=(7, 8), scene_id="orbit"))
    assert [portrait.seed for portrait in result.portraits] == [7, 8]
    for portrait in result.portraits:
        assert portrait.path.exists()
        marks = marking.read(portrait.path)
        assert marks == portrait.provenance
        assert marks.facts["Style"] == "oil-master"
        assert marks.facts["Scene"] == "orbit"
        assert marks.facts["Seed"] == str(portrait.seed)
        assert not portrait.is_diffusion
        assert portrait.faithfulness is not None
        assert portrait.faithfulness.landmark_drift is not None
        assert portrait.faithfulness.skin is not None, "oil paint keeps natural colour, so skin is judged"
        with Image.open(portrait.path) as picture:
            assert picture.size == result.photo.image.size
            assert difference(picture, result.photo.image) > 3
    assert "diffusion" not in result.engine.lower().replace("not diffusion", "")


def test_same_seed_same_bytes_of_picture(pipeline: SelfPortraitPipeline, request_for) -> None:
    first, second = (pipeline(request_for()).portraits[0].path for _ in range(2))
    assert first != second
    with Image.open(first) as one, Image.open(second) as two:
        assert difference(one, two) == 0


@pytest.mark.slow  # that it is chosen, without a picture: engines/test_embedded
def test_auto_says_why_it_chose(pipeline: SelfPortraitPipeline, request_for) -> None:
    result = pipeline(request_for(model_id="auto"))
    assert result.portraits[0].is_diffusion
    assert result.notes
    assert all(note.endswith(".") for note in result.notes)


def test_the_operator_says_what_automatic_stands_for(presets: Presets, tmp_path: Path, request_for) -> None:
    studio = SelfPortraitPipeline(presets, tmp_path, automatic="preview")
    assert studio(request_for(model_id="auto")).portraits[0].model_id == "preview"
    assert [info.id for info in studio.engines() if info.is_automatic] == ["preview"]
    with pytest.raises(SettingsError, match="STUDIO_MODEL must be one of: auto, preview, "):
        SelfPortraitPipeline(presets, tmp_path, automatic="dall-e")


def test_an_engine_that_cannot_run_is_refused_not_replaced(pipeline: SelfPortraitPipeline, request_for) -> None:
    with pytest.raises(EngineUnavailable):
        pipeline(request_for(model_id="sdxl-lightning"))
    assert pipeline(request_for()).portraits


@pytest.mark.parametrize(
    ("change", "word"),
    sweep(
        [
            ({"style_id": "mona-lisa"}, "style"),
            ({"style_id": "../../etc"}, "style"),
            ({"style_id": None}, "style"),
            ({"scene_id": "moon"}, "scene"),
            ({"model_id": "gpt"}, "model"),
            ({"seeds": (-1,)}, "seed"),
            ({"seeds": (2**32,)}, "seed"),
            ({"seeds": ()}, "seed"),
            ({"seeds": (1, 2, 3, 4, 5)}, "seed"),
            ({"seeds": ("7",)}, "seed"),
            ({"likeness": 1.5}, "likeness"),
            ({"likeness": float("nan")}, "likeness"),
            ({"extra_prompt": "x" * 10_000}, "words"),
            ({"photo": None}, "photo"),
            ({"consent": None}, "consent"),
            ({"consent": True}, "consent"),
            ({"face_index": 3}, "face"),
        ],
        3,
        several=True,
    ),
)
def test_bad_request_is_one_sentence_and_the_next_one_works(
    pipeline: SelfPortraitPipeline, request_for, change: dict[str, object], word: str
) -> None:
    before = set(pipeline.folder("session-1").glob("*"))
    with pytest.raises(RequestInvalid, match=word) as caught:
        pipeline(request_for(**change))
    assert caught.value.hint.count(".") <= 2
    assert set(pipeline.folder("session-1").glob("*")) == before
    assert pipeline(request_for()).portraits


def test_no_request_without_consent(loaded: LoadedPhoto) -> None:
    with pytest.raises(ValidationError):
        PortraitRequest(photo=loaded, style_id="oil-master", seeds=(1,))  # type: ignore[call-arg]


@pytest.mark.slow
def test_likeness_moves_the_portrait_towards_the_photo(pipeline: SelfPortraitPipeline, request_for) -> None:
    distances = []
    for likeness in (0.0, 1.0):
        result = pipeline(request_for(likeness=likeness))
        with Image.open(result.portraits[0].path) as picture:
            distances.append(difference(picture, result.photo.image))
    assert distances[1] < distances[0]


def test_cancel_leaves_no_file_and_frees_the_engine(pipeline: SelfPortraitPipeline, request_for) -> None:
    folder = pipeline.folder("session-1")
    before = set(folder.glob("*"))
    with pytest.raises(Cancelled):
        pipeline(request_for(seeds=(1, 2)), lambda step, total, preview: step < 2)
    assert set(folder.glob("*")) == before
    assert pipeline(request_for()).portraits


def test_a_full_disk_is_told_and_the_next_request_works(
    pipeline: SelfPortraitPipeline, request_for, tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(SaveError):
        pipeline(request_for(), out_dir=blocked)
    assert pipeline(request_for(), out_dir=tmp_path / "free").portraits


def test_where_one_of_several_cannot_be_saved_none_comes_after_all(
    pipeline: SelfPortraitPipeline, request_for, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are saved side by side; the others may still be at it."""
    save, failed = marking.save, threading.Event()

    def slow_or_full(picture: Image.Image, path: Path, **named: Any) -> Any:
        if "seed2" in path.name:
            failed.set()
            raise SaveError("The disk is full; free some space.")
        assert failed.wait(60)
        time.sleep(0.1)
        return save(picture, path, **named)

    monkeypatch.setattr(saving, "cores", lambda: 3)
    saving._pool.cache_clear()
    monkeypatch.setattr(marking, "save", slow_or_full)
    with pytest.raises(SaveError, match="disk is full"):
        pipeline(request_for(seeds=(1, 2, 3)), out_dir=tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))
    saving._pool.cache_clear()


def test_forget_deletes_one_session_only(pipeline: SelfPortraitPipeline, request_for, consent: Consent) -> None:
    mine = pipeline(request_for()).portraits[0].path
    other = consent.model_copy(update={"session": "session-2"})
    theirs = pipeline(request_for(consent=other)).portraits[0].path
    assert mine.parent != theirs.parent
    pipeline.forget("session-1")
    assert not mine.exists()
    assert theirs.exists()


def test_preview_shows_each_style_at_once(
    pipeline: SelfPortraitPipeline, loaded: LoadedPhoto, presets: Presets
) -> None:
    pictures = {style: pipeline.preview(loaded, face_index=None, style_id=style) for style in list(presets.styles)[:3]}
    used = pipeline.used_photo(loaded, None)
    for picture in pictures.values():
        assert picture.size == used.size
        assert difference(picture, used) > 2
    first, second, _ = pictures.values()
    assert difference(first, second) > 2
    found = watermark.detect(first)
    assert found is not None
    assert found.kind == "filter", "whoever saves what is on screen saves the mark too"


def test_webcam_frame_keeps_its_shape(pipeline: SelfPortraitPipeline, face_photo: Image.Image) -> None:
    frame = np.asarray(face_photo.resize((640, 480)))
    answer = pipeline.preview_frame(frame, style_id="oil-master", scene_id="orbit")
    assert answer.dtype == np.uint8
    assert answer.ndim == 3
    assert answer.shape[1] / answer.shape[0] == pytest.approx(640 / 480, rel=0.02)
    assert watermark.detect(Image.fromarray(answer)) is not None


@pytest.mark.slow
def test_every_variation_is_watermarked_and_the_label_is_drawn_on_request(
    pipeline: SelfPortraitPipeline, request_for
) -> None:
    plain = pipeline(request_for(seeds=(3, 4))).portraits
    again, labelled = (pipeline(request_for(seeds=(3,), visible_label=wish)).portraits[0] for wish in (False, True))
    assert {portrait.provenance.marks for portrait in (*plain, labelled)} == {("XMP", "C2PA", "watermark")}
    pictures = [marking.picture(portrait.path) for portrait in (plain[0], again, labelled)]
    assert pictures[0].tobytes() == pictures[1].tobytes(), "the same seed repeats exactly, watermark and all"
    width, height = pictures[0].size
    corner, rest = (width * 3 // 4, height * 9 // 10, width, height), (0, 0, width, height * 8 // 10)
    assert difference(pictures[0].crop(corner), pictures[2].crop(corner)) > 4
    assert difference(pictures[0].crop(rest), pictures[2].crop(rest)) < 1


def test_what_is_on_screen_while_it_is_made_is_marked_as_the_portrait_is(
    pipeline: SelfPortraitPipeline, request_for
) -> None:
    *steps, result = worker.run(pipeline, request_for(visible_label=True))
    assert isinstance(result, PortraitSet)
    previews = [step.preview for step in steps if step.preview is not None]
    assert len(previews) > 1
    for preview in previews:
        found = watermark.detect(preview)
        assert found is not None
        assert found.kind == "filter"
    with Image.open(result.portraits[0].path) as portrait:
        assert difference(previews[-1], portrait.convert("RGB")) == 0, "the last step is the portrait, label and all"


def test_control_images_can_be_shown(pipeline: SelfPortraitPipeline, loaded: LoadedPhoto) -> None:
    images = pipeline.control_images(loaded, face_index=None, style_id="oil-master")
    assert images
    for image in images.values():
        assert image.size == (live_pictures.PREVIEW_SIZE,) * 2
        assert np.asarray(image).std() > 1


def test_worker_streams_steps_then_the_result(pipeline: SelfPortraitPipeline, request_for) -> None:
    events = list(worker.run(pipeline, request_for(seeds=(1, 2))))
    steps = [event for event in events if isinstance(event, worker.StepEvent)]
    assert isinstance(events[-1], PortraitSet)
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].step == steps[-1].total


def test_closing_the_stream_cancels_and_frees_the_engine(pipeline: SelfPortraitPipeline, request_for) -> None:
    before = set(pipeline.folder("session-1").glob("*"))
    stream = worker.run(pipeline, request_for(seeds=(1, 2, 3, 4)))
    next(stream)
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "portrait"]
    assert set(pipeline.folder("session-1").glob("*")) == before
    assert pipeline(request_for()).portraits


def test_worker_hands_errors_to_the_caller(pipeline: SelfPortraitPipeline, request_for) -> None:
    with pytest.raises(RequestInvalid):
        list(worker.run(pipeline, request_for(style_id="mona-lisa")))


def test_a_second_visitor_waits_and_can_leave(pipeline: SelfPortraitPipeline, request_for) -> None:
    filters = frozenset({FILTERS})
    others = [pipeline.line.join("", PREVIEW, 1, filters) for _ in range(pipeline.places(PREVIEW))]
    assert all(ticket.wait(0) for ticket in others)
    waiting = worker.run(pipeline, request_for())
    event = next(waiting)
    assert isinstance(event, worker.WaitEvent)
    assert event.place.position == 1
    assert len(pipeline.line) == 1
    waiting.close()
    assert len(pipeline.line) == 0
    for ticket in others:
        ticket.leave()


def test_what_cannot_start_stays_on_the_banner(
    presets: Presets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise EngineUnavailable("The library mediapipe does not start on this machine; run the installation again.")

    studio = SelfPortraitPipeline(presets, tmp_path)
    assert studio.warming
    monkeypatch.setattr("pipelines.photo.vision.warm_up", broken)
    studio.warm_up()
    assert "mediapipe" in studio.warming
    monkeypatch.undo()
    studio.warm_up()
    assert studio.warming == ""


def test_a_scene_has_a_looser_crop_of_its_own(pipeline: SelfPortraitPipeline, loaded: LoadedPhoto) -> None:
    """Cached apart from the close one, whichever was asked for first."""
    close, wide = pipeline.used_photo(loaded, None), pipeline.used_photo(loaded, None, scene_id="orbit")
    assert close.size == wide.size
    assert difference(close, wide) > 5
    assert pipeline.used_photo(loaded, None).tobytes() == close.tobytes()
    assert pipeline.used_photo(loaded, None, scene_id="orbit").tobytes() == wide.tobytes()
