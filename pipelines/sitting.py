"""All that is cut and drawn from one photo. It lives and dies with the photo."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from PIL import Image

from pipelines.photo import opening
from pipelines.schema import AnnotatorName, LoadedPhoto, PreparedPhoto

_CROPS = 4  # a face is cut in two sizes, close and loose; more only where somebody changes faces


@dataclass
class Crop:
    """A square of the photo, and the control images that were drawn from it."""

    photo: PreparedPhoto
    drawn: dict[AnnotatorName, Image.Image] = field(default_factory=dict)


class Sitting:
    """The latest crops of a photo. Holds nothing of the photo itself, so that it can be kept for as long as that."""

    def __init__(self) -> None:
        self._crops: OrderedDict[tuple[int | None, int, bool], Crop] = OrderedDict()
        self._lock = threading.Lock()

    def crop(self, photo: LoadedPhoto, face_index: int | None, size: int, *, loose: bool) -> Crop:
        """The square around a face; see `pipelines.photo.opening.prepare`.

        Args:
            photo: The one that this sitting is of.
        """
        key = (face_index, size, loose)
        with self._lock:
            if key in self._crops:
                self._crops.move_to_end(key)
                return self._crops[key]
        cut = Crop(opening.prepare(photo, face_index, size, loose=loose))
        with self._lock:
            self._crops[key] = cut
            while len(self._crops) > _CROPS:
                self._crops.popitem(last=False)
        return cut

    @property
    def memory_bytes(self) -> int:
        """Of the crops and control images."""
        with self._lock:
            crops = list(self._crops.values())
        pictures = [picture for crop in crops for picture in (crop.photo.image, *list(crop.drawn.values()))]
        return sum(picture.width * picture.height * len(picture.getbands()) for picture in pictures)
