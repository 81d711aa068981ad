"""Downloads from a hub on loopback, through the real huggingface_hub client: what is fetched, and what can go wrong."""

from __future__ import annotations

import logging
from pathlib import Path

import huggingface_hub.constants
import pytest

from pipelines.errors import Cancelled, EngineUnavailable
from pipelines.hub import download as hub
from pipelines.hub import transfer, weights
from tests.fake_hub import COMMIT
from tests.support.tiny_hub import Place, changed, never_stop, refused


def test_only_what_is_loaded_is_fetched(place: Place) -> None:
    hub.download(place.stack, never_stop)
    fetched = place.hub.fetched()
    assert len(fetched) == len(set(fetched))
    assert not [name for name in fetched if name.endswith((".md", ".bin"))]
    assert not [name for name in fetched if "sdxl" in name]
    assert any(name.endswith("models/image_encoder/model.safetensors") for name in fetched)


def test_progress_rises_to_the_total(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 50_000)
    calls: list[tuple[int, int]] = []
    hub.download(place.stack, lambda done, total: calls.append((done, total)) is None)
    done = [count for count, _ in calls]
    assert done[0] == 0
    assert done == sorted(done)
    assert {total for _, total in calls} == {done[-1]}
    assert done[-1] == weights.state(place.stack).bytes_present
    assert len(set(done)) > len(place.hub.fetched()), "large files report within"


def test_a_complete_stack_is_not_fetched_again(place: Place) -> None:
    hub.download(place.stack, never_stop)
    place.hub.requests.clear()
    hub.download(place.stack, never_stop)
    assert place.hub.requests == []


def test_a_stopped_download_goes_on_where_it_was(place: Place) -> None:
    def stop_half_way(done: int, total: int) -> bool:
        return done < total / 2

    with pytest.raises(Cancelled):
        hub.download(place.stack, stop_half_way)
    found = weights.state(place.stack)
    assert found.status == "partial"
    assert found.missing
    with pytest.raises(EngineUnavailable, match="only partly here"):
        weights.require(place.stack)
    before = set(place.hub.fetched())
    place.hub.requests.clear()
    totals: list[int] = []
    hub.download(place.stack, lambda _, total: totals.append(total) is None)
    again = set(place.hub.fetched()) & before
    assert len(again) <= 1, "at most the file in which it was stopped"
    assert totals[0] < weights.state(place.stack).bytes_present
    assert weights.state(place.stack).status == "present"


def test_stopping_works_within_one_chunk(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 10_000)
    calls: list[int] = []

    def stop(done: int, total: int) -> bool:
        calls.append(done)
        return len(calls) < 3

    with pytest.raises(Cancelled):
        hub.download(place.stack, stop)
    assert len(calls) == 3
    assert calls[-1] <= 30_000


def test_revisions_are_pinned(place: Place) -> None:
    pinned = changed(place.stack, "base", revision=COMMIT)
    hub.download(pinned, never_stop)
    assert weights.resolve(pinned.base).name == COMMIT
    asked = {path for _, path, _ in place.hub.requests if path.startswith("/tiny/sd15/resolve")}
    assert asked
    assert all(COMMIT in path for path in asked)


def test_a_damaged_file_is_fetched_again(place: Place) -> None:
    hub.download(place.stack, never_stop)
    damaged = weights.resolve(place.stack.base) / "unet" / "diffusion_pytorch_model.safetensors"
    damaged.resolve().write_bytes(damaged.read_bytes()[:5000])
    assert weights.state(place.stack).missing == ("base model",)
    place.hub.requests.clear()
    hub.download(place.stack, never_stop)
    assert [Path(name).name for name in place.hub.fetched()] == ["diffusion_pytorch_model.safetensors"]
    assert weights.state(place.stack).status == "present"


def test_everything_is_fetched_again_when_asked(place: Place) -> None:
    hub.download(place.stack, never_stop)
    first = sorted(place.hub.fetched())
    place.hub.requests.clear()
    calls: list[tuple[int, int]] = []
    hub.download(place.stack, lambda done, total: calls.append((done, total)) is None, fresh=True)
    assert sorted(place.hub.fetched()) == first
    assert calls[0][0] == 0
    assert calls[-1][0] == calls[-1][1] == weights.state(place.stack).bytes_present


def test_a_dropped_connection_is_picked_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 10_000)
    place.hub.broken_after = 150_000
    calls: list[int] = []
    hub.download(place.stack, lambda done, _: calls.append(done) is None)
    assert weights.state(place.stack).status == "present"
    assert len(place.hub.fetched()) > len(set(place.hub.fetched()))
    assert calls[-1] == weights.state(place.stack).bytes_present


# --- what can go wrong ---


def test_an_unknown_repository_is_named(place: Place) -> None:
    assert "repository of the LoRA" in refused(changed(place.stack, "lora", repo_id="tiny/nothing"))


def test_a_file_that_is_not_in_the_repository_is_named(place: Place) -> None:
    (place.root / "sd15" / "unet" / "config.json").unlink()
    assert "base model" in refused(place.stack)
    assert place.hub.fetched() == [], "nothing is fetched before all is known to be there"


def test_switched_off_downloads_say_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refused(place.stack)


def test_no_network(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be reached" in refused(place.stack)


@pytest.mark.parametrize(("status", "words"), [(503, "answered 503"), (401, "HF_TOKEN"), (403, "HF_TOKEN")])
def test_a_hub_that_refuses(place: Place, status: int, words: str) -> None:
    place.hub.status = status
    assert words in refused(place.stack)


def test_a_full_disk_is_known_before_anything_is_fetched(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_DISK_MARGIN", 10**18)
    assert "make room" in refused(place.stack)
    assert place.hub.fetched() == []


def test_a_cache_that_cannot_be_written(place: Place) -> None:
    place.cache.write_text("a file where the folder should be")
    assert "could not be written" in refused(place.stack)


def test_a_token_is_sent_but_never_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hf_secretsecretsecret"
    monkeypatch.setenv("HF_TOKEN", secret)
    caplog.set_level(logging.DEBUG, logger="pipelines")
    place.hub.status = 403
    with pytest.raises(EngineUnavailable) as caught:
        hub.download(place.stack, never_stop)
    assert f"Bearer {secret}" in {authorization for _, _, authorization in place.hub.requests}
    assert secret not in str(caught.value)
    assert secret not in caplog.text
