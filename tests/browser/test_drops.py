"""What is dropped on the page, and photos that arrive in another order than they were chosen in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.support.browsing import LONG, agree, enter, upload
from tests.support.site import Site


def drop(page: Page, selector: str, *, files: tuple[Path, ...] = (), link: str = "") -> None:
    """As the browser itself drops: where the page does not take it, the browser opens it in the page's place."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    items = [{"mimeType": "text/uri-list", "data": link}] if link else []
    data = {"items": items, "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        place: dict[str, Any] = {"x": box["x"] + min(20, box["width"] / 2), "y": box["y"] + min(15, box["height"] / 2)}
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    session.detach()


def test_a_photo_dropped_beside_the_card_is_taken(page: Page, site: Site, photo_file: Path) -> None:
    enter(page, site)
    agree(page)
    drop(page, "h1", files=(photo_file,))
    expect(page.locator("#photo-image")).to_be_visible(timeout=LONG)
    assert page.url.rstrip("/") == site.url


def test_without_consent_a_dropped_photo_is_ignored(page: Page, site: Site, photo_file: Path) -> None:
    enter(page, site)
    drop(page, "h1", files=(photo_file,))
    page.wait_for_timeout(1000)
    assert page.url.rstrip("/") == site.url
    expect(page.locator("h1")).to_be_visible()
    agree(page)
    expect(page.locator("#photo-image")).to_be_hidden()


@pytest.mark.parametrize("place", ["h1", "#photo-choose"])
def test_a_dropped_link_gets_a_sentence(page: Page, site: Site, place: str) -> None:
    enter(page, site)
    agree(page)
    expect(page.locator("#notice")).to_contain_text("Add a photo", timeout=LONG)
    drop(page, place, link="https://elsewhere.example/me.jpg")
    expect(page.locator("#photo-problem")).to_contain_text("link or text", timeout=LONG)
    assert page.url.rstrip("/") == site.url


def test_on_the_check_tab_it_is_checked(page: Page, site: Site, photo_file: Path) -> None:
    enter(page, site)
    agree(page)
    page.get_by_role("tab", name="Check", exact=True).click()
    expect(page.locator("#check-choose")).to_be_visible(timeout=LONG)
    drop(page, "h1", link="https://elsewhere.example/me.jpg")
    expect(page.locator("#check-problem")).to_contain_text("link or text")
    drop(page, "h1", files=(photo_file,))
    expect(page.locator("#check-answer").get_by_role("heading")).to_be_visible(timeout=LONG)
    page.get_by_role("tab", name="Portrait").click()
    expect(page.locator("#photo-image")).to_be_hidden()


def test_a_folder_is_told_as_what_it_is(page: Page, site: Site, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    enter(page, site)
    agree(page)
    drop(page, "h1", files=(tmp_path / "holiday",))
    expect(page.locator("#photo-problem")).to_contain_text(re.compile("folder|empty"), timeout=LONG)


@pytest.fixture
def other_file(tmp_path: Path, face_photo: Image.Image) -> Path:
    """A wider photo than `photo_file`, so that one sees which of them is shown."""
    path = tmp_path / "second.png"
    wide = Image.new("RGB", (1024, 512), "#888888")
    wide.paste(face_photo, (256, 0))
    wide.save(path)
    return path


@pytest.fixture
def slow_first(page: Page) -> list[Route]:
    """The first photo is on a slow line: it is held until the test lets it go."""
    held: list[Route] = []
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


def test_the_slower_of_two_photos_does_not_win(
    page: Page, site: Site, photo_file: Path, other_file: Path, slow_first: list[Route]
) -> None:
    enter(page, site)
    agree(page)
    page.locator("#photo-file").set_input_files(photo_file)
    expect(page.locator("#photo .status")).to_contain_text("Looking")
    upload(page, other_file)
    let_go(page, slow_first)
    assert shown_width(page) == pytest.approx(2.0, abs=0.02)
    expect(page.locator("#photo-problem")).to_be_empty()
    expect(page.locator("#photo .status")).to_be_empty()


def test_after_the_camera_the_slower_file_does_not_win(
    page: Page, site: Site, other_file: Path, slow_first: list[Route]
) -> None:
    enter(page, site)
    agree(page)
    page.locator("#photo-file").set_input_files(other_file)
    page.locator("#camera-open").click()
    expect(page.locator("#camera-rate")).to_contain_text("a second", timeout=LONG)
    page.locator("#camera-take").click()
    page.get_by_role("button", name="Use it").first.click()
    expect(page.locator("#photo-image")).to_be_visible(timeout=LONG)
    let_go(page, slow_first)
    assert shown_width(page) == pytest.approx(640 / 480, abs=0.02)


def test_after_remove_the_photo_on_its_way_does_not_come_back(
    page: Page, site: Site, photo_file: Path, other_file: Path
) -> None:
    enter(page, site)
    agree(page)
    upload(page, other_file)
    held: list[Route] = []
    page.route("**/studio/photo", lambda route: held.append(route))
    page.locator("#photo-file").set_input_files(photo_file)
    expect(page.locator("#photo .status")).to_contain_text("Looking")
    page.locator("#photo-remove").click()
    expect(page.locator("#photo-choose")).to_be_visible(timeout=LONG)
    let_go(page, held)
    expect(page.locator("#photo-choose")).to_be_visible()
    expect(page.locator("#photo-problem")).to_be_empty()
    page.unroute("**/studio/photo")
    upload(page, photo_file)
