"""A cluster of two replicas, once for all tests that need one; they are left out, visibly, where Ray is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.cluster.joining import why_not
from pipelines.cluster.link import Link
from pipelines.cluster.remote import RemoteEngines
from pipelines.photo.opening import prepare
from pipelines.presets.loading import Presets, load_presets
from pipelines.schema import Job, LoadedPhoto, PreparedPhoto
from tests.support.clusters import Head, joined

KEPT = ("HOME", "TMPDIR")  # of the head alone


@pytest.fixture(scope="session")
def ray_head() -> Iterator[Head]:
    if reason := why_not():
        pytest.skip(reason)
    running = Head()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running.settings.items():
            if name not in KEPT:
                patch.setenv(name, value)
        yield running
    running.close()


@pytest.fixture(scope="session")
def link(ray_head: Head) -> Iterator[Link]:
    one = joined(ray_head)
    yield one
    one.close()


@pytest.fixture(scope="session")
def all_presets(ray_head: Head) -> Presets:
    """With the operator's small stack."""
    return load_presets(more=ray_head.root / "presets")


@pytest.fixture(scope="session")
def engines(link: Link, all_presets: Presets) -> RemoteEngines:
    return RemoteEngines(all_presets.models, link, lambda stack: "")


@pytest.fixture(scope="session")
def sitter(loaded: LoadedPhoto) -> PreparedPhoto:
    return prepare(loaded, 0, 256)


@pytest.fixture
def small_job(sitter: PreparedPhoto, all_presets: Presets) -> Job:
    return Job(photo=sitter, style=all_presets.style("comic"), scene=all_presets.scene("orbit"), seeds=(3,))
