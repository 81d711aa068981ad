"""What many tests need: a real face that is always there, the shared portraits where they are, small presets."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several files are tested at a time
# Tests of ticks and sentences need no diffusion; those of what a fresh machine makes take the setting away.
os.environ["STUDIO_MODEL"] = "preview"

import hypothesis  # noqa: F401  # early: where its plugin imports it after many threads, CPython 3.11 may refuse
import numpy as np
import pytest
from PIL import Image
from skimage import data

from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets, load_presets
from pipelines.schema import Consent, LoadedPhoto, PreparedPhoto

# Portraits are signed with a certificate of this run, never with the one of whoever runs the tests.
for _setting in ("STUDIO_C2PA_CERTIFICATE", "STUDIO_C2PA_KEY", "STUDIO_C2PA_TSA"):
    os.environ.pop(_setting, None)
os.environ["STUDIO_CREDENTIALS_DIR"] = tempfile.mkdtemp(prefix="studio-credentials-")
atexit.register(shutil.rmtree, os.environ["STUDIO_CREDENTIALS_DIR"], ignore_errors=True)

ROOT = Path(__file__).resolve().parents[1]
PORTRAITS = ROOT.parent / "shared" / "portraits"


@pytest.fixture(scope="session")
def portraits_dir() -> Path:
    """The 70 shared portraits; tests that need them are skipped, visibly, where they are not."""
    if not PORTRAITS.is_dir():
        pytest.skip("the shared portraits are not on this machine")
    return PORTRAITS


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
    return load_presets()


@pytest.fixture
def consent() -> Consent:
    return Consent(
        id="consent-1", session="session-1", granted_at=datetime.now(UTC), notice_version="1", notice_sha256="0" * 64
    )


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference of two RGB pictures, 0..255."""
    return float(np.abs(np.asarray(first, np.float32) - np.asarray(second, np.float32)).mean())
