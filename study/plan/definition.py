"""A study as its file says it, presets/studies/<id>.toml: every value is checked before anybody takes part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pipelines.schema import PresetId, Seed, Size, Unit, Value

Task = Literal[
    "information", "consent", "comprehension", "screening", "photo", "portraits", "ratings", "pairs", "questionnaire",
    "debrief",
]  # fmt: skip
Outcome = Literal["complete", "screened_out", "failed_attention", "no_consent"]
ResumePolicy = Literal["resume", "restart", "block"]
Kind = Literal["likert", "choice", "number", "text"]
Allows = Literal["answers", "portraits", "other"]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
# One text for all languages, or one for each.
Text = (
    Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
    | dict[Language, Annotated[str, StringConstraints(min_length=1, max_length=20_000)]]
)

WILLIAMS_MOST = 8
_ENDLESS = 50  # tries, so that a program that clicks fills no disk
_FIRST: tuple[Task, ...] = ("information", "consent")
_NEEDED: tuple[Task, ...] = ("information", "consent", "photo", "portraits", "debrief")
_AFTER_PORTRAITS: tuple[Task, ...] = ("ratings", "pairs")


def said(text: Text, language: str) -> str:
    """A text in a language; where the file has one for all, that one."""
    return text if isinstance(text, str) else text[language]


class Condition(Value):
    """One way in which each participant's portrait is made. Participants never learn its id."""

    id: Name
    style: PresetId
    scene: PresetId = "none"
    engine: PresetId = Field("preview", description='An engine of `python -m pipelines --list`, never "auto".')
    likeness: Unit = 0.5
    size: Size = "screen"
    seed: Seed = 0

    @model_validator(mode="after")
    def _is_certain(self) -> Self:
        if self.engine == "auto":
            raise ValueError("engine must be named: auto may be another one tomorrow")
        return self


class Option(Value):
    """One answer of a choice."""

    id: Name
    text: Text


class Question(Value):
    """One question, on a screen of its own.

    Attributes:
        points: Of a likert question, answered 1 to `points`; `low` and `high` are the words at its ends.
        least, most: Of a number; of a text, `most` is its longest in characters.
        screen_out: Options of a choice after which a participant is thanked and sent back (outcome screened_out).
        right: Of a question of comprehension, the option that is right.
    """

    id: Name
    kind: Kind
    text: Text
    points: int = Field(7, ge=2, le=11, strict=True)
    low: Text | None = None
    high: Text | None = None
    options: tuple[Option, ...] = Field((), max_length=20)
    least: float | None = None
    most: float | None = None
    optional: bool = Field(False, strict=True)
    screen_out: tuple[Name, ...] = ()
    right: Name | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "likert" and (self.low is None or self.high is None):
            raise ValueError("a likert question needs the words at its ends, low and high")
        if (self.kind == "choice") != (len(self.options) >= 2):
            raise ValueError("a choice needs at least two options, and no other kind has any")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("least is larger than most")
        ids = [one.id for one in self.options]
        _each_once(ids, "options has the id")
        if missing := [one for one in self.screen_out if one not in ids]:
            raise ValueError(f"screen_out names {missing[0]}, which is none of its options")
        if self.right is not None and self.right not in ids:
            raise ValueError(f"right names {self.right}, which is none of its options")
        return self


class Comprehension(Value):
    """Choices that show whether the information was understood. Who has one wrong reads the information again, and is
    asked all of them again; nobody is told which one it was.

    Attributes:
        failure: What follows the last try: "screened_out", or "again": there is no last one.
        tries: How often all questions may be answered.
    """

    questions: tuple[Question, ...] = Field(min_length=1, max_length=12)
    failure: Literal["again", "screened_out"] = "screened_out"
    tries: int = Field(2, ge=1, le=10, strict=True)

    @model_validator(mode="after")
    def _can_be_right(self) -> Self:
        _each_once([one.id for one in self.questions], "questions has the id")
        for one in self.questions:
            if one.kind != "choice" or one.right is None or one.optional:
                raise ValueError(f"questions has {one.id}, which must be a choice with a right option, not optional")
        if self.failure == "again" and "tries" in self.model_fields_set:
            raise ValueError('tries has no meaning with failure = "again"; remove one')
        return self

    @property
    def most_tries(self) -> int:
        """After so many a participant is screened out: with "again" nobody who reads what is asked comes so far."""
        return self.tries if self.failure == "screened_out" else _ENDLESS


class PairQuestion(Value):
    """Asked of two portraits side by side, answered "left" or "right"."""

    id: Name
    text: Text


class Pairs(Value):
    """The task of pairs.

    Attributes:
        most: How many pairs one participant sees for each question; 0 is all.
    """

    questions: tuple[PairQuestion, ...] = Field(min_length=1, max_length=6)
    most: int = Field(0, ge=0, le=200, strict=True)


class Attention(Value):
    """Pairs whose answer is known: the participant's own photo beside a blurred copy of it.

    Attributes:
        every: One among so many pairs, at a random place of each stretch.
        misses: So many wrong ones flag a participant; nobody is dropped for it silently.
    """

    text: Text
    every: int = Field(12, ge=2, le=100, strict=True)
    misses: int = Field(2, ge=1, le=20, strict=True)


class Exclusion(Value):
    """Who is left out of the main analysis. Reports give every figure with and without them.

    Attributes:
        failed_attention: Those who missed as many checks as `Attention.misses`.
        incomplete: Those who did not reach the end.
        fast_ms: An answer to a rating or a pair in less is too fast.
        fast_share: Who has more than this share of too fast answers is left out; 1 leaves out nobody.
    """

    failed_attention: bool = Field(True, strict=True)
    incomplete: bool = Field(True, strict=True)
    fast_ms: int = Field(300, ge=0, le=60_000, strict=True)
    fast_share: Unit = 0.5


class PurposeText(Value):
    """One tick of the consent.

    Attributes:
        allows: "answers": taking part at all (needed); "portraits": portraits are kept until the retention day, without
            it only until the participant has finished; "other": noted, and up to the researcher.
    """

    id: Name
    label: Text
    allows: Allows = "other"
    needed: bool = Field(False, strict=True)


class ConsentText(Value):
    """What participants agree to. What this software does with the photo is added to it in its own words."""

    version: str = Field(min_length=1, max_length=40)
    text: Text
    purposes: tuple[PurposeText, ...] = Field(min_length=1, max_length=10)

    @model_validator(mode="after")
    def _one_is_needed(self) -> Self:
        _each_once([one.id for one in self.purposes], "purposes has the id")
        if [one.needed for one in self.purposes if one.allows == "answers"] != [True]:
            raise ValueError('exactly one purpose must have allows = "answers", and it must be needed')
        return self


def _https(address: str) -> str:
    if not address.startswith(("https://", "http://localhost", "http://127.0.0.1")) or any(
        c.isspace() for c in address
    ):
        raise ValueError("must be an address that begins with https://")
    return address


Link = Annotated[str, AfterValidator(_https), StringConstraints(max_length=500)]
Parameter = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=60)]


class Recruiting(Value):
    """How participants come and where they go afterwards.

    Attributes:
        participant: The parameter of the link that says who comes: PROLIFIC_PID, participantId, ...
        submission: One that says for which submission, if there is one: SESSION_ID, assignmentId, ...
        codes: "any": every value is let in; "listed": only codes made by `python -m study codes`; "none": nobody has
            one, and each browser counts as a person.
        returns: Where a participant goes, by outcome; without one, the page just ends.
    """

    participant: Parameter = "PROLIFIC_PID"
    submission: Parameter | None = None
    codes: Literal["any", "listed", "none"] = "any"
    returns: dict[Outcome, Link] = Field(default_factory=dict)


class Resume(Value):
    """What happens to who opens the link again before the end.

    Attributes:
        policy: "resume": goes on at the first question without an answer; "restart": begins anew, and what was there is
            deleted; "block": is refused, a reload included.
        hours: Greatest age, since the consent: afterwards the place is free for somebody else and nobody goes on.
    """

    policy: ResumePolicy = "resume"
    hours: float = Field(24.0, gt=0.0, le=24 * 60)


class StudyPlan(Value):
    """A whole study. `id` is the name of its file."""

    id: Name
    version: str = Field(pattern=r"^[0-9]+(\.[0-9]+)*$", max_length=20)
    title: Text
    contact: Text = Field(description="Who does the study and how to reach them, in the consent and on every page.")
    languages: tuple[Language, ...] = Field(("en",), min_length=1, max_length=12)
    analysis: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=80,
        description="File of the analysis plan, beside this one.",
    )
    retention: date = Field(description="The last day (UTC) on which anything of it is kept.")
    places: int = Field(0, ge=0, le=100_000, strict=True, description="Completed participants wanted; 0 is no end.")
    order: Literal["williams", "shuffle"] = "williams"
    tasks: tuple[Task, ...]
    information: Text
    consent: ConsentText
    debrief: Text
    conditions: tuple[Condition, ...] = Field(min_length=1, max_length=24)
    comprehension: Comprehension | None = None
    screening: tuple[Question, ...] = Field((), max_length=20)
    ratings: tuple[Question, ...] = Field((), max_length=12)
    pairs: Pairs | None = None
    questionnaire: tuple[Question, ...] = Field((), max_length=60)
    attention: Attention | None = None
    exclusion: Exclusion = Exclusion()
    recruiting: Recruiting = Recruiting()
    resume: Resume = Resume()

    @model_validator(mode="after")
    def _tasks_are_whole(self) -> Self:
        tasks = self.tasks
        _each_once(tasks, "tasks has")
        if tasks[:2] != _FIRST or tasks[-1:] != ("debrief",):
            raise ValueError("tasks must begin with information and consent, and end with debrief")
        if missing := [one for one in _NEEDED if one not in tasks]:
            raise ValueError(f"tasks lacks {missing[0]}")
        if tasks.index("portraits") < tasks.index("photo"):
            raise ValueError("tasks has portraits before photo")
        if "comprehension" in tasks and tasks.index("comprehension") > tasks.index("photo"):
            raise ValueError("tasks has comprehension after photo; nobody gives a photo who has not understood")
        for task in _AFTER_PORTRAITS:
            if task in tasks and tasks.index(task) < tasks.index("portraits"):
                raise ValueError(f"tasks has {task} before portraits")
        given = {
            "comprehension": self.comprehension,
            "screening": self.screening,
            "ratings": self.ratings,
            "pairs": self.pairs,
            "questionnaire": self.questionnaire,
        }
        for name, value in given.items():
            if (name in tasks) != bool(value):
                raise ValueError(f"{name} must stand in tasks and have questions, or neither")
        return self

    @model_validator(mode="after")
    def _conditions_fit(self) -> Self:
        _each_once([one.id for one in self.conditions], "conditions has the id")
        _each_once([one.model_dump_json(exclude={"id"}) for one in self.conditions], "conditions has")
        for name, questions in (("screening", self.screening), ("ratings", self.ratings)):
            _each_once([one.id for one in questions], f"{name} has the id")
        _each_once([one.id for one in self.questionnaire], "questionnaire has the id")
        if any(one.screen_out for task, asked in self.asked.items() for one in asked if task != "screening"):
            raise ValueError("screen_out belongs to questions of screening")
        if any(one.right for task, asked in self.asked.items() for one in asked if task != "comprehension"):
            raise ValueError("right belongs to questions of comprehension")
        if self.order == "williams" and not 2 <= len(self.conditions) <= WILLIAMS_MOST:
            raise ValueError(f'order "williams" is for 2 to {WILLIAMS_MOST} conditions; choose "shuffle"')
        if self.pairs is not None and len(self.conditions) < 2:
            raise ValueError("pairs need at least two conditions")
        if self.attention is not None and self.pairs is None:
            raise ValueError("attention checks stand among pairs, and this study has none")
        return self

    @model_validator(mode="after")
    def _every_language_is_there(self) -> Self:
        _each_once(self.languages, "languages has")
        for where, text in _texts(self):
            if isinstance(text, dict) and set(text) != set(self.languages):
                raise ValueError(f"{where} must have one text for each of: {', '.join(self.languages)}, and no other")
        return self

    def condition(self, condition_id: str) -> Condition:
        """Raises KeyError where there is none."""
        return {one.id: one for one in self.conditions}[condition_id]

    @property
    def asked(self) -> dict[str, tuple[Question, ...]]:
        """Questions of each task but the pairs, in the order of a usual study."""
        return {
            "comprehension": self.comprehension.questions if self.comprehension is not None else (),
            "screening": self.screening,
            "ratings": self.ratings,
            "questionnaire": self.questionnaire,
        }

    def question(self, task: str, question_id: str) -> Question:
        """A question of a task but the pairs. Raises KeyError where there is none."""
        return {one.id: one for one in self.asked[task]}[question_id]

    @property
    def pair_questions(self) -> tuple[PairQuestion, ...]:
        """Those of the task of pairs; none where the study has no such task."""
        return self.pairs.questions if self.pairs is not None else ()

    def keeps_portraits(self, purposes: Sequence[str]) -> bool:
        """Whether purposes that were ticked allow portraits to be kept after the participant has finished."""
        return any(one.allows == "portraits" and one.id in purposes for one in self.consent.purposes)


def _each_once(values: Sequence[str], what: str) -> None:
    if twice := next((one for one in values if list(values).count(one) > 1), None):
        raise ValueError(f"{what} {twice} twice; remove one")


def _texts(value: object, where: str = "") -> list[tuple[str, object]]:
    """Each text with a table by language, and where it stands."""
    if isinstance(value, dict):
        return [(where, value)] if value and all(len(str(key)) == 2 for key in value) else []
    if isinstance(value, tuple):
        return [found for n, one in enumerate(value, 1) for found in _texts(one, f"{where}.{n}")]
    if isinstance(value, Value):
        fields = type(value).model_fields
        return [found for name in fields for found in _texts(getattr(value, name), f"{where}.{name}".strip("."))]
    return []
