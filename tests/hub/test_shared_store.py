"""Files that huggingface_hub 2 keeps in one store for the whole cache: `blobs` of a repository holds links to them."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub
import pytest

from pipelines.hub import cache, removing
from pipelines.hub.components import Component
from pipelines.hub.download import download
from pipelines.hub.offers import Offer
from pipelines.hub.transfer import HubFile, _link
from pipelines.hub.verifying import verify
from tests.fake_hub import FakeHub
from tests.support.small_hub import Watcher, fetch, stack

store = pytest.importorskip("huggingface_hub.utils._shared_blobs", reason="there is a store since huggingface_hub 2.4")

WEIGHTS = "diffusion_pytorch_model.safetensors"


def controlnet(repo: str) -> Offer:
    """A ControlNet that is offered by itself."""
    source = {"repo_id": f"tiny/{repo}", "licence": "MIT", "bytes": 60_000}
    component: Component = stack(controlnets={"canny": source}).components()[1]
    return Offer(repo, repo, "", (component,))


def weights_of(offer: Offer, hub: FakeHub) -> Path:
    return cache.snapshot(str(offer.components[0].source.repo_id), hub.commit) / WEIGHTS


def share(offer: Offer, hub: FakeHub) -> Path:
    """Move the weights into the store, as the library does after its own download. Returns where they lie there."""
    blob = cache.blob_of(weights_of(offer, hub))
    size = blob.stat().st_size
    assert store.publish_blob_to_shared_store(
        blob_path=str(blob), xet_hash="a" * 64, cache_dir=cache.cache_folder(), expected_size=size
    )
    assert blob.is_symlink()
    return Path(store.shared_blob_path(cache.cache_folder(), "a" * 64))


@pytest.fixture
def two(hub: FakeHub) -> tuple[Offer, Offer, Path]:
    """Two repositories with the same weights, which lie in the store, and where they lie."""
    shutil.copytree(hub.root / "cn-canny", hub.root / "cn-copy")
    first, second = controlnet("cn-canny"), controlnet("cn-copy")
    for offer in (first, second):
        fetch(offer)
        payload = share(offer, hub)
    return first, second, payload


def test_deleting_leaves_what_another_repository_reads(hub: FakeHub, two: tuple[Offer, Offer, Path]) -> None:
    first, second, payload = two
    freed = removing.remove(first, [second])
    assert freed < 1000, "the configuration alone"
    assert weights_of(second, hub).read_bytes() == (hub.root / "cn-copy" / WEIGHTS).read_bytes()
    assert second.state().status == "present"
    assert payload.exists()
    assert not cache.repository("tiny/cn-canny").exists()
    assert not huggingface_hub.scan_cache_dir(cache.cache_folder()).warnings


def test_the_last_who_reads_takes_it_along(hub: FakeHub, two: tuple[Offer, Offer, Path]) -> None:
    first, second, payload = two
    removing.remove(first, [second])
    size = payload.stat().st_size
    told = removing.look(second, [first]).frees
    assert removing.remove(second, [first]) == told > size
    assert not payload.exists()
    assert not list(cache.cache_folder().glob("models--*"))


def test_a_library_that_cannot_sweep_leaves_the_bytes_and_that_is_told(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = controlnet("cn-canny")
    fetch(offer)
    payload = share(offer, hub)
    monkeypatch.delattr(huggingface_hub.HFCacheInfo, "delete_files")
    assert removing.remove(offer, []) < 1000
    assert payload.exists()
    assert not list(cache.cache_folder().glob("models--*"))


def test_a_link_to_what_is_somebody_s_own_goes_alone(hub: FakeHub, tmp_path: Path) -> None:
    offer = controlnet("cn-canny")
    fetch(offer)
    own = tmp_path / "own.safetensors"
    shutil.copy(weights_of(offer, hub), own)
    weights_of(offer, hub).unlink()
    weights_of(offer, hub).symlink_to(own)
    removing.remove(offer, [])
    assert own.exists()
    assert not weights_of(offer, hub).is_symlink()


def test_a_damaged_one_is_fetched_beside_the_store(hub: FakeHub, two: tuple[Offer, Offer, Path]) -> None:
    first, _, payload = two
    payload.chmod(0o600)
    payload.write_bytes(b"damaged")
    fetch(first)
    assert first.state().status == "present"
    assert payload.read_bytes() == b"damaged"
    assert not cache.blob_of(weights_of(first, hub)).is_symlink()


def test_verify_knows_them_as_the_hubs(hub: FakeHub, two: tuple[Offer, Offer, Path]) -> None:
    for offer in two[:2]:
        assert not [
            problem for found in verify(offer, Watcher()) for problem in found.problems if "another one" in problem
        ]


def test_where_no_link_can_be_made_the_bytes_are_copied(
    hub: FakeHub, two: tuple[Offer, Offer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError("not here")

    first, _, payload = two
    blob = cache.blob_of(weights_of(first, hub))
    weights_of(first, hub).unlink()
    monkeypatch.setattr(Path, "symlink_to", no_links)
    _link(HubFile("tiny/cn-canny", hub.commit, WEIGHTS, payload.stat().st_size, blob.name))
    assert weights_of(first, hub).read_bytes() == payload.read_bytes()
    assert blob.is_symlink()


def test_what_another_program_linked_meanwhile_stays(hub: FakeHub) -> None:
    download(stack(), lambda done, total: True)
    path = cache.snapshot("tiny/cn-canny", hub.commit) / WEIGHTS
    blob = cache.blob_of(path)
    _link(HubFile("tiny/cn-canny", hub.commit, WEIGHTS, path.stat().st_size, blob.name))
    assert path.is_symlink()
    assert blob.exists()
