"""Whoever asks for very much shuts nobody else out."""

from __future__ import annotations

import secrets

import pytest

from tests.support.site import LOOK, Site, Visitor

pytestmark = pytest.mark.slow

EVENTS = 600  # more than Gradio's queue holds


@pytest.mark.parametrize("cookies", ["none", "made up"])
def test_a_flood_of_events_without_consent_keeps_nobody_from_consent_and_deletion(
    busy_site: Site, photo: bytes, cookies: str
) -> None:
    at_work, flood = Visitor(busy_site.url), Visitor(busy_site.url)
    at_work.agree()
    assert at_work.send_photo(photo).is_success
    flood.http.cookies.clear()
    refused = 0
    style, scene, _ = LOOK
    for number in range(EVENTS):
        if cookies == "made up":
            flood.http.headers["Cookie"] = f"studio_visitor_x={secrets.token_urlsafe(24)}"
        # Each asks for another likeness: the example of one look is painted once.
        answer = flood.join("restyle", style, scene, number / EVENTS, session=secrets.token_hex(6))
        assert answer.status_code in (200, 503)
        refused += answer.status_code == 503
    assert at_work.join("arrived", *LOOK).is_success, "there is room in the queue for those at work"
    new = Visitor(busy_site.url)
    said = new.press("agree", True, *LOOK)
    assert said.is_success, said.text
    assert '"key":"' in said.text
    said = at_work.press("forget", *LOOK)
    assert said.is_success, said.text
    assert "are deleted" in said.text
    assert at_work.send_photo(photo).status_code == 403
    assert refused, "the flood was large enough to matter"
    for one in (at_work, flood, new):
        one.close()
