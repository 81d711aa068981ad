"""One running site for the tests of this folder; each test brings visitors of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from tests.trust.site import Site, Visitor
from tests.trust.traces import Traces, make_photo


@pytest.fixture(scope="session")
def photo(face_photo: Image.Image) -> bytes:
    return make_photo(face_photo)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(tmp_path_factory.mktemp("site"))
    yield running
    running.close()


@pytest.fixture
def traces(photo: bytes) -> Traces:
    return Traces(photo)


@pytest.fixture
def visitor(site: Site) -> Iterator[Callable[[], Visitor]]:
    """Makes visitors, each with a cookie jar and a session of their own."""
    made: list[Visitor] = []

    def arrive() -> Visitor:
        made.append(Visitor(site.url))
        return made[-1]

    yield arrive
    for one in made:
        one.close()
