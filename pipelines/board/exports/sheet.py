"""The board as PNG pictures to look at or print: labels in the picture, the original first, signed as portraits are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from pipelines.board.exports import fonts
from pipelines.board.exports.contents import Contents, Entry, Tab
from pipelines.provenance import marking
from pipelines.schema import MAX_UPLOAD_BYTES

MAX_PIXELS = 60_000_000  # of one page; a larger board has several
_MAX_BYTES = 0.9 * MAX_UPLOAD_BYTES  # so that Check a picture takes it
_BYTES_A_PIXEL = 1.8  # of such a PNG: three sheets measured 0.7 to 0.9, the worst of 22 portraits 1.7
_CELL, _SMALLEST_CELL, _MAX_WIDTH = 512, 96, 9000
_PAPER, _INK, _FAINT, _PLATE, _WRONG = "#faf7f2", "#2b2621", "#756b60", "#ece6dc", "#9c3b28"


@dataclass(frozen=True)
class _Row:
    label: str
    entries: tuple[Entry | None, ...]


@dataclass(frozen=True)
class _Page:
    """One picture.

    Attributes:
        words: Under the title.
        columns: Labels over the columns; none where each entry has its own under it.
    """

    words: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]


def write(contents: Contents, folder: Path, name: str, most_pixels: int = MAX_PIXELS) -> list[Path]:
    """Write the pages of the sheet, numbered where there are several.

    Args:
        name: Of the files, without number and ending.
        most_pixels: Of one page.

    Raises:
        SaveError: A page could not be written; those before it stay.
    """
    most = min(most_pixels, int(_MAX_BYTES / _BYTES_A_PIXEL))
    pages = [page for tab in contents.tabs for page in _pages(tab, most, contents.ratio)]
    written = []
    for number, page in enumerate(pages, 1):
        path = folder / (f"{name}-sheet.png" if len(pages) == 1 else f"{name}-sheet-{number}.png")
        engines = {e.paper.maker for row in page.rows for e in row.entries if e is not None and e.paper is not None}
        facts = {"Engine": ", ".join(sorted(engines)), "Sheet": f"{number} of {len(pages)}"}
        image = _Drawing(contents, page, number, len(pages)).image()
        marking.save(image, path, is_diffusion=contents.is_diffusion, facts={k: v for k, v in facts.items() if v})
        written.append(path)
    return written


def _pages(tab: Tab, most_pixels: int, ratio: float) -> Iterator[_Page]:
    if tab.flow:
        across = _across(len(tab.flow), ratio)
        rows = [_Row("", tab.flow[start : start + across]) for start in range(0, len(tab.flow), across)]
        columns: tuple[str, ...] = ()
    else:
        across = len(tab.columns)
        rows = [_Row(label, entries) for label, entries in tab.rows]
        columns = tab.columns
    each = max(1, _rows_within(across, most_pixels, ratio, is_flow=not columns))
    for start in range(0, len(rows), each):
        yield _Page(tab.words, columns, tuple(rows[start : start + each]))


def _across(count: int, ratio: float) -> int:
    """Columns of a flow: about three wide for two high, with few places left empty in the last row."""
    most = round(8 / ratio)

    def misfit(columns: int) -> float:
        rows = -(-count // columns)
        return abs(math.log(columns * ratio / rows / 1.5)) + 1.5 * (columns * rows - count) / count

    return min(range(1, min(count, most) + 1), key=misfit)


def _cell(across: int, ratio: float) -> int:
    return max(_SMALLEST_CELL, min(_CELL, int(_MAX_WIDTH / (across * (math.sqrt(ratio) + 0.04) + 0.4))))


def _rows_within(across: int, most_pixels: int, ratio: float, *, is_flow: bool) -> int:
    measure = _Measure(_cell(across, ratio), across, ratio, is_flow)
    return int((most_pixels / measure.width - measure.head - measure.foot) / measure.row)


class _Measure:
    """Lengths of a page in pixels, all in proportion to its cells.

    Args:
        cell: Side of a square in whose area each picture is drawn.
        ratio: Width over height of the pictures.
    """

    def __init__(self, cell: int, across: int, ratio: float, is_flow: bool) -> None:
        self.cell = cell
        self.wide, self.high = round(cell * math.sqrt(ratio)), round(cell / math.sqrt(ratio))
        self.gap = max(4, cell // 28)
        self.margin = max(16, cell // 9)
        self.text = max(13, cell // 20)
        self.title = max(22, cell // 9)
        self.label = 0 if is_flow else max(70, cell // 3)
        self.line = round(1.5 * self.text)
        self.row = self.high + self.gap + (self.line if is_flow else 0)
        self.columns = 0 if is_flow else 2 * self.line
        self.width = 2 * self.margin + self.label + across * (self.wide + self.gap)
        self.head = round(self.margin + 1.35 * self.title + 4 * self.line) + self.columns
        self.foot = round(2.2 * self.line) + self.margin // 2


class _Drawing:
    def __init__(self, contents: Contents, page: _Page, number: int, count: int) -> None:
        self._contents = contents
        self._page = page
        self._numbers = f" · page {number} of {count}" if count > 1 else ""
        is_flow = not page.columns
        across = max(len(row.entries) for row in page.rows)
        across = max(across, len(page.columns))
        self._m = _Measure(_cell(across, contents.ratio), across, contents.ratio, is_flow)

    def image(self) -> Image.Image:
        m = self._m
        width = max(m.width, 2 * m.margin + 14 * m.text)
        words = self._words(width)
        head = round(m.margin + 1.35 * m.title + len(words) * m.line + 0.6 * m.line) + m.columns
        height = head + len(self._page.rows) * m.row + m.foot
        self._image = Image.new("RGB", (width, height), _PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._text(m.margin, m.margin * 0.8, self._contents.title, m.title, width - 2 * m.margin, bold=True)
        for number, line in enumerate(words):
            y = m.margin * 0.8 + 1.35 * m.title + number * m.line
            self._text(m.margin, y, line, m.text, width - 2 * m.margin, fill=_FAINT)
        for column, label in enumerate(self._page.columns):
            x = m.margin + m.label + column * (m.wide + m.gap)
            self._lines(x, head - m.columns, label, m.wide, 2, anchor_bottom=head - m.gap // 2)
        for number, row in enumerate(self._page.rows):
            self._row(row, head + number * m.row)
        self._foot(width, height)
        return self._image

    def _words(self, width: int) -> list[str]:
        m, contents = self._m, self._contents
        words = " · ".join(part for part in (self._page.words, contents.count) if part) + self._numbers
        notes = fonts.wrapped(contents.notes, m.text, width - 2 * m.margin, 2) if contents.notes else []
        return [words, *notes]

    def _row(self, row: _Row, top: int) -> None:
        m = self._m
        if m.label:
            self._lines(m.margin, top + m.gap, row.label, m.label - m.gap, 4, bold=True)
        for column, entry in enumerate(row.entries):
            if entry is None:
                continue
            x = m.margin + m.label + column * (m.wide + m.gap)
            self._entry(entry, x, top)
            if not m.label:
                self._text(x, top + m.high + 0.15 * m.line, entry.label, m.text, m.wide)

    def _entry(self, entry: Entry, x: int, y: int) -> None:
        m = self._m
        if entry.jpeg is not None:
            with Image.open(entry.jpeg) as picture:
                picture.draft("RGB", (m.wide, m.high))
                small = ImageOps.contain(picture.convert("RGB"), (m.wide, m.high), Image.Resampling.LANCZOS)
            self._image.paste(small, (x + (m.wide - small.width) // 2, y + (m.high - small.height) // 2))
            return
        self._draw.rectangle((x, y, x + m.wide - 1, y + m.high - 1), fill=_PLATE)
        inner = m.wide - 2 * m.gap
        title = "Failed" if entry.kind == "failed" else "Not made"
        self._text(x + m.gap, y + m.gap, title, m.text, inner, fill=_WRONG, bold=True)
        if entry.kind == "failed":
            self._lines(x + m.gap, y + m.gap + m.line, entry.why, inner, 6)

    def _foot(self, width: int, height: int) -> None:
        m = self._m
        y = height - m.foot + round(0.35 * m.line)
        self._draw.line((m.margin, y, width - m.margin, y), fill=_PLATE, width=max(1, m.cell // 200))
        line = fonts.shortened(self._contents.footer, m.text, width - 2 * m.margin, bold=True)
        self._text(m.margin, y + 0.4 * m.line, line, m.text, width - 2 * m.margin, bold=True)

    def _lines(
        self, x: float, y: float, text: str, most: float, lines: int, *, bold: bool = False, anchor_bottom: int = 0
    ) -> None:
        m = self._m
        found = fonts.wrapped(text, m.text, most, lines, bold=bold)
        if anchor_bottom:
            y = anchor_bottom - len(found) * m.line
        for number, line in enumerate(found):
            self._text(x, y + number * m.line, line, m.text, most, bold=bold)

    def _text(
        self, x: float, y: float, text: str, size: int, most: float, *, bold: bool = False, fill: str = _INK
    ) -> None:
        line = fonts.shortened(text, size, most, bold=bold)
        for part, path in fonts.runs(line, bold=bold):
            font = fonts.loaded(path, size)
            # On one baseline, whatever the fonts; the first is where the top of a line is measured.
            top = y + fonts.loaded(fonts.font_file(bold=bold), size).getmetrics()[0]
            self._draw.text((x, top), part, font=font, fill=fill, anchor="ls")
            x += font.getlength(part)
