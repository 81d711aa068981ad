"""Consent, its receipt, what was kept and a study's ticks, in a real browser against the real app."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browsing import LONG, agree, create, delete_all, enter, open_context, open_step, save, upload
from tests.support.site import TOY_APP, Site


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def save_receipt(page: Page, folder: Path) -> dict:
    box = page.locator("details.receipt")
    if box.get_attribute("open") is None:
        box.locator("summary").click()
    with page.expect_download() as waiting:
        page.locator("#receipt-save").click()
    return json.loads(save(waiting.value, folder).read_text("utf-8"))


@pytest.mark.slow
def test_a_receipt_to_keep_and_a_panel_that_tells_what_is_kept(
    page: Page, site: Site, photo_file: Path, tmp_path: Path
) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    enter(page, site)
    expect(page.locator("#consent input")).not_to_be_checked()
    expect(page.locator("details.receipt")).to_have_count(0)
    open_tab(page, "Privacy")
    expect(page.locator("#kept-now")).to_contain_text("Nothing of yours is stored", timeout=LONG)
    open_tab(page, "Portrait")

    agree(page)  # one click
    open_step(page, "consent")
    receipt = save_receipt(page, tmp_path)
    assert hashlib.sha256(receipt["text"].encode()).hexdigest() == receipt["text_sha256"]
    assert [purpose["id"] for purpose in receipt["purposes"]] == ["portraits"]
    assert receipt["withdrawn_at"] is None
    expect(page.locator("details.receipt")).to_contain_text(receipt["id"])
    upload(page, photo_file)
    create(page)

    open_tab(page, "Privacy")
    expect(page.locator("#kept-now")).to_contain_text("Your photo", timeout=LONG)
    expect(page.locator("#kept-now")).to_contain_text("temporary folder")
    expect(page.locator("#kept-now li")).to_have_count(4)
    delete_all(page, "#kept-delete")
    expect(page.locator("#kept-now")).to_contain_text("Nothing of yours is stored", timeout=LONG)
    open_tab(page, "Portrait")
    expect(page.locator("#consent input")).not_to_be_checked()
    expect(page.locator("#step-photo")).to_be_hidden()
    expect(page.locator("#portraits .tile")).to_have_count(0)
    withdrawn = save_receipt(page, tmp_path)
    assert withdrawn["withdrawn_at"] >= withdrawn["granted_at"]
    assert {**withdrawn, "withdrawn_at": None} == receipt
    kept = page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert receipt["id"] not in kept

    agree(page)
    upload(page, photo_file)
    open_tab(page, "Privacy")
    expect(page.locator("#kept-now")).to_contain_text("Your photo", timeout=LONG)
    open_tab(page, "Portrait")
    page.locator("#delete-data").click()  # the other way to delete empties the panel, too
    expect(page.locator("#step-photo")).to_be_hidden(timeout=LONG)
    open_tab(page, "Privacy")
    expect(page.locator("#kept-now")).to_contain_text("Nothing of yours is stored", timeout=LONG)
    assert problems == []


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Site]:
    """The app of an operator who runs a study."""
    settings = {
        "STUDIO_OPERATOR": "Ada Example, ada@example.org",
        "STUDIO_STUDY_FOLDER": str(tmp_path / "study"),
        "STUDIO_STUDY_ABOUT": "Which styles keep a person recognisable?",
        "STUDIO_STUDY_UNTIL": "2099-06-30",
        "STUDIO_TEMP_DIR": str(tmp_path / "temp"),
    }
    running = Site(tmp_path / "studio", TOY_APP, **settings)
    yield running
    assert running.end(signal.SIGTERM) == 0
    assert list((tmp_path / "temp").rglob("*")) == []


@pytest.mark.slow
def test_a_study_keeps_what_was_ticked_until_the_receipt_takes_it_back(
    browser: Browser, study: Site, photo_file: Path, tmp_path: Path
) -> None:
    def copies() -> list[Path]:
        return list((tmp_path / "study").rglob("*.png"))

    context = open_context(browser)
    page = context.new_page()
    enter(page, study)
    expect(page.locator("#consent-more")).to_be_hidden()
    agree(page)
    for tick in ("study", "examples"):
        expect(page.locator(f"#consent-{tick} input")).not_to_be_checked()
    upload(page, photo_file)
    create(page)
    assert copies() == []
    assert list((tmp_path / "temp").rglob("portraits/*/*.png"))
    open_step(page, "consent")
    page.locator("#consent-study input").check()
    expect(page.locator("#notice")).to_contain_text("copy of each new portrait", timeout=LONG)
    expect(page.locator("#consent-study input")).to_be_checked()
    create(page, 2)
    assert len(copies()) == 1
    receipt = save_receipt(page, tmp_path)
    assert [purpose["id"] for purpose in receipt["purposes"]] == ["portraits", "study"]
    assert copies()[0].parent.name == receipt["id"]
    open_tab(page, "Privacy")
    expect(page.locator("#kept-now")).to_contain_text("Copy of a portrait for the study", timeout=LONG)
    context.close()

    later = open_context(browser).new_page()
    enter(later, study)
    open_tab(later, "Privacy")
    later.get_by_label("Number of your receipt").fill(receipt["id"])
    later.locator("#withdraw-send").click()
    expect(later.locator("#withdraw-said")).to_contain_text("1 copy was deleted", timeout=LONG)
    assert list((tmp_path / "study").iterdir()) == []
    later.context.close()
