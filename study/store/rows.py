"""What several transactions ask of the rows. Each function works inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from study.dataset import canonical
from study.identity import PersonKind
from study.plan.definition import StudyPlan
from study.plan.freezing import FrozenStudy, parse_plan
from study.plan.schedule import Schedule, next_task, rows_of, schedule
from study.store.tables import AnswerRow, ConsentRow, ParticipantRow, PictureRow, StudyRow


@dataclass(frozen=True)
class Standing:
    """Where a participant stands.

    Attributes:
        study: Frozen hash of the version that they take part in.
        seat: The row of the design that they are shown.
        answered: Keys of trials with an answer.
        pictures: Names of files that are there, by condition.
        purposes: Ids of those that were ticked.
        wrong: Keys of trials with a wrong answer, of comprehension and of attention checks.
        misses: Wrong answers to attention checks.
    """

    id: str
    study: str
    kind: PersonKind
    status: str
    outcome: str | None
    seat: int | None
    language: str
    restarts: int
    arrived_at: datetime
    consented_at: datetime | None
    finished_at: datetime | None
    completion: str | None
    answered: frozenset[str]
    pictures: dict[str, str]
    purposes: tuple[str, ...]
    wrong: frozenset[str]
    misses: int

    def schedule(self, frozen: FrozenStudy) -> Schedule | None:
        """Their schedule; None before the consent."""
        if self.consented_at is None:
            return None
        return schedule(frozen.plan, frozen.sha256, self.id, self.seat, self.answered, self.wrong)


def standing(session: Session, row: ParticipantRow) -> Standing:
    """Where somebody stands."""
    mine = AnswerRow.participant == row.id
    answers = session.execute(select(AnswerRow.trial, AnswerRow.task, AnswerRow.is_correct).where(mine)).all()
    wrong = [one for one in answers if one.is_correct is False]
    there = PictureRow.participant == row.id, PictureRow.erased_at.is_(None)
    pictures = session.execute(select(PictureRow.what, PictureRow.name).where(*there))
    purposes = session.scalar(select(ConsentRow.purposes).where(ConsentRow.participant == row.id)) or {}
    return Standing(
        id=row.id,
        study=row.study,
        kind=cast(PersonKind, row.kind),
        status=row.status,
        outcome=row.outcome,
        seat=row.seat,
        language=row.language,
        restarts=row.restarts,
        arrived_at=row.arrived_at,
        consented_at=row.consented_at,
        finished_at=row.finished_at,
        completion=row.completion,
        answered=frozenset(one.trial for one in answers),
        pictures={row.what: row.name for row in pictures},
        purposes=tuple(name for name, ticked in purposes.items() if ticked),
        wrong=frozenset(one.trial for one in wrong),
        misses=sum(one.task == "pairs" for one in wrong),
    )


def held(session: Session, frozen: FrozenStudy, kind: str) -> list[tuple[int, int]]:
    """Of each row of the design: how many have completed it and count, and how many are at it."""
    counts = [[0, 0] for _ in range(rows_of(frozen.plan))]
    asked = (
        select(ParticipantRow.row, ParticipantRow.status, ParticipantRow.outcome, func.count())
        .where(ParticipantRow.study == frozen.sha256, ParticipantRow.kind == kind, ParticipantRow.row.is_not(None))
        .group_by(ParticipantRow.row, ParticipantRow.status, ParticipantRow.outcome)
    )
    for row, status, outcome, count in session.execute(asked):
        if row is None:
            continue
        if status == "active":
            counts[row][1] += count
        elif outcome == "complete" or not frozen.plan.exclusion.failed_attention:
            counts[row][0] += count
    return [(done, at_it) for done, at_it in counts]


def free_row(session: Session, frozen: FrozenStudy, kind: str) -> int | None:
    """The row that has been completed, or is being done, by the fewest; of equal ones the least completed, then the
    first. Whoever leaves or stays away frees theirs, so that in the end only completed ones are counted."""
    counts = held(session, frozen, kind)
    if not counts:
        return None
    return min(range(len(counts)), key=lambda one: (sum(counts[one]), counts[one][0], one))


def taken_places(session: Session, frozen: FrozenStudy, kind: str) -> int:
    """How many have completed the study or are at it; 0 of previews and simulated people, who take nobody's place."""
    if kind != "participant":
        return 0
    asked = select(func.count()).where(
        ParticipantRow.study == frozen.sha256,
        ParticipantRow.kind == kind,
        ParticipantRow.status.in_(("active", "complete")),
    )
    return session.scalar(asked) or 0


def proven(session: Session, row: ParticipantRow) -> bytes:
    """What a completion code proves: all answers and the consent of a participant."""
    mine = select(AnswerRow).where(AnswerRow.participant == row.id).order_by(AnswerRow.trial)
    hidden = {"id", "participant"}
    rows = [_plain(one, hidden) for one in session.scalars(mine)]
    consent = session.scalar(select(ConsentRow).where(ConsentRow.participant == row.id))
    rows += [_plain(consent, hidden)] if consent is not None else []
    return canonical([{"participant": row.id, "study": row.study, "outcome": row.outcome}, *rows])


def task_of(session: Session, row: ParticipantRow, study: StudyRow, plan: StudyPlan | None = None) -> str:
    """The task at which somebody stands."""
    plan = plan or parse_plan(study.study_text, f"{study.study_id}.toml")
    mine = AnswerRow.participant == row.id
    answered = set(session.scalars(select(AnswerRow.trial).where(mine)))
    wrong = set(session.scalars(select(AnswerRow.trial).where(mine, AnswerRow.is_correct.is_(False))))
    planned = None
    if row.consented_at is not None:
        planned = schedule(plan, row.study, row.id, row.seat, answered, wrong)
    pictures = set(session.scalars(select(PictureRow.what).where(PictureRow.participant == row.id)))
    return next_task(plan, planned, answered, pictures, wrong)


def keeps_portraits(session: Session, row: ParticipantRow) -> bool:
    """Whether a participant's consent lets portraits stay after they have finished."""
    purposes = session.scalar(select(ConsentRow.purposes).where(ConsentRow.participant == row.id)) or {}
    study = session.get_one(StudyRow, row.study)
    plan = parse_plan(study.study_text, f"{study.study_id}.toml")
    return plan.keeps_portraits([name for name, ticked in purposes.items() if ticked])


def _plain(row: Any, hidden: set[str]) -> dict[str, object]:
    values = {column.name: getattr(row, column.key) for column in row.__table__.columns if column.name not in hidden}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
