"""The page on a port, in both ways of starting it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

import app
from tests.support.databases import postgres, url  # noqa: F401  # fixtures
from tests.support.small_hub import cache, hub, pointed_at
from ui.serving import Serving, serve
from visits.folder import PrivateFolder
from visits.studio import Studio
from web import gradio_seams

__all__ = ["cache", "hub", "pointed_at"]  # fixtures


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with pytest.MonkeyPatch.context() as patch:
        folder = PrivateFolder(tmp_path_factory.mktemp("private"))
        patch.setenv("GRADIO_TEMP_DIR", str(folder.path))
        studio = app.build_studio(folder)
        yield studio
        studio.pipeline.close()
        folder.remove()


@pytest.fixture(scope="module", params=["mounted", "on ZeroGPU"])
def serving(request: pytest.FixtureRequest, studio: Studio) -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradio_seams, "on_zero_gpu", lambda: request.param == "on ZeroGPU")
        patch.setattr(gradio_seams, "format_server_log", lambda formatter: None)  # for good; tested with the seams
        running = serve(studio, None, None)
    yield running
    running.close()


@pytest.fixture
def http(serving: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serving.url, timeout=60) as client:
        yield client
