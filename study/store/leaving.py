"""How people leave a study: by their own wish, by staying away, by a researcher's word, and by age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from study.identity import Identity
from study.plan.freezing import FrozenStudy
from study.plan.schedule import BLURRED, SHARP
from study.store.database import Database
from study.store.files import PictureFiles
from study.store.rows import keeps_portraits, task_of
from study.store.tables import AnswerRow, CodeRow, ConsentRow, DepartureRow, ParticipantRow, PictureRow, StudyRow

How = Literal["withdrawn", "no_consent", "left_before_consent", "deleted_by_researcher", "deleted_by_age"]
_YOUNG_SECONDS = 3600.0  # so long a file may lie there before its row is written


class Leaving:
    """The part of the store that frees places and deletes.

    Args:
        database: Where rows are.
        files: Of the participants' pictures.
        identity: Hashes codes.
        now: For tests.
    """

    def __init__(
        self, database: Database, files: PictureFiles, identity: Identity, now: Callable[[], datetime]
    ) -> None:
        self.database, self.files, self.identity = database, files, identity
        self._now = now

    def release(self, participant: str, status: Literal["returned", "timed_out", "rejected"]) -> None:
        """Free the row of somebody who does not go on, or whose submission was rejected. What they said stays."""
        with self.database.writing() as session:
            row = session.get(ParticipantRow, participant)
            if row is not None:
                row.status, row.row, row.finished_at = status, None, row.finished_at or self._now()
                self._mark_erased(session, participant, all_of_them=not keeps_portraits(session, row))
        self._delete_erased(participant)

    def restart(self, participant: str) -> None:
        """Delete what a participant said and all pictures, and let them begin anew. Their row is free for others."""
        with self.database.writing() as session:
            row = session.get(ParticipantRow, participant)
            if row is not None:
                for table in (AnswerRow, ConsentRow, PictureRow):
                    session.execute(delete(table).where(table.participant == participant))
                row.status, row.row, row.seat, row.consented_at, row.outcome = "arrived", None, None, None, None
                row.restarts += 1
        self.files.delete_all(participant)

    def by_withdrawal_code(self, code: str) -> str | None:
        """The participant with a withdrawal code, however it was typed."""
        with self.database.reading() as session:
            hashed = self.identity.withdrawal_hash(code)
            return session.scalar(select(ParticipantRow.id).where(ParticipantRow.withdrawal == hashed))

    def erase(self, participant: str, how: How) -> bool:
        """Delete everything about somebody: rows, files, and what the database's log still holds. Counts it, without
        saying who. Returns whether there was anybody.

        Raises:
            StudyStoreError: The rows are still there, or the rows are gone and a file is left, which `sweep` deletes.
        """
        with self.database.writing() as session:
            row = session.get(ParticipantRow, participant)
            if row is not None:
                self._erase_rows(session, row, how)
        if row is not None:
            self.database.forget_the_log()
            self.files.delete_all(participant)
        return row is not None

    def sweep(self, frozen: Sequence[FrozenStudy]) -> None:
        """What time does: places of those who stay away are freed, and what has reached its last day is deleted.

        Args:
            frozen: The studies that run. The last day of others stands in the database.
        """
        now = self._now()
        with self.database.writing() as session:
            for study in frozen:
                before = now - timedelta(hours=study.plan.resume.hours)
                late = select(ParticipantRow).where(ParticipantRow.study == study.sha256)
                for row in session.scalars(
                    late.where(ParticipantRow.status == "active", ParticipantRow.consented_at < before)
                ):
                    row.status, row.row, row.finished_at = "timed_out", None, now
                    self._mark_erased(session, row.id, all_of_them=not keeps_portraits(session, row))
                for row in session.scalars(
                    late.where(ParticipantRow.status == "arrived", ParticipantRow.seen_at < before)
                ):
                    self._erase_rows(session, row, "left_before_consent")
            over = select(StudyRow.sha256).where(StudyRow.retention < now.date())
            aged = session.scalars(select(ParticipantRow).where(ParticipantRow.study.in_(over))).all()
            for row in aged:
                self._erase_rows(session, row, "deleted_by_age")
            last_days = select(StudyRow.study_id).group_by(StudyRow.study_id)
            ended = last_days.having(func.max(StudyRow.retention) < now.date())
            session.execute(delete(CodeRow).where(CodeRow.study_id.in_(ended)))
        if aged:
            self.database.forget_the_log()
        self.files.sweep(self._names, now.timestamp() - _YOUNG_SECONDS)

    def _erase_rows(self, session: Session, row: ParticipantRow, how: How) -> None:
        study = session.get_one(StudyRow, row.study)
        # Whoever says no has read the information and stands at the consent, which the server is not told of.
        task = "consent" if how == "no_consent" else task_of(session, row, study)
        session.add(DepartureRow(study=row.study, kind=row.kind, how=how, task=task, on_day=self._now().date()))
        session.execute(delete(ParticipantRow).where(ParticipantRow.id == row.id))

    def _mark_erased(self, session: Session, participant: str, *, all_of_them: bool) -> None:
        going = update(PictureRow).where(PictureRow.participant == participant, PictureRow.erased_at.is_(None))
        if not all_of_them:
            going = going.where(PictureRow.what.in_((SHARP, BLURRED)))
        session.execute(going.values(erased_at=self._now()))

    def _delete_erased(self, participant: str) -> None:
        with self.database.reading() as session:
            gone = PictureRow.participant == participant, PictureRow.erased_at.is_not(None)
            names = session.scalars(select(PictureRow.name).where(*gone)).all()
        for name in names:
            self.files.delete(self.files.path(participant, name))

    def _names(self, participant: str) -> set[str] | None:
        """Of the files that are to be there; None where nobody is left."""
        with self.database.reading() as session:
            if session.get(ParticipantRow, participant) is None:
                return None
            there = PictureRow.participant == participant, PictureRow.erased_at.is_(None)
            return set(session.scalars(select(PictureRow.name).where(*there)))
