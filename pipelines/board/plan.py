"""What a run would do: how many cells, in which order, how long, how many bytes. Makes nothing."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from languages.saying import listed, put_together, say
from pipelines import sizes
from pipelines.board.cells import Cell, cells, values
from pipelines.board.definition import AXES, Axis, CheckedBoard
from pipelines.board.photos import SeatedPhoto
from pipelines.board.store import State, Store, typical
from pipelines.photo import opening
from pipelines.waiting_times import duration

_BYTES_A_PIXEL = 1.3  # of a signed PNG; 22 portraits of the filters, 384 and 768 px: 0.6 to 1.7


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        cells: All, in the order of the board's axes.
        states: Of each cell, by key.
        to_make: Those that would be made, in that order.
        seconds: For all of them; None where an engine was never measured in this folder.
        unmeasured: Names of these engines.
        bytes: Of the pictures to be made, about.
    """

    cells: tuple[Cell, ...]
    states: dict[str, State]
    to_make: tuple[Cell, ...]
    seconds: float | None
    unmeasured: tuple[str, ...]
    bytes: int

    @property
    def done(self) -> int:
        """How many cells are there already and would not be made."""
        again = {cell.key for cell in self.to_make}
        return sum(self.states[cell.key] == "done" and cell.key not in again for cell in self.cells)

    def sentence(self) -> str:
        """For whoever starts the run."""
        if not self.to_make:
            return say("All {cells} portraits of this board are there.", cells=len(self.cells))
        number = Counter(self.states[cell.key] for cell in self.to_make)
        parts = [
            say(
                "{cells} portraits, {done} of them there, {to_make} to make",
                cells=len(self.cells),
                done=self.done,
                to_make=len(self.to_make),
            )
        ]
        if number["failed"]:
            parts.append(say("{number} of these failed before and are tried again", number=number["failed"]))
        if number["damaged"]:
            parts.append(say("{number} are damaged or not this board's and are made again", number=number["damaged"]))
        if self.seconds is None:
            time: str = say(
                "how long it takes is unknown: {listed} was not measured in this folder yet",
                listed=listed(self.unmeasured),
            )
        else:
            time = duration(self.seconds)
        return say(
            "{parts}. Time: {time}. Disk: about {bytes} MB.",
            parts=put_together(*parts, between="; "),
            time=time,
            bytes=max(1, round(self.bytes / 1e6)),
        )


def plan(
    board: CheckedBoard,
    photos: Sequence[SeatedPhoto],
    store: Store,
    *,
    only: Collection[str] | None = None,
    again: bool = False,
) -> Plan:
    """What a run over a board would do.

    Args:
        only: Keys of the cells that are wanted; left out, all.
        again: Make those that are done, too. Meant for few cells: the same inputs make the same picture.
    """
    every = cells(board, photos)
    states = {cell.key: store.state(cell.key) for cell in every}
    wanted = [cell for cell in every if only is None or cell.key in only]
    to_make = in_order(board, [cell for cell in wanted if again or states[cell.key] != "done"])
    measured, seconds, size, pixels = store.measured(), 0.0, 0.0, Pixels(board, photos)
    unmeasured: list[str] = []
    for (engine, area), count in Counter((cell.engine, pixels(cell)) for cell in to_make).items():
        known = typical(measured, engine, area)
        if known is None:
            unmeasured.append(board.engines[engine].name)
            size += count * _BYTES_A_PIXEL * area
        else:
            seconds += count * known[0]
            size += count * known[1]
    time = None if unmeasured else seconds
    return Plan(every, states, to_make, time, tuple(dict.fromkeys(unmeasured)), round(size))


def in_order(board: CheckedBoard, wanted: Sequence[Cell]) -> tuple[Cell, ...]:
    """Cells in the order in which they are made.

    What is dearest to change stands outermost: an engine is loaded once. Of each engine, one cell of every row comes
    first, so that somebody who looks on sees something of all soon. The others share what is drawn from a photo (photo,
    scene, likeness, seed), and the style, which changes cheaply, goes round fastest.
    """
    place = {axis: {value: number for number, value in enumerate(values(board, axis))} for axis in AXES}
    rows = board.board.rows

    def rank(cell: Cell) -> tuple[int, ...]:
        at = {axis: place[axis][cell.at(axis)] for axis in AXES}
        is_first = all(number == 0 for axis, number in at.items() if axis not in (rows, "engine"))
        inner = (at[axis] for axis in ("photo", "scene", "likeness", "seed", "style"))
        return (at["engine"], 0 if is_first else 1, *inner)

    return tuple(sorted(wanted, key=rank))


def tabs(board: CheckedBoard) -> tuple[dict[Axis, str | float | int], ...]:
    """What is fixed on each tab: one value of every axis that is neither rows nor columns."""
    left = [axis for axis in AXES if axis not in (board.board.rows, board.board.columns)]
    return tuple(
        dict(zip(left, place, strict=True)) for place in itertools.product(*(values(board, axis) for axis in left))
    )


class Pixels:
    """How many pixels the portraits of a board get.

    Args:
        photos: Those of the board. A print has as many as its photo has for it.
    """

    def __init__(self, board: CheckedBoard, photos: Sequence[SeatedPhoto]) -> None:
        self._board = board
        self._photos = {photo.title: photo for photo in photos}
        self._found: dict[tuple[str, str, bool], int] = {}

    def __call__(self, cell: Cell) -> int:
        loose = self._board.scenes[cell.scene].backdrop is not None
        key = (cell.engine, cell.photo, loose)
        if key not in self._found:
            said, photo = self._board.board, self._photos[cell.photo]
            detail = 0.0
            if said.size == "print":
                frame = opening.frame(photo.photo, photo.face_index, sizes.ratio(said.shape), loose=loose)
                detail = max(frame.width, frame.height)
            width, height = self._board.dimensions(cell.engine, said.shape, said.size, detail)
            self._found[key] = width * height
        return self._found[key]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
