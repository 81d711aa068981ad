"""Nothing is lost: a tap, a reload, a lost connection, and what is said of what is gone, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browsing import LONG, agree, create, delete_all, enter, open_context, pick, say_yes, upload
from tests.support.site import TOY_APP, Site, wait_until


def sit(page: Page, site: Site, photo: Path, count: int = 2) -> None:
    """From consent to portraits in a style of one's own."""
    enter(page, site)
    agree(page)
    upload(page, photo)
    pick(page, "style", "charcoal")
    page.locator("#variations label").nth(count - 1).click()
    create(page, count)


def is_all_there(page: Page, style: str = "Charcoal", count: int = 2) -> None:
    """Consent, photo, portraits and the choice, on a page that was opened anew."""
    expect(page.locator("#notice")).to_contain_text("Welcome back", timeout=LONG)
    expect(page.locator("#agreed")).to_contain_text(re.compile(r"You agreed at \d"), timeout=LONG)
    expect(page.locator("#consent")).to_be_hidden()
    expect(page.locator("#photo-image")).to_be_visible(timeout=LONG)
    expect(page.locator("#portraits .tile")).to_have_count(count, timeout=LONG)
    expect(page.locator("#style input")).to_have_value(re.compile(style), timeout=LONG)
    expect(page.locator(".stage .title")).to_contain_text(style, timeout=LONG)


def key_of(page: Page) -> str:
    return page.evaluate("sessionStorage.getItem('studio-visit')") or ""


def with_key(context: BrowserContext, key: str) -> Page:
    """A tab that has a copy of a visit's key, as a duplicated tab does."""
    page = context.new_page()
    page.add_init_script(f"sessionStorage.setItem('studio-visit', '{key}')")
    return page


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_tap_a_reload_and_three_seconds_without_signal_lose_nothing(
    browser: Browser, site: Site, photo_file: Path
) -> None:
    context = open_context(browser, 390, 844)
    page = context.new_page()
    asked = say_yes(page)
    sit(page, site, photo_file)
    page.locator("#step-consent h2").click()  # about where the sentence with the tick was
    expect(page.locator("#portraits .tile")).to_have_count(2)
    assert asked == []

    page.reload()
    is_all_there(page)
    assert asked == ["beforeunload"], "the browser warns: two portraits are not downloaded"

    page.evaluate("window.before = true")
    context.set_offline(True)
    page.wait_for_timeout(3000)
    pick(page, "style", "fauve")
    expect(page.locator(".toast-wrap")).to_contain_text("Connection to the server was lost", timeout=LONG)
    context.set_offline(False)
    page.wait_for_function("!window.before", timeout=LONG)  # Gradio reloads the page by itself
    is_all_there(page, "Fauve")
    assert asked == ["beforeunload"], "and nobody is asked before that"

    with page.expect_download():
        page.locator("#download-all").click()
    page.reload()
    is_all_there(page, "Fauve")
    assert asked == ["beforeunload"], "all are downloaded"
    context.close()


@pytest.mark.slow
def test_withdrawing_asks_first_and_the_receipt_stays(page: Page, site: Site, photo_file: Path) -> None:
    sit(page, site, photo_file)
    for button, tab in (("#delete-data", "Portrait"), ("#kept-delete", "Privacy")):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.locator(button).click()
        expect(page.get_by_role("dialog")).to_contain_text("Delete 2 portraits that you have not downloaded?")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("tab", name="Portrait", exact=True).click()
    expect(page.locator("#portraits .tile")).to_have_count(2)
    page.locator("#delete-data").click()
    with page.expect_download() as waiting:
        page.locator("#ask-download").click()
    assert waiting.value.suggested_filename.endswith(".zip")
    page.locator("#ask-keep").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("#delete-data").click()  # nothing to ask about any more
    expect(page.locator("#step-photo")).to_be_hidden(timeout=LONG)
    expect(page.locator("#agreed")).to_be_hidden()
    expect(page.locator("#consent input")).not_to_be_checked()
    expect(page.locator("details.receipt")).to_contain_text("withdrawn")
    assert key_of(page) == ""


@pytest.mark.slow
@pytest.mark.timeout(500)  # on two busy cores
def test_another_cookie_and_another_tab_do_not_get_it(browser: Browser, site: Site, photo_file: Path) -> None:
    context, stranger = open_context(browser), open_context(browser)
    page = context.new_page()
    sit(page, site, photo_file, 1)
    key = key_of(page)
    assert key
    for other, words in ((with_key(context, key), "in the other tab"), (with_key(stranger, key), "has ended")):
        enter(other, site)
        expect(other.locator("#notice")).to_contain_text(words, timeout=LONG)
        expect(other.locator("#step-photo")).to_be_hidden()
        expect(other.locator("#portraits .tile")).to_have_count(0)
        other.close()
    create(page, 2)
    page.close()
    fresh = context.new_page()
    enter(fresh, site)
    expect(fresh.locator("#step-photo")).to_be_hidden()
    fresh.close()
    restored = with_key(context, key)  # the tab was closed by mistake, and opened again
    restored.goto(site.url, wait_until="domcontentloaded")
    is_all_there(restored)
    delete_all(restored)
    for one in (context, stranger):
        one.close()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_favourite_is_starred_and_the_limit_is_said(phone: Page, site: Site, photo_file: Path) -> None:
    sit(phone, site, photo_file, 4)
    phone.locator("#portraits .tile").last.click()
    phone.locator("#favourite").click()
    expect(phone.locator("#portraits .tile").last.locator(".star")).to_be_visible(timeout=LONG)
    expect(phone.locator("#favourite")).to_have_attribute("aria-pressed", "true")
    for count in (8, 12, 16, 20):
        create(phone, count, timeout=2 * LONG)
        expect(phone.locator("#portraits .tile")).to_have_count(count, timeout=LONG)
    expect(phone.locator("#portraits-room")).to_contain_text("20 of 24 kept; the 25th replaces the oldest")
    delete_all(phone)


@pytest.fixture
def short_site(tmp_path: Path) -> Iterator[Site]:
    """One that waits for a closed page for as long as it is swept anyway."""
    running = Site(tmp_path / "short", TOY_APP, STUDIO_AWAY_SECONDS="20")
    yield running
    running.close()


@pytest.mark.slow
def test_a_visit_that_is_over_says_so(browser: Browser, short_site: Site, photo_file: Path) -> None:
    context = open_context(browser)
    page = context.new_page()
    sit(page, short_site, photo_file, 1)
    pictures = short_site.root / "tmp"
    assert list(pictures.rglob("*.png"))
    key = key_of(page)
    page.close()
    wait_until(lambda: not list(pictures.rglob("*.png")), "the closed page's pictures are gone")
    late = with_key(context, key)
    enter(late, short_site)
    expect(late.locator("#notice")).to_contain_text("Your visit has ended", timeout=LONG)
    assert key_of(late) == ""
    context.close()
