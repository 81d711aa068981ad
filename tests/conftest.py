"""What many tests need: a real face that is always there, the shared portraits where they are, small presets."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pkgutil
import shutil
import signal
import tempfile
import tracemalloc  # noqa: F401  # early: pytest loads it while garbage is collected, maybe amid an import
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several files are tested at a time
# Tests of ticks and sentences need no diffusion; those of what a fresh machine makes take the setting away.
os.environ["STUDIO_MODEL"] = "preview"
# Of a file of authorities each HTTP client reads all when it is made, of a folder none before it meets one. Tests talk
# to this machine alone.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

import anyio
import hypothesis  # noqa: F401  # early: where its plugin imports it after many threads, CPython 3.11 may refuse
import numpy as np
import pytest
from PIL import Image
from skimage import data

from pipelines import live_pictures
from pipelines.engines.filters.engine import FilterEngine
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets
from pipelines.schema import Consent, LoadedPhoto, PreparedPhoto
from tests.support import (
    looked_at_once,
    searches,  # noqa: F401  # sets how many examples hypothesis tries
)
from tests.support.site import TOY_APP, TOY_PREVIEW, TOY_SIZE, Site
from tests.support.sweeps import project_presets

gc.disable()  # until all tests are collected: what is imported for them stays

# Loaded in a thread of the server, deep in its stack, a part of anyio that pytest rewrites makes CPython 3.11 give up.
for _module in pkgutil.walk_packages(anyio.__path__, "anyio."):
    if not _module.name.endswith(("pytest_plugin", "_trio")):  # this one's plugin, and trio, which is not here
        importlib.import_module(_module.name)

# Portraits are signed with a certificate of this run, never with the one of whoever runs the tests.
for _setting in ("STUDIO_C2PA_CERTIFICATE", "STUDIO_C2PA_KEY", "STUDIO_C2PA_TSA"):
    os.environ.pop(_setting, None)
os.environ["STUDIO_CREDENTIALS_DIR"] = tempfile.mkdtemp(prefix="studio-credentials-")
atexit.register(shutil.rmtree, os.environ["STUDIO_CREDENTIALS_DIR"], ignore_errors=True)

ROOT = Path(__file__).resolve().parents[1]
PORTRAITS = ROOT.parent / "shared" / "portraits"


# What is costly to start, by the fixture that starts it: each is for one worker alone, and the longest come first, so
# that both workers end at about the same time. All other tests go by file.
GROUPS = {
    "torch": {"tiny_root", "built"},
    "cluster": {"ray_head"},
    "app": {"site", "busy_site", "failing", "browser"},
    "studio": {"served"},
}


def group_of(item: pytest.Item) -> str:
    """The name of the group that one worker runs."""
    asked = set(getattr(item, "fixturenames", ()))
    for mark in item.iter_markers("xdist_group"):
        return str(mark.args[0])
    if hasattr(getattr(item, "module", None), "torch"):
        return "torch"
    return next((name for name, fixtures in GROUPS.items() if asked & fixtures), item.nodeid.split("::")[0])


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in this hook, and would find none
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = list(GROUPS)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    items.sort(key=lambda item: order.index(name) if (name := group_of(item)) in order else len(order))


def pytest_collection_finish() -> None:
    """What is imported by now stays: looking through it for what nobody holds took a tenth of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long texts and files are named by their length: one of 41 MB was a name of 172 MB, told with each report."""
    return f"{argname} of {len(val)}" if isinstance(val, (str, bytes)) and len(val) > 80 else None


@pytest.fixture(scope="session", autouse=True)
def _each_picture_is_looked_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patches:
        looked_at_once.remember(patches.setattr)
        yield


@pytest.fixture(scope="session")
def portraits_dir() -> Path:
    """The 70 shared portraits; tests that need them are skipped, visibly, where they are not."""
    if not PORTRAITS.is_dir():
        pytest.skip("the shared portraits are not on this machine")
    return PORTRAITS


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The app, once for all tests that need no more than one that runs; each brings visitors of its own.

    All visitors come from one network here, so the limits of a network are off: one test would use up the next one's.
    """
    running = Site(
        tmp_path_factory.mktemp("site"),
        TOY_APP,
        STUDIO_CONSENTS_PER_HOUR_PER_ADDRESS="0",
        STUDIO_PORTRAITS_PER_HOUR_PER_ADDRESS="0",
        STUDIO_CREDENTIALS_DIR=os.environ["STUDIO_CREDENTIALS_DIR"],  # so that tests can sign as it does
    )
    yield running
    status = running.end(signal.SIGTERM)
    left = list((running.root / "tmp").glob("studio-*"))
    assert (status, left) == (0, []), "a polite end clears up"


@pytest.fixture(scope="session")
def face_photo() -> Image.Image:
    """Eileen Collins (NASA, public domain), from scikit-image: 512 x 512 RGB with one face."""
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="session")
def loaded(face_photo: Image.Image) -> LoadedPhoto:
    return open_photo(face_photo)


@pytest.fixture(scope="session")
def prepared(loaded: LoadedPhoto) -> PreparedPhoto:
    return prepare(loaded, None, 512)


@pytest.fixture(scope="session")
def presets() -> Presets:
    return project_presets()


@pytest.fixture
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filters' portraits as small as a face can still be measured in, for tests that are not about their looks."""
    monkeypatch.setattr(FilterEngine, "size", TOY_SIZE)
    monkeypatch.setattr(live_pictures, "PREVIEW_SIZE", TOY_PREVIEW)


@pytest.fixture
def consent() -> Consent:
    return Consent(
        id="consent-1", session="session-1", granted_at=datetime.now(UTC), notice_version="1", notice_sha256="0" * 64
    )


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference of two RGB pictures, 0..255."""
    return float(np.abs(np.asarray(first, np.float32) - np.asarray(second, np.float32)).mean())
