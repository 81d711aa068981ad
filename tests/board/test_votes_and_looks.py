"""Blind votes, stars, and a cell's look as a style file."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.board import votes
from pipelines.board.look import as_preset
from pipelines.board.votes import Ballot, Stars
from pipelines.errors import BoardError, PresetError
from pipelines.presets.loading import PRESETS, load_presets
from pipelines.schema import Style
from tests.board.conftest import Bench
from tests.support.sweeps import project_presets, sweep

KEYS = ("one", "two", "three", "four")


def test_the_order_is_kept_by_its_seed_and_differs_between_seeds() -> None:
    ballot = Ballot(seed=5, keys=KEYS)
    assert votes.blind_order(ballot) == votes.blind_order(Ballot.model_validate_json(ballot.model_dump_json()))
    firsts = Counter(votes.blind_order(Ballot(seed=seed, keys=KEYS))[0] for seed in range(400))
    assert set(firsts) == set(KEYS)
    assert min(firsts.values()) > 60, "100 expected of each; by chance below 60 once in a million"


@given(st.integers(0, 2**63), st.sets(st.text(min_size=1), min_size=2, max_size=20))
def test_the_order_loses_nothing(seed: int, keys: set[str]) -> None:
    assert sorted(votes.blind_order(Ballot(seed=seed, keys=tuple(keys)))) == sorted(keys)


def test_blind_names_are_letters() -> None:
    assert [votes.blind_name(place) for place in (0, 1, 25, 26, 27, 51, 52, 701, 702)] == [
        "A", "B", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


def test_votes_are_counted_after_the_reveal_and_equals_share_a_rank() -> None:
    ballot = Ballot(seed=1, keys=KEYS, each=2)
    for choices in (["two"], ["two", "three"], ["three", "one"]):
        ballot = votes.voted(ballot, choices)
    with pytest.raises(BoardError, match="closed"):
        votes.tally(ballot)
    counted = votes.tally(votes.revealed(ballot))
    assert [(one.key, one.votes, one.rank) for one in counted] == [
        ("two", 2, 1),
        ("three", 2, 1),
        ("one", 1, 3),
        ("four", 0, 4),
    ]
    with pytest.raises(BoardError, match="already"):
        votes.voted(votes.revealed(ballot), ["one"])


@pytest.mark.parametrize(
    ("choices", "word"), [([], "at least one"), (["one"] * 2, "once"), (["x"], "not part"), (list(KEYS), "3 pictures")]
)
def test_a_wrong_vote_is_a_sentence(choices: list[str], word: str) -> None:
    with pytest.raises(BoardError, match=word):
        votes.voted(Ballot(seed=1, keys=KEYS), choices)


def test_a_named_voter_votes_anew() -> None:
    ballot = votes.voted(votes.voted(Ballot(seed=1, keys=KEYS), ["one"], "Ada"), ["two"], "Ada")
    assert [vote.choices for vote in ballot.votes] == [("two",)]


def test_stars_are_put_on_and_taken_off() -> None:
    stars = Stars().toggled("one").toggled("two").toggled("one").toggled("three")
    assert stars.keys == ("two", "three")


@pytest.mark.parametrize("style", sweep(project_presets().styles, 4))
def test_a_look_is_a_style_file_that_paints_the_same(bench: Bench, tmp_path: Path, style: str) -> None:
    board = bench.board(styles=[style], title='A "board"\\ of mine', seeds=[7])
    text = as_preset(board, bench.cells(board)[0], name='My "own" – é')
    for folder in ("scenes", "models"):
        (tmp_path / "presets").mkdir(exist_ok=True)
        (tmp_path / "presets" / folder).symlink_to(PRESETS / folder)
    (tmp_path / "presets" / "styles").mkdir()
    (tmp_path / "presets" / "styles" / "mine.toml").write_text(text, "utf-8")
    loaded = load_presets(tmp_path / "presets")
    assert loaded.problems == ()
    mine, own = loaded.styles["mine"], board.styles[style]
    assert mine.name == 'My "own" – é'
    same = {"id", "name", "based_on"}
    assert mine.model_dump(exclude=same) == own.model_dump(exclude=same)
    assert mine.based_on == style
    assert "seed 7" in text


def test_a_look_without_a_name_is_a_copy_and_a_bad_name_is_told(bench: Bench) -> None:
    board = bench.board()
    cell = bench.cells(board)[0]
    assert Style.model_validate({"id": "x", **tomllib.loads(as_preset(board, cell))}).name == "Film noir (copy)"
    with pytest.raises(PresetError, match="2 to 40"):
        as_preset(board, cell, name="x" * 41)
