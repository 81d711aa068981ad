"""Kiosk mode over HTTP: one-time links for phones, and a visit that is over at once."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from PIL import Image

import app
from pipelines.errors import ConsentMissing, SettingsError
from pipelines.photo.opening import open_photo
from pipelines.settings import Settings
from study.notice import load_notice
from tests.support.studio import Served, make_portraits
from ui.page import build_page
from visits import inventory
from visits.folder import PrivateFolder
from visits.limits import Limits
from visits.links import LINK_SECONDS
from visits.studio import Studio
from visits.visit import KeptPortrait, Visit

BASE = {"base": "http://kiosk.example.org/"}


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory, make_studio: Callable[[PrivateFolder], Studio]) -> Iterator[Served]:
    """A studio that stands in an exhibition."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_KIOSK", "60")
        folder = PrivateFolder(tmp_path_factory.mktemp("private"))
        studio = make_studio(folder)
    studio.pipeline.warming = ""
    serving = app.launch(studio, host="127.0.0.1", port=None, block=False)
    yield Served(studio, serving.url.rstrip("/"), folder, serving)
    serving.close()
    studio.pipeline.close()
    folder.remove()


@pytest.fixture
def screen(kiosk: Served) -> Iterator[httpx.Client]:
    """The kiosk's own browser."""
    with httpx.Client(base_url=kiosk.url, timeout=60) as client:
        client.get("/")
        yield client


@pytest.fixture
def phone(kiosk: Served) -> Iterator[httpx.Client]:
    """Somebody else's, without a cookie."""
    with httpx.Client(base_url=kiosk.url, timeout=60) as client:
        yield client


@pytest.fixture(autouse=True)
def _no_limit_is_left_from_another_test(kiosk: Served) -> None:
    object.__setattr__(kiosk.studio, "limits", Limits(Settings.read({"STUDIO_KIOSK": "60"})))


@pytest.fixture
def hung(
    kiosk: Served, screen: httpx.Client, photo_bytes: bytes, request: pytest.FixtureRequest
) -> tuple[Visit, KeptPortrait]:
    """A visit with a portrait on the wall, and the portrait."""
    name = f"kiosk-{request.node.name}"
    visit = kiosk.visit(name)
    photo = {"x-studio-key": visit.key}
    assert screen.post("/studio/photo", content=photo_bytes, headers=photo).status_code == 200  # it is this browser's
    make_portraits(kiosk, name, open_photo(photo_bytes), (1,))
    return visit, visit.kept[0]


def link(screen: httpx.Client, visit: Visit, kept: KeptPortrait) -> str:
    """The path of a new link."""
    answer = screen.post(f"/studio/link/{visit.key}/{kept.portrait.id}", json=BASE)
    assert answer.status_code == 200, answer.text
    address = answer.json()["address"]
    assert address.startswith("http://kiosk.example.org/studio/phone/")
    return address.removeprefix("http://kiosk.example.org")


def state(screen: httpx.Client, visit: Visit, kept: KeptPortrait) -> str:
    return screen.get(f"/studio/link/{visit.key}/{kept.portrait.id}").json()["state"]


def test_without_kiosk_mode_there_are_no_such_addresses(served: Served, http: httpx.Client) -> None:
    visit = served.visit("no-kiosk")
    assert not served.studio.is_kiosk
    for method, path in (
        ("GET", "phone/x"),
        ("POST", "phone/x"),
        ("POST", f"link/{visit.key}/x"),
        ("POST", f"over/{visit.key}"),
    ):
        assert http.request(method, f"/studio/{path}").status_code in (404, 405)
    assert served.studio.visits.is_open("no-kiosk")


def test_a_phone_without_a_cookie_sees_the_portrait_and_fetches_it_once(kiosk, screen, phone, hung) -> None:
    visit, kept = hung
    path = link(screen, visit, kept)
    word = path.rsplit("/", 1)[1]
    assert re.fullmatch(r"[\w-]{32}", word), "192 bits"
    assert word not in repr(visit), "the memory of the visit holds no link"
    for _ in range(3):  # what messengers do by themselves
        assert phone.head(path).status_code == 200
        page = phone.get(path)
        assert page.status_code == 200
    assert not page.cookies
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in page.headers["x-robots-tag"]
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "og:image" not in page.text
    assert "<script" not in page.text
    assert "not by an AI model" in page.text, "how it is marked"
    (shown,) = re.findall(r'src="data:image/webp;base64,([^"]+)"', page.text)
    with Image.open(io.BytesIO(base64.b64decode(shown))) as picture:
        assert max(picture.size) <= 640
    assert state(screen, visit, kept) == "open"
    assert not kept.downloaded

    file = phone.post(path)
    assert file.status_code == 200
    assert file.headers["content-disposition"].startswith('attachment; filename="self-portrait-')
    assert file.headers["cache-control"] == "no-store"
    assert file.headers["referrer-policy"] == "no-referrer"
    assert file.content == kept.portrait.path.read_bytes()
    assert kept.downloaded
    assert state(screen, visit, kept) == "used"
    for again in (phone.post(path), phone.get(path), screen.get(path)):
        assert again.status_code == 404
        assert "does not work any more" in again.text
        assert "data:image" not in again.text


def test_of_many_at_once_one_gets_the_file(screen, phone, hung) -> None:
    path = link(screen, *hung)
    with ThreadPoolExecutor(6) as pool:
        codes = [answer.status_code for answer in pool.map(lambda _: phone.post(path), range(6))]
    assert sorted(codes) == [200, 404, 404, 404, 404, 404]


def test_a_link_ends_after_ten_minutes_with_a_newer_one_and_with_its_portrait(kiosk, screen, phone, hung) -> None:
    visit, kept = hung
    assert LINK_SECONDS == 600
    path = link(screen, visit, kept)
    visit.links[kept.portrait.id].made_at -= LINK_SECONDS
    assert phone.get(path).status_code == phone.post(path).status_code == 404
    assert state(screen, visit, kept) == "over"
    first, second = link(screen, visit, kept), link(screen, visit, kept)
    assert phone.get(first).status_code == 404
    assert phone.get(second).status_code == 200
    kept.portrait.path.unlink()
    assert phone.get(second).status_code == phone.post(second).status_code == 404


def test_when_nobody_touches_it_everything_goes_at_once_and_the_link_with_it(
    kiosk, screen, phone, hung, photo_bytes
) -> None:
    visit, kept = hung
    path = link(screen, visit, kept)
    listed = [one.what for one in inventory.kept_of(kiosk.studio, visit.session)]
    assert any("one-time link" in what for what in listed)
    with httpx.Client(base_url=kiosk.url) as stranger:
        stranger.get("/")
        assert stranger.post(f"/studio/over/{visit.key}").status_code == 403
    assert phone.get(path).status_code == 200
    assert screen.post(f"/studio/over/{visit.key}").status_code == 200
    assert phone.get(path).status_code == phone.post(path).status_code == 404
    assert not kept.portrait.path.exists()
    assert visit.photo is None
    assert not visit.kept
    assert not visit.links
    assert inventory.kept_of(kiosk.studio, visit.session) == []
    with pytest.raises(ConsentMissing):
        kiosk.studio.visits.require(visit.session)
    assert screen.post(f"/studio/over/{visit.key}").status_code == 403, "a second time there is nothing"


def test_only_the_visits_own_browser_makes_links_and_only_to_its_portraits(kiosk, screen, hung) -> None:
    visit, kept = hung
    with httpx.Client(base_url=kiosk.url) as stranger:
        stranger.get("/")
        assert stranger.post(f"/studio/link/{visit.key}/{kept.portrait.id}", json=BASE).status_code == 403
        assert stranger.get(f"/studio/link/{visit.key}/{kept.portrait.id}").status_code == 403
    assert screen.post(f"/studio/link/guess/{kept.portrait.id}", json=BASE).status_code == 403
    assert screen.post(f"/studio/link/{visit.key}/abc", json=BASE).status_code == 422
    for base in (None, "", "javascript:alert(1)", "https://", 7, "http://x.example/" + "a" * 400):
        assert screen.post(f"/studio/link/{visit.key}/{kept.portrait.id}", json={"base": base}).status_code == 422
    for body in (b"", b"[]", b"{", b"\xff"):
        assert screen.post(f"/studio/link/{visit.key}/{kept.portrait.id}", content=body).status_code == 422
    assert visit.links == {}


def test_the_address_is_the_operators_where_one_is_set_and_a_local_one_is_told(
    kiosk, screen, hung, monkeypatch
) -> None:
    visit, kept = hung
    path = f"/studio/link/{visit.key}/{kept.portrait.id}"
    said = screen.post(path, json={"base": "http://127.0.0.1:7860/below/?x#y"}).json()
    assert said["address"].startswith("http://127.0.0.1:7860/below/studio/phone/")
    assert said["local"] is True
    assert said["code"].startswith("data:image/svg+xml")
    settings = Settings.read({"STUDIO_KIOSK": "60", "STUDIO_KIOSK_ADDRESS": "https://studio.example.org/"})
    object.__setattr__(kiosk.studio, "limits", Limits(settings))
    said = screen.post(path, json={"base": "http://127.0.0.1:7860/"}).json()
    assert said["address"].startswith("https://studio.example.org/studio/phone/")
    assert said["local"] is False


def test_guessing_is_slowed_down(phone, screen, hung) -> None:
    path = link(screen, *hung)
    codes = [phone.get(f"/studio/phone/{number:032d}").status_code for number in range(121)]
    assert set(codes[:120]) == {404}
    assert codes[120] == 429
    late = phone.get(path)
    assert late.status_code == 429
    assert "Try again in" in late.text


def test_a_link_is_never_logged(phone, screen, hung, caplog: pytest.LogCaptureFixture) -> None:
    path = link(screen, *hung)
    word = path.rsplit("/", 1)[1]
    with caplog.at_level(logging.DEBUG):
        phone.get(path)
        hung[1].portrait.path.write_bytes(b"no picture")  # the page cannot be made
        phone.get(path)
        phone.post(path)
        phone.post(path)
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]  # the test's own
    assert not [record for record in ours if word in record.getMessage() or word in str(record.args)]


def test_settings_and_the_consent_text() -> None:
    assert Settings.read({}).kiosk == 0
    assert Settings.read({"STUDIO_KIOSK": "120"}).kiosk == 120
    for name, value in (("KIOSK", "5"), ("KIOSK", "soon"), ("KIOSK", "9999"), ("KIOSK_ADDRESS", "studio.example.org")):
        with pytest.raises(SettingsError) as caught:
            Settings.read({f"STUDIO_{name}": value})
        assert f"STUDIO_{name} " in caught.value.hint
    text = load_notice(kiosk_seconds=120, away_seconds=120).text
    assert "If nobody touches the screen for 2 minutes" in text
    assert "secret link" in text
    assert "{" not in text
    assert "kiosk" not in load_notice().text


def test_the_privacy_tab_names_the_links(kiosk: Served, served: Served) -> None:
    text, usual = (json.dumps(build_page(one.studio).config) for one in (kiosk, served))
    assert "One-time links to portraits, for phones" in text
    assert "whoever opens a portrait's one-time link sees that portrait" in text
    assert "One-time links" not in usual
    assert "whoever opens" not in usual


def test_no_board_is_made_at_a_kiosk_whose_disk_its_files_would_stay_on(kiosk: Served, served: Served) -> None:
    there, usual = (json.dumps(build_page(one.studio).config) for one in (kiosk, served))
    assert "board-tab" in usual
    assert "board-tab" not in there


def test_a_closed_page_is_waited_for_no_longer_than_an_untouched_one(kiosk) -> None:
    assert kiosk.studio.visits.away_seconds == 60
    assert "60 seconds" not in kiosk.studio.consents.notice.text
    assert "1 minute after you close the page" in kiosk.studio.consents.notice.text
