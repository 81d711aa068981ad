"""The shield alone, around small apps: bodies that are refused, errors without details, scripts one by one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route

from pipelines.settings import Settings
from web.shield import HEADERS, Shield, known_scripts, page_policy

MB = 2**20


def run(work: Any) -> Any:
    return asyncio.run(work)


def hashes(policy: str) -> list[str]:
    return re.findall(r"'sha256-([^']+)'", policy)


def digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


OWN = "<head><script>window.config = {{ config | toorjson }};</script><script>own()</script></head>"


def answer_to(path: str, html: str, *, on_space: bool = False) -> httpx.Response:
    """What the shield makes of an answer at a path, where OWN is the template of the page."""

    async def page(_: Request) -> HTMLResponse:
        return HTMLResponse(html)

    async def work() -> httpx.Response:
        inner = Starlette(routes=[Route(path, page)])
        transport = httpx.ASGITransport(app=Shield(inner, page=OWN, on_space=on_space))
        async with httpx.AsyncClient(transport=transport, base_url="http://studio", verify=False) as http:
            return await http.get(path)

    answer: httpx.Response = run(work())
    return answer


def policy_of(answer: httpx.Response) -> str:
    return answer.headers["content-security-policy"]


def answered(html: str) -> list[str]:
    """The hashes that the shield lets run in the page."""
    return hashes(policy_of(answer_to("/", html)))


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


@pytest.mark.parametrize("path", ["/", "/study/a-study/", "/studio/photo"])
@pytest.mark.parametrize(("space", "may"), [("a/b", "'self' https://huggingface.co"), ("", "'self'")])
def test_only_a_space_may_be_framed_and_only_by_its_own_page(path: str, space: str, may: str) -> None:
    on_space = Settings.read({"SPACE_ID": space}).on_space
    assert policy_of(answer_to(path, WHOLE, on_space=on_space)).endswith(f"; frame-ancestors {may}")


@pytest.mark.parametrize("path", ["/studio/phone/a", "/research", "/models"])
def test_what_is_secret_is_in_nobodys_frame(path: str) -> None:
    assert policy_of(answer_to(path, WHOLE, on_space=True)).count("frame-ancestors") == 1
    assert "frame-ancestors 'none'" in policy_of(answer_to(path, WHOLE, on_space=True))


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
    assert HEADERS["X-Content-Type-Options"].encode() in dict(sent[0]["headers"]).values()
