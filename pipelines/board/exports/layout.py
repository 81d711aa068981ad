"""Slides as shapes with places, for the PDF and for PowerPoint alike. Lengths are inches, from the top left corner."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.board.exports import fonts
from pipelines.board.exports.contents import Chapter, Contents, Entry, Tab

WIDTH, HEIGHT = 13.333, 7.5  # 16:9
INK, FAINT, WRONG, PLATE, PAPER = "#2b2621", "#756b60", "#9c3b28", "#ece6dc", "#faf7f2"
_MARGIN, _TOP, _BOTTOM, _GAP = 0.5, 1.45, 6.95, 0.12
_POINT = 1 / 72
_LABEL = 11.0  # points
_MOST_ROWS, _MOST_COLUMNS, _MOST_IN_FLOW, _MOST_IN_CHAPTER = 5, 9, 24, 6
_MOST_IN_A_ROW = 3
_ROW_LABEL = 1.35
_WORDS = 1.7  # so wide a place is for its label, where there is room, however narrow its picture
_TABLE_HEAD = 2 * 1.25 * _LABEL * _POINT + 0.05  # two lines over a column


@dataclass(frozen=True)
class Text:
    """Lines that were made to fit.

    Attributes:
        size: In points; a line is 1.2 of it high.
    """

    x: float
    y: float
    w: float
    lines: tuple[str, ...]
    size: float
    bold: bool = False
    color: str = INK
    is_title: bool = False

    @property
    def h(self) -> float:
        return len(self.lines) * 1.25 * self.size * _POINT


@dataclass(frozen=True)
class Picture:
    """A picture of an entry; a plate with words where there is none."""

    x: float
    y: float
    w: float
    h: float
    entry: Entry


def _fitted(x: float, y: float, w: float, h: float, entry: Entry) -> Picture:
    """A picture in the middle of a place, as large as its proportions allow."""
    ratio = entry.size[0] / entry.size[1]
    wide = min(w, h * ratio)
    return Picture(x + (w - wide) / 2, y + (h - wide / ratio) / 2, wide, wide / ratio, entry)


@dataclass(frozen=True)
class Slide:
    """One slide or page. `notes` are for whoever speaks."""

    title: str
    shapes: tuple[Text | Picture, ...]
    notes: str = ""


def slides(contents: Contents) -> Iterator[Slide]:
    """Overview, then a slide for each style, then who agreed and how it was made."""
    for tab in contents.tabs:
        yield from _overview(contents, tab)
    for chapter in contents.chapters:
        yield from _chapter(contents, chapter)
    yield from _end(contents)


def plate(picture: Picture) -> list[Text]:
    """What stands on the plate of a picture that is not there: that it failed, and why."""
    entry, inner = picture.entry, picture.w - 2 * _GAP
    title = "Failed" if entry.kind == "failed" else "Not made"
    shapes = [Text(picture.x + _GAP, picture.y + _GAP, inner, (_fit(title, 10, inner, bold=True),), 10, True, WRONG)]
    rows = max(0, int((picture.h - 2 * _GAP - 0.2) / (1.25 * 9 * _POINT)))
    why = _wrap(entry.why, 9, inner, rows) if rows and entry.kind == "failed" else []
    return [*shapes, Text(picture.x + _GAP, picture.y + _GAP + 0.2, inner, tuple(why), 9)] if why else shapes


def settings(entry: Entry) -> str:
    """All that a portrait was made with, in one line."""
    return "; ".join(f"{name}: {value}" for name, value in entry.settings)


def _head(title: str, words: str, notes: str = "") -> list[Text | Picture]:
    room = WIDTH - 2 * _MARGIN
    shapes: list[Text | Picture] = [
        Text(_MARGIN, 0.36, room, (_fit(title, 26, room, bold=True),), 26, bold=True, is_title=True)
    ]
    lines = [line for line in (words, *_wrap(notes, 12, room, 1)) if line]
    if lines:
        shapes.append(Text(_MARGIN, 0.88, room, tuple(_fit(line, 12, room) for line in lines), 12, color=FAINT))
    return shapes


def _foot(contents: Contents) -> Text:
    room = WIDTH - 2 * _MARGIN
    return Text(_MARGIN, 7.08, room, (_fit(contents.footer, 10, room, bold=True),), 10, bold=True)


def _overview(contents: Contents, tab: Tab) -> Iterator[Slide]:
    ratio = contents.ratio
    parts = list(_flows(tab.flow, ratio)) if tab.flow else list(_tables(tab, ratio))
    for number, shapes in enumerate(parts, 1):
        words = [part for part in (tab.words, contents.count) if part]
        words += [f"{number} of {len(parts)}"] if len(parts) > 1 else []
        head = _head(contents.title, " · ".join(words), contents.notes)
        yield Slide(contents.title, (*head, *shapes, _foot(contents)), contents.notes)


def _flows(entries: Sequence[Entry], ratio: float) -> Iterator[list[Text | Picture]]:
    """Pictures with their labels below, the original first, as large as they can be."""
    for start in range(0, len(entries), _MOST_IN_FLOW):
        some = entries[start : start + _MOST_IN_FLOW]
        yield _grid(some, ratio, _MARGIN, _TOP, WIDTH - 2 * _MARGIN, _BOTTOM - _TOP)


def _grid(entries: Sequence[Entry], ratio: float, x: float, y: float, w: float, h: float) -> list[Text | Picture]:
    caption = 1.35 * _LABEL * _POINT if any(entry.label for entry in entries) else 0.0

    def room(columns: int) -> float:
        return (w - (columns - 1) * _GAP) / columns

    def high_with(columns: int) -> float:
        rows = math.ceil(len(entries) / columns)
        return min(room(columns) / ratio, (h - (rows - 1) * _GAP) / rows - caption)

    columns = max(range(1, len(entries) + 1), key=high_with)
    high = high_with(columns)
    wide = max(high * ratio, min(_WORDS, room(columns)))
    left = x + (w - columns * wide - (columns - 1) * _GAP) / 2
    shapes: list[Text | Picture] = []
    for number, entry in enumerate(entries):
        across, down = left + number % columns * (wide + _GAP), y + number // columns * (high + caption + _GAP)
        picture = _fitted(across, down, wide, high, entry)
        shapes.append(picture)
        if entry.label:
            label = _fit(entry.label, _LABEL, across + wide - picture.x)
            shapes.append(Text(picture.x, down + high + 0.02, across + wide - picture.x, (label,), _LABEL))
    return shapes


def _tables(tab: Tab, ratio: float) -> Iterator[list[Text | Picture]]:
    """Rows and columns with their labels; on each slide the first column again where it holds the originals.

    A tall board is turned on its side, for slides are wide.
    """
    turned = _turned(tab)
    if _high(len(turned.columns), len(turned.rows), ratio) > 1.1 * _high(len(tab.columns), len(tab.rows), ratio):
        tab = turned
    leads = tab.columns[0] == "Photo" and len(tab.columns) > _MOST_COLUMNS
    fixed = 1 if leads else 0
    step = _MOST_COLUMNS - fixed
    for top in range(0, len(tab.rows), _MOST_ROWS):
        rows = tab.rows[top : top + _MOST_ROWS]
        for first in range(fixed, len(tab.columns), step):
            chosen = [*range(fixed), *range(first, min(first + step, len(tab.columns)))]
            yield _table(
                [tab.columns[column] for column in chosen],
                [(label, [entries[column] for column in chosen]) for label, entries in rows],
                ratio,
            )


def _turned(tab: Tab) -> Tab:
    """Rows and columns exchanged."""
    rows = tuple((label, tuple(entries[number] for _, entries in tab.rows)) for number, label in enumerate(tab.columns))
    return Tab(tab.words, tuple(label for label, _ in tab.rows), rows)


def _room(columns: int) -> float:
    """How wide a place in a table of so many columns may be."""
    return (WIDTH - 2 * _MARGIN - _ROW_LABEL) / min(columns, _MOST_COLUMNS) - _GAP


def _high(columns: int, rows: int, ratio: float) -> float:
    """How high the pictures of a table are, of which a slide takes so many rows and columns at most."""
    return min(_room(columns) / ratio, (_BOTTOM - _TOP - _TABLE_HEAD) / min(rows, _MOST_ROWS) - _GAP)


def _table(columns: list[str], rows: list[tuple[str, list[Entry | None]]], ratio: float) -> list[Text | Picture]:
    head, high = _TABLE_HEAD, _high(len(columns), len(rows), ratio)
    wide = max(high * ratio, min(_WORDS, _room(len(columns))))
    left = _MARGIN + _ROW_LABEL
    shapes: list[Text | Picture] = []
    for number, label in enumerate(columns):
        lines = _wrap(label, _LABEL, wide, 2)
        text = Text(left + number * (wide + _GAP), 0, wide, tuple(lines), _LABEL)
        shapes.append(Text(text.x, _TOP + head - text.h - 0.04, wide, text.lines, _LABEL))
    for down, (label, entries) in enumerate(rows):
        y = _TOP + head + down * (high + _GAP)
        shapes.append(
            Text(_MARGIN, y, _ROW_LABEL - _GAP, tuple(_wrap(label, _LABEL, _ROW_LABEL - 2 * _GAP, 3, bold=True)),
                 _LABEL, bold=True)
        )  # fmt: skip
        shapes += [
            _fitted(left + number * (wide + _GAP), y, high * ratio, high, entry)
            for number, entry in enumerate(entries)
            if entry is not None
        ]
    return shapes


def _chapter(contents: Contents, chapter: Chapter) -> Iterator[Slide]:
    """The original on the left, the portraits in this style beside it."""
    parts = [
        chapter.portraits[start : start + _MOST_IN_CHAPTER]
        for start in range(0, len(chapter.portraits), _MOST_IN_CHAPTER)
    ]
    height = _BOTTOM - _TOP
    for number, portraits in enumerate(parts, 1):
        title = chapter.style if len(contents.originals) == 1 else f"{chapter.style}: {_name(chapter.photo)}"
        words = chapter.summary + (f" · {number} of {len(parts)}" if len(parts) > 1 else "")
        ratio = contents.ratio
        high = min(height - 1.35 * _LABEL * _POINT, (WIDTH - 2 * _MARGIN - 3 * _GAP) / 2 / ratio)
        shapes = _head(title, words)
        if len(portraits) == 1:
            wide = high * ratio
            left = (WIDTH - 2 * wide - 3 * _GAP) / 2
            right = left + wide + 3 * _GAP
            shapes += [_fitted(at, _TOP, wide, high, one) for at, one in ((left, chapter.photo), (right, portraits[0]))]
            shapes += _caption(left, _TOP + high, wide, "Photo")
            shapes += _caption(right, _TOP + high, wide, portraits[0].label or _said(portraits[0]))
        elif len(portraits) <= _MOST_IN_A_ROW:
            photo = replace(chapter.photo, label="Photo")
            shapes += _grid((photo, *portraits), ratio, _MARGIN, _TOP, WIDTH - 2 * _MARGIN, height)
        else:
            small = min(3.9, high * ratio)
            shapes.append(_fitted(_MARGIN, _TOP, small, small / ratio, chapter.photo))
            shapes += _caption(_MARGIN, _TOP + small / ratio, small, "Photo")
            left = _MARGIN + small + 3 * _GAP
            shapes += _grid(portraits, ratio, left, _TOP, WIDTH - _MARGIN - left, height)
        notes = "\n".join(f"{entry.alt}. {settings(entry)}" for entry in portraits)
        yield Slide(title, (*shapes, _foot(contents)), notes)


def _said(entry: Entry) -> str:
    """What a portrait's maker was, for a slide with one portrait."""
    return "" if entry.paper is None else f"{entry.paper.maker}, seed {entry.paper.seed}"


def _caption(x: float, y: float, side: float, text: str) -> list[Text | Picture]:
    return [Text(x, y + 0.02, side, (_fit(text, _LABEL, side),), _LABEL)] if text else []


def _end(contents: Contents) -> Iterator[Slide]:
    """Who agreed to what, and how the pictures were made."""
    room = WIDTH - 2 * _MARGIN
    blocks: list[tuple[str, bool]] = []
    for title, sentence in contents.consents:
        blocks += [("", False), (title, True)] if blocks else [(title, True)]
        blocks += [(line, False) for line in _wrap(sentence, 12, room, 6)]
    blocks += [("", False), ("How they were made", True)]
    makers = sorted({entry.paper.maker for entry in contents.entries if entry.paper is not None})
    words = f"{contents.made}. " + (f"Made by: {', '.join(makers)}. " if makers else "")
    words += (
        "Every portrait carries signed content credentials (C2PA), a description (XMP) and an invisible watermark; "
        "what is embedded here are the signed files, byte for byte."
    )
    blocks += [(line, False) for line in _wrap(words, 12, room, 6)]
    failed = [entry for entry in contents.entries if entry.kind == "failed"]
    for entry in failed[:8]:
        blocks += [(line, False) for line in _wrap(entry.alt, 12, room, 2)]
    line = 1.3 * 12 * _POINT
    each = int((_BOTTOM - _TOP) / line)
    for start in range(0, len(blocks), each):
        shapes = _head("Consent and making", contents.title)
        for number, (text, bold) in enumerate(blocks[start : start + each]):
            shapes.append(Text(_MARGIN, _TOP + number * line, room, (text,), 12, bold=bold))
        yield Slide("Consent and making", (*shapes, _foot(contents)))


def _name(photo: Entry) -> str:
    return photo.label.removesuffix(": photo")


def _fit(text: str, size: float, room: float, *, bold: bool = False) -> str:
    return fonts.shortened(text, size * _POINT, 0.93 * room, bold=bold)  # PowerPoint's own font may be wider


def _wrap(text: str, size: float, room: float, lines: int, *, bold: bool = False) -> list[str]:
    return fonts.wrapped(text, size * _POINT, 0.93 * room, lines, bold=bold)
