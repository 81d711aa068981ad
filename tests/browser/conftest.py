"""Debian's Chromium with a fake webcam that shows a real face, before the site of all tests that need one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.support.browsing import CHROMIUM, FLAGS, open_context


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


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = open_context(browser)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = open_context(browser, 390, 844)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture(scope="package")
def photo_file(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phone's photo: sideways, with a GPS position."""
    path = tmp_path_factory.mktemp("photo") / "holiday-in-rome.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    face_photo.transpose(Image.Transpose.ROTATE_90).save(path, quality=92, exif=exif)
    return path
