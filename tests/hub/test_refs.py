"""What `hf cache` reads of this cache is never damaged: each ref leads to a snapshot."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest

from pipelines.errors import Cancelled
from pipelines.hub import cache, removing
from pipelines.hub.offers import Offer
from tests.fake_hub import COMMIT, FakeHub
from tests.support.small_hub import Watcher, fetch, is_complete, stack

LATER = "d" * 40


def controlnet(revision: str | None = None) -> Offer:
    source = {"repo_id": "tiny/cn-canny", "licence": "MIT", "bytes": 60_000, "revision": revision}
    return Offer(f"cn-{revision}", "cn", "", stack(controlnets={"canny": source}).components()[1:2])


def folder() -> Path:
    return cache.repository("tiny/cn-canny")


def is_sound() -> bool:
    return not huggingface_hub.scan_cache_dir(cache.cache_folder()).warnings


def stopped(offer: Offer) -> None:
    """As it is while the first file comes."""
    with pytest.raises(Cancelled):
        fetch(offer, Watcher(stop_after=0))


def test_a_download_that_brought_nothing_leaves_nothing(hub: FakeHub) -> None:
    stopped(controlnet())
    assert is_sound()
    assert cache.commit_of(controlnet().components[0].source) == COMMIT
    removing.drop_unfinished(controlnet())
    assert not folder().exists()


def test_a_ref_goes_with_its_last_file(hub: FakeHub) -> None:
    fetch(controlnet(COMMIT))
    hub.also, hub.commit = COMMIT, LATER
    fetch(controlnet())
    removing.remove(controlnet(), [controlnet(COMMIT)])
    assert is_sound()
    assert cache.commit_of(controlnet().components[0].source) is None
    assert is_complete(controlnet(COMMIT))


def test_bytes_without_a_link_are_no_damage(hub: FakeHub) -> None:
    fetch(controlnet())
    (folder() / "blobs" / "of-another-program").write_bytes(b"x")
    removing.remove(controlnet(), [])
    assert is_sound()
    assert not list((folder() / "snapshots").iterdir())


def test_one_that_is_at_work_keeps_its_ref(hub: FakeHub) -> None:
    stopped(controlnet())
    removing.remove(controlnet(COMMIT), [controlnet()], at_work=["cn-None"])
    assert cache.commit_of(controlnet().components[0].source) == COMMIT


def test_another_studio_that_downloads_keeps_its_ref(hub: FakeHub) -> None:
    stopped(controlnet())
    with cache.downloading():
        removing.drop_unfinished(controlnet())
    assert cache.commit_of(controlnet().components[0].source) == COMMIT
    assert cache.unfinished_bytes("tiny/cn-canny")


def test_another_program_that_fetches_keeps_its_folder(hub: FakeHub) -> None:
    """huggingface_hub makes the folder of a snapshot, fetches, and then counts on it."""
    stopped(controlnet())
    (folder() / "blobs" / "abc.incomplete").write_bytes(b"x")
    removing.drop_unfinished(controlnet())
    assert cache.snapshot("tiny/cn-canny", COMMIT).is_dir()
    assert is_sound()
