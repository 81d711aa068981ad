"""The page for everybody: what axe-core finds, in light, dark, forced colours and at 320 px; and where the focus goes.

axe-core comes with a Python package (requirements-dev.txt), so that its version is pinned and no other registry is
asked while tests run.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.support.browsing import LONG, agree, create, enter, pick, upload
from tests.support.site import Site

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, NARROW = {"width": 1440, "height": 900}, {"width": 320, "height": 640}
LOOKS: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "light": ({"color_scheme": "light", "forced_colors": "none"}, DESK),
    "dark": ({"color_scheme": "dark", "forced_colors": "none"}, DESK),
    "forced colours": ({"color_scheme": "light", "forced_colors": "active"}, DESK),
    "320 px": ({"color_scheme": "light", "forced_colors": "none"}, NARROW),
}


@pytest.fixture
def look_at(page: Page) -> Iterator[Callable[[str], None]]:
    """Has axe look at what is on the page, in every look; each violation is a line."""
    found: list[str] = []
    axe = Axe()

    def look(state: str) -> None:
        for name, (media, size) in LOOKS.items():
            page.emulate_media(reduced_motion="reduce", **media)  # colours do not fade in
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.wait_for_timeout(250)  # colours fade in
            answer = axe.run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response
            found.extend(
                f"{state}, {name}: {one['id']} {[node['target'] for node in one['nodes']]}"
                for one in answer["violations"]
            )
            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            found.extend([f"{state}, {name}: {too_wide} px to the side"] if too_wide > 0 else [])
        page.emulate_media(**LOOKS["light"][0])
        page.set_viewport_size(DESK)  # type: ignore[arg-type]

    yield look
    assert found == []


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


def test_in_forced_colours_the_slider_of_likeness_is_seen(page: Page, site: Site) -> None:
    page.emulate_media(forced_colors="active")
    enter(page, site)
    assert not is_uniform(page.locator("#likeness input[type=range]"))
    page.emulate_media(forced_colors="none")


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
