"""Visitors of the one site that runs for all tests, and a second site for crowds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from tests.support.site import SHORT_LINE, TOY_APP, Site, Visitor
from tests.support.traces import Traces, make_photo


@pytest.fixture(scope="session")
def photo(face_photo: Image.Image) -> bytes:
    return make_photo(face_photo)


@pytest.fixture(scope="session")
def busy_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """For crowds and floods: its line is short, and it may be at work for a while after them."""
    # One is served at a time, whatever cores there are; and closed pages are waited for.
    short = {"STUDIO_MAX_WAITING": str(SHORT_LINE), "STUDIO_AWAY_SECONDS": "10", "STUDIO_FILTERS_AT_ONCE": "1"}
    running = Site(tmp_path_factory.mktemp("busy"), TOY_APP, **short)
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
