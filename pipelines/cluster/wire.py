"""Jobs, steps and pictures as plain values: dicts, lists, numbers, text and bytes.

Ray pickles what it sends. Whoever unpickles an object of ours must have its class in the very same shape, and would run
what its class says; plain values say nothing but themselves, and are checked when they are read. Pictures of portraits
go without loss, so that one that was made elsewhere is the one that would have been made here.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from PIL import Image

from languages.saying import Said, When, say
from pipelines.engines.base import Made
from pipelines.engines.device import may_be_at_fault
from pipelines.errors import Cancelled, EngineError, EngineFailed, EngineUnavailable, PortraitError
from pipelines.schema import MAX_UPLOAD_PIXELS, Control, Face, Job, PreparedPhoto, Scene, Style, StylePicture

Plain = dict[str, Any]
_PREVIEW_QUALITY = 90
_MOST_CONTROLS = 8
_MOST_PICTURES = 16


def plain_job(job: Job) -> Plain:
    """A job, to be sent."""
    photo = job.photo
    return {
        "photo": _plain_picture(photo.image),
        "face": None if photo.face is None else _plain_face(photo.face),
        "mask": None if photo.person_mask is None else _plain_array(photo.person_mask),
        "shape": job.shape,
        "size": job.size,
        "style": job.style.model_dump(mode="json"),
        "scene": job.scene.model_dump(mode="json"),
        "likeness": job.likeness,
        "words": job.words,
        "style_picture": None if job.style_picture is None else _plain_picture(job.style_picture.image),
        "seeds": list(job.seeds),
        "in_series": job.in_series,
    }


def read_job(plain: Mapping[str, Any]) -> Job:
    """The job again, equal in all that an engine looks at.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    image, picture = _picture(plain["photo"]), plain["style_picture"]
    return Job(
        photo=PreparedPhoto(
            image=image,
            face=None if plain["face"] is None else _face(plain["face"]),
            person_mask=None if plain["mask"] is None else _array(plain["mask"], 2),
        ),
        shape=plain["shape"],
        size=plain["size"],
        style=Style.model_validate(plain["style"]),
        scene=Scene.model_validate(plain["scene"]),
        likeness=plain["likeness"],
        words=plain["words"],
        style_picture=None if picture is None else StylePicture(image=_picture(picture)),
        seeds=tuple(plain["seeds"]),
        in_series=plain["in_series"],
    )


def plain_step(step: int, total: int, preview: Image.Image | None) -> Plain:
    """One step done; its rough picture as JPEG."""
    coded = None
    if preview is not None:
        buffer = io.BytesIO()
        preview.convert("RGB").save(buffer, "JPEG", quality=_PREVIEW_QUALITY)
        coded = buffer.getvalue()
    return {"kind": "step", "step": step, "total": total, "preview": coded}


def read_step(plain: Mapping[str, Any]) -> tuple[int, int, Image.Image | None]:
    """What a StepCallback is told.

    Raises:
        KeyError, TypeError, ValueError, OSError: It is none.
    """
    coded, preview = plain["preview"], None
    if coded is not None:
        preview = Image.open(io.BytesIO(coded), formats=("JPEG",))
        preview.load()
    return int(plain["step"]), int(plain["total"]), preview


def plain_made(made: Made) -> Plain:
    """What came of a job, to be sent back."""
    return {
        "kind": "made",
        "pictures": [_plain_picture(picture) for picture in made.pictures],
        "controls": [
            {**control.model_dump(exclude={"image"}), "image": _plain_picture(control.image)}
            for control in made.controls
        ],
        "notes": [plain_words(note) for note in made.notes],
    }


def read_made(plain: Mapping[str, Any]) -> Made:
    """What came of a job.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    pictures, controls = plain["pictures"][:_MOST_PICTURES], plain["controls"][:_MOST_CONTROLS]
    return Made(
        [_picture(picture) for picture in pictures],
        tuple(Control.model_validate({**control, "image": _picture(control["image"])}) for control in controls),
        tuple(read_words(note) for note in plain["notes"]),
    )


def plain_failure(error: BaseException, name: str) -> Plain:
    """An error on its way back. Of one that is none of ours only the kind is told: its words may be a visitor's.

    Args:
        name: Of the engine.
    """
    suspect = isinstance(error, Exception) and may_be_at_fault(error)
    if isinstance(error, PortraitError):
        hint, detail, cure, code = error.hint, error.detail, error.cure, error.code
    else:
        hint = say("{name} stopped with an error on the machine that paints; try again.", name=name)
        detail, cure, code = type(error).__name__, "", EngineFailed.code
    return {
        "kind": "failure",
        "code": code,
        "hint": plain_words(hint),
        "detail": str(detail)[:400],
        "cure": plain_words(cure),
        "suspect": suspect,
    }


def read_failure(plain: Mapping[str, Any]) -> PortraitError:
    """The error again; of a kind that an engine may raise.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    hint = read_words(plain["hint"])
    if plain["code"] == Cancelled.code:
        return Cancelled(hint)
    kinds: Mapping[str, type[EngineError]] = {kind.code: kind for kind in (EngineFailed, EngineUnavailable)}
    kind = kinds.get(plain["code"], EngineFailed)
    return kind(hint, detail=str(plain["detail"]), cure=str(read_words(plain["cure"])))


def plain_words(words: object) -> Any:
    """A sentence with its form and values, so that it can be said in the visitor's language at the other end."""
    if isinstance(words, When):
        return {"when": words.values["when"].isoformat(), "english": str.__str__(words)}
    if isinstance(words, Said):
        return {
            "form": words.form,
            "many": words.many,
            "values": {name: plain_words(value) for name, value in words.values.items()},
        }
    return words if isinstance(words, int | float) else str(words)


def read_words(plain: Any) -> Any:
    """The sentence, or the value inside one, again.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    if not isinstance(plain, dict):
        return plain if isinstance(plain, int | float) else str(plain)
    if "when" in plain:
        return When(datetime.fromisoformat(plain["when"]), str(plain["english"]))
    values = {str(name): read_words(value) for name, value in plain["values"].items()}
    return Said(str(plain["form"]), str(plain["many"]), values)


def _plain_picture(picture: Image.Image) -> Plain:
    rgb = picture.convert("RGB")
    return {"width": rgb.width, "height": rgb.height, "rgb": rgb.tobytes()}


def _picture(plain: Mapping[str, Any]) -> Image.Image:
    width, height = int(plain["width"]), int(plain["height"])
    if width < 1 or height < 1 or width * height > MAX_UPLOAD_PIXELS or len(plain["rgb"]) != 3 * width * height:
        raise ValueError("a picture has other sides than it says")
    return Image.frombytes("RGB", (width, height), bytes(plain["rgb"]))


def _plain_array(array: np.ndarray) -> Plain:
    return {"shape": list(array.shape), "packed": zlib.compress(np.ascontiguousarray(array, np.float32).tobytes(), 1)}


def _array(plain: Mapping[str, Any], dimensions: int) -> np.ndarray:
    shape = tuple(int(side) for side in plain["shape"])
    size = 4 * int(np.prod(shape))
    if len(shape) != dimensions or min(shape) < 1 or size > 4 * MAX_UPLOAD_PIXELS:
        raise ValueError("an array has other sides than it should")
    unpack = zlib.decompressobj()
    data = unpack.decompress(plain["packed"], size + 1)  # no more memory than it says
    if len(data) != size:
        raise ValueError("an array has other sides than it says")
    return np.frombuffer(data, np.float32).reshape(shape).copy()


def _plain_face(face: Face) -> Plain:
    return {
        **face.model_dump(exclude={"landmarks"}),
        "box": [float(side) for side in face.box],
        "landmarks": None if face.landmarks is None else _plain_array(face.landmarks),
    }


def _face(plain: Mapping[str, Any]) -> Face:
    landmarks = plain["landmarks"]
    return Face.model_validate({**plain, "landmarks": None if landmarks is None else _array(landmarks, 2)})
