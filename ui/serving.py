"""The page on a port: mounted into the studio's own app, or launched by Gradio where the GPU is lent by the call."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware

from pipelines.photo.opening import MAX_BYTES
from ui.page import build_page
from ui.theme import HEAD, build_theme
from visits.studio import Studio
from web import gradio_seams as seams
from web.compressed import Compressed
from web.in_language import InLanguage
from web.logs import DiscreetFormatter
from web.open_events import MAX_EVENTS
from web.open_graph import OpenGraph
from web.routes import build_routes
from web.server import Server
from web.shield import Shield
from web.site import build_site, wall_between_visitors

_THREADS = 48
_FAVICON = Path(__file__).parent / "static" / "favicon.svg"


@dataclass(frozen=True)
class Serving:
    """A page that is open to visitors.

    Attributes:
        url: Where, with a slash at its end.
        page: Gradio's part.
        app: The app on the port: our own, or on ZeroGPU Gradio's.
        close: Stops listening.
    """

    url: str
    page: gr.Blocks
    app: FastAPI
    close: Callable[[], None]


def serve(studio: Studio, host: str | None, port: int | None) -> Serving:
    """Open the page.

    Args:
        studio: From app.build_studio.
        host: Address to listen on; None is this machine only.
        port: Port; None takes the first free one from 7860.

    Raises:
        OSError: The port is taken, or there is no such address.
    """
    page = build_page(studio)
    # Gradio's queue holds the page's short events; portraits wait in the pipeline's own line. Each that waits there
    # needs a thread now and then, and the short events must find one free.
    threads = studio.pipeline.line.limit + _THREADS
    seams.allow_threads(page, threads)
    page.queue(api_open=False, max_size=MAX_EVENTS, default_concurrency_limit=8)
    if seams.on_zero_gpu():
        return _launched(studio, page, host, port, threads)
    return _mounted(studio, page, host, port)


def mount(studio: Studio, page: gr.Blocks) -> FastAPI:
    """The studio's own app with the page in it, not served yet."""
    return gr.mount_gradio_app(build_site(studio, page), page, "/", **_options())


def _mounted(studio: Studio, page: gr.Blocks, host: str | None, port: int | None) -> Serving:
    site = mount(studio, page)
    server = Server(site, host, port)

    def close() -> None:
        page.close(verbose=False)  # ends the streams that would keep the server waiting
        server.close()

    return Serving(server.url, page, site, close)


def _launched(studio: Studio, page: gr.Blocks, host: str | None, port: int | None, threads: int) -> Serving:
    """With the same walls: ours stand inside some of Gradio's here, so the shield is put around by hand."""
    seams.format_server_log(DiscreetFormatter)
    settings = studio.settings
    app, url, _ = page.launch(
        server_name=None if host == os.environ.get("GRADIO_SERVER_NAME") else host,  # which launch() reads by itself
        server_port=port,
        max_threads=threads,
        app_kwargs={
            "routes": build_routes(studio),
            "lifespan": seams.around_everything(
                lambda app: InLanguage(Compressed(Shield(app, on_space=settings.on_space)))
            ),
            "middleware": [Middleware(OpenGraph, settings.space_host), wall_between_visitors(studio, page)],
        },
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        **_options(),
    )
    return Serving(url, page, app, lambda: page.close(verbose=False))


def _options() -> dict[str, Any]:
    """What both ways of starting take."""
    return {
        "theme": build_theme(),
        "head": HEAD,
        "favicon_path": str(_FAVICON),
        "max_file_size": MAX_BYTES,
        "show_error": False,
        "enable_monitoring": False,
        "run_history": False,
        "footer_links": ["gradio"],
        "pwa": False,
        "mcp_server": False,
        "ssr_mode": False,
    }
