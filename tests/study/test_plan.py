"""A study's file: what is wrong in it is named with its line; frozen it cannot change; its orders balance."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import StudyError
from pipelines.presets.loading import Presets
from study.identity import Identity
from study.plan import freezing
from study.plan.definition import StudyPlan
from study.plan.freezing import STUDIES, check_presets, freeze, load_frozen, load_plan, parse_plan, study_file
from study.plan.lines import line_of
from study.plan.order import balanced_pairs, seeded, williams
from study.plan.schedule import SHARP, next_task, schedule
from tests.support.studies import SMALL_STUDY, WITH_COMPREHENSION, write_study

WRONG = [  # what is replaced, by what, and the field and words of the sentence
    ('version = "1"', "", "version", "Field required"),
    ("retention = 2027-06-30", 'retention = "soon"', "retention", "date"),
    ('style = "comic"', 'style = "Comic!"', "conditions.2.style", "not 'Comic!'"),
    ('id = "two"', 'id = "one"', "conditions", "has the id one twice"),
    ('style = "comic"', 'style = "oil-master"', "conditions", "twice; remove one"),
    ('id = "three"', 'id = "three"\nengine = "auto"', "conditions.3", "engine must be named"),
    ("every = 2", "every = 1", "attention.every", "greater than or equal to 2"),
    ("misses = 2", "mises = 2", "attention.mises", "not permitted"),
    ('low = "not at all"', "", "ratings.1", "needs the words at its ends"),
    ("needed = true", "", "consent", "must be needed"),
    ('screen_out = ["no"]', 'screen_out = ["maybe"]', "screening.1", "none of its options"),
    ('"https://recruiter.example/complete?cc=DONE"', '"ftp://x"', "recruiting.returns.complete", "https://"),
    ('"photo", "portraits"', '"portraits", "photo"', "tasks", "before photo"),
    ('"questionnaire", "debrief"', '"debrief"', "questionnaire", "must stand in tasks"),
    ('title = "Small"', 'title = { en = "Small", de = "Klein" }', "title", "one text for each of: en"),
    ("[pairs]", "[[pairs]]", "pairs", "valid"),
    ('id = "why"', 'id = "why"\nid = "x"', "", "not valid TOML"),
]

WRONG_COMPREHENSION = [
    ('right = "mine"', 'right = "hers"', "comprehension.questions.1", "none of its options"),
    ('right = "mine"', "", "comprehension", "whose, which must be a choice with a right option"),
    ("tries = 2", "tries = 0", "comprehension.tries", "greater than or equal to 1"),
    ("tries = 2", 'tries = 2\nfailure = "again"', "comprehension", "tries has no meaning"),
    ("tries = 2", 'failure = "shrug"', "comprehension.failure", "not 'shrug'"),
    ('id = "what"', 'id = "whose"', "comprehension", "has the id whose twice"),
    ('"comprehension", "screening", "photo"', '"screening", "photo", "comprehension"', "tasks", "after photo"),
    ('"comprehension", "screening"', '"screening"', "comprehension", "must stand in tasks"),
    ('screen_out = ["no"]', 'right = "no"', "right", "belongs to questions of comprehension"),
    ('right = "mine"', 'right = "mine"\nscreen_out = ["yours"]', "screen_out", "belongs to questions of screening"),
]


@pytest.mark.parametrize(("old", "new", "field", "words"), WRONG_COMPREHENSION)
def test_what_is_wrong_with_a_comprehension_is_named(old: str, new: str, field: str, words: str) -> None:
    assert old in WITH_COMPREHENSION
    with pytest.raises(StudyError) as error:
        parse_plan(WITH_COMPREHENSION.replace(old, new, 1), "small.toml")
    assert words in error.value.hint
    assert field in error.value.hint


@pytest.mark.parametrize(("old", "new", "field", "words"), WRONG)
def test_a_wrong_file_names_file_field_and_line(old: str, new: str, field: str, words: str) -> None:
    assert old in SMALL_STUDY
    text = SMALL_STUDY.replace(old, new, 1)
    with pytest.raises(StudyError) as error:
        parse_plan(text, "small.toml")
    said = error.value.hint
    assert said.startswith("small.toml")
    assert words in said
    if field:
        assert f"field {field}" in said
        line = re.search(r"line (\d+)", said)
        assert line is not None or old.startswith("version"), said
        if line is not None and new:
            there = text.splitlines()[int(line[1]) - 1]
            last = field.split(".")[-1]
            assert last in there or there.startswith("[") or there in new, (said, there)


def test_lines_are_those_of_the_keys_whatever_stands_in_texts() -> None:
    text = 'a = """\nb = 1\n[[c]]\n"""\nb = [\n  # "]\n  1,\n]\n[[c]]\nd = 1\n[[c]]\n"e" = {f = 1}\n[c.g]\nh.i = 1\n'
    assert [line_of(text, place) for place in (("a",), ("b",), ("b", 0), ("c", 0, "d"), ("c", 1, "e", "f"))] == [
        1,
        5,
        5,
        10,
        12,
    ]
    assert line_of(text, ("c", 1, "g", "h", "i")) == 14
    assert line_of(text, ("c", 1, "missing")) == 11
    assert line_of(text, ("nowhere",)) is None


def test_an_unknown_preset_is_named_with_its_line(presets: Presets) -> None:
    text = SMALL_STUDY.replace('style = "comic"', 'style = "comics"')
    plan = parse_plan(text, "small.toml")
    known: dict[str, Any] = {"styles": presets.styles, "scenes": presets.scenes, "engines": ["preview"]}
    line = text[: text.index('"comics"')].count("\n") + 1
    with pytest.raises(StudyError, match=rf"line {line}, field conditions.2.style: there is no comics"):
        check_presets(plan, text=text, **known)
    check_presets(parse_plan(SMALL_STUDY, "small.toml"), **known)


def test_the_example_is_a_study_that_can_be_frozen(presets: Presets, tmp_path: Path) -> None:
    plan = load_plan(study_file("likeness"))
    check_presets(plan, styles=presets.styles, scenes=presets.scenes, engines=["preview", "embedded"])
    assert (STUDIES / plan.analysis).exists()
    for path in STUDIES.glob("likeness*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    freeze(tmp_path / "likeness.toml")
    assert load_frozen(tmp_path / "likeness.toml").plan == plan


def test_a_study_starts_only_as_it_was_frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = write_study(tmp_path, SMALL_STUDY)
    path, analysis = tmp_path / "small.toml", tmp_path / "plan.md"
    assert freeze(path).sha256 == frozen.sha256, "again is no error"
    old = analysis.read_text()
    analysis.write_text(old + "One more outcome.\n")
    with pytest.raises(StudyError, match=r"another analysis plan since version 1 was frozen.*make a new version"):
        load_frozen(path)
    analysis.write_text(old)
    path.write_text(SMALL_STUDY.replace("This is me.", "This is really me."))
    with pytest.raises(StudyError, match="has changed since version 1 was frozen, so it does not start"):
        load_frozen(path)
    with pytest.raises(StudyError, match="make a new version"):
        freeze(path)
    path.write_text(path.read_text().replace('version = "1"', 'version = "2"'))
    with pytest.raises(StudyError, match=r"version 2, is not frozen.*python -m study freeze small"):
        load_frozen(path)
    assert freeze(path).sha256 != frozen.sha256
    assert load_frozen(path).plan.version == "2"
    monkeypatch.setattr(freezing, "VERSION", "9.9")
    with pytest.raises(StudyError, match=r"run by version 9\.9 of this software"):
        load_frozen(path)


@pytest.mark.parametrize(("k", "rows"), [(3, 6), (4, 4), (5, 10), (6, 6), (7, 14), (8, 8)])
def test_williams_designs_balance_places_and_neighbours(k: int, rows: int) -> None:
    design = williams(k)
    assert len(design) == rows
    assert design[0][:3] == (0, 1, k - 1)
    assert all(sorted(row) == list(range(k)) for row in design)
    places = Counter((place, one) for row in design for place, one in enumerate(row))
    assert set(places.values()) == {rows // k}
    assert len(places) == k * k
    after = Counter(pair for row in design for pair in pairwise(row))
    assert len(after) == k * (k - 1)
    assert set(after.values()) == ({1} if k % 2 == 0 else {2})
    if k % 2:
        assert design[k:] == tuple(row[::-1] for row in design[:k]), "mirrored"


@given(k=st.integers(2, 12), most=st.integers(0, 40), person=st.text("0123456789abcdef", min_size=20, max_size=20))
def test_each_condition_stands_left_as_often_as_right(k: int, most: int, person: str) -> None:
    pairs = balanced_pairs(k, most, seeded("0" * 64, person, "pairs"))
    everything = k * (k - 1) // 2
    assert len({frozenset(pair) for pair in pairs}) == len(pairs) == (min(most, everything) if most else everything)
    left, right = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    assert all(abs(left[one] - right[one]) <= 1 for one in range(k))


def test_a_schedule_follows_from_hash_and_participant_alone() -> None:
    plan = parse_plan(SMALL_STUDY, "small.toml")
    first = schedule(plan, "a" * 64, "p1", 3)
    assert schedule(plan, "a" * 64, "p1", 3) == first
    assert schedule(plan, "b" * 64, "p1", 3) != first
    others = {schedule(plan, "a" * 64, f"p{n}", 3).trials for n in range(30)}
    assert len(others) > 10
    assert {one.order for one in (schedule(plan, "a" * 64, f"p{n}", 3) for n in range(9))} == {first.order}
    for planned in (schedule(plan, "a" * 64, f"p{n}", 3) for n in range(30)):
        checks = [one for one in planned.trials if one.is_attention]
        assert len(checks) == 2
        assert {one.correct for one in checks} == {"left", "right"}, "each side once"
        assert all(getattr(one, one.correct or "") == SHARP for one in checks)
        assert not planned.of("pairs")[0].is_attention
        assert [one.key for one in planned.of("ratings")] == ["ratings-001", "ratings-002", "ratings-003"]


def test_a_second_question_shows_each_pair_the_other_way_round() -> None:
    two = SMALL_STUDY.replace('like you?" }]', 'like you?" }, { id = "nicer", text = "Which is nicer?" }]')
    planned = schedule(parse_plan(two, "small.toml"), "a" * 64, "p", None)
    pairs = [one for one in planned.of("pairs") if not one.is_attention]
    first = {(one.left, one.right) for one in pairs if one.question == "more-me"}
    assert {(one.right, one.left) for one in pairs if one.question == "nicer"} == first


def test_where_somebody_stands_is_the_first_task_that_is_not_done() -> None:
    plan = parse_plan(SMALL_STUDY, "small.toml")
    planned = schedule(plan, "a" * 64, "p", 0)
    answered: set[str] = set()
    assert next_task(plan, None, answered, set()) == "information"
    assert next_task(plan, planned, answered, set()) == "screening"
    answered |= {one.key for one in planned.of("screening")}
    assert next_task(plan, planned, answered, {"one"}) == "photo"
    made = {"one", "two", "three", "check-sharp", "check-blurred"}
    assert next_task(plan, planned, answered, made) == "ratings"
    answered |= {one.key for one in planned.trials}
    assert next_task(plan, planned, answered, made) == "debrief"


def test_codes_are_hashed_with_the_operators_key(tmp_path: Path) -> None:
    mine, again, theirs = Identity.of_folder(tmp_path), Identity.of_folder(tmp_path), Identity(b"x" * 32)
    assert mine.participant("s", " code ") == again.participant("s", "code") != theirs.participant("s", "code")
    assert mine.participant("s", "code") != mine.participant("t", "code")
    assert (tmp_path / "study.key").stat().st_mode & 0o777 == 0o600
    ticket = mine.pass_for("s", "0" * 20, "participant")
    assert mine.read_pass("s", ticket) == ("0" * 20, "participant")
    assert mine.read_pass("t", ticket) is None
    assert mine.read_pass("s", ticket.replace("participant", "simulated")) is None
    assert theirs.read_pass("s", ticket) is None
    for wrong in ("", "   ", "x" * 201, "a\x00b"):
        with pytest.raises(StudyError, match="no code that can be used"):
            mine.participant("s", wrong)


def test_without_the_order_of_places_a_plan_is_shuffled() -> None:
    shuffled = parse_plan(SMALL_STUDY.replace('title = "Small"', 'title = "Small"\norder = "shuffle"'), "small.toml")
    orders = {schedule(shuffled, "a" * 64, f"p{n}", None).order for n in range(60)}
    assert len(orders) == 6
    assert isinstance(shuffled, StudyPlan)
    assert replace(schedule(shuffled, "a" * 64, "p", None), trials=()).order in orders
