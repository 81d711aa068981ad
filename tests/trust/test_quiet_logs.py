"""Logs and errors carry no picture, no file name and no words of a visitor's, whatever goes wrong."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipelines.errors import EngineFailed
from tests.support.site import LOOK, Site, Visitor
from tests.support.traces import NAME, WORDS, Traces
from web.logs import DiscreetFormatter, describe

FAILING = Path(__file__).parents[1] / "support" / "failing_app.py"


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The app with an engine whose errors quote all that it was given."""
    site = Site(tmp_path_factory.mktemp("failing"), script=FAILING)
    yield site
    site.close()


@pytest.mark.slow
def test_whatever_fails_the_log_quotes_nobody(failing: Site, photo: bytes, traces: Traces) -> None:
    visitor = Visitor(failing.url)
    visitor.agree()
    file = {"path": visitor.upload(NAME, photo), "orig_name": NAME, "meta": {"_type": "gradio.FileData"}}
    broken = {"path": visitor.upload(NAME, photo[: len(photo) // 2]), "orig_name": NAME, "meta": file["meta"]}
    assert visitor.send_photo(photo[: len(photo) // 2]).status_code == 422
    assert visitor.send_photo(photo).is_success
    said = [
        visitor.call("create", *LOOK, 1, "auto", 5, False, WORDS, False),  # the engine breaks
        visitor.call("create", *LOOK, 1, WORDS, 5, False, WORDS, False),  # no such choice: Gradio's own error
        visitor.call("create", WORDS, WORDS, 0.5, 1, "auto", 5, False, WORDS * 50, False),
        visitor.call("create", {"a": WORDS}, [WORDS], WORDS, WORDS, "auto", WORDS, WORDS, WORDS, WORDS),
        visitor.call("restyle", *LOOK),  # fails unexpectedly, in code of ours
        visitor.call("portrait", broken, *LOOK, 1, 1, "preview"),
        visitor.call("portrait", file, *LOOK, 1, 1, "preview"),
        visitor.call("portrait", None, WORDS, WORDS, 0.5, 1, 1, WORDS),
        visitor.call("portrait", None, WORDS),  # too few values
    ]
    with contextlib.suppress(httpx.RemoteProtocolError):  # Gradio cuts the line to a session that it does not know
        visitor.http.get(f"/gradio_api/queue/data?session_hash={visitor.session}x&name={WORDS}")
    visitor.http.get(f"/studio/portrait/{visitor.key}/{WORDS}.png")
    visitor.http.post("/gradio_api/upload", content=b"--" + photo, headers={"X-Studio-Key": visitor.key})
    for answer in said:  # may say her own words back to her, but nothing of the machine
        assert "Traceback" not in answer
        assert "site-packages" not in answer
        assert str(failing.root) not in answer
    log = failing.log
    assert "RuntimeError" in log, "the operator is told what broke"
    assert "failing_app.py" in log, "and where"
    assert "gradio.exceptions.Error" in log
    assert traces.in_bytes(log.encode()) == []
    for secret in (visitor.session, visitor.key, visitor.cookie, "session_hash", "oil painting"):
        assert secret
        assert secret not in log
    visitor.close()


def test_an_exception_is_told_by_kind_and_place_all_the_way_down() -> None:
    try:
        try:
            raise ValueError(WORDS)
        except ValueError as error:
            raise EngineFailed("Try again.", detail=WORDS) from error
    except EngineFailed as error:
        told = describe(error)
    assert "ValueError" in told
    assert "EngineFailed (engine-failed)" in told
    assert "test_quiet_logs.py" in told
    assert WORDS not in told
    assert describe(OSError(28, WORDS)) == "OSError (ENOSPC)"
    assert describe(ExceptionGroup(WORDS, [KeyError(WORDS)])) == "ExceptionGroup of KeyError"


@pytest.mark.parametrize(
    ("name", "shown"), [("diffusers.pipelines", False), ("asyncio", False), ("visits.folder", True)]
)
def test_only_our_own_messages_are_written_out(name: str, shown: bool) -> None:
    record = logging.LogRecord(name, logging.WARNING, "place.py", 7, "your words: %s", (WORDS,), None)
    line = DiscreetFormatter().format(record)
    assert (WORDS in line) is shown
    assert name in line
