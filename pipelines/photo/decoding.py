"""From the bytes of a file to upright RGB in sRGB: limits, turns, colour, size. Lives in memory only."""

from __future__ import annotations

import contextlib
import io
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from languages.saying import say
from pipelines.errors import PhotoUnreadable
from pipelines.photo import colour, memory
from pipelines.photo.containers import Bare, bare
from pipelines.photo.containers.bare import MISSING_SHARE
from pipelines.schema import MAX_UPLOAD_BYTES, MAX_UPLOAD_PIXELS

pillow_heif.register_heif_opener()
memory.keep_no_large_pieces()

MAX_BYTES = MAX_UPLOAD_BYTES
MAX_PIXELS = MAX_UPLOAD_PIXELS
MAX_SIDE = 2560  # what is kept in memory: a print of 2048 px is cut from the upright photo of a phone
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "TIFF", "BMP")
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Gradio decodes some uploads before our code sees them

_PLACES = 2  # pictures unpacked at the same time in the whole process
_PLACE_SECONDS = 30.0  # for a place to become free
_BAND_PIXELS = 1_000_000  # a picture is converted that many pixels at a time
_SPARE_ROWS = 3  # of the small picture: as far as the Lanczos window reaches
_NUMBERS = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
_TURNS: dict[object, Image.Transpose] = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(source: str | Path | bytes) -> tuple[Image.Image, bool]:
    """Unpack a picture file.

    Two files are unpacked at the same time in the whole process, WebP, HEIC and AVIF one at a time, because their
    decoders hold several copies; whoever comes later waits half a minute at most.

    Returns:
        Upright RGB in sRGB without metadata, at most MAX_SIDE long, and whether the end of the file was missing.

    Raises:
        PhotoUnreadable: It is no picture, is damaged, empty or too large, or others were being opened all the time; the
            hint says which.
    """
    with _places.take(_weight(source)):  # before it is read: those who wait hold nothing
        return _decode(bare(_read(source)))


def pixels_of(image: Image.Image) -> Image.Image:
    """A picture that was opened by somebody else to RGB in sRGB, at most MAX_SIDE long.

    Raises:
        PhotoUnreadable: It is too small or too narrow.
    """
    _require_shape(image)
    profile = image.info.get("icc_profile")
    claims = (colour.Profile(profile),) if isinstance(profile, bytes) else ()
    return colour.to_srgb(_flatten(image, colour.keeps_ink(claims)), claims)


def _decode(file: Bare) -> tuple[Image.Image, bool]:
    if file.raw:
        raise PhotoUnreadable(say("Camera raw files are not read; save the picture as JPEG and choose that."))
    try:
        _require_pixels(file.pixels)
        with Image.open(io.BytesIO(file.data), formats=FORMATS) as image:
            _require_pixels(image.width * image.height)
            _require_shape(image)
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a large JPEG is decoded at a fraction of its size
            image.load()
            if file.incomplete and image.format == "JPEG":
                _require_rows(image)
            turn = _TURNS.get(_orientation(image, file))
            if image.mode in ("RGB", "L") and "transparency" not in image.info:  # these shrink where they are
                image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
            flat = _flatten(image, colour.keeps_ink(file.claims))
        flat = colour.to_srgb(flat, file.claims)
        return (flat if turn is None else flat.transpose(turn)), file.incomplete
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = MAX_PIXELS // 1_000_000
        raise PhotoUnreadable(
            say("This picture has more than {limit} megapixels; choose a smaller one.", limit=limit)
        ) from error
    except (MemoryError, PhotoUnreadable):  # not damage
        raise
    except UnidentifiedImageError as error:
        raise PhotoUnreadable(
            say("This file is not a picture that can be read; use JPEG, PNG, WebP, HEIC or AVIF.")
        ) from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError ...
        raise PhotoUnreadable(
            say("This picture is damaged or was cut off on its way; save it again or choose another one."),
            detail=type(error).__name__,
        ) from error


def _require_pixels(count: int) -> None:
    if count > MAX_PIXELS:
        raise Image.DecompressionBombError


def _orientation(image: Image.Image, file: Bare) -> object:
    """EXIF orientation; that of AVIF is said by boxes that Pillow reads, and that of HEIC is already done."""
    return image.getexif().get(ExifTags.Base.Orientation) if image.format == "AVIF" else file.orientation


def _require_rows(image: Image.Image) -> None:
    """A JPEG that was cut off ends in gray; much of it is no photo any more."""
    pixels = np.asarray(image if image.mode == "L" else image.convert("RGB")).reshape(image.height, -1)
    plain = (np.abs(pixels.astype(np.int16) - 128) <= 1).all(1)
    missing = int(plain[::-1].argmin()) if not plain.all() else image.height
    if missing > MISSING_SHARE * image.height:
        raise OSError("too much is missing")


class _Places:
    """So many pictures are unpacked at the same time. First come, first served."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._next = threading.Lock()  # whoever needs two is not overtaken by those who need one

    @contextlib.contextmanager
    def take(self, count: int) -> Iterator[None]:
        """Hold so many places.

        Raises:
            PhotoUnreadable: They did not become free in time.
        """
        until = time.monotonic() + _PLACE_SECONDS
        taken = 0
        try:
            if self._next.acquire(timeout=_PLACE_SECONDS):
                try:
                    while taken < count and self._free.acquire(timeout=max(0.0, until - time.monotonic())):
                        taken += 1
                finally:
                    self._next.release()
            if taken < count:
                raise PhotoUnreadable(say("Many photos are being opened just now; send yours again in a minute."))
            yield
        finally:
            for _ in range(taken):
                self._free.release()


_places = _Places(_PLACES)


def _weight(source: str | Path | bytes) -> int:
    """How many places a file needs, by its first bytes."""
    head = b""
    if isinstance(source, bytes):
        head = source[:12]
    else:
        with contextlib.suppress(OSError), Path(source).open("rb") as file:
            head = file.read(12)
    return _PLACES if head[8:] == b"WEBP" or head[4:8] == b"ftyp" else 1


def _read(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            if Path(source).stat().st_size > MAX_BYTES:
                raise PhotoUnreadable(
                    say("This file is larger than {max_bytes} MB; choose a smaller one.", max_bytes=MAX_BYTES // 2**20)
                )
            data = Path(source).read_bytes()
        except OSError as error:
            raise PhotoUnreadable(say("The photo did not arrive; choose it once more."), detail=repr(error)) from error
    if not data:
        raise PhotoUnreadable(say("This file is empty; choose another one."))
    if len(data) > MAX_BYTES:
        raise PhotoUnreadable(
            say("This file is larger than {max_bytes} MB; choose a smaller one.", max_bytes=MAX_BYTES // 2**20)
        )
    return data


def _require_shape(image: Image.Image) -> None:
    if min(image.size) < 64:
        raise PhotoUnreadable(say("This picture is smaller than 64 pixels; choose a larger one."))
    if max(image.size) / min(image.size) > 6:
        raise PhotoUnreadable(
            say("This picture is a narrow strip; choose one that shows a face with some room around it.")
        )


def _flatten(image: Image.Image, ink: bool = False) -> Image.Image:
    """Any mode to RGB, at most MAX_SIDE long: transparency on white, 16 bit scaled, CMYK converted; no metadata.

    Gray stays gray, and CMYK stays CMYK where `ink` says so, for a profile to be applied. In bands, each made small at
    once: whole copies in other modes would take up to 1.5 GB for 64 megapixels.
    """
    shrink = min(1.0, MAX_SIDE / max(image.size))
    width, height = (round(side * shrink) for side in image.size)
    high = _highest(image)
    mode = "CMYK" if ink and image.mode == "CMYK" else "L" if _is_gray(image) else "RGB"
    small = Image.new(mode, (width, height))
    each = image.height / height  # rows of the picture for one of the small one
    rows = max(1, int(_BAND_PIXELS / (image.width * each)))
    for first in range(0, height, rows):
        # With rows to spare above and below, so that nothing shows where bands meet.
        above, below = max(0, first - _SPARE_ROWS), min(height, first + rows + _SPARE_ROWS)
        top, bottom = math.floor(above * each), min(image.height, math.ceil(below * each))
        band = _plain(image.crop((0, top, image.width, bottom)), high, mode)
        box = (0, above * each - top, image.width, min(band.height, below * each - top))
        shrunk = band.resize((width, below - above), Image.Resampling.LANCZOS, box)
        small.paste(shrunk.crop((0, first - above, width, min(height, first + rows) - above)), (0, first))
    return small


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    """The picture from top to bottom, _BAND_PIXELS at a time."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(image.height, top + rows)))


def _highest(image: Image.Image) -> float:
    """The value that stands for white in a picture of numbers."""
    if image.mode != "F":
        return 65535.0
    most = max(float(_numbers(band).max()) for band in _bands(image))
    return 1.0 if most <= 1.0 else 255.0 if most <= 255 else 65535.0


def _numbers(image: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(image, np.float32))  # a TIFF may hold infinities and no numbers at all


def _is_gray(image: Image.Image) -> bool:
    return image.mode in (*_NUMBERS, "L", "1") and "transparency" not in image.info


def _plain(image: Image.Image, high: float, mode: str) -> Image.Image:
    if image.mode in _NUMBERS:
        image = Image.fromarray((np.clip(_numbers(image), 0, high) / high * 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    if image.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        return ImageCms.ImageCmsTransform(lab, srgb, "LAB", "RGB").apply(image)
    return image.convert(mode)
