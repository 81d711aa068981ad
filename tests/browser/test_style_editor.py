"""A style changed in the page, kept, created, exported and taken in by somebody else, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, create, enter, open_context, pick, save, upload
from tests.support.site import Site


def open_editor(page: Page, name: str) -> None:
    page.locator("#style-edit").click()
    expect(page.locator("#style-title")).to_have_text(name, timeout=LONG)


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_from_a_slider_to_a_style_that_somebody_else_takes_in(
    page: Page, site: Site, browser: Browser, photo_file: Path, tmp_path: Path
) -> None:
    enter(page, site)
    page.locator("#style-edit").click()
    expect(page.locator("#style-said")).to_contain_text("Tick step 1 first")
    page.locator("#style-edit").click()
    expect(page.locator("#style-panel")).to_be_hidden()
    agree(page)
    upload(page, photo_file)
    pick(page, "style", "film-noir")
    expect(page.locator(".stage .title")).to_have_text("Film noir", timeout=LONG)
    open_editor(page, "Film noir")
    before = page.locator(".stage .after").get_attribute("src")
    slider = page.locator("#set-preview-0-contrast")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".stage .title")).to_have_text("Film noir, edited", timeout=LONG)
    expect(page.locator("#style-title")).to_have_text("Film noir, edited")
    expect(page.locator(".stage .after")).not_to_have_attribute("src", str(before), timeout=LONG)
    exact = page.get_by_label("Contrast, as a number").first
    exact.fill("7")
    exact.blur()
    expect(page.locator("#style-problem")).to_have_text(
        "Light and colour, Contrast: choose from -1 to 1.", timeout=LONG
    )
    exact.fill("-0.8")
    exact.blur()
    expect(page.locator("#style-problem")).to_be_empty(timeout=LONG)
    page.locator("#style-back").click()
    expect(page.locator(".stage .title")).to_have_text("Film noir", timeout=LONG)
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("#style-back")).to_be_enabled(timeout=LONG)

    page.locator("#style-name").fill("Film noir")
    page.locator("#style-keep").click()
    expect(page.locator("#style-problem")).to_contain_text("choose another name", timeout=LONG)
    page.locator("#style-name").fill("Soft noir")
    page.locator("#style-keep").click()
    expect(page.locator("#style-said")).to_contain_text("Kept as Soft noir", timeout=LONG)
    tile = page.locator("#style-picker [data-id=mine-soft-noir]")
    expect(tile).to_have_attribute("aria-checked", "true", timeout=LONG)
    expect(page.locator(".stage .title")).to_have_text("Soft noir", timeout=LONG)
    expect(tile.locator("img")).to_have_attribute("src", re.compile("^blob:"), timeout=LONG)
    expect(tile.locator("img")).to_be_visible()
    create(page)
    with page.expect_download() as waiting:
        page.locator("#done-download").click()
    facts = marking.read(save(waiting.value, tmp_path)).facts
    assert (facts["Style"], facts["StyleBase"]) == ("own", "film-noir")
    with page.expect_download() as waiting:
        page.locator("#style-download").click()
    file = save(waiting.value, tmp_path)
    assert file.name == "mine-soft-noir.toml"

    page.reload()
    expect(page.locator("#style-picker [data-id=mine-soft-noir]")).to_have_attribute(
        "aria-checked", "true", timeout=LONG
    )
    expect(page.locator(".stage .title")).to_have_text("Soft noir", timeout=LONG)
    pick(page, "style", "comic")
    expect(page.locator(".stage .title")).to_have_text("Comic book", timeout=LONG)
    pick(page, "style", "mine-soft-noir")
    expect(page.locator(".stage .title")).to_have_text("Soft noir", timeout=LONG)
    page.get_by_role("tab", name="Board", exact=True).click()
    expect(page.locator("#board .board-styles").get_by_text("Soft noir")).to_be_visible(timeout=LONG)
    page.get_by_role("tab", name="Privacy", exact=True).click()
    expect(page.locator("#kept-now")).to_contain_text("A style of your own: Soft noir", timeout=LONG)

    context = open_context(browser)
    other = context.new_page()
    enter(other, site)
    expect(other.locator("#style-picker")).not_to_contain_text("Soft noir")
    agree(other)
    open_editor(other, "Old-master oil")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(file.read_text("utf-8").replace("strength", "lora"), "utf-8")
    other.locator("#style-file").set_input_files(wrong)
    expect(other.locator("#style-problem")).to_contain_text("field lora", timeout=LONG)
    other.locator("#style-file").set_input_files(file)
    expect(other.locator("#style-said")).to_contain_text("Soft noir is one of your styles now", timeout=LONG)
    expect(other.locator(".stage .title")).to_have_text("Soft noir", timeout=LONG)
    other.locator("#style-remove").click()
    expect(other.locator("#style-picker")).not_to_contain_text("Soft noir", timeout=LONG)
    expect(other.locator(".stage .title")).to_have_text("Film noir", timeout=LONG)
    context.close()

    page.get_by_role("tab", name="Portrait", exact=True).click()
    page.locator("#delete-data").click()
    expect(page.locator("#style-picker")).not_to_contain_text("Soft noir", timeout=LONG)
    expect(page.locator(".stage .title")).to_contain_text("Old-master oil", timeout=LONG)


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_axe_finds_nothing_in_the_open_panel(
    page: Page,
    site: Site,
    photo_file: Path,
    look_at: Callable[[str], None],
) -> None:
    enter(page, site)
    agree(page)
    upload(page, photo_file)
    pick(page, "style", "comic")
    open_editor(page, "Comic book")
    for fold in page.locator("#style-panel details").all():
        fold.evaluate("(one) => { one.open = true; }")
    look_at("changing a style")
