"""Painted after a picture of the visitor's own, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, create, enter, pick, save, upload
from tests.support.site import Site


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    path = tmp_path / "painting.png"
    Image.effect_mandelbrot((400, 300), (-2, -1, 1, 1), 60).convert("RGB").save(path)
    return path


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_from_a_picture_of_a_style_to_a_portrait_and_nothing_left(
    page: Page, site: Site, photo_file: Path, painting: Path, tmp_path: Path
) -> None:
    enter(page, site)
    card = page.locator("#step-own-style")
    expect(card).to_be_hidden()
    pick(page, "style", "own-picture")
    expect(card).to_contain_text("Tick step 1 first", timeout=LONG)
    agree(page)
    upload(page, photo_file)
    expect(page.locator(".stage")).to_contain_text("Give the picture of your style", timeout=LONG)
    expect(page.locator("#style-picture-choose")).to_be_disabled()
    page.locator("#style-picture-may").check()
    expect(page.locator("#style-picture-choose")).to_be_enabled()
    expect(card).to_contain_text("up to 40 MB")

    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    page.locator("#style-picture-file").set_input_files(broken)
    expect(page.locator("#style-picture-problem")).to_contain_text("not a picture", timeout=LONG)
    expect(page.locator("#photo-image")).to_be_visible()
    expect(page.locator("#style-picture-may")).to_be_checked()

    page.locator("#style-picture-file").set_input_files(painting)
    expect(page.locator("#style-picture-image")).to_be_visible(timeout=LONG)
    expect(page.locator("#style-picture-problem")).to_be_empty()
    expect(page.locator(".stage .title")).to_contain_text("Your own style picture", timeout=LONG)
    create(page)
    with page.expect_download() as waiting:
        page.locator("#done-download").click()
    marks = marking.read(save(waiting.value, tmp_path))
    assert marks.state == "intact"
    assert marks.facts["StyleSource"] == "in the style of a picture that the visitor gave"

    page.get_by_role("tab", name="Privacy", exact=True).click()
    expect(page.locator("#kept-now")).to_contain_text(re.compile(r"Your style picture, 400 x 300"), timeout=LONG)
    page.get_by_role("tab", name="Portrait", exact=True).click()
    pick(page, "style", "comic")
    expect(card).to_be_hidden(timeout=LONG)
    page.locator("#delete-data").click()
    expect(page.locator("#step-photo")).to_be_hidden(timeout=LONG)
    pick(page, "style", "own-picture")
    expect(card).to_contain_text("Tick step 1 first", timeout=LONG)
    expect(page.locator("#style-picture-image")).to_be_hidden()
