"""Reports as files: Markdown beside its figures, and a PDF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import FontFace
from PIL import Image

from pipelines import VERSION
from pipelines.board.exports import fonts
from pipelines.errors import SaveError
from study.analysis.results import Results
from study.dataset import Dataset
from study.report import figures
from study.report.blocks import Block, Document, Grid, Heading, Paragraph, Picture
from study.report.content import drawings, report
from study.report.ethics import ethics_report

_MARGIN = 20.0  # millimetres
_SIZES = {1: 19.0, 2: 14.0, 3: 11.5}  # points of headings
_BODY, _SMALL = 9.5, 8.0
_ABOVE = 0.6  # millimetres above and below the words of a cell
_WIDEST_CELL, _WIDEST_WORD = 0.45, 0.65  # of the page, which a column has for its longest one; a hash is one word


def write_report(results: Results, folder: Path) -> list[Path]:
    """report.md, report.pdf, their figures, ethics.md and ethics.pdf.

    Raises:
        SaveError: The folder cannot be written to.
    """
    drawn = {one.name: one for one in drawings(results)}
    pictures = {name: figures.png(one) for name, one in drawn.items()}
    document = with_words(report(results), drawn)
    files: dict[str, bytes] = {
        "report.md": markdown(document).encode(),
        "report.pdf": pdf(document, pictures),
        **{f"figures/{name}.png": data for name, data in pictures.items()},
        **ethics_files(results.data),
    }
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise SaveError(
            "The report could not be written; choose a folder that this program may write to, with room.",
            detail=type(error).__name__,
        ) from error
    return [folder / name for name in files]


def ethics_files(data: Dataset) -> dict[str, bytes]:
    """The ethics report by file name."""
    ethics = ethics_report(data)
    return {"ethics.md": markdown(ethics).encode(), "ethics.pdf": pdf(ethics, {})}


def with_words(document: Document, drawn: Mapping[str, figures.Drawing]) -> Document:
    """The document with the figures' own words, without those that could not be drawn."""
    blocks: list[Block] = []
    for block in document.blocks:
        if not isinstance(block, Picture):
            blocks.append(block)
        elif block.name in drawn:
            blocks.append(replace(block, caption=drawn[block.name].caption, alt=drawn[block.name].alt))
    return replace(document, blocks=tuple(blocks))


def markdown(document: Document) -> str:
    """As Markdown; figures lie in figures/."""
    parts = []
    for block in document.blocks:
        match block:
            case Heading():
                parts.append(f"{'#' * block.level} {block.text}")
            case Paragraph(is_quoted=True):
                parts.append("\n".join(f"> {line}".rstrip() for line in block.text.splitlines()))
            case Paragraph():
                parts.append(block.text)
            case Grid():
                lines = [f"**{block.caption}**", "", _line(block.head), _line("---" for _ in block.head)]
                parts.append("\n".join([*lines, *(_line(row) for row in block.rows)]))
            case Picture():
                alt = block.alt.replace("[", "(").replace("]", ")")
                parts.append(f"![{alt}](figures/{block.name}.png)\n\n*{block.caption}*")
    return "\n\n".join(parts) + "\n"


def _line(cells: object) -> str:
    return f"| {' | '.join(' '.join(str(cell).split()).replace('|', chr(92) + '|') for cell in cells)} |"  # type: ignore[attr-defined]


def pdf(document: Document, pictures: Mapping[str, bytes]) -> bytes:
    """As a PDF, A4, with an outline and alternative texts.

    Args:
        pictures: PNG files by the names of the figures.
    """
    page = _Page(document)
    for place, block in enumerate(document.blocks):
        match block:
            case Heading():
                page.heading(block, _room(document.blocks[place + 1 :]))
            case Paragraph():
                page.paragraph(block)
            case Grid():
                page.grid(block)
            case Picture():
                page.picture(block, pictures[block.name])
    return bytes(page.output())


class _Page(FPDF):
    """A4 with a footer that says what it is."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self._subject = document.subject
        for weight in ("", "B"):
            self.add_font("own", weight, fonts.font_file(bold=bool(weight)))
        wide = fonts.wide_font_file()
        if wide is not None:
            self.add_font("wide", "", wide)
            self.set_fallback_fonts(["wide"], exact_match=False)
        self.set_margin(_MARGIN)
        self.set_auto_page_break(True, margin=_MARGIN)
        self.set_title(document.title)
        self.set_subject(document.subject)
        self.set_creator(f"Self-Portrait Studio {VERSION}")
        self.set_lang("en")
        self.add_page()

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font("own", size=7)
        self.set_text_color(90)
        self.cell(0, 5, f"{self._subject}  ·  {self.page_no()}", align="C")
        self.set_text_color(0)

    def heading(self, block: Heading, room: float) -> None:
        """Args: `room`, millimetres that what follows wants on the same page."""
        self.set_font("own", "B", _SIZES[block.level])
        if self.will_page_break(14 + room):
            self.add_page()
        self.ln(2 if block.level == 1 else 5)
        self.start_section(block.text[:120], level=block.level - 1, strict=False)
        self.multi_cell(0, _SIZES[block.level] * 0.48, block.text, new_x="LMARGIN", new_y="NEXT")
        self.ln(1.5)

    def paragraph(self, block: Paragraph) -> None:
        size = _SMALL if block.is_quoted else _BODY
        self.set_font("own", size=size)
        inset = 6.0 if block.is_quoted else 0.0
        self.set_left_margin(_MARGIN + inset)
        self.set_x(_MARGIN + inset)
        self.multi_cell(0, size * 0.5, block.text, new_x="LMARGIN", new_y="NEXT", align="L")
        self.set_left_margin(_MARGIN)
        self.ln(2.2)

    def grid(self, block: Grid) -> None:
        self.set_font("own", "B", _BODY)
        if self.will_page_break(_height(block)):
            self.add_page()
        self.multi_cell(0, 5, block.caption, new_x="LMARGIN", new_y="NEXT")
        self.ln(0.8)
        self.set_font("own", size=_SMALL)
        widths = self._widths(block)
        head = FontFace(emphasis="BOLD", fill_color=(240, 236, 228))
        with self.table(
            col_widths=widths,
            text_align="LEFT",
            borders_layout="HORIZONTAL_LINES",
            line_height=4.2,
            padding=(_ABOVE, self.c_margin),
            headings_style=head,
        ) as table:
            for cells in (block.head, *block.rows):
                row = table.row()
                for cell in cells:
                    row.cell(cell)
        self.ln(3)

    def _widths(self, block: Grid) -> tuple[float, ...]:
        """Millimetres of the columns: as much as the longest word needs, and of what is left a share by their cells."""
        columns = [[row[column] for row in (block.head, *block.rows)] for column in range(len(block.head))]
        self.set_font("own", "B", _SMALL)  # the head's, which is the wider one

        def widest(texts: Iterable[str], most: float) -> float:
            return min(max(map(self.get_string_width, texts), default=0.0), self.epw * most) + 2 * self.c_margin

        needed = [widest((word for cell in cells for word in cell.split()), _WIDEST_WORD) + 0.5 for cells in columns]
        more = [max(widest(cells, _WIDEST_CELL) - need, 0.0) for cells, need in zip(columns, needed, strict=True)]
        self.set_font("own", size=_SMALL)
        spare = max(self.epw - sum(needed), 0.0)
        given = min(spare / sum(more), 1.0) if sum(more) else 0.0
        left = (spare - given * sum(more)) / len(columns)  # no cell needs it, so that each column has as much of it
        return tuple(need + given * one + left for need, one in zip(needed, more, strict=True))

    def picture(self, block: Picture, data: bytes) -> None:
        width = self.epw * 0.86
        with Image.open(BytesIO(data)) as drawn:
            height = width * drawn.height / drawn.width
        if self.will_page_break(height + 8):  # the caption stays with it
            self.add_page()
        self.image(BytesIO(data), w=width, alt_text=block.alt, keep_aspect_ratio=True)
        self.set_font("own", size=_SMALL)
        self.multi_cell(0, 4.2, block.caption, new_x="LMARGIN", new_y="NEXT")
        self.ln(2.5)


def _room(following: Sequence[Block]) -> float:
    """What a heading wants below it: all up to the first table or figure of its own, or some lines of text."""
    room, has_text = 0.0, False
    for block in following:
        match block:
            case Grid() | Picture():
                return min(room + _height(block), 150.0)
            case Heading() if has_text:
                break
            case Heading():
                room += 14
            case Paragraph():
                room += 12 + 5 * (len(block.text) // 110)
                has_text = True
    return min(room, 20.0)


def _height(block: Grid | Picture) -> float:
    """Millimetres that are kept together; longer tables go on on the next page."""
    return 70.0 if isinstance(block, Picture) else min(24 + 5.8 * len(block.rows), 90)
