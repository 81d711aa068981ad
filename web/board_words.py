"""A board as the Board tab reads it: JSON-ready, in words."""

from __future__ import annotations

from typing import Any

from languages.saying import say
from pipelines import sizes
from pipelines.board.cells import Cell, cells, values
from pipelines.board.definition import AXIS_NAMES, CheckedBoard
from pipelines.board.exports.contents import differing, shown
from pipelines.board.exports.fonts import warning
from pipelines.board.plan import tabs
from pipelines.board.votes import blind_name, blind_order, tally
from pipelines.engines.base import EngineInfo
from pipelines.waiting_times import duration
from visits.board import VisitBoard


def everything(board: VisitBoard, engines: tuple[EngineInfo, ...], key: str) -> dict[str, Any]:
    """All that the tab shows.

    Args:
        key: Of the visit; it stands in the addresses of pictures.
    """
    return {
        "base": f"studio/board/{key}",
        "photos": [
            {
                "id": one.id,
                "title": one.photo.title,
                "consent": one.photo.consent,
                "src": f"studio/board/{key}/photo/{one.id}.jpg",
                "hints": list(one.photo.hints),
            }
            for one in board.sitters
        ],
        "engines": [
            {"id": one.id, "name": one.name, "automatic": one.is_automatic} for one in engines if one.available
        ],
        "asked": board.asked,
        "table": None if board.board is None else _table(board, board.board),
        "stars": list(board.stars.keys),
        **progress(board),
        **vote(board),
    }


def progress(board: VisitBoard) -> dict[str, Any]:
    """How far it is: the run in words, and the state of each cell."""
    if board.board is None:
        return {"running": board.running, "words": board.said, "share": 0, "states": {}, "unsaved": 0}
    running = board.running  # asked once: it may end while this is read, and the page asks again only while it runs
    now, share = board.progress, 0.0
    if not running:
        words = board.said or f"{board.plan().sentence()} {warning(board.board.board)}".strip()
    else:
        words = board.said or say("Starting")
        if now is not None:
            within = now.step / now.steps if now.steps and now.state == "working" else 0.0
            share = (now.number - 1 + (1.0 if now.state in ("done", "failed") else within)) / now.total
            where = {"number": now.number, "total": now.total}
            said: str = say("Portrait {number} of {total}", **where)
            if now.state == "working" and now.step:
                said = say(
                    "Portrait {number} of {total}, step {step} of {steps}", step=now.step, steps=now.steps, **where
                )
            elif now.state == "waiting":
                said = say("Portrait {number} of {total}, waiting for its turn", **where)
            words = said
            if now.seconds_left is not None:
                words = say("{done}; {duration} left", done=said, duration=duration(now.seconds_left))
    states = board.states()
    return {
        "running": running, "words": words, "share": share, "states": states, "unsaved": board.not_handed_on,
    }  # fmt: skip


def vote(board: VisitBoard) -> dict[str, Any]:
    """A blind vote as the page shows it: names without labels until it is revealed, then labels and the tally."""
    ballot = board.ballot
    if ballot is None:
        return {"vote": None}
    names = {key: blind_name(place) for place, key in enumerate(blind_order(ballot))}
    said: dict[str, Any] = {"names": list(names.values()), "each": ballot.each, "votes": len(ballot.votes), "tally": []}
    if ballot.is_revealed:
        said["tally"] = [
            {"name": names[one.key], "label": _label(board.require(), cell), "votes": one.votes, "rank": one.rank}
            for one in tally(ballot)
            if (cell := board.cell(one.key)) is not None
        ]
    return {"vote": said}


def about(board: VisitBoard, cell: Cell) -> dict[str, Any]:
    """One cell, enlarged: what it was made with, and what was kept of the person; or why there is none."""
    said = board.require()
    rows = [[AXIS_NAMES[axis], shown(said, axis, cell.at(axis))] for axis in ("photo", "style", "scene")]
    rows += [[say("Likeness"), f"{cell.likeness:g}"], [say("Seed"), str(cell.seed)]]
    paper, failure = board.store.paper(cell.key), board.store.failure(cell.key)
    kept = None if paper is None else paper.faithfulness
    if paper is not None:
        rows += [[say("Made by"), paper.maker if paper.is_diffusion else say("Instant filters, not diffusion")]]
        # Translators: how many it took
        rows += [[say("Seconds"), f"{paper.seconds:.1f}"]]
        if paper.width is not None and paper.height is not None:
            rows += [[say("Size"), sizes.print_words(paper.width, paper.height)]]
    else:
        rows += [[say("To be made by"), said.engines[cell.engine].name]]
    return {
        "key": cell.key,
        "title": said.styles[cell.style].name,
        "alt": say("{photo} in the style {name}", photo=cell.photo, name=said.styles[cell.style].name),
        "rows": rows,
        "summary": said.styles[cell.style].summary,
        "kept": [] if kept is None else [sentence for sentence in (kept.sentence, kept.warning) if sentence],
        "notes": [] if paper is None else list(paper.notes),
        "why": "" if failure is None else failure.why,
    }


def _table(board: VisitBoard, said: CheckedBoard) -> dict[str, Any]:
    """Rows, columns and tabs of labels and keys. Photos in their own row or column stand first."""
    rows, columns = said.board.rows, said.board.columns
    by_place = {tuple(cell.at(axis) for axis in AXIS_NAMES): cell for cell in cells(said, board.photos)}
    changing = set(differing(said))
    found = []
    for fixed in tabs(said):
        lines = []
        for row in values(said, rows):
            line = []
            for column in values(said, columns):
                at = {**fixed, rows: row, columns: column}
                cell = by_place[tuple(at[axis] for axis in AXIS_NAMES)]
                line.append({"key": cell.key, "label": _label(said, cell)})
            lines.append({"label": shown(said, rows, row), "photo": _photo(board, rows, row, fixed), "cells": line})
        words = ", ".join(str(shown(said, axis, value)) for axis, value in fixed.items() if axis in changing)
        found.append({"words": words, "rows": lines})
    return {
        "title": said.board.title,
        "count": said.board.count,
        "shape": said.board.shape,
        "ratio": sizes.ratio(said.board.shape),
        "rows": AXIS_NAMES[rows],
        "columns": [shown(said, columns, value) for value in values(said, columns)],
        "heads": [_photo(board, columns, value, {}) for value in values(said, columns)],
        "tabs": found,
    }


def _photo(board: VisitBoard, axis: str, value: object, fixed: dict[Any, Any]) -> str:
    """The id of the photo that a row or column is made from; "" where it is made from several."""
    title = value if axis == "photo" else fixed.get("photo")
    return next((one.id for one in board.sitters if one.photo.title == title), "")


def _label(said: CheckedBoard, cell: Cell) -> str:
    changing = differing(said)
    return ", ".join(str(shown(said, axis, cell.at(axis))) for axis in changing) or said.styles[cell.style].name
