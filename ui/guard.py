"""How often a visitor may ask, and what is counted when words are refused, for the page and for programs alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import gradio as gr
from starlette.requests import HTTPConnection

from pipelines.errors import EngineError, TooOften, WordsRefused
from pipelines.safety.addresses import client_network
from pipelines.safety.limits import Admission
from pipelines.schema import PortraitRequest
from ui.errors import sentence
from ui.studio import Studio
from ui.visit import Choice, Visit


def network_of(request: gr.Request, trusted_proxies: int) -> str:
    """Where an event came from, as far as a limit may count for it; "" where that cannot be told."""
    return connection_network(request.request, trusted_proxies)


def connection_network(connection: HTTPConnection | None, trusted_proxies: int) -> str:
    """As `network_of`, of a request that Gradio has not seen."""
    if connection is None or connection.client is None:
        return ""
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    return client_network(connection.client.host, forwarded, trusted_proxies)


def open_visit(studio: Studio, request: gr.Request, agreed: object, choice: Choice) -> Visit:
    """`Visits.open`, with a limit on how many visits one network begins: there is room for so many in all.

    Raises:
        ConsentMissing: As `Visits.open`.
        TooOften: The limit is reached. It is noted in the misuse log.
    """
    session = request.session_hash
    if agreed is True and session and not studio.visits.is_open(session):
        try:
            studio.limits.consented(network_of(request, studio.limits.settings.trusted_proxies))
        except TooOften as error:
            studio.pipeline.safety.log.too_often(error.rule, session)
            raise
    return studio.visits.open(session, agreed, choice)


@contextlib.contextmanager
def counted(studio: Studio, request: gr.Request, wanted: PortraitRequest) -> Iterator[None]:
    """Around the making of portraits: counts them if they may be asked for, and words that are refused.

    Words that are refused make no portrait and count as none; nor do portraits that the engine could not make, or had
    no time for. A picture's refusal is not held against anybody, but its work was done and counts.

    Raises:
        TooOften: A limit is reached. It is noted in the misuse log.
        WordsRefused: A reviewer does not let the visitor's own words through.
    """
    session = wanted.consent.session
    network = network_of(request, studio.limits.settings.trusted_proxies)
    try:
        admission = _admit(studio, session, network, wanted)
        try:
            yield
        except EngineError:
            studio.limits.give_back(admission)
            raise
    except TooOften as error:
        studio.pipeline.safety.log.too_often(error.rule, session)
        raise
    except WordsRefused:
        studio.limits.refused(session, network)
        raise


def _admit(studio: Studio, session: str, network: str, wanted: PortraitRequest) -> Admission:
    if wanted.extra_prompt.strip():
        studio.limits.admit(session, network, portraits=0, words=True)
        studio.pipeline.safety.require_words(wanted.extra_prompt, session)
    return studio.limits.admit(session, network, portraits=len(wanted.seeds))


def explain(error: Exception) -> str:
    """The sentence for the visitor, with the words that it is about where words were refused."""
    words = sentence(error)
    return f"{words} It is about “{error.found}”." if isinstance(error, WordsRefused) and error.found else words
