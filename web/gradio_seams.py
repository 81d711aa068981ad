"""Everything that this project knows of Gradio's insides, and of the servers' below it, in one file.

Gradio promises none of this, so requirements.txt pins its minor version. After an upgrade run
tests/web/test_gradio_seams.py: each function here has one test there, whose message says in words what broke.

Four things cannot be functions, because styles and scripts of ui/static use them; the same file tests them:

- class names that studio.css restyles: `CSS_CLASSES`, and the attribute `CSS_ATTRIBUTE`,
- the page's own address as the base of its links, also below a proxy's path: from it the page finds styles, scripts,
  thumbnails and portraits,
- what its toast says when the connection is lost, after which it reloads the page by itself: `CONNECTION_LOST`,
- the names of events' fields in JSON, which tests and benchmarks send.
"""

from __future__ import annotations

import importlib.util
import json
import re
import threading
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError
from starlette.applications import Starlette
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartParser
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Scope
from uvicorn.config import LOGGING_CONFIG

from languages.saying import ENGLISH, language, speaking, spoken
from pipelines.settings import lends_gpu
from web.in_language import language_of

Page = gr.Blocks

CSS_CLASSES = (
    "gradio-container", "fillable", "dark", "tab-container", "tabitem", "selected", "built-with", "form", "block",
    "container", "wrap", "wrap-inner", "label-wrap", "icon", "open", "min_value", "max_value", "column",
    "prose",
)  # fmt: skip
CSS_ATTRIBUTE = 'data-testid="block-info"'
CONNECTION_LOST, TOASTS = "Connection to the server was lost", "toast-wrap"  # the words, and the class around them

# --- addresses and fields: Gradio documents neither, and the wall between visitors must know them all ---

API = "/gradio_api"
OPEN = re.compile(  # what everybody may ask for: the page, its parts, and what says nothing of a visitor
    r"/(?:config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(?:/\d+)?)?"
    r"|/(?:assets|static|svelte)/.+"
    rf"|{API}/(?:info/?|app_id/?|startup-events|theme\.css|queue/status|reset/?)"
)
STARTUP = f"{API}/startup-events"
UPLOAD = re.compile(rf"{API}/upload/?")
JOIN = re.compile(rf"{API}/(?:queue/join|call/[\w-]+/?)")
CALL = re.compile(rf"{API}/(?:run|api)/[\w-]+/?")  # answers only events that are not for the queue
EVENT = re.compile(rf"{JOIN.pattern}|{CALL.pattern}|{API}/cancel")
STREAM = re.compile(rf"{API}/(?:queue/data|heartbeat/(?P<session>[^/]+)|call/[\w-]+/(?P<event>[^/]+))")
FILE = re.compile(rf"{API}/file=(?P<path>.+)", re.DOTALL)
ASSETS = ("/assets/", "/static/", "/svelte/", "/favicon.ico", "/theme.css")  # a browser may keep them
SESSION = "session_hash"  # in an event's JSON and in a stream's query
_EVENT_ID = "event_id"


def is_side_door(path: str, query: dict[str, list[str]]) -> bool:
    """Whether a request is for one of Gradio's extras that stand beside its addresses and that we close."""
    return "deep_link" in query or path.startswith("/monitoring")


def names_in(event: dict[str, Any]) -> tuple[object, object]:
    """The session and the earlier event that an event names; None where it names none."""
    return event.get(SESSION), event.get(_EVENT_ID)


def files_in(value: Any) -> Iterator[object]:
    """The path of each thing in an event's data that Gradio would take for a file.

    Where it says that the file could be read from an address, that is taken out: there is nothing for us to fetch.
    """
    if isinstance(value, dict):
        if "path" in value or "url" in value:
            value.pop("url", None)
            yield value.get("path")
        for inner in value.values():
            yield from files_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from files_in(inner)


def handed_out(answer: bytes) -> Iterator[tuple[str, str]]:
    """What an answer of Gradio hands to the visitor, as a thing and its name: an event's id, paths of uploads."""
    try:
        value = json.loads(answer)
    except ValueError:
        return
    if isinstance(value, dict) and isinstance(value.get(_EVENT_ID), str):
        yield f"event {value[_EVENT_ID]}", value[_EVENT_ID]
    elif isinstance(value, list):
        yield from ((f"upload {path}", path) for path in value if isinstance(path, str))


# --- the queue: it has one bound for all visitors together, and keeps answers of so many sessions only ---


def allow_threads(page: Page, number: int) -> None:
    """How many events may be at work in threads. Must come before `page.queue()`; `mount_gradio_app` has no option."""
    page.max_threads = number


def open_requests(page: Page) -> list[Scope]:
    """The requests of all events that wait in the queue or are at work."""
    return [event.request.scope for event in page._queue.event_ids_to_events.values() if event.request is not None]


def sessions_at_work(page: Page) -> set[str]:
    """The sessions of these events."""
    return {event.session_hash for event in page._queue.event_ids_to_events.values() if event.session_hash}


def sessions_with_answers(page: Page) -> list[str]:
    """The sessions whose unread answers are kept, the one that is forgotten next at first."""
    return list(page._queue.pending_messages_per_session)


def answers_kept(page: Page) -> int:
    """Of how many sessions they are kept."""
    return page._queue.pending_messages_per_session.max_size


def forget_answers(page: Page, session: str) -> None:
    """Drop the unread answers of a session."""
    del page._queue.pending_messages_per_session[session]
    page._queue.pending_event_ids_session.pop(session, None)


# --- memory and files: what Gradio keeps of a visitor, and has no public way to forget ---


def forget_values(page: Page) -> None:
    """Drop what Gradio remembers of each session's components, pictures included.

    It keeps the last values for links to a page's state, for as long as the process lives; here no such link is made.
    """
    for session in list(page.state_holder.session_data.values()):
        session.config_values.clear()


def cached_copies(cache: Path, name: str) -> Iterator[Path]:
    """The copies that Gradio made of a file to hand it to a handler: each in a folder named for its content."""
    return cache.glob(f"*/{name}")


# --- the page ---


def page_template() -> str:
    """The page as Gradio ships it, with {{ }} for what each answer fills in: its inline scripts may run."""
    return (Path(gr.__file__).parent / "templates" / "frontend" / "index.html").read_text("utf-8")


class ExplainingBlocks(gr.Blocks):
    """A page that puts every error of its events in words of its own; Gradio's tell callers to launch it otherwise."""

    def bad_input(self, is_path: bool) -> gr.Error:
        """What to say of values that no handler can take.

        Args:
            is_path: Whether a path, or something else that is no file, stands where a file should.
        """
        raise NotImplementedError

    def failure(self, error: Exception) -> gr.Error:
        """What to say of any other error."""
        raise NotImplementedError

    async def preprocess_data(self, block_fn: BlockFunction, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """Gradio's: what was sent, as the handlers take it."""
        try:
            return await super().preprocess_data(block_fn, inputs, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            files = (value for part, value in zip(block_fn.inputs, inputs, strict=False) if isinstance(part, gr.File))
            is_path = isinstance(error, InvalidPathError) or any(not isinstance(v, dict | None) for v in files)
            raise self.bad_input(is_path) from None

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Gradio's: answer one event or call."""
        try:
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            raise self.failure(error) from None


class ManyTongues(ExplainingBlocks):
    """A page in the language of whoever asks: its texts, and the answers of its events.

    One page serves all events. For each other language the same page is built once, for its texts alone: components
    come in the same order, so that they are known by their place.
    """

    build: Callable[[], gr.Blocks] | None = None  # makes the same page again, in the language that is spoken then
    _building = threading.Lock()  # Gradio has one place for the page that is being built
    _english: Any = None

    @property
    def config(self) -> Any:
        """Gradio's: what the page is made of, as its answers for the page hold it."""
        code = language()
        return self._english if code == ENGLISH or self.build is None else self._translated(code)

    @config.setter
    def config(self, config: Any) -> None:
        self._english = spoken(config)
        self._texts: dict[str, list[dict[str, Any]]] = {}

    def _translated(self, code: str) -> dict[str, Any]:
        with self._building:
            if code not in self._texts:
                assert self.build is not None
                self._texts[code] = [one["props"] for one in spoken(self.build().get_config_file())["components"]]
        pairs = zip(self._english["components"], self._texts[code], strict=True)
        return {**self._english, "components": [{**one, "props": props} for one, props in pairs]}

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Gradio's: answer one event or call. It comes from the queue, not from the request that asked for it."""
        request = kwargs.get("request")
        connection = connection_of(request) if isinstance(request, gr.Request) else None
        with speaking(ENGLISH if connection is None else language_of(connection)):
            return spoken(await super().process_api(*args, **kwargs))


def connection_of(request: gr.Request) -> HTTPConnection | None:
    """The HTTP request behind an event; None where a test made it up."""
    return request.request


# --- logs ---


def report_errors(report: Callable[..., None]) -> None:
    """Have `report` called, in the handler of the exception, where an event fails.

    Gradio prints the traceback, message included. Replaced for the whole process: whoever else prints one must not
    quote a visitor either.
    """
    traceback.print_exc = report


def format_server_log(formatter: Callable[..., Any]) -> None:
    """Have `launch()` log with this formatter: it gives its server no other configuration than uvicorn's own."""
    for one in LOGGING_CONFIG["formatters"].values():
        one["()"] = formatter


# --- ZeroGPU: its package replaces launch(), so there the app is Gradio's ---


def on_zero_gpu() -> bool:
    """Whether this is a Space whose GPU is lent by the call; such a Space must be started by `launch()`."""
    return lends_gpu() and importlib.util.find_spec("spaces") is not None


def is_in_event() -> bool:
    """Whether this runs for an event, or with a copy of its context: a lent GPU then counts for its visitor."""
    return LocalContext.request.get(None) is not None


def refusal_of(error: Exception) -> tuple[str, str] | None:
    """Title and message of an error that is meant for the screen; None of any other."""
    return (str(error.title), str(error.message)) if isinstance(error, gr.Error) else None


def around_everything(wrap: Callable[[ASGIApp], ASGIApp]) -> Callable[[Starlette], Any]:
    """A lifespan for `launch(app_kwargs=...)` that puts something around the whole of Gradio's app.

    A middleware handed to launch() stands inside Gradio's own, which answer some requests themselves, and inside the
    one that turns an unexpected error into an answer.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        assert app.middleware_stack is not None  # this runs inside it
        app.middleware_stack = wrap(app.middleware_stack)
        yield

    return lifespan


# --- uploads ---


async def form_in_memory(headers: Headers, body: bytes, *, max_files: int, max_fields: int) -> FormData:
    """A multipart body taken apart in memory: Starlette's parser writes files above 1 MB to the disk.

    Raises:
        MultiPartException: It is none, or has more parts than that.
        KeyError: Its headers lack what they must have.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, stream(), max_files=max_files, max_fields=max_fields)
    parser.spool_max_size = len(body) + 1
    return await parser.parse()
