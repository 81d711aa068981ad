"""The Content Security Policy and the waiting line, as a browser sees them."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from benchmarks.crowd import Visit, Visitor
from pipelines.easels import filters_at_once
from tests.support.browsing import LONG, agree, create, enter, listen, open_context, upload
from tests.support.site import Site


@pytest.mark.slow  # of each of its parts the fixture says the same in a test that is not
def test_a_whole_visit_breaks_no_rule_of_the_policy(browser: Browser, site: Site, photo_file: Path) -> None:
    context = open_context(browser)
    page = context.new_page()
    refusals = listen(page)
    enter(page, site)
    agree(page)
    page.locator("#camera-open").click()
    expect(page.locator("#camera-rate")).to_contain_text("a second", timeout=LONG)
    page.locator("#camera-close").click()
    upload(page, photo_file)
    create(page)
    with page.expect_download():
        page.locator("#download-one").click()
    page.locator("#advanced button").first.click()
    expect(page.locator("#model-reasons li").first).to_be_visible(timeout=LONG)
    page.get_by_role("tab", name="Check", exact=True).click()
    page.locator("#check-file").set_input_files(photo_file)
    expect(page.locator("#check-answer").get_by_role("heading")).to_be_visible(timeout=LONG)
    page.get_by_role("tab", name="Privacy").click()
    assert refusals() == []
    context.close()


def test_a_script_that_got_into_the_page_does_not_run(desk: BrowserContext, site: Site) -> None:
    page = desk.new_page()
    refusals = listen(page)
    enter(page, site)
    page.evaluate(
        """() => { const spot = document.createElement("div"); document.body.append(spot);
        spot.innerHTML = '<img src="no-such-picture" onerror="window.ran = 1">';
        const script = document.createElement("script"); script.textContent = "window.ran = 2"; spot.append(script);
        const other = document.createElement("script");
        other.src = "https://elsewhere.example/x.js"; spot.append(other) }"""
    )
    page.wait_for_function("window.violations.length >= 3")
    assert page.evaluate("window.ran") is None
    sent = page.evaluate("fetch('https://elsewhere.example/').then(() => 'sent', () => 'refused')")
    assert sent == "refused"
    violations = page.evaluate("window.violations")
    assert any(broken.startswith("connect-src") for broken in violations)
    assert len(refusals()) > len(violations), "what listens in all other tests hears the console, too"
    page.close()


@pytest.mark.slow
def test_whoever_waits_sees_place_and_estimate_and_can_leave_the_line(page: Page, site: Site, photo_file: Path) -> None:
    async def keep_busy(count: int) -> None:
        async def one(number: int) -> None:
            async with httpx.AsyncClient(timeout=None) as client:
                visitor = Visitor(site.url, number, client)
                await visitor.enter()
                visits.append(visitor.visit)
                while len(visits) < count:
                    await asyncio.sleep(0.05)
                while not done.is_set():
                    await visitor.create(variations=3)
                await visitor.leave()

        await asyncio.gather(*(one(number) for number in range(count)))

    visits: list[Visit] = []
    done = threading.Event()
    enter(page, site)
    agree(page)
    upload(page, photo_file)
    others = threading.Thread(target=lambda: asyncio.run(keep_busy(filters_at_once() + 1)), daemon=True)
    others.start()
    while not any(visit.told for visit in visits):  # one of them is in line
        page.wait_for_timeout(100)
    page.locator("#create").click()
    words = page.locator("#progress-words")
    in_line = re.compile(r"You are (next|\d+(st|nd|rd|th)) in line, about \d+ (s|min)")
    expect(words).to_have_text(in_line, timeout=LONG)
    page.locator("#cancel").click()
    expect(page.locator("#notice")).to_contain_text("Stopped", timeout=LONG)
    page.locator("#create").click()
    expect(words).to_have_text(in_line, timeout=LONG)
    done.set()
    expect(page.locator("#notice")).to_contain_text("ready", timeout=LONG)
    expect(page.locator("#portraits .tile")).to_have_count(1)
    others.join(120)
