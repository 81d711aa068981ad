"""Who sent an event of Gradio's."""

from __future__ import annotations

import gradio as gr

from study.consent_records import NO_WORDS, Words
from visits.studio import Studio
from web.addresses import connection_network
from web.gradio_seams import connection_of
from web.isolation import OWNS, WORDS


def network_of(studio: Studio, request: gr.Request) -> str:
    """Where an event came from, as far as a limit may count for it; "" where that cannot be told."""
    return connection_network(connection_of(request), studio.settings.trusted_proxies)


def owns(request: gr.Request, session: str) -> bool:
    """Whether a session belongs to the browser that sent an event. False where that cannot be told."""
    connection = connection_of(request)
    return connection is not None and OWNS in connection.scope and bool(connection.scope[OWNS](session))


def words_of(request: gr.Request) -> Words:
    """The random words in the cookies of the browser that sent an event; one empty word for programs."""
    connection = connection_of(request)
    return NO_WORDS if connection is None else connection.scope.get(WORDS, NO_WORDS)
