"""Participants of studies while their portraits are made: their photo, in memory only, and the run in the background.

The photo is dropped when the portraits are there, when they withdraw, and after KEEP_SECONDS.
"""

from __future__ import annotations

import io
import logging
import math
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from PIL import Image, ImageFilter

from languages.saying import say
from pipelines import worker
from pipelines.errors import Cancelled, EngineBusy, PhotoError, PictureRefused, PortraitError, Refused
from pipelines.photo import hints as photo_hints
from pipelines.photo import memory
from pipelines.photo import opening as photos
from pipelines.results import PortraitSet
from pipelines.schema import Consent, LoadedPhoto, PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from study.participation import RunningStudy
from study.plan.schedule import SHARP
from study.store.store import PictureFacts
from visits.visit import KEEP_SECONDS

log = logging.getLogger(__name__)

Change = Callable[[LoadedPhoto, int | None], tuple[LoadedPhoto, int | None]]  # of a photo and who sits in it
Admit = Callable[[PortraitRequest], AbstractContextManager[None]]
_BLUR = 10.0  # pixels, of a picture of 512: nobody who looks takes it for the sharp one
_MAKING = say("Your portraits are being made; stop that first.")
_OWN_FAULT = say("Making the portraits stopped for a reason of the studio's own; what is made stays. Start again.")
_NO_PHOTO = say("Add a photo first: choose a file or use the camera.")
_REFUSED = say("The picture checker held this photo or a portrait of it back. Take another photo, and start again.")


@dataclass
class Sitting:
    """What is in memory of one participant.

    Attributes:
        photo: Until the portraits are there.
        at: When it came in, `time.monotonic`.
        number, of: Which portrait is being made.
        step, steps: Of that portrait.
        began: When it was begun, `time.monotonic`.
        took: Seconds that each of this run took which is made.
        ahead: How many are served first; 0 when it is their turn.
        stop: Ends the portrait that is being made.
        stopped: The participant wants no more of them.
        said: Why the last run stopped, in a sentence; "" where it did not.
    """

    photo: LoadedPhoto | None = None
    face_index: int | None = None
    at: float = field(default_factory=time.monotonic)
    number: int = 0
    of: int = 0
    step: int = 0
    steps: int = 0
    began: float = 0.0
    took: list[float] = field(default_factory=list)
    ahead: int = 0
    said: str = ""
    stopped: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def end(self) -> None:
        """Stop what is being made, and make nothing more."""
        self.stopped = True
        self.stop.set()

    @property
    def running(self) -> bool:
        """Whether portraits are being made."""
        return self.thread is not None and self.thread.is_alive()

    def seconds_left(self, now: float | None = None) -> int | None:
        """How long it takes until all are made, by those that this run has made; None before the first.

        Args:
            now: `time.monotonic`; for tests.
        """
        if not self.took:
            return None
        usual = sum(self.took) / len(self.took)
        here = (time.monotonic() if now is None else now) - self.began
        return round(usual * (self.of - self.number) + max(0.0, usual - here))


class Sittings:
    """All participants who sit here now. Safe for many threads."""

    def __init__(self, pipeline: SelfPortraitPipeline) -> None:
        self._pipeline = pipeline
        self._sittings: dict[str, Sitting] = {}
        self._lock = threading.RLock()

    def find(self, participant: str) -> Sitting | None:
        """The sitting of somebody; None where they have given no photo, or not lately."""
        return self._sittings.get(participant)

    def take(self, participant: str, photo: LoadedPhoto) -> Sitting:
        """Take a photo in, in the place of an earlier one.

        Raises:
            EngineBusy: Portraits of that one are being made.
        """
        with self._lock:
            old = self._sittings.get(participant)
            if old is not None and old.running:
                raise EngineBusy(_MAKING)
            sitting = self._sittings[participant] = Sitting(photo=photo)
        memory.give_back()
        return sitting

    def choose(self, participant: str, face: object) -> Sitting:
        """Say which face is meant, from 0.

        Raises:
            PhotoError: There is no photo, or no such face.
            EngineBusy: Portraits of it are being made.
        """

        def chosen(photo: LoadedPhoto, _: int | None) -> tuple[LoadedPhoto, int | None]:
            if not isinstance(face, int) or isinstance(face, bool) or not 0 <= face < len(photo.faces):
                raise PhotoError(say("That face is not in the photo; choose one of those that were found."))
            return photo, face

        return self._change(participant, chosen)

    def mark(self, participant: str, place: object) -> Sitting:
        """Say where the face is.

        Args:
            place: {x, y, size}: its middle and width, in percent of the photo.

        Raises:
            PhotoError: There is no photo.
            RequestInvalid: There is no such place in it.
            EngineBusy: Portraits of it are being made.
        """

        def marked(photo: LoadedPhoto, _: int | None) -> tuple[LoadedPhoto, int | None]:
            given = place if isinstance(place, Mapping) else {}
            new = photos.marked(photo, *(_number(given.get(name)) for name in ("x", "y", "size")))
            return new, len(new.faces) - 1

        return self._change(participant, marked)

    def turn(self, participant: str, degrees: object) -> Sitting:
        """Turn the photo clockwise, by 90, 180 or 270 degrees. Who was chosen stays so, where they are found again.

        Raises:
            PhotoError: There is no photo.
            RequestInvalid: It is no quarter turn.
            EngineBusy: Portraits of it are being made.
        """

        def turned(photo: LoadedPhoto, face: int | None) -> tuple[LoadedPhoto, int | None]:
            new = photos.turned(photo, degrees)
            return new, photos.sitter_after(photo, face, new, cast(int, degrees))

        return self._change(participant, turned)

    def _change(self, participant: str, change: Change) -> Sitting:
        """Put the photo as somebody wants it in its place. Faces are looked for while others go on."""
        sitting = self._require(participant)
        old, face = sitting.photo, sitting.face_index
        if old is None:  # withdrawn just now
            raise PhotoError(_NO_PHOTO)
        new = change(old, face)
        with self._lock:
            if sitting.running:
                raise EngineBusy(_MAKING)
            if self._sittings.get(participant) is not sitting or sitting.photo is not old:
                raise PhotoError(say("Another photo has come meanwhile; try again with that one."))
            sitting.photo, sitting.face_index = new
        memory.give_back()
        return sitting

    def start(self, running: RunningStudy, participant: str, admit: Admit) -> None:
        """Make what is missing, in a thread of its own; again while it runs is no error.

        Args:
            admit: Around each portrait: counts it, or refuses it.

        Raises:
            PhotoError: There is no photo, no face in it, or it is open whose face is meant.
        """
        with self._lock:
            sitting = self._require(participant)
            if sitting.running:
                return
            assert sitting.photo is not None
            photo_hints.require(sitting.photo, sitting.face_index, photo_hints.PAGE)
            sitting.stopped, sitting.said, sitting.took = False, "", []
            arguments = (running, participant, sitting, admit)
            sitting.thread = threading.Thread(target=self._work, args=arguments, name="study", daemon=True)
            sitting.thread.start()

    def stop(self, participant: str) -> None:
        """End the run within one step. What is made stays."""
        sitting = self._sittings.get(participant)
        if sitting is not None:
            sitting.end()

    def forget(self, participant: str) -> None:
        """Drop the photo, and stop what is being made of it."""
        with self._lock:
            sitting = self._sittings.pop(participant, None)
        if sitting is not None:
            sitting.end()
            sitting.photo = None
            memory.give_back()

    def sweep(self, now: float | None = None) -> None:
        """Drop photos that have reached their age.

        Args:
            now: `time.monotonic`; for tests.
        """
        now = time.monotonic() if now is None else now
        for participant, sitting in list(self._sittings.items()):
            if now - sitting.at > KEEP_SECONDS:
                self.forget(participant)

    def _require(self, participant: str) -> Sitting:
        sitting = self._sittings.get(participant)
        if sitting is None or sitting.photo is None:
            raise PhotoError(_NO_PHOTO)
        return sitting

    def _work(self, running: RunningStudy, participant: str, sitting: Sitting, admit: Admit) -> None:
        session = f"study-{participant}"
        try:
            self._make(running, participant, session, sitting, admit)
        except Cancelled:
            pass
        except Refused:  # there is no crop, style or seed to change here
            sitting.said = _REFUSED
        except PortraitError as error:
            sitting.said = error.hint
        except Exception as error:  # nobody else would hear of it
            log.error("portraits of a study failed: %s", type(error).__name__)
            sitting.said = _OWN_FAULT
        finally:
            shutil.rmtree(self._pipeline.folder(session), ignore_errors=True)

    def _make(self, running: RunningStudy, participant: str, session: str, sitting: Sitting, admit: Admit) -> None:
        standing, photo = running.store.find(participant), sitting.photo
        if standing is None or standing.consented_at is None or photo is None:
            return
        document = running.consent_document(standing.language)
        consent = Consent(
            id=participant,
            session=session,
            granted_at=datetime.now(UTC),
            notice_version=document.version,
            notice_sha256=document.sha256,
            purposes=("portraits",),
        )
        missing = running.missing_pictures(standing)
        conditions = [one for one in missing if any(one == known.id for known in running.plan.conditions)]
        sitting.of = len(running.plan.conditions)
        for what in conditions:
            sitting.number, sitting.step = sitting.of - len(conditions) + conditions.index(what) + 1, 0
            sitting.began = time.monotonic()
            condition = running.plan.condition(what)
            request = PortraitRequest(
                photo=photo,
                face_index=sitting.face_index,
                style_id=condition.style,
                scene_id=condition.scene,
                likeness=condition.likeness,
                seeds=(condition.seed,),
                model_id=condition.engine,
                size=condition.size,
                consent=consent,
            )
            with admit(request):
                data, facts = self._one(request, sitting)
            running.store.put_picture(participant, what, data, facts)
            sitting.took.append(time.monotonic() - sitting.began)
        for what in missing:
            if what not in conditions:
                running.store.put_picture(participant, what, *self._check_picture(photo, sitting.face_index, what))
        sitting.photo = None  # nothing more is made of it
        memory.give_back()
        done = running.store.find(participant)
        if done is not None:
            running.end_if_done(done)

    def _one(self, request: PortraitRequest, sitting: Sitting) -> tuple[bytes, PictureFacts]:
        sitting.stop = threading.Event()  # of this portrait alone: the worker sets it at its end
        if sitting.stopped:
            raise Cancelled(say("Stopped."))
        for event in worker.run(self._pipeline, request, stop=sitting.stop, in_series=True):
            if isinstance(event, worker.WaitEvent):
                sitting.ahead = event.place.position
            elif isinstance(event, worker.StepEvent):
                sitting.ahead, sitting.step, sitting.steps = 0, event.step, event.total
            elif isinstance(event, PortraitSet):
                if not event.portraits:
                    raise PictureRefused(_REFUSED)
                (portrait,) = event.portraits
                data = portrait.path.read_bytes()
                portrait.path.unlink(missing_ok=True)
                with Image.open(io.BytesIO(data)) as picture:
                    width, height = picture.size
                return data, PictureFacts(event.engine, portrait.seconds, width, height)
        raise Cancelled(say("Stopped."))

    def _check_picture(self, photo: LoadedPhoto, face_index: int | None, what: str) -> tuple[bytes, PictureFacts]:
        picture = self._pipeline.used_photo(photo, face_index).convert("RGB")
        if what != SHARP:
            picture = picture.filter(ImageFilter.GaussianBlur(_BLUR * picture.width / 512))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue(), PictureFacts("none", 0.0, *picture.size)


def photo_words(sitting: Sitting | None) -> dict[str, Any]:
    """What the page is told of a photo: hints, and the faces' places in percent, but for one that nobody doubts."""
    if sitting is None or sitting.photo is None:
        return {"there": False}
    photo = sitting.photo
    width, height = photo.image.size
    hints = photo_hints.hints(photo, sitting.face_index)
    is_plain = len(photo.faces) == 1 and photo.faces[0].certainty != "marked" and not photo_hints.is_open(photo)
    boxes = [
        [100 * left / width, 100 * top / height, 100 * (right - left) / width, 100 * (bottom - top) / height]
        for left, top, right, bottom in (face.box for face in photo.faces)
    ]
    return {
        "there": True,
        "hints": [[hint.sentence, hint.blocking] for hint in hints],
        "blocked": any(hint.blocking for hint in hints),
        "turn": photo.turn,
        "faces": [] if is_plain else boxes,
        "face": sitting.face_index,
        "asked": len(photo.faces) == 1 and any(hint.kind == "doubtful-face" for hint in hints),
    }


def _number(value: object) -> float:
    """NaN, which is no place in a photo, where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
