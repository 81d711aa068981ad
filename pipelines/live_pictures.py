"""Pictures by the instant filters that follow what a visitor does: live pictures, camera frames, tiles.

Nothing is written to the disk, and what is drawn from a photo goes with the photo.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from languages.saying import say
from pipelines import sizes
from pipelines.controls import annotators
from pipelines.engines.filters.engine import FilterEngine
from pipelines.engines.filters.stage import resized
from pipelines.errors import Cancelled
from pipelines.photo import opening as photo
from pipelines.photo.framing import Frame
from pipelines.precedence import Precedence
from pipelines.presets.loading import Presets
from pipelines.provenance import marking
from pipelines.schema import AnnotatorName, HandCrop, Job, LoadedPhoto, Scene, Shape, Style, StylePicture
from pipelines.sitting import Crop, Sitting

PREVIEW_SIZE = 512  # pixels: the side of a square of the area in which live pictures are painted
TILE_SIZE = 144  # pixels of a tile, which the page shows at 76 to 92
TILE_PAINTED_AT = 192  # smaller, hatching and dots are too coarse to be known again


class LivePictures:
    """One instance serves all visitors.

    Args:
        presets: Styles and scenes.

    Attributes:
        precedence: What goes before tiles.
    """

    def __init__(self, presets: Presets) -> None:
        self.presets = presets
        self.precedence = Precedence()
        # Each keeps what the latest looks at a photo share, until the photo goes; tiles would push live pictures out.
        self._preview, self._tiles = FilterEngine(), FilterEngine()
        self._sittings: WeakKeyDictionary[LoadedPhoto, Sitting] = WeakKeyDictionary()
        self._sittings_lock = threading.Lock()

    def preview(
        self,
        source: LoadedPhoto,
        *,
        face_index: int | None,
        style_id: str,
        scene_id: str = "none",
        likeness: float = 0.5,
        seed: int = 0,
        style_picture: StylePicture | None = None,
        own_style: Style | None = None,
        shape: Shape = "1:1",
        crop: HandCrop | None = None,
    ) -> Image.Image:
        """The filters' picture of a style, at once and in memory only, in the area of 512 px squared, watermarked.

        Args:
            own_style: A visitor's own, painted instead of the preset; here and below.
        """
        style, scene = own_style or self.presets.style(style_id), self.presets.scene(scene_id)
        size = sizes.within(shape, PREVIEW_SIZE)
        with self.precedence.awaited():
            cut = self._crop(source, face_index, shape, size, scene, crop).photo
            picture = self._preview.render(
                cut, style, scene, seed=seed, likeness=likeness, style_picture=style_picture, in_series=True
            )
            return marking.finish(picture, is_diffusion=False)

    def tile(
        self,
        source: LoadedPhoto,
        *,
        face_index: int | None,
        style_id: str,
        unwanted: Callable[[], bool],
        own_style: Style | None = None,
    ) -> Image.Image:
        """The filters' picture of a style for its tile, TILE_SIZE pixels, watermarked; nothing is kept but the crop.

        It gives way to all that somebody waits for.

        Args:
            unwanted: Asked before each step: whether nobody wants the tile any more.

        Raises:
            Cancelled: Nobody does.
        """
        style, plain = own_style or self.presets.style(style_id), self.presets.scene("none")

        def go_on(step: int = 0, total: int = 0, preview: Image.Image | None = None) -> bool:
            return self.precedence.give_way(unwanted)

        if not go_on():
            raise Cancelled(say("Stopped before it began."))
        crop = self._crop(source, face_index, "1:1", (PREVIEW_SIZE, PREVIEW_SIZE))
        if crop.small is None:
            crop.small = resized(crop.photo, (TILE_PAINTED_AT, TILE_PAINTED_AT))
        job = Job(photo=crop.small, style=style, scene=plain, seeds=(0,), in_series=True)
        (picture,) = self._tiles.generate(job, go_on)
        return marking.finish(_shrunk(picture), is_diffusion=False)

    def photo_tile(self, source: LoadedPhoto, face_index: int | None) -> Image.Image:
        """The crop of the photo, for the tile of a scene that keeps the photo's own background."""
        return _shrunk(self.used_photo(source, face_index))

    def preview_frame(
        self,
        rgb: np.ndarray,
        *,
        style_id: str,
        scene_id: str = "none",
        likeness: float = 0.5,
        style_picture: StylePicture | None = None,
        own_style: Style | None = None,
    ) -> np.ndarray:
        """One webcam frame in a style, watermarked, (H, W, 3) uint8 in and out; nothing is kept."""
        with self.precedence.awaited():
            frame = self._preview.render_frame(
                rgb,
                own_style or self.presets.style(style_id),
                self.presets.scene(scene_id),
                likeness=likeness,
                style_picture=style_picture,
            )
        return np.asarray(marking.finish(Image.fromarray(frame), is_diffusion=False))

    def control_images(
        self,
        source: LoadedPhoto,
        *,
        face_index: int | None,
        style_id: str,
        own_style: Style | None = None,
        shape: Shape = "1:1",
        crop: HandCrop | None = None,
    ) -> dict[AnnotatorName, Image.Image]:
        """The control images that a style asks for, as far as they can be drawn here."""
        cut = self._crop(source, face_index, shape, sizes.within(shape, PREVIEW_SIZE), crop=crop)
        wanted = [setting.annotator for setting in (own_style or self.presets.style(style_id)).controls]
        return {
            name: annotators.drawn_once(name, cut.photo, cut.drawn)
            for name in wanted
            if annotators.missing(name) is None
        }

    def used_photo(
        self,
        source: LoadedPhoto,
        face_index: int | None,
        *,
        scene_id: str = "none",
        shape: Shape = "1:1",
        crop: HandCrop | None = None,
    ) -> Image.Image:
        """The crop of the photo that engines see, in the area of 512 px squared; with a scene the loose one, blurred
        past the photo.
        """
        scene, size = self.presets.scene(scene_id), sizes.within(shape, PREVIEW_SIZE)
        if scene.backdrop is not None:
            return self._crop(source, face_index, shape, size, scene, crop).photo.image
        return photo.cut(source, face_index, self.frame(source, face_index, shape=shape, crop=crop), size)

    def frame(
        self,
        source: LoadedPhoto,
        face_index: int | None,
        *,
        scene_id: str = "none",
        shape: Shape = "1:1",
        crop: HandCrop | None = None,
    ) -> Frame:
        """Where the crop lies in the photo; with a scene it may reach past it."""
        loose = self.presets.scene(scene_id).backdrop is not None
        return self._sitting(source).frame(source, face_index, sizes.ratio(shape), loose=loose, crop=crop)

    def memory_of(self, source: LoadedPhoto) -> int:
        """Bytes in memory of what was cut, drawn and found out of a photo. They go when it does."""
        with self._sittings_lock:
            sitting = self._sittings.get(source)
        crops = [] if sitting is None else sitting.crops()
        shared = sum(
            engine.memory_of(photo)
            for crop in crops
            for engine, photo in ((self._preview, crop.photo), (self._tiles, crop.small))
            if photo is not None
        )
        return shared + sum(crop.memory_bytes for crop in crops)

    def _sitting(self, source: LoadedPhoto) -> Sitting:
        with self._sittings_lock:
            return self._sittings.setdefault(source, Sitting())

    def _crop(
        self,
        source: LoadedPhoto,
        face_index: int | None,
        shape: Shape,
        size: tuple[int, int],
        scene: Scene | None = None,
        crop: HandCrop | None = None,
    ) -> Crop:
        """The crop for a scene is the loose one, so that the place is seen."""
        loose = scene is not None and scene.backdrop is not None
        sitting = self._sitting(source)
        where = sitting.frame(source, face_index, sizes.ratio(shape), loose=loose, crop=crop)
        return sitting.crop(source, face_index, size, loose=loose, crop=crop, where=where)


def _shrunk(picture: Image.Image) -> Image.Image:
    return picture.resize((TILE_SIZE, TILE_SIZE), Image.Resampling.LANCZOS)
