"""A researcher from the sign-in to the report: simulated people take part, results are read, files downloaded."""

from __future__ import annotations

import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from study.export.check import problems
from study.researchers import entry
from tests.support.browsing import LONG
from tests.support.study_site import StudySite

PASSWORD = "correct horse battery"
PEOPLE = 3


class ResearchSite(StudySite):
    """The app with one study open and one researcher."""

    def start(self) -> None:
        self._settings |= {"STUDY_RESEARCHERS": entry("anna", PASSWORD)}
        super().start()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResearchSite]:
    running = ResearchSite(tmp_path_factory.mktemp("research-site"))
    yield running
    running.end(signal.SIGTERM)


@pytest.mark.slow
def test_from_the_sign_in_to_the_report(
    lab: ResearchSite, page: Page, look_at: Callable[[str], None], tmp_path: Path
) -> None:
    page.goto(f"{lab.url}/research")
    look_at("sign-in")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="small, version 1")).to_be_visible(timeout=LONG)
    look_at("studies")

    page.get_by_role("link", name="small, version 1").click()
    page.get_by_role("spinbutton", name="People").fill(str(PEOPLE))
    page.get_by_role("button", name="Simulate").click()
    through = page.get_by_text(f"{PEOPLE} of {PEOPLE} simulated people are through.")
    for _ in range(120):
        if through.is_visible():
            break
        expect(page.get_by_text(re.compile(r"\d of \d simulated people are through\."))).not_to_contain_text("refused")
        page.wait_for_timeout(1000)
        page.get_by_role("link", name="Read again").click()
    expect(through).to_be_visible()
    expect(page.locator(".tiles div", has_text="complete").locator("dd")).to_have_text(str(PEOPLE))
    expect(page.get_by_role("link", name=f"Simulated ({PEOPLE})")).to_be_visible()
    expect(page.get_by_role("link", name="Participants (0)")).to_be_visible()
    look_at("progress")

    page.get_by_role("link", name="Results").click()
    expect(page.get_by_role("heading", name="Which one is more like you?").first).to_be_visible()
    picture = page.locator("figure img").first
    assert "from the strongest to the weakest" in (picture.get_attribute("alt") or "")
    expect(picture).to_have_js_property("complete", True, timeout=LONG)
    assert picture.evaluate("image => image.naturalWidth") > 300
    look_at("results")

    with page.expect_navigation():
        page.get_by_role("link", name="Files").click()
    look_at("files")
    report = unpacked(page, "Report", tmp_path)
    assert lab.frozen.sha256 in (report / "report.md").read_text("utf-8")
    assert "SIMULATED" in (report / "report.md").read_text("utf-8")
    assert problems(unpacked(page, "Everybody, excluded ones marked", tmp_path)) == ()
    assert (unpacked(page, "Ethics report", tmp_path) / "ethics.pdf").is_file()

    with page.expect_navigation():
        page.get_by_role("link", name="People").click()
    look_at("people")
    row = page.locator("tbody tr").first
    gone = row.locator("th").inner_text()
    row.get_by_label("sure").check()
    row.get_by_role("button").click()
    expect(page.get_by_role("status")).to_have_text("Everything of this person is deleted.")
    expect(page.get_by_text(gone)).to_have_count(0)
    assert lab.rows(f"select count(*) from participants where id = '{gone}'") == [(0,)]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.slow
def test_a_preview_is_the_participants_page(lab: ResearchSite, page: Page) -> None:
    page.goto(f"{lab.url}/research")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="small, version 1").click()
    page.get_by_role("button", name="Preview as a participant").click()
    expect(page).to_have_url(re.compile(r"/study/small$"))
    expect(page.get_by_text("This is a small study of portraits.")).to_be_visible(timeout=LONG)
    assert lab.rows("select kind from participants where kind = 'preview'") == [("preview",)]


def unpacked(page: Page, name: str, folder: Path) -> Path:
    """A download of the page Files, unpacked."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name=name, exact=True).click()
    place = folder / waiting.value.suggested_filename.removesuffix(".zip")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        archive.extractall(place)
    return place
