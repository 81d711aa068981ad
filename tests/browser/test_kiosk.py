"""An exhibition's kiosk in a real browser: a phone reads the code, and a screen that nobody touches is cleared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, create, enter, listen, open_context, pick, save, say_yes, upload
from tests.support.site import TOY_APP, Site

IDLE = 300  # long enough that no busy machine runs into it; the page's clock is turned


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    mine = os.environ["STUDIO_CREDENTIALS_DIR"]  # so that this process knows the signer
    running = Site(tmp_path_factory.mktemp("kiosk"), TOY_APP, STUDIO_KIOSK=str(IDLE), STUDIO_CREDENTIALS_DIR=mine)
    yield running
    running.close()


def code_on(page: Page) -> str:
    """What a phone's camera reads of the screen."""
    shot = cv2.imdecode(np.frombuffer(page.locator("#handover-code").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    return cv2.QRCodeDetector().detectAndDecode(cv2.resize(shot, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))[0]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_phone_takes_the_portrait_and_an_untouched_screen_is_cleared(
    browser: Browser, kiosk: Site, photo_file: Path, tmp_path: Path
) -> None:
    context = open_context(browser)
    page = context.new_page()
    asked = say_yes(page)
    refusals = listen(page)
    page.clock.install()
    enter(page, kiosk)
    expect(page.locator("footer")).to_be_hidden()
    expect(page.locator("#kiosk-full")).to_be_visible()
    agree(page)
    upload(page, photo_file)
    pick(page, "style", "comic")
    expect(page.locator("#handover-code")).to_be_hidden()
    create(page)

    expect(page.locator("#handover-code")).to_be_visible(timeout=LONG)
    address = page.locator("#handover-address").inner_text()
    assert code_on(page) == address
    for button in ("#done-download", "#download-one", "#receipt-save"):
        expect(page.locator(button)).to_be_hidden()  # it would lie on the kiosk's disk

    other = open_context(browser, 390, 844)
    phone = other.new_page()
    broken = listen(phone)
    phone.goto(address)
    expect(phone.get_by_role("heading", name="Your portrait")).to_be_visible()
    assert phone.get_by_role("img").evaluate("node => node.decode().then(() => node.naturalWidth)") > 200
    phone.reload()
    with phone.expect_download() as waiting:
        phone.get_by_role("button", name="Download").click()
    assert marking.read(save(waiting.value, tmp_path)).state == "intact"
    assert broken() == []
    phone.goto(address)
    expect(phone.get_by_role("heading", name="Nothing to fetch")).to_be_visible()
    page.clock.run_for(5_000)
    expect(page.locator("#handover-words")).to_contain_text("was fetched", timeout=LONG)
    page.locator("#handover-new").click()
    expect(page.locator("#handover-code")).to_be_visible(timeout=LONG)
    second = page.locator("#handover-address").inner_text()
    assert second != address

    page.locator("h1").click()
    page.clock.run_for((IDLE - 15) * 1000)
    question = page.get_by_role("dialog", name="Still there?")
    expect(question).to_be_visible(timeout=LONG)
    shown = int(page.locator(".still-there .seconds").inner_text())
    assert 8 <= shown <= 16
    page.clock.run_for(3_000)
    assert int(page.locator(".still-there .seconds").inner_text()) < shown, "it counts"
    page.locator("#kiosk-stay").click()
    expect(question).to_be_hidden()
    page.clock.run_for((IDLE - 30) * 1000)
    expect(question).to_be_hidden()
    expect(page.locator("#portraits .tile")).to_have_count(1)
    assert refusals() == []

    page.clock.run_for(40_000)
    expect(page.locator("#consent input")).to_be_enabled(timeout=LONG)
    expect(page.locator("#consent input")).not_to_be_checked()
    expect(page.locator("#portraits .tile")).to_have_count(0)
    expect(page.locator("#step-photo")).to_be_hidden()
    expect(page.locator("details.receipt")).to_have_count(0)
    assert page.evaluate("[sessionStorage.length, localStorage.getItem('studio-visit')]") == [0, None]
    assert asked == [], "the browser does not ask whether the page may be left"
    assert not list((kiosk.root / "tmp").rglob("*.png"))
    phone.goto(second)
    expect(phone.get_by_role("heading", name="Nothing to fetch")).to_be_visible()
    for link in (address, second):
        assert re.sub(r".*/", "", link) not in kiosk.log, "no link is logged"
    for one in (context, other):
        one.close()


@pytest.mark.slow
def test_links_to_other_places_do_not_leave_the_kiosk(browser: Browser, kiosk: Site) -> None:
    context = open_context(browser)
    page = context.new_page()
    enter(page, kiosk)
    page.evaluate("document.querySelector('#banner').innerHTML = '<a id=\"out\" href=\"https://example.org/\">out</a>'")
    page.evaluate("document.querySelector('#out').click()")
    page.wait_for_timeout(300)
    assert page.url.startswith(kiosk.url)
    context.close()
