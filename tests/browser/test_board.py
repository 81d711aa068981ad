"""A product manager's journey: a photo in many styles, stopped, reloaded, gone on with, handed on to a colleague."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, enter, open_context, save, upload
from tests.support.drawings import side_by_side
from tests.support.site import Site
from tests.support.studio import jpeg


def open_board(page: Page) -> None:
    page.get_by_role("tab", name="Board").click()
    expect(page.locator("#board-name")).to_be_visible(timeout=LONG)


def choose_styles(page: Page, *names: str) -> None:
    """These and no others."""
    everything = page.get_by_role("button", name="All styles")
    everything.click()
    if page.locator(".board-styles [aria-pressed=true]").count():
        everything.click()
    for name in names:
        page.locator(".board-styles").get_by_role("button", name=name).click()


def made(page: Page, words: str) -> None:
    expect(page.locator("#board-words")).to_contain_text(words, timeout=3 * LONG)


@pytest.mark.timeout(500)  # on two busy cores
def test_from_an_upload_to_slides_by_way_of_a_stop_and_a_reload(
    browser: Browser, page: Page, site: Site, photo_file: Path, tmp_path: Path
) -> None:
    enter(page, site)
    agree(page)
    upload(page, photo_file)
    open_board(page)
    page.locator("#board-own").click()
    expect(page.locator(".board-photos figcaption")).to_have_text("My photo", timeout=LONG)
    choose_styles(page, "Film noir", "Comic book", "Old-master oil")
    made(page, "3 portraits, 0 of them there, 3 to make")
    page.get_by_role("button", name="All styles").click()  # so many that a busy machine stops before they are made
    every = page.locator(".board-styles [aria-pressed=true]").count()
    made(page, f"{every} portraits, 0 of them there")

    page.locator("#board-start").click()
    expect(page.locator(".board-result .cell[data-state=done]")).not_to_have_count(0, timeout=LONG)
    page.locator("#board-stop").click()
    expect(page.locator("#board-start")).to_be_visible(timeout=LONG)
    page.on("dialog", lambda dialog: dialog.accept())  # portraits that were not downloaded
    page.reload()
    open_board(page)
    expect(page.locator(".board-styles [aria-pressed=true]")).to_have_count(every, timeout=LONG)
    expect(page.locator(".board-result .cell[data-state=done]")).not_to_have_count(0, timeout=LONG)
    assert page.locator(".board-result .cell[data-state=done]").count() < every

    choose_styles(page, "Film noir", "Comic book", "Old-master oil")
    made(page, "3 portraits")
    page.locator(".board-styles").get_by_role("button", name="Charcoal").click()
    made(page, "4 portraits")
    page.locator("#board-start").click()
    made(page, "Ready.")
    expect(page.locator(".board-result .cell[data-state=done]")).to_have_count(4)
    expect(page.locator(".board-result .original img")).to_be_visible()

    page.locator(".board-result .cell").first.click()
    expect(page.locator(".board-large dl")).to_contain_text("Instant filters")
    page.locator("#cell-star").click()
    expect(page.locator("#cell-star")).to_have_attribute("aria-pressed", "true")
    with page.expect_download() as waiting:
        page.locator("#cell-download").click()
    assert marking.check(save(waiting.value, tmp_path).read_bytes()).is_ours
    looks_closely(page)
    expect(page.locator(".board-result .cell.starred")).to_have_count(1)

    with page.expect_download(timeout=LONG) as waiting:
        page.locator("#board-pptx").click()
    slides = zipfile.ZipFile(save(waiting.value, tmp_path))
    assert sum(name.startswith("ppt/media/") for name in slides.namelist()) >= 5
    with page.expect_download(timeout=LONG) as waiting:
        page.locator("#board-zip").click()
    offline_for_a_colleague(browser, save(waiting.value, tmp_path), tmp_path / "opened")


def looks_closely(page: Page) -> None:
    """A portrait zooms by button and keys, and beside another one both show the same place, from their whole files."""
    seen = page.locator(".board-large .zoom img")
    page.locator("#large-in").click()
    expect(seen).to_have_attribute("style", re.compile(r"scale\(1\.4\)"))
    title = page.locator(".board-large h3").inner_text()
    page.locator(".board-large .zoom-pictures").press("ArrowRight")
    expect(seen).not_to_have_attribute("style", re.compile(r"translate\(-20%"))
    assert page.locator(".board-large h3").inner_text() == title, "the arrow moved the picture, not to the next one"
    page.keyboard.press("0")
    expect(seen).to_have_attribute("style", re.compile(r"scale\(1\)"))
    expect(page.locator("#large-all")).to_be_disabled()

    page.locator("#cell-compare").click()
    page.locator(".board-result .cell").nth(1).click()
    both = page.locator(".pair-of-portraits .zoom img")
    expect(both).to_have_count(2)
    place = page.locator(".pair-of-portraits .zoom-view").first.bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 0.3 * place["width"], place["y"] + 0.3 * place["height"])
    page.mouse.wheel(0, -500)
    for image in both.all():
        expect(image).to_have_attribute("src", re.compile(r"\.png$"))  # at rest it was a small copy
    styles = [image.get_attribute("style") for image in both.all()]
    assert styles[0] == styles[1]
    assert "scale(1)" not in str(styles[0])
    page.locator("#board-pair-close").click()


@pytest.mark.slow
def test_a_head_is_tapped_where_it_is_open_who_is_meant(page: Page, site: Site, face_photo: Image.Image) -> None:
    enter(page, site)
    agree(page)
    open_board(page)
    two = jpeg(side_by_side(face_photo, face_photo))
    page.locator("#board-file").set_input_files({"name": "us.jpg", "mimeType": "image/jpeg", "buffer": two})
    page.locator("#board-photo-name").fill("Sam")
    page.locator("#board-photo-consent").fill("Sam said yes to this board on Monday.")
    page.locator("#board-add").click()
    expect(page.get_by_role("group", name="Who is meant").get_by_role("button")).not_to_have_count(0, timeout=LONG)
    expect(page.locator("#board-face-1")).to_be_focused()
    page.get_by_role("button", name=re.compile("^Face 2 of")).click()
    expect(page.locator(".board-photos figcaption")).to_have_text("Sam", timeout=LONG)
    expect(page.locator(".board-faces .head")).to_have_count(0)


def offline_for_a_colleague(browser: Browser, archive: Path, folder: Path) -> None:
    """Without a network the page shows every picture, and asks nobody for anything."""
    zipfile.ZipFile(archive).extractall(folder)
    [index] = folder.rglob("index.html")
    context = open_context(browser)
    context.set_offline(True)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(index.as_uri())
    shown = page.locator("img[src]")  # the one without is for the picture that is enlarged
    for image in shown.all():
        image.evaluate("node => node.decode()")
    assert shown.count() >= 5
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()
