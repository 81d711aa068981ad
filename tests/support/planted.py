"""A dataset of simulated people, without a server: what tests of analysis, export and report read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from study.dataset import (
    Check,
    Choice,
    Dataset,
    Departure,
    GivenConsent,
    Person,
    Rating,
    Reply,
    Side,
    Status,
    StoredPortrait,
    Timing,
    exclusions_of,
)
from study.plan.definition import StudyPlan
from study.plan.freezing import parse_plan
from study.plan.schedule import rows_of, schedule
from study.simulation.people import SimulatedPerson, World

SHA = "5" * 64
START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
STUDIES = Path(__file__).resolve().parents[2] / "presets" / "studies"
ANALYSIS = """# How it is analysed

```toml
primary = ["pairs.more-me", "ratings.me"]
ridge = 0.01
reference = "charcoal"
draws = 400
```
"""


@cache
def plan() -> StudyPlan:
    """The study that ships with the project."""
    return parse_plan(text(), "likeness.toml")


def text() -> str:
    return (STUDIES / "likeness.toml").read_text("utf-8")


def _side(chosen: str | None) -> Side:
    assert chosen in ("left", "right")
    return "left" if chosen == "left" else "right"


def planted(people: int, world: World, *, stop: dict[int, str] | None = None, seed: str = "planted") -> Dataset:
    """People who do the whole study, but those who stop.

    Args:
        stop: Number of a person, from 0, to the trial before which they stop: "ratings-003". They stay in the data as
            timed out; whoever withdrew is taken out by `withdrawn`.
    """
    stop = stop or {}
    everybody, ratings, choices, checks, replies = [], [], [], [], []
    consents, portraits = [], []
    for number in range(people):
        name = f"{number:020x}"
        person = SimulatedPerson(world, f"{seed} {number}")
        clock = START + timedelta(minutes=number)
        row = number % rows_of(plan()) if rows_of(plan()) else None
        their = schedule(plan(), SHA, name, row)
        status: Status = "complete"
        task, missed, times = "debrief", 0, []
        for trial in their.trials:
            if trial.key == stop.get(number):
                status, task = "timed_out", trial.task
                break
            said = person.answer(plan(), trial)
            clock += timedelta(milliseconds=said.rt_ms)
            timing = Timing(said.rt_ms, 0.0, said.rt_ms, clock, 0, "pointer")
            who = (name, trial.key)
            if trial.correct is not None:
                right = said.chosen == trial.correct
                missed += not right
                checks.append(Check(*who, trial.position, _side(said.chosen), right, timing))
            elif trial.task == "pairs":
                assert trial.left is not None
                assert trial.right is not None
                side = _side(said.chosen)
                choices.append(Choice(*who, trial.question, trial.left, trial.right, side, trial.position, timing))
                times.append(said.rt_ms)
            elif trial.task == "ratings":
                assert trial.condition is not None
                assert said.value is not None
                ratings.append(Rating(*who, trial.condition, trial.question, trial.position, said.value, timing))
                times.append(said.rt_ms)
            else:
                assert said.value is not None
                replies.append(Reply(*who, trial.task, trial.question, trial.position, said.value, timing))
        outcome = "complete" if status == "complete" else None
        out = exclusions_of(plan(), status, missed, times)
        begun = START + timedelta(minutes=number)
        when = (begun, begun, clock)
        everybody.append(Person(name, "simulated", status, outcome, row, "en", None, *when, 0, task, missed, out))
        keeps = number % 3 > 0
        consents.append(
            GivenConsent(name, begun, "2026-11-26", "en", "a" * 64, {"take-part": True, "keep-portraits": keeps})
        )
        erased = None if keeps else clock
        portraits += [
            StoredPortrait(name, one.id, f"{number:08x}{n:08x}", "b" * 64, "embedded", 5.0, 768, 768, begun, erased)
            for n, one in enumerate(plan().conditions)
        ]
    return Dataset(
        plan(), SHA, START, "0.1.0", text(), ANALYSIS, "simulated", START + timedelta(days=1), tuple(everybody),
        tuple(consents), tuple(portraits), tuple(ratings), tuple(choices), tuple(checks), tuple(replies), (), (),
    )  # fmt: skip


def withdrawn(data: Dataset, participant: str) -> Dataset:
    """The dataset after one person has withdrawn: nothing of them is left but the count."""
    person = next(one for one in data.people if one.id == participant)
    left = data.of({one.id for one in data.people} - {participant})
    gone = Departure("withdrawn", person.task, date(2026, 11, 2), 1)
    return Dataset(**{**left.__dict__, "departures": (*left.departures, gone)})
