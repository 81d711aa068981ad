"""Looks for the watermark in a stranger's file, in a process of its own: a picture that crashes it harms nobody.

python -m pipelines.provenance.watermark_reader < the file's bytes; prints the answer as JSON
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import cv2
import pillow_heif
from PIL import Image, ImageFile, ImageOps

from pipelines import heavy
from pipelines.provenance import watermark

_MEMORY_BYTES = 3 * 1024**3
_CPU_SECONDS = 20
_SECONDS = 60  # of a busy machine
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF")
_LONGEST = 1536  # pixels; finer than this the pattern never is


def read_foreign(data: bytes) -> tuple[bool, watermark.Found | None]:
    """Look for the mark in the bytes of a picture file.

    Returns:
        Whether the pixels could be looked at, and what was found. Of several frames the first is looked at. Where a
        part of them is lost, what is left is searched too, and only what was found there counts.
    """
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-m", "pipelines.provenance.watermark_reader"],
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )
        held = json.loads(answer.stdout)
        found = held["found"]
        return bool(held["is_whole"] or found), watermark.Found(**found) if found else None
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return False, None


def read(data: bytes) -> watermark.Found | None:
    """The same in this process.

    Raises:
        OSError, ValueError and what else decoders raise: It is no picture, or a damaged one.
    """
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        image.draft("RGB", (_LONGEST, _LONGEST))
        picture = image.convert("RGB")
        factor = max(picture.size) // _LONGEST
        small = picture.reduce(factor) if factor > 1 else picture
        return watermark.detect(ImageOps.exif_transpose(small))


def read_any(data: bytes) -> tuple[bool, watermark.Found | None]:
    """As `read`, also from a file whose words or lengths are broken, or whose end is lost.

    Returns:
        Whether all pixels were there, and what was found.
    """
    try:
        return True, read(data)
    except Exception:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError ...
        bare = heavy.load("pipelines.photo.containers").bare(data).data  # few files need it, and it starts slowly
    try:
        return True, read(bare)
    except Exception:  # see above
        ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        return False, read(bare)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def main() -> None:
    """Answer for the file on stdin; a traceback and 1 where it cannot be read."""
    for kind, limit in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _CPU_SECONDS)):
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit on memory
            resource.setrlimit(kind, (limit, limit))
    Image.MAX_IMAGE_PIXELS = None  # the header was checked before
    cv2.setNumThreads(1)
    pillow_heif.register_heif_opener()
    is_whole, found = read_any(sys.stdin.buffer.read())
    print(json.dumps({"found": found._asdict() if found else None, "is_whole": is_whole}))


if __name__ == "__main__":
    main()
