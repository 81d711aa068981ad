"""A style board from the shell.

python -m pipelines.board board.toml photos/ --out DIR [--dry-run] [--export pptx,pdf,png,zip]
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from pipelines.board.definition import load_board
from pipelines.board.exports.fonts import warning
from pipelines.board.exports.writing import FORMATS, export
from pipelines.board.photos import open_photos
from pipelines.board.plan import plan
from pipelines.board.runner import Progress, checked, make
from pipelines.board.store import Store
from pipelines.errors import BoardError, PortraitError
from pipelines.presets.loading import all_presets
from pipelines.schema import Consent
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.waiting_times import duration

_SESSION = "command-line"
_WIDTH = 100  # of a line that is written over


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.board",
        description="Photos in many styles, scenes, seeds and engines, as a sheet, a PDF, slides or a web page. What "
        "is in the folder is not made again: the same command goes on after a stop, and after a style was added.",
    )
    parser.add_argument("board", type=Path, help="what it shows, a TOML file; see the README")
    parser.add_argument("photos", type=Path, help="the folder of its photos")
    parser.add_argument("--out", type=Path, required=True, help="the board's own folder")
    parser.add_argument("--dry-run", action="store_true", help="check everything and count, make nothing")
    parser.add_argument(
        "--export",
        default="",
        metavar="FORMATS",
        help=f"of {', '.join(FORMATS)}, with commas between them; written into the folder",
    )
    return parser


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in FORMATS:
            raise BoardError(f"There is no export called {name}; choose from: {', '.join(FORMATS)}.")
    return names


def _tell(progress: Progress) -> None:
    """One line a cell on stderr, rewritten at each step; a lasting one where it is done."""
    cell = progress.cell
    name = f"[{progress.number} of {progress.total}] {cell.photo}, {cell.style}, {cell.scene}, {cell.engine}"
    name += f", likeness {cell.likeness:g}, seed {cell.seed}"
    left = "" if progress.seconds_left is None else f" ({duration(progress.seconds_left)} left)"
    match progress.state:
        case "waiting":
            line, end = f"{name}: waiting", ""
        case "working":
            line, end = f"{name}: step {progress.step} of {progress.steps}{left}", ""
        case "done":
            line, end = f"{name}: done", "\n"
        case "failed":
            line, end = f"{name}: failed. {progress.why}", "\n"
    print(f"\r{line:<{_WIDTH}}", end=end, file=sys.stderr, flush=True)


def _stop_politely(stop: threading.Event) -> None:
    """The first Ctrl+C ends the run within a step; a second one ends the program."""

    def asked(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print("\nStopping after this step ...", file=sys.stderr, flush=True)

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, asked)


def _run(options: argparse.Namespace) -> int:
    formats = _formats(options.export)
    said = load_board(options.board)
    pipeline = SelfPortraitPipeline(all_presets(), options.out)
    board = checked(pipeline, said, _SESSION)
    photos = open_photos(said, options.photos)
    for photo in photos:
        for hint in photo.hints:
            print(f"{photo.title}: {hint}", file=sys.stderr)
    store = Store(options.out)
    said_of_it = f"{plan(board, photos, store).sentence()} {warning(said)}".strip()
    print(said_of_it, file=sys.stdout if options.dry_run else sys.stderr)
    if options.dry_run:
        return 0
    stop = threading.Event()
    _stop_politely(stop)
    # The statements of the board's file are the consent; the record is needed to build a request at all.
    consent = Consent(
        id=_SESSION,
        session=_SESSION,
        granted_at=datetime.now(UTC),
        notice_version=_SESSION,
        notice_sha256="0" * 64,
    )
    outcome = make(pipeline, board, photos, store, consent, tell=_tell, stop=stop)
    if outcome.stopped:
        print(
            f"Stopped. {outcome.made} portraits were made and {outcome.left} are left; "
            "the same command goes on where this one ended.",
            file=sys.stderr,
        )
        return 130
    for path in export(board, photos, store, options.out, formats):
        print(path)
    if outcome.failed:
        print(f"{outcome.failed} portraits failed; the same command tries them again.", file=sys.stderr)
        return 1
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0, 1 after an error that is told in one sentence, 130 after Ctrl+C."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on where this one ended.", file=sys.stderr)
        return 130
    except PortraitError as error:
        print(error.told, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
