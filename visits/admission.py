"""How often a visitor may ask, and what is counted when words are refused, for the page and for programs alike."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pipelines.errors import EngineError, TooOften, WordsRefused
from pipelines.schema import PortraitRequest
from study.consent_records import NO_WORDS, Words
from visits.studio import Studio
from visits.visit import Look, Visit


def open_visit(
    studio: Studio,
    session: str | None,
    network: str,
    agreed: object,
    look: Look,
    *,
    returns: bool = False,
    words: Words = NO_WORDS,
) -> Visit:
    """`Visits.open`, with a limit on how many visits one network begins: there is room for so many in all.

    Args:
        network: Where the request came from; "" where that cannot be told, and then no limit counts for it.

    Raises:
        ConsentMissing: As `Visits.open`.
        TooOften: The limit is reached. It is noted in the misuse log.
    """
    if agreed is True and session and not studio.visits.is_open(session):
        try:
            studio.limits.consented(network)
        except TooOften as error:
            studio.pipeline.safety.log.too_often(error.rule, session)
            raise
    return studio.visits.open(session, agreed, look, returns=returns, words=words)


@contextlib.contextmanager
def reading(studio: Studio, network: str, session: str) -> Iterator[None]:
    """Around the review of words that make no portrait yet: counts those that are refused.

    Raises:
        TooOften: Words of this session were refused too often. It is noted in the misuse log.
        WordsRefused: A reviewer does not let the words through.
    """
    with _noted(studio, network, session):
        studio.limits.admit(session, network, portraits=0, words=True)
        yield


@contextlib.contextmanager
def counted(studio: Studio, network: str, wanted: PortraitRequest) -> Iterator[None]:
    """Around the making of portraits: counts them if they may be asked for, and words that are refused.

    Words that are refused make no portrait and count as none; nor do portraits that the engine could not make, or had
    no time for. A picture's refusal is not held against anybody, but its work was done and counts.

    Raises:
        TooOften: A limit is reached. It is noted in the misuse log.
        WordsRefused: A reviewer does not let the visitor's own words through.
    """
    session, words = wanted.consent.session, bool(wanted.extra_prompt.strip())
    with _noted(studio, network, session):
        admission = studio.limits.admit(session, network, portraits=len(wanted.seeds), words=words)
        try:
            yield
        except (EngineError, WordsRefused):
            studio.limits.give_back(admission)
            raise


@contextlib.contextmanager
def _noted(studio: Studio, network: str, session: str) -> Iterator[None]:
    """Who was too often here is in the misuse log, and words that are refused are counted."""
    try:
        yield
    except TooOften as error:
        studio.pipeline.safety.log.too_often(error.rule, session)
        raise
    except WordsRefused:
        studio.limits.refused(session, network)
        raise
