"""Choosing by eye: the visitor's own face in every tile, words that find a style, steps that fold when done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.support.browsing import LONG, agree, enter, open_context, open_step, pick, upload
from tests.support.site import Site

OWN = "Tiles: instant filters of your photo."
ALL_OWN = """() => {
  const images = [...document.querySelectorAll("#style-picker .tile:not([data-id=own-picture]) img")];
  return images.length > 20 && images.every((image) => image.src.startsWith("blob:") && image.complete)
}"""
SOURCES = """() => Object.fromEntries([...document.querySelectorAll("#style-picker .tile, #scene-picker .tile")].map(
  (tile) => [tile.dataset.id, tile.querySelector("img").src]))"""
PIXELS = """async (id) => {
  const image = document.querySelector(`.picker [data-id=${id}] img`);
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 24, height: 24 });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 24, 24);
  return Array.from(context.getImageData(0, 0, 24, 24).data)
}"""


@pytest.fixture(scope="module")
def mirrored_file(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("second") / "second.jpg"
    ImageOps.mirror(face_photo).save(path, quality=95)
    return path


def begin(page: Page, site: Site) -> None:
    enter(page, site)
    for kind in ("style", "scene"):
        expect(page.locator(f"#{kind}-picker .tile").first).to_be_visible(timeout=LONG)


def tile(page: Page, preset_id: str) -> Image.Image:
    return Image.frombytes("RGBA", (24, 24), bytes(page.evaluate(PIXELS, preset_id))).convert("L")


def likeness(one: Image.Image, other: Image.Image) -> float:
    """Mean difference in grey levels."""
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (24 * 24)


def shown(page: Page, kind: str) -> list[str]:
    every = page.locator(f"#{kind}-picker .tile:visible")
    return [one.get_attribute("data-id") or "" for one in every.all()]


@pytest.mark.slow
@pytest.mark.timeout(500)  # on two busy cores
def test_every_tile_shows_the_visitors_own_face_and_the_next_photo_takes_its_place(
    page: Page, site: Site, photo_file: Path, mirrored_file: Path
) -> None:
    asked: list[str] = []
    weight: list[int] = []

    def weigh(response: Any) -> None:
        if "/studio/tile/" in response.url and response.status == 200:
            asked.append(response.url)
            weight.append(len(response.body()))

    page.on("response", weigh)
    begin(page, site)
    thumbs = page.evaluate(SOURCES)
    expect(page.locator("#style-picker .whose")).to_contain_text("Eileen Collins")
    agree(page)
    upload(page, photo_file)
    expect(page.locator("#style-picker .whose")).to_have_text(OWN, timeout=LONG)
    page.wait_for_function(ALL_OWN, timeout=LONG)
    first = page.evaluate(SOURCES)
    same = {name for name in first if first[name] == thumbs[name]}
    places = set(shown(page, "scene")) - {"none"}
    assert same == places | {"own-picture"}, "a place shows itself, and only where there is none the photo"
    first_plain, first_ink = tile(page, "none"), tile(page, "tintype")
    assert likeness(first_ink, first_plain) > 10, "a style"
    assert len(asked) == len(set(asked)), "each was asked for once"
    assert sum(weight) < 150_000

    upload(page, mirrored_file)
    page.wait_for_function(
        "first => !Object.values(first).some((source) => source.startsWith('blob:') && document.querySelector("
        "`.picker img[src='${source}']`))",
        arg=first,
        timeout=LONG,
    )
    page.wait_for_function(ALL_OWN, timeout=LONG)
    loads = (
        "source => new Promise((done) => Object.assign(new Image(), { src: source, onload: () => done(true), "
        "onerror: () => done(false) }))"
    )
    assert not page.evaluate(loads, first["tintype"]), "the page has let go of the first photo's tiles"
    for name, before in (("none", first_plain), ("tintype", first_ink)):
        now = tile(page, name)
        assert likeness(now, ImageOps.mirror(before)) < likeness(now, before) - 4, f"{name} is the second photo's"

    page.locator("#delete-data").click()
    expect(page.locator("#step-photo")).to_be_hidden(timeout=LONG)
    page.wait_for_function("thumbs => JSON.stringify(thumbs) === JSON.stringify((" + SOURCES + ")())", arg=thumbs)
    expect(page.locator("#style-picker .whose")).to_contain_text("Eileen Collins")


@pytest.mark.slow
def test_words_find_styles_and_scenes_and_nothing_found_has_a_way_out(page: Page, site: Site) -> None:
    begin(page, site)
    every = shown(page, "style")
    field, said = page.locator("#find-style"), page.locator("#style-picker .found")
    for words, wanted in (
        ("van gogh", {"starry-strokes"}),
        ("cartoon", {"comic", "anime-cel", "storybook"}),
        ("pencil", {"charcoal", "ink-hatching"}),
        ("Black and WHITE", {"charcoal", "ink-hatching", "film-noir", "tintype"}),
    ):
        field.fill(words)
        assert set(shown(page, "style")) == wanted, words
        many = "1 style found." if len(wanted) == 1 else f"{len(wanted)} styles found."
        expect(said.get_by_role("status")).to_have_text(many)
    field.fill("van gogh")
    field.press("Enter")
    expect(page.locator("#style input")).to_have_value("Swirling strokes")
    expect(page.locator(".stage .title")).to_have_text("Swirling strokes", timeout=LONG)

    field.fill("sausage")
    assert shown(page, "style") == []
    expect(said.get_by_role("status")).to_contain_text("Nothing found for “sausage”. Try")
    page.locator("#find-style-all").click()
    assert shown(page, "style") == every
    expect(field).to_have_value("")
    expect(said).not_to_contain_text("found")

    page.locator("#style-picker .chip", has_text="Futuristic").click()
    field.fill("rembrandt")
    assert shown(page, "style") == ["oil-master"], "words look through all families"
    pick(page, "style", "oil-master")
    page.locator("#find-scene").fill("sea")
    assert shown(page, "scene") == ["underwater"]
    page.locator("#find-scene").press("Enter")
    expect(page.locator("#scene input")).to_have_value("Under water")
    page.locator("#find-scene").press("Escape")
    assert len(shown(page, "scene")) == 13


def test_list_search_and_tiles_by_keyboard_alone(page: Page, site: Site) -> None:
    begin(page, site)
    styles = page.get_by_role("combobox", name="Style", exact=True)
    expect(styles).to_have_count(1)
    expect(page.get_by_role("radiogroup", name="Style")).to_have_count(1)
    styles.focus()
    page.keyboard.type("oil")  # is not appended to the name that is there
    expect(styles).to_have_value("Old-master oil")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(styles).not_to_have_value("Old-master oil")
    page.keyboard.press("Tab")
    expect(page.locator("#find-style")).to_be_focused()
    page.keyboard.type("black and white")
    page.keyboard.press("ArrowDown")
    ids = shown(page, "style")
    expect(page.locator(f"#style-picker [data-id={ids[0]}]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    chosen = page.locator(f"#style-picker [data-id={ids[1]}]")
    expect(chosen).to_be_focused()
    expect(chosen).to_have_attribute("aria-checked", "true")
    expect(styles).to_have_value(chosen.locator(".name").inner_text())
    assert shown(page, "style") == ids, "what was found stays while one looks through it"


@pytest.mark.slow
def test_the_name_of_a_picked_tile_takes_no_more_lines_than_before(page: Page, site: Site) -> None:
    """It broke as "Impressionis-t" when bold letters made it wider."""
    enter(page, site)
    heights = "() => [...document.querySelectorAll('#style-picker .name')].map((name) => name.offsetHeight)"
    expect(page.locator("#style-picker .name")).not_to_have_count(0, timeout=LONG)
    page.evaluate("document.fonts.ready")
    before = page.evaluate(heights)
    for style in ("impressionist", "storybook", "stained-glass"):
        pick(page, "style", style)
        expect(page.locator(f"#style-picker [data-id={style}]")).to_have_attribute("aria-checked", "true")
        assert page.evaluate(heights) == before


@pytest.mark.slow
def test_steps_that_are_done_fold_and_the_tiles_are_on_the_first_screen(
    browser: Browser, site: Site, photo_file: Path
) -> None:
    context = open_context(browser, 1440, 900)
    page = context.new_page()
    begin(page, site)
    agree(page)
    upload(page, photo_file)
    for step in ("consent", "photo"):
        expect(page.locator(f"#step-{step} .fold")).to_have_attribute("aria-expanded", "false", timeout=LONG)
        box = page.locator(f"#step-{step}").bounding_box()
        assert box is not None
        assert box["height"] < 70, "one line"
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#style-picker .tile").nth(6)).to_be_in_viewport(ratio=1)
    shelf = page.locator("#style-picker .shelf")
    assert shelf.evaluate("node => node.scrollHeight <= node.clientHeight"), "no scroll of its own"
    page.locator("#style-picker .tile").first.hover()
    page.mouse.wheel(0, 240)
    page.wait_for_function("scrollY >= 200", timeout=LONG)

    open_step(page, "photo")
    expect(page.locator("#photo-remove")).to_be_visible()
    page.get_by_role("button", name="Fold: Your photo").click()
    expect(page.locator("#photo-remove")).to_be_hidden()
    open_step(page, "photo")
    page.locator("#photo-remove").click()
    expect(page.locator("#photo-choose")).to_be_visible(timeout=LONG)
    expect(page.locator("#step-photo .fold")).to_be_hidden()
    boxes = [one.bounding_box() for one in page.locator("#scene-picker .tile").all()]
    assert None not in boxes
    widths = {round(box["width"]) for box in boxes if box is not None}
    assert len(widths) == 1, "no scene's tile is wider than the others"
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("button", ["#delete-data", "#kept-delete"])
def test_tiles_on_their_way_are_given_up_before_everything_is_deleted(
    page: Page, site: Site, photo_file: Path, button: str
) -> None:
    """They came back as refused after the deletion, and stood as errors in the browser's console."""
    tiles: list[Route] = []
    deleted: list[tuple[Route, APIResponse]] = []
    refused: list[str] = []
    page.on("response", lambda response: refused.append(response.url) if response.status == 403 else None)
    page.route("**/studio/tile/**", lambda route: tiles.append(route))
    begin(page, site)
    agree(page)
    upload(page, photo_file)
    while not tiles:
        page.wait_for_timeout(50)
    if button == "#kept-delete":
        page.get_by_role("tab", name="Privacy", exact=True).click()
        expect(page.locator(button)).to_be_visible(timeout=LONG)
    page.route("**/gradio_api/run/**", lambda route: deleted.append((route, route.fetch())))
    page.locator(button).click()  # nothing was made, so nothing is asked
    while not deleted:
        page.wait_for_timeout(50)
    for route in tiles:  # the studio has deleted everything, and the page has not heard of it
        route.continue_()
    page.wait_for_timeout(500)
    for route, answer in deleted:
        route.fulfill(response=answer)
    page.get_by_role("tab", name="Portrait", exact=True).click()
    expect(page.locator("#step-photo")).to_be_hidden(timeout=LONG)
    assert refused == []
