"""Instant filters: brushes, inks and lights of OpenCV and numpy, declared in the style files.

It is never called diffusion. It answers while a visitor chooses, live on the webcam, and where no model can run.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from languages.saying import say
from pipelines import sizes
from pipelines.engines.base import Made, Studio
from pipelines.engines.device import is_out_of_memory
from pipelines.engines.filters import operations
from pipelines.engines.filters.canvas import Canvas, mix
from pipelines.engines.filters.enlarge import enlarged
from pipelines.engines.filters.kept import Kept
from pipelines.engines.filters.lighting import compose, settle, vary
from pipelines.engines.filters.scenery.backdrops import Backdrops
from pipelines.engines.filters.skin import keep_skin
from pipelines.errors import Cancelled, EngineFailed, PortraitError
from pipelines.photo import vision
from pipelines.schema import AnnotatorName, Job, PreparedPhoto, Scene, Shape, Size, StepCallback, Style, StylePicture

log = logging.getLogger(__name__)

# What a live frame is worked at; it is shown larger. Thousands of brush strokes take longer than all else.
_FRAME_PIXELS = 330 * 330
_FRAME_PIXELS_STROKES = 270 * 270


class FilterEngine:
    """Instant filter. Thread-safe: all that is shared is a locked cache of backdrops."""

    name: str = say("Instant filters")
    model_id = "preview"
    is_diffusion = False
    size = sizes.LONGEST["screen"]
    largest = sizes.LONGEST["print"]

    def __init__(self) -> None:
        self._backdrops = Backdrops()
        self._sittings: Kept[Canvas] = Kept()

    def dimensions(self, shape: Shape, size: Size, detail: float) -> tuple[int, int]:
        """See Engine.dimensions. A print is as large as the photo has pixels for it."""
        return sizes.detailed(shape, size, detail, screen=self.size, largest=self.largest)

    def annotators(self, job: Job) -> tuple[AnnotatorName, ...]:
        """See Engine.annotators. It reads the photo itself."""
        return ()

    def load(self) -> None:
        """Nothing to load."""

    def make(self, job: Job, studio: Studio, on_step: StepCallback) -> Made:
        """See Engine.make. It reads the photo itself, and needs nothing of the studio."""
        with self.series(job):
            return Made(self.generate(job, on_step))

    @contextlib.contextmanager
    def series(self, job: Job) -> Iterator[None]:
        """Forget the sittings that jobs in a series share, after one that is not in a series, and where one fails."""
        try:
            yield
        except BaseException:
            self._sittings.clear()
            raise
        if not job.in_series:
            self._sittings.clear()

    def generate(self, job: Job, on_step: StepCallback) -> list[Image.Image]:
        """One picture a seed. Each operation of the recipe is a step, and so is the scene."""
        with _failures():
            return self._generate(job, on_step)

    def render(
        self,
        photo: PreparedPhoto,
        style: Style,
        scene: Scene,
        *,
        seed: int = 0,
        likeness: float = 0.5,
        style_picture: StylePicture | None = None,
        in_series: bool = False,
    ) -> Image.Image:
        """One picture, for those who need no steps: what `generate` makes of the same values."""
        job = Job(
            photo=photo,
            style=style,
            scene=scene,
            likeness=likeness,
            seeds=(seed,),
            style_picture=style_picture,
            in_series=in_series,
        )
        return self.generate(job, lambda step, total, preview: True)[0]

    def render_frame(
        self,
        rgb: np.ndarray,
        style: Style,
        scene: Scene,
        *,
        seed: int = 0,
        likeness: float = 0.5,
        style_picture: StylePicture | None = None,
    ) -> np.ndarray:
        """One frame of a live picture, painted small and shown at its own size.

        Args:
            rgb: (H, W, 3) uint8.

        Returns:
            (H, W, 3) uint8.
        """
        height, width = rgb.shape[:2]
        pixels = _FRAME_PIXELS_STROKES if any(step.op == "strokes" for step in style.preview) else _FRAME_PIXELS
        factor = min(1.0, float(np.sqrt(pixels / (height * width))))
        size = (max(32, round(width * factor)), max(32, round(height * factor)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        canvas = _canvas(small, vision.person_mask(small), _landmarks(small), likeness, seed, scene)
        canvas.style_picture = style_picture
        self._set_scene(canvas, scene)
        for index in range(len(style.preview)):
            self._step(canvas, style, index)
        self._finish(canvas, style)
        done = _to_bytes(canvas.image)
        return done if size == (width, height) else cv2.resize(done, (width, height), interpolation=cv2.INTER_CUBIC)

    def begin(self, job: Job, seed: int) -> tuple[Image.Image, Image.Image]:
        """What a diffusion stack begins with (`Style.start_recipe`), and the person in the photo in the seed's light.

        Behind the person both show the same: a wall that the recipe painted over would come back with the photo.

        Raises:
            EngineFailed: This style cannot be painted on this photo.
        """
        laid_in = job.style.model_copy(update={"preview": job.style.start_recipe, "finish_steps": 0})
        with _failures():
            canvas = self._sitting(job, seed)
            for index in range(len(laid_in.preview)):
                self._step(canvas, laid_in, index)
            self._finish(canvas, laid_in)
            tile = mix(canvas.image, canvas.source, canvas.person)
        return Image.fromarray(_to_bytes(canvas.image)), Image.fromarray(_to_bytes(tile))

    def finish(self, job: Job, seed: int, picture: Image.Image) -> Image.Image:
        """A picture of the job's person with `Style.finish_recipe` laid on, and their skin kept.

        Args:
            picture: RGB, painted by anyone from what `begin` gave, as large as the job's photo; a smaller one gets the
                photo's finest edges.
        """
        canvas = self._sitting(job, seed)
        canvas.image = np.asarray(picture.convert("RGB"), np.float32) / 255.0
        if canvas.image.shape != canvas.source.shape:
            canvas.image = enlarged(canvas.image, canvas.source)
        start, finish = job.style.start_recipe, job.style.finish_recipe
        for index, step in enumerate(finish, len(start)):
            operations.apply(canvas, step, index)
        self._finish(canvas, job.style.model_copy(update={"preview": (*start, *finish)}), own_light=True)
        return Image.fromarray(_to_bytes(canvas.image))

    def memory_of(self, photo: PreparedPhoto) -> int:
        """Bytes of what jobs of this photo share. They go when it does, or when a job comes that is not in a series."""
        return sum(canvas.memory_bytes for canvas in self._sittings.of(photo))

    def close(self) -> None:
        """Forget backdrops and sittings."""
        self._backdrops.clear()
        self._sittings.clear()

    def _generate(self, job: Job, on_step: StepCallback) -> list[Image.Image]:
        has_scene = job.scene.backdrop is not None or job.scene.light is not None
        total = len(job.seeds) * (len(job.style.preview) + has_scene)
        done = 0
        pictures: list[Image.Image] = []
        for seed in job.seeds:
            canvas = self._sitting(job, seed)
            if has_scene:
                done += 1
                _report(on_step, done, total, canvas.image, job)
            last = len(job.style.preview) - 1
            for index in range(last + 1):
                self._step(canvas, job.style, index)
                if index == last:
                    self._finish(canvas, job.style)
                done += 1
                _report(on_step, done, total, canvas.image, job)
            pictures.append(Image.fromarray(_to_bytes(canvas.image)))
        return pictures

    def _sitting(self, job: Job, seed: int) -> Canvas:
        """The person in the scene, in this seed's light, before the recipe."""
        key = (job.scene, job.likeness, seed)
        if job.in_series:
            canvas = self._sittings.get(job.photo, key, lambda: self._new_sitting(job, seed)).again()
        else:  # alone, or the last of a series
            kept = self._sittings.find(job.photo, key)
            canvas = self._new_sitting(job, seed) if kept is None else kept.again()
        canvas.style_picture = job.style_picture
        return canvas

    def _new_sitting(self, job: Job, seed: int) -> Canvas:
        pixels = np.asarray(job.photo.image.convert("RGB"))
        mask = job.photo.person_mask
        mask = vision.person_mask(pixels) if mask is None else mask
        landmarks = job.photo.face.landmarks if job.photo.face is not None else None
        canvas = _canvas(pixels, mask, landmarks, job.likeness, seed, job.scene)
        self._set_scene(canvas, job.scene)
        return canvas

    def _set_scene(self, canvas: Canvas, scene: Scene) -> None:
        backdrop = None
        if scene.backdrop is not None:
            backdrop = self._backdrops.get(scene.backdrop, canvas.seed, canvas.height, canvas.width, canvas.light_side)
        if backdrop is not None or scene.light is not None:
            compose(canvas, backdrop, scene.light)
        vary(canvas)

    def _step(self, canvas: Canvas, style: Style, index: int) -> None:
        operations.apply(canvas, style.preview[index], index)
        painted = style.finish_steps and index == len(style.preview) - style.finish_steps - 1
        if painted and not any(step.fills_skin for step in style.preview):
            # Before strokes, facets and stones are laid, while each place of the face is where the photo has it.
            self._keep_skin(canvas, style)

    def _finish(self, canvas: Canvas, style: Style, *, own_light: bool = False) -> None:
        settle(canvas, any(step.in_pieces for step in style.preview))
        self._keep_skin(canvas, style, own_light=own_light)

    def _keep_skin(self, canvas: Canvas, style: Style, *, own_light: bool = False) -> None:
        if style.natural_colour:
            flat = any(step.in_pieces or step.fills_skin for step in style.preview)
            keep_skin(canvas, flat=flat, own_light=own_light)


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """What goes wrong in a recipe becomes one sentence."""
    try:
        yield
    except PortraitError:
        raise
    except Exception as error:
        if is_out_of_memory(error):  # no other style or photo would help
            raise
        raise EngineFailed(
            say("This style could not be painted; try another style or photo."), detail=repr(error)
        ) from error


def _canvas(
    pixels: np.ndarray, mask: np.ndarray, landmarks: np.ndarray | None, likeness: float, seed: int, scene: Scene
) -> Canvas:
    image = pixels.astype(np.float32) / 255.0
    return Canvas(
        image, image, mask.astype(np.float32), landmarks, likeness, seed, key_side=scene.key_side, photo=image
    )


def _landmarks(rgb: np.ndarray) -> np.ndarray | None:
    height, width = rgb.shape[:2]
    return vision.face_landmarks(rgb, (0.0, 0.0, float(width), float(height)))


def _report(on_step: StepCallback, step: int, total: int, image: np.ndarray, job: Job) -> None:
    if not on_step(step, total, None if job.in_series else Image.fromarray(_to_bytes(image))):
        raise Cancelled(say("Stopped. Nothing was kept."))


def _to_bytes(image: np.ndarray) -> np.ndarray:
    return (np.clip(image, 0, 1) * 255.0 + 0.5).astype(np.uint8)
