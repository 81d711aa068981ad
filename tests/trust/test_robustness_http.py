"""What stands around every answer: headers, limits on bodies, closed addresses; on the real app."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.support.site import Site, Visitor
from tests.support.sweeps import sweep
from web.shield import HEADERS

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
