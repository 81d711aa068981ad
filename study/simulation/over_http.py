"""Simulated people who take part over HTTP, as browsers do: link, consent, photo, portraits, answer by answer.

The page is blind, so what a picture shows is looked up in the person's own schedule, which follows from store and hash.
Their codes are marked under the operator's key: the store keeps them apart, and no participant can come as one.
"""

from __future__ import annotations

import io
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

import httpx
from PIL import Image
from skimage import data as pictures

from pipelines.errors import StudyError
from study.plan.freezing import FrozenStudy
from study.plan.schedule import Schedule
from study.simulation.people import Said, SimulatedPerson, World
from study.store.store import StudyStore

_TAB_HEADER = "x-study-tab"
_PATIENCE = 600.0  # seconds for which a person sees no change while they wait for portraits
_LOOK_EVERY = 0.3
_OTHER_STORE = "This store is not the studio's: simulate on the machine on which it runs."


def simulate(
    address: str,
    frozen: FrozenStudy,
    store: StudyStore,
    count: int,
    *,
    world: World | None = None,
    at_once: int = 1,
    told: Callable[[int], None] = lambda done: None,
) -> list[float]:
    """Let people take part. The first trouble of anybody ends it for all; what they said until then stays.

    Args:
        address: Of the studio, without a path: "http://127.0.0.1:7860".
        store: That of the studio: the key in its folder marks the codes.
        count: How many.
        world: What they prefer; left out, conditions in the order of the study, half a logit apart.
        at_once: How many are at it at the same time.
        told: Hears how many are through; called from several threads, one at a time.

    Returns:
        How many seconds each took, from the link to the end, the fastest first.

    Raises:
        StudyError: The studio does not answer, or refuses something.
    """
    world = world or World.evenly(frozen.plan)
    photo = sitter()
    run = secrets.token_hex(4)
    over, lock = threading.Event(), threading.Lock()
    took: list[float] = []

    def take_part(number: int) -> None:
        begun = time.monotonic()
        code = store.identity.marked_code("simulated", f"{run}-{number}")
        _Visitor(address, frozen, store, code, over).take_part(SimulatedPerson(world, f"{run} {number}"), photo)
        with lock:
            took.append(time.monotonic() - begun)
            told(len(took))

    with ThreadPoolExecutor(min(at_once, count)) as pool:
        try:
            people = [pool.submit(take_part, number) for number in range(count)]
            wait(people, return_when=FIRST_EXCEPTION)
        finally:
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
    troubles = [one.exception() for one in people if not one.cancelled()]
    for trouble in sorted((one for one in troubles if one is not None), key=lambda one: isinstance(one, _Stopped)):
        raise trouble
    return sorted(took)


def sitter() -> bytes:
    """The photo that they give: Eileen Collins (NASA, public domain), as a JPEG."""
    out = io.BytesIO()
    Image.fromarray(pictures.astronaut()).save(out, "JPEG", quality=92)
    return out.getvalue()


class _Stopped(StudyError):
    """Somebody else had trouble."""


class _Visitor:
    """One browser with one tab, which is closed when `over` is set."""

    def __init__(self, address: str, frozen: FrozenStudy, store: StudyStore, code: str, over: threading.Event) -> None:
        self._frozen, self._store, self._code, self._over = frozen, store, code, over
        self._participant = store.identity.participant(frozen.id, code)
        self._place = f"/study/{frozen.id}"
        self._http = httpx.Client(base_url=address, timeout=120.0, follow_redirects=True, trust_env=False)
        self._tab = secrets.token_urlsafe(24)
        self._seen: set[str] = set()  # pictures that were fetched

    def take_part(self, person: SimulatedPerson, photo: bytes) -> None:
        """From the link to the end."""
        plan = self._frozen.plan
        with self._http:
            self._ask("GET", "", params={plan.recruiting.participant: self._code})
            self._require_mark()
            screen = self._post("enter", {"language": plan.languages[0]})
            if screen["task"] == "information":
                ticks = {one.id: True for one in plan.consent.purposes}
                screen = self._post("consent", {"purposes": ticks, "sha256": screen["consent"]["sha256"]})
            while screen["task"] not in ("debrief", "screened_out"):
                sits = screen["task"] in ("photo", "portraits")
                screen = self._sit(photo) if sits else self._answer(screen, person)

    def _sit(self, photo: bytes) -> dict[str, Any]:
        """Give the photo, confirm it where the studio asks, and wait for the portraits."""
        self._ask("POST", "/photo", content=photo)
        screen = self._post("portraits", {})
        changed = time.monotonic()
        while screen["task"] in ("photo", "portraits"):
            if screen.get("said"):
                raise StudyError(f"A simulated person got no portrait: {screen['said']}")
            if time.monotonic() - changed > _PATIENCE:
                raise StudyError("A simulated person saw nothing happen for ten minutes and went away.")
            self._over.wait(_LOOK_EVERY)
            before, screen = screen, self._ask("GET", "/progress").json()
            changed = changed if screen == before else time.monotonic()
        return screen

    def _answer(self, screen: Mapping[str, Any], person: SimulatedPerson) -> dict[str, Any]:
        trial = self._schedule().trial(screen["trial"]["key"])
        if trial is None:
            raise StudyError("The studio runs another version of this study; simulate there.")
        shown = {screen["trial"].get(side) for side in ("picture", "left", "right")} - {None}
        for name in shown - self._seen:
            self._ask("GET", f"/picture/{name}.webp")
        self._seen |= shown
        given = person.answer(self._frozen.plan, trial)
        sent = {"trial": trial.key, "rt_ms": given.rt_ms, "hidden_ms": 0, "page_ms": given.rt_ms, "changes": 0}
        value = {"chosen": given.chosen} if given.chosen is not None else {"value": self._written(trial, given)}
        return self._post("answer", {**sent, **value, "by": "pointer"})

    def _written(self, trial: Any, given: Said) -> str:
        """As the page sends it: a choice by the place of its option."""
        question = self._frozen.plan.question(trial.task, trial.question)
        if question.kind == "choice":
            return str([one.id for one in question.options].index(given.value or ""))
        return given.value or ""

    def _schedule(self) -> Schedule:
        standing = self._store.find(self._participant)
        planned = standing.schedule(self._frozen) if standing is not None else None
        if planned is None:
            raise StudyError(_OTHER_STORE)
        return planned

    def _require_mark(self) -> None:
        """That the studio took the code for a simulated person's: by another key it would be a participant's. Nothing
        is stored before `enter`, so that none of them is among the participants then."""
        found = {
            self._store.identity.read_pass(self._frozen.id, value.partition("|")[0])
            for value in self._http.cookies.values()
        }
        if (self._participant, "simulated") not in found:
            raise StudyError(_OTHER_STORE)

    def _post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("POST", f"/{name}", json=body).json()
        return found

    def _ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        if self._over.is_set():
            raise _Stopped("The simulation was stopped.")
        try:
            answer = self._http.request(method, f"{self._place}{path}", headers={_TAB_HEADER: self._tab}, **sent)
        except httpx.HTTPError as error:
            raise StudyError("The studio does not answer at this address; start it, then try again.") from error
        if answer.is_error:
            try:
                words = str(answer.json()["sentence"])
            except (ValueError, KeyError, TypeError):
                words = f"it answered {answer.status_code}"
            raise StudyError(f"The studio refused a simulated person: {words}")
        return answer
