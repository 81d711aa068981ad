"""Who may see pages that are not for visitors: sign-in with limits, sessions in memory, proofs that a form is ours."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from pipelines.errors import TooOften
from web.addresses import is_secure

IDLE_SECONDS, LONGEST_SECONDS = 3600.0, 12 * 3600.0
_MOST_SESSIONS = 200
_FAILURES_OF_NAME, _FAILURES_OF_NETWORK, _FAILURES_TOGETHER = 5, 20, 100
_WINDOW = 900.0  # seconds for which a failure counts
_AT_ONCE = 2  # each try takes 32 MB for a moment


@dataclass
class Session:
    """One signed-in browser. `token` proves that a form is ours; `notice` is shown once, on the next page."""

    name: str
    begun: float
    seen: float
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    notice: str = ""


class Knows(Protocol):
    """Who may come in."""

    def knows(self, name: str, password: str) -> bool:
        """Whether a name and its password are right, told in a time that says nothing of how wrong they are."""
        ...


class Gate:
    """Safe for many threads.

    Args:
        known: Who may come in.
        clock: Seconds that never go back.
        cookie: Its name, one for each kind of page.
    """

    def __init__(
        self, known: Knows, clock: Callable[[], float] = time.monotonic, *, cookie: str = "studio_researcher"
    ) -> None:
        self._known = known
        self._cookie = cookie
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # by the SHA-256 of the cookie's word
        self._failures: dict[str, deque[float]] = {}
        self._lock = threading.Lock()
        self._trying = threading.BoundedSemaphore(_AT_ONCE)

    def sign_in(self, name: str, password: str, network: str) -> str | None:
        """The word for the cookie; None where name or password are wrong. Takes a tenth of a second of work.

        Raises:
            TooOften: Too many wrong tries of that name, from there or of all.
        """
        name = name.strip()[:60]
        keys = {
            f"name {name} {network}": _FAILURES_OF_NAME,
            f"network {network}": _FAILURES_OF_NETWORK,
            "together": _FAILURES_TOGETHER,
        }
        with self._lock:  # counted before the password is looked at: tries at the same moment count too
            now = self._clock()
            self._refuse_often(keys, now)
            for key in keys:
                self._failures.setdefault(key, deque()).append(now)
        with self._trying:
            known = self._known.knows(name, password)
        if not known:
            return None
        with self._lock:
            for key in keys:
                if self._failures.get(key):
                    self._failures[key].pop()
        return self.admit(name)[0]

    def admit(self, name: str) -> tuple[str, Session]:
        """The word for the cookie of somebody whose right to come in was seen otherwise, and their session."""
        word = secrets.token_urlsafe(32)
        with self._lock:
            now = self._clock()
            self._sessions[_hashed(word)] = session = Session(name, now, now)
            while len(self._sessions) > _MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return word, session

    def session(self, request: Request) -> Session | None:
        """Whose browser asks; None for nobody's."""
        word = request.cookies.get(self._name(request), "")
        with self._lock:
            key, now = _hashed(word), self._clock()
            session = self._sessions.get(key)
            if session is None:
                return None
            if now - session.seen > IDLE_SECONDS or now - session.begun > LONGEST_SECONDS:
                del self._sessions[key]
                return None
            session.seen = now
            return session

    def sign_out(self, request: Request) -> None:
        """End the session of a browser."""
        with self._lock:
            self._sessions.pop(_hashed(request.cookies.get(self._name(request), "")), None)

    def set_cookie(self, response: Response, request: Request, word: str) -> Response:
        """Hand the word out, to this site's own pages alone, until the browser is closed."""
        return self._with_cookie(response, request, word, "")

    def drop_cookie(self, response: Response, request: Request) -> Response:
        """Take it back."""
        return self._with_cookie(response, request, "", "; Max-Age=0")

    def _with_cookie(self, response: Response, request: Request, word: str, more: str) -> Response:
        secure = "; Secure" if is_secure(request) else ""
        cookie = f"{self._name(request)}={word}; Path=/; HttpOnly; SameSite=Strict{secure}{more}"
        response.headers.append("Set-Cookie", cookie)
        return response

    def _name(self, request: Request) -> str:
        """What begins with __Host- no neighbouring site can set for this one."""
        return f"__Host-{self._cookie}" if is_secure(request) else self._cookie

    def _refuse_often(self, keys: dict[str, int], now: float) -> None:
        for known in [one for one, times in self._failures.items() if not times or now - times[-1] > _WINDOW]:
            del self._failures[known]
        for key, most in keys.items():
            times = self._failures.get(key, deque())
            while times and now - times[0] > _WINDOW:
                times.popleft()
            if len(times) >= most:
                wait = _WINDOW - (now - times[0])
                minutes = max(1, round(wait / 60))
                raise TooOften(
                    f"There were too many wrong tries. Wait {minutes} minute{'s' * (minutes > 1)}, then try again.",
                    seconds=wait,
                    rule="sign-in",
                )


def proves(session: Session, token: object) -> bool:
    """Whether a form's token is that of the session."""
    return isinstance(token, str) and hmac.compare_digest(token.encode(), session.token.encode())


def is_foreign(request: Request) -> bool:
    """Whether a page of another origin asks, as a browser says it; a link that leads here is no such thing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        navigates = request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
        return site not in ("same-origin", "none") and not navigates
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


def _hashed(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
