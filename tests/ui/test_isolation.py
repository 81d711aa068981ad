"""Who owns what, and what Gradio remembers of a session. What strangers can reach is tested in tests/trust."""

from __future__ import annotations

import gradio as gr
from gradio_client import Client

from ui.isolation import Owners, forget_values


def test_the_first_who_names_a_thing_owns_it() -> None:
    owners = Owners(limit=3)
    assert owners.claim("session a", "ada")
    assert not owners.claim("session a", "bob")
    assert not owners.claim("session a", "")
    assert owners.owns("session a", "ada")
    assert not owners.owns("session b", "ada")
    assert not owners.owns("session a", "a\udcffda")


def test_what_is_in_use_is_not_forgotten_first() -> None:
    owners = Owners(limit=3)
    for thing in ("a", "b", "c"):
        owners.claim(thing, "ada")
    owners.claim("a", "ada")
    owners.claim("d", "bob")
    assert [owners.owns(thing, "ada") for thing in ("a", "b", "c")] == [True, False, True]


def test_gradio_s_memory_of_a_session_s_values_is_emptied() -> None:
    """It holds on to each session's last values, photos as data: addresses included, for as long as it runs."""
    with gr.Blocks(analytics_enabled=False) as page:
        box = gr.Textbox()
        box.submit(lambda text: text * 2, box, box, api_name="echo")
    page.launch(prevent_thread_lock=True, quiet=True)
    try:
        client = Client(page.local_url, verbose=False)
        assert client.predict("secret", api_name="/echo") == "secretsecret"
        sessions = page.app.state_holder.session_data.values()
        assert "secret" in str([session.config_values for session in sessions])
        forget_values(page)
        assert "secret" not in str([session.config_values for session in sessions])
        assert client.predict("again", api_name="/echo") == "againagain"
        client.close()
    finally:
        page.close(verbose=False)
