"""The photos of a board: opened, the sitter of each found, and known by their bytes from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.board.definition import Board, BoardPhoto
from pipelines.errors import BoardError, PortraitError
from pipelines.photo.hints import BOARD
from pipelines.photo.opening import open_photo
from pipelines.photo.sitter import seat
from pipelines.schema import LoadedPhoto


@dataclass(frozen=True, eq=False)
class SeatedPhoto:
    """A photo of a board, ready to be painted.

    Attributes:
        title: What stands beside it; the photos of a board have different ones.
        consent: Who agreed to what.
        photo: One and the same object for all cells, so that what is cut and drawn from it is drawn once.
        face_index: The face that was chosen; None for the first, or where there is none.
        sha256: Of the file's bytes and of how it was turned and marked; part of a cell's key.
        hints: Sentences on how the photo could be better.
    """

    title: str
    consent: str
    photo: LoadedPhoto
    face_index: int | None
    sha256: str
    hints: tuple[str, ...] = ()


def open_photos(board: Board, folder: Path) -> tuple[SeatedPhoto, ...]:
    """Open every photo of a board, in its order. They live in memory only.

    Raises:
        BoardError: One is not there, is no photo, or it would be a guess who is meant; the hint names field and file.
    """
    return tuple(_open(entry, folder, number) for number, entry in enumerate(board.photos, 1))


def _open(entry: BoardPhoto, folder: Path, number: int) -> SeatedPhoto:
    path = folder / entry.file
    where = f"Field photos.{number}.file, {entry.file}"
    try:
        if not path.is_file():
            raise BoardError(f"{where}: it is not in the folder of photos; these are: {_there(folder)}.")
        data = path.read_bytes()
        return seated(data, entry)
    except OSError as error:
        raise BoardError(f"{where}: it cannot be read; check its permissions.") from error
    except BoardError:
        raise
    except PortraitError as error:
        raise BoardError(f"{where}: {error.hint}") from error


def seated(data: bytes, entry: BoardPhoto) -> SeatedPhoto:
    """The photo of an entry, from the bytes of its file.

    Raises:
        PhotoError: It is no photo, or it would be a guess who is meant.
    """
    sitting = seat(open_photo(data), BOARD, face=entry.face, turn=entry.turn, mark=entry.mark)
    return SeatedPhoto(
        title=entry.title,
        consent=entry.consent,
        photo=sitting.photo,
        face_index=sitting.face_index,
        sha256=digest(data, f"{entry.turn} {entry.mark} {entry.face == 0}"),
        hints=tuple(hint.sentence for hint in sitting.hints),
    )


def digest(photo: bytes | Image.Image, seated: str = "") -> str:
    """What a photo is known by, SHA-256 in hexadecimal: of a file's bytes, or of pixels where there is no file.

    Args:
        seated: How it was turned and marked, where that is not in the bytes.
    """
    if isinstance(photo, Image.Image):
        photo = f"{photo.mode} {photo.size} ".encode() + photo.tobytes()
    return hashlib.sha256(hashlib.sha256(photo).digest() + seated.encode()).hexdigest()


def _there(folder: Path) -> str:
    names = list(_names(folder))
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "") if names else "none"


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
