"""Both ways of starting the page have the same walls; and what the server says of ports and addresses."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI, Request
from gradio_client import Client
from starlette.testclient import TestClient

from pipelines.settings import Settings
from ui.page import build_page
from ui.serving import Serving, mount
from visits.limits import Limits
from visits.studio import Studio
from web import gradio_seams
from web.server import Server, cannot_listen
from web.shield import HEADERS


def test_who_owns_the_app(serving: Serving, request: pytest.FixtureRequest) -> None:
    is_launched = "ZeroGPU" in request.node.name
    assert isinstance(serving.app, gr.routes.App) is is_launched


def test_the_page_is_there_with_its_policy(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.headers["content-security-policy"].count("'sha256-") >= 3
    assert "Set-Cookie" in page.headers
    assert http.get("/config").json()["root"] == str(http.base_url).rstrip("/")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/studio/static/studio.css", 200),
        ("GET", "/gradio_api/runs", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("POST", "/gradio_api/upload", 403),
        ("POST", "/gradio_api/upload/", 403),
        ("PUT", "/gradio_api/upload", 405),
        ("POST", "/studio/photo", 403),
        ("GET", "/studio/photo", 404),
        ("GET", "/gradio_api/startup-events", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 503),
        ("GET", "/healthz/", 404),
    ],
)
def test_every_answer_comes_through_the_walls(http: httpx.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path)
    assert answer.status_code in (status, 405 if status == 404 else status)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_who_watches_hears_whether_it_lives_and_is_ready_and_nothing_else(
    http: httpx.Client, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [http.get(path) for path in ("/healthz", "/readyz")]
    assert [(answer.status_code, answer.json()) for answer in said] == [(200, {"ok": True}), (503, {"ok": False})]
    monkeypatch.setattr(studio.pipeline, "warming", "")
    ready = http.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ok": True})
    assert not any(answer.headers.get("set-cookie") for answer in (*said, ready))
    assert ready.headers["cache-control"] == "no-store"
    assert http.head("/readyz").status_code == 200


def test_large_bodies_are_refused(http: httpx.Client) -> None:
    answer = http.post("/gradio_api/queue/join", content=b"x" * 2**21)
    assert answer.status_code == 413
    assert answer.json()["sentence"].startswith("This is too large")


def test_programs_are_served_also_after_somebody_asked_for_a_start(http: httpx.Client, serving: Serving) -> None:
    assert http.get(gradio_seams.STARTUP).is_success
    assert Client(serving.url, verbose=False).predict(api_name="/styles")["styles"]
    assert serving.page.limiter is not None
    assert serving.page.limiter.total_tokens > 40


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/upload"])
@pytest.mark.parametrize(
    ("host", "origin", "may"),
    [
        ("127.0.0.1", "https://elsewhere.example", False),
        ("127.0.0.1:7860", "http://localhost:3000", True),
        ("studio.example", "https://elsewhere.example", True),
    ],
)
def test_scripts_of_other_sites(http: httpx.Client, path: str, host: str, origin: str, may: bool) -> None:
    headers = {"Host": host, "Origin": origin}
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-studio-key"}
    asked = http.options(path, headers=headers | wanted)
    answer = http.post(path, json={"data": []}, headers=headers)
    for one in (asked, answer):
        assert one.headers.get("access-control-allow-origin") == (origin if may else None)
    if may:
        assert asked.is_success
        assert asked.headers["access-control-allow-headers"] == "x-studio-key"
        assert asked.headers["access-control-allow-credentials"] == "true"


def test_static_files_are_sent_compressed(http: httpx.Client) -> None:
    answer = http.get("/studio/static/studio.css", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "no-cache"
    again = http.get("/studio/static/studio.css", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


@pytest.mark.parametrize("root", ["", "/portraits", "https://studio.example/portraits"])
def test_the_path_of_a_proxy_is_taken_from_the_environment(
    studio: Studio, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_ROOT_PATH", root)
    studio = replace(studio, limits=Limits(Settings.read()))
    page = build_page(studio)
    page.queue(api_open=False)
    with TestClient(mount(studio, page), base_url="http://studio.example") as http:
        said = http.get("/config").json()["root"]
        assert http.get("/studio/static/studio.css").status_code == 200
    assert said == (root if root.startswith("https:") else f"http://studio.example{root}")
    page.close(verbose=False)


# --- the server ---


def test_answers_do_not_wait_for_their_headers_to_be_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each took 44 ms instead of 1 once."""
    made: list[socket.socket] = []
    create = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda *args, **more: made.append(create(*args, **more)) or made[-1])
    server = Server(FastAPI(), None, None)
    try:
        with socket.create_connection(made[0].getsockname()):
            assert [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in made] == [1]
    finally:
        server.close()


def test_whom_a_proxy_names_is_not_believed_by_the_server_itself() -> None:
    """uvicorn would, from any proxy on this machine; limits by network would count for a stranger."""
    app = FastAPI()

    @app.get("/who")
    def who(request: Request) -> list[str]:
        return [request.client.host if request.client else "", request.url.scheme]

    server = Server(app, None, None)
    try:
        told = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
        assert httpx.get(f"{server.url}who", headers=told).json() == ["127.0.0.1", "http"]
    finally:
        server.close()


def test_a_taken_port_is_an_error_and_without_one_the_next_is_taken() -> None:
    first = Server(FastAPI(), None, None)
    try:
        port = int(first.url.rstrip("/").rsplit(":", 1)[1])
        with pytest.raises(OSError, match=r".") as taken:
            Server(FastAPI(), None, port)
        assert taken.value.errno == errno.EADDRINUSE
        said = cannot_listen(taken.value, "127.0.0.1", port)
        assert said == f"Port {port} is taken; choose another one with --port."
        second = Server(FastAPI(), "localhost", None)
        assert second.url.startswith("http://localhost:")
        assert second.url != first.url.replace("127.0.0.1", "localhost")
        assert httpx.get(second.url).status_code == 404
        second.close()
    finally:
        first.close()
    with socket.create_server(("127.0.0.1", port)):
        pass  # free again


def test_an_app_that_does_not_start_is_an_error() -> None:
    @asynccontextmanager
    async def fails(_: FastAPI) -> AsyncIterator[None]:
        raise ValueError("no")
        yield

    with pytest.raises(RuntimeError, match="did not start"):
        Server(FastAPI(lifespan=fails), None, 0)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-name.invalid"])
def test_an_address_of_another_computer_is_one_sentence(host: str) -> None:
    with pytest.raises(OSError, match=r".") as refused:
        Server(FastAPI(), host, 0)
    words = f"This computer has no address {host}; choose another one with --host."
    assert cannot_listen(refused.value, host, 0) == words
