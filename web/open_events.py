"""How many events may be open, asked for and not answered yet, so that one crowd does not shut the others out.

Gradio has one bound for its queue and none for a visitor: whoever asks 512 times fills it for everybody. It also keeps
unread answers of the newest 2,000 sessions only, and drops those of a page whose portrait is still being made.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from languages.saying import say
from web import gradio_seams as seams
from web.owners import Sender

MAX_EVENTS = 512  # in Gradio's queue; the bounds below leave room in it
_FOR_VISITOR = 32  # a page has a few at a time, and one browser may hold several pages
_FOR_NETWORK = 192  # many people can share one
_WITHOUT_CONSENT = 256  # of all together: whoever is at work goes before whoever looks around
_CALLS = 8  # past the queue at the same time: each may draw a preview
_CALLS_FOR_VISITOR = 8
_ASKED = "studio.asked"


class Crowded(Exception):
    """Too many events are open. Its text is for the visitor."""


@dataclass(frozen=True, eq=False)
class _Asked:
    """An event that was asked for; it stays in the scope of its request, which Gradio keeps until the answer."""

    sender: Sender
    agreed: bool


class OpenEvents:
    """Counts open events. All methods belong to the server's event loop.

    Args:
        page: Its queue holds the events.
        agreed: Whether there is a consent for a session.
        visitor: How many events one browser may have open.
        network: How many one network; programs keep no cookie, so theirs are counted so wherever they come from.
        without_consent: How many all sessions without consent together.
    """

    def __init__(
        self,
        page: seams.Page,
        agreed: Callable[[str], bool],
        *,
        visitor: int = _FOR_VISITOR,
        network: int = _FOR_NETWORK,
        without_consent: int = _WITHOUT_CONSENT,
    ) -> None:
        self._page = page
        self._agreed = agreed
        self._visitor = visitor
        self._network = network
        self._without_consent = without_consent
        self._joining: set[_Asked] = set()
        self._calls = asyncio.Semaphore(_CALLS)
        self._calls_of: Counter[str] = Counter()

    @contextmanager
    def joining(self, scope: Scope, sender: Sender, session: str) -> Iterator[None]:
        """While Gradio takes an event into its queue.

        Raises:
            Crowded: A bound is reached.
        """
        asked = _Asked(sender, self._agreed(session))
        self._require_room(asked)
        scope[_ASKED] = asked
        self._joining.add(asked)
        self._keep_answers(session)
        try:
            yield
        finally:
            self._joining.discard(asked)

    async def call(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, sender: Sender) -> None:
        """Answer an event that goes past the queue: these wait for each other and are not refused for others' sake.

        Raises:
            Crowded: Too many of this sender's are open.
        """
        if self._calls_of[sender.counted_as] >= _CALLS_FOR_VISITOR:
            raise Crowded(say("You have asked for too much at once. Wait a moment, then try again."))
        self._calls_of[sender.counted_as] += 1
        try:
            with ExitStack() as slot:
                await self._calls.acquire()
                slot.callback(self._calls.release)

                async def free(message: Message) -> None:
                    slot.close()  # the work is done; whoever reads the answer slowly holds nobody up
                    await send(message)

                await app(scope, receive, free)
        finally:
            self._calls_of -= Counter([sender.counted_as])

    def _require_room(self, new: _Asked) -> None:
        open_ = self._joining.union(scope[_ASKED] for scope in seams.open_requests(self._page) if _ASKED in scope)
        same = sum(one.sender.counted_as == new.sender.counted_as for one in open_)
        if same >= (self._visitor if new.sender.words[0] else self._network):
            raise Crowded(say("You have asked for too much at once. Wait a moment, then try again."))
        near = sum(one.sender.network == new.sender.network for one in open_)
        if new.sender.network and near >= self._network:
            raise Crowded(say("Your network has asked for too much at once. Wait a moment, then try again."))
        if not new.agreed and sum(not one.agreed for one in open_) >= self._without_consent:
            raise Crowded(say("Many visitors are looking around just now. Wait a moment, then try again."))

    def _keep_answers(self, session: str) -> None:
        """Forget unread answers of idle sessions, before Gradio forgets those of the oldest, at work or not."""
        kept = seams.sessions_with_answers(self._page)
        surplus = len(kept) + len(self._joining) - seams.answers_kept(self._page)
        if surplus <= 0 or session in kept:
            return
        busy = seams.sessions_at_work(self._page)
        idle = [one for one in kept if one not in busy]
        without_consent = (one for one in idle if not self._agreed(one))
        with_consent = (one for one in idle if self._agreed(one))
        for one in islice(chain(without_consent, with_consent), surplus):
            seams.forget_answers(self._page, one)
