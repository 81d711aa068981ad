"""Handlers answer by name; what they do not name stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client

from ui.answers import listen


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    def stream() -> Iterator[dict[str, Any]]:
        yield {"second": "new"}
        yield {}

    with gr.Blocks() as page:
        shows = {"first": gr.Textbox("a"), "second": gr.Textbox("b")}
        button = gr.Button()
        listen(button.click, lambda: {}, shows, api_name="nothing")
        listen(button.click, lambda: {}, {"first": shows["first"]}, api_name="nothing_of_one")
        listen(button.click, lambda: {"second": "new"}, shows, api_name="second")
        listen(button.click, stream, shows, api_name="stream")
    _, url, _ = page.queue().launch(prevent_thread_lock=True, quiet=True)
    yield Client(url, verbose=False)
    page.close(verbose=False)


@pytest.mark.parametrize("name", ["/nothing", "/nothing_of_one", "/stream"])
def test_an_answer_that_names_nothing_changes_nothing_and_is_no_error(client: Client, name: str) -> None:
    said = client.predict(api_name=name)
    values = said if isinstance(said, tuple) else (said,)
    assert all(value["__type__"] == "update" and "value" not in value for value in values)


def test_what_is_named_is_shown(client: Client) -> None:
    first, second = client.predict(api_name="/second")
    assert "value" not in first
    assert second == "new"
