"""The portrait comes first: whole, with what one does next at hand, on a phone without a long wait."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, create, enter, open_context, pick, save, upload
from tests.support.site import Site

# A phone's own dialog is not in this browser. What the page hands to it is.
SHARING = """
    window.shared = [];
    navigator.canShare = (what) => what.files.every((file) => file.type === "image/png");
    navigator.share = async ({ files }) => {
      const bytes = new Uint8Array(await files[0].arrayBuffer());
      window.shared.push([files[0].name, Array.from(bytes)]);
    };
"""


@pytest.mark.slow
def test_a_phone_gets_four_portraits_whole_under_a_megabyte_and_shares_one(
    browser: Browser, site: Site, photo_file: Path, tmp_path: Path
) -> None:
    context = open_context(browser, 390, 844)
    page = context.new_page()
    page.add_init_script(SHARING)
    enter(page, site)
    agree(page)
    upload(page, photo_file)
    pick(page, "style", "comic")
    expect(page.locator(".stage .title")).to_contain_text("Comic", timeout=LONG)
    expect(page.locator("#done-download")).to_be_hidden()
    page.locator("#variations label").nth(3).click()

    weight: list[int] = []
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.dataReceived", lambda event: weight.append(int(event["dataLength"])))
    create(page, 4)
    for image in page.locator("#portraits img, .stage img.after, #originals img").all():
        image.evaluate("node => node.decode()")
    assert 20_000 < sum(weight) < 1_000_000

    stage = page.locator(".stage")
    clip = "node => getComputedStyle(node.querySelector('.after')).clipPath"
    assert stage.evaluate(clip) == "none", "the portrait is whole"
    expect(page.locator("#compare")).to_be_disabled()
    page.locator("#use-slider").click()
    assert stage.evaluate(clip) != "none"
    page.locator("#use-slider").click()
    hold = page.locator("#hold-photo")
    hold.focus()
    page.keyboard.down("Enter")
    expect(page.locator(".stage img.after")).to_be_hidden()
    page.keyboard.up("Enter")
    expect(page.locator(".stage img.after")).to_be_visible()

    expect(page.locator("#create")).to_have_text("New portrait")
    with page.expect_download() as waiting:
        page.locator("#done-download").click()
    path = save(waiting.value, tmp_path)
    assert marking.read(path).state == "intact"
    page.locator("#done-share").click()
    page.wait_for_function("window.shared.length > 0", timeout=LONG)
    ((name, data),) = page.evaluate("window.shared")
    assert name == path.name
    assert bytes(data) == path.read_bytes(), "shared is the marked file"

    result, look = (page.locator(name).bounding_box() for name in ("#results", "#step-look"))
    assert result is not None
    assert look is not None
    assert result["y"] < look["y"], "the portraits are under the picture, before the next choice"
    pick(page, "style", "charcoal")
    expect(page.locator("#create")).to_have_text("Create my portrait", timeout=LONG)
    expect(page.locator("#done-download")).to_be_hidden()
    context.close()


@pytest.mark.slow
def test_two_portraits_are_seen_side_by_side(browser: Browser, site: Site, photo_file: Path) -> None:
    page = open_context(browser).new_page()
    enter(page, site)
    agree(page)
    upload(page, photo_file)
    page.locator("#variations label").nth(1).click()
    create(page, 2)
    page.locator("#compare-two").click()
    expect(page.locator("#compare-ask")).to_contain_text("Choose the portrait")
    page.locator("#portraits .tile").nth(1).click()
    pair = page.get_by_role("dialog", name="Two portraits side by side")
    expect(pair.locator("img")).to_have_count(2)
    sources = [image.get_attribute("src") for image in pair.locator("img").all()]
    assert len(set(sources)) == 2
    page.keyboard.press("Escape")
    expect(pair).to_be_hidden()
    page.context.close()
