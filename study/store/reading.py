"""The one function that builds a `study.dataset.Dataset` from the store, and what it can be asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipelines.errors import StudyError
from study.dataset import (
    Check,
    Choice,
    Dataset,
    Departure,
    GivenConsent,
    Happening,
    Person,
    Rating,
    Reply,
    Side,
    Status,
    StoredPortrait,
    Timing,
    exclusions_of,
)
from study.identity import PersonKind
from study.plan.definition import StudyPlan, said
from study.plan.freezing import parse_plan
from study.plan.schedule import BLURRED, SHARP, next_task, schedule
from study.store.database import Database
from study.store.tables import (
    AnswerRow,
    ConsentRow,
    ConsentTextRow,
    DepartureRow,
    EventRow,
    ParticipantRow,
    PictureRow,
    StudyRow,
)


@dataclass(frozen=True)
class KnownStudy:
    """A frozen version of a study that the store has data of, or could have.

    Attributes:
        title: In its first language; "" where this version of the software cannot read it.
        people: How many, by kind.
    """

    id: str
    title: str
    version: str
    sha256: str
    app_version: str
    frozen_at: datetime
    retention: date
    people: dict[str, int]


def known_studies(database: Database) -> tuple[KnownStudy, ...]:
    """Every version that ever ran here, newest first.

    Raises:
        StudyStoreError: The database does not answer.
    """
    with database.reading() as session:
        studies = session.scalars(select(StudyRow).order_by(StudyRow.frozen_at.desc())).all()
        kinds = Counter(
            (one.study, one.kind) for one in session.execute(select(ParticipantRow.study, ParticipantRow.kind))
        )
    return tuple(
        KnownStudy(
            id=one.study_id,
            title=_title(one),
            version=one.version,
            sha256=one.sha256,
            app_version=one.app_version,
            frozen_at=one.frozen_at,
            retention=one.retention,
            people={kind: count for (study, kind), count in kinds.items() if study == one.sha256},
        )
        for one in studies
    )


def _title(study: StudyRow) -> str:
    try:
        plan = parse_plan(study.study_text, f"{study.study_id}.toml")
    except StudyError:
        return ""
    return said(plan.title, plan.languages[0])


def load_dataset(
    database: Database, sha256: str, kind: PersonKind = "participant", *, now: datetime | None = None
) -> Dataset:
    """All of a frozen version, of one kind of people, read in one transaction.

    Args:
        database: `StudyStore.database`.
        sha256: The frozen hash.
        kind: "participant", "simulated" or "preview".

    Raises:
        StudyError: There is no such version here.
        StudyStoreError: The database does not answer.
    """
    with database.reading() as session:
        study = session.get(StudyRow, sha256)
        if study is None:
            raise StudyError("There is no such version of a study here.")
        plan = parse_plan(study.study_text, f"{study.study_id}.toml")
        rows = _Rows(session, sha256, kind)
    return Dataset(
        plan=plan,
        sha256=sha256,
        frozen_at=study.frozen_at,
        app_version=study.app_version,
        study_text=study.study_text,
        analysis_text=study.analysis_text,
        kind=kind,
        read_at=now or datetime.now(UTC),
        people=tuple(_person(plan, one, rows) for one in rows.people),
        consents=tuple(_consent(one, rows.texts[one.text_sha256]) for one in rows.consents),
        portraits=tuple(_portrait(one) for one in rows.pictures if one.what not in (SHARP, BLURRED)),
        ratings=tuple(_rating(one) for one in rows.answers if one.task == "ratings"),
        choices=tuple(_choice(one) for one in rows.answers if one.task == "pairs" and one.is_correct is None),
        checks=tuple(_check(one) for one in rows.answers if one.task == "pairs" and one.is_correct is not None),
        replies=tuple(_reply(one) for one in rows.answers if one.task not in ("ratings", "pairs")),
        events=tuple(Happening(one.participant, one.at, one.name, one.page_ms, one.trial) for one in rows.events),
        departures=rows.departures,
        consent_texts={sha: rows.texts[sha].text for sha in sorted({one.text_sha256 for one in rows.consents})},
    )


class _Rows:
    """All rows of a version and a kind, with ids as strings and no ties to the session."""

    def __init__(self, session: Session, sha256: str, kind: str) -> None:
        wanted = select(ParticipantRow).where(ParticipantRow.study == sha256, ParticipantRow.kind == kind)
        self.people = session.scalars(wanted.order_by(ParticipantRow.arrived_at, ParticipantRow.id)).all()
        ids = select(ParticipantRow.id).where(ParticipantRow.study == sha256, ParticipantRow.kind == kind)

        def of(table: Any) -> Any:
            return session.scalars(select(table).where(table.participant.in_(ids)).order_by(table.id)).all()

        self.answers: list[AnswerRow] = list(of(AnswerRow))
        self.consents: list[ConsentRow] = list(of(ConsentRow))
        self.pictures: list[PictureRow] = list(of(PictureRow))
        self.events: list[EventRow] = list(of(EventRow))
        self.texts = {one.sha256: one for one in session.scalars(select(ConsentTextRow))}
        gone = select(DepartureRow).where(DepartureRow.study == sha256, DepartureRow.kind == kind)
        counts = Counter((one.how, one.task, one.on_day) for one in session.scalars(gone.order_by(DepartureRow.id)))
        self.departures = tuple(Departure(*what, count) for what, count in counts.items())
        self.answers_of: dict[str, list[AnswerRow]] = defaultdict(list)
        for answer in self.answers:
            self.answers_of[answer.participant].append(answer)
        self.pictures_of: dict[str, set[str]] = defaultdict(set)
        for picture in self.pictures:
            self.pictures_of[picture.participant].add(picture.what)


def _person(plan: StudyPlan, row: ParticipantRow, rows: _Rows) -> Person:
    answers = rows.answers_of[row.id]
    answered, wrong = {one.trial for one in answers}, {one.trial for one in answers if one.is_correct is False}
    missed = sum(one.task == "pairs" and one.is_correct is False for one in answers)
    times = [one.rt_ms for one in answers if one.task in ("ratings", "pairs") and one.is_correct is None]
    planned = None if row.consented_at is None else schedule(plan, row.study, row.id, row.seat, answered, wrong)
    return Person(
        id=row.id,
        kind=cast(PersonKind, row.kind),
        status=cast(Status, row.status),
        outcome=row.outcome,
        row=row.seat,
        language=row.language,
        submission=row.submission,
        arrived_at=row.arrived_at,
        consented_at=row.consented_at,
        finished_at=row.finished_at,
        restarts=row.restarts,
        task=next_task(plan, planned, answered, rows.pictures_of[row.id], wrong),
        missed_checks=missed,
        exclusions=exclusions_of(plan, row.status, missed, times),
    )


def _timing(row: AnswerRow) -> Timing:
    return Timing(row.rt_ms, row.hidden_ms, row.page_ms, row.answered_at, row.changes, row.by)


def _rating(row: AnswerRow) -> Rating:
    condition, value = row.condition or "", row.value or ""
    return Rating(row.participant, row.trial, condition, row.question, row.position, value, _timing(row))


def _choice(row: AnswerRow) -> Choice:
    left, right, chosen = row.left or "", row.right or "", cast(Side, row.chosen)
    return Choice(row.participant, row.trial, row.question, left, right, chosen, row.position, _timing(row))


def _check(row: AnswerRow) -> Check:
    chosen = cast(Side, row.chosen)
    return Check(row.participant, row.trial, row.position, chosen, bool(row.is_correct), _timing(row))


def _reply(row: AnswerRow) -> Reply:
    return Reply(
        participant=row.participant,
        trial=row.trial,
        task=row.task,
        question=row.question,
        position=row.position,
        value=row.value or "",
        timing=_timing(row),
        attempt=int(row.trial.split("-")[1]) if row.task == "comprehension" else None,
        is_correct=row.is_correct,
    )


def _consent(row: ConsentRow, text: ConsentTextRow) -> GivenConsent:
    purposes = {name: bool(ticked) for name, ticked in row.purposes.items()}
    return GivenConsent(row.participant, row.granted_at, text.version, text.language, row.text_sha256, purposes)


def _portrait(row: PictureRow) -> StoredPortrait:
    return StoredPortrait(
        participant=row.participant,
        condition=row.what,
        name=row.name,
        sha256=row.sha256,
        engine=row.engine,
        seconds=row.seconds,
        width=row.width,
        height=row.height,
        made_at=row.made_at,
        erased_at=row.erased_at,
    )
