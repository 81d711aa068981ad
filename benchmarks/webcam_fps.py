"""Styled webcam pictures a second, as a visitor sees them: the real app, the real page, Chromium with a fake camera.

    python -m benchmarks.webcam_fps [--seconds 6] [--styles oil-master,comic] [--scene none] [--photo FILE]

Browser and app share this machine's cores, so a visitor with a machine of their own sees more. Prints, for each style,
the pictures a second and the width of the frames that the page settled on; the exit status is 1 where one is under 5.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from playwright.sync_api import Page, sync_playwright
from skimage import data

from benchmarks.crowd import running_app

ROOT = Path(__file__).resolve().parents[1]
FRAMES_PER_SECOND = 5.0
_COUNT = """() => { window.seen = []; window.addEventListener("studio:live", async (event) => {
  if (!event.detail) return;
  const picture = await createImageBitmap(event.detail.picture);
  window.seen.push(picture.width); }); }"""


def write_camera(path: Path, portrait: Image.Image) -> None:
    """A camera film for Chromium: thirty JPEG frames, 640 x 480, in which the sitter sways."""
    face = ImageOps.fit(portrait.convert("RGB"), (560, 480), centering=(0.5, 0.3))
    with path.open("wb") as film:
        for number in range(30):
            frame = Image.new("RGB", (640, 480), (142, 148, 150))
            frame.paste(face, (40 + round(12 * np.sin(number / 30 * 2 * np.pi)), 0))
            buffer = io.BytesIO()
            frame.save(buffer, "JPEG", quality=88)
            film.write(buffer.getvalue())


def measure(page: Page, style: str, scene: str, seconds: float) -> tuple[float, int]:
    """Pictures a second and frame width, after the page has settled on a size."""
    for picker, preset in (("style", style), ("scene", scene)):
        page.locator(f'#{picker}-picker [data-id="{preset}"]').click()
    page.wait_for_timeout(3000)
    page.evaluate("window.seen.length = 0")
    page.wait_for_timeout(seconds * 1000)
    widths: list[int] = page.evaluate("window.seen")
    return len(widths) / seconds, int(np.median(widths)) if widths else 0


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webcam_fps", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--styles", default="oil-master,watercolour,comic,cyberpunk,film-noir")
    parser.add_argument("--scene", default="none")
    parser.add_argument("--photo", type=Path, help="who sits before the camera; left out, scikit-image's astronaut")
    options = parser.parse_args(arguments)
    portrait = Image.open(options.photo) if options.photo else Image.fromarray(data.astronaut())
    slowest = float("inf")
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder)) as (url, _), sync_playwright() as driver:
        film = Path(folder) / "camera.mjpeg"
        write_camera(film, portrait)
        flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        flags.append(f"--use-file-for-fake-video-capture={film}")
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US").new_page()
        page.goto(url, wait_until="domcontentloaded")
        page.locator("#banner p").first.wait_for(state="detached", timeout=60_000)
        page.locator("#consent input").check()
        page.locator("#camera-open").click()
        page.evaluate(_COUNT)
        print(f"{'style':<16} {'pictures/s':>10} {'width px':>9}")
        for style in options.styles.split(","):
            rate, width = measure(page, style, options.scene, options.seconds)
            slowest = min(slowest, rate)
            print(f"{style:<16} {rate:>10.1f} {width:>9}", flush=True)
        browser.close()
    return 0 if slowest >= FRAMES_PER_SECOND else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
