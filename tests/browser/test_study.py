"""A participant in a study: on a phone from the link to the code, with a reload on the way; withdrawing a day later."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from study.identity import Identity
from tests.support.axe import PHONE, looking_at
from tests.support.browsing import LONG, open_context
from tests.support.site import Site
from tests.support.studies import WITH_COMPREHENSION
from tests.support.studio import jpeg
from tests.support.study_site import StudySite

CODE = "prolific-5f3c9a"


@pytest.fixture(scope="module")
def open_study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudySite]:
    german = WITH_COMPREHENSION.replace('title = "Small"', 'title = "Klein"\nlanguages = ["de"]')
    running = StudySite(tmp_path_factory.mktemp("study-site"), asked=german)
    yield running
    running.end(signal.SIGTERM)


@pytest.fixture
def look_at(phone: Page) -> Iterator[Callable[[str], None]]:
    with looking_at(phone, PHONE) as look:
        yield look


def agree(page: Page, site: Site, code: str) -> None:
    page.goto(f"{site.url}/study/small?PROLIFIC_PID={code}&SESSION_ID=s1")
    page.locator("#go").click()
    for box in page.get_by_role("checkbox").all():
        expect(box).not_to_be_checked()
        box.check()
    page.locator("#agree").click()
    expect(page.locator(".count")).to_be_visible(timeout=LONG)


def answer(page: Page, *keys: str) -> None:
    """Press keys once the pictures are there, then Enter, and wait for the next screen."""
    count = page.locator(".count").inner_text()
    expect(page.locator("input:enabled, textarea:enabled").first).to_be_attached(timeout=LONG)
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator("#next")).to_be_enabled()
    page.keyboard.press("Enter")
    expect(page.locator(".count")).not_to_have_text(count, timeout=LONG)


def who(site: StudySite, code: str, study: str = "small") -> str:
    return Identity.of_folder(site.kept).participant(study, code)


@contextmanager
def larger(page: Page, *, by: str, on: str) -> Iterator[Callable[[], None]]:
    """Enlarge by a click, or by a key; Escape closes, and the focus is where it was."""
    expect(page.locator("#enlarge")).to_be_enabled(timeout=LONG)
    page.locator(on).click() if by == "click" else page.locator(on).press(by)
    expect(page.locator("dialog.large")).to_be_visible()
    yield lambda: page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#enlarge")).to_be_focused()


def sit(page: Page, photo: Path) -> None:
    page.locator("#photo-file").set_input_files(photo)
    page.locator("#photo-use").click(timeout=LONG)
    expect(page.locator(".point").first).to_be_visible(timeout=LONG)


@pytest.mark.timeout(600)  # on two busy cores
def test_on_a_phone_from_the_link_to_the_code_with_a_reload(
    phone: Page, open_study: StudySite, photo_file: Path, look_at: Callable[[str], None]
) -> None:
    pictures: list[str] = []
    phone.on("request", lambda request: pictures.append(request.url) if "/picture/" in request.url else None)
    phone.goto(f"{open_study.url}/study/small")
    expect(phone.get_by_label("Enter the code")).to_be_visible()
    look_at("without a code")
    phone.goto(f"{open_study.url}/study/small?PROLIFIC_PID={CODE}&SESSION_ID=s1")
    expect(phone.locator("#go")).to_be_visible(timeout=LONG)
    assert CODE not in phone.url + phone.content()
    look_at("information")
    phone.locator("#go").click()
    expect(phone.locator("#agree")).to_be_disabled()
    look_at("consent")
    phone.get_by_label("I take part.").check()
    phone.locator("#agree").click()
    expect(phone.get_by_text("Are you 18 or older?")).to_be_visible(timeout=LONG)
    look_at("screening")
    phone.get_by_label("Yes").check()
    phone.locator("#next").click()
    expect(phone.locator("#photo-camera")).to_be_visible(timeout=LONG)
    look_at("photo")
    phone.locator("#photo-camera").click()
    expect(phone.locator("#photo-camera")).to_have_text("Take the photo", timeout=LONG)
    expect(phone.locator("video")).to_have_js_property("readyState", 4, timeout=LONG)
    phone.locator("#photo-camera").click()
    expect(phone.locator("#photo-use")).to_be_enabled(timeout=LONG)
    look_at("the photo")
    phone.locator("#photo-use").click()
    expect(phone.locator(".point").first).to_be_visible(timeout=LONG)
    look_at("a rating")
    with larger(phone, by="click", on="img.portrait") as close:
        expect(phone.locator(".zoom-view")).to_have_count(1)
        look_at("a portrait, enlarged")
        close()
    answer(phone, "6")
    shown = phone.locator(".count").inner_text(), phone.locator("img.portrait").get_attribute("src")
    phone.reload()
    expect(phone.locator(".count")).to_have_text(shown[0], timeout=LONG)
    assert phone.locator("img.portrait").get_attribute("src") == shown[1]
    answer(phone, "3", "ArrowRight")  # one to the right is 4
    phone.locator(".point").nth(1).click()
    expect(phone.locator("#next")).to_be_enabled()
    phone.locator("#next").click()
    expect(phone.locator(".side")).to_have_count(2, timeout=LONG)
    look_at("a pair")
    with larger(phone, by="z", on="#enlarge") as close:
        expect(phone.locator(".zoom-view")).to_have_count(2)
        phone.keyboard.press("+")
        phone.keyboard.press("ArrowLeft")  # moves what is seen, and chooses nothing
        views = phone.locator(".zoom-view img")
        expect(views.first).to_have_attribute("style", re.compile(r"scale\(1\.4\)"))
        assert views.first.get_attribute("style") == views.last.get_attribute("style"), "both at the same zoom"
        close()
    expect(phone.locator(".side input:checked")).to_have_count(0)
    for key in ("ArrowLeft", "ArrowRight", "1", "2"):
        answer(phone, key)
    expect(phone.locator(".side input").first).to_be_enabled(timeout=LONG)
    phone.locator(".side").first.click()
    phone.locator("#next").click()
    expect(phone.locator("textarea")).to_be_enabled(timeout=LONG)
    look_at("a text")
    phone.locator("textarea").fill("The eyes.")
    phone.locator("#next").click()
    expect(phone.locator("#completion-code")).to_have_text(re.compile(r"[2-9A-Z]{8}"), timeout=LONG)
    look_at("the end")
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.locator(".code button").first.click()
    expect(phone.locator(".code button").first).to_have_text("Copied")
    assert phone.evaluate("navigator.clipboard.readText()") == phone.locator("#completion-code").inner_text()
    back = phone.locator("#return").get_attribute("href") or ""
    assert back.startswith("https://recruiter.example/complete?cc=")
    rows = open_study.rows("SELECT value, by, changes, rt_ms FROM answers WHERE task = 'ratings' ORDER BY trial")
    assert [(value, by) for value, by, _, _ in rows] == [("6", "key"), ("4", "key"), ("2", "pointer")]
    assert [changes for _, _, changes, _ in rows] == [0, 1, 0]
    assert all(0 < float(str(ms)) < 120_000 for *_, ms in rows)
    me = who(open_study, CODE)
    happened = open_study.rows(
        f"SELECT name, trial FROM events WHERE participant = '{me}' AND name NOT IN ('hidden', 'shown') ORDER BY id"
    )
    assert happened == [
        ("enlarged", "ratings-001"),
        ("reduced", "ratings-001"),
        ("returned", None),
        ("enlarged", "pairs-001"),
        ("reduced", "pairs-001"),
    ]
    blind = re.compile(r"/study/small/picture/[0-9a-f]{24}\.webp(\?whole)?$")
    assert pictures
    assert [address for address in pictures if not blind.search(address)] == []


@pytest.mark.timeout(600)
def test_withdrawing_a_day_later_with_the_code(
    phone: Page, browser: Browser, open_study: StudySite, photo_file: Path, look_at: Callable[[str], None]
) -> None:
    agree(phone, open_study, "leaves-later")
    answered = phone.locator(".count").inner_text()
    phone.get_by_label("Yes").check()
    phone.locator("#next").click()
    assert answered
    sit(phone, photo_file)
    identity = Identity.of_folder(open_study.kept)
    me = identity.participant("small", "leaves-later")
    assert list((open_study.kept / "pictures" / me).glob("*.png"))
    # As if a day had passed: all that is stored of them is a day older.
    with sqlite3.connect(open_study.kept / "studies.sqlite3") as database:
        for column in ("arrived_at", "consented_at", "seen_at"):
            database.execute(f"UPDATE participants SET {column} = datetime({column}, '-25 hours') WHERE id = ?", [me])
    elsewhere = open_context(browser, PHONE["width"], PHONE["height"])
    page = elsewhere.new_page()
    page.goto(f"{open_study.url}/study/small/withdraw")
    page.get_by_label("Withdrawal code").fill("AAAA-BBBB-CCCC")
    page.locator("#withdraw-send").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing is stored under this code")
    page.get_by_label("Withdrawal code").fill(identity.withdrawal_code(me).lower())
    page.locator("#withdraw-send").click()
    expect(page.get_by_role("heading")).to_have_text("Everything is deleted", timeout=LONG)
    elsewhere.close()
    assert open_study.rows(f"SELECT * FROM answers WHERE participant = '{me}'") == []
    assert not (open_study.kept / "pictures" / me).exists()
    phone.locator(".point").first.click()
    phone.locator("#next").click()
    expect(phone.get_by_role("heading")).to_have_text("This study is not open to you now", timeout=LONG)
    look_at("closed")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_button_to_withdraw_and_the_older_tab(phone: Page, open_study: StudySite) -> None:
    agree(phone, open_study, "two-tabs")
    newer = phone.context.new_page()
    newer.goto(f"{open_study.url}/study/small")
    expect(newer.locator(".count")).to_be_visible(timeout=LONG)
    phone.get_by_label("Yes").check()
    phone.locator("#next").click()
    expect(phone.get_by_role("heading")).to_have_text("It goes on elsewhere", timeout=LONG)
    newer.locator("#withdraw").click()
    newer.get_by_role("button", name="Go on").click()
    expect(newer.locator(".count")).to_be_visible()
    newer.close()
    phone.get_by_role("button", name="Go on here").click()
    expect(phone.locator(".count")).to_be_visible(timeout=LONG)
    phone.locator("#withdraw").click()
    phone.locator("#withdraw-yes").click()
    expect(phone.get_by_role("heading")).to_have_text("Everything is deleted", timeout=LONG)
    me = Identity.of_folder(open_study.kept).participant("small", "two-tabs")
    assert open_study.rows(f"SELECT * FROM participants WHERE id = '{me}'") == []


@pytest.mark.timeout(600)
def test_an_answer_waits_for_the_connection_and_is_not_lost(phone: Page, open_study: StudySite) -> None:
    agree(phone, open_study, "tunnel")
    phone.context.set_offline(True)
    phone.get_by_label("Yes").check()
    phone.locator("#next").click()
    expect(phone.get_by_text("No connection.")).to_be_visible(timeout=LONG)
    phone.context.set_offline(False)
    expect(phone.locator("#photo-camera")).to_be_visible(timeout=LONG)
    me = Identity.of_folder(open_study.kept).participant("small", "tunnel")
    assert open_study.rows(f"SELECT value FROM answers WHERE participant = '{me}'") == [("yes",)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_who_sits_is_said_by_hand(
    phone: Page, open_study: StudySite, face_photo: Image.Image, look_at: Callable[[str], None]
) -> None:
    agree(phone, open_study, "sits")
    phone.get_by_label("Yes").check()
    phone.locator("#next").click()
    use, hints = phone.locator("#photo-use"), phone.locator("#photo-hints")

    def give(photo: Image.Image) -> None:
        file = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": jpeg(photo)}
        phone.locator("#photo-file").set_input_files(file)  # type: ignore[arg-type]
        expect(phone.locator("#photo-use")).to_be_disabled(timeout=LONG)

    give(Image.new("RGB", (640, 640), (120, 140, 160)))
    expect(hints).to_contain_text("No face was found.", timeout=LONG)
    look_at("nobody was found")
    phone.locator("#photo-mark").press("Enter")
    expect(phone.locator("#mark-across")).to_be_focused()
    for _ in range(4):
        phone.keyboard.press("ArrowLeft")
    look_at("marking")
    phone.locator("#mark-done").press("Enter")
    expect(use).to_be_enabled(timeout=LONG)
    marked = phone.locator("#face-1").evaluate("node => [node.style.left, node.style.width]")
    assert marked == ["35.5%", "25%"], "four steps to the left of the middle"
    phone.locator("#photo-mark").click()
    phone.locator(".print img").click(position={"x": 60, "y": 60})
    phone.locator("#mark-done").click()
    expect(phone.locator("#face-1")).not_to_have_attribute("style", re.compile("35.5%"), timeout=LONG)
    two = Image.new("RGB", (2 * face_photo.width, face_photo.height))
    two.paste(face_photo, (0, 0))
    two.paste(face_photo, (face_photo.width, 0))
    give(two)
    expect(hints).to_contain_text("There are 2 faces", timeout=LONG)
    phone.locator("#face-2").click()
    expect(use).to_be_enabled(timeout=LONG)
    expect(phone.locator("#face-2")).to_have_attribute("aria-pressed", "true")
    give(face_photo.transpose(Image.Transpose.ROTATE_90))
    expect(hints).to_contain_text("lie on its side", timeout=LONG)
    phone.locator("#turn-upright").click()
    expect(use).to_be_enabled(timeout=LONG)
    expect(phone.locator(".face")).to_have_count(0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_wrong_answer_brings_the_information_back_in_the_studys_language(
    phone: Page, open_study: StudySite, look_at: Callable[[str], None]
) -> None:
    """The browser asks for English; the study is in German."""
    phone.goto(f"{open_study.url}/study/asked?PROLIFIC_PID=wrong-once")
    expect(phone.locator("html")).to_have_attribute("lang", "de")
    phone.locator("#go").click()
    for box in phone.get_by_role("checkbox").all():
        box.check()
    phone.locator("#agree").click()
    for option in ("Mine", "Cars"):
        expect(phone.get_by_label(option)).to_be_enabled(timeout=LONG)
        phone.get_by_label(option).check()
        phone.locator("#next").click()
    expect(phone.get_by_role("heading")).to_have_text("Bitte lesen Sie dies noch einmal", timeout=LONG)
    expect(phone.get_by_text("This is a small study of portraits.")).to_be_visible()
    look_at("read it again")
    phone.reload()
    expect(phone.get_by_role("heading")).to_have_text("Bitte lesen Sie dies noch einmal", timeout=LONG)
    phone.locator("#go").click()
    for option in ("Mine", "Portraits"):
        expect(phone.get_by_label(option)).to_be_enabled(timeout=LONG)
        phone.get_by_label(option).check()
        phone.locator("#next").click()
    expect(phone.get_by_text("Are you 18 or older?")).to_be_visible(timeout=LONG)
    phone.get_by_label("Yes").check()
    phone.locator("#next").click()
    empty = {
        "name": "photo.jpg",
        "mimeType": "image/jpeg",
        "buffer": jpeg(Image.new("RGB", (640, 640), (120, 140, 160))),
    }
    phone.locator("#photo-file").set_input_files(empty)  # type: ignore[arg-type]
    expect(phone.locator("#photo-hints")).to_contain_text("Es wurde kein Gesicht gefunden.", timeout=LONG)
    expect(phone.locator("#photo-mark")).to_have_text("Gesicht markieren")
