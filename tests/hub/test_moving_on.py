"""A repository that is not pinned moves on between two downloads: what did not change stays, for whoever has it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

from pipelines.errors import Cancelled
from pipelines.hub import cache, removing, transfer
from pipelines.hub.offers import Offer
from tests.fake_hub import COMMIT, FakeHub
from tests.support.small_hub import Watcher, fetch, is_complete, is_the_hubs, stack

LATER = "d" * 40


def part(*folders: str, **changes: object) -> Offer:
    """Some of the base model's folders, as the picture checker is one of Stable Diffusion 1.5's."""
    base = stack().components()[0]
    parts = tuple(one for one in base.parts if one.folder in folders)
    assert len(parts) == len(folders)
    source = base.source.model_copy(update=changes)
    return Offer("-".join(folders), " ".join(folders), "", (replace(base, source=source, parts=parts),))


def move_on(hub: FakeHub, changed: str = "README.md") -> None:
    path = hub.root / "base" / changed
    path.write_bytes((path.read_bytes() if path.exists() else b"{}") + b"\n")
    hub.commit = LATER


def test_a_model_is_still_here_when_another_comes_from_a_later_commit(hub: FakeHub) -> None:
    first, second = part("unet", "scheduler"), part("vae")
    fetch(first)
    move_on(hub)
    fetch(second)
    assert cache.commit_of(first.components[0].source) == LATER
    assert is_complete(first)
    assert is_complete(second)
    asked = len(hub.requests)
    fetch(first)
    assert len(hub.requests) == asked, "nothing is missing"


def test_what_changed_is_not_taken_for_what_it_was(hub: FakeHub) -> None:
    first, second = part("unet", "scheduler"), part("vae")
    fetch(first)
    move_on(hub, "scheduler/scheduler_config.json")
    fetch(second)
    assert not is_complete(first)
    fetch(first)
    assert is_the_hubs(hub, first)
    assert len([name for name in hub.fetched() if "unet/diffusion" in name]) == 1


def test_one_that_is_stopped_after_the_move_leaves_the_other_as_it_was(hub: FakeHub) -> None:
    """Also where both need the same files."""
    first, both = part("unet", "scheduler"), part("vae", "unet", "scheduler")
    fetch(first)
    move_on(hub)
    with pytest.raises(Cancelled):
        fetch(both, Watcher(stop_after=10))
    assert cache.commit_of(first.components[0].source) == LATER
    assert is_complete(first)
    hub.requests.clear()
    fetch(both)
    assert is_complete(both)
    assert not [name for name in hub.fetched() if "unet" in name]


def test_all_is_fetched_again_from_a_later_commit_when_asked(hub: FakeHub) -> None:
    first = part("unet", "scheduler")
    fetch(first)
    move_on(hub)
    before = hub.fetched()
    fetch(first, fresh=True)
    assert sorted(hub.fetched()) == sorted(before * 2)


def test_a_damaged_file_is_fetched_where_it_comes_along(hub: FakeHub) -> None:
    first = part("unet", "scheduler")
    fetch(first)
    config = cache.snapshot("tiny/base", COMMIT) / "unet" / "config.json"
    size = config.stat().st_size
    config.write_bytes(b"{" * size)
    move_on(hub)
    fetch(first)
    assert is_the_hubs(hub, first)


def test_what_stands_for_a_lost_revision_moves_on_as_well(hub: FakeHub) -> None:
    pinned = {"revision": "1" * 40}
    first, second = part("unet", "scheduler", **pinned), part("vae", **pinned)
    fetch(first)
    move_on(hub)
    fetch(second)
    assert is_complete(first)
    assert cache.is_replaced(first.components[0].source)


def test_deleting_takes_earlier_commits_along(hub: FakeHub) -> None:
    first, second = part("unet", "scheduler"), part("vae")
    fetch(first)
    move_on(hub)
    fetch(second)
    everything = sum(path.stat().st_size for path in (cache.repository("tiny/base") / "blobs").iterdir())
    freed = removing.remove(first, [second])
    assert freed > 60_000
    assert is_complete(second)
    assert freed + removing.remove(second, [first]) == everything
    assert not cache.repository("tiny/base").exists()


def test_deleting_leaves_a_commit_that_is_pinned(hub: FakeHub) -> None:
    """By another source, or by another program, which nobody here knows of: then the bytes stay."""
    pinned, newest = part("unet", revision=COMMIT), part("unet")
    fetch(pinned)
    hub.also = COMMIT
    move_on(hub)
    fetch(newest)
    assert removing.remove(newest, []) == 0
    assert is_complete(pinned)


def test_a_file_that_another_source_or_program_fetched_is_found_by_its_branch(hub: FakeHub) -> None:
    """All is here but the ref that leads to it: fetching again and again would never end that."""
    fetch(part("unet", revision=COMMIT))
    fetch(part("unet"))
    assert is_complete(part("unet"))
    huggingface_hub.hf_hub_download("tiny/base", "scheduler/scheduler_config.json", revision=COMMIT)
    fetch(part("scheduler"))
    assert is_complete(part("scheduler"))


def test_a_download_that_is_cancelled_at_once_leads_back_to_the_commit_before(hub: FakeHub) -> None:
    fetch(part("scheduler"))
    move_on(hub, "scheduler/scheduler_config.json")
    with pytest.raises(Cancelled):
        fetch(part("vae"), Watcher(stop_after=0))
    removing.drop_unfinished(part("vae"))
    assert cache.commit_of(part("scheduler").components[0].source) == COMMIT
    assert is_complete(part("scheduler"))
    huggingface_hub.hf_hub_download("tiny/base", "scheduler/scheduler_config.json", local_files_only=True)


@pytest.mark.parametrize("hard", [True, False], ids=["hard links", "copies"])
def test_a_file_system_without_links_keeps_what_is_here_too(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, hard: bool
) -> None:
    def no(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", no)
    if not hard:
        monkeypatch.setattr(os, "link", no)
    first, second = part("unet", "scheduler"), part("vae")
    fetch(first)
    move_on(hub)
    fetch(second)
    assert is_complete(first)
    assert is_complete(second)


class OtherProgram(Watcher):
    """Does something once, in the middle of a file."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self._work: Callable[[], object] | None = work

    def moved(self, count: int) -> None:
        super().moved(count)
        if count and self._work is not None:
            work, self._work = self._work, None
            work()


def test_another_process_deletes_while_this_one_downloads(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows nothing of the download, but for the lock."""
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 64)
    old, kept = part("unet", revision=COMMIT), part("scheduler", revision=COMMIT)
    fetch(old)
    fetch(kept)
    hub.also = COMMIT
    move_on(hub)
    coming = part("vae")
    fetch(coming, OtherProgram(lambda: removing.remove(old, [kept, coming])))
    assert is_complete(coming)
    assert is_complete(kept)
    assert not is_complete(old)
