"""Downloads in the background: line, pause, cancel, progress, and what deleting frees."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import huggingface_hub
import pytest

from pipelines.errors import RequestInvalid
from pipelines.hub import cache, transfer
from pipelines.hub.jobs import Downloads, Progress
from pipelines.hub.offers import offers
from tests.fake_hub import FakeHub, Fault
from tests.support.site import wait_until
from tests.support.small_hub import stack

SLOW = 120_000.0  # bytes a second: more than four seconds for the whole of a stack


class Desk:
    """Two stacks that share their adapters, on a hub, and somebody who watches."""

    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub
        self.changes = 0
        self.seconds = 0.0
        second = stack("second", base=_source("base"), controlnets={"canny": _source("cn-lineart")}, lora=None)
        self.downloads = Downloads(offers({"first": stack("first"), "second": second}), self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def progress(self, offer: str = "first") -> Progress:
        found = self.downloads.progress(offer)
        assert found is not None
        return found

    def until(self, status: str, offer: str = "first") -> Progress:
        wait_until(lambda: self.progress(offer).status == status, f"{status}, but {self.progress(offer)}")
        return self.progress(offer)

    def state(self, offer: str = "first") -> str:
        return self.downloads.offers[offer].state().status


def _source(name: str) -> dict[str, object]:
    return {"repo_id": f"tiny/{name}", "licence": "MIT", "bytes": 60_000, "variant": "fp16" if name == "base" else None}


@pytest.fixture
def desk(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 4096)
    found = Desk(hub)
    yield found
    for offer in found.downloads.offers:
        found.downloads.cancel(offer)
    wait_until(lambda: not any("downloads" in thread.name for thread in threading.enumerate()), "it goes on")


def test_from_nothing_to_complete(desk: Desk) -> None:
    assert desk.downloads.progress("first") is None
    desk.downloads.start("first")
    done = desk.until("done")
    assert desk.state() == "present"
    assert done.done == done.total == desk.downloads.offers["first"].state().bytes_present
    assert {part.name for part in done.parts} == {one.name for one in desk.downloads.offers["first"].components}
    assert desk.changes == 1


def test_pause_keeps_and_going_on_fetches_the_rest(desk: Desk) -> None:
    desk.hub.pace = SLOW
    desk.downloads.start("first")
    wait_until(lambda: desk.progress().done > 100_000, "nothing comes")
    desk.downloads.pause("first")
    paused = desk.until("paused")
    assert 0 < paused.done < paused.total
    assert not paused.is_at_work
    asked = len(desk.hub.requests)
    desk.hub.pace = 0
    desk.downloads.start("first")
    done = desk.until("done")
    assert done.done == done.total
    assert desk.state() == "present"
    again = [name for name in desk.hub.fetched()[asked:] if name in desk.hub.fetched()[:asked]]
    assert len(again) <= 1
    assert len(desk.hub.ranges) <= 1


def test_rate_and_time_that_is_left(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that stands while bytes come, and then says that they took four seconds."""
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 4096)
    now = 0.0
    downloads = Downloads(offers({"first": stack("first")}), clock=lambda: now)
    hub.pace = SLOW
    downloads.start("first")

    def seen() -> Progress:
        found = downloads.progress("first")
        assert found is not None
        return found

    wait_until(lambda: seen().done > 60_000, "nothing comes")
    assert seen().seconds_left is None
    now = 4.0
    found = seen()
    assert found.rate == pytest.approx(found.done / 4, rel=0.01)
    assert found.seconds_left == pytest.approx((found.total - found.done) / found.rate)
    downloads.cancel("first")
    wait_until(lambda: seen().status == "cancelled", "it goes on")


def test_cancel_throws_away_what_is_not_whole(desk: Desk) -> None:
    desk.hub.pace = SLOW
    desk.downloads.start("first")
    wait_until(lambda: desk.progress().done > 100_000, "nothing comes")
    desk.downloads.cancel("first")
    desk.until("cancelled")
    assert not list(cache.cache_folder().rglob(f"*{cache.UNFINISHED}"))
    assert desk.state() == "partial", "whole files stay"


def test_cancel_before_the_first_file_leaves_nothing(desk: Desk) -> None:
    desk.hub.faults = [Fault("/resolve/", status=429, headers={"Retry-After": "500"})]
    desk.downloads.start("first")
    wait_until(lambda: "asks to wait" in desk.progress().words, "it does not wait")
    assert not huggingface_hub.scan_cache_dir(cache.cache_folder()).warnings
    desk.downloads.cancel("first")
    desk.until("cancelled")
    assert not list(cache.cache_folder().glob("models--*"))


def test_cancel_is_heard_while_the_hub_does_not_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    desk.hub.faults = [Fault("/api/models", silent=60, times=99)]
    desk.downloads.start("first")
    wait_until(lambda: bool(desk.hub.requests), "it does not ask")
    assert desk.progress().status == "looking"
    desk.downloads.cancel("first")
    wait_until(lambda: desk.progress().status == "cancelled", "it waits for an answer", seconds=30)


def test_one_at_a_time_and_in_their_order(desk: Desk) -> None:
    desk.hub.pace = SLOW
    desk.downloads.start("first")
    desk.until("running")
    desk.downloads.start("second")
    assert desk.progress("second").status == "waiting"
    desk.downloads.pause("second")
    assert desk.progress("second").status == "paused"
    desk.downloads.start("second")
    desk.hub.pace = 0
    desk.until("done")
    desk.until("done", "second")
    assert desk.state("second") == "present"


def test_a_cut_line_is_told_while_it_waits_and_a_pause_does_not_wait_for_it(desk: Desk) -> None:
    desk.hub.faults = [Fault("unet/diffusion", status=429, headers={"Retry-After": "500"})]
    desk.downloads.start("first")
    wait_until(lambda: "asks to wait; the next try is in 500 s" in desk.progress().words, "it does not wait")
    desk.downloads.pause("first")
    assert desk.until("paused").words == ""


def test_a_failure_is_one_sentence_and_can_be_tried_again(desk: Desk) -> None:
    desk.hub.faults = [Fault("unet/diffusion", flipped=True, times=2)]
    desk.downloads.start("first")
    assert "other bytes than the hub lists" in desk.until("failed").words
    desk.downloads.start("first")
    desk.until("done")


def test_what_the_hub_does_not_give_is_told(desk: Desk) -> None:
    (desk.hub.root / "cn-lineart" / "config.json").unlink()
    desk.downloads.start("first")
    done = desk.until("done")
    assert desk.state() == "reduced"
    assert len(done.left_out) == 1
    assert "ControlNet for lineart" in done.left_out[0]
    assert "ControlNet for lineart" not in {part.name for part in done.parts}


def test_deleting_frees_what_nothing_else_needs(desk: Desk) -> None:
    for offer in ("first", "second"):
        desk.downloads.start(offer)
        desk.until("done", offer)
    before, changes = _bytes(), desk.changes
    removal = desk.downloads.removal("first")
    assert removal.shared == ("Stack second",)
    assert desk.downloads.delete("first") == removal.frees == before - _bytes()
    assert removal.frees == pytest.approx(120_000, abs=500), "the LoRA and one ControlNet"
    assert desk.state("second") == "present"
    assert desk.changes == changes + 1
    desk.downloads.delete("second")
    assert _bytes() == 0
    assert not list(cache.cache_folder().glob("models--*"))


def test_what_came_along_goes_along(desk: Desk) -> None:
    """The second stack has files here that it shares with the first, and none of its own."""
    desk.downloads.start("first")
    desk.until("done")
    assert desk.state("second") in ("present", "partial")
    (cache.snapshot("tiny/cn-lineart", desk.hub.commit) / "config.json").unlink()
    desk.downloads.delete("first")
    assert _bytes() < 100, "all but the bytes whose link was taken away"


def test_what_is_at_work_is_not_deleted(desk: Desk) -> None:
    desk.hub.pace = SLOW
    desk.downloads.start("first")
    desk.until("running")
    with pytest.raises(RequestInvalid, match="pause or cancel"):
        desk.downloads.delete("first")


def test_an_unfinished_one_is_deleted_with_its_rest(desk: Desk) -> None:
    desk.hub.pace = SLOW
    desk.downloads.start("first")
    wait_until(lambda: desk.progress().done > 100_000, "nothing comes")
    desk.downloads.pause("first")
    desk.until("paused")
    desk.downloads.delete("first")
    assert _bytes() == 0
    assert desk.downloads.progress("first") is None


@pytest.mark.parametrize("do", [Downloads.start, Downloads.pause, Downloads.cancel, Downloads.delete])
def test_what_is_not_offered(desk: Desk, do: Callable[[Downloads, str], object]) -> None:
    with pytest.raises(RequestInvalid, match="choose one of: first, second"):
        do(desk.downloads, "third")


def _bytes() -> int:
    """In the cache, but for notes of a few bytes."""
    blobs = cache.cache_folder().glob("models--*/blobs/*")
    return sum(path.stat().st_size for path in blobs)
