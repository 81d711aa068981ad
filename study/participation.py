"""A participant's session: who may come in, what they are shown next, and what is taken from them.

What goes to the page is blind: no id of a condition or a question, no style, no engine. Pictures have random names.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

from languages.saying import day_in, say
from pipelines.errors import StudyClosed, StudyError
from study.answers import milliseconds, value_of
from study.identity import PersonKind
from study.plan.definition import StudyPlan, said
from study.plan.freezing import FrozenStudy
from study.plan.schedule import Schedule, Trial, needed_pictures, next_task
from study.store.rows import Standing
from study.store.store import EventName, Given, StudyStore

WORDS = Path(__file__).with_name("words")
_OVER = say("Your time for this study is over, or it was ended, so it cannot be gone on with. Nothing more is stored.")
_BLOCKED = say("You have begun this study before. It can be taken only once and in one go, so it does not go on here.")
_EARLIER = say("You have taken part in an earlier version of this study, so you cannot take part in this one.")
_UNLISTED = say(
    "This code is not one of those that were given out for this study. Check it, or ask whoever gave it to you."
)
_RELOAD = say("The page sent something that this study does not know; reload it, and go on where you were.")
EVENTS: tuple[EventName, ...] = ("hidden", "shown", "enlarged", "reduced")  # that a page may tell of
_NO_SPACES = ("ja", "zh")  # between sentences


@dataclass(frozen=True)
class ConsentDocument:
    """What one participant agrees to, in one language, with what the software does in its own words."""

    text: str
    version: str
    sha256: str
    purposes: tuple[tuple[str, str, bool], ...]

    @property
    def document(self) -> str:
        """All that is agreed to: the text, then the label of each tick. `sha256` is of this, UTF-8."""
        return _document(self.text, self.purposes)


class RunningStudy:
    """One frozen study that is open on this server. Safe for many threads.

    Args:
        frozen: The study.
        store: Where it keeps what participants give.
        authority: The host that is asked for time stamps of portraits; "" where none is.
        now: For tests.
    """

    def __init__(
        self, frozen: FrozenStudy, store: StudyStore, authority: str = "", now: Any = lambda: datetime.now(UTC)
    ) -> None:
        self.frozen, self.store = frozen, store
        self._authority = authority
        self._now = now
        store.register(frozen)

    @property
    def plan(self) -> StudyPlan:
        """The study's file."""
        return self.frozen.plan

    @property
    def id(self) -> str:
        """Of the study."""
        return self.frozen.id

    # --- coming in ---

    def identify(self, code: str) -> tuple[str, PersonKind]:
        """Who comes with a code.

        Raises:
            StudyError: It cannot be a code.
            StudyClosed: It is not one of those that were given out.
        """
        participant, kind = self.store.identity.participant(self.id, code), self.store.identity.kind_of(code)
        if self.plan.recruiting.codes == "listed" and kind == "participant" and not self.store.is_listed(participant):
            raise StudyClosed(_UNLISTED)
        return participant, kind

    def enter(
        self, participant: str, kind: PersonKind, tab: str, *, language: str, submission: str | None = None
    ) -> Standing:
        """Begin, or go on as the study's policy says. The tab that asks is from now on the only one that may answer.

        Raises:
            StudyClosed: This person cannot take part, or not any more.
        """
        if self.plan.retention < self._now().date():
            raise StudyClosed(say("This study is over. Thank you for coming."))
        known = self.store.find(participant)
        if known is not None and known.study != self.frozen.sha256 and known.status != "arrived":
            raise StudyClosed(_EARLIER)
        if known is not None and known.status in ("returned", "timed_out", "rejected"):
            raise StudyClosed(_OVER)
        if known is not None and known.status == "active":
            self._resume(known)
        spoken = language if language in self.plan.languages else self.plan.languages[0]
        standing = self.store.arrive(self.frozen, participant, kind, spoken, submission, tab)
        if known is not None and known.status == "active":
            self.store.note(participant, "restarted" if self.plan.resume.policy == "restart" else "returned")
        return self.end_if_done(standing)  # the process may have ended between the last answer and the end

    def _resume(self, known: Standing) -> None:
        began = known.consented_at or known.arrived_at
        if self._now() - began > timedelta(hours=self.plan.resume.hours):
            self.store.release(known.id, "timed_out")
            raise StudyClosed(_OVER)
        if self.plan.resume.policy == "block":
            self.store.release(known.id, "returned")
            raise StudyClosed(_BLOCKED)
        if self.plan.resume.policy == "restart":
            self.store.restart(known.id)

    def consent_document(self, language: str) -> ConsentDocument:
        """What is agreed to in a language."""
        plan, words = self.plan, words_in(language)
        keeps = any(one.allows == "portraits" for one in plan.consent.purposes)
        parts = (  # a paragraph each: photo, portraits, answers, withdrawing
            ["handling-photo", *(["handling-checks"] if plan.attention is not None else [])],
            [
                "handling-portraits-kept" if keeps else "handling-portraits",
                *(["handling-stamp"] if self._authority else []),
            ],
            ["handling-answers", "handling-code"],
            ["handling-withdraw"],
        )
        values = {"{day}": day_in(language, plan.retention), "{authority}": self._authority}
        between = "" if language in _NO_SPACES else " "
        handling = "\n\n".join(between.join(_filled(words[line], values) for line in part) for part in parts)
        stamp = words["handling-plan"].format(study=self.id, version=plan.version, sha256=self.frozen.sha256)
        contact = f"{words['contact']}: {said(plan.contact, language)}"
        text = "\n\n".join((said(plan.consent.text, language).strip(), handling, contact, stamp))
        purposes = tuple((one.id, said(one.label, language).strip(), one.needed) for one in plan.consent.purposes)
        sha256 = hashlib.sha256(_document(text, purposes).encode()).hexdigest()
        return ConsentDocument(text, plan.consent.version, sha256, purposes)

    def agree(self, participant: str, tab: str, ticked: object, sha256: object) -> Standing:
        """Write down a yes. Only the value True ticks a purpose.

        Args:
            ticked: Of each purpose's id, whether it was ticked.
            sha256: Of the document that was on the screen.

        Raises:
            StudyError: A needed purpose is not ticked, or the text was another one.
            StudyClosed: Enough people have taken part.
        """
        standing = self.store.require(participant)
        document = self.consent_document(standing.language)
        if sha256 != document.sha256 or not isinstance(ticked, Mapping):
            raise StudyError(say("The text has changed since this page was opened; reload it and read it once more."))
        purposes = {name: ticked.get(name) is True for name, _, _ in document.purposes}
        if any(needed and not purposes[name] for name, _, needed in document.purposes):
            raise StudyError(say("Tick what is needed to take part, or choose not to."))
        return self.store.consent(
            self.frozen,
            participant,
            tab,
            document=document.document,
            purposes=purposes,
            language=standing.language,
        )

    # --- on the way ---

    def answer(self, participant: str, tab: str, sent: Mapping[str, Any]) -> Standing:
        """Take one answer, and end the session where it was the last one.

        Args:
            sent: trial, and value or chosen; rt_ms, hidden_ms, page_ms, changes, by.

        Raises:
            StudyError: It is no answer to this question.
            StudyElsewhere: Another tab has taken over.
        """
        standing = self.store.require(participant)
        key, planned = str(sent.get("trial")), standing.schedule(self.frozen)
        trial = planned.trial(key) if planned is not None else None
        if trial is None and key in standing.answered:  # of an earlier try; its confirmation was lost on the way
            self.store.check_tab(participant, tab)
            return standing
        if trial is None or planned is None:
            raise StudyError(_RELOAD)
        if key not in standing.answered and self.next_trial(standing) != trial:
            raise StudyError(_RELOAD)
        given = self._given(trial, sent)
        is_out = self._screens_out(standing, planned, trial, given)
        return self.end_if_done(self.store.answer(participant, tab, trial, given, screens_out=is_out))

    def _screens_out(self, standing: Standing, planned: Schedule, trial: Trial, given: Given) -> bool:
        """Whether the way ends with an answer: by the screening, or by the last try at the comprehension."""
        if trial.task == "screening":
            return given.value in self.plan.question("screening", trial.question).screen_out
        rules = self.plan.comprehension
        if trial.task != "comprehension" or rules is None or planned.attempt < rules.most_tries:
            return False
        others = [one.key for one in planned.of("comprehension") if one != trial]
        is_wrong = trial.judged(given.value, None) is False or any(key in standing.wrong for key in others)
        return is_wrong and all(key in standing.answered for key in others)

    def end_if_done(self, standing: Standing) -> Standing:
        """Write down that somebody has reached the end, where they have."""
        if standing.status != "active" or self.task(standing) != "debrief":
            return standing
        rules = self.plan.attention
        outcome = "failed_attention" if rules is not None and standing.misses >= rules.misses else "complete"
        keep = self.plan.keeps_portraits(standing.purposes)
        return self.store.finish(standing.id, outcome, keep_portraits=keep)

    def note(self, participant: str, tab: str, sent: Mapping[str, Any]) -> None:
        """Note that the page was hidden or shown again, or pictures enlarged or made small again.

        Raises:
            StudyError: It is no such event.
            StudyElsewhere: Another tab has taken over.
        """
        name = sent.get("name")
        if name not in EVENTS:
            raise StudyError(_RELOAD)
        self.store.check_tab(participant, tab)
        trial = sent.get("trial")
        self.store.note(
            participant,
            name,
            page_ms=milliseconds(sent.get("page_ms")),
            trial=trial[:40] if isinstance(trial, str) else None,
        )

    def task(self, standing: Standing) -> str:
        """The first task that is not done; "screened_out" where it ended early."""
        if standing.status == "screened_out":
            return "screened_out"
        if standing.status == "complete":
            return "debrief"
        planned = standing.schedule(self.frozen)
        return next_task(self.plan, planned, standing.answered, standing.pictures, standing.wrong)

    def next_trial(self, standing: Standing) -> Trial | None:
        """The trial that is to be answered now; None where something else is to be done."""
        planned, task = standing.schedule(self.frozen), self.task(standing)
        open_ = (one for one in planned.trials if one.key not in standing.answered) if planned is not None else iter(())
        return next((one for one in open_ if one.task == task), None)

    def missing_pictures(self, standing: Standing) -> tuple[str, ...]:
        """What is to be made yet: ids of conditions in the participant's own order, then the pictures of checks."""
        planned = standing.schedule(self.frozen)
        if planned is None:
            return ()
        wanted = needed_pictures(self.plan) - set(standing.pictures)
        return (*(one for one in planned.making if one in wanted), *sorted(wanted - set(planned.making)))

    # --- what the page is told ---

    def screen(self, standing: Standing) -> dict[str, Any]:
        """What is to be shown now, as JSON: blind."""
        language, task = standing.language, self.task(standing)
        planned = standing.schedule(self.frozen)
        shown: dict[str, Any] = {
            "task": task,
            "language": language,
            "agreed": standing.consented_at is not None,
            "title": said(self.plan.title, language),
            "contact": said(self.plan.contact, language),
            "progress": self._progress(standing, task),
        }
        if task == "information":
            document = self.consent_document(language)
            shown["information"] = said(self.plan.information, language).strip()
            shown["consent"] = {"text": document.text, "sha256": document.sha256, "purposes": document.purposes}
        trial = self.next_trial(standing)
        if trial is not None and planned is not None:
            shown["trial"] = self._trial(trial, standing, language) | {
                "number": planned.of(trial.task).index(trial) + 1,
                "of": len(planned.of(trial.task)),
            }
            if trial.task == "comprehension" and planned.attempt > 1 and trial.position == 1:
                shown["again"] = said(self.plan.information, language).strip()
        if task in ("debrief", "screened_out"):
            outcome = standing.outcome or "complete"
            returns = self.plan.recruiting.returns
            failed = returns.get("complete") if outcome == "failed_attention" else None
            shown["end"] = {
                "debrief": said(self.plan.debrief, language).strip() if task == "debrief" else "",
                "completion": standing.completion if task == "debrief" else None,
                "return": returns.get(cast(Any, outcome), failed),
                "withdrawal": self.store.identity.withdrawal_code(standing.id),
                "until": day_in(language, self.plan.retention),
            }
        return shown

    def _trial(self, trial: Trial, standing: Standing, language: str) -> dict[str, Any]:
        if trial.task == "pairs":
            assert self.plan.pairs is not None
            if trial.is_attention:
                assert self.plan.attention is not None
                text = self.plan.attention.text
            else:
                text = {one.id: one.text for one in self.plan.pairs.questions}[trial.question]
            sides = {side: standing.pictures[cast(str, getattr(trial, side))] for side in ("left", "right")}
            return {"key": trial.key, "kind": "pair", "text": said(text, language), **sides}
        asked = self.plan.question(trial.task, trial.question)
        shown: dict[str, Any] = {
            "key": trial.key,
            "kind": asked.kind,
            "text": said(asked.text, language),
            "optional": asked.optional,
        }
        if trial.condition is not None:
            shown["picture"] = standing.pictures[trial.condition]
        if asked.kind == "likert":
            shown |= {"points": asked.points, "low": _said(asked.low, language), "high": _said(asked.high, language)}
        if asked.kind == "choice":
            shown["options"] = [[str(n), said(one.text, language)] for n, one in enumerate(asked.options)]
        if asked.kind in ("number", "text"):
            shown |= {"least": asked.least, "most": asked.most}
        return shown

    def _progress(self, standing: Standing, task: str) -> tuple[int, int]:
        """Screens that are done, and all; portraits count as one each."""
        planned = standing.schedule(self.frozen)
        wanted = needed_pictures(self.plan)
        if planned is None:
            return 0, 1
        all_ = 2 + len(wanted) + len(planned.trials)
        if task in ("debrief", "screened_out"):
            return all_, all_
        answered = sum(one.key in standing.answered for one in planned.trials)
        return 2 + len(wanted & set(standing.pictures)) + answered, all_

    # --- what is taken from it ---

    def _given(self, trial: Trial, sent: Mapping[str, Any]) -> Given:
        by = sent.get("by")
        changes = sent.get("changes")
        given = Given(
            value=None,
            chosen=None,
            rt_ms=milliseconds(sent.get("rt_ms")),
            hidden_ms=milliseconds(sent.get("hidden_ms")),
            page_ms=milliseconds(sent.get("page_ms")),
            changes=min(changes, 10_000) if isinstance(changes, int) and changes >= 0 else 0,
            by="key" if by == "key" else "pointer",
        )
        if trial.task == "pairs":
            chosen = sent.get("chosen")
            if chosen not in ("left", "right"):
                raise StudyError(say("Choose one of the two pictures."))
            return replace(given, chosen=chosen)
        return replace(given, value=value_of(self.plan.question(trial.task, trial.question), sent.get("value")))


@cache
def _all_words() -> dict[str, dict[str, str]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in WORDS.glob("*.toml")}


def words_in(language: str) -> dict[str, str]:
    """The pages' own words in a language; English where there are none in it."""
    words = _all_words()
    return words.get(language, words["en"])


def _said(text: Any, language: str) -> str:
    return "" if text is None else said(text, language)


def _filled(form: str, values: Mapping[str, str]) -> str:
    for hole, value in values.items():
        form = form.replace(hole, value)
    return form


def _document(text: str, purposes: tuple[tuple[str, str, bool], ...]) -> str:
    ticks = "\n".join(f"[ ] {label}{'' if needed else ' (optional)'}" for _, label, needed in purposes)
    return f"{text}\n\n{ticks}\n"
