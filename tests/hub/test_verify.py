"""`python -m pipelines.hub verify` and `delete`: what is missing or has changed, and the lines that mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.hub import removing
from pipelines.hub.__main__ import main
from pipelines.hub.components import SAFETY_CHECKER
from pipelines.hub.download import download
from pipelines.hub.offers import Offer, offers
from pipelines.presets.loading import Presets
from tests.fake_hub import COMMIT, FakeHub
from tests.support.small_hub import stack


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the command on one stack; returns its status and what it printed."""

    def command(*arguments: str, **changes: Any) -> tuple[int, str]:
        presets = Presets(styles={}, scenes={}, models={"small": stack(**changes)})
        monkeypatch.setattr("pipelines.hub.__main__.all_presets", lambda: presets)
        status = main([*arguments])
        said = capsys.readouterr()
        return status, said.out + said.err

    return command


def source(name: str, **keys: object) -> dict[str, object]:
    return {"repo_id": f"tiny/{name}", "licence": "MIT", "bytes": 60_064, **keys}


def test_all_is_as_it_should_be(hub: FakeHub, run) -> None:
    status, said = run("verify", "small")
    assert status == 0
    assert "small: as it should be" in said
    assert "It is not pinned." in said
    assert f'  [base]\n    revision = "{COMMIT}"' in said
    assert hub.fetched() == [], "lists only"


def test_what_is_missing_is_named_with_the_lines_that_mend_it(hub: FakeHub, run) -> None:
    (hub.root / "taesd" / "config.json").unlink()
    (hub.root / "lora" / "pytorch_lora_weights.safetensors").rename(
        hub.root / "lora" / "pytorch_lora_weight.safetensors"
    )
    status, said = run(
        "verify",
        "small",
        controlnets={
            "canny": source("cn-canny", revision="0" * 40, variant="fp16", bytes=9_000_000),
            "lineart": source("none"),
        },
        lora=source("lora", weight_name="pytorch_lora_weights.safetensors"),
    )
    assert status == 1
    assert "small: to be mended" in said
    lines = [line.strip() for line in said.splitlines()]
    canny = lines[lines.index("[controlnets.canny]") :][:4]
    assert canny[:3] == ["[controlnets.canny]", f'revision = "{COMMIT}"', '# take out: variant = "fp16"']
    assert canny[3] == f"bytes = {sum(path.stat().st_size for path in (hub.root / 'cn-canny').iterdir())}"
    assert "There is no config.json." in said
    assert "repository of the ControlNet for lineart is not on the hub" in said
    assert 'weight_name = "pytorch_lora_weight.safetensors"' in said


def test_files_that_are_others_on_the_hub_now(hub: FakeHub, run) -> None:
    download(stack(), lambda done, total: True)
    path = hub.root / "cn-canny" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    status, said = run("verify", "small")
    assert status == 1
    assert "diffusion_pytorch_model.safetensors here is another one than on the hub" in said


def test_a_main_branch_that_has_moved_on(hub: FakeHub, run) -> None:
    pinned = {"canny": source("cn-canny", revision="1" * 40)}
    hub.also = "1" * 40
    status, said = run("verify", "small", controlnets=pinned)
    assert status == 0
    assert f"main branch has moved on, with the same files: {COMMIT}" in said


def test_without_a_network(hub: FakeHub, run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    status, said = run("verify")
    assert status == 1
    assert "HF_HUB_OFFLINE" in said


def test_delete_and_list(hub: FakeHub, run, cache: Path) -> None:
    (hub.root / "cn-lineart" / "config.json").unlink()
    status, said = run("download", "small")
    assert status == 0
    assert "repository of the ControlNet for lineart does not hold" in said
    status, said = run("list")
    assert "usable, 1 MB missing: ControlNet for lineart" in said
    status, said = run("delete", "small")
    assert status == 0
    assert "are free now" in said
    assert not list(cache.glob("models--*"))
    assert run("delete", "small") == (0, "Nothing of it alone was here.\n")


def test_the_checker_stays_where_the_base_model_goes(hub: FakeHub) -> None:
    """Both stand in one repository."""
    first = offers({"small": stack()})["small"]
    other = stack(base=source("base", variant="fp16")).components()[0]
    checker = Offer("checker", "Checker", "", (type(other)("checker", other.source, other.parts[1:2]),))
    assert SAFETY_CHECKER.source.repo_id == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    download(stack(), lambda done, total: True)
    found = removing.look(first, [checker])
    assert found.shared == ("Checker",)
    assert found.kept == pytest.approx(60_000, abs=200)
    removing.remove(first, [checker])
    assert checker.state().status == "present"
    assert first.state().status == "partial"
