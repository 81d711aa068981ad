"""The README's pictures, taken from the running app.

python -m tests.browser.screenshots
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from skimage import data

from tests.conftest import ROOT
from tests.support.browsing import CHROMIUM, FLAGS, Place, agree, create, enter, open_context, pick, upload
from tests.support.site import Site


def visit(page: Page, site: Place, photo: Path, style: str, scene: str, variations: int) -> None:
    """Everything up to finished portraits."""
    enter(page, site)
    agree(page)
    upload(page, photo)
    pick(page, "style", style)
    pick(page, "scene", scene)
    page.locator("#variations label").nth(variations - 1).click()
    create(page, variations)
    page.wait_for_timeout(1500)


def take(page: Page, name: str) -> None:
    """What is in sight, as docs/<name>.webp."""
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(300)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.save(ROOT / "docs" / f"{name}.webp", quality=82, method=6)


def main() -> None:
    """Three visits: a desk by day, a desk by night, a phone."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        photo = Path(folder) / "photo.jpg"
        Image.fromarray(data.astronaut()).save(photo, quality=95)
        site = Site(Path(folder) / "studio", STUDIO_MODEL="")
        browser: Browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name, size, scheme, style, scene in (
            ("studio-light", (1440, 1100), "light", "oil-master", "renaissance-hall"),
            ("studio-dark", (1440, 1100), "dark", "hologram", "neon-city"),
            ("studio-phone", (390, 844), "light", "ukiyo-e", "none"),
        ):
            context = open_context(browser, *size, scheme)
            page = context.new_page()
            visit(page, site, photo, style, scene, 3 if size[0] > 1000 else 1)
            if size[0] < 1000:
                page.locator(".stage").evaluate("node => node.scrollIntoView({ block: 'center' })")
                page.wait_for_timeout(300)
                Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(
                    ROOT / "docs" / f"{name}.webp", quality=82
                )
            else:
                take(page, name)
            context.close()
        browser.close()
        site.close()


if __name__ == "__main__":
    main()
