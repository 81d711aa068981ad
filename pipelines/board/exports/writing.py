"""Writes the exports of a board into one folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from languages.saying import say
from pipelines.board.definition import CheckedBoard
from pipelines.board.exports import archive, paper, sheet, slides
from pipelines.board.exports.contents import Contents, gather, slug
from pipelines.board.photos import SeatedPhoto
from pipelines.board.store import Store
from pipelines.errors import BoardError, SaveError

_WRITERS: dict[str, Callable[[Contents, Path, str], list[Path]]] = {
    "pptx": slides.write,
    "pdf": paper.write,
    "png": sheet.write,
    "zip": archive.write,
}
FORMATS = tuple(_WRITERS)


def export(
    board: CheckedBoard, photos: Sequence[SeatedPhoto], store: Store, folder: Path, formats: Sequence[str]
) -> list[Path]:
    """Write a board as far as it is made. Cells that failed or are missing are shown as such.

    Args:
        photos: Those of the board, for the originals.
        folder: Where the files go, named for the board's title; made if it is not there. Older ones are replaced.
        formats: Of FORMATS.

    Returns:
        The files.

    Raises:
        BoardError: There is no such format.
        SaveError: A file could not be written.
    """
    unknown = [name for name in formats if name not in _WRITERS]
    if unknown:
        raise BoardError(f"There is no export called {unknown[0]}; choose from: {', '.join(FORMATS)}.")
    if not formats:
        return []
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as unfinished:
            contents = gather(board, photos, store, Path(unfinished))
            if "png" in formats:  # an older sheet may have had more pages
                for old in folder.glob(f"{slug(board.board.title)}-sheet*.png"):
                    old.unlink()
            for name in formats:
                for path in _WRITERS[name](contents, Path(unfinished), slug(board.board.title)):
                    written.append(path.replace(folder / path.name))
    except OSError as error:
        raise SaveError(
            say("The board could not be exported: the disk is full or not writable; free some space and try again."),
            detail=type(error).__name__,
        ) from error
    return written
