"""What a stranger's picture file is and says of itself, found out in a process of its own: it may be hostile.

    python -m pipelines.provenance.file_reader MOST_PIXELS < the file's bytes; prints the answer as JSON

Imports little of this project, so that the program starts quickly.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pillow_heif
from PIL import Image, UnidentifiedImageError

from languages.saying import say
from pipelines import heavy
from pipelines.errors import PhotoUnreadable
from pipelines.provenance import file_parts, said

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF")
DAMAGED = "This picture is damaged or was cut off on its way."
NO_PICTURE = "This file is not a picture that can be read; use PNG, JPEG, WebP, HEIC, AVIF, GIF or TIFF."
_MEMORY_BYTES = 2 * 1024**3
_CPU_SECONDS = 10
_SECONDS = 60  # of a busy machine
_FIRST_BYTES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"II*", b"MM\0*")
_BRANDS = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftypavif", b"ftypheim", b"ftyphevc")
_SLOW = "This picture could not be looked at in time; try again in a minute."
_DAMAGED, _NO_PICTURE, _TOO_LARGE = "damaged", "no picture", "too large"


class Answer(NamedTuple):
    """Format as Pillow names it, width and height in pixels, and the file's words."""

    format: str
    size: tuple[int, int]
    said: said.Said


def read_foreign(data: bytes, most_pixels: int) -> Answer:
    """Look at the bytes of a picture file.

    Args:
        data: The file.
        most_pixels: How many it may have.

    Raises:
        PhotoUnreadable: It is no picture, or its header is damaged or tells of too many pixels; or there was no time.
    """
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-m", "pipelines.provenance.file_reader", str(most_pixels)],
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        held = json.loads(answer.stdout)
        refused = held.get("refused")
        if not refused:
            words = said.Said(said.Xmp(**held["xmp"]), *held["rest"])
            return Answer(held["format"], tuple(held["size"]), words._replace(claims=tuple(words.claims)))
    except subprocess.TimeoutExpired as error:
        raise PhotoUnreadable(_SLOW, detail="timeout") from error
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PhotoUnreadable(DAMAGED, detail=type(error).__name__) from error
    raise refusal(refused, most_pixels)


def refusal(why: str, most_pixels: int) -> PhotoUnreadable:
    """The sentence for what `header` refuses."""
    if why == _TOO_LARGE:
        limit = most_pixels // 1_000_000
        return PhotoUnreadable(say("This picture has more than {limit} megapixels; choose a smaller one.", limit=limit))
    return PhotoUnreadable(DAMAGED if why == _DAMAGED else NO_PICTURE)


def read(data: bytes, most_pixels: int) -> Answer | str:
    """The same in this process; a word where it is refused, see `refusal`."""
    found = header(data, most_pixels)
    if isinstance(found, str):
        return found
    return Answer(*found, said.read(file_parts.parts(data)))


def bare(data: bytes) -> bytes:
    """The file without what a decoder may stumble over. Few files need it, and its module starts slowly."""
    file: bytes = heavy.load("pipelines.photo.containers").bare(data).data
    return file


def header(data: bytes, most_pixels: int) -> tuple[str, tuple[int, int]] | str:
    """Format and size, also of a file whose words are broken; or why it is refused."""
    why = _NO_PICTURE
    for tried in (lambda: data, lambda: bare(data)):
        try:
            with Image.open(io.BytesIO(tried()), formats=FORMATS) as image:
                if image.width * image.height > most_pixels:
                    return _TOO_LARGE
                return str(image.format), image.size
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return _TOO_LARGE
        except UnidentifiedImageError:
            is_known = data.startswith(_FIRST_BYTES) or data[4:12] in _BRANDS
            why = _DAMAGED if is_known else why
        except Exception:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError ...
            why = _DAMAGED
    return why


def main() -> None:
    """Answer for the file on stdin."""
    for kind, limit in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _CPU_SECONDS)):
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit on memory
            resource.setrlimit(kind, (limit, limit))
    Image.MAX_IMAGE_PIXELS = most_pixels = int(sys.argv[1])
    pillow_heif.register_heif_opener()
    found = read(sys.stdin.buffer.read(), most_pixels)
    if isinstance(found, str):
        print(json.dumps({"refused": found}))
        return
    xmp, *rest = found.said
    print(json.dumps({"format": found.format, "size": found.size, "xmp": dataclasses.asdict(xmp), "rest": rest}))


if __name__ == "__main__":
    main()
