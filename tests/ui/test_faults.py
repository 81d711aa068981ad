"""What breaks in the middle of a request: the visitor gets a sentence, keeps everything, and the next request works."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from pipelines import heavy, worker
from pipelines.errors import EngineFailed, PhotoUnreadable, SaveError
from pipelines.photo.opening import open_photo
from pipelines.portrait_request import build_request
from pipelines.results import PortraitSet
from pipelines.schema import PortraitRequest, StepCallback
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.fakes import FakeEngine, FakeEngines
from tests.support.studio import LOOK, Served, create, with_photo
from tests.support.sweeps import sweep
from ui.portrait_handlers import PortraitHandlers
from web.calls import KEY_HEADER

FULL = OSError(errno.ENOSPC, "No space left on device")
SESSION = "faults"


def raising(error: BaseException) -> Callable[[StepCallback], None]:
    def fault(_: StepCallback) -> None:
        raise error

    return fault


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch, served: Served) -> Iterator[Callable[..., None]]:
    """Let the next engine be one that breaks once, and the one after it be whole."""
    pipeline = served.studio.pipeline

    def arrange(fault: Callable[[StepCallback], None]) -> None:
        left = [True]

        def once(on_step: StepCallback) -> None:
            if left:
                left.clear()
                fault(on_step)

        pipeline.close()
        monkeypatch.setattr(pipeline.workshop.easels[""], "engines", FakeEngines(FakeEngine(once)))

    yield arrange
    pipeline.close()


@pytest.fixture
def handlers(served: Served, photo_bytes: bytes) -> Iterator[PortraitHandlers]:
    made = PortraitHandlers(served.studio)
    with_photo(served, made, SESSION, photo_bytes)
    yield made
    served.studio.visits.forget(SESSION)


@pytest.fixture
def photo_bytes(face_photo: Image.Image, tmp_path: Path) -> bytes:
    face_photo.save(tmp_path / "face.jpg")
    return (tmp_path / "face.jpg").read_bytes()


def torch_out_of_memory() -> BaseException:
    return heavy.load("torch").OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def opencv_out_of_memory() -> BaseException:
    return cv2.error("(-4:Insufficient memory) Failed to allocate 34359738368 bytes in function 'OutOfMemoryError'")


@pytest.mark.parametrize(
    ("make", "words"),
    sweep(
        [
            (torch_out_of_memory, "memory"),
            (MemoryError, "memory"),
            (lambda: RuntimeError("boom"), "Something went wrong on our side. Please try again"),
            (opencv_out_of_memory, "memory"),
            (lambda: EngineFailed("The engine stopped; try again."), "The engine stopped; try again."),
        ],
        3,
        several=True,
    ),
)
def test_an_engine_that_breaks_gives_a_sentence_and_the_next_one_works(
    served: Served,
    handlers: PortraitHandlers,
    breaks: Callable[..., None],
    make: Callable[[], BaseException],
    words: str,
) -> None:
    breaks(raising(make()))
    *_, last = create(handlers, SESSION)
    assert words in last["notice"]
    assert 'role="alert"' in last["notice"]
    assert last["create"]["interactive"] is True
    visit, _ = served.studio.visits.require(SESSION)
    assert visit.photo is not None
    assert not list(served.studio.pipeline.folder(SESSION).glob("*"))
    assert list(create(handlers, SESSION))[-1]["results"]["portraits"], "Try again works"


def test_memory_that_runs_out_before_the_engine_begins_is_told_too(
    served: Served,
    handlers: PortraitHandlers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> Any:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr("pipelines.self_portrait.JobStudio", fail)
        *_, last = create(handlers, SESSION)
    assert "memory" in last["notice"]
    assert list(create(handlers, SESSION))[-1]["results"]["portraits"]


def test_an_engine_that_hangs_is_set_aside_and_the_line_goes_on(
    served: Served,
    handlers: PortraitHandlers,
    breaks: Callable[..., None],
) -> None:
    wake, pipeline = threading.Event(), served.studio.pipeline
    breaks(lambda _: wake.wait() and None)
    wanted = request_in(served)
    with pytest.raises(EngineFailed, match="does not answer"):
        list(worker.run(pipeline, wanted, patience=worker.Patience(silence=0.5, stopping=0.2)))
    assert made(pipeline, wanted), "the next in line has an engine of its own"
    before = set(pipeline.folder(SESSION).glob("*"))
    hung = next(thread for thread in threading.enumerate() if thread.name == "portrait")
    wake.set()
    hung.join(60)
    assert set(pipeline.folder(SESSION).glob("*")) == before, "what it makes after all is not kept"


def test_cancel_of_an_engine_that_hangs_comes_back(
    served: Served,
    handlers: PortraitHandlers,
    breaks: Callable[..., None],
) -> None:
    wake, stop = threading.Event(), threading.Event()

    def hang(on_step: StepCallback) -> None:
        on_step(0, 1, None)
        wake.wait()

    breaks(hang)
    wanted = request_in(served)
    events = worker.run(
        served.studio.pipeline, wanted, stop=stop, patience=worker.Patience(silence=600.0, stopping=0.2)
    )
    next(events)
    stop.set()
    with pytest.raises(EngineFailed, match="does not answer"):
        next(events)
    wake.set()
    assert made(served.studio.pipeline, wanted)


def test_a_disk_that_fills_up_while_a_portrait_is_written(
    served: Served,
    handlers: PortraitHandlers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        written(path, data[: len(data) // 2])  # as a disk does that is full in the middle
        raise FULL

    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", full)
        *_, last = create(handlers, SESSION, variations=2)
    assert "disk is full" in last["notice"]
    assert not list(served.studio.pipeline.folder(SESSION).rglob("*")), "no half a portrait is left"
    assert list(create(handlers, SESSION))[-1]["results"]["portraits"]


def test_no_folder_can_be_made_on_a_full_disk(
    served: Served,
    handlers: PortraitHandlers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise FULL

    wanted = request_in(served)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "mkdir", full)
        with pytest.raises(SaveError, match="disk is full"):
            made(served.studio.pipeline, wanted)
    assert made(served.studio.pipeline, wanted)


@pytest.mark.parametrize(
    "where", ["PIL.Image.open", "pipelines.photo.decoding._flatten", "pipelines.photo.vision.detect_faces"]
)
def test_a_photo_that_does_not_fit_into_memory_is_not_called_damaged(
    photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(where, fail)
        with pytest.raises(PhotoUnreadable, match="memory"):
            open_photo(photo_bytes)
    assert open_photo(photo_bytes).faces


def test_photos_that_wait_to_be_opened_keep_no_file_of_the_page_waiting(
    served: Served,
    photo_bytes: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, opened, real = threading.Event(), threading.Event(), Image.open

    def slow(*arguments: Any, **options: Any) -> Image.Image:
        opened.set()
        go.wait(60)
        return real(*arguments, **options)

    visit = served.visit("waiting-photos")
    monkeypatch.setattr("PIL.Image.open", slow)

    async def work() -> list[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=served.url, timeout=120, limits=limits) as client:
            headers = {KEY_HEADER: visit.key}
            sent = [
                asyncio.create_task(client.post("/studio/photo", content=photo_bytes, headers=headers))
                for _ in range(60)
            ]
            try:
                while not opened.is_set():
                    await asyncio.sleep(0.05)
                await asyncio.sleep(1.0)  # for the others to be taken in
                assert (await client.get("/studio/static/studio.css", timeout=20)).is_success
            finally:
                go.set()
            return [(await one).status_code for one in sent]

    # The last that was asked for is taken in; those before it are told that they are not.
    codes = asyncio.run(work())
    assert 200 in codes
    assert set(codes) <= {200, 409}


def test_a_program_that_asks_too_often_is_refused_before_its_photo_is_unpacked(
    served: Served,
    photo_bytes: bytes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photo_bytes)
    client = Client(served.url, verbose=False, download_files=str(tmp_path))
    try:
        client.headers[KEY_HEADER] = client.predict(True, api_name="/consent")["key"]
        limits = served.studio.limits
        limits.admit(client.session_hash, portraits=limits.settings.portraits_per_minute)
        opened: list[object] = []
        with monkeypatch.context() as patches:
            patches.setattr("PIL.Image.open", lambda *arguments, **_: opened.append(arguments))
            with pytest.raises(AppError, match="as many portraits as a minute allows"):
                client.predict(handle_file(photo), LOOK[0], api_name="/portrait")
        assert not opened
        assert served.studio.uploads.files(client.session_hash) == []
    finally:
        client.close()


def request_in(served: Served) -> PortraitRequest:
    """A request for one portrait of the visit's photo."""
    visit, consent = served.studio.visits.require(SESSION)
    return build_request(photo=visit.photo, style_id=LOOK[0], seeds=(1,), model_id="preview", consent=consent)


def made(pipeline: SelfPortraitPipeline, wanted: PortraitRequest) -> bool:
    *_, result = worker.run(pipeline, wanted)
    return isinstance(result, PortraitSet) and all(portrait.path.exists() for portrait in result.portraits)
