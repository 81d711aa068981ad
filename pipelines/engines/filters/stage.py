"""What diffusion begins with: the photo set into a scene, or the filters' picture of it.

img2img keeps the large shapes of what it starts from, so words alone would leave the visitor's room behind every style.
The filters' painted backdrop, and its light on the person, give diffusion something of the scene to refine.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipelines.engines.filters.canvas import Canvas
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.kept import Kept
from pipelines.engines.filters.lighting import compose
from pipelines.engines.filters.scenery.backdrops import Backdrops
from pipelines.schema import Job, PreparedPhoto, Scene


class Begun(NamedTuple):
    """A picture to repaint, and the photo in its scene and light, of the same size."""

    start: Image.Image
    tile: Image.Image


class Stage:
    """Sets people into scenes; the last few backdrops are kept."""

    def __init__(self) -> None:
        self._backdrops = Backdrops()
        self._preview = FilterEngine()
        self._resized: Kept[PreparedPhoto] = Kept()

    @contextlib.contextmanager
    def series(self, job: Job) -> Iterator[None]:
        """Around all that is done for a job: what jobs in a series share is kept until the last of them."""
        try:
            with self._preview.series(job):
                yield
        except BaseException:
            self._resized.clear()
            raise
        if not job.in_series:
            self._resized.clear()

    def begin(self, job: Job, seed: int, size: tuple[int, int]) -> Begun:
        """What a stack that repaints the filters' picture begins with.

        Args:
            size: Width and height of both pictures in pixels; the job's photo may be larger.
        """
        photo = self._resized.get(job.photo, size, lambda: resized(job.photo, size))
        small = job.model_copy(update={"photo": photo})
        return Begun(*self._preview.begin(small, seed))

    def finish(self, job: Job, seed: int, picture: Image.Image) -> Image.Image:
        """What diffusion made, as large as the job's photo, with the photo's edges and the style's finish.

        Args:
            picture: RGB, of the photo's shape, at most as large.
        """
        return self._preview.finish(job, seed, picture)

    def set(self, photo: PreparedPhoto, scene: Scene, seed: int) -> Image.Image:
        """The photo with the scene's backdrop behind the person, in its light.

        Args:
            photo: Without a person mask its picture comes back as it is.
            scene: Without a backdrop and a light, too.
            seed: Chooses among the backdrops that a scene can have.
        """
        if photo.person_mask is None or (scene.backdrop is None and scene.light is None):
            return photo.image
        image = np.asarray(photo.image.convert("RGB"), np.float32) / 255.0
        canvas = _canvas(photo, scene, seed, image, photo.person_mask.astype(np.float32))
        compose(canvas, self._backdrop(canvas, scene), scene.light)
        return _picture(canvas.image)

    def backdrop(self, photo: PreparedPhoto, scene: Scene, seed: int) -> Image.Image | None:
        """The scene's place alone, as large as the photo and lit as in `set`; None for a scene without one."""
        image = np.asarray(photo.image.convert("RGB"), np.float32) / 255.0
        place = self._backdrop(_canvas(photo, scene, seed, image, np.zeros(image.shape[:2], np.float32)), scene)
        return None if place is None else _picture(place)

    def _backdrop(self, canvas: Canvas, scene: Scene) -> np.ndarray | None:
        if scene.backdrop is None:
            return None
        return self._backdrops.get(scene.backdrop, canvas.seed, canvas.height, canvas.width, canvas.light_side)


def _canvas(photo: PreparedPhoto, scene: Scene, seed: int, image: np.ndarray, mask: np.ndarray) -> Canvas:
    landmarks = photo.face.landmarks if photo.face is not None else None
    return Canvas(image, image, mask, landmarks, 0.5, seed, key_side=scene.key_side)


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray((np.clip(image, 0.0, 1.0) * 255.0).round().astype(np.uint8))


def resized(photo: PreparedPhoto, size: tuple[int, int]) -> PreparedPhoto:
    """The same photo in another size: picture, mask and face.

    Args:
        photo: Of about the same shape.
        size: Width and height in pixels.
    """
    if photo.image.size == size:
        return photo
    factors = np.array(size) / photo.image.size
    face = photo.face
    if face is not None:
        landmarks = None if face.landmarks is None else (face.landmarks * factors).astype(np.float32)
        left, top, right, bottom = (float(side) for side in np.array(face.box) * np.tile(factors, 2))
        face = face.model_copy(update={"box": (left, top, right, bottom), "landmarks": landmarks})
    mask = photo.person_mask
    if mask is not None:
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA if factors[0] < 1 else cv2.INTER_LINEAR)
    half = (factors == 0.5).all()
    image = photo.image.resize(size, Image.Resampling.BOX if half else Image.Resampling.LANCZOS)
    return photo.model_copy(update={"image": image, "face": face, "person_mask": mask})
