"""A hub on loopback that has every part of tiny stacks, for downloads that end in pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import huggingface_hub.constants
import pytest
import torch

from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import EngineUnavailable
from pipelines.hub import download as hub
from pipelines.hub import transfer
from tests import tiny_checkpoints, tiny_flow
from tests.fake_hub import FakeHub, serve


class Place(NamedTuple):
    """A fake hub, an empty cache, and a stack whose every part is on that hub."""

    hub: FakeHub
    cache: Path
    stack: UNetStack
    root: Path


def never_stop(done: int, total: int) -> bool:
    return True


def changed(stack: UNetStack, part: str, **keys: object) -> UNetStack:
    """The stack with other keys in one of its sources."""
    content = stack.model_dump()
    content[part] |= keys
    return UNetStack.model_validate(content)


def refused(stack: UNetStack) -> str:
    with pytest.raises(EngineUnavailable) as caught:
        hub.download(stack, never_stop)
    assert "Traceback" not in str(caught.value)
    return caught.value.hint


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("repositories")
    tiny_checkpoints.build(root)
    tiny_flow.build(root)
    (root / "sd15" / "README.md").write_text("not needed")
    (root / "sd15" / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"a pickle, not needed")
    return root


@pytest.fixture
def place(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    root = Path(shutil.copytree(built, tmp_path / "repositories"))
    cache = tmp_path / "cache"
    constants = huggingface_hub.constants
    with serve(root) as server:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(hub, "_DISK_MARGIN", 0)
        monkeypatch.setattr(transfer, "_FIRST_WAIT", 0.001)
        yield Place(server, cache, tiny_checkpoints.on_hub(tiny_checkpoints.sd15_stack(root), root), root)
