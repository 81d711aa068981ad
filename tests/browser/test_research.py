"""A researcher from the sign-in to the report: simulated people take part, results are read, files downloaded."""

from __future__ import annotations

import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from study.export.check import problems
from study.researchers import entry
from tests.browser.test_study import StudySite
from tests.support.axe import looking_at
from tests.support.browsing import LONG, listen, open_context

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


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    """A desk, on which no rule of the policy is broken."""
    context = open_context(browser)
    page = context.new_page()
    refusals = listen(page)
    yield page
    assert refusals() == []
    context.close()


@pytest.fixture
def look_at(desk: Page) -> Iterator[Callable[[str], None]]:
    with looking_at(desk, {"width": 1440, "height": 1000}) as look:
        yield look


@pytest.mark.slow
def test_from_the_sign_in_to_the_report(
    lab: ResearchSite, desk: Page, look_at: Callable[[str], None], tmp_path: Path
) -> None:
    desk.goto(f"{lab.url}/research")
    look_at("sign-in")
    desk.get_by_label("Name").fill("anna")
    desk.get_by_label("Password").fill("wrong password")
    desk.get_by_role("button", name="Sign in").click()
    expect(desk.get_by_role("alert")).to_have_text("Name or password is wrong.")
    desk.get_by_label("Name").fill("anna")
    desk.get_by_label("Password").fill(PASSWORD)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("link", name="small, version 1")).to_be_visible(timeout=LONG)
    look_at("studies")

    desk.get_by_role("link", name="small, version 1").click()
    desk.get_by_role("spinbutton", name="People").fill(str(PEOPLE))
    desk.get_by_role("button", name="Simulate").click()
    through = desk.get_by_text(f"{PEOPLE} of {PEOPLE} simulated people are through.")
    for _ in range(120):
        if through.is_visible():
            break
        expect(desk.get_by_text(re.compile(r"\d of \d simulated people are through\."))).not_to_contain_text("refused")
        desk.wait_for_timeout(1000)
        desk.get_by_role("link", name="Read again").click()
    expect(through).to_be_visible()
    expect(desk.locator(".tiles div", has_text="complete").locator("dd")).to_have_text(str(PEOPLE))
    expect(desk.get_by_role("link", name=f"Simulated ({PEOPLE})")).to_be_visible()
    expect(desk.get_by_role("link", name="Participants (0)")).to_be_visible()
    look_at("progress")

    desk.get_by_role("link", name="Results").click()
    expect(desk.get_by_role("heading", name="Which one is more like you?").first).to_be_visible()
    picture = desk.locator("figure img").first
    assert "from the strongest to the weakest" in (picture.get_attribute("alt") or "")
    expect(picture).to_have_js_property("complete", True, timeout=LONG)
    assert picture.evaluate("image => image.naturalWidth") > 300
    look_at("results")

    with desk.expect_navigation():
        desk.get_by_role("link", name="Files").click()
    look_at("files")
    report = unpacked(desk, "Report", tmp_path)
    assert lab.frozen.sha256 in (report / "report.md").read_text("utf-8")
    assert "SIMULATED" in (report / "report.md").read_text("utf-8")
    assert problems(unpacked(desk, "Everybody, excluded ones marked", tmp_path)) == ()
    assert (unpacked(desk, "Ethics report", tmp_path) / "ethics.pdf").is_file()

    with desk.expect_navigation():
        desk.get_by_role("link", name="People").click()
    look_at("people")
    row = desk.locator("tbody tr").first
    gone = row.locator("th").inner_text()
    row.get_by_label("sure").check()
    row.get_by_role("button").click()
    expect(desk.get_by_role("status")).to_have_text("Everything of this person is deleted.")
    expect(desk.get_by_text(gone)).to_have_count(0)
    assert lab.rows(f"select count(*) from participants where id = '{gone}'") == [(0,)]
    desk.get_by_role("button", name="Sign out").click()
    expect(desk.get_by_label("Password")).to_be_visible()


@pytest.mark.slow
def test_a_preview_is_the_participants_page(lab: ResearchSite, desk: Page) -> None:
    desk.goto(f"{lab.url}/research")
    desk.get_by_label("Name").fill("anna")
    desk.get_by_label("Password").fill(PASSWORD)
    desk.keyboard.press("Enter")
    desk.get_by_role("link", name="small, version 1").click()
    desk.get_by_role("button", name="Preview as a participant").click()
    expect(desk).to_have_url(re.compile(r"/study/small$"))
    expect(desk.get_by_text("This is a small study of portraits.")).to_be_visible(timeout=LONG)
    assert lab.rows("select kind from participants where kind = 'preview'") == [("preview",)]


def unpacked(desk: Page, name: str, folder: Path) -> Path:
    """A download of the page Files, unpacked."""
    with desk.expect_download() as waiting:
        desk.get_by_role("link", name=name, exact=True).click()
    place = folder / waiting.value.suggested_filename.removesuffix(".zip")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        archive.extractall(place)
    return place
