"""Who owns what, and what Gradio remembers of a session. What strangers can reach is tested in tests/trust."""

from __future__ import annotations

import gradio as gr
from gradio_client import Client

from web.gradio_seams import forget_values
from web.owners import Owners, Sender

ADA, BOB, PROGRAM = Sender(("ada",)), Sender(("bob",)), Sender(("",), "192.0.2.1")


def owners(*in_use: str, limit: int = 3, each: int = 3) -> Owners:
    return Owners(in_use.__contains__, limit, each)


def test_the_first_who_names_a_thing_owns_it() -> None:
    known = owners()
    assert known.claim("a", ADA)
    assert not known.claim("a", BOB)
    assert not known.claim("a", PROGRAM)
    assert not known.claim("a", Sender(("a\udcffda",)))
    assert known.claim("a", ADA)
    known.give("a", "event 1")
    assert known.owns("event 1", ADA)
    assert not known.owns("event 1", BOB)
    assert not known.owns("event 2", ADA)
    known.claim("b", BOB)
    known.give("b", "event 1")
    assert known.owns("event 1", ADA), "it stays hers"


def test_what_is_in_use_is_not_forgotten_first() -> None:
    known = owners()
    for session in ("a", "b", "c"):
        known.claim(session, ADA)
        known.give(session, f"event {session}")
    known.claim("a", ADA)
    known.claim("d", BOB)
    assert [known.owns(f"event {session}", ADA) for session in ("a", "b", "c")] == [True, False, True]


def test_a_session_with_consent_is_never_forgotten_whatever_is_named_after_it() -> None:
    known = owners("a", "b", limit=50, each=20)
    known.claim("a", ADA)
    known.claim("b", PROGRAM)
    for number in range(1000):
        known.claim(f"one each {number}", Sender((f"guess {number}",)))
        known.claim(f"many {number}", PROGRAM._replace(network="192.0.2.7"))
        known.claim(f"more {number}", PROGRAM)
    assert not known.claim("a", BOB)
    assert not known.claim("b", BOB)
    assert known.claim("a", ADA)
    assert known.claim("b", PROGRAM)


def test_whoever_names_many_sessions_forgets_their_own() -> None:
    known = owners(limit=50, each=20)
    known.claim("a", ADA)
    for number in range(1000):
        known.claim(f"b{number}", BOB)
        known.claim(f"c{number}", PROGRAM)
    assert not known.claim("a", BOB)
    assert not known.claim("b999", ADA)
    assert known.claim("b0", ADA), "which is nobody's now"


def test_where_all_are_in_use_the_newest_is_kept_too() -> None:
    known = Owners(lambda session: session != "new", limit=2, each=2)
    for session in ("a", "b", "c", "new"):
        known.claim(session, ADA)
    assert not known.claim("new", BOB)


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
