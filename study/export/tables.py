"""A dataset as tables: one row a person, a trial, an event, a portrait, a consent; the frozen hash in every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from study.dataset import Check, Choice, Dataset, Rating, Reply, Timing
from study.export.codebook import Cell, Column, Table
from study.plan.definition import Question, StudyPlan, said

_SIDES = {"left": "the picture on the left", "right": "the picture on the right"}
_STATUS = {
    "arrived": "opened the link and has not consented",
    "active": "has consented and is at it",
    "complete": "reached the end",
    "screened_out": "does not fit the study, by an answer of the screening, or had the comprehension wrong too often",
    "returned": "gave the place back",
    "timed_out": "stayed away longer than the study allows",
    "rejected": "was rejected by a researcher",
}
_EXCLUSIONS = {
    "incomplete": "did not reach the end",
    "failed_attention": "missed as many attention checks as the study allows none to miss",
    "fast": "gave too large a share of the answers too fast",
}
_DEPARTURES = {
    "withdrawn": "took the consent back",
    "no_consent": "said no",
    "left_before_consent": "left without saying yes or no",
    "deleted_by_researcher": "was deleted by a researcher",
    "deleted_by_age": "reached the last day of keeping",
}


def tables_of(data: Dataset, *, exclude: bool = False) -> tuple[Table, ...]:
    """All tables of a dataset.

    Args:
        exclude: Leave out whom the study's rules exclude; by default they are in, with the rule beside them.
    """
    chosen = data.without_excluded() if exclude else data
    common = _common(data)
    return tuple(
        _with(common, data, table)
        for table in (
            _participants(chosen),
            _trials(chosen),
            _portraits(chosen),
            _consents(chosen),
            _events(chosen),
            _departures(data),
        )
    )


def _common(data: Dataset) -> tuple[Column, ...]:
    kinds = {
        "participant": "a person who took part",
        "simulated": "nobody: made up by this software",
        "preview": "a researcher who tried the study",
    }
    return (
        Column(
            "study_sha256", "The frozen hash of study, analysis plan and software.", levels={data.sha256: data.plan.id}
        ),
        Column("kind", "Whose row it is.", levels=kinds),
    )


def _with(common: tuple[Column, ...], data: Dataset, table: Table) -> Table:
    given: dict[str, Cell] = {"study_sha256": data.sha256, "kind": data.kind}
    rows = tuple({"row_id": f"{table.name}-{number}", **given, **row} for number, row in enumerate(table.rows, 1))
    key = Column("row_id", "Names the row within its table.")
    return Table(table.name, table.about, (key, *common, *table.columns), rows)


def _person_column() -> Column:
    return Column("participant", "A number for the person: a keyed hash, from which nobody is found without the key.")


def _conditions(plan: StudyPlan) -> dict[str, str]:
    return {one.id: f"style {one.style}, scene {one.scene}, engine {one.engine}" for one in plan.conditions}


def _participants(data: Dataset) -> Table:
    rows: list[Mapping[str, Cell]] = [
        {
            "participant": one.id,
            "status": one.status,
            "outcome": one.outcome,
            "counts": one.counts,
            "exclusions": ";".join(one.exclusions) or None,
            "design_row": one.row,
            "language": one.language,
            "submission": one.submission,
            "arrived_at": one.arrived_at,
            "consented_at": one.consented_at,
            "finished_at": one.finished_at,
            "restarts": one.restarts,
            "task_reached": one.task,
            "missed_checks": one.missed_checks,
        }
        for one in data.people
    ]
    rules = "; ".join(f"{name}: {meaning}" for name, meaning in _EXCLUSIONS.items())
    columns = (
        _person_column(),
        Column("status", "Where the person stands.", levels=_STATUS),
        Column("outcome", "Of who reached the end: complete or failed_attention; of others as their status."),
        Column("counts", "Whether the person is in the main analysis.", "yes-no"),
        Column("exclusions", f"Rules of the study that leave the person out, joined by a semicolon. {rules}."),
        Column("design_row", "Row of the Williams design, from 0; missing where each order is shuffled.", "integer"),
        Column("language", "In which the study was shown."),
        Column("submission", "A keyed hash of the recruiter's submission."),
        Column("arrived_at", "When the link was opened.", "time"),
        Column("consented_at", "When the person said yes.", "time"),
        Column("finished_at", "When the end was reached, or the place was freed.", "time"),
        Column("restarts", "How often the person began anew.", "integer"),
        Column(
            "task_reached",
            "The first task that is not done; debrief at the end.",
            levels=dict.fromkeys(data.plan.tasks, ""),
        ),
        Column("missed_checks", "Attention checks that were answered wrongly.", "integer"),
    )
    return Table("participants", "One row is one person.", columns, tuple(rows))


def _trials(data: Dataset) -> Table:
    tasks = {
        "comprehension": "a question on the information, whose right answer is known",
        "screening": "a question before the study",
        "ratings": "a question on one portrait",
        "pairs": "a choice between two portraits",
        "attention": "an attention check among the pairs: the photo beside a blurred copy of it",
        "questionnaire": "a question after the portraits",
    }
    conditions = _conditions(data.plan)
    columns = (
        _person_column(),
        Column("trial", "Names the trial within the person's schedule."),
        Column("task", "What was asked for.", levels=tasks),
        Column("question", f"Id of the question. {_questions(data.plan)}"),
        Column(
            "position",
            "Of a rating, the portrait's place in the person's order; else the trial's own; from 1.",
            "integer",
        ),
        Column("condition", "Of a rating: the portrait's condition.", levels=conditions),
        Column("left", "Of a pair: the condition on the left.", levels=conditions),
        Column("right", "Of a pair: the condition on the right.", levels=conditions),
        Column("chosen", "Of a pair or a check: the side that was chosen.", levels=_SIDES),
        Column("winner", "Of a pair: the condition that was chosen.", levels=conditions),
        Column("value", "Of a rating or a question: the answer as text."),
        Column("number", "The answer where it is a number.", "number"),
        Column("attempt", "Of a question of comprehension: which try at all of them it was, from 1.", "integer"),
        Column(
            "is_correct",
            "Of a check: whether the sharp picture was chosen; of comprehension: whether the answer was right.",
            "yes-no",
        ),
        Column(
            "rt_ms",
            "From the moment all pictures were decoded and shown to the answer, by the page's clock.",
            "number",
            "ms",
        ),
        Column("hidden_ms", "Of rt_ms, how long the page was hidden.", "number", "ms"),
        Column("page_ms", "The page's clock at the answer (performance.now).", "number", "ms"),
        Column("answered_at", "When the server stored it.", "time"),
        Column("changes", "How often the choice was changed before it was sent.", "integer"),
        Column("by", "How it was given.", levels={"key": "by keyboard", "pointer": "by mouse or finger"}),
    )
    names = [column.name for column in columns]
    rows = tuple({name: row.get(name) for name in names} for row in _trial_rows(data))
    return Table("trials", "One row is one answer.", columns, rows)


def _trial_rows(data: Dataset) -> Iterator[dict[str, Cell]]:
    everything: list[Rating | Choice | Check | Reply] = [*data.ratings, *data.choices, *data.checks, *data.replies]
    for one in sorted(everything, key=lambda one: (one.timing.answered_at, one.participant, one.trial)):
        row: dict[str, Cell] = {"participant": one.participant, "trial": one.trial, "position": one.position}
        row |= _timing(one.timing)
        if isinstance(one, Rating):
            row |= {"task": "ratings", "question": one.question, "condition": one.condition}
            row |= {"value": one.value, "number": one.number}
        elif isinstance(one, Choice):
            row |= {"task": "pairs", "question": one.question, "left": one.left, "right": one.right}
            row |= {"chosen": one.chosen, "winner": one.winner}
        elif isinstance(one, Check):
            row |= {"task": "attention", "question": "attention", "chosen": one.chosen, "is_correct": one.is_correct}
        else:
            row |= {"task": one.task, "question": one.question, "value": one.value, "number": one.number}
            row |= {"attempt": one.attempt, "is_correct": one.is_correct}
        yield row


def _timing(timing: Timing) -> dict[str, Cell]:
    return {
        "rt_ms": timing.rt_ms,
        "hidden_ms": timing.hidden_ms,
        "page_ms": timing.page_ms,
        "answered_at": timing.answered_at,
        "changes": timing.changes,
        "by": timing.by,
    }


def _questions(plan: StudyPlan) -> str:
    """Every question with its words, in the first language of the study."""
    language = plan.languages[0]
    found = [f"{one.id} (pairs): {said(one.text, language)}" for one in plan.pair_questions]
    for task, questions in plan.asked.items():
        found += [f"{one.id} ({task}): {said(one.text, language)}{_scale(one, language)}" for one in questions]
    return " ".join(found)


def _scale(question: Question, language: str) -> str:
    if question.kind == "likert" and question.low is not None and question.high is not None:
        return f" [1 {said(question.low, language)} ... {question.points} {said(question.high, language)}]"
    if question.kind == "choice":
        right = "" if question.right is None else f"; right: {question.right}"
        return f" [{'; '.join(f'{one.id}: {said(one.text, language)}' for one in question.options)}{right}]"
    return ""


def _portraits(data: Dataset) -> Table:
    columns = (
        _person_column(),
        Column("condition", "Of a rating: the portrait's condition.", levels=_conditions(data.plan)),
        Column("file", "Name of the portrait's file in the person's folder."),
        Column("file_sha256", "SHA-256 of the file."),
        Column("engine", "What made it."),
        Column("seconds", "How long it took.", "number", "s"),
        Column("width", "Of the picture.", "integer", "px"),
        Column("height", "Of the picture.", "integer", "px"),
        Column("made_at", "When it was made.", "time"),
        Column("erased_at", "When the file was deleted; missing while it is there.", "time"),
    )
    rows = tuple(
        {
            "participant": one.participant,
            "condition": one.condition,
            "file": one.name,
            "file_sha256": one.sha256,
            "engine": one.engine,
            "seconds": one.seconds,
            "width": one.width,
            "height": one.height,
            "made_at": one.made_at,
            "erased_at": one.erased_at,
        }
        for one in data.portraits
    )
    return Table("portraits", "One row is one portrait that a person saw.", columns, rows)


def _consents(data: Dataset) -> Table:
    purposes = {
        f"purpose_{one.id.replace('-', '_')}": said(one.label, data.plan.languages[0])
        for one in data.plan.consent.purposes
    }
    columns = (
        _person_column(),
        Column("granted_at", "When the person said yes.", "time"),
        Column("consent_version", "Of the consent text."),
        Column("consent_language", "Of the consent text."),
        Column("consent_sha256", "SHA-256 of the words that were agreed to."),
        *(Column(name, f"Whether this was ticked: {words}", "yes-no") for name, words in purposes.items()),
    )
    rows = tuple(
        {
            "participant": one.participant,
            "granted_at": one.granted_at,
            "consent_version": one.version,
            "consent_language": one.language,
            "consent_sha256": one.text_sha256,
            **{f"purpose_{p.id.replace('-', '_')}": one.purposes.get(p.id) for p in data.plan.consent.purposes},
        }
        for one in data.consents
    )
    return Table("consents", "One row is one consent.", columns, rows)


def _events(data: Dataset) -> Table:
    names = {
        "hidden": "the page was hidden",
        "shown": "the page was shown again",
        "enlarged": "the portrait, or both of a pair, were enlarged",
        "reduced": "they were shown as before again",
        "returned": "the person came back",
        "restarted": "the person began anew",
    }
    columns = (
        _person_column(),
        Column("event", "What happened.", levels=names),
        Column("at", "When, by the server.", "time"),
        Column("page_ms", "The page's clock at the answer (performance.now).", "number", "ms"),
        Column("trial", "Names the trial within the person's schedule."),
    )
    rows = tuple(
        {"participant": one.participant, "event": one.name, "at": one.at, "page_ms": one.page_ms, "trial": one.trial}
        for one in data.events
    )
    return Table("events", "One row is something that happened on the way.", columns, rows)


def _departures(data: Dataset) -> Table:
    columns = (
        Column("how", "Why nothing is left of these people.", levels=_DEPARTURES),
        Column(
            "task_reached",
            "The first task that is not done; debrief at the end.",
            levels=dict.fromkeys(data.plan.tasks, ""),
        ),
        Column("on_day", "On which day (UTC).", "day"),
        Column("people", "How many.", "integer"),
    )
    rows: Iterable[Mapping[str, Cell]] = (
        {"how": one.how, "task_reached": one.task, "on_day": one.on_day, "people": one.count} for one in data.departures
    )
    return Table("departures", "One row counts people of whom nothing is left.", columns, tuple(rows))
