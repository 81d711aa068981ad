"""Downloads in the background: started, paused, cancelled and watched from anywhere, one at a time.

A job waits for its turn, asks the hub what there is, and fetches it. It ends as done, failed (with one sentence),
paused or cancelled; each but done can go on, with the byte after the last, also after a restart of the app: what is
unfinished lies in the cache. Knows no HTTP but huggingface_hub's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipelines.errors import Cancelled, PortraitError, RequestInvalid
from pipelines.hub import removing
from pipelines.hub.download import carry_out
from pipelines.hub.offers import Offer
from pipelines.hub.plan import Plan, make_plan
from pipelines.hub.removing import Removal

log = logging.getLogger(__name__)

Status = Literal["waiting", "looking", "running", "paused", "failed", "cancelled", "done"]
AT_WORK: tuple[Status, ...] = ("waiting", "looking", "running")
_RATE_SECONDS = 10.0  # over which the rate is taken
_RATE_STEP = 0.5
_UNEXPECTED = "The download stopped with an unexpected error, which is in the log; start it again to go on."


@dataclass(frozen=True)
class PartProgress:
    """One component of a job: bytes here, and bytes in all."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Progress:
    """A job as it stands at one moment.

    Attributes:
        status: waiting (for another one), looking (at what the hub has), running; paused, failed, cancelled, done.
        words: Why it failed, or what a running one waits for; "" otherwise.
        parts: By component; empty until the hub has been asked.
        rate: Bytes a second of late; 0 where that cannot be told.
        notes: What was taken in place of what, as sentences.
        left_out: What the hub does not give, as sentences.
    """

    status: Status
    words: str = ""
    parts: tuple[PartProgress, ...] = ()
    rate: float = 0.0
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """Bytes that are here, over all parts."""
        return sum(part.done for part in self.parts)

    @property
    def total(self) -> int:
        """Bytes in all."""
        return sum(part.total for part in self.parts)

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None where it cannot be told."""
        return (self.total - self.done) / self.rate if self.rate > 0 and self.status == "running" else None

    @property
    def is_at_work(self) -> bool:
        """Whether something happens or will without anybody doing anything."""
        return self.status in AT_WORK


@dataclass
class _Job:
    """One offer's download. It is its own `Watch`. Everything but `stop` is under the lock of the downloads."""

    offer: Offer
    lock: threading.Lock
    clock: Callable[[], float]
    status: Status = "waiting"
    words: str = ""
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    done: dict[str, int] = field(default_factory=dict)
    total: dict[str, int] = field(default_factory=dict)
    at: str = ""  # the component that is fetched now
    has_moved: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    ends_as: Status = "paused"
    moments: deque[tuple[float, int]] = field(default_factory=deque)

    def moved(self, count: int) -> None:
        """See `Watch`."""
        if self.stop.is_set():
            raise Cancelled("The download was stopped.")
        if not count:
            return
        with self.lock:
            self.words, self.has_moved = "", True
            if self.at in self.done:
                self.done[self.at] += count
            self._note_moment(count)

    def wait(self, seconds: float, reason: str) -> None:
        """See `Watch`."""
        with self.lock:
            self.words = f"{reason}; the next try is in {max(1, round(seconds))} s."
            self.moments.clear()
        if self.stop.wait(seconds):
            raise Cancelled("The download was stopped.")

    def took_up(self, name: str) -> None:
        """A component's turn has come."""
        with self.lock:
            self.at = name

    def planned(self, plan: Plan) -> None:
        """The hub has answered."""
        with self.lock:
            self.total = {piece.component.name: piece.total for piece in plan.pieces}
            self.done = {piece.component.name: piece.total - piece.missing for piece in plan.pieces}
            self.notes, self.left_out = plan.notes, tuple(sentence for _, sentence in plan.left_out)
            self.status, self.words = "running", ""

    def gave_up(self, left_out: tuple[tuple[str, str], ...]) -> None:
        """Parts turned out not to be given."""
        with self.lock:
            self.left_out += tuple(sentence for _, sentence in left_out)
            for name, _ in left_out:
                self.total.pop(name, None)
                self.done.pop(name, None)

    def progress(self) -> Progress:
        """A copy. Under the lock."""
        parts = tuple(PartProgress(name, min(self.done[name], total), total) for name, total in self.total.items())
        rate = self._rate() if self.status == "running" else 0.0
        return Progress(self.status, self.words, parts, rate, self.notes, self.left_out)

    def _note_moment(self, count: int) -> None:
        now = self.clock()
        if self.moments and now - self.moments[-1][0] < _RATE_STEP:
            self.moments[-1] = (self.moments[-1][0], self.moments[-1][1] + count)
        else:
            self.moments.append((now, count))
        while now - self.moments[0][0] > _RATE_SECONDS:
            self.moments.popleft()

    def _rate(self) -> float:
        if not self.moments:
            return 0.0
        seconds = self.clock() - self.moments[0][0]
        return max(0.0, sum(count for _, count in self.moments) / seconds) if seconds >= _RATE_STEP else 0.0


class Downloads:
    """All downloads of this app. Safe for many threads.

    Args:
        offers: What there is, by id.
        on_change: Told when files of an offer have come or gone.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        offers: Mapping[str, Offer],
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.offers = dict(offers)
        self._on_change = on_change
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._line: deque[_Job] = deque()
        self._lock = threading.Lock()
        self._deleting = threading.Lock()
        self._worker: threading.Thread | None = None

    def progress(self, offer_id: str) -> Progress | None:
        """Of an offer's latest download; None where there was none since the start of the app."""
        with self._lock:
            job = self._jobs.get(offer_id)
            return job.progress() if job is not None else None

    def start(self, offer_id: str) -> None:
        """Begin, or go on. One that is at work goes on as it does.

        Raises:
            RequestInvalid: There is no such offer.
        """
        offer = self._offer(offer_id)
        with self._lock:
            job = self._jobs.get(offer_id)
            if job is not None and job.status in AT_WORK and not job.stop.is_set():
                return
            self._jobs[offer_id] = job = _Job(offer, self._lock, self._clock)
            self._line.append(job)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="downloads", daemon=True)
                self._worker.start()

    def pause(self, offer_id: str) -> None:
        """Stop after the piece that is on its way; what is here stays.

        Raises:
            RequestInvalid: There is no such offer.
        """
        self._stop(offer_id, "paused")

    def cancel(self, offer_id: str) -> None:
        """Stop, and throw away what is not whole; files that are whole stay until they are deleted.

        Raises:
            RequestInvalid: There is no such offer.
        """
        self._stop(offer_id, "cancelled")

    def removal(self, offer_id: str) -> Removal:
        """What `delete` would do.

        Raises:
            RequestInvalid: There is no such offer.
        """
        return removing.look(self._offer(offer_id), self.offers.values(), self._at_work())

    def delete(self, offer_id: str) -> int:
        """Delete the files of an offer that no other needs. Returns the bytes that are free now.

        Raises:
            RequestInvalid: There is no such offer, or it is just being downloaded.
            EngineUnavailable: A file cannot be deleted.
        """
        offer = self._offer(offer_id)
        with self._deleting:
            if offer_id in (at_work := self._at_work()):
                raise RequestInvalid("This is just being downloaded; pause or cancel it first.")
            freed = removing.remove(offer, self.offers.values(), at_work)
            with self._lock:
                self._jobs.pop(offer_id, None)
        self._on_change()
        return freed

    def _offer(self, offer_id: str) -> Offer:
        if offer_id not in self.offers:
            raise RequestInvalid(f"There is no such model; choose one of: {', '.join(self.offers)}.")
        return self.offers[offer_id]

    def _at_work(self) -> list[str]:
        with self._lock:
            return [offer_id for offer_id, job in self._jobs.items() if job.status in AT_WORK]

    def _stop(self, offer_id: str, ends_as: Status) -> None:
        offer = self._offer(offer_id)
        with self._lock:
            job = self._jobs.get(offer_id)
            if job is None or job.status == "done":
                return
            if job in self._line:  # its turn has not come
                self._line.remove(job)
                job.status = ends_as
            elif job.status in AT_WORK:
                job.ends_as = ends_as
                job.stop.set()
                return
            elif ends_as == "cancelled":
                job.status, job.words = ends_as, ""
        if ends_as == "cancelled" and not self._at_work():
            removing.drop_unfinished(offer)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._line:
                    self._worker = None
                    return
                job = self._line.popleft()
                job.status = "looking"
            self._run(job)
            if job.has_moved:
                try:
                    self._on_change()
                except Exception:
                    log.exception("what a download brought could not be told on")

    def _run(self, job: _Job) -> None:
        status: Status = "done"
        words = ""
        try:
            plan = make_plan(job.offer.components, job.offer.can_do_without, job)
            job.planned(plan)
            job.gave_up(carry_out(plan, job.offer.can_do_without, job, job.took_up))
            if not job.offer.state().is_usable:
                status, words = "failed", "What came is not complete; start the download again."
        except Cancelled:
            status = job.ends_as
        except PortraitError as error:
            log.warning("a download failed: %s", error)
            status, words = "failed", error.hint
        except Exception:
            log.exception("a download failed, unexpected")
            status, words = "failed", _UNEXPECTED
        if status == "cancelled":
            removing.drop_unfinished(job.offer)
        with self._lock:
            job.status, job.words = status, words
