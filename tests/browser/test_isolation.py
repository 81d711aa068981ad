"""The cookie that tells visitors apart, as a browser sends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browsing import LONG, agree, create, delete_all, enter, open_context, upload
from tests.support.site import Site


@pytest.mark.slow
def test_a_link_on_another_site_opens_a_second_tab_and_takes_nothing_from_the_first(
    browser: Browser, site: Site, photo_file: Path
) -> None:
    context = open_context(browser)
    page, other = context.new_page(), context.new_page()
    enter(page, site)
    agree(page)
    upload(page, photo_file)
    for link in (site.url, site.url.replace("127.0.0.1", "localhost")):
        other.goto("data:text/html,<a href=" + link + ">my portrait</a>")
        other.get_by_role("link").click()
        expect(other.get_by_role("heading", level=1)).to_be_visible(timeout=LONG)
    create(page)
    delete_all(page)
    expect(page.locator("#notice")).to_contain_text("are deleted", timeout=LONG)
    context.close()
