"""All that is cut and drawn from one photo. It lives and dies with the photo."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from PIL import Image

from pipelines.photo import opening
from pipelines.photo.framing import Frame
from pipelines.schema import AnnotatorName, HandCrop, LoadedPhoto, PreparedPhoto

_CROPS = 4  # a face is cut in two sizes, close and loose; more only where somebody changes faces or shapes
_FRAMES = 16
_Key = tuple[int | None, tuple[int, int], bool, HandCrop | None]
_KEPT_PIXELS = 1_250_000  # of a crop: one for a print weighs 30 MB, and is seldom asked for twice


@dataclass
class Crop:
    """A part of the photo, the control images that were drawn from it, and its copy in the size of tiles.

    Attributes:
        passed_by: The reviewers who have let it through.
    """

    photo: PreparedPhoto
    small: PreparedPhoto | None = None
    passed_by: object | None = None
    drawn: dict[AnnotatorName, Image.Image] = field(default_factory=dict)

    @property
    def memory_bytes(self) -> int:
        """Of all these pictures."""
        copies = [photo.image for photo in (self.photo, self.small) if photo is not None]
        pictures = [*copies, *list(self.drawn.values())]
        return sum(picture.width * picture.height * len(picture.getbands()) for picture in pictures)


class Sitting:
    """The latest crops of a photo. Holds nothing of the photo itself, so that it can be kept for as long as that."""

    def __init__(self) -> None:
        self._crops: OrderedDict[_Key, Crop] = OrderedDict()
        self._frames: OrderedDict[tuple[int | None, float, bool, HandCrop | None], Frame] = OrderedDict()
        self._lock = threading.Lock()
        self._cutting: dict[_Key, threading.Lock] = {}

    def frame(
        self, photo: LoadedPhoto, face_index: int | None, ratio: float, *, loose: bool, crop: HandCrop | None = None
    ) -> Frame:
        """Where the photo is cut; see `pipelines.photo.opening.frame`.

        Args:
            photo: The one that this sitting is of.
        """
        key = (face_index, ratio, loose, crop)
        with self._lock:
            if key in self._frames:
                return self._frames[key]
        found = opening.frame(photo, face_index, ratio, loose=loose, crop=crop)
        with self._lock:
            self._frames[key] = found
            while len(self._frames) > _FRAMES:
                self._frames.popitem(last=False)
        return found

    def crop(
        self,
        photo: LoadedPhoto,
        face_index: int | None,
        size: tuple[int, int],
        *,
        loose: bool,
        crop: HandCrop | None = None,
        where: Frame | None = None,
    ) -> Crop:
        """What engines see; see `pipelines.photo.opening.prepare`.

        Args:
            photo: The one that this sitting is of.
        """
        key = (face_index, size, loose, crop)
        if size[0] * size[1] > _KEPT_PIXELS:
            return Crop(opening.prepare(photo, face_index, size, loose=loose, crop=crop, where=where))
        with self._lock:
            cutting = self._cutting.setdefault(key, threading.Lock())
        with cutting:  # whoever wants the same one waits for it
            if (known := self._known(key)) is not None:
                return known
            cut = Crop(opening.prepare(photo, face_index, size, loose=loose, crop=crop, where=where))
            with self._lock:
                self._crops[key] = cut
                while len(self._crops) > _CROPS:
                    self._crops.popitem(last=False)
            return cut

    def _known(self, key: _Key) -> Crop | None:
        with self._lock:
            if key in self._crops:
                self._crops.move_to_end(key)
            return self._crops.get(key)

    def crops(self) -> list[Crop]:
        """All that are there."""
        with self._lock:
            return list(self._crops.values())
