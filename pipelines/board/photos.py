"""The photos of a board: opened, the sitter of each found, and known by their bytes from then on."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipelines.board.definition import Board, BoardPhoto
from pipelines.errors import BoardError, FaceUnclear, PhotoError, PortraitError
from pipelines.photo.framing import face_crop
from pipelines.photo.hints import BOARD, Ways
from pipelines.photo.opening import open_photo, turned
from pipelines.photo.sitter import seat
from pipelines.schema import LoadedPhoto

_HEAD = 144  # pixels of a head to choose by


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


def seated(data: bytes, entry: BoardPhoto, ways: Ways = BOARD) -> SeatedPhoto:
    """The photo of an entry, from the bytes of its file.

    Args:
        ways: Where the entry was written.

    Raises:
        PhotoError: It is no photo, or the face is too small.
        FaceUnclear: It would be a guess who is meant.
    """
    photo = open_photo(data)
    if entry.turn:
        photo = turned(photo, entry.turn)
    try:
        sitting = seat(photo, ways, face=entry.face, mark=entry.mark)
    except PhotoError as error:
        if entry.face is not None or entry.mark:
            raise
        doubtful = not photo.faces or photo.faces[0].certainty == "doubtful"
        raise FaceUnclear(error.hint, _cut_out(photo), photo.turn, doubtful=doubtful) from error
    return SeatedPhoto(
        title=entry.title,
        consent=entry.consent,
        photo=sitting.photo,
        face_index=sitting.face_index,
        sha256=digest(data, f"{entry.turn} {entry.mark} {entry.face == 0}"),
        hints=tuple(hint.sentence for hint in sitting.hints),
    )


def _cut_out(photo: LoadedPhoto) -> tuple[bytes, ...]:
    """Small JPEGs of the heads in a photo."""
    found = []
    for face in photo.faces:
        buffer = io.BytesIO()
        face_crop(photo.image, face).convert("RGB").resize((_HEAD, _HEAD)).save(buffer, "JPEG", quality=85)
        found.append(buffer.getvalue())
    return tuple(found)


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
