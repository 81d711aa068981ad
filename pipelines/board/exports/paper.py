"""The board as a PDF. Signed JPEGs go in as they are (DCTDecode), so that each can be taken out and checked."""

from __future__ import annotations

from pathlib import Path

from fpdf import FPDF

from pipelines import VERSION
from pipelines.board.exports import fonts, layout
from pipelines.board.exports.contents import Contents
from pipelines.provenance.manifests import SOFTWARE

_POINT = 1 / 72


def write(contents: Contents, folder: Path, name: str) -> list[Path]:
    """Write the PDF: one page for each of `layout.slides`.

    Args:
        name: Of the file, without its ending.
    """
    pdf = FPDF(orientation="landscape", unit="in", format=(layout.HEIGHT, layout.WIDTH))
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.set_title(contents.title)
    pdf.set_subject(contents.made)
    pdf.set_creator(f"{SOFTWARE} {VERSION}")
    pdf.set_lang("en")
    for slide in layout.slides(contents):
        pdf.add_page()
        pdf.set_fill_color(layout.PAPER)
        pdf.rect(0, 0, layout.WIDTH, layout.HEIGHT, style="F")
        pdf.start_section(slide.title)
        for shape in slide.shapes:
            if isinstance(shape, layout.Text):
                _text(pdf, shape)
            else:
                _picture(pdf, shape)
    path = folder / f"{name}.pdf"
    pdf.output(str(path))
    return [path]


def _text(pdf: FPDF, text: layout.Text) -> None:
    pdf.set_text_color(text.color)
    for number, line in enumerate(text.lines):
        x, baseline = text.x, text.y + (number * 1.25 + 0.95) * text.size * _POINT
        for part, file in fonts.runs(line, bold=text.bold):
            if file.stem.lower() not in pdf.fonts:
                pdf.add_font(file.stem, fname=file)
            pdf.set_font(file.stem, size=text.size)
            pdf.text(x, baseline, part)
            x += pdf.get_string_width(part)


def _picture(pdf: FPDF, picture: layout.Picture) -> None:
    entry = picture.entry
    if entry.jpeg is not None:
        pdf.image(entry.jpeg, picture.x, picture.y, picture.w, picture.h, alt_text=entry.alt)
        return
    pdf.set_fill_color(layout.PLATE)
    pdf.rect(picture.x, picture.y, picture.w, picture.h, style="F")
    for shape in layout.plate(picture):
        _text(pdf, shape)
