"""Nothing of a photo is kept: the real app, a real browser, and a search through everything that both could write to.

The app runs with home, temporary and working folder below one folder, where its log lies, too.
"""

from __future__ import annotations

import ctypes
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Playwright, Response, expect

from tests.support.browsing import CHROMIUM, FLAGS, LONG, agree, create, enter, pick, upload
from tests.support.site import LOOK, PATIENCE, Site, Visitor, wait_until
from tests.support.traces import NAME, WORDS, Traces, make_photo, pictures_in

pytestmark = pytest.mark.slow

AWAY_SECONDS = 40  # instead of 300; it is in the promise
PROMISED_SECONDS = 60.0
ASSETS = re.compile(r"/(assets|static|svelte|studio/static|studio/thumbnails)/|/(favicon\.ico|theme\.css)")
STORAGE = """async () => JSON.stringify([
    {...localStorage}, {...sessionStorage}, document.cookie, await caches.keys(),
    (await indexedDB.databases()).map((one) => one.name), (await navigator.serviceWorker.getRegistrations()).length,
])"""


@pytest.fixture(scope="module")
def photo(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("visitor") / NAME
    path.write_bytes(make_photo(face_photo))
    return path


@pytest.fixture
def traces(photo: Path) -> Traces:
    return Traces(photo.read_bytes())


@pytest.fixture(scope="module")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One of our own: these tests kill it, and nobody else's photo may lie in its folders."""
    running = Site(tmp_path_factory.mktemp("site"), STUDIO_AWAY_SECONDS=str(AWAY_SECONDS))
    yield running
    running.close()


@pytest.fixture
def site(own_site: Site, traces: Traces) -> Site:
    """It runs, whatever the test before did to it, and holds nothing yet."""
    if own_site.process.poll() is not None:
        own_site.start()
    assert traces.in_folder(own_site.root) == []
    return own_site


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@pytest.fixture
def context(playwright: Playwright, profile: Path) -> Iterator[BrowserContext]:
    """A browser as people have it: with a profile on the disk."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=CHROMIUM, args=FLAGS, locale="en-US", viewport={"width": 1200, "height": 900}
    )
    yield context
    context.close()


def sit(page: Page, site: Site, photo: Path, traces: Traces) -> bytes:
    """From consent to download. Returns the portrait, and lets the traces know it."""
    enter(page, site)
    agree(page)
    upload(page, photo)
    pick(page, "style", LOOK[0])
    page.get_by_text("Advanced").click()
    page.locator("#words textarea").fill(WORDS, force=True)
    create(page)
    with page.expect_download() as waiting:
        page.locator("#download-one").click()
    portrait = Path(waiting.value.path()).read_bytes()
    assert NAME.split(".")[0] not in waiting.value.suggested_filename
    assert traces.in_bytes(portrait) == ["a picture that looks like it"], "no place, no name, no words"
    assert len(list(pictures_in(portrait))) == 1, "no thumbnail"
    traces.add("the portrait", portrait)
    assert "the portrait" in str(traces.in_folder(site.root)), "the search can see it"
    return portrait


def ask(site: Site, photo: Path, folder: Path, traces: Traces) -> Client:
    """The same for a program, with a second upload that is never used. Returns it with its connections open."""
    client = Client(site.url, verbose=False, download_files=str(folder))
    client.headers["x-studio-key"] = client.predict(agreed=True, api_name="/consent")["key"]
    files, _ = client.predict(
        photo=handle_file(photo), style=LOOK[0], scene=LOOK[1], model="preview", api_name="/portrait"
    )
    portrait = Path(files[0]).read_bytes()
    assert traces.in_bytes(portrait) == ["a picture that looks like it"]
    traces.add("the program's portrait", portrait)
    assert {line.split(":")[0] for line in traces.in_folder(site.root)} >= {"the program's portrait"}
    assert "the file's bytes" not in str(traces.in_folder(site.root)), "the upload went when it was read"
    unused = Visitor(site.url)
    unused.agree()
    assert Path(unused.upload(NAME, photo.read_bytes())).exists()
    unused.close()
    return client


def test_nothing_is_left_after_delete_my_data_or_a_closed_tab(
    context: BrowserContext, profile: Path, site: Site, photo: Path, traces: Traces
) -> None:
    page, kept, stored = context.new_page(), [], []

    def look(response: Response) -> None:
        if response.url.startswith(site.url) and not ASSETS.search(response.url):
            kept.append((response.url, response.headers.get("cache-control")))

    page.on("response", look)
    sit(page, site, photo, traces)
    page.locator("#delete-data").click()
    expect(page.locator("#notice")).to_contain_text("deleted", timeout=LONG)
    assert traces.in_folder(site.root) == [], "at once"
    stored.append(page.evaluate(STORAGE))

    sit(page, site, photo, traces)
    stored.append(page.evaluate(STORAGE))
    page.close()
    assert traces.in_folder(site.root), "for a while the visit waits for its tab"
    wait_until(lambda: traces.in_folder(site.root) == [], "the closed tab's data are gone", PROMISED_SECONDS)

    for text in stored:
        assert traces.in_bytes(text.encode()) == []
        _, _, cookie, *others = json.loads(text)
        assert cookie == "", "the one cookie there is cannot be read by scripts"
        assert others == [[], [], 0]
        assert "run-history" not in text
    assert kept
    assert [url for url, rule in kept if rule != "no-store"] == []
    context.close()
    assert traces.in_folder(profile) == [], "what the browser wrote to the disk"
    assert not site.attempts.exists(), "nobody else was asked for anything"


def test_nothing_is_left_of_a_program_that_has_gone(site: Site, photo: Path, traces: Traces, tmp_path: Path) -> None:
    client = ask(site, photo, tmp_path / "downloads", traces)
    client.close()
    wait_until(lambda: traces.in_folder(site.root) == [], "the program's data are gone", PROMISED_SECONDS)


def test_nothing_is_left_after_ctrl_c_in_the_middle_of_a_portrait(
    context: BrowserContext, site: Site, photo: Path, traces: Traces
) -> None:
    page = context.new_page()
    sit(page, site, photo, traces)
    page.locator("#variations label").nth(3).click()
    page.locator("#create").click()
    expect(page.locator("#cancel")).to_be_visible(timeout=LONG)
    limits = Path(f"/proc/{site.process.pid}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits), "a crash would write the photo out of memory"
    # The system may hand it to any thread: the main one, which waits, must hear of it all the same.
    another = max(int(path.name) for path in Path(f"/proc/{site.process.pid}/task").iterdir())
    assert another != site.process.pid
    assert ctypes.CDLL(None).tgkill(site.process.pid, another, signal.SIGINT) == 0
    assert site.process.wait(PATIENCE) == 0
    assert traces.in_folder(site.root) == []
    assert "Traceback" not in site.log


def test_nothing_is_left_after_a_crash_and_a_restart_nor_after_sigterm(
    site: Site, photo: Path, traces: Traces, tmp_path: Path
) -> None:
    client = ask(site, photo, tmp_path / "downloads", traces)
    site.end(signal.SIGKILL)
    client.close()
    left = traces.in_folder(site.root)
    assert left, "a killed process cannot clear up"
    assert {line.split(":")[0] for line in left}.isdisjoint({"its name", "the visitor's words"})
    site.start()
    assert traces.in_folder(site.root) == []

    client = ask(site, photo, tmp_path / "downloads", traces)
    site.process.send_signal(signal.SIGTERM)
    assert site.end(signal.SIGINT) == 0, "impatience does not cut the clearing short"
    assert traces.in_folder(site.root) == []
    client.close()
