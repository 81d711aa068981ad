"""Check a picture in a real browser: by button, by keyboard, by drop. On a phone: test_journeys."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from pipelines.provenance import marking
from tests.support.browsing import LONG, agree, create, enter, save, upload
from tests.support.png_chunks import replaced
from tests.support.site import Site


def drop(page: Page, data: bytes, name: str) -> None:
    transfer = page.evaluate_handle(
        """([text, name]) => { const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        const transfer = new DataTransfer(); transfer.items.add(new File([bytes], name)); return transfer; }""",
        [base64.b64encode(data).decode(), name],
    )
    page.dispatch_event("#check .drop", "drop", {"dataTransfer": transfer})


@pytest.mark.slow
def test_a_portrait_is_downloaded_and_checked(
    page: Page, site: Site, photo_file: Path, portrait: Path, tmp_path: Path
) -> None:
    trick = tmp_path / "trick.png"
    with Image.open(portrait) as picture:
        image = picture.convert("RGB")
    marking.save(image, trick, is_diffusion=True, facts={"Style": "<img src=x onerror=alert(1)>"})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    # Listening from the start: a listener added in the same breath as the key press comes too late on a busy machine.
    page.on("filechooser", lambda chooser: chooser.set_files(trick))
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

    page.locator("#check-choose").focus()  # by keyboard, and a stranger's words are words
    page.keyboard.press("Enter")
    expect(page.locator("#check-answer dl")).to_contain_text("<img src=x", timeout=LONG)
    assert page.locator("#check-answer dl img").count() == 0
    assert problems == []
