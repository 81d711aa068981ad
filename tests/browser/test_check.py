"""Check a picture in a real browser: by button, by keyboard, by drop, on a phone."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, create, enter, open_context, save, upload
from tests.support.png_chunks import replaced
from tests.support.site import Site


@pytest.fixture(scope="module")
def portrait(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait of the running studio: this process signs with the same certificate."""
    assert os.environ["STUDIO_CREDENTIALS_DIR"]
    path = tmp_path_factory.mktemp("check") / "p.png"
    facts = {"Style": "oil-master", "Scene": "orbit", "Seed": "7", "Model": "preview", "Engine": "Preview"}
    marking.save(face_photo, path, is_diffusion=False, facts=facts)
    return path


def open_tab(page: Page, site: Site) -> None:
    enter(page, site)
    page.get_by_role("tab", name="Check", exact=True).click()
    expect(page.locator("#check-choose")).to_be_visible(timeout=LONG)


def drop(page: Page, data: bytes, name: str) -> None:
    transfer = page.evaluate_handle(
        """([text, name]) => { const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer(); transfer.items.add(new File([bytes], name)); return transfer; }""",
        [base64.b64encode(data).decode(), name],
    )
    page.dispatch_event("#check .drop", "drop", {"dataTransfer": transfer})


def test_a_portrait_is_downloaded_and_checked(browser: Browser, site: Site, photo_file: Path, tmp_path: Path) -> None:
    context = open_context(browser)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    enter(page, site)
    agree(page)
    upload(page, photo_file)
    create(page)
    with page.expect_download() as waiting:
        page.locator("#download-one").click()
    path = save(waiting.value, tmp_path)

    page.get_by_role("tab", name="Check", exact=True).click()
    page.locator("#check-file").set_input_files(path)
    answer = page.locator("#check-answer")
    expect(answer.get_by_role("heading")).to_have_text("Made by this studio, unchanged", timeout=LONG)
    expect(answer).to_contain_text("there and intact")
    expect(answer).to_have_attribute("role", "status")

    drop(page, replaced(path.read_bytes(), b"iTXt", b"Seed=", b"sEED="), "changed.png")
    expect(answer.get_by_role("heading")).to_have_text("Not as this studio signed it", timeout=LONG)
    drop(page, b"no picture", "evil.png")
    expect(page.locator("#check-problem")).to_contain_text("not a picture", timeout=LONG)
    expect(answer).to_be_empty()
    assert problems == []
    context.close()


def test_by_keyboard_and_with_a_strangers_words_as_words(
    page: Page, site: Site, tmp_path: Path, portrait: Path
) -> None:
    trick = tmp_path / "trick.png"
    with Image.open(portrait) as picture:
        image = picture.convert("RGB")
    marking.save(image, trick, is_diffusion=True, facts={"Style": "<img src=x onerror=alert(1)>"})
    # Listening from the start: a listener added in the same breath as the key press comes too late on a busy machine.
    page.on("filechooser", lambda chooser: chooser.set_files(trick))
    open_tab(page, site)
    page.locator("#check-choose").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#check-answer dl")).to_contain_text("<img src=x", timeout=LONG)
    assert page.locator("#check-answer dl img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Browser, site: Site, portrait: Path, scheme: str) -> None:
    context = open_context(browser, 390, 844, scheme)
    page = context.new_page()
    open_tab(page, site)
    page.locator("#check-file").set_input_files(portrait)
    expect(page.locator("#check-answer dl")).to_contain_text("orbit", ignore_case=True, timeout=LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    widths = page.locator("#check-answer dd").evaluate_all("all => all.map((one) => one.getBoundingClientRect().right)")
    assert max(widths) <= 390
    context.close()
