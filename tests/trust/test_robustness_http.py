"""What stands around every answer: headers, limits on bodies, closed addresses; on the real app and the shield."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route

from tests.support.site import ROOT, Site, Visitor
from tests.support.sweeps import sweep
from web import shield
from web.shield import HEADERS, Shield, known_scripts, page_policy

EMBEDDERS = "frame-ancestors 'self'"
MB = 2**20


@pytest.fixture
def http(site: Site) -> httpx.Client:
    return httpx.Client(base_url=site.url, timeout=120, verify=False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/config"),
        ("GET", "/theme.css"),
        ("GET", "/studio/static/studio.css"),
        ("GET", "/studio/thumbnails/styles/comic.webp"),
        ("GET", "/studio/static/nothing-here"),
        ("GET", "/no-such-page"),
        ("POST", "/studio/photo"),
        ("POST", "/studio/check"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/upload"),
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/studio/portrait/guess/guess.png"),
        ("DELETE", "/studio/photo"),
        ("OPTIONS", "/studio/photo"),
        ("HEAD", "/"),
    ],
)
def test_every_answer_carries_the_security_headers(http: httpx.Client, method: str, path: str) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = http.request(method, path, headers=asked if method == "OPTIONS" else {})
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["content-security-policy"].endswith(EMBEDDERS)
    assert "x-frame-options" not in answer.headers, "it knows no list, and would forbid Hugging Face's frame"
    assert answer.headers["permissions-policy"].startswith("camera=(self), ")


def test_the_page_runs_its_own_scripts_and_no_others(http: httpx.Client) -> None:
    page = http.get("/")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "http" not in policy["script-src"]
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    inline = re.findall(r"<script(?![^>]*\bsrc=)", page.text)
    assert policy["script-src"].count("'sha256-") == len(inline) >= 3


def hashes(policy: str) -> list[str]:
    return re.findall(r"'sha256-([^']+)'", policy)


def digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


OWN = "<head><script>window.config = {{ config | toorjson }};</script><script>own()</script></head>"


def answered(html: str) -> list[str]:
    """The hashes that the shield lets run in an answer, where OWN is the template of the page."""

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(html)

    async def work() -> httpx.Response:
        inner = Starlette(routes=[Route("/", page)])
        transport = httpx.ASGITransport(app=Shield(inner, page=OWN))
        async with httpx.AsyncClient(transport=transport, base_url="http://studio", verify=False) as http:
            return await http.get("/")

    return hashes(run(work()).headers["content-security-policy"])


CONFIG = 'window.config = {"title": "Studio", "n": [1, null]};'
WHOLE = f"<head><script>{CONFIG}</script><script>own()</script></head>"


def test_a_script_that_somebody_put_into_the_page_does_not_run() -> None:
    own = [digest(CONFIG), digest("own()")]
    assert answered(WHOLE) == own
    assert answered(WHOLE.replace("</head>", "<script>alert(1)</script></head>")) == own
    assert answered(WHOLE.replace("own()", "own();alert(1)")) == own[:1]


@pytest.mark.parametrize(
    "script",
    [
        "window.config = alert(1);",
        'window.config = {"a": 1};alert(1);',
        'window.config = {"a": alert(1)};',
        "window.config = {};window.config = {};",
        "window.config = ;",
        f"window.config = {'[' * 100_000};",
    ],
)
def test_only_json_may_stand_where_the_page_has_json(script: str) -> None:
    assert answered(WHOLE.replace(CONFIG, script)) == [digest("own()")]


def test_a_second_configuration_lets_neither_run() -> None:
    assert answered(WHOLE.replace("<head>", '<head><script>window.config = {"js": "alert(1)"};</script>')) == [
        digest("own()")
    ]


@pytest.mark.parametrize(
    ("space", "may"),
    sweep([({"SPACE_ID": "a/b"}, "'self' https://huggingface.co"), ({}, "'self'")], 1, several=True),
)
def test_only_a_space_may_be_framed_and_only_by_its_own_page(space: dict[str, str], may: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "SPACE_ID"}
    code = "from web.shield import page_policy; print(page_policy('', ()))"
    said = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=inherited | space, text=True)
    assert said.strip().endswith(f"frame-ancestors {may}")


def test_only_the_page_may_run_scripts(http: httpx.Client) -> None:
    for path in ("/studio/static/favicon.svg", "/config", "/no-such-page"):
        assert http.get(path).headers["content-security-policy"].startswith("default-src 'none';")


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/redoc",
        "/openapi.json",
        "/gradio_api/openapi.json",
        "/gradio_api/runs",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/mcp/sse",
        "/gradio_api/run/portrait",
        "/gradio_api/deep_link",
        "/proxy=https://huggingface.co/x",
        "/gradio_api/proxy=https://huggingface.co/x",
        "/gradio_api/dev/reload",
        "/login",
    ],
)
def test_what_is_not_needed_is_closed(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code in (400, 404, 405)
    assert http.post(path, json={"data": [], "session_hash": "closed"}).status_code in (404, 405)


def test_the_baseline_of_the_page(http: httpx.Client) -> None:
    config = http.get("/config").json()
    assert config["run_history"] is False
    assert config["analytics_enabled"] is False
    assert config["max_file_size"] <= 40 * MB
    assert not config.get("show_error", False)
    assert set(http.get("/gradio_api/info").json()["named_endpoints"]) >= {"/consent", "/portrait"}
    assert http.get("/gradio_api/queue/status").json()["queue_size"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/studio/static/../shield.py",
        "/studio/static/%2e%2e/shield.py",
        "/studio/static/..%2f..%2fapp.py",
        "/studio/static/%252e%252e/shield.py",
        "/studio/static//etc/passwd",
        "/studio/static/....//shield.py",
        "/studio/static/..%5cshield.py",
        "/studio/static/%00",
        "/studio/thumbnails/..%2f..%2fREADME.md",
        "/svelte/../../../../../../etc/passwd",
        "/assets/..%2f..%2f..%2froutes.py",
        "/static/..%2f..%2froutes.py",
        "/gradio_api/file=../../etc/passwd",
        "/gradio_api/file=/proc/self/environ",
        "/gradio_api/file=file:///etc/passwd",
    ],
)
def test_no_path_leads_out(site: Site, path: str) -> None:
    status, body = raw(site.url, path)
    assert status in (400, 403, 404), path
    assert b"root:" not in body
    assert b"import " not in body


def raw(url: str, path: str, method: str = "GET", headers: str = "") -> tuple[int, bytes]:
    """A request that is sent as it stands; clients tidy up."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=120) as wire:
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n{headers}\r\n"
        wire.sendall(head.encode())
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    return int(answer.split(b" ", 2)[1]), answer


def endless(size: int) -> Iterator[bytes]:
    """A body without a Content-Length."""
    for _ in range(size // 65536):
        yield b"x" * 65536


@pytest.mark.parametrize(
    ("path", "limit"),
    sweep(
        [
            ("/studio/photo", 41 * MB),
            ("/studio/frame", MB),
            ("/studio/check", 41 * MB),
            ("/gradio_api/upload", 41 * MB),
            ("/gradio_api/queue/join", MB),
            ("/config", MB),
            ("/gradio_api/cancel", MB),
        ],
        2,
        several=True,
    ),
)
def test_a_body_that_is_too_large_is_cut_off_with_and_without_a_stated_length(
    site: Site, visitor: Any, path: str, limit: int
) -> None:
    guest: Visitor = visitor()
    guest.agree()
    headers = {"X-Studio-Key": guest.key, "Content-Type": "multipart/form-data; boundary=b"}
    status, answer = raw(site.url, path, "POST", f"Content-Length: {10 * 2**30}\r\nX-Studio-Key: {guest.key}\r\n")
    assert status == 413, "refused before a byte of it was sent"
    assert b'"sentence": "This is too large' in answer
    before = psutil.Process(site.process.pid).memory_info().rss
    try:
        status = guest.http.post(path, content=endless(limit + 100 * MB), headers=headers).status_code
    except httpx.TransportError:
        status = 413  # hung up on, before the answer was read
    assert status in (400, 405, 413, 422)
    assert psutil.Process(site.process.pid).memory_info().rss - before < limit + 60 * MB, "it was not held"
    assert guest.http.get("/config").is_success


def test_many_tiny_parts_are_refused(visitor: Any) -> None:
    guest: Visitor = visitor()
    guest.agree()
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n'
    headers = {"X-Studio-Key": guest.key, "Content-Type": "multipart/form-data; boundary=b"}
    answer = guest.http.post("/gradio_api/upload", content=part * 3000 + b"--b--\r\n", headers=headers)
    assert answer.status_code == 422
    field = part.replace(b'; filename="a"', b"")
    assert (
        guest.http.post("/gradio_api/upload", content=field * 3000 + b"--b--\r\n", headers=headers).status_code == 422
    )


def test_senders_that_stall_do_not_keep_others_from_checking_a_picture(site: Site, photo: bytes) -> None:
    host, port = site.url.removeprefix("http://").split(":")
    head = f"POST /studio/check HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000\r\n\r\nx"
    with contextlib.ExitStack() as wires, httpx.Client(base_url=site.url, timeout=120) as http:
        for _ in range(8):
            wire = wires.enter_context(socket.create_connection((host, int(port)), timeout=120))
            wire.sendall(head.encode())
        http.get("/config")  # so that theirs have begun
        answer = http.post("/studio/check", content=photo)
    assert answer.status_code == 200
    assert answer.json()["title"]


# --- the shield alone ---


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse({"size": len(await request.body())})


async def _boom(_: Request) -> JSONResponse:
    raise RuntimeError("quotes a path: /home/somebody")


async def _swallow(request: Request) -> PlainTextResponse:
    try:
        await request.body()
    except Exception:
        return PlainTextResponse("a handler that catches everything", 500)
    return PlainTextResponse("taken")


PAGE = "<script>one()</script><script src=x></script><script>two()</script>"


async def _page(_: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


def client(**limits: Any) -> httpx.AsyncClient:
    routes = [Route("/echo", _echo, methods=["POST"]), Route("/boom", _boom), Route("/", _page)]
    routes.append(Route("/studio/photo", _swallow, methods=["POST"]))
    inner = Starlette(routes=routes)
    transport = httpx.ASGITransport(app=Shield(inner, page=PAGE, **limits), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://studio", verify=False)


async def slowly(pieces: int, size: int, wait: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield b"x" * size
    if wait is not None:
        await wait.wait()


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_a_handler_that_catches_everything_cannot_hide_the_refusal() -> None:
    async def work() -> httpx.Response:
        async with client() as http:
            return await http.post("/studio/photo", content=slowly(50, MB))

    answer = run(work())
    assert answer.status_code == 413
    assert answer.json()["sentence"] == "This is too large; photos may have up to 40 MB."
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_sender_that_stalls_is_sent_away() -> None:
    async def work() -> httpx.Response:
        async with client(body_seconds=0.05) as http:
            return await http.post("/echo", content=slowly(1, 10, asyncio.Event()))

    answer = run(work())
    assert answer.status_code == 408
    assert "too long" in answer.json()["sentence"]


def test_bodies_that_arrive_together_share_the_memory() -> None:
    async def work() -> list[int]:
        go = asyncio.Event()
        async with client(in_flight=3 * MB) as http:
            held = asyncio.create_task(http.post("/studio/photo", content=slowly(2, MB, go)))
            await asyncio.sleep(0.05)
            refused = await http.post("/studio/photo", content=slowly(2, MB))
            go.set()
            first = await held
            after = await http.post("/studio/photo", content=slowly(2, MB))
        return [first.status_code, refused.status_code, after.status_code]

    assert run(work()) == [200, 503, 200], "what was held is given back"


def test_an_unexpected_error_is_a_sentence_without_details() -> None:
    async def work() -> httpx.Response:
        async with client() as http:
            return await http.get("/boom")

    answer = run(work())
    assert answer.status_code == 500
    assert "home" not in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_inline_scripts_are_allowed_one_by_one() -> None:
    async def work() -> httpx.Response:
        async with client() as http:
            return await http.get("/")

    policy = run(work()).headers["content-security-policy"]
    assert policy.count("'sha256-") == 2
    assert page_policy("<p>none</p>", known_scripts(PAGE)).count("sha256") == 0


def test_a_length_that_is_no_number_is_refused() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the body is not asked for")

    scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"-5")], "method": "POST"}
    run(Shield(Starlette())(scope, receive, send))
    assert sent[0]["status"] == 413
    assert io.BytesIO(sent[1]["body"]).read()
    assert shield.HEADERS["X-Content-Type-Options"].encode() in dict(sent[0]["headers"]).values()
