"""Letters for sheets and PDFs: a font that ships with the project, and DejaVu for scripts that it lacks."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import ImageFont

_HERE = Path(__file__).parent / "fonts"  # Instrument Sans, OFL 1.1, weights 400 and 650
_SYSTEM = Path("/usr/share/fonts/truetype/dejavu")
_LACKING = "□"


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


def file_for(text: str, *, bold: bool = False) -> Path:
    """The font that has most of a text's letters."""
    own, wide = font_file(bold=bold), wide_font_file(bold=bold)
    if wide is None or _lacking(text, own) <= _lacking(text, wide):
        return own
    return wide


def written(text: str, path: Path) -> str:
    """The text as a font can write it: letters that it lacks become a square."""
    there = _letters(path)
    square = _LACKING if ord(_LACKING) in there else "?"
    return "".join(letter if ord(letter) in there or letter == "\n" else square for letter in text)


def _lacking(text: str, path: Path) -> int:
    there = _letters(path)
    return sum(ord(letter) not in there for letter in text)


@cache
def loaded(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font of Pillow's, `size` pixels high."""
    return ImageFont.truetype(path, size)


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line is, in the unit of `size`."""
    return loaded(file_for(text, bold=bold), 100).getlength(text) * size / 100


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
