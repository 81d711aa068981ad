"""Debian's Chromium with a fake webcam that shows a real face, before the site of all tests that need one."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from pipelines.provenance import marking
from tests.support.axe import DESK, PHONE, looking_at
from tests.support.browsing import CHROMIUM, FLAGS, listen, open_context


# For this folder, not for the session: Playwright's event loop is in the way of tests that run one of their own.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    if CHROMIUM is None:
        pytest.fail("install Debian's package chromium: the browser tests are part of make test")
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def camera_file(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty JPEG frames of a real face, moving a little; a red bar marks the left edge of the picture."""
    path = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    with path.open("wb") as stream:
        for number in range(30):
            frame = Image.new("RGB", (640, 480), (150, 150, 150))
            frame.paste(face_photo.resize((480, 480)), (80 + number % 10, 0))
            frame.paste((220, 20, 20), (0, 0, 24, 480))
            buffer = io.BytesIO()
            frame.save(buffer, "JPEG", quality=88)
            stream.write(buffer.getvalue())
    return path


@pytest.fixture(scope="package")
def browser(playwright: Playwright, camera_file: Path) -> Iterator[Browser]:
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera_file}"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def desk(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that keeps the scripts of the page from test to test: to fetch and compile them costs seconds."""
    context = open_context(browser)
    yield context
    context.close()


@pytest.fixture
def page(desk: BrowserContext) -> Iterator[Page]:
    """A tab of somebody who is new here, without cookies. Whatever is done there breaks no rule of the policy."""
    page = desk.new_page()
    refusals = listen(page)
    yield page
    broken = refusals()
    page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
    for one in desk.pages:
        one.close()
    desk.clear_cookies()
    assert broken == []


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A phone with a browser of its own, on which no rule of the policy is broken."""
    context = open_context(browser, PHONE["width"], PHONE["height"])
    page = context.new_page()
    refusals = listen(page)
    yield page
    broken = refusals()
    context.close()
    assert broken == []


@pytest.fixture(scope="package")
def portrait(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portrait of the running studio: this process signs with the same certificate."""
    assert os.environ["STUDIO_CREDENTIALS_DIR"]
    path = tmp_path_factory.mktemp("check") / "p.png"
    facts = {"Style": "oil-master", "Scene": "orbit", "Seed": "7", "Model": "preview", "Engine": "Preview"}
    marking.save(face_photo, path, is_diffusion=False, facts=facts)
    return path


@pytest.fixture(scope="package")
def photo_file(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phone's photo: sideways, with a GPS position."""
    path = tmp_path_factory.mktemp("photo") / "holiday-in-rome.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    face_photo.transpose(Image.Transpose.ROTATE_90).save(path, quality=92, exif=exif)
    return path


@pytest.fixture
def look_at(page: Page) -> Iterator[Callable[[str], None]]:
    with looking_at(page, DESK) as look:
        yield look
