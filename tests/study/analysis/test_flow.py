"""Who came, how far they got, who counts; and what a researcher sees while the study is blind."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest

from pipelines.errors import StudyError
from study.analysis.blinding import blinded, letters
from study.analysis.flow import drop_out_of, flow_of, progress_by_condition
from study.analysis.results import analyse
from study.analysis.settings import read_settings
from study.dataset import Dataset, Departure
from study.simulation.people import World
from study.statistics.summaries import Reached
from tests.support.planted import ANALYSIS, STUDIES, plan, planted, withdrawn


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Eight came: four are through, one was screened out, one is at pairs, one timed out at ratings, one withdrew."""
    stop = {4: "ratings-001", 5: "pairs-003", 6: "ratings-005"}
    found = planted(8, World.evenly(plan(), 0.5, inattentive=0.0), stop=stop)
    people = list(found.people)
    people[4] = dataclasses.replace(people[4], status="screened_out", outcome="screened_out", task="photo")
    people[5] = dataclasses.replace(people[5], status="active")
    found = dataclasses.replace(found, people=tuple(people))
    return withdrawn(found, people[7].id)


def test_everybody_is_in_one_place_of_the_flow(data: Dataset) -> None:
    flow = flow_of(data)
    assert (flow.came, flow.consented, flow.complete, flow.screened_out, flow.underway, flow.left) == (8, 8, 4, 1, 1, 1)
    assert flow.counted == 4
    assert flow.departures == {"withdrawn": 1}


def test_who_said_no_came_and_did_not_consent(data: Dataset) -> None:
    day = date(2026, 11, 1)
    more = (Departure("no_consent", "information", day, 2), Departure("withdrawn", "photo", day, 1))
    flow = flow_of(dataclasses.replace(data, departures=(*data.departures, *more)))
    assert flow.came == 11
    assert flow.consented == 9


def test_people_stop_where_they_stood_and_who_is_at_it_has_not_stopped(data: Dataset) -> None:
    reached = {one.task: one for one in drop_out_of(data)}
    assert reached["screening"] == Reached("screening", 8, 1, 0)
    assert reached["photo"] == Reached("photo", 7, 0, 0)
    assert reached["ratings"] == Reached("ratings", 7, 1, 0)
    assert reached["pairs"] == Reached("pairs", 6, 0, 1)
    assert reached["questionnaire"] == Reached("questionnaire", 5, 0, 0)


def test_progress_counts_people_by_condition(data: Dataset) -> None:
    assert set(progress_by_condition(data)) == {"oil", "comic", "watercolour", "charcoal"}
    assert all(made == 7 for made, _ in progress_by_condition(data).values())


@pytest.mark.slow
def test_a_blind_analysis_is_the_same_with_letters(data: Dataset) -> None:
    settings = read_settings(plan(), ANALYSIS)
    hidden, letters_of = blinded(data, settings), letters(data)
    open_, blind = analyse(data), analyse(hidden[0], settings=hidden[1])
    assert sorted(letters_of.values()) == ["a", "b", "c", "d"]
    for seen, secret in zip(open_.main.pairs, blind.main.pairs, strict=True):
        known = dict(zip(seen.conditions, seen.strengths, strict=True))
        for letter, strength in zip(secret.conditions, secret.strengths, strict=True):
            (name,) = (one for one, other in letters_of.items() if other == letter)
            assert strength.estimate == pytest.approx(known[name].estimate, abs=1e-6)
    words = repr(hidden[0])
    assert not [one.id for one in plan().conditions if one.id in words]
    assert not [one.style for one in plan().conditions if one.style in words]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("primary = [", "TOML"),
        ("ridge = -1", "field ridge"),
        ("other = 1", "field other"),
        ('primary = ["pairs.nothing"]', "pairs.nothing"),
        ('reference = "nobody"', "nobody"),
        ("draws = 3", "field draws"),
    ],
)
def test_a_wrong_analysis_plan_is_named(block: str, words: str) -> None:
    with pytest.raises(StudyError, match=words):
        read_settings(plan(), f"# Plan\n\n```toml\n{block}\n```\n")


def test_the_plan_that_ships_fixes_what_it_says() -> None:
    settings = read_settings(plan(), (STUDIES / plan().analysis).read_text("utf-8"))
    assert settings.primary == ("pairs.more-me", "ratings.me")
    assert (settings.ridge, settings.reference, settings.draws) == (0.01, "charcoal", 2000)
    pairs, ratings = ("more-me", "prefer"), ("me", "appeal", "share", "altered")
    all_ = (*(f"pairs.{one}" for one in pairs), *(f"ratings.{one}" for one in ratings))
    assert read_settings(plan(), "No block.").primary == all_
