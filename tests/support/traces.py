"""Looks for traces of one photo in folders, files and texts, in every form it could have been kept in."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pipelines.photo.opening import open_photo, prepare

NAME = "aunt-erna-at-the-lake-9f3c.jpg"
MARKER = "zq7-written-by-the-camera-51b"
WORDS = "a secret wish of mine 77x"
_PICTURE_STARTS = re.compile(
    rb"\xff\xd8\xff[\xe0-\xef\xdb]|\x89PNG\r\n\x1a\n|RIFF....WEBP|....ftyp(?:avif|heic)", re.DOTALL
)
_DATA_URI = re.compile(rb"data:image/\w+;base64,([A-Za-z0-9+/=]{200,})")
_LIKENESS = 0.85  # correlation of two pictures shrunk to 24 x 24 grey pixels


def make_photo(face: Image.Image) -> bytes:
    """A phone's JPEG: GPS position, the camera's words and a thumbnail in its EXIF.

    Mirrored, because the pictures of the pickers show the same person the other way round.
    """
    picture = ImageOps.mirror(face)
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = MARKER
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (47.0, 31.0, 12.125), "E", (9.0, 26.0, 7.875)
    gps[0x1B] = b"ASCII\0\0\0" + MARKER.encode()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=93, exif=exif)
    return buffer.getvalue()


class Traces:
    """What would give a photo away.

    Args:
        photo: The JPEG file as the visitor has it.
    """

    def __init__(self, photo: bytes) -> None:
        middle = len(photo) // 2
        self._needles = {
            "the file's bytes": photo[middle : middle + 48],
            "its metadata": MARKER.encode(),
            "its position": photo[photo.index(b"ASCII\0\0\0") - 64 :][:64],
            "its name": Path(NAME).stem.encode(),
            "its name in UTF-16": Path(NAME).stem.encode("utf-16-le"),
            "the visitor's words": WORDS.encode(),
        }
        for shift in range(3):
            coded = base64.b64encode(photo[middle + shift : middle + shift + 48])
            self._needles[f"the file's bytes as base64, {shift}"] = coded[4:-4]
        upright = open_photo(photo)
        crop = prepare(upright, None, 512).image
        self._looks = [_small(upright.image), _small(crop)]
        self._face = _small(_middle(crop))

    def add(self, what: str, data: bytes) -> None:
        """Look for a chunk of another file, too."""
        middle = len(data) // 2
        self._needles[what] = data[middle : middle + 48]

    def in_bytes(self, data: bytes) -> list[str]:
        """What of the photo these bytes give away."""
        found = [what for what, needle in self._needles.items() if needle in data]
        found += ["a picture that looks like it" for picture in pictures_in(data) if self.shows(picture)]
        return found

    def in_folder(self, folder: Path) -> list[str]:
        """The same for all files below a folder and for their names, as "what: path"."""
        found: list[str] = []
        for path in sorted(folder.rglob("*")):
            said = self.in_bytes(str(path.relative_to(folder)).encode())
            try:
                said += self.in_bytes(path.read_bytes()) if path.is_file() else []
            except FileNotFoundError:  # deleted while we look
                continue
            found += [f"{what}: {path}" for what in said]
        return found

    def shows(self, picture: Image.Image) -> bool:
        """Whether a picture looks like the photo or its crop, or has its face on a wall of its own."""
        small, face = _small(picture), _small(_middle(picture))
        return (
            any(float((small * look).mean()) > _LIKENESS for look in self._looks)
            or float((face * self._face).mean()) > _LIKENESS
        )


def _middle(picture: Image.Image) -> Image.Image:
    """Where the face is in a crop, and in what is painted of it: a seed changes the wall and the light around it."""
    width, height = picture.size
    return picture.crop((round(0.25 * width), round(0.2 * height), round(0.75 * width), round(0.7 * height)))


def _small(picture: Image.Image) -> np.ndarray:
    """(24, 24) float, mean 0 and deviation 1."""
    grey = np.asarray(picture.convert("L").resize((24, 24), Image.Resampling.BOX), np.float64)
    return (grey - grey.mean()) / (grey.std() + 1e-9)


def pictures_in(data: bytes) -> Iterator[Image.Image]:
    """Every picture that can be decoded from somewhere in the bytes."""
    blobs = [data[match.start() :] for match in _PICTURE_STARTS.finditer(data)]
    for match in _DATA_URI.finditer(data):
        coded = match.group(1)
        blobs.append(base64.b64decode(coded[: len(coded) // 4 * 4], validate=False))
    for blob in blobs:
        try:
            with Image.open(io.BytesIO(blob)) as picture:
                if min(picture.size) >= 64:
                    yield picture.convert("RGB")
        except (OSError, SyntaxError, ValueError):
            continue
