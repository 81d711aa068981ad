"""Two devices, and who asks for portraits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets
from pipelines.schema import Consent, LoadedPhoto, PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.machine import LARGE, Machine, Stacks


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def pipeline(presets: Presets, machine: Machine, tmp_path: Path) -> Iterator[SelfPortraitPipeline]:
    sources = {name: Stacks(machine, name) for name in ("one", "two")}
    studio = SelfPortraitPipeline(presets, tmp_path, engines=sources)
    yield studio
    studio.close()


@pytest.fixture
def ask(loaded: LoadedPhoto, consent: Consent) -> Callable[..., PortraitRequest]:
    def build(session: str = "ann-1", **changes: object) -> PortraitRequest:
        values = {"photo": loaded, "style_id": "comic", "seeds": (7,), "model_id": LARGE}
        return build_request(**{**values, **changes}, consent=consent.model_copy(update={"session": session}))

    return build
