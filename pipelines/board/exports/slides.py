"""The board as PowerPoint slides. Signed JPEGs go in as they are, so that each can be taken out and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_SHAPE
from pptx.enum.text import MSO_AUTO_SIZE
from pptx.util import Emu, Inches, Pt

from pipelines import VERSION
from pipelines.board.exports import layout
from pipelines.board.exports.contents import Contents
from pipelines.provenance.manifests import SOFTWARE

_TITLE_ONLY = 5  # of the layouts in python-pptx's own template
_FONT = "Arial"  # on every machine that opens slides


def write(contents: Contents, folder: Path, name: str) -> list[Path]:
    """Write the slides of `layout.slides`, settings in their notes.

    Args:
        name: Of the file, without its ending.
    """
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(layout.WIDTH), Inches(layout.HEIGHT)
    deck.core_properties.title = contents.title
    deck.core_properties.author = f"{SOFTWARE} {VERSION}"
    deck.core_properties.comments = contents.made
    for one in layout.slides(contents):
        slide = deck.slides.add_slide(deck.slide_layouts[_TITLE_ONLY])
        slide.background.fill.solid()
        slide.background.fill.fore_color.rgb = _rgb(layout.PAPER)
        for shape in one.shapes:
            if isinstance(shape, layout.Text):
                _text(slide, shape)
            else:
                _picture(slide, shape)
        if one.notes:
            slide.notes_slide.notes_text_frame.text = one.notes
    path = folder / f"{name}.pptx"
    deck.save(str(path))
    return [path]


def _text(slide: Any, text: layout.Text) -> None:
    # The title goes into the slide's own place for it: that is what screen readers and the outline show.
    box = slide.shapes.title if text.is_title else slide.shapes.add_textbox(0, 0, 0, 0)
    box.left, box.top, box.width, box.height = _inches(text.x, text.y, text.w, text.h)
    frame = box.text_frame
    frame.word_wrap = False
    frame.auto_size = MSO_AUTO_SIZE.NONE
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    for number, line in enumerate(text.lines):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.alignment = 1  # left, also where the template centres
        run = paragraph.add_run()
        run.text = line
        run.font.size, run.font.bold, run.font.name = Pt(text.size), text.bold, _FONT
        run.font.color.rgb = _rgb(text.color)


def _picture(slide: Any, picture: layout.Picture) -> None:
    entry = picture.entry
    place = _inches(picture.x, picture.y, picture.w, picture.h)
    if entry.jpeg is not None:
        shape = slide.shapes.add_picture(str(entry.jpeg), *place)
        shape.name = entry.file
        _describe(shape, entry.alt)
        return
    plate = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *place)
    plate.fill.solid()
    plate.fill.fore_color.rgb = _rgb(layout.PLATE)
    plate.line.fill.background()
    plate.shadow.inherit = False
    _describe(plate, entry.alt)
    for shape in layout.plate(picture):
        _text(slide, shape)


def _describe(shape: Any, words: str) -> None:
    """Alternative text; python-pptx has no name for it."""
    shape._element.xpath(".//p:cNvPr")[0].set("descr", words)


def _inches(*lengths: float) -> list[Emu]:
    return [Inches(length) for length in lengths]


def _rgb(color: str) -> RGBColor:
    return RGBColor.from_string(color.removeprefix("#").upper())
