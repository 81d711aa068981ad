"""Blind votes on a board: the order is shuffled by a kept seed, and nobody sees a label until the votes are counted.

Pure values and functions; whoever shows them keeps them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pydantic import Field

from languages.saying import say
from pipelines.board.definition import Line
from pipelines.errors import BoardError
from pipelines.schema import Value

MAX_VOTES = 2000


class Vote(Value):
    """What one person chose: keys of cells, each once."""

    voter: Line = Field("", max_length=40, description="A name or number, where the group wants one; not shown.")
    choices: tuple[str, ...] = Field(min_length=1)


class Ballot(Value):
    """A blind vote.

    Attributes:
        seed: Shuffles the order. Kept, so that a reload shows the same one.
        keys: Of the cells that are voted on, in the order of the board.
        each: How many of them one person may choose.
        votes: So far.
        is_revealed: Labels and tally are shown, and nobody votes any more.
    """

    seed: int = Field(ge=0)
    keys: tuple[str, ...] = Field(min_length=2)
    each: int = Field(3, ge=1)
    votes: tuple[Vote, ...] = ()
    is_revealed: bool = False


class Count(Value):
    """How many people chose a cell; `rank` counts from 1, and equals share one."""

    key: str
    votes: int
    rank: int


class Stars(Value):
    """Cells that somebody wants to find again, in the order in which they were starred."""

    keys: tuple[str, ...] = ()

    def toggled(self, key: str) -> Stars:
        """With a star put on a cell, or taken off."""
        if key in self.keys:
            return Stars(keys=tuple(one for one in self.keys if one != key))
        return Stars(keys=(*self.keys, key))


def blind_order(ballot: Ballot) -> tuple[str, ...]:
    """The keys as they are shown: by SHA-256 of seed and key, so each order is as likely, on any machine the same."""
    return tuple(sorted(ballot.keys, key=lambda key: hashlib.sha256(f"{ballot.seed} {key}".encode()).digest()))


def blind_name(place: int) -> str:
    """What a cell is called as long as nobody may know it: A, B ... Z, AA ... by its place from 0."""
    name = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def voted(ballot: Ballot, choices: Sequence[str], voter: str = "") -> Ballot:
    """The ballot with one more vote. A voter with a name votes anew; those without are as many as their votes.

    Raises:
        BoardError: The ballot is closed, or the choices are none, too many, twice the same or not on it.
    """
    if ballot.is_revealed:
        raise BoardError(say("The votes were counted already; begin a new vote."))
    if not choices:
        raise BoardError(say("Choose at least one picture."))
    if len(choices) > ballot.each:
        raise BoardError(say("Choose {each} pictures at most.", each=ballot.each))
    if len(set(choices)) < len(choices):
        raise BoardError(say("Choose each picture once."))
    if any(key not in ballot.keys for key in choices):
        raise BoardError(say("One of these pictures is not part of this vote; reload and choose again."))
    others = tuple(vote for vote in ballot.votes if not voter or vote.voter != voter)
    if len(others) >= MAX_VOTES:
        raise BoardError(say("There are {max_votes} votes, and no more are taken; count them.", max_votes=MAX_VOTES))
    return ballot.model_copy(update={"votes": (*others, Vote(voter=voter, choices=tuple(choices)))})


def revealed(ballot: Ballot) -> Ballot:
    """The ballot, closed."""
    return ballot.model_copy(update={"is_revealed": True})


def tally(ballot: Ballot) -> tuple[Count, ...]:
    """Votes by cell, most first; equals in the order of the board.

    Raises:
        BoardError: The vote is not revealed yet: who sees others' votes votes otherwise.
    """
    if not ballot.is_revealed:
        raise BoardError(say("Votes are shown once the vote is closed."))
    counts = {key: sum(key in vote.choices for vote in ballot.votes) for key in ballot.keys}
    ordered = sorted(ballot.keys, key=lambda key: -counts[key])
    return tuple(
        Count(key=key, votes=counts[key], rank=1 + sum(other > counts[key] for other in counts.values()))
        for key in ordered
    )
