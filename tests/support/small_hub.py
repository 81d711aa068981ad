"""A hub on loopback with small repositories, whose files are of the real formats and hold nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import Cancelled
from pipelines.hub import download
from pipelines.hub.offers import Offer
from pipelines.hub.plan import make_plan
from pipelines.hub.weights import inspect, root_of
from tests.fake_hub import FakeHub, serve


def weights(path: Path, count: int = 60_000) -> None:
    """A safetensors file of `count` bytes of data, each another one for each name."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}}).encode()
    data = (path.as_posix().encode() * count)[:count]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    (path.parent / "config.json").write_text(json.dumps({"of": path.parent.name}))


def build(root: Path) -> None:
    """tiny/base, three ControlNets, a LoRA, adapters with their encoder, a small decoder."""
    for folder, name in {
        "base/unet": "diffusion_pytorch_model.fp16",
        "base/vae": "diffusion_pytorch_model.fp16",
        "base/text_encoder": "model.fp16",
        "cn-canny": "diffusion_pytorch_model",
        "cn-lineart": "diffusion_pytorch_model",
        "adapters/models/image_encoder": "model",
        "taesd": "diffusion_pytorch_model",
    }.items():
        weights(root / folder / f"{name}.safetensors")
    weights(root / "lora" / "pytorch_lora_weights.safetensors")
    weights(root / "adapters" / "models" / "face.safetensors")
    for name in ("scheduler/scheduler_config.json", "tokenizer/tokenizer.json"):
        (root / "base" / name).parent.mkdir(exist_ok=True)
        (root / "base" / name).write_text(f'{{"of": "{name}"}}')


def stack(stack_id: str = "small", **changes: object) -> UNetStack:
    """Stable Diffusion 1.5's parts, from these repositories."""

    def source(name: str, **keys: object) -> dict[str, object]:
        return {"repo_id": f"tiny/{name}", "licence": "MIT", "bytes": 60_000, **keys}

    encoder = source("adapters", subfolder="models/image_encoder")
    values = {
        "id": stack_id,
        "name": f"Stack {stack_id}",
        "summary": "Files that hold nothing.",
        "kind": "sd15",
        "rank": 1,
        "size": 64,
        "memory_bytes": 1000,
        "num_inference_steps": 4,
        "guidance_scale": 1.0,
        "scheduler": {"name": "LCMScheduler"},
        "base": source("base", variant="fp16", bytes=180_000),
        "controlnets": {"canny": source("cn-canny"), "lineart": source("cn-lineart")},
        "lora": source("lora"),
        "tiny_vae": source("taesd"),
        "ip_adapter": source("adapters", subfolder="models", weight_name="face.safetensors", image_encoder=encoder),
    }
    return UNetStack.model_validate(values | changes)


class Watcher:
    """Counts bytes, notes waits instead of waiting, and stops where it is told to."""

    def __init__(self, stop_after: float = float("inf")) -> None:
        self.bytes = 0
        self.waits: list[tuple[float, str]] = []
        self._stop_after = stop_after

    def moved(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self._stop_after:
            raise Cancelled("stopped")

    def wait(self, seconds: float, reason: str) -> None:
        self.waits.append((seconds, reason))


def fetch(
    offer: Offer,
    watcher: Watcher | None = None,
    can_do_without: Callable[..., bool] = download.nothing,
    *,
    fresh: bool = False,
) -> Watcher:
    watcher = watcher or Watcher()
    plan = make_plan(offer.components, can_do_without, watcher, fresh=fresh)
    download.carry_out(plan, can_do_without, watcher)
    return watcher


def is_complete(offer: Offer) -> bool:
    return all(inspect(component)[0] for component in offer.components)


def is_the_hubs(hub: FakeHub, offer: Offer) -> bool:
    """Whether every file is, byte for byte, what the hub has."""
    for component in offer.components:
        root = root_of(component.source)
        assert root is not None
        for path in root.rglob("*"):
            theirs = hub.root / str(component.source.repo_id).removeprefix("tiny/") / path.relative_to(root)
            if path.is_file() and path.read_bytes() != theirs.read_bytes():
                return False
    return True


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The folder of the cache."""
    return tmp_path / "cache"


@pytest.fixture
def pointed_at(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes huggingface_hub ask an address, as HF_ENDPOINT does at the start, with an empty cache."""

    def point(url: str) -> None:
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(download, "_DISK_MARGIN", 0)

    return point


@pytest.fixture
def hub(tmp_path: Path, pointed_at: Callable[[str], None]) -> Iterator[FakeHub]:
    """The hub of this test."""
    build(tmp_path / "repositories")
    with serve(tmp_path / "repositories") as server:
        pointed_at(server.url)
        yield server
