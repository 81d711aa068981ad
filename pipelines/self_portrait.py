"""SelfPortraitPipeline: the order of the steps from photo to marked portrait lives here and only here."""

from __future__ import annotations

import contextvars
import hashlib
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

from PIL import Image

from languages.saying import say
from pipelines import sizes
from pipelines.easels import always, cores
from pipelines.engines.base import AUTO, Engine, EngineChoice, EngineInfo, EngineSource, Made
from pipelines.engines.device import is_out_of_memory
from pipelines.engines.filters.operations.after_picture import NEEDED
from pipelines.engines.filters.stage import Stage
from pipelines.errors import Cancelled, EngineFailed, PortraitError, RequestInvalid
from pipelines.faithfulness.identity import IdentityMeter
from pipelines.job_studio import JobStudio, job_of
from pipelines.live_pictures import LivePictures
from pipelines.measures import Measures
from pipelines.photo import hints as photo_hints
from pipelines.photo import memory, vision
from pipelines.presets import own
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.results import PortraitSet
from pipelines.safety.review import Safety, build_safety
from pipelines.saving import save_portraits
from pipelines.schema import Job, PortraitRequest, Scene, Shape, Size, StepCallback, Style, StylePicture
from pipelines.sitting import Crop
from pipelines.waiting_line import MAX_WAITING, Ticket
from pipelines.workshop import Workshop

log = logging.getLogger(__name__)

_STEP_SIDE = 768  # of the picture of a step: a print is marked once, when it is finished
_NO_MEMORY = say(
    "There is too little free memory for this just now; ask for fewer variations, or try again in a minute."
)


@dataclass(frozen=True)
class _Painted:
    """Pictures as they come from an engine, and in how many seconds it made them."""

    choice: EngineChoice
    job: Job
    made: Made
    notes: tuple[str, ...]
    seconds: float


class SelfPortraitPipeline(LivePictures):
    """Makes portraits. One instance serves all visitors; on each device one portrait is made at a time.

    Args:
        presets: Styles, scenes and model stacks.
        out_dir: Portraits go into a folder of their own for each session below it.
        max_waiting: How many requests may wait in line, at least 1; more are refused.
        safety: Who reviews words and pictures; left out, as the environment says.
        automatic: The engine that "auto" stands for; "auto" itself is the best that can run here.
        engines: Who makes the pictures, also by the name of each device; left out, the instant filters and the model
            stacks of the presets, on `devices`.
        devices: As STUDIO_DEVICES says it.
        filters_at_once: How many portraits the filters paint at a time; 0 for one a core, four at most.
        identity: Places portraits among strangers for those who tick that; left out, nobody is asked.

    Attributes:
        workshop: The devices, and what is loaded there.
        line: Who waits for a device.
        measures: What operators are told of the work.

    Raises:
        CredentialsError: The certificate of the settings cannot sign portraits.
        SettingsError: A setting of the reviewers has no meaning, or there is no such engine or device.
    """

    def __init__(
        self,
        presets: Presets,
        out_dir: Path,
        *,
        max_waiting: int = MAX_WAITING,
        safety: Safety | None = None,
        automatic: str = AUTO,
        engines: EngineSource | Mapping[str, EngineSource] | None = None,
        devices: str = AUTO,
        filters_at_once: int = 0,
        identity: IdentityMeter | None = None,
    ) -> None:
        super().__init__(presets)
        self.automatic = automatic
        self.identity = identity
        self.safety = safety or build_safety()
        self.workshop = Workshop(
            presets.models,
            self.safety.why_not,
            automatic=automatic,
            engines=engines,
            devices=devices,
            max_waiting=max_waiting,
            filters_at_once=filters_at_once,
        )
        self.line = self.workshop.line
        self.measures = Measures(self.line)
        self.warming: str = say("Starting: face finder")
        self._out_dir = out_dir
        self._stage = Stage()
        self._finishing = threading.BoundedSemaphore(cores())
        self._preparing = threading.BoundedSemaphore(max(1, cores() - 1))  # who finishes a picture holds a device
        marking.prepare()  # no portrait is made that could not be signed
        self._passed: WeakSet[StylePicture] = WeakSet()

    def __call__(
        self,
        request: PortraitRequest,
        on_step: StepCallback | None = None,
        *,
        out_dir: Path | None = None,
        ticket: Ticket | None = None,
        in_series: bool = False,
    ) -> PortraitSet:
        """Make the portraits that a visitor asked for.

        Args:
            request: Checked at construction; carries the consent.
            on_step: Told after each step; answering False cancels within one step.
            out_dir: Folder for the files, instead of the session's own.
            ticket: From `join`, its turn come or not; given back by the end. Left out, the request joins the line now.
            in_series: Another portrait of this photo follows: what both share is kept, and steps bring no pictures.

        Raises:
            PortraitError: Any of its kinds; no file is left behind by a request that fails.
        """
        with ticket or self.join(request) as turn, self.measures.watching(turn):
            try:
                report = on_step or (lambda step, total, preview: True)
                return self.workshop.tried(turn, lambda: self._make(request, report, out_dir, turn, in_series))
            except PortraitError:
                raise
            except Exception as error:
                if is_out_of_memory(error):
                    raise EngineFailed(_NO_MEMORY, detail=type(error).__name__) from error
                raise
            finally:
                memory.give_back()

    def join(self, request: PortraitRequest) -> Ticket:
        """A place in the line for a request, whose words pass the reviewers first.

        Raises:
            WordsRefused: A reviewer does not let the visitor's own words through.
            PictureRefused: A reviewer does not let the style picture through.
            RequestInvalid: There is no such style.
            EngineUnavailable: The engine that was asked for cannot paint this style.
            EngineBusy: The line is full; the hint says when to come back.
        """
        words = [request.extra_prompt]
        if request.own_style is not None:
            own.require_bounds(request.own_style)
            words += own.words_of(request.own_style, self.presets)
        self.safety.require_words(", ".join(one for one in words if one.strip()), request.consent.session)
        if request.style_picture is not None:
            self.require_style_picture(request.style_picture, request.consent.session)
        style = request.own_style or self.presets.style(request.style_id)
        return self.workshop.join(request.consent.session, style, request.model_id, len(request.seeds))

    def prepare(self, request: PortraitRequest) -> threading.Thread | None:
        """Begin to cut and draw what a request's portrait will need, while it waits, so that its device need not.

        What goes wrong there goes wrong again, and is told, when its turn has come. For the filters, which work on the
        same cores, nothing is prepared.

        Returns:
            The thread in which that is done, to be waited for when the turn has come; None where no core is free now.
        """
        if not self._preparing.acquire(blocking=False):
            return None
        work = contextvars.copy_context().run
        thread = threading.Thread(target=work, args=(self._prepare, request), name="preparing", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread left
            self._preparing.release()
            return None
        return thread

    def _prepare(self, request: PortraitRequest) -> None:
        try:
            style = request.own_style or self.presets.style(request.style_id)
            scene = self.presets.scene(request.scene_id)
            engine = self.workshop.peek(self.engine_for(style, request.model_id)[0]).engine
            if not engine.is_diffusion:
                return
            with self.precedence.awaited():
                crop, _ = self._sit(request, engine, scene)
                job = job_of(request, crop.photo, style, scene)
                for name in engine.annotators(job):
                    JobStudio(job, crop.drawn, self._stage).control(name)
        except Exception as error:
            log.info("a portrait was not prepared: %s", type(error).__name__)
        finally:
            self._preparing.release()

    def places(self, model_id: str) -> int:
        """How many portraits of an engine can be made at a time."""
        return self.workshop.room(model_id)

    def require_style_picture(self, picture: StylePicture, session: str) -> None:
        """Let a style picture pass the reviewers of pictures, each once, or refuse and log it.

        Raises:
            PictureRefused: A reviewer says no.
            EngineUnavailable: A reviewer that should look at it cannot.
        """
        if picture not in self._passed:
            self.safety.require_picture(picture.image, session)
            self._passed.add(picture)

    def _make(
        self, request: PortraitRequest, report: StepCallback, out_dir: Path | None, turn: Ticket, in_series: bool
    ) -> PortraitSet:
        painted = self._paint(request, report, turn, in_series)
        engine, stack = painted.choice.engine, painted.choice.stack
        # The device goes to the next one, but not before there is a core to finish this one's pictures.
        with self._finishing, self.precedence.awaited():
            if not turn.holds:  # it hung, was set aside, and woke up after all
                raise Cancelled(say("Stopped: this took too long."))
            if engine.is_diffusion:
                turn.leave(finished=True)
            session, pictures = request.consent.session, painted.made.pictures
            passed, refused = self.safety.sort(request.seeds, pictures, session, stack=stack)
            portraits = save_portraits(
                request,
                engine,
                painted.job,
                passed,
                presets=self.presets,
                identity=self.identity,
                seconds=painted.seconds / len(pictures),
                folder=out_dir or self.folder(session),
            )
        return PortraitSet(
            photo=painted.job.photo,
            controls=painted.made.controls,
            portraits=portraits,
            engine=engine.name,
            notes=painted.notes,
            refused=refused,
        )

    def _paint(self, request: PortraitRequest, report: StepCallback, turn: Ticket, in_series: bool) -> _Painted:
        """What the device is needed for; it is still held afterwards."""
        session = request.consent.session
        style = request.own_style or self.presets.style(request.style_id)
        scene = self.presets.scene(request.scene_id)
        model_id, picked = self.engine_for(style, request.model_id)
        if style.needs_picture and request.style_picture is None:
            raise RequestInvalid(NEEDED)
        with self.workshop.engine(model_id, turn, report) as choice, self.precedence.awaited():
            engine = choice.engine
            unchecked = self.safety.require_reviewers(choice.stack)
            style, left_out = own.readable(style, choice.stack, self.presets) if request.own_style else (style, ())
            crop, notes = self._sit(request, engine, scene)
            if crop.passed_by is not self.safety:
                self.safety.require_crop(crop.photo.image, session)
                crop.passed_by = self.safety
            job = job_of(request, crop.photo, style, scene, in_series=in_series)
            started = time.monotonic()
            finished = _finished(report, is_diffusion=engine.is_diffusion, label=request.visible_label)
            watched = self.safety.watch(finished, one_by_one=engine.is_diffusion, stack=choice.stack)
            made = self.workshop.made(engine, job, JobStudio(job, crop.drawn, self._stage), watched, turn)
            said = (*picked, *choice.notes, *left_out, *notes, *made.notes, *unchecked)
            return _Painted(choice, job, made, said, time.monotonic() - started)

    def dimensions(self, model_id: str, shape: Shape, size: Size, detail: float) -> tuple[str, tuple[int, int]]:
        """Which engine would make a portrait, and its width and height.

        Args:
            model_id: As in a request.
            shape: As in a request.
            size: As in a request.
            detail: Pixels of the photo along the long side of the crop.

        Raises:
            RequestInvalid: There is no such engine.
            EngineUnavailable: It cannot run here.
        """
        choice = self.workshop.peek(model_id)
        return choice.engine.name, choice.engine.dimensions(shape, size, detail)

    def engines(self) -> tuple[EngineInfo, ...]:
        """Every engine, whether it can run here, and why not."""
        return self.workshop.engines()

    def engine_for(self, style: Style, model_id: str) -> tuple[str, tuple[str, ...]]:
        """The engine that is to paint a style, and what is to be told of the choice. See `Workshop.engine_for`."""
        return self.workshop.engine_for(style, model_id)

    def warm_up(self) -> None:
        """Load what the first visitor would otherwise wait for. Meant for a background thread."""
        try:
            vision.warm_up()
            warm = self.workshop.warm_up(self._starting)
        except PortraitError as error:  # stays on the banner: this machine cannot work until it is mended
            log.error("cannot warm up: %s", error)
            self.warming = error.hint
            return
        self.warming = ""
        self.workshop.warm_up_others(warm)

    def _starting(self, name: str) -> None:
        self.warming = self.warming and say("Starting: {name}", name=name)

    def add_device(
        self, name: str, engines: EngineSource, *, room: int = 1, is_open: Callable[[], bool] = always
    ) -> None:
        """One more device on which portraits are made.

        Args:
            room: How many at a time.
            is_open: Whether it is there for whoever asks, in this very context.
        """
        self.workshop.add(name, engines, room=room, is_open=is_open)

    def folder(self, session: str) -> Path:
        """Where a session's portraits are. The session's own name is not in the path."""
        return self._out_dir / hashlib.sha256(session.encode()).hexdigest()[:32]

    def forget(self, session: str) -> None:
        """Delete a session's portraits from the disk."""
        shutil.rmtree(self.folder(session), ignore_errors=True)

    def close(self) -> None:
        """Free all engines."""
        self.workshop.close()

    def weights_changed(self) -> None:
        """Models have come or gone on the disk: the next request on each device chooses its engine anew."""
        self.workshop.renew()

    def set_aside(self, ticket: Ticket) -> None:
        """Let the next one have its turn although the engine did not come back; it gets an engine of its own."""
        self.workshop.set_aside(ticket)

    def _sit(self, request: PortraitRequest, engine: Engine, scene: Scene) -> tuple[Crop, tuple[str, ...]]:
        """The crop, as large as the engine paints, and what is to be said where that is not what was asked for."""
        frame = self.frame(request.photo, request.face_index, scene_id=scene.id, shape=request.shape, crop=request.crop)
        size = engine.dimensions(request.shape, request.size, max(frame.width, frame.height))
        crop = self._crop(request.photo, request.face_index, request.shape, size, scene, request.crop)
        said = photo_hints.of_the_crop(
            request.photo,
            request.face_index,
            frame,
            request.shape,
            by_hand=request.crop is not None,
            loose=scene.backdrop is not None,
        )
        notes = tuple(hint.sentence for hint in said)
        largest = sizes.along(request.shape, sizes.LONGEST["print"])
        if request.size == "screen" or max(size) >= max(largest):
            return crop, notes
        if engine.is_diffusion:
            return crop, (
                *notes,
                say(
                    "{name} makes {width} × {height} pixels, whatever size is chosen.",
                    name=engine.name,
                    width=size[0],
                    height=size[1],
                ),
            )
        return crop, (*notes, photo_hints.small_print(frame, largest))


def _finished(report: StepCallback, *, is_diffusion: bool, label: bool) -> StepCallback:
    """The same callback, told of previews as pictures leave: whoever saves what is on screen saves the mark too."""

    def marked(step: int, total: int, preview: Image.Image | None) -> bool:
        if preview is not None:
            if max(preview.size) > _STEP_SIDE:
                preview = preview.copy()
                preview.thumbnail((_STEP_SIDE, _STEP_SIDE), Image.Resampling.BOX)
            preview = marking.finish(preview, is_diffusion=is_diffusion, label=label)
        return report(step, total, preview)

    return marked
