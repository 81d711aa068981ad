"""Check a picture over HTTP: ours, a stranger's, a plain one, a hostile one; nothing kept."""

from __future__ import annotations

import io
import socket
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from pipelines.provenance import marking
from tests.support.png_chunks import replaced
from tests.support.studio import Served, make_portraits

LABEL = "Content credentials (C2PA)"
WATERMARK = "Watermark in the pixels"


@pytest.fixture(scope="module")
def ours(served: Served, http: httpx.Client, loaded) -> bytes:
    """A portrait as a visitor downloads it."""
    visit = served.visit("check")
    portrait = make_portraits(served, "check", loaded, (5,)).portraits[0]
    return http.get(f"/studio/portrait/{visit.key}/{portrait.id}.png?download").content


def ask(http: httpx.Client, data: bytes) -> dict:
    answer = http.post("/studio/check", content=data)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    card = answer.json()
    return {**card, "rows": dict(card["rows"])}


def test_a_downloaded_portrait_is_known_and_told_in_words(http: httpx.Client, served: Served, ours: bytes) -> None:
    card = ask(http, ours)
    assert card["tone"] == "good"
    assert card["title"] == "Made by this studio, unchanged"
    assert card["rows"]["Style"] == served.studio.presets.styles["film-noir"].name, "the name, not the id"
    assert card["rows"]["Seed"] == "5"
    assert "without generative AI" in card["rows"]["What it is"]
    assert card["rows"][LABEL] == "there and intact"


@pytest.mark.slow  # what is found is asked of in tests/provenance/test_checking.py
def test_a_changed_one_is_told(http: httpx.Client, ours: bytes) -> None:
    card = ask(http, replaced(ours, b"iTXt", b'Seed="5"', b'Seed="6"'))
    assert card["tone"] == "warn"
    assert card["title"] == "Not as this studio signed it"
    assert "was changed after this studio signed it" in card["sentence"]
    assert card["rows"]["Seed"] == "5"


def test_a_portrait_that_lost_its_words_is_known_by_its_pixels(http: httpx.Client, ours: bytes) -> None:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(ours)) as picture:
        small = picture.convert("RGB").resize((picture.width // 2, picture.height // 2))
    small.crop((small.width // 10, 0, *small.size)).save(buffer, "JPEG", quality=60)
    card = ask(http, buffer.getvalue())
    assert card["title"] == "Carries this software's watermark"
    assert "no credentials" in card["sentence"]
    assert "without generative AI" in card["rows"][WATERMARK]
    assert card["rows"][LABEL] == "none"
    assert (card["report"]["watermark"], card["report"]["marks"]) == ("filter", ["watermark"]), "as data, for programs"


@pytest.mark.slow  # what is found is asked of in tests/provenance/test_checking.py
def test_a_strangers_signature_is_told(
    http: httpx.Client, face_photo: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("STUDIO_CREDENTIALS_DIR", str(tmp_path / "elsewhere"))
        marking.save(face_photo, tmp_path / "p.png", is_diffusion=True, facts={"Style": "their-own"})
    card = ask(http, (tmp_path / "p.png").read_bytes())
    assert card["title"] == "Signed by somebody who names Self-Portrait Studio"
    assert card["rows"]["Style"] == "their-own"
    assert "not verified" in card["rows"]["Signed by"]


@pytest.mark.slow
def test_a_plain_photo_has_no_marks(http: httpx.Client, photo_bytes: bytes) -> None:
    card = ask(http, photo_bytes)
    assert card["title"] == "No marks were found"
    assert card["rows"][WATERMARK] == "none found"
    assert card["rows"]["File"] == "JPEG, 512 × 512 pixels"


@pytest.mark.parametrize(
    ("body", "word"), [(b"", "empty"), (b"hello" * 100, "not a picture"), (b"\xff\xd8\xff\xe0 cut", "damaged")]
)
def test_a_bad_file_gives_a_sentence(http: httpx.Client, body: bytes, word: str) -> None:
    answer = http.post("/studio/check", content=body)
    assert answer.status_code == 422
    assert word in answer.json()["sentence"]
    assert "Traceback" not in answer.text


def test_a_file_over_the_limit_is_refused(http: httpx.Client) -> None:
    answer = http.post("/studio/check", content=b"\x89PNG" + bytes(41 * 2**20))
    assert answer.status_code == 413
    assert "40 MB" in answer.json()["sentence"]


def test_nothing_of_it_is_kept(served: Served, http: httpx.Client, photo_bytes: bytes) -> None:
    before, temporary = set(served.files()), set(Path(tempfile.gettempdir()).iterdir())
    ask(http, photo_bytes)
    # Portraits of other tests' visitors may come and go meanwhile.
    added = [path for path in set(served.files()) - before if path.exists() and path.parent.parent.name != "portraits"]
    assert added == []
    new = [path for path in set(Path(tempfile.gettempdir()).iterdir()) - temporary if path.is_file()]
    assert not [path for path in new if path.stat().st_size == len(photo_bytes)]


@pytest.mark.slow
def test_slow_senders_keep_nobody_out(served: Served, http: httpx.Client, photo_bytes: bytes) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    head = f"POST /studio/check HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(photo_bytes)}\r\n"
    slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(4)]
    try:
        for one in slow:
            one.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
            assert b"100 Continue" in one.recv(4096)  # the body is awaited
        assert ask(http, photo_bytes)["title"] == "No marks were found"
        for one in slow:
            one.sendall(photo_bytes)
            assert b"200 OK" in one.recv(4096)
    finally:
        for one in slow:
            one.close()


@pytest.mark.slow
def test_two_are_checked_at_once_and_the_next_one_is_told_to_wait(
    http: httpx.Client, photo_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, real = threading.Event(), marking.check
    begun = threading.Semaphore(0)

    def slow(*arguments: Any) -> Any:
        begun.release()
        go.wait(60)
        return real(*arguments)

    with monkeypatch.context() as patches, ThreadPoolExecutor(2) as pool:
        patches.setattr("pipelines.provenance.marking.check", slow)
        held = [pool.submit(http.post, "/studio/check", content=photo_bytes) for _ in range(2)]
        try:
            assert all(begun.acquire(timeout=60) for _ in held)
            answer = http.post("/studio/check", content=photo_bytes)
        finally:
            go.set()
        assert [one.result().status_code for one in held] == [200, 200]
    assert answer.status_code == 503
    assert "moment" in answer.json()["sentence"]
    assert answer.headers["retry-after"] == "1"
    assert ask(http, photo_bytes)["title"] == "No marks were found"


@pytest.mark.slow
def test_places_are_given_back_after_bad_files(http: httpx.Client, ours: bytes) -> None:
    def one(number: int) -> int:
        return http.post("/studio/check", content=b"bad" if number % 2 else ours).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(one, range(12))) <= {200, 422, 503}
    assert ask(http, ours)["tone"] == "good"
