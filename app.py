"""Self-Portrait Studio: reads the settings, builds the studio, launches the page.

    python app.py [--host 127.0.0.1] [--port 7860]

Settings from the environment: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, STUDIO_TEMP_DIR; those of the certificate that
signs portraits stand in pipelines/credentials.py.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from pipelines.errors import PortraitError
from pipelines.photo import MAX_BYTES
from pipelines.presets import load_presets
from pipelines.self_portrait import SelfPortraitPipeline
from study.consent import ConsentRegistry
from ui.errors import sentence
from ui.files import PrivateFolder, every_minute, exit_on_sigterm
from ui.page import build_page
from ui.routes import build_routes
from ui.studio import KEEP_SECONDS, Studio, Visits
from ui.theme import HEAD, build_theme

log = logging.getLogger("studio")


def build_studio(folder: PrivateFolder) -> Studio:
    """Everything behind the page, not yet warm."""
    presets = load_presets()
    pipeline = SelfPortraitPipeline(presets, folder.portraits)
    consents = ConsentRegistry()
    return Studio(presets, pipeline, consents, Visits(pipeline, consents))


def launch(studio: Studio, *, host: str | None, port: int | None, block: bool = True) -> gr.Blocks:
    """Serve the page.

    Args:
        studio: From build_studio.
        host: Address to listen on; None is this machine only, or what Gradio's environment says.
        port: Port; None takes the first free one from 7860.
        block: Whether to stay until the process is told to stop.

    Raises:
        OSError: The port is taken.
    """
    page = build_page(studio)
    page.queue(api_open=False, max_size=64, default_concurrency_limit=8)
    page.launch(
        server_name=host,
        server_port=port,
        theme=build_theme(),
        head=HEAD,
        app_kwargs={"routes": build_routes(studio)},
        max_file_size=MAX_BYTES,
        show_error=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=["gradio"],
        share=False,
        pwa=False,
        mcp_server=False,
        ssr_mode=False,
        quiet=True,
        prevent_thread_lock=True,
        favicon_path=Path(__file__).parent / "ui" / "static" / "favicon.svg",
    )
    print(f"Self-Portrait Studio is open at {page.local_url}", flush=True)
    if block:
        page.block_thread()
    return page


def _warm_up(studio: Studio) -> None:
    try:
        studio.pipeline.warm_up()
    except PortraitError as error:
        studio.pipeline.warming = sentence(error)  # stays on the banner: without this nothing works


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the app; 1 and one sentence on stderr where it cannot start."""
    parser = argparse.ArgumentParser(description="Turn a photo of yourself into portraits.")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME"), help="address to listen on")
    parser.add_argument("--port", type=int, default=os.environ.get("GRADIO_SERVER_PORT"), help="port to listen on")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    exit_on_sigterm()
    parent = os.environ.get("STUDIO_TEMP_DIR")
    try:
        folder = PrivateFolder(Path(parent) if parent else None)
        folder.use_for_gradio()
        studio = build_studio(folder)
    except PortraitError as error:
        print(error.hint, file=sys.stderr)
        return 1
    every_minute(studio.visits.sweep, lambda: folder.purge_older_than(KEEP_SECONDS))
    threading.Thread(target=_warm_up, args=(studio,), name="warm-up", daemon=True).start()
    try:
        launch(studio, host=options.host, port=options.port)
    except OSError as error:
        log.debug("cannot listen", exc_info=error)
        print(f"Port {options.port or 7860} is taken; choose another one with --port.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    finally:
        folder.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
