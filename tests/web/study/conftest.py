"""A studio in which the small study is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image

from study.plan.freezing import FrozenStudy
from tests.support.participant import a_studio
from tests.support.studies import SMALL_STUDY, write_study
from tests.support.studio import jpeg
from visits.studio import Studio


@pytest.fixture(scope="module")
def open_study(tmp_path_factory: pytest.TempPathFactory) -> FrozenStudy:
    return write_study(tmp_path_factory.mktemp("studies"), SMALL_STUDY)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, open_study: FrozenStudy) -> Iterator[Studio]:
    file = next(tmp_path_factory.getbasetemp().glob(f"studies*/{open_study.id}.toml"))
    with a_studio(tmp_path_factory.mktemp("study"), file) as studio:
        yield studio


@pytest.fixture(scope="module")
def photo(face_photo: Image.Image) -> bytes:
    return jpeg(face_photo)
