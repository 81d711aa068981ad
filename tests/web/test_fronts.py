"""Two fronts, each the real app in a process of its own, with one register; visitors who speak with both, by HTTP."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

import pytest
from PIL import Image

from tests.support.postgres import Postgres
from tests.support.site import TOY_APP, Site, Visitor, wait_until
from tests.support.traces import make_photo

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("app")]
_PORTRAITS = 3  # an hour: a busy machine may take minutes for them


@pytest.fixture(scope="module")
def fronts(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    shared = {
        "STUDIO_SHARED_URL": postgres.new_database("fronts"),
        "STUDIO_SHARED_KEY": "a secret of both fronts, and long enough",
        "STUDIO_PORTRAITS_PER_HOUR": str(_PORTRAITS),
    }
    opened = [Site(tmp_path_factory.mktemp(f"front-{name}"), TOY_APP, **shared) for name in "ab"]
    yield opened[0], opened[1]
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def photo(face_photo: Image.Image) -> bytes:
    return make_photo(face_photo)


def at_other(visitor: Visitor, site: Site) -> Visitor:
    """The same browser and session at another front, as a balancer without sticky cookies would send it there."""
    other = Visitor(site.url, visitor.session)
    other.http.cookies = visitor.http.cookies
    return other


def test_the_page_says_what_the_machines_share(fronts: tuple[Site, Site]) -> None:
    page = json.dumps(Visitor(fronts[0].url).config)
    for words in ("a database that all machines of this studio share", "Several machines.", "Withdraw from elsewhere"):
        assert words in page


def create(visitor: Visitor) -> str:
    return visitor.call("create", "film-noir", "none", 0.5, 1, "auto", 5, False, "", False)


def test_consent_that_is_taken_back_at_one_front_is_over_at_the_other(fronts: tuple[Site, Site], photo: bytes) -> None:
    a, b = fronts
    visitor = Visitor(a.url)
    visitor.agree()
    assert visitor.send_photo(photo).is_success
    portrait = visitor.create()
    assert visitor.http.get(portrait).is_success
    made = list((a.root / "tmp").rglob("*.png"))
    assert made
    elsewhere = at_other(visitor, b)
    assert "deleted" in elsewhere.call("forget", "storybook", "none", 0.5)
    refused = visitor.send_photo(photo)
    assert (refused.status_code, "consent" in refused.text) == (403, True)
    assert visitor.http.get(portrait).status_code == 403
    wait_until(lambda: not any(path.exists() for path in made), "the portrait was not deleted where it was made")
    for one in (visitor, elsewhere):
        one.close()


def test_a_stranger_who_knows_the_session_neither_gets_nor_ends_the_consent(fronts: tuple[Site, Site]) -> None:
    a, b = fronts
    visitor = Visitor(a.url)
    visitor.agree()
    stranger = Visitor(b.url, visitor.session)
    said = stranger.call("agree", True, "storybook", "none", 0.5)
    assert not re.search(r'"key": ?"\w', said)
    assert "another visit" in said
    stranger.call("forget", "storybook", "none", 0.5)
    assert visitor.http.get("/studio/visit", headers={"X-Studio-Key": visitor.key}).is_success
    for one in (visitor, stranger):
        one.close()


def test_portraits_of_both_fronts_count_together(fronts: tuple[Site, Site], photo: bytes) -> None:
    a, b = fronts
    visitor = Visitor(a.url)
    visitor.agree()
    elsewhere = at_other(visitor, b)
    elsewhere.agree()
    for one in (visitor, elsewhere):
        assert one.send_photo(photo).is_success
    made = [("studio/portrait/" in create(one)) for one in (visitor, visitor, elsewhere)]
    assert made == [True] * _PORTRAITS
    assert "as many portraits as an hour allows" in create(elsewhere)
    for one in (visitor, elsewhere):
        one.close()


def test_a_register_that_is_away_lets_nothing_begin_and_loses_nothing(
    fronts: tuple[Site, Site], photo: bytes, postgres: Postgres
) -> None:
    visitor, newcomer = Visitor(fronts[0].url), Visitor(fronts[0].url)
    visitor.agree()
    assert visitor.send_photo(photo).is_success
    postgres.stop()
    try:
        refused = visitor.send_photo(photo)
        assert (refused.status_code, "does not answer" in refused.text) == (503, True)
        said = newcomer.call("agree", True, "storybook", "none", 0.5)
        assert not re.search(r'"key": ?"\w', said)
        assert "does not answer" in said
        assert visitor.http.get("/healthz").is_success
    finally:
        postgres.start()
    wait_until(lambda: visitor.send_photo(photo).is_success, "the consent was not there again")
    assert "studio/portrait/" in create(visitor)
    for one in (visitor, newcomer):
        one.close()


def test_a_front_that_is_killed_takes_no_consent_of_the_other_along(fronts: tuple[Site, Site], photo: bytes) -> None:
    a, b = fronts
    at_a, at_b = Visitor(a.url), Visitor(b.url)
    at_a.agree()
    at_b.agree()
    assert at_b.send_photo(photo).is_success
    a.end(signal.SIGKILL)
    assert "studio/portrait/" in create(at_b)
    moved = at_other(at_a, b)  # the balancer sends them to whoever lives
    assert moved.agree()
    assert moved.send_photo(photo).is_success
    assert "deleted" in moved.call("forget", "storybook", "none", 0.5)
    assert moved.send_photo(photo).status_code == 403
    assert at_b.send_photo(photo).is_success
    for one in (at_a, at_b, moved):
        one.close()
