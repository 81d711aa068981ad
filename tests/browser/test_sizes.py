"""A print in another shape, cut by hand: from the choice to the pixels of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, create, enter, open_context, pick, save, upload
from tests.support.site import Site


@pytest.fixture(scope="module")
def large_photo(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many pixels as a print needs. They are made up: how it looks is not asked here."""
    path = tmp_path_factory.mktemp("photo") / "large.jpg"
    face_photo.resize((2560, 2560), Image.Resampling.LANCZOS).save(path, quality=90)
    return path


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    page = open_context(browser).new_page()
    yield page
    page.context.close()


_TALL = "(() => { const view = document.querySelector('.view'); return view.clientHeight > 1.6 * view.clientWidth })()"


def choose(page: Page, what: str, name: str) -> None:
    page.locator(f"#{what} label").filter(has_text=re.compile(rf"^\s*{name}\s*$")).click()


def crop_of(page: Page) -> str:
    """How the photo lies under the frame."""
    return page.locator("#crop-view img").evaluate("node => node.style.cssText")


@pytest.mark.slow
@pytest.mark.timeout(500)  # on two busy cores
def test_a_print_in_4_to_5_cut_by_keyboard(visitor: Page, site: Site, large_photo: Path, tmp_path: Path) -> None:
    page = visitor
    enter(page, site)
    agree(page)
    upload(page, large_photo)
    pick(page, "style", "hologram")
    choose(page, "shape", "4:5")
    choose(page, "size", "Print")
    expect(page.locator("#size-words")).to_contain_text("px: prints well up to", timeout=LONG)
    ratio = "node => node.clientWidth / node.clientHeight"
    page.wait_for_function(
        "Math.abs(document.querySelector('.view').clientWidth / "
        "document.querySelector('.view').clientHeight - 0.8) < 0.02",
        timeout=LONG,
    )

    before = page.locator(".stage img.before").get_attribute("src")
    page.locator("#crop-adjust").click()
    frame = page.locator("#crop-view")
    expect(frame).to_be_focused()
    assert frame.evaluate(ratio) == pytest.approx(0.8, abs=0.01)
    seen = [crop_of(page)]
    for key in ("+", "ArrowLeft", "ArrowDown", ".", "-"):
        page.keyboard.press(key)
        seen.append(crop_of(page))
    assert len(set(seen)) == len(seen), "each key does something"
    expect(page.locator("#crop-angle")).to_have_value("1")
    page.locator("#crop-angle").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#crop-angle")).to_have_value("1.5")
    page.locator("#crop-zoom").focus()
    page.keyboard.press("Home")  # as large as it fits: a print needs the pixels
    expect(page.locator(".stage img.before")).not_to_have_attribute("src", before or "", timeout=LONG)
    page.locator("#crop-done").click()
    expect(page.locator("#crop-adjust")).to_be_focused()

    create(page, timeout=3 * LONG)
    expect(page.locator("#done-print")).to_contain_text("1638 × 2048 px: prints well up to 13.9 × 17.3 cm (300 dpi)")
    with page.expect_download() as waiting:
        page.locator("#done-download").click()
    path = save(waiting.value, tmp_path)
    with Image.open(path) as file:
        assert file.size == (1638, 2048)
    report = marking.check(path)
    assert (report.state, report.watermark) == ("intact", "filter")
    assert (report.facts["Shape"], report.facts["Size"]) == ("4:5", "print")

    choose(page, "shape", "Square")
    page.locator("#crop-adjust").click()
    expect(page.locator("#crop-reset")).to_be_enabled(timeout=LONG)
    page.locator("#crop-reset").click()
    expect(page.locator("#crop-reset")).to_be_disabled(timeout=LONG)
    expect(page.locator("#crop-angle")).to_have_value("0")
    page.keyboard.press("Enter")
    page.locator("#use-settings").click()
    expect(page.locator("#shape label.selected")).to_contain_text("4:5", timeout=LONG)


@pytest.mark.slow
def test_shape_and_size_outlive_a_reload(visitor: Page, site: Site, photo_file: Path) -> None:
    page = visitor
    enter(page, site)
    choose(page, "shape", "9:16")  # before there is a visit
    agree(page)
    upload(page, photo_file)
    choose(page, "size", "Print")
    page.wait_for_function(_TALL, timeout=LONG)
    page.reload()
    expect(page.locator("#notice")).to_contain_text("Welcome back", timeout=LONG)
    expect(page.locator("#shape label.selected")).to_contain_text("9:16", timeout=LONG)
    expect(page.locator("#size label.selected")).to_contain_text("Print")
    page.wait_for_function(_TALL, timeout=LONG)


@pytest.mark.slow
def test_a_finger_moves_the_photo_and_the_chosen_face_stands_out(
    browser: Browser, site: Site, face_photo: Image.Image, tmp_path: Path
) -> None:
    pair = Image.new("RGB", (1024, 512))
    pair.paste(face_photo, (0, 0))
    pair.paste(face_photo, (512, 0))
    path = tmp_path / "pair.png"
    pair.save(path)
    page = open_context(browser, 390, 844).new_page()
    enter(page, site)
    agree(page)
    upload(page, path)
    expect(page.locator("#crop-adjust")).to_be_hidden()
    page.locator("#face-1").click()
    expect(page.locator("#face-1")).to_have_attribute("aria-pressed", "true", timeout=LONG)
    border = "node => getComputedStyle(node).borderTopStyle"
    assert page.locator("#face-1").evaluate(border) == "solid"
    assert page.locator("#face-2").evaluate(border) == "dashed"
    page.locator("#crop-adjust").click()
    for _ in range(4):
        page.keyboard.press("+")
    before = crop_of(page)
    spot = page.locator("#crop-view").bounding_box()
    assert spot is not None
    page.mouse.move(spot["x"] + 80, spot["y"] + 80)
    page.mouse.down()
    page.mouse.move(spot["x"] + 50, spot["y"] + 60, steps=4)
    page.mouse.up()
    assert crop_of(page) != before
    assert page.locator("html").evaluate("node => node.scrollWidth") <= 390, "nothing is wider than the phone"
    page.context.close()
