"""The hub's picture checker: the real class with random weights, from a folder laid out as on the hub."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from pipelines import heavy
from pipelines.errors import EngineUnavailable
from pipelines.hub import weights
from pipelines.hub.__main__ import main
from pipelines.hub.components import SAFETY_CHECKER, Component
from pipelines.safety.checker import HubChecker
from tests import tiny_extras
from tests.fake_hub import serve
from tests.support.machine import TIMEOUT
from tests.support.site import wait_until


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def component(tmp_path: Path) -> Component:
    return tiny_extras.build_safety_checker(tmp_path / "repo")


def weights_of(component: Component) -> Path:
    assert component.source.path is not None
    return Path(component.source.path) / "safety_checker" / "model.fp16.safetensors"


def make_it_refuse(component: Component, picture: Image.Image) -> None:
    """Give the first concept the picture's own embedding, so that this picture is surely what is looked for."""
    model, processor = HubChecker(component)._load()
    with torch.no_grad():
        pixels = processor(images=picture, return_tensors="pt").pixel_values
        embedding = model.visual_projection(model.vision_model(pixels)[1])
    tensors = load_file(weights_of(component))
    tensors["concept_embeds"][0] = embedding[0]
    tensors["concept_embeds_weights"][0] = 0.9
    save_file(tensors, weights_of(component), metadata={"format": "pt"})


def test_who_is_at_work_and_who_has_finished_may_ask_it_first_at_the_same_time(
    component: Component, face_photo: Image.Image
) -> None:
    """Its weights are read when nobody is at work, and whoever is at work asks it, too: neither waits for the other."""
    checker, at_work, ask = HubChecker(component), threading.Event(), threading.Event()
    answers: list[object] = []

    def working() -> None:
        with heavy.working_with_models():
            at_work.set()
            assert ask.wait(TIMEOUT)
            answers.append(checker.review_picture(face_photo))

    def finished() -> None:
        answers.append(checker.review_picture(face_photo))

    threads = [threading.Thread(target=work, daemon=True) for work in (working, finished)]
    threads[0].start()
    assert at_work.wait(TIMEOUT)
    threads[1].start()
    wait_until(lambda: heavy._weights.waiting == 1, "it does not want to read weights")
    ask.set()
    for thread in threads:
        thread.join(TIMEOUT)
    assert answers == [None, None]


def test_a_picture_like_a_concept_is_refused_and_others_pass(component: Component, face_photo: Image.Image) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    before = face_photo.tobytes()
    assert HubChecker(component).review_picture(face_photo) is None
    make_it_refuse(component, face_photo)
    checker = HubChecker(component)
    refusal = checker.review_picture(face_photo)
    assert refusal is not None
    assert refusal.category == "sexual"
    assert "another seed" in refusal.sentence
    assert "can be wrong" in refusal.sentence
    assert checker.review_picture(noise) is None
    assert face_photo.tobytes() == before, "the picture itself is never blackened"


def test_the_key_names_of_transformers_4_are_read(component: Component, face_photo: Image.Image) -> None:
    """All weights on the hub have them; a checker that started with random layers would say anything."""
    make_it_refuse(component, face_photo)
    path = weights_of(component)
    old = {
        key.replace("vision_model.", "vision_model.vision_model.", 1): value for key, value in load_file(path).items()
    }
    assert len(old) > 10
    save_file(old, path, metadata={"format": "pt"})
    assert HubChecker(component).review_picture(face_photo) is not None


def test_missing_tensors_are_not_made_up(component: Component, face_photo: Image.Image) -> None:
    tensors = load_file(weights_of(component))
    del tensors["visual_projection.weight"]
    save_file(tensors, weights_of(component), metadata={"format": "pt"})
    with pytest.raises(EngineUnavailable, match="damaged"):
        HubChecker(component).review_picture(face_photo)


def test_a_damaged_file_is_named_and_no_picture_passes(component: Component, face_photo: Image.Image) -> None:
    config = weights_of(component).with_name("config.json")
    config.write_text(json.dumps({"model_type": "clip", "projection_dim": "many"}), "utf-8")
    with pytest.raises(EngineUnavailable, match="no picture is shown"):
        HubChecker(component).review_picture(face_photo)


def test_what_is_not_here_says_so(component: Component, face_photo: Image.Image) -> None:
    assert HubChecker(component).why_not() == ""
    weights_of(component).unlink()
    absent = HubChecker(component)
    assert "not on this machine" in absent.why_not()
    with pytest.raises(EngineUnavailable):
        absent.review_picture(face_photo)


def test_a_truncated_download_is_not_taken_for_a_checker(component: Component) -> None:
    path = weights_of(component)
    path.write_bytes(path.read_bytes()[:-100])
    assert HubChecker(component).why_not()


def test_it_is_listed_and_fetched_from_the_hub(
    component: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(file.stat().st_size for file in (tmp_path / "repo").rglob("*") if file.is_file())
    source = SAFETY_CHECKER.source.model_copy(update={"repo_id": "tiny/repo", "bytes": size})
    remote = Component(SAFETY_CHECKER.name, source, SAFETY_CHECKER.parts)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    for module in ("download", "offers"):
        monkeypatch.setattr(f"pipelines.hub.{module}.SAFETY_CHECKER", remote)
    with serve(tmp_path) as server:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            server.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        assert main(["list"]) == 0
        assert "safety-checker: Picture checker" in capsys.readouterr().out
        assert HubChecker(remote).why_not()
        assert main(["download", "safety-checker"]) == 0
    assert weights.inspect(remote)[0]
    assert HubChecker(remote).why_not() == ""
    assert HubChecker(remote).review_picture(Image.new("RGB", (64, 64))) is None
