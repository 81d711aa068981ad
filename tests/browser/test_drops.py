"""What is dropped on the page, and photos that arrive in another order than they were chosen in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.support.browsing import LONG, agree, enter, open_step, upload
from tests.support.site import Site


def drop(page: Page, selector: str, *, files: tuple[Path, ...] = (), link: str = "") -> None:
    """As the browser itself drops: where the page does not take it, the browser opens it in the page's place."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    assert box is not None
    items = [{"mimeType": "text/uri-list", "data": link}] if link else []
    data = {"items": items, "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        place: dict[str, Any] = {"x": box["x"] + min(20, box["width"] / 2), "y": box["y"] + min(15, box["height"] / 2)}
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()


@pytest.mark.slow
def test_what_is_dropped_on_the_page(page: Page, site: Site, photo_file: Path, tmp_path: Path) -> None:
    link, holiday = "https://elsewhere.example/me.jpg", tmp_path / "holiday"
    holiday.mkdir()
    problem, shown = page.locator("#photo-problem"), page.locator("#photo-image")

    enter(page, site)
    drop(page, "h1", files=(photo_file,))
    page.wait_for_timeout(1000)
    assert page.url.rstrip("/") == site.url
    expect(page.locator("h1")).to_be_visible()
    agree(page)
    expect(page.locator("#notice")).to_contain_text("Add a photo", timeout=LONG)
    expect(shown).to_be_hidden()  # what came before consent is ignored

    drop(page, "h1", files=(holiday,))
    expect(problem).to_contain_text(re.compile("folder|empty"), timeout=LONG)
    for place in ("h1", "#photo-choose"):
        drop(page, place, link=link)
        expect(problem).to_contain_text("link or text", timeout=LONG)
        assert page.url.rstrip("/") == site.url
        page.evaluate("document.querySelector('#photo-problem').textContent = ''")  # so that the next one is felt

    page.get_by_role("tab", name="Check", exact=True).click()
    expect(page.locator("#check-choose")).to_be_visible(timeout=LONG)
    drop(page, "h1", link=link)
    expect(page.locator("#check-problem")).to_contain_text("link or text")
    drop(page, "h1", files=(photo_file,))
    expect(page.locator("#check-answer").get_by_role("heading")).to_be_visible(timeout=LONG)
    page.get_by_role("tab", name="Portrait").click()
    expect(shown).to_be_hidden()  # on the Check tab it is checked
    expect(page.locator("#photo-choose")).to_be_visible(timeout=LONG)

    drop(page, "h1", files=(photo_file,))  # beside the card
    expect(shown).to_be_visible(timeout=LONG)
    assert page.url.rstrip("/") == site.url


@pytest.fixture
def other_file(tmp_path: Path, face_photo: Image.Image) -> Path:
    """A wider photo than `photo_file`, so that one sees which of them is shown."""
    path = tmp_path / "second.png"
    wide = Image.new("RGB", (1024, 512), "#888888")
    wide.paste(face_photo, (256, 0))
    wide.save(path)
    return path


def hold_next(page: Page) -> list[Route]:
    """The next photo is on a slow line: it is held until the test lets it go."""
    held: list[Route] = []
    page.unroute("**/studio/photo")
    page.route("**/studio/photo", lambda route: held.append(route) if not held else route.continue_())
    return held


def let_go(page: Page, held: list[Route]) -> None:
    """Let the held photo arrive, unless the page has given it up, and give its answer time to be shown."""
    [route] = held
    if route.request.failure is None:
        with page.expect_response(lambda answer: answer.request == route.request, timeout=LONG):
            route.continue_()
    page.wait_for_timeout(500)


def shown_width(page: Page) -> float:
    return page.locator("#photo-image").evaluate("image => image.naturalWidth / image.naturalHeight")


@pytest.mark.slow
def test_a_photo_on_a_slow_line_takes_no_later_one_s_place(
    page: Page, site: Site, photo_file: Path, other_file: Path
) -> None:
    status, problem = page.locator("#photo .status"), page.locator("#photo-problem")
    enter(page, site)
    agree(page)
    held = hold_next(page)
    page.locator("#photo-file").set_input_files(photo_file)
    expect(status).to_contain_text("Looking")
    upload(page, other_file)
    let_go(page, held)
    assert shown_width(page) == pytest.approx(2.0, abs=0.02)
    open_step(page, "photo")
    expect(problem).to_be_empty()
    expect(status).to_be_empty()

    held = hold_next(page)
    page.locator("#photo-file").set_input_files(photo_file)
    expect(status).to_contain_text("Looking")
    page.locator("#photo-remove").click()
    expect(page.locator("#photo-choose")).to_be_visible(timeout=LONG)
    let_go(page, held)
    expect(page.locator("#photo-choose")).to_be_visible()  # what was removed does not come back
    expect(problem).to_be_empty()

    held = hold_next(page)
    page.locator("#photo-file").set_input_files(other_file)
    page.locator("#camera-open").click()
    expect(page.locator("#camera-rate")).to_contain_text("a second", timeout=LONG)
    page.locator("#camera-take").click()
    page.get_by_role("button", name="Use it").first.click()
    expect(page.locator("#photo-image")).to_be_visible(timeout=LONG)
    let_go(page, held)
    assert shown_width(page) == pytest.approx(640 / 480, abs=0.02)

    page.unroute("**/studio/photo")
    open_step(page, "photo")
    page.locator("#photo-remove").click()
    expect(page.locator("#photo-choose")).to_be_visible(timeout=LONG)
    upload(page, photo_file)
