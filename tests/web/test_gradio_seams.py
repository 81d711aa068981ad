"""Each thing that web/gradio_seams.py knows of Gradio's insides; a message says in words what an upgrade broke."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from languages.catalogue import translated
from languages.saying import say, speaking
from tests.support.bare_gradio import THREADS, Served, open_page
from web import gradio_seams as seams
from web.routes import STATIC
from web.shield import known_scripts, page_policy

FRONTEND = Path(gr.__file__).parent / "templates" / "frontend"
# Addresses of Gradio's that the wall leaves closed, as Gradio writes them.
CLOSED = """
    /gradio_api/call/v2/{api_name} /gradio_api/component_server /gradio_api/deep_link /gradio_api/dev/reload
    /gradio_api/custom_component/{id}/{environment}/{type}/{file_name} /gradio_api/file/{path}
    /gradio_api/login_check /gradio_api/openapi.json /gradio_api/process_recording /gradio_api/proxy={url_path}
    /gradio_api/runs /gradio_api/stream/{event_id} /gradio_api/stream/{event_id}/close
    /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file
    /gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8
    /gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}
    /gradio_api/token /gradio_api/undo-vibe-edit /gradio_api/upload_progress /gradio_api/user /gradio_api/vibe-code
    /gradio_api/vibe-edit /gradio_api/vibe-starter-queries /login /logout /monitoring /monitoring/summary
    /monitoring/{key} /gradio_api/call/v2/{api_name}/{event_id}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = tmp_path_factory.mktemp("made") / "portrait.txt"
    made.write_text("a portrait")
    with open_page(tmp_path_factory.mktemp("gradio"), made) as page:
        yield page


def until(true: Callable[[], bool], message: str) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    pytest.fail(message)


def test_all_addresses_are_known(served: Served) -> None:
    assert served.gradio_app is not None
    addresses = served.gradio_app.openapi()["paths"]
    unjudged = {address.rstrip("/") for address in addresses if not is_open(re.sub(r"\{\w+\}", "1", address))}
    assert unjudged == set(CLOSED.split()), (
        "Gradio has other addresses than those that were judged. Decide of each new one whether visitors need it, and "
        "whether it gives them what is another's; then add it to web/gradio_seams.py, or to CLOSED here."
    )


def is_open(path: str) -> bool:
    return any(known.fullmatch(path) for known in (seams.OPEN, seams.UPLOAD, seams.EVENT, seams.STREAM, seams.FILE))


def test_the_addresses_of_events_are_those_that_clients_use(served: Served) -> None:
    served.seen.clear()
    with httpx.Client(base_url=served.url) as http:
        assert served.page.config["api_prefix"] == seams.API, "Gradio's API lies below another prefix."
        assert http.get(seams.STARTUP).is_success, "launch() asks another address whether the app has started."
        assert http.post("/gradio_api/queue/join", json={"data": [], "session_hash": "x"}).status_code != 404
    served.client().predict("a", api_name="/echo")
    paths = [path for path, _ in served.seen]
    assert any(seams.JOIN.fullmatch(path) for path in paths), "Events are asked for at another address."
    assert any(seams.STREAM.fullmatch(path) for path in paths), "Answers of events are read at another address."
    assert served.post("/gradio_api/run/now", "now").json()["data"] == ["now"], "Events past the queue lie elsewhere."
    assert seams.CALL.fullmatch("/gradio_api/run/now")
    stray = [path for path in paths if not is_open(path)]
    assert stray == [], "gradio_client asks for addresses that the wall closes."


@pytest.mark.parametrize("path", ["/monitoring", "/monitoring/summary"])
def test_side_doors(path: str) -> None:
    assert seams.is_side_door(path, {})
    assert seams.is_side_door("/", {"deep_link": ["x"]})
    source = Path(gr.__file__).with_name("routes.py").read_text("utf-8")
    assert "deep_link: str" in source, "Deep links are asked for by another parameter; close that one."
    assert '"/monitoring' in source, "The monitoring has another address; close that one."


def test_events_name_session_and_files_and_answers_hand_them_out(served: Served, tmp_path: Path) -> None:
    photo = tmp_path / "me.txt"
    photo.write_text("a photo")
    served.seen.clear()
    client = served.client()
    client.predict(handle_file(photo), api_name="/file")
    event = next(json.loads(body) for path, body in served.seen if seams.JOIN.fullmatch(path))
    session, _ = seams.names_in(event)
    assert session == client.session_hash, "An event names its session in another field; the wall would not see it."
    named = list(seams.files_in(event["data"]))
    assert [Path(str(path)).name for path in named] == ["me.txt"], "Events name files in another form."

    answer = httpx.post(f"{served.url}/gradio_api/upload", files={"files": ("me.txt", b"a photo")})
    [(thing, path)] = seams.handed_out(answer.content)
    assert (thing, Path(path).is_file()) == (f"upload {path}", True), "Uploads are answered in another form."
    joined = served.post("/gradio_api/queue/join", "echo", "a")
    [(thing, name)] = seams.handed_out(joined.content)
    assert name, "Events are answered in another form; the wall would not know whose they are."
    assert thing == f"event {name}"


def test_addresses_are_taken_out_of_files() -> None:
    event = [{"path": "a", "url": "http://elsewhere.example"}, [{"x": {"url": "http://elsewhere.example"}}]]
    assert list(seams.files_in(event)) == ["a", None]
    assert "elsewhere" not in str(event)


def test_so_many_threads_are_allowed(served: Served) -> None:
    message = "Gradio takes its number of threads from elsewhere: portraits in line would hold up all other events."
    assert served.page.limiter is not None, message
    assert served.page.limiter.total_tokens == THREADS, message
    assert served.page._queue.max_thread_count == THREADS, message


def test_the_queue_says_what_is_open_and_forgets_answers(served: Served) -> None:
    page = served.page
    served.go.clear()
    assert served.post("/gradio_api/queue/join", "wait", session="at-work").is_success
    open_ = [scope["path"] for scope in seams.open_requests(page)]
    assert "/gradio_api/queue/join" in open_, "Open events cannot be counted: one visitor could fill the queue."
    assert "at-work" in seams.sessions_at_work(page), "Nobody knows whose events are at work."
    assert served.post("/gradio_api/queue/join", "echo", "a", session="done").is_success
    until(lambda: "done" not in seams.sessions_at_work(page), "The queue does not say that an event is done.")
    kept = seams.sessions_with_answers(page)
    assert {"at-work", "done"} <= set(kept), "Nobody knows whose answers are kept."
    assert kept.index("at-work") < kept.index("done"), "They are kept in another order."
    assert seams.answers_kept(page) >= 1000, "Gradio keeps the answers of fewer sessions."
    seams.forget_answers(page, "done")
    assert "done" not in seams.sessions_with_answers(page)
    served.go.set()
    until(lambda: "at-work" not in seams.sessions_at_work(page), "The queue does not say that an event is done.")


def test_values_of_sessions_are_forgotten(served: Served) -> None:
    with_values = served.client()
    assert with_values.predict("secret", api_name="/echo") == "secretsecret"
    sessions = served.page.state_holder.session_data.values()
    assert "secret" in str([one.config_values for one in sessions]), "Values of sessions are kept elsewhere: find them."
    seams.forget_values(served.page)
    assert "secret" not in str([one.config_values for one in sessions]), "Pictures of visitors would stay in memory."


def test_copies_of_files_are_found(served: Served) -> None:
    served.client().predict(None, api_name="/file")
    found = list(seams.cached_copies(served.cache, "portrait.txt"))
    assert found, "Gradio's cache has another layout: copies of uploads would lie there until the hourly sweep."


def test_the_template_has_the_scripts_of_the_page(served: Served) -> None:
    page = httpx.get(served.url).text
    inline = re.findall(r"<script(?![^>]*\bsrc=)", page)
    policy = page_policy(page, known_scripts(seams.page_template()))
    assert policy.count("'sha256-") == len(inline) >= 3, (
        "The page has inline scripts that are not in the template as it was read: the Content Security Policy would "
        "not let them run, and the page would stay empty."
    )


def test_errors_are_put_in_our_words(served: Served) -> None:
    client = served.client()
    for event, values, said in (("echo", [], "bad input, path: False"), ("file", ["/etc/passwd"], "path: True")):
        answer = served.post("/gradio_api/queue/join", event, *values, session=f"bad-{event}")
        assert answer.is_success
        stream = httpx.get(f"{served.url}/gradio_api/queue/data?session_hash=bad-{event}").text
        assert said in stream, "Values that cannot be taken are read elsewhere: callers see Gradio's own words."
    with pytest.raises(AppError) as failed:
        client.predict(api_name="/fail")
    assert str(failed.value) == "failed with KeyError", "Events are answered elsewhere: callers see Gradio's own words."


def test_one_page_has_texts_in_every_language() -> None:
    def build() -> seams.ManyTongues:
        with seams.ManyTongues(title="t") as page:
            gr.Textbox(label=f"{say('Cancel')}")
            gr.Button(say("Cancel"))
        page.build = build
        return page

    def words_of(config: dict[str, Any]) -> list[str]:
        props = [one["props"] for one in config["components"]]
        return [one.get("label") or one["value"] for one in props if one["name"] in ("textbox", "button")]

    page = build()
    with speaking("de"):
        texts = words_of(page.config)
    assert texts == [translated("de", "Cancel", "", None)] * 2, "Blocks has its texts elsewhere than in `config`."
    assert words_of(page.config) == ["Cancel"] * 2
    with speaking("de"):
        mine, theirs = page.config, page.get_config_file()
    assert [one["id"] for one in mine["components"]] == [one["id"] for one in theirs["components"]]


def test_an_event_knows_where_it_came_from(served: Served) -> None:
    said = served.client().predict(api_name="/host")
    assert said == "127.0.0.1", "gr.Request holds its HTTP request elsewhere: limits by network would not count."
    assert seams.connection_of(gr.Request(session_hash="made up")) is None


def test_failed_events_are_reported_to_us(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[type[BaseException] | None] = []
    monkeypatch.setattr(traceback, "print_exc", traceback.print_exc)  # put back afterwards
    seams.report_errors(lambda *_, **__: reported.append(sys.exc_info()[0]))
    with pytest.raises(AppError):
        served.client().predict(api_name="/fail")
    assert reported, "Gradio reports failed events in another way, and may print what visitors wrote to the log."


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_launch_logs_with_our_formatter(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ours(logging.Formatter):
        def __init__(self, *_: Any, **__: Any) -> None:
            super().__init__()

    formatters = uvicorn.config.LOGGING_CONFIG["formatters"]
    monkeypatch.setitem(
        uvicorn.config.LOGGING_CONFIG, "formatters", {name: dict(one) for name, one in formatters.items()}
    )
    names = ("uvicorn", "uvicorn.error", "uvicorn.access")
    before = [(logging.getLogger(n), logging.getLogger(n).propagate, logging.getLogger(n).level) for n in names]
    try:
        seams.format_server_log(Ours)
        uvicorn.Config(FastAPI(), log_level="warning")  # as Gradio's http_server.py makes it
        used = [handler.formatter for handler in logging.getLogger("uvicorn").handlers]
        assert used, "uvicorn logs elsewhere"
        assert all(isinstance(one, Ours) for one in used), "uvicorn's log would quote visitors on ZeroGPU."
    finally:
        for logger, propagate, level in before:
            logger.handlers.clear()
            logger.propagate, logger.level = propagate, level


@pytest.mark.parametrize(
    ("value", "installed", "is_so"), [("1", True, True), ("true", True, True), ("1", False, False), ("0", True, False)]
)
def test_zero_gpu(value: str, installed: bool, is_so: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if not Path(one, "spaces").exists()])
    if installed:
        (tmp_path / "spaces.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
    assert seams.on_zero_gpu() is is_so


def test_an_event_is_known_in_its_thread_and_by_a_copy_of_its_context(served: Served) -> None:
    assert not seams.is_in_event(), "Gradio sets a request for everybody; a lent GPU would count for nobody."
    asked = served.client().submit(api_name="/steps")
    assert list(asked) == ["True True"] * 2, (
        "The context of an event no longer holds its request; the package that lends GPUs reads it there, too."
    )


def test_an_error_for_the_screen_has_title_and_message() -> None:
    error = gr.Error("60s requested vs. 30s left", title="ZeroGPU quota exceeded", print_exception=False)
    assert seams.refusal_of(error) == ("ZeroGPU quota exceeded", "60s requested vs. 30s left"), (
        "Errors keep title or message in another place; refusals of the lender are told by them."
    )
    assert seams.refusal_of(ValueError("secret")) is None


def test_the_shield_is_put_around_all_that_gradio_launches() -> None:
    paths: list[str] = []

    def wrap(app: ASGIApp) -> ASGIApp:
        async def around(scope: Scope, receive: Receive, send: Send) -> None:
            paths.append(scope["path"])
            await app(scope, receive, send)

        return around

    with gr.Blocks(analytics_enabled=False) as page:
        gr.Textbox()
    lifespan = seams.around_everything(wrap)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, app_kwargs={"lifespan": lifespan})
    try:
        asked = {"Origin": "http://localhost", "Access-Control-Request-Method": "POST"}
        assert httpx.options(f"{url}config", headers=asked).is_success
    finally:
        page.close(verbose=False)
    assert "/config" in paths, (
        "On ZeroGPU answers that Gradio's own middlewares give would carry no security headers: launch() builds its "
        "middlewares in another way."
    )


def test_forms_are_taken_apart_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def to_the_disk(_: Any) -> None:
        pytest.fail("Starlette's parser writes large files to the disk: a photo would lie there before any check.")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", to_the_disk)
    request = httpx.Request("POST", "http://studio", files={"files": ("me.jpg", b"x" * 3_000_000)})
    headers = Headers(dict(request.headers))

    async def read() -> tuple[str, int]:
        form = await seams.form_in_memory(headers, request.read(), max_files=1, max_fields=1)
        [(_, file)] = form.multi_items()
        assert not isinstance(file, str)
        name, size = file.filename or "", len(await file.read())
        await form.close()
        return name, size

    assert asyncio.run(read()) == ("me.jpg", 3_000_000)


def test_styles_and_scripts_find_what_they_change(served: Served) -> None:
    assets = "".join(
        path.read_text("utf-8", "replace") for path in FRONTEND.glob("assets/*") if path.suffix in (".js", ".css")
    )
    page = httpx.get(served.url).text
    gone = [name for name in seams.CSS_CLASSES if not re.search(rf"[\"'`. ]{name}[\"'`. {{,:)\\]", assets + page)]
    assert gone == [], "studio.css restyles classes that Gradio no longer has; see how the page looks now."
    assert seams.CSS_ATTRIBUTE in assets, "studio.css finds no labels of controls."
    css = (Path(__file__).parents[2] / "ui" / "static" / "studio.css").read_text("utf-8")
    unused = [name for name in seams.CSS_CLASSES if not re.search(rf"\.{name}\b", css)]
    assert unused == [], "These are in the list, and studio.css does not use them any more."


def test_the_toast_of_a_lost_connection_is_known_so_that_nobody_is_asked_before_gradio_reloads_the_page() -> None:
    scripts = "".join(path.read_text("utf-8", "replace") for path in FRONTEND.glob("assets/*.js"))
    ours = (STATIC / "unsaved.js").read_text("utf-8")
    for words in (seams.CONNECTION_LOST, seams.TOASTS):
        assert words in scripts, f"Gradio's page no longer has {words!r}: ui/static/unsaved.js cannot tell its reload"
        assert words in ours
    assert "window.location.reload()" in scripts, "Gradio no longer reloads the page after a lost connection"
