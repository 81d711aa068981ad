"""Who runs the studio gets a model by a click: followed, paused, gone on with, chosen by a visitor, deleted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.fake_hub import FakeHub, serve
from tests.support.browsing import LONG, agree, enter
from tests.support.site import TOY_APP, Site
from tests.support.small_hub import build

STACK = """
name = "Trial stack"
summary = "Files that hold nothing, to follow a download with."
kind = "sd15"
rank = 0
size = 64
num_inference_steps = 4
guidance_scale = 1.0
memory_bytes = 1000
scheduler = { name = "LCMScheduler" }
base = { repo_id = "tiny/base", variant = "fp16", licence = "OpenRAIL", bytes = 180_000 }
lora = { repo_id = "tiny/lora", licence = "MIT", bytes = 60_000 }
[controlnets]
canny = { repo_id = "tiny/cn-canny", licence = "MIT", bytes = 60_000 }
lineart = { repo_id = "tiny/none", licence = "MIT", bytes = 60_000 }
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    root = tmp_path_factory.mktemp("repositories")
    build(root)
    with serve(root) as server:
        yield server


@pytest.fixture(scope="module")
def studio(hub: FakeHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("models-site")
    (root / "presets" / "models").mkdir(parents=True)
    (root / "presets" / "models" / "trial.toml").write_text(STACK)
    running = Site(root, TOY_APP, HF_ENDPOINT=hub.url, HF_HOME=str(root / "hf"), STUDIO_PRESETS=str(root / "presets"))
    yield running
    running.end(signal.SIGTERM)


def names_of_engines(page: Page) -> str:
    """What a visitor who opens Advanced reads of engines."""
    if not page.locator("#model-reasons").is_visible():
        page.locator("#advanced button").first.click()
    expect(page.locator("#model-reasons")).to_contain_text("Instant", timeout=LONG)
    return page.locator("#model-reasons").inner_text()


@pytest.mark.slow
def test_a_model_by_a_click(studio: Site, hub: FakeHub, page: Page, look_at: Callable[[str], None]) -> None:
    visitor = page.context.new_page()
    enter(visitor, studio)
    assert "static/models" not in visitor.content(), "visitors load nothing of it"
    agree(visitor)
    assert "could also have" in names_of_engines(visitor)
    visitor.close()

    page.goto(f"{studio.url}/models")
    card = page.locator("#trial")
    expect(card.locator(".status")).to_have_text("Not here", timeout=LONG)
    look_at("nothing here")
    other = page.context.new_page()
    other.goto(f"{studio.url}/models")

    hub.pace = 4_000  # axe takes its time
    card.get_by_role("button", name="Download").click()
    expect(card.locator("progress").first).to_be_visible(timeout=LONG)
    card.get_by_text("Part by part").click()
    look_at("downloading")
    expect(card.locator("#trial-bars")).to_have_attribute("open", "", timeout=LONG)
    expect(other.locator("#trial .status")).to_have_text("Downloading", timeout=LONG)
    card.get_by_role("button", name="Pause").click()
    expect(card.locator(".status")).to_have_text("Paused", timeout=LONG)
    look_at("paused")

    hub.pace = 0
    card.get_by_role("button", name="Go on").click()
    expect(card.locator(".status")).to_have_text("Here in part, and usable", timeout=LONG)
    expect(card).to_contain_text("It works without these parts, which are not here: ControlNet for lineart.")
    look_at("here")

    visitor = page.context.new_page()
    enter(visitor, studio)
    agree(visitor)
    assert "Trial stack: Files that hold nothing" in names_of_engines(visitor)

    card.get_by_text("Delete", exact=True).first.click()
    card.get_by_label("I am sure").check()
    card.evaluate("card => card.dataset.shape = 'of before'")  # so that the next look puts a fresh card there
    expect(card).not_to_have_attribute("data-shape", "of before", timeout=LONG)
    expect(card.get_by_label("I am sure")).to_be_checked()
    expect(card.get_by_label("I am sure")).to_be_focused()
    card.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").first).to_contain_text("are free now", timeout=LONG)
    assert not list((studio.root / "hf" / "hub").glob("models--tiny*"))


@pytest.mark.slow
def test_without_scripts_and_from_elsewhere(studio: Site, browser: Browser) -> None:
    """Behind a proxy the token is asked for; without scripts forms and a link do all."""
    context = browser.new_context(java_script_enabled=False, extra_http_headers={"X-Forwarded-For": "203.0.113.9"})
    page = context.new_page()
    page.goto(f"{studio.url}/models")
    page.get_by_label("Token").fill("surely not the token")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the token.")
    page.get_by_label("Token").fill(studio.log.split("with the token ")[1].split()[0])
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#trial .status")).to_have_text("Not here", timeout=LONG)
    page.locator("#trial").get_by_role("button", name="Download").click()
    for _ in range(60):
        if page.locator("#trial .status").inner_text() == "Here in part, and usable":
            break
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Read again").click()
    expect(page.locator("#trial .status")).to_have_text("Here in part, and usable")
    page.locator("#trial").get_by_text("Delete", exact=True).first.click()
    page.locator("#trial").get_by_label("I am sure").check()
    page.locator("#trial").get_by_role("button", name="Delete").click()
    expect(page.locator("#trial .status")).to_have_text("Not here", timeout=LONG)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    context.close()
