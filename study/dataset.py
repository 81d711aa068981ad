"""A study's data as plain frozen values: all that statistics, exports and reports read.

`study.store.reading.load_dataset` builds one from the store, of one kind of people: simulated ones are never
mixed with participants. Who withdrew is nowhere but in the counts of `departures`. Ids of conditions and questions are
those of the study file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from study.identity import PersonKind
from study.plan.definition import StudyPlan

Side = Literal["left", "right"]
Status = Literal["arrived", "active", "complete", "screened_out", "returned", "timed_out", "rejected"]


@dataclass(frozen=True)
class Timing:
    """When an answer was given.

    Attributes:
        rt_ms: By the page's own clock, from the moment all pictures were decoded and shown, to the answer.
        hidden_ms: Of these, how long the page was hidden (another tab, a locked phone).
        page_ms: performance.now of the answer.
        answered_at: Server time (UTC) at which it was stored.
        changes: How often the choice was changed before it was sent.
        by: "key" or "pointer".
    """

    rt_ms: float
    hidden_ms: float
    page_ms: float
    answered_at: datetime
    changes: int
    by: str


@dataclass(frozen=True)
class Rating:
    """An answer to a likert, choice, number or text question on one portrait.

    Attributes:
        position: Of the portrait in the participant's order, from 1.
        value: As text; `number` where it is one. "" is no answer to an optional question.
    """

    participant: str
    trial: str
    condition: str
    question: str
    position: int
    value: str
    timing: Timing

    @property
    def number(self) -> float | None:
        """The value of a likert or number question."""
        return _number(self.value)


@dataclass(frozen=True)
class Choice:
    """A choice between two portraits.

    Attributes:
        left, right: Ids of the conditions.
        chosen: The side.
        position: Among the pairs of the participant, checks included, from 1.
    """

    participant: str
    trial: str
    question: str
    left: str
    right: str
    chosen: Side
    position: int
    timing: Timing

    @property
    def winner(self) -> str:
        """Id of the condition that was chosen."""
        return self.left if self.chosen == "left" else self.right

    @property
    def loser(self) -> str:
        """Id of the other one."""
        return self.right if self.chosen == "left" else self.left


@dataclass(frozen=True)
class Check:
    """An attention check: the photo beside its own blur."""

    participant: str
    trial: str
    position: int
    chosen: Side
    is_correct: bool
    timing: Timing


@dataclass(frozen=True)
class Reply:
    """An answer of comprehension, screening or questionnaire.

    Attributes:
        attempt: Of comprehension: which try it was, from 1.
        is_correct: Of comprehension: whether it was the right option.
    """

    participant: str
    trial: str
    task: str
    question: str
    position: int
    value: str
    timing: Timing
    attempt: int | None = None
    is_correct: bool | None = None

    @property
    def number(self) -> float | None:
        """The value of a likert or number question."""
        return _number(self.value)


@dataclass(frozen=True)
class GivenConsent:
    """A yes on record. `purposes` says of each purpose that was offered whether it was ticked."""

    participant: str
    granted_at: datetime
    version: str
    language: str
    text_sha256: str
    purposes: dict[str, bool]


@dataclass(frozen=True)
class StoredPortrait:
    """A portrait that a participant saw.

    Attributes:
        name: Of the file, without end, in the participant's folder; says nothing of the condition.
        erased_at: When the file was deleted; None while it lies there.
    """

    participant: str
    condition: str
    name: str
    sha256: str
    engine: str
    seconds: float
    width: int
    height: int
    made_at: datetime
    erased_at: datetime | None


@dataclass(frozen=True)
class Happening:
    """Something on the way: "hidden", "shown", "enlarged", "reduced", "returned", "restarted"."""

    participant: str
    at: datetime
    name: str
    page_ms: float | None
    trial: str | None


@dataclass(frozen=True)
class Person:
    """A participant.

    Attributes:
        id: Keyed hash of their code: 20 hexadecimal digits.
        outcome: Of a complete one "complete" or "failed_attention"; None before the end.
        row: Of the Williams design that they were shown; None in a shuffled order.
        submission: Keyed hash of the recruiter's submission id.
        task: Where they stand: the first task that is not done; "debrief" at the end.
        exclusions: Why the study's own rules leave them out of the main analysis: "failed_attention", "incomplete",
            "fast". Empty for who counts. Nobody is dropped from the data for it.
    """

    id: str
    kind: PersonKind
    status: Status
    outcome: str | None
    row: int | None
    language: str
    submission: str | None
    arrived_at: datetime
    consented_at: datetime | None
    finished_at: datetime | None
    restarts: int
    task: str
    missed_checks: int
    exclusions: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """Whether they are in the main analysis."""
        return not self.exclusions


@dataclass(frozen=True)
class Departure:
    """So many of whom nothing is left.

    Attributes:
        how: "withdrawn", "no_consent", "left_before_consent", "deleted_by_researcher", "deleted_by_age".
        task: Where they stood.
    """

    how: str
    task: str
    on_day: date
    count: int


@dataclass(frozen=True)
class Dataset:
    """All of one frozen version of a study, of one kind of people, as at one moment. Everything in order of time.

    Attributes:
        plan: The study.
        sha256: The frozen hash.
        frozen_at, app_version: Of the lock.
        study_text, analysis_text: The files that were frozen.
        consent_texts: What was agreed to, whole, by its SHA-256: those that somebody in it has agreed to.
    """

    plan: StudyPlan
    sha256: str
    frozen_at: datetime
    app_version: str
    study_text: str
    analysis_text: str
    kind: PersonKind
    read_at: datetime
    people: tuple[Person, ...]
    consents: tuple[GivenConsent, ...]
    portraits: tuple[StoredPortrait, ...]
    ratings: tuple[Rating, ...]
    choices: tuple[Choice, ...]
    checks: tuple[Check, ...]
    replies: tuple[Reply, ...]
    events: tuple[Happening, ...]
    departures: tuple[Departure, ...]
    consent_texts: Mapping[str, str] = field(default_factory=dict)

    def without_excluded(self) -> Dataset:
        """The main analysis: only who counts. Consents, departures and events of others are left out, too."""
        return self.of({one.id for one in self.people if one.counts})

    def of(self, ids: set[str]) -> Dataset:
        """Only some people, as a bootstrap's resample or a report on one needs it."""
        fields = ("consents", "portraits", "ratings", "choices", "checks", "replies", "events")
        kept = {name: tuple(one for one in getattr(self, name) if one.participant in ids) for name in fields}
        people = tuple(one for one in self.people if one.id in ids)
        read = {one.text_sha256 for one in self.consents if one.participant in ids}
        texts = {sha256: text for sha256, text in self.consent_texts.items() if sha256 in read}
        return Dataset(**{**self.__dict__, **kept, "people": people, "consent_texts": texts})


def exclusions_of(plan: StudyPlan, status: str, missed: int, response_ms: list[float]) -> tuple[str, ...]:
    """Why the study's rules leave somebody out.

    Args:
        status: Of the participant.
        missed: Attention checks that were answered wrongly.
        response_ms: Of all their ratings and choices.
    """
    rules, found = plan.exclusion, []
    if rules.incomplete and status != "complete":
        found.append("incomplete")
    if rules.failed_attention and plan.attention is not None and missed >= plan.attention.misses:
        found.append("failed_attention")
    fast = sum(ms < rules.fast_ms for ms in response_ms)
    if response_ms and fast / len(response_ms) > rules.fast_share:
        found.append("fast")
    return tuple(found)


def canonical(rows: list[dict[str, object]]) -> bytes:
    """Rows as bytes that a completion code can be computed of: JSON, keys sorted, UTF-8."""
    return json.dumps(rows, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
