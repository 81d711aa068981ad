"""The board as a web page in a ZIP: it asks no host for anything, and its pictures are the signed files."""

from __future__ import annotations

import zipfile
from html import escape
from pathlib import Path
from string import Template

from pipelines.board.exports.contents import Contents, Entry, Tab
from pipelines.board.exports.table import settings_csv

_PAGE = Template((Path(__file__).parent / "page.html").read_text("utf-8"))


def write(contents: Contents, folder: Path, name: str) -> list[Path]:
    """Write the ZIP: index.html, settings.csv, and a folder of pictures.

    Args:
        name: Of the file, without its ending.
    """
    path = folder / f"{name}.zip"
    # Pictures are compressed already.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("index.html", page(contents).encode(), zipfile.ZIP_DEFLATED)
        archive.writestr("settings.csv", settings_csv(contents), zipfile.ZIP_DEFLATED)
        for entry in (*contents.originals, *contents.entries):
            if entry.jpeg is not None:
                archive.write(entry.jpeg, f"pictures/{entry.file}")
    return [path]


def page(contents: Contents) -> str:
    """The page, which lies beside `pictures/` and `settings.csv`."""
    names = [tab.words or "Board" for tab in contents.tabs]
    buttons = "".join(
        f'<button type="button" role="tab" id="tab-{number}" aria-controls="panel-{number}">{escape(name)}</button>'
        for number, name in enumerate(names)
    )
    panels = "".join(_panel(number, tab, names[number]) for number, tab in enumerate(contents.tabs))
    consents = "".join(f"<dt>{escape(title)}</dt><dd>{escape(words)}</dd>" for title, words in contents.consents)
    notes = "".join(f"<p>{escape(line)}</p>" for line in contents.notes.splitlines() if line.strip())
    return _PAGE.substitute(
        title=escape(contents.title),
        notes=notes,
        count=escape(contents.count),
        tabs=f'<div class="tabs" role="tablist" aria-label="Pages of the board">{buttons}</div>'
        if len(names) > 1
        else "",
        panels=panels,
        consents=consents,
        footer=escape(contents.footer),
        ratio=contents.shape.replace(":", " / "),
    )


def _panel(number: int, tab: Tab, name: str) -> str:
    inner = _flow(tab.flow) if tab.flow else _table(tab)
    return (
        f'<section class="panel" id="panel-{number}" role="tabpanel" aria-labelledby="tab-{number}">'
        f"<h2>{escape(name)}</h2>{inner}</section>"
    )


def _flow(entries: tuple[Entry, ...]) -> str:
    tiles = "".join(f"<li>{_figure(entry)}<span class='label'>{escape(entry.label)}</span></li>" for entry in entries)
    return f'<ul class="flow">{tiles}</ul>'


def _table(tab: Tab) -> str:
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in tab.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join("<td></td>" if entry is None else f"<td>{_figure(entry)}</td>" for entry in entries)
        + "</tr>"
        for label, entries in tab.rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="The board, which scrolls">'
        f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _figure(entry: Entry) -> str:
    if not entry.file:
        title = "Failed" if entry.kind == "failed" else "Not made yet"
        why = f"<span>{escape(entry.why)}</span>" if entry.kind == "failed" else ""
        return f'<div class="none {entry.kind}"><strong>{title}</strong>{why}</div>'
    hover = "\n".join(f"{name}: {value}" for name, value in entry.settings) or entry.alt
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in entry.settings)
    source = f"pictures/{escape(entry.file)}"
    return (
        f'<a class="picture" href="{source}" title="{escape(hover)}">'
        f'<img src="{source}" alt="{escape(entry.alt)}" loading="lazy"></a><dl hidden>{rows}</dl>'
    )
