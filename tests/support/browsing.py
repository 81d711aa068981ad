"""What visitors do on the page, by way of a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Browser, BrowserContext, Dialog, Download, Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
LONG = 60_000  # milliseconds, for a machine that is busy with something else


_LISTEN = """window.violations = []; document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))"""


class Place(Protocol):
    """Something that is open at an address."""

    @property
    def url(self) -> str: ...


def open_context(
    browser: Browser, width: int = 1440, height: int = 1000, scheme: str = "light", locale: str = "en-US"
) -> BrowserContext:
    """A browser of one visitor's: cookies and storage of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale=locale,
        color_scheme="dark" if scheme == "dark" else "light",
        permissions=["camera"],
        accept_downloads=True,
    )
    context.set_default_timeout(LONG)
    return context


def listen(page: Page) -> Callable[[], list[str]]:
    """Hear what the Content Security Policy forbids. Returns what says it, of the document that is open then."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.add_init_script(_LISTEN)
    words = re.compile("polic|refused|blocked", re.IGNORECASE)
    return lambda: [*page.evaluate("window.violations ?? []"), *(text for text in said if words.search(text))]


def enter(page: Page, place: Place) -> None:
    """Open the page and wait until it is usable."""
    page.goto(place.url, wait_until="domcontentloaded")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=LONG)
    expect(page.locator("#consent input")).to_be_enabled(timeout=LONG)


def say_yes(page: Page) -> list[str]:
    """Answer the browser's own questions with yes. Returns their kinds, as they come."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    return asked


def agree(page: Page) -> None:
    page.locator("#consent input").check()
    expect(page.locator("#photo-choose")).to_be_visible(timeout=LONG)
    expect(page.locator("#delete-data")).to_be_visible(timeout=LONG)  # the consent is text now


def upload(page: Page, path: Path) -> None:
    page.locator("#photo-file").set_input_files(path)
    expect(page.locator("#photo-image")).to_be_visible(timeout=LONG)


def open_step(page: Page, step: str) -> None:
    """Open a step that has folded because it is done, "consent" or "photo"."""
    card = page.locator(f"#step-{step}")
    expect(card).to_have_class(re.compile("folded"), timeout=LONG)
    card.locator(".fold").click()


def pick(page: Page, kind: str, preset_id: str) -> None:
    page.locator(f"#{kind}-picker [data-id={preset_id}]").click()


def delete_all(page: Page, button: str = "#delete-data") -> None:
    """Delete everything, whatever was not downloaded."""
    page.locator(button).click()
    page.locator("#ask-delete").click()
    expect(page.locator("#step-photo")).to_be_hidden(timeout=LONG)


def create(page: Page, count: int = 1, timeout: int = LONG) -> None:
    page.locator("#create").click()
    expect(page.locator("#notice")).to_contain_text("ready", timeout=timeout)
    expect(page.locator("#portraits .tile").nth(count - 1)).to_be_visible(timeout=LONG)


def save(download: Download, folder: Path) -> Path:
    path = folder / download.suggested_filename
    download.save_as(path)
    return path
