"""Letters for sheets and PDFs: a font that ships with the project, DejaVu for scripts that it lacks, and what else is
installed on this machine for those that both lack, such as Chinese, Japanese and Korean.

Those have thousands of letters, and a font of them weighs more than this whole page; Debian has one of 2 MB,
fonts-droid-fallback.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import ImageFont

from pipelines.board.definition import Board

_HERE = Path(__file__).parent / "fonts"  # Instrument Sans, OFL 1.1, weights 400 and 650
_SYSTEM = Path("/usr/share/fonts/truetype/dejavu")
_LACKING = "□"
_SOME = 12  # letters that are told
_MOST_FONTS = 6  # of one script, to choose from
_LARGE = ((0x3000, 0x9FFF), (0xAC00, 0xD7FF))  # kana and ideographs, which a font has together; Hangul


def font_file(*, bold: bool = False) -> Path:
    """The project's own font, for Latin scripts."""
    return _HERE / f"instrument-sans-{'bold' if bold else 'regular'}.ttf"


@cache
def wide_font_file(*, bold: bool = False) -> Path | None:
    """DejaVu Sans, for Greek, Cyrillic, Arabic and more: the system's, or the one that matplotlib carries (MediaPipe
    brings that along); None where there is neither."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    spec = importlib.util.find_spec("matplotlib")
    places = [_SYSTEM / name]
    if spec is not None and spec.origin is not None:
        places.append(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / name)
    return next((path for path in places if path.is_file()), None)


@cache
def _letters(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())


def runs(text: str, *, bold: bool = False) -> list[tuple[str, Path]]:
    """A line as parts, each with a font that has its letters: a word is in one font where one has all of it.

    Letters that no font has become a square.
    """
    fonts = [font_file(bold=bold), *_others(text, bold)]
    found: list[tuple[str, Path]] = []
    own = fonts[:2]  # an installed font is for what it alone has: its Latin letters look like no other on the page
    line = next((font for font in own if not _missing(text, font)), None)
    for word in [text] if line is not None else re.findall(r"\S+\s*|\s+", text):
        whole = next((font for font in fonts if not _missing(word, font)), None)
        for part in [word] if whole is not None else word:
            font = whole or next((font for font in fonts if not _missing(part, font)), None)
            if font is None:
                part, font = (_LACKING, fonts[1]) if len(fonts) > 1 else ("?", fonts[0])
            if found and font == found[-1][1]:
                found[-1] = (found[-1][0] + part, font)
            else:
                found.append((part, font))
    return found


def undrawn(*texts: str) -> str:
    """The letters that no font here has, each once."""
    joined = "".join(texts)
    fonts = [font_file(), *_others(joined, bold=False)]
    there = frozenset().union(*(_letters(font) for font in fonts))
    return "".join(dict.fromkeys(letter for letter in joined if ord(letter) not in there and not letter.isspace()))


def warning(board: Board) -> str:
    """That letters of a board's title, notes, names or consents cannot be drawn, a sentence; "" where all can."""
    lacking = undrawn(board.title, board.notes, *(f"{photo.title}{photo.consent}" for photo in board.photos))
    if not lacking:
        return ""
    some = lacking if len(lacking) <= _SOME else f"{lacking[:_SOME]} …"
    return f"This machine has no font for {some}: in a PNG sheet and a PDF these letters show as squares."


def _others(text: str, bold: bool) -> list[Path]:
    """The fonts beside the project's own that a text may need."""
    wide = wide_font_file(bold=bold)
    near = [font_file(bold=bold), *([wide] if wide is not None else [])]
    lacking = [letter for letter in text if not letter.isspace() and not any(ord(letter) in _letters(f) for f in near)]
    scripts: dict[int, list[str]] = {}
    for letter in lacking:
        scripts.setdefault(_script(letter), []).append(letter)
    installed = [_best(script, letters) for script, letters in scripts.items()]
    return list(dict.fromkeys([*near[1:], *(font for font in installed if font is not None)]))


def _best(script: int, letters: list[str]) -> Path | None:
    """Of the fonts of a script the one that has most of some letters."""
    found = _installed(script, letters[0])
    count = {font: sum(ord(letter) in _letters(font) for letter in letters) for font in found}
    best = max(found, key=lambda font: count[font], default=None)
    return best if best is not None and count[best] else None


def _script(letter: str) -> int:
    """Letters of the same number share a font: CJK ideographs, Hangul, and otherwise 128 neighbours."""
    code = ord(letter)
    return next((first for first, last in _LARGE if first <= code <= last), code >> 7)


_of_scripts: dict[int, tuple[Path, ...]] = {}


def _installed(script: int, letter: str) -> tuple[Path, ...]:
    """Some TrueType fonts of this machine's that have a letter, as fontconfig knows; asked once for its script."""
    if script not in _of_scripts:
        asked = f":charset={ord(letter):x}:fontformat=TrueType"
        try:
            answer = subprocess.run(
                ["fc-list", asked, "-f", "%{file}\\n"], capture_output=True, text=True, timeout=20, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError):  # no fontconfig here
            answer = ""
        files = {Path(line) for line in answer.splitlines() if line.endswith(".ttf")}
        _of_scripts[script] = tuple(sorted(files, key=_plainness)[:_MOST_FONTS])
    return _of_scripts[script]


def _plainness(file: Path) -> tuple[bool, int, str]:
    """Upright fonts of usual weight first: their names are plain."""
    return "regular" not in file.stem.lower(), len(file.stem), str(file)


def _missing(text: str, path: Path) -> bool:
    there = _letters(path)
    return any(ord(letter) not in there and letter != "\n" for letter in text)


@cache
def loaded(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font of Pillow's, `size` pixels high."""
    return ImageFont.truetype(path, size)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line is, in the unit of `size`."""
    return sum(loaded(path, 100).getlength(part) for part, path in runs(text, bold=bold)) * size / 100


def shortened(text: str, size: float, most: float, *, bold: bool = False) -> str:
    """A line that fits into a width, its end cut off where it must be."""
    text = " ".join(text.split())
    if width(text, size, bold=bold) <= most:
        return text
    while text and width(f"{text}…", size, bold=bold) > most:
        text = text[:-1]
    return f"{text.rstrip(' ,.;')}…" if text else ""


def wrapped(text: str, size: float, most: float, lines: int, *, bold: bool = False) -> list[str]:
    """A text in lines that fit into a width, the last one cut off where there are more."""
    found: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}".strip()
            if line and width(joined, size, bold=bold) > most:
                found.append(line)
                line = word
            else:
                line = joined
        found.append(line)
    found = [line for line in found if line]
    if len(found) > lines:
        found = [*found[: lines - 1], " ".join(found[lines - 1 :])]
    return [shortened(line, size, most, bold=bold) for line in found]
