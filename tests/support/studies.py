"""A small study, and people who take part in it without a page."""

from __future__ import annotations

from pathlib import Path

from study.plan.freezing import FrozenStudy, freeze, load_frozen
from study.plan.schedule import BLURRED, SHARP, Trial, needed_pictures
from study.store.rows import Standing
from study.store.store import Given, PictureFacts, StudyStore

SMALL_STUDY = """
version = "1"
title = "Small"
contact = "Dr Example, example@university.example"
analysis = "plan.md"
retention = 2027-06-30
tasks = ["information", "consent", "screening", "photo", "portraits", "ratings", "pairs", "questionnaire", "debrief"]
information = "This is a small study of portraits."
debrief = "Thank you. It was about likeness."

[consent]
version = "2026-11-26"
text = "Taking part is voluntary."
[[consent.purposes]]
id = "take-part"
allows = "answers"
needed = true
label = "I take part."
[[consent.purposes]]
id = "keep"
allows = "portraits"
label = "My portraits may be kept."

[[conditions]]
id = "one"
style = "oil-master"
[[conditions]]
id = "two"
style = "comic"
[[conditions]]
id = "three"
style = "pop-art"

[[screening]]
id = "adult"
kind = "choice"
text = "Are you 18 or older?"
screen_out = ["no"]
options = [{ id = "yes", text = "Yes" }, { id = "no", text = "No" }]

[[ratings]]
id = "me"
kind = "likert"
text = "This is me."
low = "not at all"
high = "completely"

[pairs]
questions = [{ id = "more-me", text = "Which one is more like you?" }]
[attention]
text = "Which picture is sharper?"
every = 2
misses = 2

[[questionnaire]]
id = "why"
kind = "text"
text = "Why?"
optional = true
most = 200

[recruiting]
participant = "PROLIFIC_PID"
submission = "SESSION_ID"
[recruiting.returns]
complete = "https://recruiter.example/complete?cc=DONE"
failed_attention = "https://recruiter.example/complete?cc=MISSED"
screened_out = "https://recruiter.example/complete?cc=OUT"
no_consent = "https://recruiter.example/complete?cc=NO"
"""
# The small study with questions on its information; the right answers are the first ones.
WITH_COMPREHENSION = SMALL_STUDY.replace('"consent", "screening"', '"consent", "comprehension", "screening"').replace(
    "[[screening]]",
    """[comprehension]
tries = 2
[[comprehension.questions]]
id = "whose"
kind = "choice"
text = "Whose face?"
options = [{ id = "mine", text = "Mine" }, { id = "yours", text = "Yours" }]
right = "mine"
[[comprehension.questions]]
id = "what"
kind = "choice"
text = "What of?"
options = [{ id = "portraits", text = "Portraits" }, { id = "cars", text = "Cars" }]
right = "portraits"

[[screening]]""",
    1,
)
FACTS = PictureFacts(engine="filters", seconds=0.5, width=64, height=64)
PURPOSES = {"take-part": True, "keep": True}


def reply_to(trial: Trial, *, attentive: bool = True) -> Given:
    """What somebody says who finds all the same, and sees which picture is sharp."""
    chosen = None
    if trial.task == "pairs":
        chosen = trial.correct if trial.correct and attentive else "right" if trial.correct == "left" else "left"
    value = trial.right_option or {"screening": "yes", "ratings": "5", "questionnaire": "no reason"}.get(trial.task)
    return Given(value, chosen, rt_ms=1234.5, hidden_ms=0.0, page_ms=9999.0, changes=0, by="key")


def come(store: StudyStore, frozen: FrozenStudy, code: str, tab: str = "tab-1") -> Standing:
    """Open the link and say yes."""
    person = store.identity.participant(frozen.id, code)
    kind = store.identity.kind_of(code)
    store.arrive(frozen, person, kind, "en", store.identity.submission(frozen.id, f"s-{code}"), tab)
    return store.consent(frozen, person, tab, document="Taking part is voluntary.", purposes=PURPOSES, language="en")


def draw(store: StudyStore, frozen: FrozenStudy, person: str) -> None:
    """Get all portraits and the pictures of the checks."""
    for what in sorted(needed_pictures(frozen.plan)):
        store.put_picture(person, what, f"picture of {what}".encode(), FACTS)


def take_part(
    store: StudyStore, frozen: FrozenStudy, code: str, *, tab: str = "tab-1", attentive: bool = True, most: int = 10_000
) -> Standing:
    """From the link to the end, or until so many answers are given."""
    standing = come(store, frozen, code, tab)
    draw(store, frozen, standing.id)
    planned = standing.schedule(frozen)
    assert planned is not None
    for trial in planned.trials[:most]:
        standing = store.answer(standing.id, tab, trial, reply_to(trial, attentive=attentive))
    if most < len(planned.trials):
        return standing
    failed = frozen.plan.attention is not None and standing.misses >= frozen.plan.attention.misses
    outcome = "failed_attention" if failed else "complete"
    keep = frozen.plan.keeps_portraits(standing.purposes)
    return store.finish(standing.id, outcome, keep_portraits=keep)


__all__ = [
    "BLURRED",
    "FACTS",
    "PURPOSES",
    "SHARP",
    "SMALL_STUDY",
    "WITH_COMPREHENSION",
    "come",
    "draw",
    "reply_to",
    "take_part",
]


def write_study(folder: Path, text: str, name: str = "small") -> FrozenStudy:
    """A study's file with its analysis plan in a folder, frozen."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    (folder / "plan.md").write_text("# Analysis plan\n\nOutcome: likeness.\n", "utf-8")
    freeze(path)
    return load_frozen(path)
