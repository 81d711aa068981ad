"""A page of bare Gradio with an event for each seam of web/gradio_seams.py, and what it was sent."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI
from gradio_client import Client
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from web import gradio_seams as seams
from web.server import Server

THREADS = 57


class Page(seams.ExplainingBlocks):
    """A page with an event for each seam."""

    def bad_input(self, is_path: bool) -> gr.Error:
        return gr.Error(f"bad input, path: {is_path}", print_exception=False)

    def failure(self, error: Exception) -> gr.Error:
        return gr.Error(f"failed with {type(error).__name__}")


@dataclass
class Served:
    """The page on a port; `seen` are the bodies of requests by path, `go` lets the event "wait" end."""

    page: Page
    gradio_app: FastAPI | None = None
    url: str = ""
    cache: Path = Path()
    go: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[str, bytes]] = field(default_factory=list)

    def client(self) -> Client:
        return Client(self.url, verbose=False)

    def post(self, path: str, event: str, *data: Any, session: str = "seam") -> httpx.Response:
        number = next(one["id"] for one in self.page.config["dependencies"] if one["api_name"] == event)
        body = {"data": list(data), "fn_index": number, "session_hash": session}
        return httpx.post(f"{self.url}{path}", json=body)


class Recorder:
    """Notes the body of every request."""

    def __init__(self, app: ASGIApp, seen: list[tuple[str, bytes]]) -> None:
        self._app, self._seen = app, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()

        async def noting() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        await self._app(scope, noting, send)
        if scope["type"] == "http":
            self._seen.append((scope["path"], bytes(body)))


@contextmanager
def open_page(cache: Path, made: Path) -> Iterator[Served]:
    """The page, served as the studio's is.

    Args:
        cache: Gradio's folder for files.
        made: A file that the event "file" hands out.
    """
    one: Served
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(cache))

        def fail() -> str:
            raise KeyError("secret")

        def host(request: gr.Request) -> str:
            connection = seams.connection_of(request)
            return "" if connection is None or connection.client is None else connection.client.host

        def steps() -> Iterator[str]:
            """As a portrait is made: in a thread of its own, with a copy of the event's context."""
            for _ in range(2):
                with ThreadPoolExecutor(1) as other:
                    known = other.submit(contextvars.copy_context().run, seams.is_in_event).result()
                yield f"{seams.is_in_event()} {known}"

        with Page(analytics_enabled=False) as page:
            said, file = gr.Textbox(), gr.File()
            gr.Button().click(lambda text: text * 2, said, said, api_name="echo")
            gr.Button().click(lambda: str(one.go.wait(60)), None, said, api_name="wait")
            gr.Button().click(lambda: "now", None, said, api_name="now", queue=False)
            gr.Button().click(steps, None, said, api_name="steps")
            gr.Button().click(fail, None, said, api_name="fail")
            gr.Button().click(host, None, said, api_name="host")
            gr.Button().click(lambda _: str(made), file, file, api_name="file")
        one = Served(page, cache=cache)
        seams.allow_threads(page, THREADS)
        page.queue(api_open=False)
        site = FastAPI(middleware=[Middleware(Recorder, one.seen)])
        gr.mount_gradio_app(site, page, "/", run_history=False, mcp_server=False)
        mounted = site.routes[-1]
        assert isinstance(mounted, Mount)
        assert isinstance(mounted.app, FastAPI)
        one.gradio_app = mounted.app
        server = Server(site, None, 0)
        one.url = server.url.rstrip("/")
        yield one
        one.go.set()
        page.close(verbose=False)
        server.close()
