"""The page for everybody: what axe-core finds, in light, dark, forced colours and at 320 px; and where the focus goes.

axe-core comes with a Python package (requirements-dev.txt), so that its version is pinned and no other registry is
asked while tests run.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.support.browsing import LONG, agree, create, enter, pick, upload
from tests.support.site import Site


def is_uniform(part: Locator) -> bool:
    """Whether nothing can be seen there."""
    return bool(np.asarray(Image.open(io.BytesIO(part.screenshot())).convert("L")).std() < 4)


@pytest.mark.slow
@pytest.mark.timeout(500)  # on two busy cores
def test_axe_finds_nothing_on_the_way_to_a_portrait(
    page: Page, site: Site, photo_file: Path, look_at: Callable[[str], None]
) -> None:
    enter(page, site)
    expect(page.locator(".loading")).to_have_count(0)
    expect(page.locator("#promise"), "it follows the engine that runs").to_contain_text("instant filters", timeout=LONG)
    look_at("at first")
    agree(page)
    upload(page, photo_file)
    look_at("with a photo")
    pick(page, "style", "comic")
    create(page)
    page.locator("#advanced button").first.click()
    look_at("with a portrait")
    page.locator("#delete-data").click()
    expect(page.locator("#ask-keep")).to_be_visible()
    look_at("asked before deleting")
    page.locator("#ask-keep").click()
    for name in ("Check", "Privacy"):
        page.get_by_role("tab", name=name).click()
        look_at(f"tab {name}")


@pytest.mark.slow
def test_in_forced_colours_the_slider_of_likeness_is_seen(page: Page, site: Site) -> None:
    page.emulate_media(forced_colors="active")
    enter(page, site)
    assert not is_uniform(page.locator("#likeness input[type=range]"))
    page.emulate_media(forced_colors="none")


@pytest.mark.slow
def test_the_focus_stays_with_what_is_done(page: Page, site: Site, photo_file: Path) -> None:
    enter(page, site)
    page.locator("#create").press("Enter")
    expect(page.locator("#consent input"), "what is missing gets the focus").to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator(".agreed .since"), "the tick is gone; what it became is read").to_be_focused(timeout=LONG)
    page.locator("#create").press("Enter")
    expect(page.locator("#photo-choose")).to_be_focused()
    upload(page, photo_file)
    expect(page.locator("#photo-change")).to_be_focused()
    page.locator("#create").press("Enter")
    expect(page.locator("#done-download")).to_be_focused(timeout=LONG)
