"""A second visitor who knows more than anybody should gets nothing of the first."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.site import LOOK, Site, Visitor
from tests.support.sweeps import sweep
from tests.support.traces import MARKER, NAME, WORDS, Traces

Arrive = Callable[[], Visitor]


@dataclass
class Scene:
    """The first visitor at work, and a second one who has read all her secrets but the cookie of her browser."""

    victim: Visitor
    thief: Visitor
    files: list[Path]
    traces: Traces

    def nothing_in(self, answer: httpx.Response | bytes | str) -> None:
        """Fail where an answer gives anything of the first visitor away."""
        data = answer if isinstance(answer, bytes) else (answer if isinstance(answer, str) else answer.text).encode()
        if isinstance(answer, httpx.Response):
            data += answer.content + str(answer.headers).encode()
        assert self.traces.in_bytes(data) == []
        assert self.victim.key.encode() not in data


@pytest.fixture(scope="module")
def victim(site: Site, photo: bytes) -> Iterator[Visitor]:
    """She has sent a photo and made a portrait."""
    visitor = Visitor(site.url)
    visitor.agree()
    assert visitor.send_photo(photo).is_success
    visitor.portrait = visitor.http.get(visitor.create(WORDS)).content
    yield visitor
    visitor.close()


@pytest.fixture
def scene(site: Site, victim: Visitor, visitor: Arrive, traces: Traces) -> Iterator[Scene]:
    assert traces.in_bytes(victim.portrait) == ["a picture that looks like it"], "the test could see it"
    traces.add("the portrait", victim.portrait)
    files = [p for p in (site.root / "tmp").rglob("*") if p.is_file() and p.read_bytes() == victim.portrait]
    assert files
    yield Scene(victim, visitor(), files, traces)
    shown = victim.call("arrived", *LOOK).encode()
    assert "looks like it" in str(traces.in_bytes(shown)), "and nothing of hers was taken away"
    assert files[0].exists()


@pytest.mark.slow
def test_another_session_id_opens_nothing(scene: Scene) -> None:
    """Every event of the page, asked for in the first visitor's session by another browser."""
    for name in ("agree", "arrived", "anyway", "restyle", "redraw", "create", "reuse", "remove", "forget", "leave"):
        values = [True, *LOOK] if name == "agree" else LOOK if name in ("arrived", "restyle", "create") else ()
        own = scene.thief.cookie
        for cookie in (own, "", "guess", "g" * len(own), '"', "a; studio_visitor_b=b", scene.victim.session):
            scene.thief.http.cookies.clear()
            header = {"Cookie": f"studio_visitor_a={cookie}"} if cookie else {}
            scene.thief.http.headers.update(header)
            answer = scene.thief.join(name, *values, session=scene.victim.session)
            assert answer.status_code == 403, (name, cookie)
            scene.nothing_in(answer)
        scene.thief.http.headers.pop("Cookie")
        scene.thief.http.get("/")
    assert scene.victim.http.get(f"/studio/portraits/{scene.victim.key}.zip").is_success, "and nothing was deleted"


def test_another_session_cannot_be_listened_to_or_ended(scene: Scene) -> None:
    assert scene.victim.join("arrived", *LOOK).is_success
    for address in (
        f"/gradio_api/queue/data?session_hash={scene.victim.session}",
        f"/gradio_api/queue/data?session_hash={scene.thief.session}&session_hash={scene.victim.session}",
        f"/gradio_api/queue/data?session_hash={scene.victim.session}&session_hash={scene.thief.session}",
        f"/gradio_api/heartbeat/{scene.victim.session}",
        f"/gradio_api/deep_link?session_hash={scene.victim.session}",
        f"/gradio_api/stream/{scene.victim.session}/0/17/playlist-file",
    ):
        answer = scene.thief.http.get(address)
        assert answer.status_code in (403, 404), address
        scene.nothing_in(answer)
    assert "looks like it" in str(scene.traces.in_bytes(scene.victim.listen().encode())), "still hers"


def test_another_event_cannot_be_replayed_or_cancelled(scene: Scene) -> None:
    event = scene.victim.join("arrived", *LOOK).json()["event_id"]
    for name in ("portrait", "arrived"):
        scene.nothing_in(scene.thief.http.get(f"/gradio_api/call/{name}/{event}"))
    for body in (
        {"session_hash": scene.victim.session, "fn_index": 1, "event_id": event},
        {"session_hash": scene.thief.session, "fn_index": 1, "event_id": event},
    ):
        assert scene.thief.http.post("/gradio_api/cancel", json=body).status_code == 403
    assert scene.thief.http.post(f"/gradio_api/stream/{event}", json={"data": []}).status_code in (403, 404)
    assert "looks like it" in str(scene.traces.in_bytes(scene.victim.listen().encode()))


@pytest.mark.slow
def test_a_flood_of_made_up_sessions_does_not_bring_the_wall_down(scene: Scene, site: Site) -> None:
    """Whoever could have the owner of her session forgotten would be taken for its owner."""
    flood = httpx.Client(base_url=site.url, timeout=60)
    several = {"session_hash": ["flood-a", "flood-b"]}
    assert flood.get("/gradio_api/queue/data", params=several).status_code == 403, "one name for a request"
    for number in range(60):
        names = "&".join(f"session_hash=flood{number}x{one}" for one in range(1000))
        for address in ("/robots.txt", "/gradio_api/queue/status", "/gradio_api/upload", "/studio/static/studio.css"):
            flood.get(f"{address}?{names}")
    for thief in (flood, scene.thief.http):
        scene.thief.http = thief
        answer = scene.thief.join("arrived", *LOOK, session=scene.victim.session)
        assert answer.status_code == 403
        scene.nothing_in(answer)
    flood.close()


def test_a_stolen_session_hidden_in_the_body_is_found(scene: Scene) -> None:
    number = next(d["id"] for d in scene.victim.config["dependencies"] if d["api_name"] == "arrived")
    mine, hers = json.dumps(scene.thief.session), json.dumps(scene.victim.session)
    for body in (
        f'{{"data":["comic","none",0.5],"fn_index":{number},"session_hash":{mine},"session_hash":{hers}}}',
        f'{{"data":["comic","none",0.5],"fn_index":{number},"session_hash":{hers},"session_hash":{hers}}}',
        f'{{"data":["comic","none",0.5],"fn_index":{number},"session_h\\u0061sh":{hers}}}',
    ):
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", "application/merge+json"):
            answer = scene.thief.http.post("/gradio_api/queue/join", content=body, headers={"Content-Type": kind})
            assert answer.status_code == 403
    for body in ("[]", "null", "{", '{"session_hash": ["a"]}', '{"session_hash": 7}', "\xff"):
        assert scene.thief.http.post("/gradio_api/queue/join", content=body).status_code in (400, 422)


@pytest.mark.parametrize(
    "route", sweep(["/gradio_api/file=", "/gradio_api/file/", "/file=", "/gradio_api//file=", "/studio/static/"], 2)
)
def test_known_paths_open_nothing(scene: Scene, site: Site, route: str) -> None:
    """Even the full path on the disk, plain, traversed and encoded."""
    folder = site.root / "tmp"
    wanted = [*scene.files, site.root / "log.txt", Path("/etc/passwd"), Path(__file__)]
    for path in wanted:
        up = "../" * 12
        for form in (
            str(path),
            quote(str(path), safe=""),
            quote(quote(str(path), safe=""), safe=""),
            f"{folder}/../{folder.name}/{path.relative_to(folder)}" if path.is_relative_to(folder) else f"./{up}{path}",
            f"{up}{path}",
            f"..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..{quote(str(path), safe='')}",
            f"%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e{path}",
            f"file://{path}",
        ):
            answer = scene.thief.http.get(route + form)
            assert not answer.is_success, (route, form)
            scene.nothing_in(answer)


def test_keys_and_names_of_our_own_routes_cannot_be_guessed(scene: Scene) -> None:
    name = scene.files[0].name
    portrait = name.removesuffix(".png").rsplit("-", 1)[1]
    assert len(scene.victim.key) >= 32
    assert len(portrait) >= 24
    for key in (
        scene.thief.agree(),
        scene.victim.session,
        scene.victim.key[:-1],
        scene.victim.key.swapcase(),
        "",
        "%00",
    ):
        for address in (
            f"/studio/portrait/{key}/{portrait}.png",
            f"/studio/portrait/{key}/..%2f{scene.victim.key}%2f{portrait}.png",
            f"/studio/portraits/{key}.zip",
        ):
            answer = scene.thief.http.get(address)
            scene.nothing_in(answer)
            assert answer.status_code in (403, 404) or answer.content.startswith(b"PK\x05\x06"), "an empty archive"


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_tab_at_work_keeps_its_visit_when_another_page_is_opened_without_the_cookie(
    site: Site, visitor: Arrive, photo: bytes, newest_first: bool
) -> None:
    """Two tabs opened in the same moment, or a page that was reached in a way in which a browser sends no cookie."""
    tab = visitor()
    tab.agree()
    answer = httpx.get(site.url)
    assert "SameSite=Lax" in answer.headers["set-cookie"], "a link on another site leads to the same visitor"
    jar = [*tab.http.cookies.items(), *answer.cookies.items()]
    assert len(dict(jar)) == 2, "no answer can take the place of an earlier one"
    tab.http.cookies.clear()
    tab.http.headers["Cookie"] = "; ".join(f"{name}={word}" for name, word in (jar[::-1] if newest_first else jar))
    assert tab.send_photo(photo).is_success
    assert tab.http.get(f"/studio/portraits/{tab.key}.zip").is_success
    assert "are deleted" in tab.call("forget", *LOOK)
    assert tab.send_photo(photo).status_code == 403
    assert "set-cookie" not in tab.http.get("/").headers


def test_cookies_of_other_programs_on_the_same_host_do_not_hide_ours(visitor: Arrive) -> None:
    tab, program = visitor(), visitor()
    [(name, word)] = tab.http.cookies.items()
    tab.http.cookies.clear()
    tab.http.headers["Cookie"] = f'prefs={{"a":1,"b":2}}; {name}={word}; =x; q="'
    tab.agree()
    program.http.cookies.clear()
    assert program.join("arrived", *LOOK, session=tab.session).status_code == 403
    assert program.http.get(f"/studio/portraits/{tab.key}.zip").status_code == 403
    assert tab.http.get(f"/studio/portraits/{tab.key}.zip").is_success


def test_behind_tls_no_neighbouring_site_can_set_the_cookie(site: Site, visitor: Arrive) -> None:
    behind = {"X-Forwarded-Proto": "https"}
    said = httpx.get(site.url, headers=behind).headers["set-cookie"]
    assert re.match(r"__Host-studio_visitor_\w+=[\w-]{32}; Path=/; HttpOnly; SameSite=None; Secure; Partitioned$", said)
    tab, planted = visitor(), visitor()
    for one, cookie in ((tab, said.split(";")[0]), (planted, said.split(";")[0].removeprefix("__Host-"))):
        one.http.cookies.clear()
        one.http.headers.update(behind | {"Cookie": cookie})
    tab.agree()
    assert tab.http.get(f"/studio/portraits/{tab.key}.zip").is_success
    assert planted.http.get(f"/studio/portraits/{tab.key}.zip").status_code == 403
    assert "set-cookie" in planted.http.get("/").headers


@pytest.mark.parametrize("who", ["another browser", "nobody", "a made-up cookie"])
def test_the_true_key_opens_nothing_in_another_browser(scene: Scene, photo: bytes, who: str) -> None:
    """A picture's address holds the key: copied to a friend, or read in a proxy's log, it must not be enough."""
    other, other_word = scene.thief.http, scene.thief.cookie
    if who != "another browser":
        other.cookies.clear()
    if who == "a made-up cookie":
        other.headers["Cookie"] = f"studio_visitor_a={'g' * len(other_word)}"
    portrait = scene.files[0].name.removesuffix(".png").rsplit("-", 1)[1]
    key = {"X-Studio-Key": scene.victim.key}
    for answer in (
        other.get(f"/studio/portrait/{scene.victim.key}/{portrait}.png"),
        other.get(f"/studio/portraits/{scene.victim.key}.zip"),
        other.post("/studio/photo", content=photo[: len(photo) // 2], headers=key),
        other.post("/studio/frame", content=photo, headers=key),
        other.post("/gradio_api/upload", files={"files": (NAME, b"x")}, headers=key),
    ):
        assert answer.status_code == 403, answer.url
        scene.nothing_in(answer)
    assert scene.victim.http.get(f"/studio/portrait/{scene.victim.key}/{portrait}.png").content == scene.victim.portrait


def test_the_same_photo_does_not_tell_that_somebody_has_it(visitor: Arrive, photo: bytes, traces: Traces) -> None:
    """Content hashes: an upload's path says nothing of its content, and no two uploads share one."""
    places = set()
    for name in (NAME, NAME, "other.jpg"):
        one = visitor()
        one.agree()
        place = one.upload(name, photo)
        assert hashlib.sha256(photo).hexdigest() not in place
        assert traces.in_bytes(place.encode()) == []
        assert max(len(part) for part in Path(place).parts) >= 32
        places.add(place)
    assert len(places) == 3


def test_another_upload_cannot_be_used(visitor: Arrive, photo: bytes) -> None:
    victim, thief = visitor(), visitor()
    victim.agree()
    thief.agree()
    place = victim.upload(NAME, photo)
    file = {"path": place, "meta": {"_type": "gradio.FileData"}}
    assert not thief.http.get(f"/gradio_api/file={place}").is_success
    assert thief.join("portrait", file, *LOOK, 1, 1, "preview").status_code == 403
    assert '"success":true' in victim.call("portrait", file, *LOOK, 1, 1, "preview"), "hers"


def test_the_server_fetches_nothing_that_was_not_uploaded(site: Site, visitor: Arrive) -> None:
    one = visitor()
    one.agree()
    for path in (
        "http://127.0.0.1:9/x.jpg",
        "https://example.org/x.jpg",
        "/etc/passwd",
        "",
        "x",
        "data:image/png;base64,x",
    ):
        for file in (
            {"path": path, "meta": {"_type": "gradio.FileData"}},
            {"url": path, "path": path},
            {"url": path},
            path,
        ):
            answer = one.join("portrait", file, *LOOK, 1, 1, "preview")
            said = one.listen() if answer.is_success else answer.text
            assert answer.status_code in (400, 403) or '"success":false' in said, (path, file)
            assert "root:" not in said
    assert not site.attempts.exists()


SIDE_DOORS = (
    "/gradio_api/monitoring",
    "/monitoring",
    "/monitoring/summary",
    "/monitoring/x",
    "/gradio_api/runs",
    "/gradio_api/run-history/records",
    "/gradio_api/run-history/buckets",
    "/gradio_api/proxy=https://huggingface.co/x",
    "/proxy=http://127.0.0.1:1/",
    "/gradio_api/upload_progress?upload_id=1",
    "/gradio_api/vibe-code",
    "/gradio_api/dev/reload",
    "/gradio_api/profiling/traces",
    "/gradio_api/openapi.json",
    "/gradio_api/token",
    "/custom_component/1/client/component/x",
    "/?deep_link=../x",
)


def test_side_doors_of_the_framework_are_closed(scene: Scene) -> None:
    for address in SIDE_DOORS:
        answer = scene.thief.http.get(address)
        scene.nothing_in(answer)
        assert answer.status_code in (403, 404), address
    for address in (
        "component_server",
        "process_recording",
        "vibe-edit",
        "vibe-code",
        "stream/x",
        "stream/x/close",
        "login",
    ):
        answer = scene.thief.http.post(f"/gradio_api/{address}", json={"session_hash": scene.victim.session})
        assert answer.status_code in (403, 404, 405), address


def test_what_everybody_may_read_holds_nothing(scene: Scene) -> None:
    for address in ("/", "/config", "/gradio_api/info", "/gradio_api/queue/status", "/theme.css", "/manifest.json"):
        answer = scene.thief.http.get(address)
        assert answer.status_code in (200, 404), address
        scene.nothing_in(answer)
        assert MARKER not in answer.text


def test_answers_with_a_face_are_never_stored(scene: Scene) -> None:
    [path] = {"/" + part for part in [f"studio/portraits/{scene.victim.key}.zip"]}
    for answer in (
        scene.victim.http.get("/"),
        scene.victim.http.get("/config"),
        scene.victim.http.get(path),
        scene.victim.join("arrived", *LOOK),
        scene.thief.http.get("/gradio_api/file=x"),
    ):
        assert answer.headers["cache-control"] == "no-store"
    with scene.victim.http.stream("GET", f"/gradio_api/queue/data?session_hash={scene.victim.session}") as answer:
        assert answer.headers["cache-control"] == "no-store"
        next(answer.iter_lines())


def test_a_board_is_its_visits_alone(scene: Scene) -> None:
    mine = {"X-Studio-Key": scene.victim.key}
    said = scene.victim.http.post("/studio/board/own-photo", headers=mine).json()
    photo = said["photos"][0]
    addresses = ["/studio/board", f"/{photo['src']}", f"/studio/board/{scene.victim.key}/export.zip"]
    for address in addresses:
        answer = scene.thief.http.get(address, headers=mine)
        assert answer.status_code == 403, "she knows the key, but hers is another browser"
        scene.nothing_in(answer)
    for path in ("plan", "start", "stop", "star", "remove", "own-photo"):
        answer = scene.thief.http.post(f"/studio/board/{path}", json={"id": photo["id"]}, headers=mine)
        assert answer.status_code == 403
        scene.nothing_in(answer)
    assert len(scene.victim.http.get("/studio/board", headers=mine).json()["photos"]) == 1
    scene.victim.http.post("/studio/board/remove", json={"id": photo["id"]}, headers=mine)
