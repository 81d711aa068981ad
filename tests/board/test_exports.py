"""What is handed on: pictures keep their bytes and marks in every format, and what failed is seen."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image
from pptx import Presentation

from pipelines import sizes
from pipelines.board.exports import fonts, sheet, writing
from pipelines.board.exports.contents import gather
from pipelines.board.exports.table import settings_csv
from pipelines.errors import BoardError, EngineFailed
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.schema import Consent
from tests.board.conftest import SAID_YES, STYLES, TWO_PHOTOS, Bench, build_bench, fail_once

WHY = "This picture came out broken; use another seed."


@pytest.fixture(scope="module")
def half_made(presets: Presets, board_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a board of three, the second of which failed."""
    consent = Consent(
        id="consent-1", session="session-1", granted_at=datetime.now(UTC), notice_version="1", notice_sha256="0" * 64
    )
    bench = build_bench(presets, consent, board_photos, tmp_path_factory.mktemp("half"))
    fail_once(bench, 1, EngineFailed(WHY))
    bench.make(bench.board())
    return bench.out


@pytest.fixture
def half(bench: Bench, half_made: Path) -> Bench:
    """That board, in a folder of the test's own."""
    shutil.copytree(half_made, bench.out)
    return bench


def export(bench: Bench, *formats: str, **changes) -> list[Path]:
    board = bench.board(**changes)
    return writing.export(board, bench.photos(board), bench.store, bench.out / "handed-on", formats)


def unchanged(picture: bytes) -> tuple[str, bool, str]:
    report = marking.check(picture)
    return report.state, report.is_ours, report.watermark


def streams(pdf: bytes) -> list[bytes]:
    """The JPEGs of a PDF, as they lie in it."""
    found = []
    for match in re.finditer(
        rb"/Filter /DCTDecode(?:(?!stream).)*?/Length (\d+)(?:(?!stream).)*?stream\r?\n", pdf, re.S
    ):
        found.append(pdf[match.end() : match.end() + int(match.group(1))])
    return found


def test_pictures_in_slides_keep_their_bytes_and_marks(half: Bench) -> None:
    (path,) = export(half, "pptx")
    with zipfile.ZipFile(path) as archive:
        pictures = [archive.read(name) for name in archive.namelist() if name.startswith("ppt/media/")]
    assert len(pictures) == 3, "each once, however often it is shown: the photo and two portraits"
    assert sorted(unchanged(picture) for picture in pictures) == [
        ("intact", True, "filter"),
        ("intact", True, "filter"),
        ("unsigned", False, "none"),
    ]


@pytest.mark.slow
def test_pictures_in_a_pdf_keep_their_bytes_and_marks(half: Bench) -> None:
    (path,) = export(half, "pdf")
    pictures = streams(path.read_bytes())
    assert len(pictures) == 3
    assert [unchanged(picture)[0] for picture in pictures].count("intact") == 2
    board = half.board()
    facts = {marking.check(picture).facts.get("Style") for picture in pictures}
    assert facts == {None, board.board.styles[0], board.board.styles[2]}


def test_slides_say_what_they_show(half: Bench) -> None:
    (path,) = export(half, "pptx", notes="For Friday.")
    deck = Presentation(str(path))
    slides = list(deck.slides)
    assert [slide.shapes.title.text for slide in slides] == [
        "Which one?",
        "Film noir",
        "Comic book",
        "Old-master oil",
        "Consent and making",
    ]
    alts = [shape._element.xpath(".//p:cNvPr")[0].get("descr") for shape in slides[1].shapes if shape.shape_type == 13]
    assert alts == ["The photo Eileen, not changed by AI", "A filtered portrait of Eileen as Film noir"]
    notes = slides[1].notes_slide.notes_text_frame.text
    for word in ("film-noir", "preview", "Seed: 0", "Likeness: 0.5", "Faithfulness"):
        assert word in notes
    failed = " ".join(shape.text_frame.text for shape in slides[2].shapes if shape.has_text_frame)
    assert "Failed" in failed
    assert "came out broken" in failed
    end = " ".join(shape.text_frame.text for shape in slides[-1].shapes if shape.has_text_frame)
    assert SAID_YES in end
    for slide in slides:
        words = [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
        assert any("made with filters" in text for text in words), "the label is on every slide"


MUCH = {"photos": TWO_PHOTOS, "scenes": ["none", "orbit"], "seeds": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param(MUCH, marks=pytest.mark.slow),
        {**MUCH, "shape": "9:16"},
        pytest.param({"shape": "4:5"}, marks=pytest.mark.slow),
    ],
)
def test_nothing_on_a_slide_lies_outside_or_on_something_else(bench: Bench, changes: dict) -> None:
    board = bench.board(**changes)
    bench.make(board, only={cell.key for cell in bench.cells(board)[:3]})
    (path,) = export(bench, "pptx", **changes)
    deck = Presentation(str(path))
    for slide in deck.slides:
        boxes = [
            (shape.left, shape.top, shape.left + shape.width, shape.top + shape.height)
            for shape in slide.shapes
            if shape.shape_type in (13, 1)  # pictures, plates
        ]
        for box in boxes:
            assert box[0] >= 0
            assert box[1] >= 0
            assert box[2] <= deck.slide_width
            assert box[3] <= deck.slide_height
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
                assert apart, slide.shapes.title.text


def test_a_pdf_can_be_read_and_says_what_it_shows(half: Bench) -> None:
    (path,) = export(half, "pdf", title="Żółw & <Тест> 東京?")
    document = pdfium.PdfDocument(str(path))
    words = [document[number].get_textpage().get_text_range() for number in range(len(document))]
    assert len(words) == 5
    assert "Żółw & <Тест>" in words[0]
    assert all("made with filters" in text for text in words)
    assert "Failed" in words[2]
    assert SAID_YES in words[-1].replace("\r\n", " ")
    picture = document[1].render(scale=1).to_pil()
    assert len(picture.convert("RGB").getcolors(2**24)) > 1000, "there are pictures on it"


def test_the_sheet_is_signed_and_labelled_and_begins_with_the_photo(half: Bench, face_photo: Image.Image) -> None:
    (path,) = export(half, "png")
    report = marking.check(path)
    assert (report.state, report.is_ours, report.watermark) == ("intact", True, "filter")
    assert report.facts["Sheet"] == "1 of 1"
    assert report.facts["Engine"] == "Instant filters"


@pytest.mark.slow
def test_a_large_board_has_several_sheets_and_older_ones_go(bench: Bench, tmp_path: Path) -> None:
    board = bench.board(seeds=[1, 2, 3], rows="seed", columns="style")
    bench.make(board)
    contents = gather(board, bench.photos(board), bench.store, tmp_path)
    whole = sheet.write(contents, tmp_path, "whole")
    with Image.open(whole[0]) as picture:
        pixels = picture.width * picture.height
    parts = sheet.write(contents, tmp_path, "part", most_pixels=int(0.85 * pixels))
    assert [path.name for path in parts] == ["part-sheet-1.png", "part-sheet-2.png"]
    for path in parts:
        with Image.open(path) as picture:
            assert picture.width * picture.height <= 0.85 * pixels
        assert marking.check(path).state == "intact"
    folder = bench.out / "handed-on"
    folder.mkdir()
    (folder / "which-one-sheet-9.png").write_bytes(b"older")
    assert [path.name for path in export(bench, "png", seeds=[1, 2, 3], rows="seed")] == ["which-one-sheet.png"]
    assert [path.name for path in folder.iterdir()] == ["which-one-sheet.png"]


def test_the_archive_holds_signed_pictures_a_table_and_a_page_without_addresses(half: Bench) -> None:
    (path,) = export(half, "zip")
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    page = files["index.html"].decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert {source for source in sources if source not in files} == set()
    assert "://" not in page
    assert WHY in page
    rows = list(csv.DictReader(io.StringIO(files["settings.csv"].decode("utf-8-sig"))))
    assert [row["state"] for row in rows] == ["portrait", "failed", "portrait"]
    assert rows[1]["why"] == WHY
    assert float(rows[0]["edges_kept"]) > 0
    for row in rows:
        if row["file"]:
            assert unchanged(files[row["file"]])[:2] == ("intact", True)


def test_words_cannot_become_markup_or_formulas(bench: Bench, tmp_path: Path) -> None:
    title, name = '<script>alert("1")</script>', '=HYPERLINK("http://x")'
    photos = [{"file": "eileen.png", "name": name, "consent": "+1 said yes, as he wrote to us."}]
    board = bench.board(title=title, photos=photos, notes="<b>${x}</b>")
    bench.make(board)
    contents = gather(board, bench.photos(board), bench.store, tmp_path)
    (path,) = export(bench, "zip", title=title, photos=photos, notes="<b>$x</b>")
    with zipfile.ZipFile(path) as archive:
        page = archive.read("index.html").decode()
    assert page.count("<script>") == 1
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;$x" in page
    rows = list(csv.reader(io.StringIO(settings_csv(contents).decode("utf-8-sig"))))
    assert rows[1][2] == f"'{name}"
    formulas = [value for row in rows[1:] for value in row if re.match(r"\s*[=+@\t\r-]", value)]
    assert all(re.fullmatch(r"-?[\d.]+(e-?\d+)?", value) for value in formulas), "numbers are numbers"


def test_the_same_board_makes_the_same_page(half: Bench, tmp_path: Path) -> None:
    board = half.board()
    pages = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        contents = gather(board, half.photos(board), half.store, tmp_path / name, day=date(2026, 11, 26))
        pages.append((contents.footer, contents.count, [entry.label for entry in contents.entries]))
    assert pages[0] == pages[1]
    assert pages[0][:2] == (
        "Portraits made with filters, not with generative AI · Self-Portrait Studio 0.1.0 · 2026-11-26",
        "2 portraits, 1 failed",
    )
    assert pages[0][2] == ["Film noir", "Comic book", "Old-master oil"]


@pytest.mark.parametrize("rows", ["photo", "style", "scene", "seed"])
@pytest.mark.parametrize("columns", ["style", "photo", "seed"])
def test_any_two_axes_show_each_portrait_once_and_the_photo_first(bench: Bench, tmp_path: Path, rows, columns) -> None:
    if rows == columns:
        return
    board = bench.board(
        photos=TWO_PHOTOS, scenes=["none", "orbit"], styles=list(STYLES[:2]), rows=rows, columns=columns
    )
    contents = gather(board, bench.photos(board), bench.store, tmp_path)
    shown = []
    for tab in contents.tabs:
        entries = list(tab.flow) or [entry for _, row in tab.rows for entry in row if entry is not None]
        assert entries[0].kind == "photo"
        assert all(len(row) == len(tab.columns) for _, row in tab.rows)
        shown += [entry.cell.key for entry in entries if entry.cell is not None]
    assert sorted(shown) == sorted(cell.key for cell in bench.cells(board))
    assert len({tab.words for tab in contents.tabs}) == len(contents.tabs)


def test_there_is_no_other_format(bench: Bench) -> None:
    with pytest.raises(BoardError, match="pptx, pdf, png, zip"):
        export(bench, "docx")
    assert export(bench) == []


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["9:16", "4:5"])
def test_tall_portraits_keep_their_proportions_in_every_format(bench: Bench, shape: str) -> None:
    changes = {"shape": shape, "scenes": ["none", "orbit"], "seeds": [0, 1]}
    board = bench.board(**changes)
    bench.make(board, only={cell.key for cell in bench.cells(board)[:-1]})
    wanted = sizes.ratio(board.board.shape)
    paths = {path.suffix: path for path in export(bench, "pptx", "pdf", "zip", "png", **changes)}
    deck = Presentation(str(paths[".pptx"]))
    pictures = 0
    for slide in deck.slides:
        for shape_ in slide.shapes:
            if shape_.shape_type == 13:
                pictures += 1
                width, height = shape_.image.size
                assert shape_.width / shape_.height == pytest.approx(width / height, rel=0.01)
                assert width / height == pytest.approx(wanted, rel=0.02)
    assert pictures > 12
    page = pdfium.PdfDocument(str(paths[".pdf"]))[1]
    for one in page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = one.get_bounds() if hasattr(one, "get_bounds") else one.get_pos()
        assert (right - left) / (top - bottom) == pytest.approx(wanted, rel=0.02)
    with zipfile.ZipFile(paths[".zip"]) as archive:
        assert f"--ratio: {shape.replace(':', ' / ')};" in archive.read("index.html").decode()
        [row, *_] = csv.DictReader(io.StringIO(archive.read("settings.csv").decode("utf-8-sig")))
    assert row["shape"] == shape
    assert int(row["width"]) / int(row["height"]) == pytest.approx(wanted, rel=0.02)


@pytest.fixture
def own_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A font on this machine, as fontconfig finds it, with a letter that no other font has. Returns the letter."""
    letter = "\ue4c7"  # of the private use area
    pen = TTGlyphPen(None)
    for number, corner in enumerate(((0, 0), (0, 700), (600, 700), (600, 0))):
        (pen.lineTo if number else pen.moveTo)(corner)
    pen.closePath()
    box = pen.glyph()
    build = FontBuilder(1000, isTTF=True)
    build.setupGlyphOrder([".notdef", "box"])
    build.setupCharacterMap({ord(letter): "box"})
    build.setupGlyf({".notdef": box, "box": box})
    build.setupHorizontalMetrics({".notdef": (700, 0), "box": (700, 0)})
    build.setupHorizontalHeader(ascent=800, descent=-200)
    build.setupNameTable({"familyName": "Board Test", "styleName": "Regular"})
    build.setupOS2()
    build.setupPost()
    (tmp_path / "data" / "fonts").mkdir(parents=True)
    build.save(tmp_path / "data" / "fonts" / "BoardTest-Regular.ttf")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fonts, "_of_scripts", {})
    return letter


@pytest.mark.skipif(shutil.which("fc-list") is None, reason="no fontconfig on this machine")
def test_letters_of_a_font_of_this_machine_are_drawn_beside_latin_ones(half: Bench, own_font: str) -> None:
    title = f"Board {own_font}{own_font} Żółw"
    assert fonts.undrawn(title) == ""
    assert [part for part, _ in fonts.runs(title)] == ["Board ", own_font * 2, " ", "Żółw"]
    (path,) = export(half, "pdf", title=title)
    assert b"BoardTest" in path.read_bytes().replace(b" ", b"")
    page = pdfium.PdfDocument(str(path))[0].get_textpage().get_text_range()
    assert title in page
    export(half, "png", title=title)


def test_letters_that_no_font_has_are_told_before_the_start(bench: Bench) -> None:
    board = bench.board(title="Board \ue4c8")
    assert "no font for \ue4c8:" in fonts.warning(board.board)
    assert fonts.warning(bench.board(title="Żółw & Тест", notes="Ελλάδα").board) == ""
