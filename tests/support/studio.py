"""The studio in this process, what Gradio hands to its handlers, and what a page or a program asks of it."""

from __future__ import annotations

import gc
import io
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio_client import Client, handle_file
from PIL import Image

from pipelines import worker
from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.results import PortraitSet
from pipelines.schema import LoadedPhoto
from ui import prints
from ui.portrait_handlers import PortraitHandlers
from ui.serving import Serving
from visits.folder import PrivateFolder
from visits.studio import Studio
from visits.visit import Look, Visit
from web.calls import KEY_HEADER

STYLE, OTHER_STYLE = "film-noir", "comic"  # fast ones
LOOK = (STYLE, "none", 0.5)


@dataclass
class Served:
    """A running studio, its address and its private folder."""

    studio: Studio
    url: str
    folder: PrivateFolder
    serving: Serving | None = None

    def files(self) -> list[Path]:
        """Every file that lies on the disk on behalf of visitors."""
        return [path for path in self.folder.path.rglob("*") if path.is_file()]

    def visit(self, session: str) -> Visit:
        """A visit with consent."""
        return self.studio.visits.open(session, True, Look(STYLE))


def request_of(session: str) -> gr.Request:
    """What Gradio hands to a handler for an event of this session."""
    return gr.Request(session_hash=session)


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def create(handlers: PortraitHandlers, session: str, **changes: Any):
    values = {
        "style": STYLE,
        "scene": "none",
        "likeness": 0.5,
        "variations": 1,
        "model": "preview",
        "seed": 7,
        "shuffle": False,
        "words": "",
        "controls": False,
        "label": False,
        "shape": "1:1",
        "size": "screen",
    }
    return handlers.create(**{**values, **changes}, request=request_of(session))


def with_photo(served: Served, handlers: PortraitHandlers, session: str, photo: bytes):
    handlers.agree(True, *LOOK, request_of(session))
    visit, _ = served.studio.visits.require(session)
    served.studio.visits.take_photo(visit, open_photo(photo))
    return visit


def close_page(served: Served, handlers: PortraitHandlers, session: str) -> None:
    """Close the page, and let the time go by in which it could have come back."""
    handlers.leave(request_of(session))
    served.studio.visits.sweep(time.monotonic() + served.studio.visits.away_seconds + 1)


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def make_portraits(served: Served, session: str, loaded, seeds: tuple[int, ...] = (1, 2)) -> PortraitSet:
    _, consent = served.studio.visits.require(session)
    wanted = build_request(photo=loaded, style_id=STYLE, seeds=seeds, model_id="preview", consent=consent)
    *_, result = worker.run(served.studio.pipeline, wanted)
    assert isinstance(result, PortraitSet)
    served.studio.visits.keep(consent, prints.kept(result))
    return result


def agree(client: Client, **more: object) -> dict:
    """Consent, and its key for uploads. Returns the receipt."""
    said = client.predict(agreed=True, api_name="/consent", **more)
    client.headers[KEY_HEADER] = said["key"]
    return said["receipt"]


def ask(client: Client, photo: Path | None, **changes: object) -> tuple[list[str], dict]:
    values = {
        "photo": photo and handle_file(photo),
        "style": STYLE,
        "scene": "none",
        "seed": 7,
        "model": "preview",
        **changes,
    }
    return client.predict(**values, api_name="/portrait")


def is_gone(photo: weakref.ref[LoadedPhoto]) -> bool:
    """Whether nobody holds a photo any more, and with it what was cut and drawn from it."""
    gc.collect()
    return photo() is None
