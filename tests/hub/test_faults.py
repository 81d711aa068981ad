"""What can go wrong on the way from the hub: each fault ends in a resumed download or in one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import Cancelled, EngineUnavailable
from pipelines.hub import cache, transfer
from pipelines.hub.download import carry_out, nothing
from pipelines.hub.offers import Offer, offers
from pipelines.hub.plan import make_plan
from tests.fake_hub import COMMIT, FakeHub, Fault, serve
from tests.support.small_hub import Watcher, fetch, is_complete, is_the_hubs, stack

UNET = "unet/diffusion_pytorch_model.fp16.safetensors"


def base() -> Offer:
    """The base model alone."""
    return Offer("base", "Base", "", stack().components()[:1])


def refused(offer: Offer) -> str:
    with pytest.raises(EngineUnavailable) as caught:
        fetch(offer)
    assert "http" not in str(caught.value)
    return caught.value.hint


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 4096)


# --- what a download survives ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_chunks")
def test_a_cut_connection_goes_on_with_the_byte_after_the_last(hub: FakeHub) -> None:
    hub.faults = [Fault(UNET, cut_after=20_480, times=2)]
    watcher = fetch(base())
    assert is_the_hubs(hub, base())
    assert [reason for _, reason in watcher.waits] == ["The connection was cut"] * 2
    assert hub.ranges == ["bytes=20480-", "bytes=40960-"]
    assert watcher.bytes == base().state().bytes_present


@pytest.mark.usefixtures("small_chunks")
def test_a_stopped_download_goes_on_there_after_a_restart_too(hub: FakeHub) -> None:
    with pytest.raises(Cancelled):
        fetch(base(), Watcher(stop_after=70_000))
    found = base().state()
    assert found.status == "partial"
    assert found.bytes_present > 70_000, "what is unfinished counts"
    hub.requests.clear()
    watcher = fetch(base())
    assert is_the_hubs(hub, base())
    assert len(hub.ranges) == 1
    assert watcher.bytes < 120_000
    assert not list(cache.cache_folder().rglob(f"*{cache.UNFINISHED}"))


def test_waits_grow_and_the_count_begins_anew_with_each_byte(hub: FakeHub) -> None:
    hub.faults = [Fault(UNET, status=503, times=4)]
    watcher = fetch(base())
    assert is_complete(base())
    assert [seconds for seconds, _ in watcher.waits] == [1, 2, 4, 8]
    assert watcher.waits[0][1] == "The hub answered 503"


def test_a_hub_that_asks_to_wait_is_waited_for(hub: FakeHub) -> None:
    hub.faults = [Fault("/api/models", status=429, headers={"Retry-After": "7"}), Fault(UNET, status=429)]
    hub.faults[1].headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}
    watcher = fetch(base())
    assert is_complete(base())
    assert watcher.waits == [(7.0, "The hub asks to wait"), (0.0, "The hub asks to wait")]


def test_the_limit_of_the_hub_is_waited_for_in_its_own_words(hub: FakeHub) -> None:
    """Lists and files alike; where something of the limit is left, it is not what the hub waits for."""
    used_up = {"RateLimit": '"api";r=0;t=55', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    left = {"RateLimit": '"api";r=3;t=55', "Retry-After": "7"}
    hub.faults = [Fault("/api/models", status=429, headers=used_up | {"Retry-After": "7"})]
    hub.faults += [Fault(UNET, status=429, headers=used_up), Fault(UNET, status=429, headers=left)]
    watcher = fetch(base())
    assert is_complete(base())
    assert [seconds for seconds, _ in watcher.waits] == [56, 56, 7]


@pytest.mark.parametrize("small", [False, True])
def test_wrong_bytes_are_thrown_away_and_fetched_again(hub: FakeHub, *, small: bool) -> None:
    hub.faults = [Fault("tokenizer.json" if small else UNET, flipped=True)]
    fetch(base())
    assert is_the_hubs(hub, base())
    assert len(hub.fetched()) == len(set(hub.fetched())) + 1


@pytest.mark.usefixtures("small_chunks")
def test_a_hub_that_begins_anew_where_it_was_asked_to_go_on(hub: FakeHub) -> None:
    hub.faults = [Fault(UNET, cut_after=20_480)]
    hub.goes_on = False
    watcher = fetch(base())
    assert is_the_hubs(hub, base())
    assert watcher.bytes == base().state().bytes_present


def test_what_does_not_belong_to_a_file_is_not_gone_on_with(hub: FakeHub) -> None:
    plan = make_plan(base().components, nothing, Watcher())
    file = next(file for file in plan.pieces[0].wanted if file.name == UNET)
    part, missing = cache.unfinished(file.repo_id, file.key), plan.missing
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 10_000)
    watcher = fetch(base())
    assert is_the_hubs(hub, base())
    assert hub.ranges == ["bytes=10000-"]
    assert watcher.bytes == missing - 10_000, "what was thrown away is taken back"


def test_a_mirror_that_lists_names_alone(hub: FakeHub) -> None:
    hub.lists_files = False
    hub.faults = [Fault(UNET, cut_after=20_480, times=2)]  # one is the question for its size
    watcher = fetch(base())
    assert is_the_hubs(hub, base())
    assert watcher.bytes == base().state().bytes_present


# --- what ends in one sentence ---------------------------------------------------------------------------------------


def test_wrong_bytes_twice(hub: FakeHub) -> None:
    hub.faults = [Fault(UNET, flipped=True, times=2)]
    assert "other bytes than the hub lists" in refused(base())
    assert base().state().status == "partial"
    assert not list(cache.cache_folder().rglob(f"*{cache.UNFINISHED}"))


def test_a_line_that_stays_cut(hub: FakeHub) -> None:
    hub.faults = [Fault(UNET, cut_after=0, times=99)]
    assert "cannot be reached" in refused(base())


@pytest.mark.parametrize("where", ["/api/models", UNET])
def test_a_hub_that_takes_the_line_and_says_nothing(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    hub.faults = [Fault(where, silent=3, times=99)]
    assert "cannot be reached" in refused(base())


def test_a_hub_that_stays_busy(hub: FakeHub) -> None:
    hub.faults = [Fault(UNET, status=503, times=99)]
    assert "answered 503" in refused(base())
    for headers in ({"Retry-After": "3600"}, {"RateLimit": '"api";r=0;t=3600'}):
        hub.faults = [Fault(UNET, status=429, headers=headers)]
        assert "go on later" in refused(base())


@pytest.mark.parametrize(("status", "code"), [(401, "GatedRepo"), (403, "GatedRepo"), (403, "")])
def test_a_gated_repository_is_told_before_gigabytes_come(hub: FakeHub, status: int, code: str) -> None:
    hub.faults = [Fault("/resolve/", status=status, headers={"X-Error-Code": code} if code else {}, times=99)]
    assert "HF_TOKEN" in refused(base())
    assert len(hub.fetched()) == 1
    assert "safetensors" not in hub.fetched()[0]


def test_the_token_goes_to_the_hub_and_not_where_it_sends_us(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")
    with serve(hub.root) as elsewhere:
        address = f"http://localhost:{elsewhere.server_port}/tiny/base/resolve/main/{UNET}"
        hub.faults = [Fault(UNET, status=302, headers={"Location": address})]
        fetch(base())
        assert is_the_hubs(hub, base())
        assert [path for _, path, _ in elsewhere.requests] == [f"/tiny/base/resolve/main/{UNET}"]
        assert {authorization for _, _, authorization in elsewhere.requests} == {""}
    assert {authorization for _, _, authorization in hub.requests} == {"Bearer hf_secretsecretsecret"}


def test_a_file_that_is_gone_meanwhile(hub: FakeHub) -> None:
    hub.faults = [Fault(UNET, status=404, headers={"X-Error-Code": "EntryNotFound"}, times=99)]
    assert "not on the hub any more" in refused(base())


def test_a_full_disk_in_the_middle(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "check free space" in refused(base())


def test_two_programs_do_not_write_at_the_same_time(hub: FakeHub) -> None:
    with cache.downloading():
        assert "Another download" in refused(base())
    fetch(base())


# --- what is taken in place of what ----------------------------------------------------------------------------------


def whole(**changes: Any) -> Offer:
    return offers({"small": stack(**changes)})["small"]


def controlnet(**keys: object) -> dict[str, object]:
    return {"repo_id": "tiny/cn-canny", "licence": "MIT", "bytes": 1, **keys}


def test_a_revision_that_is_gone_gives_way_to_main_and_says_so(hub: FakeHub) -> None:
    lineart = controlnet(repo_id="tiny/cn-lineart")
    offer = whole(controlnets={"canny": controlnet(revision="0" * 40), "lineart": lineart})
    watcher = Watcher()
    plan = make_plan(offer.components, offer.can_do_without, watcher)
    assert len(plan.notes) == 1
    assert "no revision 000000000000 of tiny/cn-canny" in plan.notes[0]
    assert COMMIT[:12] in plan.notes[0]
    carry_out(plan, offer.can_do_without, watcher)
    found = offer.state()
    assert found.status == "present"
    assert "main branch of tiny/cn-canny" in " ".join(found.notes)
    hub.requests.clear()
    fetch(offer)
    assert hub.requests == [], "it is complete as it is"


def test_a_revision_that_comes_back_is_taken(hub: FakeHub) -> None:
    offer = Offer("cn", "cn", "", stack(controlnets={"canny": controlnet(revision="1" * 40)}).components()[1:2])
    fetch(offer)
    assert offer.state().notes
    hub.commit = "1" * 40
    (cache.snapshot("tiny/cn-canny", COMMIT) / "config.json").unlink()
    fetch(offer)
    assert offer.state() == (type(offer.state()))("present", offer.state().bytes_present, 0, ())


def test_a_variant_that_is_not_there_gives_way_to_the_plain_weights(hub: FakeHub) -> None:
    offer = whole(controlnets={"canny": controlnet(variant="fp16")})
    plan = make_plan(offer.components, offer.can_do_without, Watcher())
    assert plan.notes == (
        "tiny/cn-canny has no fp16 weights for the ControlNet for canny, so the plain ones are taken.",
    )
    fetch(offer, can_do_without=offer.can_do_without)
    found = offer.state()
    assert found.status == "present"
    assert found.notes == ("The ControlNet for canny has plain weights, because there were none of the variant fp16.",)


@pytest.mark.parametrize("fault", ["repository", "file", "gated"])
def test_a_stack_does_without_one_controlnet(hub: FakeHub, fault: str) -> None:
    repo_id = "tiny/none" if fault == "repository" else "tiny/cn-lineart"
    if fault == "file":
        (hub.root / "cn-lineart" / "config.json").unlink()
    if fault == "gated":
        hub.faults = [Fault("/tiny/cn-lineart/resolve", status=403, headers={"X-Error-Code": "GatedRepo"}, times=99)]
    offer = whole(controlnets={"lineart": controlnet(repo_id=repo_id), "canny": controlnet()})
    watcher = Watcher()
    plan = make_plan(offer.components, offer.can_do_without, watcher)
    left_out = (*plan.left_out, *carry_out(plan, offer.can_do_without, watcher))
    assert [name for name, _ in left_out] == ["ControlNet for lineart"]
    found = offer.state()
    assert found.status == "reduced"
    assert found.missing == ("ControlNet for lineart",)
    assert offer.stack is not None
    reduced = offer.stack.without(frozenset(found.missing))
    assert isinstance(reduced, UNetStack)
    assert list(reduced.controlnets) == ["canny"]


def test_a_stack_without_any_controlnet_is_refused_before_anything_comes(hub: FakeHub) -> None:
    missing = {name: controlnet(repo_id=f"tiny/none-{name}") for name in ("canny", "lineart")}
    offer = whole(controlnets=missing)
    with pytest.raises(EngineUnavailable, match="ControlNet for lineart"):
        fetch(offer, can_do_without=offer.can_do_without)
    assert hub.fetched() == []


def test_without_the_encoder_no_adapter_is_left(hub: FakeHub) -> None:
    (hub.root / "adapters" / "models" / "image_encoder" / "config.json").unlink()
    offer = whole()
    fetch(offer, can_do_without=offer.can_do_without)
    assert isinstance(offer.stack, UNetStack)
    reduced = offer.stack.without(frozenset(offer.state().missing))
    assert reduced is not None
    assert reduced.ip_adapter is None
    assert reduced.controlnets == offer.stack.controlnets


# --- the cache -------------------------------------------------------------------------------------------------------


def test_the_cache_is_that_of_huggingface_hub(hub: FakeHub) -> None:
    """Other programs find what was fetched here, and delete it by huggingface_hub's own command."""
    fetch(base())
    found = huggingface_hub.hf_hub_download("tiny/base", UNET, local_files_only=True)
    assert Path(found).read_bytes() == (hub.root / "base" / UNET).read_bytes()
    info = huggingface_hub.scan_cache_dir(cache.cache_folder())
    assert not info.warnings
    assert {repo.repo_id for repo in info.repos} == {"tiny/base"}


def test_what_other_programs_fetched_is_taken(hub: FakeHub) -> None:
    huggingface_hub.hf_hub_download("tiny/base", UNET)
    huggingface_hub.hf_hub_download("tiny/base", "unet/config.json")
    hub.requests.clear()
    fetch(base())
    assert not [name for name in hub.fetched() if "unet" in name]
    assert is_the_hubs(hub, base())


def test_a_file_system_without_links(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError("not here")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    fetch(base())
    assert is_the_hubs(hub, base())
    assert not [path for path in (cache.repository("tiny/base") / "blobs").iterdir() if path.is_file()]


def test_who_asks_without_a_network_is_answered_within_seconds(hub: FakeHub) -> None:
    hub.faults = [Fault("/api/models", status=503, times=99)]
    watcher = Watcher()
    with pytest.raises(EngineUnavailable, match="answered 503"):
        fetch(base(), watcher)
    assert [seconds for seconds, _ in watcher.waits] == [1, 2]
