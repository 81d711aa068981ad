"""How often a visitor may ask, and what is counted when words are refused, for the page and for programs alike."""

from __future__ import annotations

import gradio as gr
from starlette.requests import HTTPConnection

from pipelines.errors import TooOften, WordsRefused
from pipelines.safety.addresses import client_network
from pipelines.schema import PortraitRequest
from ui.errors import sentence
from ui.studio import Studio


def network_of(request: gr.Request, trusted_proxies: int) -> str:
    """Where an event came from, as far as a limit may count for it; "" where that cannot be told."""
    return connection_network(request.request, trusted_proxies)


def connection_network(connection: HTTPConnection | None, trusted_proxies: int) -> str:
    """As `network_of`, of a request that Gradio has not seen."""
    if connection is None or connection.client is None:
        return ""
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    return client_network(connection.client.host, forwarded, trusted_proxies)


def admit(studio: Studio, request: gr.Request, wanted: PortraitRequest) -> None:
    """Count a request for portraits whose words pass; one whose words are refused makes none and counts as none.

    Raises:
        TooOften: A limit is reached. It is noted in the misuse log.
        WordsRefused: A reviewer does not let the visitor's own words through.
    """
    session = wanted.consent.session
    network = network_of(request, studio.limits.settings.trusted_proxies)
    try:
        if wanted.extra_prompt.strip():
            studio.limits.admit(session, network, portraits=0, words=True)
            studio.pipeline.safety.require_words(wanted.extra_prompt, session)
        studio.limits.admit(session, network, portraits=len(wanted.seeds))
    except TooOften as error:
        studio.pipeline.safety.log.too_often(error.rule, session)
        raise


def note(studio: Studio, request: gr.Request, error: Exception) -> None:
    """Count an error that refused a visitor's words. Others, a picture's refusal too, are not held against anybody."""
    if isinstance(error, WordsRefused) and request.session_hash:
        studio.limits.refused(request.session_hash, network_of(request, studio.limits.settings.trusted_proxies))


def explain(error: Exception) -> str:
    """The sentence for the visitor, with the words that it is about where words were refused."""
    words = sentence(error)
    return f"{words} It is about “{error.found}”." if isinstance(error, WordsRefused) and error.found else words
