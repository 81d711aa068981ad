"""The store of all studies: who takes part, what they said, and the files of their portraits.

Every public method is one transaction: when it returns, what it says is on the disk; when it raises, nothing changed.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipelines.errors import StudyClosed, StudyElsewhere
from study.identity import Identity, PersonKind
from study.plan.freezing import FrozenStudy
from study.plan.schedule import Trial
from study.store.database import Database
from study.store.files import PictureFiles
from study.store.leaving import Leaving
from study.store.rows import Standing, free_row, held, proven, standing, taken_places
from study.store.tables import (
    AnswerRow,
    CodeRow,
    ConsentRow,
    ConsentTextRow,
    EventRow,
    ParticipantRow,
    PictureRow,
    StudyRow,
)

log = logging.getLogger(__name__)

EventName = Literal["hidden", "shown", "returned", "reloaded", "other_tab", "restarted"]
_MOST_EVENTS = 2000  # of one participant: a page that flickers fills no disk
_ELSEWHERE = "The study goes on in another tab or window; close this one."
_GONE = "Nothing of you is stored here any more. To take part, open your link again."


@dataclass(frozen=True)
class PictureFacts:
    """How a picture was made."""

    engine: str
    seconds: float
    width: int
    height: int


@dataclass(frozen=True)
class Given:
    """What a participant sent for one trial. Checked by study/participation.py."""

    value: str | None
    chosen: Literal["left", "right"] | None
    rt_ms: float
    hidden_ms: float
    page_ms: float
    changes: int
    by: Literal["key", "pointer"]


class StudyStore(Leaving):
    """Safe for many threads, and for several servers on one PostgreSQL.

    Args:
        database: Where rows are.
        folder: Where files of portraits are, private, the operator's.
        identity: Hashes codes.
        now: For tests.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        identity: Identity,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(database, PictureFiles(folder), identity, now)

    # --- studies and codes ---

    def register(self, frozen: FrozenStudy) -> None:
        """Note a frozen version, with its texts; again is no error."""
        with self.database.writing() as session:
            if session.get(StudyRow, frozen.sha256) is None:
                session.add(
                    StudyRow(
                        sha256=frozen.sha256,
                        study_id=frozen.id,
                        version=frozen.plan.version,
                        app_version=frozen.lock.app_version,
                        frozen_at=frozen.lock.frozen_at,
                        study_text=frozen.text,
                        analysis_text=frozen.analysis,
                        retention=frozen.plan.retention,
                    )
                )

    def add_codes(self, study_id: str, codes: Sequence[str]) -> None:
        """Let codes in where the study lists them; known ones are no error."""
        with self.database.writing() as session:
            for hashed in {self.identity.participant(study_id, code) for code in codes}:
                if session.get(CodeRow, hashed) is None:
                    session.add(CodeRow(id=hashed, study_id=study_id))

    def is_listed(self, participant: str) -> bool:
        """Whether a code with this hash was handed out."""
        with self.database.reading() as session:
            return session.get(CodeRow, participant) is not None

    # --- one participant's way ---

    def find(self, participant: str) -> Standing | None:
        """Where somebody stands; None where nothing of them is stored."""
        with self.database.reading() as session:
            row = session.get(ParticipantRow, participant)
            return None if row is None else standing(session, row)

    def arrive(
        self, frozen: FrozenStudy, participant: str, kind: PersonKind, language: str, submission: str | None, tab: str
    ) -> Standing:
        """Note that somebody has come, or has come again; the tab that asked is the one that may answer now."""
        now = self._now()
        with self.database.writing() as session:
            row = session.get(ParticipantRow, participant)
            if row is None:
                row = ParticipantRow(
                    id=participant,
                    study=frozen.sha256,
                    kind=kind,
                    status="arrived",
                    language=language,
                    submission=submission,
                    withdrawal=self.identity.withdrawal_hash(self.identity.withdrawal_code(participant)),
                    restarts=0,
                    arrived_at=now,
                    seen_at=now,
                    tab=self.identity.tab_hash(tab),
                )
                session.add(row)
            else:
                row.tab, row.seen_at = self.identity.tab_hash(tab), now
                if row.status == "arrived":
                    row.language = language
                    row.study = frozen.sha256
            session.flush()
            return standing(session, row)

    def consent(
        self,
        frozen: FrozenStudy,
        participant: str,
        tab: str,
        *,
        document: str,
        purposes: dict[str, bool],
        language: str,
    ) -> Standing:
        """Note a yes, and give the participant a row: the one with the fewest who completed it or are at it.

        Args:
            document: The words that were agreed to.
            purposes: Of each that was offered, whether it was ticked.

        Raises:
            StudyClosed: Enough people have taken part.
        """
        sha256, now = hashlib.sha256(document.encode()).hexdigest(), self._now()
        with self.database.writing() as session:
            # One at a time for each study: SQLite has taken its lock already.
            session.execute(select(StudyRow.sha256).where(StudyRow.sha256 == frozen.sha256).with_for_update())
            row = self._own(session, participant, tab)
            if row.consented_at is None:
                if frozen.plan.places and taken_places(session, frozen, row.kind) >= frozen.plan.places:
                    raise StudyClosed("Enough people have taken part in this study already. Thank you for coming.")
                if session.get(ConsentTextRow, sha256) is None:
                    text = ConsentTextRow(
                        sha256=sha256, language=language, version=frozen.plan.consent.version, text=document
                    )
                    session.add(text)
                    session.flush()
                session.add(
                    ConsentRow(
                        participant=participant,
                        study=frozen.sha256,
                        granted_at=now,
                        text_sha256=sha256,
                        purposes=purposes,
                    )
                )
                row.row = row.seat = free_row(session, frozen, row.kind)
                row.status, row.consented_at, row.study, row.language = "active", now, frozen.sha256, language
            row.seen_at = now
            session.flush()
            return standing(session, row)

    def answer(self, participant: str, tab: str, trial: Trial, given: Given) -> Standing:
        """Store one answer. The same one again is no error: its confirmation was lost on the way. Another one is not
        taken: what was confirmed stays.

        Raises:
            StudyElsewhere: Another tab has taken over.
            StudyClosed: The participant has finished, or is gone.
        """
        with self.database.writing() as session:
            row = self._own(session, participant, tab)
            known = session.scalar(
                select(AnswerRow.id).where(AnswerRow.participant == participant, AnswerRow.trial == trial.key)
            )
            if known is None:
                if row.status != "active":
                    raise StudyClosed("You have finished this study already.")
                session.add(
                    AnswerRow(
                        participant=participant,
                        study=row.study,
                        trial=trial.key,
                        task=trial.task,
                        question=trial.question,
                        position=trial.position,
                        condition=trial.condition,
                        left=trial.left,
                        right=trial.right,
                        chosen=given.chosen,
                        value=given.value,
                        is_correct=given.chosen == trial.correct if trial.is_attention else None,
                        rt_ms=given.rt_ms,
                        hidden_ms=given.hidden_ms,
                        page_ms=given.page_ms,
                        changes=given.changes,
                        by=given.by,
                        answered_at=self._now(),
                    )
                )
            row.seen_at = self._now()
            session.flush()
            return standing(session, row)

    def note(
        self, participant: str, name: EventName, *, page_ms: float | None = None, trial: str | None = None
    ) -> None:
        """Note something that happened on the way."""
        with self.database.writing() as session:
            row = session.get(ParticipantRow, participant)
            many = session.scalar(select(func.count()).where(EventRow.participant == participant)) or 0
            if row is not None and many < _MOST_EVENTS:
                session.add(
                    EventRow(
                        participant=participant,
                        study=row.study,
                        at=self._now(),
                        name=name,
                        page_ms=page_ms,
                        trial=trial,
                    )
                )

    def check_tab(self, participant: str, tab: str) -> None:
        """Raises StudyElsewhere where another tab has taken over, StudyClosed where nobody is left."""
        with self.database.reading() as session:
            self._own(session, participant, tab)

    def finish(
        self, participant: str, status: Literal["complete", "screened_out"], outcome: str, *, keep_portraits: bool
    ) -> Standing:
        """The participant has reached the end. Gives them their completion code, which proves their rows.

        The pictures of checks are deleted, and without `keep_portraits` the portraits too.
        """
        with self.database.writing() as session:
            row = session.get(ParticipantRow, participant)
            if row is None:
                raise StudyClosed(_GONE)
            if row.status == "active":
                now = self._now()
                row.status, row.outcome, row.finished_at, row.seen_at = status, outcome, now, now
                if status != "complete":
                    row.row = None
                session.flush()
                row.completion = self.identity.completion_code(proven(session, row))
                self._mark_erased(session, participant, all_of_them=not keep_portraits)
                session.flush()
            stands = standing(session, row)
        self._delete_erased(participant)
        return stands

    # --- pictures ---

    def put_picture(self, participant: str, what: str, data: bytes, facts: PictureFacts) -> str:
        """Store a portrait, or a picture of a check. Returns the name of its file, which is random.

        Raises:
            StudyStoreError: The file or its row could not be stored.
            StudyClosed: The participant withdrew meanwhile; the file is gone again.
        """
        name = secrets.token_hex(12)
        path = self.files.write(participant, name, data)
        try:
            with self.database.writing() as session:
                row = session.get(ParticipantRow, participant)
                if row is None or row.status != "active":
                    raise StudyClosed(_GONE)
                old = session.scalar(
                    select(PictureRow).where(PictureRow.participant == participant, PictureRow.what == what)
                )
                replaced = None if old is None else old.name
                if old is not None:
                    session.delete(old)
                    session.flush()
                session.add(
                    PictureRow(
                        participant=participant,
                        study=row.study,
                        what=what,
                        name=name,
                        sha256=hashlib.sha256(data).hexdigest(),
                        engine=facts.engine,
                        seconds=facts.seconds,
                        width=facts.width,
                        height=facts.height,
                        made_at=self._now(),
                    )
                )
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if replaced is not None:
            self.files.delete(self.files.path(participant, replaced))
        return name

    # --- what a researcher asks ---

    def held_rows(self, frozen: FrozenStudy, kind: PersonKind = "participant") -> list[tuple[int, int]]:
        """Of each row of the design: how many have completed it, and how many are at it."""
        with self.database.reading() as session:
            return held(session, frozen, kind)

    def verify(self, completion: str) -> tuple[str, bool] | None:
        """Whose completion code it is, and whether their rows are still those that it was computed of.

        None where nobody was given it: it was made up, or its owner withdrew.
        """
        plain = "".join(letter for letter in completion.upper()[:40] if letter.isalnum())
        with self.database.reading() as session:
            row = session.scalar(select(ParticipantRow).where(ParticipantRow.completion == plain))
            if row is None:
                return None
            return row.id, self.identity.completion_code(proven(session, row)) == plain

    # --- inside ---

    def _own(self, session: Session, participant: str, tab: str) -> ParticipantRow:
        row = session.get(ParticipantRow, participant)
        if row is None:
            raise StudyClosed(_GONE)
        if not secrets.compare_digest(row.tab, self.identity.tab_hash(tab)):
            raise StudyElsewhere(_ELSEWHERE)
        return row
