"""The tables of all studies of one operator. A change here needs a migration (study/store/migrations)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, MetaData, String, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets the zone, which is given back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON}  # noqa: RUF012  # SQLAlchemy reads it so


class StudyRow(Base):
    """One frozen version of a study, with its texts, so that data say what they were gathered with."""

    __tablename__ = "studies"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    study_id: Mapped[str] = mapped_column(String(40), index=True)
    version: Mapped[str] = mapped_column(String(20))
    app_version: Mapped[str] = mapped_column(String(40))
    frozen_at: Mapped[datetime]
    study_text: Mapped[str] = mapped_column(Text)
    analysis_text: Mapped[str] = mapped_column(Text)
    retention: Mapped[date]


class ParticipantRow(Base):
    """One person (or simulated one) in one study. The id is a keyed hash of their code; the code is nowhere.

    Attributes:
        kind: "participant", "simulated" or "preview".
        status: "arrived" (no consent yet), "active", "complete", "screened_out", "returned", "timed_out", "rejected".
        outcome: Of a complete one: "complete" or "failed_attention"; of others as their status.
        row: Of the Williams design; None before the consent, in a shuffled order, and once it was freed.
        seat: The row that they were shown, which stays when `row` was freed: the schedule follows from it.
        tab: Hash of the key of the tab that may answer now.
    """

    __tablename__ = "participants"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study: Mapped[str] = mapped_column(ForeignKey("studies.sha256"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), index=True)
    outcome: Mapped[str | None] = mapped_column(String(20))
    row: Mapped[int | None]
    seat: Mapped[int | None]
    language: Mapped[str] = mapped_column(String(2))
    submission: Mapped[str | None] = mapped_column(String(32))
    withdrawal: Mapped[str] = mapped_column(String(64), unique=True)
    tab: Mapped[str] = mapped_column(String(64))
    restarts: Mapped[int]
    arrived_at: Mapped[datetime]
    consented_at: Mapped[datetime | None]
    seen_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    completion: Mapped[str | None] = mapped_column(String(16), index=True)


class ConsentTextRow(Base):
    """The words that somebody agreed to."""

    __tablename__ = "consent_texts"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    language: Mapped[str] = mapped_column(String(2))
    version: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)


class ConsentRow(Base):
    """A yes. `purposes` says of each purpose that was offered whether it was ticked."""

    __tablename__ = "consents"
    id: Mapped[int] = mapped_column(primary_key=True)
    participant: Mapped[str] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"), unique=True)
    study: Mapped[str] = mapped_column(String(64))
    granted_at: Mapped[datetime]
    text_sha256: Mapped[str] = mapped_column(ForeignKey("consent_texts.sha256"))
    purposes: Mapped[dict[str, Any]]


class PictureRow(Base):
    """A portrait, or a picture of an attention check. The file may be gone while the row stays (`erased_at`)."""

    __tablename__ = "pictures"
    __table_args__ = (UniqueConstraint("participant", "what"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    participant: Mapped[str] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"))
    study: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(32), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    engine: Mapped[str] = mapped_column(String(80))
    seconds: Mapped[float]
    width: Mapped[int]
    height: Mapped[int]
    made_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class AnswerRow(Base):
    """One answer, committed by itself.

    Attributes:
        value: Of a rating or a question, as text: "5", "young", free words; "" is no answer to an optional one.
        chosen: Of a pair: "left" or "right".
        rt_ms: From the moment at which all pictures were decoded and shown to the answer, by performance.now.
        hidden_ms: Of these, how long the page was hidden.
        page_ms: performance.now of the answer.
        changes: How often the choice was changed before it was sent.
        by: "key" or "pointer".
    """

    __tablename__ = "answers"
    __table_args__ = (UniqueConstraint("participant", "trial"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    participant: Mapped[str] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"))
    study: Mapped[str] = mapped_column(String(64), index=True)
    trial: Mapped[str] = mapped_column(String(40))
    task: Mapped[str] = mapped_column(String(20))
    question: Mapped[str] = mapped_column(String(40))
    position: Mapped[int]
    condition: Mapped[str | None] = mapped_column(String(40))
    left: Mapped[str | None] = mapped_column(String(40))
    right: Mapped[str | None] = mapped_column(String(40))
    chosen: Mapped[str | None] = mapped_column(String(5))
    value: Mapped[str | None] = mapped_column(Text)
    is_correct: Mapped[bool | None]
    rt_ms: Mapped[float]
    hidden_ms: Mapped[float]
    page_ms: Mapped[float]
    changes: Mapped[int]
    by: Mapped[str] = mapped_column(String(10))
    answered_at: Mapped[datetime]


class EventRow(Base):
    """Something that happened on the way: the page hidden or shown, pictures enlarged, a return."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    participant: Mapped[str] = mapped_column(ForeignKey("participants.id", ondelete="CASCADE"), index=True)
    study: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    name: Mapped[str] = mapped_column(String(20))
    page_ms: Mapped[float | None]
    trial: Mapped[str | None] = mapped_column(String(40))


class DepartureRow(Base):
    """Somebody of whom nothing is left, counted without saying who.

    Attributes:
        how: "withdrawn", "no_consent", "left_before_consent", "deleted_by_researcher", "deleted_by_age".
        task: Where they stood.
    """

    __tablename__ = "departures"
    id: Mapped[int] = mapped_column(primary_key=True)
    study: Mapped[str] = mapped_column(ForeignKey("studies.sha256"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    how: Mapped[str] = mapped_column(String(30))
    task: Mapped[str] = mapped_column(String(20))
    on_day: Mapped[date]


class CodeRow(Base):
    """A participant's code that was handed out, as its keyed hash."""

    __tablename__ = "codes"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[str] = mapped_column(String(40), index=True)
