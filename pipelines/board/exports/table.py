"""settings.csv: a row for each portrait, with all it was made with and how faithful it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pipelines.board.exports.contents import Contents, Entry
from pipelines.results import RatioChange

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS = (
    "file",
    "state",
    "photo",
    "style",
    "scene",
    "engine",
    "likeness",
    "seed",
    "shape",
    "width",
    "height",
    "made_with",
    "is_diffusion",
    "seconds",
    "made_at",
    "sha256_of_the_portrait",
    "faithfulness",
    "warning",
    "landmark_drift",
    "eye_size_percent",
    "jaw_width_percent",
    "nose_width_percent",
    "face_height_percent",
    "skin_colour_difference",
    "skin_lightness_shift",
    "skin_ita_shift_degrees",
    "edges_kept",
    "not_measured",
    "why",
)


def settings_csv(contents: Contents) -> bytes:
    """The table as UTF-8 with a mark at its beginning, by which Excel knows it.

    Texts that a spreadsheet would take for a formula begin with an apostrophe (CWE-1236); numbers are numbers.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for entry in contents.entries:
        writer.writerow([_safe(value) for value in _row(entry, contents.shape)])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def _row(entry: Entry, shape: str) -> Iterator[object]:
    cell, paper = entry.cell, entry.paper
    assert cell is not None
    kept = paper.faithfulness if paper is not None else None
    skin = kept.skin if kept is not None else None
    yield from (f"pictures/{entry.file}" if entry.file else "", entry.kind)
    yield from (cell.photo, cell.style, cell.scene, cell.engine, cell.likeness, cell.seed)
    yield from (shape, *(entry.size if entry.file else (None, None)))
    if paper is None:
        yield from [None] * 5
    else:
        yield from (paper.maker, "yes" if paper.is_diffusion else "no", round(paper.seconds, 2))
        yield from (paper.made_at.isoformat(), paper.sha256)
    yield from (kept.sentence, kept.warning, _number(kept.landmark_drift)) if kept is not None else [None] * 3
    for name in ("eye_size", "jaw_width", "nose_width", "face_height"):
        change: RatioChange | None = getattr(kept, name, None)
        yield None if change is None else round(change.percent, 2)
    yield from (
        (round(skin.distance, 2), round(skin.lightness_shift, 2), round(skin.ita_shift, 2))
        if skin is not None
        else [None] * 3
    )
    yield _number(kept.edges_kept) if kept is not None else None
    yield " ".join(kept.unmeasured) if kept is not None else None
    yield entry.why


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _safe(value: object) -> object:
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
