"""A visitor's photo: opened, set upright, stripped of metadata, looked at, cropped. Lives in memory only."""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pipelines import framing, memory, vision
from pipelines.errors import PhotoUnreadable, RequestInvalid
from pipelines.schema import MAX_UPLOAD_BYTES, MAX_UPLOAD_PIXELS, Face, LoadedPhoto, PhotoHint, PreparedPhoto

log = logging.getLogger(__name__)

pillow_heif.register_heif_opener()
memory.keep_no_large_pieces()

MAX_BYTES = MAX_UPLOAD_BYTES
MAX_PIXELS = MAX_UPLOAD_PIXELS
MAX_SIDE = 2048  # what is kept in memory; no engine needs more
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "TIFF", "BMP")
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Gradio decodes some uploads before our code sees them

_PLACES = 2  # pictures unpacked at the same time in the whole process
_PLACE_SECONDS = 30.0  # for a place to become free
_BAND_PIXELS = 4_000_000  # a picture is converted that many pixels at a time
_TURNS: dict[object, Image.Transpose] = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_MIN_FACE = 64  # pixels; MediaPipe's face control refuses smaller ones, and there is little to keep
_SMALL_FACE = 90
_DARK_HIGH, _DARK_MIDDLE, _BRIGHT = 72, 45, 225  # gray levels of the face's bright parts and middle
_BLURRED = 180.0  # the 70 portraits measured 244 to 2230, and under 70 after a blur of 8 px
_SIDEWAYS = 0.45


def open_photo(source: str | Path | bytes | np.ndarray | Image.Image, *, mirrored: bool = False) -> LoadedPhoto:
    """Open a photo, whatever it is, and look at it.

    Two files are unpacked at the same time in the whole process, WebP, HEIC and AVIF one at a time, because their
    decoders hold several copies; whoever comes later waits half a minute at most.

    Args:
        source: A file, its bytes, (H, W), (H, W, 3) or (H, W, 4) uint8 pixels, or a PIL picture.
        mirrored: True where the camera handed over a mirrored shot; it is turned back.

    Returns:
        Upright RGB without metadata, at most MAX_SIDE long, with faces (largest first) and hints.

    Raises:
        PhotoUnreadable: It is no picture, is damaged, empty or too large, or others were being opened all the time; the
            hint says which.
    """
    try:
        return _open(source, mirrored)
    except MemoryError as error:
        raise PhotoUnreadable(
            "There is too little free memory to open this picture; try a smaller one, or this one again in a minute."
        ) from error


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
                raise PhotoUnreadable("Many photos are being opened just now; send yours again in a minute.")
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


def _open(source: str | Path | bytes | np.ndarray | Image.Image, mirrored: bool) -> LoadedPhoto:
    image = Image.fromarray(source) if isinstance(source, np.ndarray) else source
    if isinstance(image, Image.Image):
        _require_shape(image)
        image = _flatten(image)
    else:
        with _places.take(_weight(image)):  # before it is read: those who wait hold nothing
            image = _decode(_read(image))
    if mirrored:
        image = ImageOps.mirror(image)
    rgb = np.asarray(image)
    faces = tuple(vision.detect_faces(rgb)[:12])
    return LoadedPhoto(image=image, faces=faces, hints=tuple(_hints(rgb, faces)))


def prepare(photo: LoadedPhoto, face_index: int | None, size: int, *, loose: bool = False) -> PreparedPhoto:
    """Cut the square that engines see: the chosen face with room for hair and shoulders.

    Args:
        photo: From open_photo.
        face_index: Index into photo.faces; None takes the largest. Without faces the centre is cut.
        size: Width and height in pixels, at least 64.
        loose: For a scene, which is to be seen: the person is smaller in the square, which may reach past the photo
            above and at the sides. There the photo's border goes on, blurred, and the person mask is 0.

    Raises:
        RequestInvalid: There is no face with that index.
    """
    chosen = _chosen(photo, face_index)
    if loose:
        whole = np.asarray(photo.image)
        square = framing.loose(whole, chosen)
    else:
        square = framing.close(photo.image.size, chosen)
    inside: np.ndarray | float = 1.0
    if loose and not _within(square, photo.image.size):
        rgb, inside = framing.filled(whole, square, size)
        image = Image.fromarray(rgb)
    else:
        image = _cut(photo, square, size)
        rgb = np.asarray(image)
    face = None
    if chosen is not None:
        scale, (left, top) = size / square.side, square[:2]
        x0, y0, x1, y1 = ((v - o) * scale for v, o in zip(chosen.box, (left, top, left, top), strict=True))
        face = Face(box=(x0, y0, x1, y1), score=chosen.score, landmarks=vision.face_landmarks(rgb, (x0, y0, x1, y1)))
    return PreparedPhoto(image=image, face=face, person_mask=vision.person_mask(rgb) * inside)


def cut(photo: LoadedPhoto, face_index: int | None, size: int) -> Image.Image:
    """The picture of `prepare`, not loose, without the masks and landmarks that take most of its time.

    Raises:
        RequestInvalid: There is no face with that index.
    """
    return _cut(photo, framing.close(photo.image.size, _chosen(photo, face_index)), size)


def _cut(photo: LoadedPhoto, square: framing.Square, size: int) -> Image.Image:
    box = (square.left, square.top, square.left + square.side, square.top + square.side)
    return photo.image.resize((size, size), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _within(square: framing.Square, size: tuple[int, int]) -> bool:
    """Whether a square lies in the photo."""
    first = min(square.left, square.top) >= 0
    return first and square.left + square.side <= size[0] and square.top + square.side <= size[1]


def _chosen(photo: LoadedPhoto, face_index: int | None) -> Face | None:
    """The face that counts."""
    if face_index is not None and face_index >= len(photo.faces):
        raise RequestInvalid("That face is not in the photo; click one of the marked faces.")
    return photo.faces[face_index or 0] if photo.faces else None


def _read(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            if Path(source).stat().st_size > MAX_BYTES:
                raise PhotoUnreadable(f"This file is larger than {MAX_BYTES // 2**20} MB; choose a smaller one.")
            data = Path(source).read_bytes()
        except OSError as error:
            raise PhotoUnreadable("The photo did not arrive; choose it once more.", detail=repr(error)) from error
    if not data:
        raise PhotoUnreadable("This file is empty; choose another one.")
    if len(data) > MAX_BYTES:
        raise PhotoUnreadable(f"This file is larger than {MAX_BYTES // 2**20} MB; choose a smaller one.")
    return data


def _decode(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            _require_shape(image)
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a large JPEG is decoded at a fraction of its size
            image.load()
            turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
            if image.mode in ("RGB", "L") and "transparency" not in image.info:  # these shrink where they are
                image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
            flat = _flatten(image)
            return flat if turn is None else flat.transpose(turn)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = MAX_PIXELS // 1_000_000
        raise PhotoUnreadable(f"This picture has more than {limit} megapixels; choose a smaller one.") from error
    except (MemoryError, PhotoUnreadable):  # not damage
        raise
    except UnidentifiedImageError as error:
        raise PhotoUnreadable(
            "This file is not a picture that can be read; use JPEG, PNG, WebP, HEIC or AVIF."
        ) from error
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError ...
        raise PhotoUnreadable(
            "This picture is damaged or was cut off on its way; save it again or choose another one.",
            detail=type(error).__name__,
        ) from error


def _require_shape(image: Image.Image) -> None:
    if min(image.size) < 64:
        raise PhotoUnreadable("This picture is smaller than 64 pixels; choose a larger one.")
    if max(image.size) / min(image.size) > 6:
        raise PhotoUnreadable("This picture is a narrow strip; choose one that shows a face with some room around it.")


def _flatten(image: Image.Image) -> Image.Image:
    """Any mode to RGB, at most MAX_SIDE long: transparency on white, 16 bit scaled, CMYK converted; no metadata.

    In bands, each made narrow at once: whole copies in other modes would take up to 1.5 GB for 64 megapixels.
    """
    shrink = min(1.0, MAX_SIDE / max(image.size))
    width, height = (round(side * shrink) for side in image.size)
    high = _highest(image)
    narrow = Image.new("RGB", (width, image.height))
    top = 0
    for band in _bands(image):
        narrow.paste(_band_to_rgb(band, high).resize((width, band.height), Image.Resampling.LANCZOS), (0, top))
        top += band.height
    return narrow.resize((width, height), Image.Resampling.LANCZOS)


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


def _band_to_rgb(image: Image.Image, high: float) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        image = Image.fromarray((np.clip(_numbers(image), 0, high) / high * 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image.convert("RGB")


def _hints(rgb: np.ndarray, faces: tuple[Face, ...]) -> list[PhotoHint]:
    if not faces:
        return [
            PhotoHint(
                kind="no-face",
                blocking=True,
                sentence="No face was found. Look towards the camera, with light from the front, and try again.",
            )
        ]
    hints: list[PhotoHint] = []
    if len(faces) > 1:
        hints.append(
            PhotoHint(
                kind="several-faces",
                blocking=True,
                sentence=f"There are {len(faces)} faces. Click the one that is you.",
            )
        )
    left, top, right, bottom = faces[0].box
    height, width = rgb.shape[:2]
    if min(right - left, bottom - top) < _MIN_FACE:
        hints.append(
            PhotoHint(
                kind="too-small", sentence="Your face is very small here. Come closer or crop the photo.", blocking=True
            )
        )
    elif min(right - left, bottom - top) < _SMALL_FACE:
        hints.append(PhotoHint(kind="too-small", sentence="Your face is small here; closer would keep more of you."))
    if left < -0.04 * width or top < -0.04 * height or right > 1.04 * width or bottom > 1.04 * height:
        hints.append(PhotoHint(kind="cut-off", sentence="Your face is cut off at the edge; move to the middle."))
    crop = rgb[max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)]
    if crop.size:
        hints += _light_hints(crop)
        hints += _turn_hints(rgb, faces[0])
    return hints


def _light_hints(crop: np.ndarray) -> list[PhotoHint]:
    """Light is judged by the bright parts of the face, so that dark skin in good light passes."""
    gray = cv2.cvtColor(cv2.resize(crop, (128, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    hints: list[PhotoHint] = []
    if np.percentile(gray, 95) < _DARK_HIGH and np.percentile(gray, 50) < _DARK_MIDDLE:
        sentence = "There is little light on your face; turn towards a window or a lamp."
        hints.append(PhotoHint(kind="too-dark", sentence=sentence))
    elif np.percentile(gray, 50) > _BRIGHT:
        hints.append(PhotoHint(kind="too-bright", sentence="Your face is overexposed; step out of the direct light."))
    # The variance of the Laplacian falls with contrast, so it is measured on an equalised face.
    sharpness = cv2.Laplacian(cv2.equalizeHist(gray), cv2.CV_64F).var()
    if sharpness < _BLURRED:
        sentence = "The photo is blurred; hold still, wipe the lens, and try again."
        hints.append(PhotoHint(kind="blurred", sentence=sentence))
    return hints


def _turn_hints(rgb: np.ndarray, face: Face) -> list[PhotoHint]:
    """A face seen from the side keeps less of the person: the nose tip is far off the middle of the cheeks."""
    points = vision.face_landmarks(rgb, face.box)
    if points is None:
        return [PhotoHint(kind="turned", sentence="Your face is hard to read here; turn towards the camera.")]
    cheek_left, cheek_right, nose = points[234][0], points[454][0], points[1][0]
    width = max(1.0, abs(cheek_right - cheek_left))
    if abs((nose - (cheek_left + cheek_right) / 2) / width) > _SIDEWAYS:
        sentence = "You are looking far to the side; portraits keep more of you from the front."
        return [PhotoHint(kind="turned", sentence=sentence)]
    return []
