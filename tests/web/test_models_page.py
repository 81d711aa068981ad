"""The operator's page of models over HTTP: who gets in, what it says, and what its buttons do."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.testclient import TestClient

from pipelines.errors import SettingsError
from pipelines.hub.jobs import Downloads
from pipelines.hub.offers import offers
from pipelines.safety.review import Safety
from pipelines.settings import NO_PAGE, Settings
from tests.fake_hub import FakeHub, Fault
from tests.support.site import wait_until
from tests.support.small_hub import stack
from web.local_machine import is_at_this_machine, owner_of
from web.models_page import OperatorToken, models_routes, trusts_this_machine
from web.models_words import amount, duration
from web.shield import Shield
from web.sign_in import Gate

TOKEN = "a token of the operator"
HERE = {"host": "127.0.0.1:7860"}


class Page:
    """The page over a studio of one small stack, and a browser that has not signed in."""

    def __init__(self, fake: FakeHub, *, trusts_this_machine: bool = False) -> None:
        self.hub = fake
        self.seconds = 0.0
        self.downloads = Downloads(offers({"small": stack()}))
        gate = Gate(OperatorToken(TOKEN), lambda: self.seconds, cookie="studio_operator")
        routes = models_routes(self.downloads, Safety(), gate, trusts_this_machine=trusts_this_machine)
        site = Starlette(routes=routes, middleware=[Middleware(Shield, page="")])
        self.http = TestClient(site, base_url="http://testserver", follow_redirects=False)

    def sign_in(self, token: str = TOKEN) -> int:
        return self.http.post("/models/login", data={"password": token}).status_code

    def text(self) -> str:
        answer = self.http.get("/models")
        assert answer.status_code == 200
        return answer.text

    def press(self, action: str, offer: str = "small", **form: str) -> int:
        token = re.search(r'name="token" value="([^"]+)"', self.text())
        assert token is not None
        return self.http.post(f"/models/{offer}/{action}", data={"token": token[1], **form}).status_code

    def until(self, words: str) -> str:
        wait_until(lambda: words in self.http.get("/models/cards").text, words)
        return self.text()


@pytest.fixture
def models(hub: FakeHub) -> Iterator[Page]:
    found = Page(hub)
    yield found
    found.downloads.cancel("small")


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_nothing_is_shown_or_changed_without_the_token(models: Page) -> None:
    for path in ("/models", "/models/cards"):
        answer = models.http.get(path)
        assert answer.status_code == 403
        assert "Token" in answer.text
        assert "Stack small" not in answer.text
    for action in ("start", "pause", "cancel", "delete"):
        assert models.http.post(f"/models/small/{action}", data={"sure": "yes", "token": ""}).status_code == 403
    assert models.downloads.progress("small") is None


def test_the_token_opens_it_and_wrong_ones_are_counted(models: Page) -> None:
    assert [models.sign_in("a token of somebody else") for _ in range(5)] == [403] * 5
    assert models.sign_in() == 429
    models.seconds += 901
    answer = models.http.post("/models/login", data={"password": TOKEN})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("studio_operator=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Stack small" in models.text()
    assert TOKEN not in models.text()


def test_signing_out_closes_it(models: Page) -> None:
    models.sign_in()
    token = re.search(r'name="token" value="([^"]+)"', models.text())
    assert token is not None
    assert models.http.post("/models/logout", data={"token": "no"}).status_code == 403
    assert models.http.post("/models/logout", data={"token": token[1]}).status_code == 303
    assert models.http.get("/models").status_code == 403


def test_a_form_needs_the_token_of_its_session_and_its_own_site(models: Page) -> None:
    models.sign_in()
    assert models.http.post("/models/small/start", data={"token": "x" * 32}).status_code == 403
    assert models.http.post("/models/small/start").status_code == 403
    assert models.http.post("/models/small/start", files={"token": b"x"}).status_code == 403
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil"}):
        token = re.search(r'name="token" value="([^"]+)"', models.text())
        assert token is not None
        sent = {"data": {"token": token[1]}, "headers": headers}
        assert models.http.post("/models/small/start", **sent).status_code == 403  # type: ignore[arg-type]
        assert models.http.get("/models/cards", headers=headers).status_code == 403
    assert models.downloads.progress("small") is None


def test_it_runs_our_script_alone_and_is_kept_by_nobody(models: Page) -> None:
    models.sign_in()
    answer = models.http.get("/models")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"


# --- this machine ----------------------------------------------------------------------------------------------------


End = tuple[str, int]


def request_over(ends: tuple[End, End], headers: dict[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "client": ends[0], "server": ends[1], "headers": raw, "method": "GET", "path": "/models"}
    return Request(scope)


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[End, End]]:
    """The client's and the server's end of an open connection of this process, as the server's side names them."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        with (
            socket.create_server((request.param, 0), family=family) as listening,
            socket.create_connection(listening.getsockname()[:2]),
            listening.accept()[0] as accepted,
        ):
            client, server = (
                (name[0].removeprefix("::ffff:"), name[1]) for name in (accepted.getpeername(), accepted.getsockname())
            )
            yield client, server
    except OSError as error:
        pytest.skip(f"this machine has no {request.param}: {error}")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells whose a connection is")
def test_who_sits_here_is_known_by_the_connections_owner(
    ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert owner_of(*ends) == os.getuid()
    assert is_at_this_machine(request_over(ends, HERE))
    assert is_at_this_machine(request_over(ends, {"host": "localhost"}))
    for headers in (
        {**HERE, "x-forwarded-for": "203.0.113.7"},
        {**HERE, "forwarded": "for=203.0.113.7"},
        {"host": "studio.example.org"},  # a name that leads here
        {"host": "127.0.0.1.example.org:7860"},
        {},
    ):
        assert not is_at_this_machine(request_over(ends, headers)), headers
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)  # a proxy that runs as another user
    assert not is_at_this_machine(request_over(ends, HERE))


def test_who_is_elsewhere_or_nobody() -> None:
    here = ("127.0.0.1", 7860)
    for client in (("203.0.113.7", 50_000), ("testclient", 50_000), ("127.0.0.1", 1)):
        assert owner_of(client, here) is None
    assert owner_of(("127.0.0.1", 1), here, (Path("/proc/none"),)) is None


def test_the_same_port_towards_another_server_is_somebody_elses(tmp_path: Path) -> None:
    """The kernel gives one port of a client to several connections; a proxy's need not be the first in the table."""

    def end(port: int) -> str:
        return f"{int.from_bytes(bytes((127, 0, 0, 1)), sys.byteorder):08X}:{port:04X}"

    rows = [(50_000, 5432, 1000), (50_000, 7860, 33), (7860, 50_000, 1000)]
    lines = [f"{n}: {end(own)} {end(other)} 01 0:0 00:0 0 {uid}" for n, (own, other, uid) in enumerate(rows)]
    table = tmp_path / "tcp"
    table.write_text("\n".join(["heads", *lines]), "ascii")
    assert owner_of(("127.0.0.1", 50_000), ("127.0.0.1", 7860), (table,)) == 33
    assert owner_of(("127.0.0.1", 50_000), ("127.0.0.1", 5432), (table,)) == 1000
    assert owner_of(("127.0.0.1", 50_000), ("203.0.113.7", 7860), (table,)) is None


def test_this_machine_needs_no_token_and_forms_are_ours_all_the_same(
    hub: FakeHub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = Page(hub, trusts_this_machine=True)
    assert models.http.get("/models").status_code == 403
    monkeypatch.setattr("web.models_page.is_at_this_machine", lambda request: True)
    assert "Stack small" in models.text()
    assert models.http.post("/models/small/start", data={"token": "x"}).status_code == 403
    assert models.press("pause") == 303
    monkeypatch.setattr("web.models_page.is_at_this_machine", lambda request: False)
    assert models.http.get("/models").status_code == 403, "the cookie of this machine works nowhere else"


def test_a_known_proxy_or_a_space_has_no_machine_to_sit_at() -> None:
    assert trusts_this_machine(Settings())
    assert not trusts_this_machine(Settings(trusted_proxies=1))
    assert not trusts_this_machine(Settings(space_id="somebody/studio"))
    assert not trusts_this_machine(Settings.read({"GRADIO_ROOT_PATH": "/studio"}))


def test_a_space_has_the_page_only_with_a_token_of_its_own() -> None:
    assert Settings.read({"SPACE_ID": "somebody/studio"}).operator_token == NO_PAGE
    assert Settings.read({"SPACE_ID": "a/b", "STUDIO_OPERATOR_TOKEN": "x" * 16}).operator_token == "x" * 16
    with pytest.raises(SettingsError, match="STUDIO_OPERATOR_TOKEN must be off, or 16 to 300"):
        Settings.read({"STUDIO_OPERATOR_TOKEN": "x" * 15})


# --- what it says and does -------------------------------------------------------------------------------------------


def test_each_stack_with_its_licences_sizes_and_what_it_needs(models: Page) -> None:
    models.sign_in()
    text = models.text()
    for words in (
        "Stack small",
        "Not here",
        "MIT",
        "1 MB in all",
        "on a processor",
        "tiny/cn-canny",
        "Picture checker",
    ):
        assert words in text, words
    assert "Pause" not in text
    assert "Deleting frees" not in text


def test_download_pause_go_on_and_delete(models: Page) -> None:
    models.sign_in()
    models.hub.pace = 100_000
    assert models.press("start") == 303
    text = models.until("Part by part")
    assert re.search(r"kB of \d+ kB", text)
    assert models.press("pause") == 303
    assert "Go on" in models.until("Paused")
    models.hub.pace = 0
    models.press("start")
    models.until('<span class="status here">Here</span>')
    assert "Deleting frees 1 MB." in models.text()
    assert models.press("delete") == 422
    assert models.press("delete", sure="yes") == 303
    assert "1 MB are free now." in models.text()
    assert models.downloads.offers["small"].state().status == "absent"


def test_two_tabs_see_the_same(models: Page, hub: FakeHub) -> None:
    models.sign_in()
    models.hub.pace = 100_000
    models.press("start")
    models.until("Downloading")
    again = models.http.get("/models/cards").text
    assert "Downloading" in again
    assert "<html" not in again


def test_what_was_done_is_told_though_a_script_looks_first(models: Page) -> None:
    models.sign_in()
    models.press("start")
    models.until('<span class="status here">Here</span>')
    models.press("delete", sure="yes")
    assert "are free now" not in models.http.get("/models/cards").text  # another tab, which follows downloads
    assert "are free now" in models.text()
    assert "are free now" not in models.text(), "once is enough"


def test_what_went_wrong_stands_on_the_card(models: Page) -> None:
    models.sign_in()
    models.hub.faults = [Fault("unet/diffusion", flipped=True, times=2)]
    models.press("start")
    assert "other bytes than the hub lists" in models.until("Stopped")
    assert models.press("start", offer="nothing") == 422
    assert models.press("eat") == 422


def test_what_is_missing_and_taken_instead_stands_on_the_card(models: Page) -> None:
    (models.hub.root / "cn-lineart" / "config.json").unlink()
    models.sign_in()
    models.press("start")
    text = models.until("Here in part, and usable")
    assert "It works without these parts, which are not here: ControlNet for lineart." in text
    assert "Fetch the rest" in text


def test_what_the_environment_says_is_told_and_the_hubs_token_is_not(
    models: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hf_secretsecretsecret"
    monkeypatch.setenv("HF_TOKEN", secret)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://me:password@mirror.example:8443/hub")
    models.sign_in()
    text = models.text()
    assert "a token is sent to the hub" in text
    assert secret not in text
    assert "https://mirror.example:8443/hub" in text
    assert "password@" not in text
    assert "HF_HUB_OFFLINE" in text
    models.press("start")
    assert "switched off here by HF_HUB_OFFLINE" in models.until("Stopped")


def test_amounts_and_times() -> None:
    assert [amount(count) for count in (0, 31_000, 5_600_000, 2_140_000_000)] == ["0 kB", "31 kB", "5.6 MB", "2.14 GB"]
    assert [duration(seconds) for seconds in (0.2, 54, 300, 9000)] == ["1 s", "54 s", "5 minutes", "2.5 hours"]
