"""The page in the visitor's own language, on a phone: from consent to portrait, no English sentence is seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from languages.catalogue import translated
from languages.collecting import sentences
from tests.support.browsing import LONG, agree, listen, open_context, pick, say_yes, upload
from tests.support.site import Site
from ui.page import TITLE

# What is seen or heard of a page, name of the attribute or of the element first.
READ = """() => {
  const seen = (node) => node.checkVisibility({ visibilityProperty: true });
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (!seen(node) || node.matches("script, style, option")) continue;
    const own = [...node.childNodes].filter((one) => one.nodeType === 3).map((one) => one.data.trim()).join(" ");
    if (own) found.push(own);
    for (const name of ["aria-label", "title", "placeholder", "alt", "aria-valuetext"]) {
      if (node.getAttribute(name)) found.push(node.getAttribute(name));
    }
  }
  return found;
}"""


def english(code: str) -> list[str]:
    """Of each sentence the longest part without holes, where the translation does not have the same."""
    found = set()
    for one in sentences():
        for form in one.forms:
            part = max(re.split(r"\{[^}]*\}|[*`]", form), key=len).strip(" .:;,")
            if len(part) > 7 and part not in translated(code, one.forms[0], one.forms[-1], 2):
                found.add(part)
    return sorted(found)


class Reader:
    """Somebody who knows no English."""

    def __init__(self, page: Page, code: str) -> None:
        self._page, self._code, self._known = page, code, english(code)
        self.found: list[str] = []

    def look(self, where: str) -> None:
        """Note what is English, what is wider than the screen, and which language the page claims to be in."""
        self._page.wait_for_timeout(300)
        for text in (text.replace(TITLE, "") for text in self._page.evaluate(READ)):
            there = [part for part in self._known if part in text]
            self.found += [f"{where}: {text}" for part in there if re.search(rf"\b{re.escape(part)}\b", text)]
        assert self._page.evaluate("document.documentElement.lang") == self._code
        if self._page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.found.append(f"{where}: wider than the screen")


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize(("code", "locale"), [("de", "de-AT"), ("ja", "ja-JP")])
def test_from_consent_to_portrait_nothing_is_english(
    browser: Browser, site: Site, photo_file: Path, code: str, locale: str
) -> None:
    context = open_context(browser, 390, 844, locale=locale)
    page = context.new_page()
    refusals = listen(page)
    page.goto(site.url, wait_until="domcontentloaded")
    expect(page.locator("#consent input")).to_be_enabled(timeout=LONG)
    expect(page.locator("#style-picker .tile").first).to_be_visible(timeout=LONG)
    reader = Reader(page, code)
    reader.look("at first")
    page.locator("#find-style").fill("qqq")
    reader.look("nothing found")
    page.locator("#find-style-all").click()
    agree(page)
    upload(page, photo_file)
    pick(page, "scene", "orbit")
    page.locator("#advanced button").first.click()
    reader.look("with a photo")
    page.locator("#create").click()
    expect(page.locator("#portraits .tile")).to_have_count(1, timeout=LONG)
    expect(page.locator("#done-download")).to_be_visible(timeout=LONG)
    page.locator("#portrait-kept summary").click()
    reader.look("with a portrait")
    axe = Axe().run(page, options={"runOnly": {"type": "rule", "values": ["html-has-lang", "html-lang-valid"]}})
    assert axe.response["violations"] == []
    page.locator("#delete-data").click()
    expect(page.locator("#ask-keep")).to_be_visible(timeout=LONG)
    reader.look("asked before deleting")
    page.locator("#ask-keep").click()
    for number in (1, 2, 3):
        page.get_by_role("tab").nth(number).click()
        page.wait_for_timeout(700)
        reader.look(f"tab {number}")
    assert reader.found == []
    assert refusals() == []
    context.close()


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_language_is_switched_in_the_middle_of_a_visit_and_nothing_is_lost(
    browser: Browser, site: Site, photo_file: Path
) -> None:
    context = open_context(browser, 390, 844, locale="fr-CH")
    page = context.new_page()
    asked = say_yes(page)
    page.goto(site.url, wait_until="domcontentloaded")
    expect(page.locator("#consent input")).to_be_enabled(timeout=LONG)
    agree(page)
    upload(page, photo_file)
    pick(page, "style", "charcoal")
    page.locator("#create").click()
    expect(page.locator("#done-download")).to_be_visible(timeout=LONG)

    names = page.locator("#language option").all_text_contents()
    assert names == ["English", "Deutsch", "Français", "Español", "日本語"]
    assert page.locator("#language").input_value() == "fr"
    page.locator("#language").select_option("es")
    expect(page.locator("#create")).to_contain_text(translated("es", "Create my portrait", "", None), timeout=LONG)
    # Until our scripts are there Gradio names the browser's.
    expect(page.locator("html")).to_have_attribute("lang", "es")
    assert asked == [], "the visit goes on, so nobody is asked"
    expect(page.locator("#portraits .tile")).to_have_count(1, timeout=LONG)
    expect(page.locator("#photo-image")).to_be_visible(timeout=LONG)
    expect(page.locator("#notice")).to_contain_text("foto", timeout=LONG)
    expect(page.locator("#style input")).to_have_value(re.compile(translated("es", "Charcoal and chalk", "", None)))

    [cookie] = [one for one in context.cookies() if one["name"] == "studio_language"]
    assert (cookie["value"], cookie["sameSite"], cookie["path"]) == ("es", "Lax", "/")
    second = context.new_page()
    second.goto(site.url, wait_until="domcontentloaded")
    expect(second.locator("html"), "the choice is kept, whatever the browser asks for").to_have_attribute("lang", "es")
    second.close()

    page.locator("#delete-data").click()
    page.locator("#ask-delete").click()
    receipt = page.locator("#receipt")
    expect(receipt).to_contain_text(translated("es", "Receipt: withdrawn", "", None), timeout=LONG)
    with page.expect_download() as download:
        receipt.locator("summary").click()
        page.locator("#receipt-save").click()
    assert '"language": "fr"' in download.value.path().read_text("utf-8"), "the text that was agreed to"
    context.close()
