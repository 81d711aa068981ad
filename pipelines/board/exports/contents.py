"""What an export shows: the cells of a board with their pictures, labels and words, the originals first.

Pictures are JPEGs, signed last, and go into every kind of document byte for byte.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from PIL import Image

from languages.saying import say
from pipelines import VERSION, sizes
from pipelines.board.cells import Cell, cells, values
from pipelines.board.definition import AXES, Axis, CheckedBoard
from pipelines.board.photos import SeatedPhoto
from pipelines.board.plan import tabs
from pipelines.board.store import Paper, Store
from pipelines.photo import opening
from pipelines.provenance import marking
from pipelines.provenance.manifests import SOFTWARE
from pipelines.schema import Shape

ORIGINAL_SIZE = 768  # pixels of a square in whose area a photo is cut
_QUALITY = 92
_NOT_MADE = "Not made yet."


@dataclass(frozen=True)
class Entry:
    """One picture, or the place of one that is not there.

    Attributes:
        kind: photo: the original, cut as engines see it.
        label: What stands beside it: the values that differ in its place.
        alt: What it shows, in one sentence, for whoever cannot see it.
        settings: All it was made with, name and value; none for an original.
        jpeg: The picture's file, signed unless it is an original; None where there is none.
        file: What it is called in an archive.
        why: Why there is none, a sentence; "" where there is one.
        size: Its width and height in pixels; of none, the proportions that it would have.
    """

    kind: Literal["photo", "portrait", "failed", "missing"]
    label: str
    alt: str
    settings: tuple[tuple[str, str], ...] = ()
    jpeg: Path | None = None
    file: str = ""
    why: str = ""
    cell: Cell | None = None
    paper: Paper | None = None
    size: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Tab:
    """What is seen at once.

    Attributes:
        words: What is fixed on it, such as "Scene: Orbit, Seed 7"; "" where nothing else exists.
        columns: Labels across; the first is of the originals where they stand in the first column.
        rows: Label and entries of each row, as many as `columns`; None is an empty place.
        flow: All entries one after the other where rows and columns would be a single line; else none.
    """

    words: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry | None, ...]], ...]
    flow: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """One style of one photo: the original, and all portraits of it in that style."""

    style: str
    summary: str
    photo: Entry
    portraits: tuple[Entry, ...]


@dataclass(frozen=True)
class Contents:
    """All that an export may show.

    Attributes:
        title, notes: Of the board.
        made: What the pictures are, for the footer: AI-made, or filtered.
        day: When it was exported, ISO 8601.
        consents: Title of each photo, and who agreed to what.
        tabs, chapters: The same entries in two orders.
        entries: All portraits, in the order of the board.
        is_diffusion: A generative model made at least one of them.
        shape: Of all pictures; models come near it in whole multiples of their own.
    """

    title: str
    notes: str
    made: str
    day: str
    consents: tuple[tuple[str, str], ...]
    tabs: tuple[Tab, ...]
    chapters: tuple[Chapter, ...]
    entries: tuple[Entry, ...]
    originals: tuple[Entry, ...]
    is_diffusion: bool
    shape: Shape = "1:1"

    @property
    def ratio(self) -> float:
        """Width over height of the places for pictures."""
        return sizes.ratio(self.shape)

    @property
    def footer(self) -> str:
        """The visible label of every page."""
        return f"{self.made} · {SOFTWARE} {VERSION} · {self.day}"

    @property
    def count(self) -> str:
        """How many portraits there are, and how many not, in words."""
        done = sum(entry.kind == "portrait" for entry in self.entries)
        failed = sum(entry.kind == "failed" for entry in self.entries)
        missing = len(self.entries) - done - failed
        parts = [f"{done} portrait{'' if done == 1 else 's'}"]
        parts += [f"{failed} failed"] if failed else []
        parts += [f"{missing} not made yet"] if missing else []
        return ", ".join(parts)


def gather(
    board: CheckedBoard, photos: Sequence[SeatedPhoto], store: Store, folder: Path, day: date | None = None
) -> Contents:
    """Put a board's contents together, as far as it is made.

    Args:
        photos: Those of the board.
        store: Where its cells lie.
        folder: Where the JPEGs go; must last as long as the contents are used.
        day: Of the export; left out, today.

    Raises:
        SaveError: A finished cell's marks do not hold, or the disk is full.
    """
    originals = {photo.title: _original(board, photo, folder, number) for number, photo in enumerate(photos, 1)}
    every = {_place(cell): _entry(board, store, cell, folder) for cell in cells(board, photos)}
    entries = tuple(every.values())
    kinds = {entry.paper.is_diffusion for entry in entries if entry.paper is not None}
    made = {
        frozenset({True}): "AI-made portraits",
        frozenset({False}): "Portraits made with filters, not with generative AI",
        frozenset({True, False}): "AI-made and filtered portraits",
    }.get(frozenset(kinds), "AI-made portraits")
    return Contents(
        title=board.board.title,
        notes=board.board.notes.strip(),
        made=made,
        day=(day or date.today()).isoformat(),
        consents=tuple((photo.title, photo.consent) for photo in photos),
        tabs=tuple(_tab(board, fixed, every, originals) for fixed in tabs(board)),
        chapters=tuple(_chapters(board, every, originals)),
        entries=entries,
        originals=tuple(originals.values()),
        is_diffusion=True in kinds,
        shape=board.board.shape,
    )


def shown(board: CheckedBoard, axis: Axis, value: str | float | int) -> str:
    """A value of an axis as readers see it."""
    if axis == "style":
        return board.styles[str(value)].name
    if axis == "scene":
        return board.scenes[str(value)].name
    if axis == "engine":
        return board.engines[str(value)].name
    return {
        "likeness": say("Likeness {value:g}", value=value) if axis == "likeness" else "",
        "seed": say("Seed {value}", value=value),
    }.get(axis, str(value))


def slug(text: str, fallback: str = "board") -> str:
    """Words as part of a file name: ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].rstrip("-") or fallback


def differing(board: CheckedBoard) -> tuple[Axis, ...]:
    """The axes that have more than one value."""
    return tuple(axis for axis in AXES if len(values(board, axis)) > 1)


def _place(cell: Cell) -> tuple[str | float | int, ...]:
    return tuple(cell.at(axis) for axis in AXES)


_Placed = Mapping[tuple[str | float | int, ...], Entry]


def _tab(
    board: CheckedBoard, fixed: Mapping[Axis, str | float | int], every: _Placed, originals: Mapping[str, Entry]
) -> Tab:
    down, across = board.board.rows, board.board.columns

    def at(row: str | float | int, column: str | float | int) -> Entry:
        place = {**fixed, down: row, across: column}
        return every[tuple(place[axis] for axis in AXES)]

    row_values, column_values = values(board, down), values(board, across)
    rows = [(shown(board, down, row), [at(row, column) for column in column_values]) for row in row_values]
    columns = [shown(board, across, column) for column in column_values]
    words = ", ".join(shown(board, axis, fixed[axis]) for axis in differing(board) if axis in fixed)
    line = _line(board, rows, columns, originals, fixed)
    if across == "photo":
        first: list[Entry | None] = [replace(originals[str(photo)], label="") for photo in column_values]
        return Tab(
            words, tuple(columns), (("Photo", tuple(first)), *((label, tuple(row)) for label, row in rows)), line
        )
    led: list[tuple[str, tuple[Entry | None, ...]]] = []
    for number, (value, (label, row)) in enumerate(zip(row_values, rows, strict=True)):
        photo = str(value) if down == "photo" else str(fixed["photo"])
        original = originals[photo] if down == "photo" or number == 0 else None
        led.append((label, (original, *row)))
    return Tab(words, ("Photo", *columns), tuple(led), line)


def _line(
    board: CheckedBoard,
    rows: list[tuple[str, list[Entry]]],
    columns: list[str],
    originals: Mapping[str, Entry],
    fixed: Mapping[Axis, str | float | int],
) -> tuple[Entry, ...]:
    """Original and portraits in one line, where only one axis of the two has several values, and not of photos."""
    down, across = board.board.rows, board.board.columns
    photo = str(fixed.get("photo", board.board.photos[0].title))
    if len(rows) == 1 and (across != "photo" or len(columns) == 1):
        labels = columns if across != "photo" else [rows[0][0]]
        entries = rows[0][1]
    elif len(columns) == 1 and down != "photo":
        labels, entries = [label for label, _ in rows], [row[0] for _, row in rows]
    else:
        return ()
    return (originals[photo], *(replace(entry, label=label) for entry, label in zip(entries, labels, strict=True)))


def _chapters(board: CheckedBoard, every: _Placed, originals: Mapping[str, Entry]) -> Iterator[Chapter]:
    told = [axis for axis in differing(board) if axis not in ("photo", "style")]
    for style in values(board, "style"):
        for photo in values(board, "photo"):
            mine = [
                replace(entry, label=", ".join(shown(board, axis, entry.cell.at(axis)) for axis in told))
                for entry in every.values()
                if entry.cell is not None and (entry.cell.style, entry.cell.photo) == (style, photo)
            ]
            preset = board.styles[str(style)]
            yield Chapter(preset.name, preset.summary, originals[str(photo)], tuple(mine))


def _original(board: CheckedBoard, photo: SeatedPhoto, folder: Path, number: int) -> Entry:
    """The part of the photo that engines see, in the board's shape: the loose one where every scene has a place."""
    shape = board.board.shape
    size = sizes.within(shape, ORIGINAL_SIZE)
    is_loose = all(scene.backdrop is not None for scene in board.scenes.values())
    if is_loose:
        image = opening.prepare(photo.photo, photo.face_index, size, loose=True).image
    else:
        where = opening.frame(photo.photo, photo.face_index, sizes.ratio(shape))
        image = opening.cut(photo.photo, photo.face_index, where, size)
    name = f"photo-{number}-{slug(photo.title, 'photo')}.jpg"
    path = folder / name
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    path.write_bytes(buffer.getvalue())
    label = "Photo" if len(board.board.photos) == 1 else f"{photo.title}: photo"
    return Entry("photo", label, f"The photo {photo.title}, not changed by AI", jpeg=path, file=name, size=size)


def _entry(board: CheckedBoard, store: Store, cell: Cell, folder: Path) -> Entry:
    settings = tuple((axis.capitalize(), _setting(board, axis, cell.at(axis))) for axis in AXES)
    labels = [shown(board, axis, cell.at(axis)) for axis in differing(board)]
    label = ", ".join(labels) or shown(board, "style", cell.style)
    paper, failure = store.paper(cell.key), store.failure(cell.key)
    what = f"{cell.photo} as {board.styles[cell.style].name}"
    if board.scenes[cell.scene].backdrop is not None:
        what += f", {board.scenes[cell.scene].name}"
    if paper is None:
        why = _NOT_MADE if failure is None else failure.why
        kind: Literal["failed", "missing"] = "missing" if failure is None else "failed"
        place = sizes.within(board.board.shape, ORIGINAL_SIZE)
        return Entry(kind, label, f"No portrait of {what}: {why}", settings, why=why, cell=cell, size=place)
    number = [photo.title for photo in board.board.photos].index(cell.photo) + 1
    parts = [f"{number}-{slug(cell.photo, 'photo')}", cell.style, cell.scene, cell.engine, f"likeness{cell.likeness:g}"]
    name = f"{'-'.join(parts)}-seed{cell.seed}.jpg"
    path = folder / name
    path.write_bytes(marking.signed_jpeg(store.picture(cell.key), quality=_QUALITY))
    with Image.open(path) as picture:
        size = picture.size
    made = "An AI-made portrait" if paper.is_diffusion else "A filtered portrait"
    form = f"{sizes.SHAPES[board.board.shape]}, {size[0]} × {size[1]} px"
    settings = (*settings, ("Size", form), ("Made", f"{paper.made_at:%Y-%m-%d %H:%M} UTC"))
    if paper.faithfulness is not None:
        settings = (*settings, ("Faithfulness", paper.faithfulness.sentence))
        if paper.faithfulness.warning is not None:
            settings = (*settings, ("Warning", paper.faithfulness.warning))
    return Entry("portrait", label, f"{made} of {what}", settings, path, name, cell=cell, paper=paper, size=size)


def _setting(board: CheckedBoard, axis: Axis, value: str | float | int) -> str:
    if axis in ("style", "scene", "engine"):
        return f"{shown(board, axis, value)} ({value})"
    return f"{value:g}" if axis == "likeness" else str(value)
