"""A portrait as the studio saves it, for all that is asked of its marks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipelines.provenance import marking

FACTS = {"Style": "oil-master", "Seed": "7", "Engine": 'A <model> & "more"', "Model": "sd15-lcm"}


@pytest.fixture(scope="session")
def marked(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path: Path = tmp_path_factory.mktemp("marked") / "portrait.png"
    marking.save(face_photo, path, is_diffusion=True, facts=FACTS)
    return path.read_bytes()
