"""The real app in a process of its own, and Debian's Chromium with a fake webcam that shows a real face."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@dataclass
class Server:
    """The app as `make run` starts it, with its log."""

    process: subprocess.Popen[str]
    temp: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> str:
        return "".join(self.lines)

    def wait_for_url(self) -> None:
        ready = threading.Event()

        def read() -> None:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                self.lines.append(line)
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
                if found and not self.url:
                    self.url = found.group(0)
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        ready.wait(90)
        assert self.url, f"the app did not start:\n{self.log}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def start_server(temp: Path, **settings: str) -> Server:
    """Start app.py on a free port, with more environment variables, and wait until it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "STUDIO_TEMP_DIR": str(temp), "PYTHONUNBUFFERED": "1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Server(process, temp)
    running.wait_for_url()
    return running


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("studio"))
    yield running
    running.stop()


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


def open_context(browser: Browser, width: int = 1440, height: int = 1000, scheme: str = "light") -> BrowserContext:
    return browser.new_context(
        viewport={"width": width, "height": height},
        locale="en-US",
        color_scheme="dark" if scheme == "dark" else "light",
        permissions=["camera"],
        accept_downloads=True,
    )


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = open_context(browser)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture
def phone(browser: Browser, server: Server) -> Iterator[Page]:
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
